//! Requests at instants that are fixed beforehand, whatever becomes of those before: who waits for an answer before it
//! asks again does not notice how long others would have waited meanwhile.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use ureq::Agent;

use super::watchers::Changes;

/// So many may be on their way at once. With an answer every millisecond one is enough.
const WORKERS: usize = 16;

/// An answer that has not come by then will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, and how often.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Where.
    pub to: SocketAddr,
    /// Requests in a second, on average; they come as independent people do.
    pub rate: f64,
    /// For how long, in seconds.
    pub seconds: u64,
    /// Everything random comes from here.
    pub seed: u64,
    /// Whether connections are kept. If not, each request opens one.
    pub keeps: bool,
    /// Rooms whose volume is changed.
    pub rooms: Vec<String>,
    /// Where changes are taken down.
    pub changes: Changes,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Answers {
    /// From the instant that was fixed to the last byte of the answer, in seconds, by what was asked.
    pub took: BTreeMap<&'static str, Vec<f64>>,
    /// How late the requests left, in seconds: what this side adds.
    pub lag: Vec<f64>,
    /// Why some were not answered.
    pub failures: Vec<String>,
}

/// One request.
struct Ask {
    due: Duration,
    kind: &'static str,
    room: usize,
    volume: u8,
}

impl Answers {
    /// All of them, whatever was asked. One that did not come took for ever.
    pub fn all(&self) -> Vec<f64> {
        self.took.values().flatten().copied().chain(self.failures.iter().map(|_| f64::INFINITY)).collect()
    }

    fn add(&mut self, other: Self) {
        for (kind, took) in other.took {
            self.took.entry(kind).or_default().extend(took);
        }
        self.lag.extend(other.lag);
        self.failures.extend(other.failures);
    }
}

impl Offer {
    /// Asks all of it.
    ///
    /// # Errors
    /// When there are no threads.
    pub fn run(&self) -> anyhow::Result<Answers> {
        let asks = Arc::new(self.asks());
        let (next, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now() + Duration::from_millis(50));
        let start = |number: usize| {
            let (offer, asks, next) = (self.clone(), Arc::clone(&asks), Arc::clone(&next));
            let work = move || offer.work(&asks, &next, begun);
            thread::Builder::new().name(format!("ask {number}")).spawn(work)
        };
        let workers = (0..WORKERS).map(start).collect::<Result<Vec<_>, _>>().context("no thread")?;
        let mut all = Answers::default();
        for worker in workers {
            all.add(worker.join().map_err(|_| anyhow!("a thread that asks has panicked"))?);
        }
        Ok(all)
    }

    /// Half of them look, at what a page and programs look at; one in five changes something.
    fn asks(&self) -> Vec<Ask> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let (mut at, mut asks) = (0.0, Vec::new());
        loop {
            at += -(1.0 - random.f64()).ln() / self.rate;
            if at > self.seconds as f64 {
                return asks;
            }
            let kind = match random.u8(0..10) {
                0..3 => "hub",
                3..6 => "rooms",
                6..8 => "groups",
                _ => "volume",
            };
            let (room, volume) = (random.usize(0..self.rooms.len().max(1)), random.u8(10..60));
            asks.push(Ask { due: Duration::from_secs_f64(at), kind, room, volume });
        }
    }

    fn work(&self, asks: &[Ask], next: &AtomicUsize, begun: Instant) -> Answers {
        let config = Agent::config_builder().timeout_global(Some(PATIENCE));
        let config = if self.keeps { config } else { config.max_idle_connections(0) };
        let agent: Agent = config.build().into();
        let mut answers = Answers::default();
        while let Some(ask) = asks.get(next.fetch_add(1, Relaxed)) {
            let due = begun + ask.due;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            answers.lag.push(due.elapsed().as_secs_f64());
            match self.ask(&agent, ask, due) {
                Ok(()) => answers.took.entry(ask.kind).or_default().push(due.elapsed().as_secs_f64()),
                Err(error) => answers.failures.push(format!("{}: {error}", ask.kind)),
            }
        }
        answers
    }

    fn ask(&self, agent: &Agent, ask: &Ask, due: Instant) -> Result<(), ureq::Error> {
        let root = format!("http://{}/api/v1", self.to);
        let mut answer = match (ask.kind, self.rooms.get(ask.room)) {
            ("volume", Some(room)) => {
                self.changes.asked(room, ask.volume, due);
                let body: Value = json!({ "volume": ask.volume });
                agent.patch(format!("{root}/rooms/{room}")).send_json(body)?
            }
            (kind, _) => agent.get(format!("{root}/{kind}")).call()?,
        };
        answer.body_mut().read_to_vec().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_as_often_as_is_said_and_at_instants_of_their_own() {
        let offer = Offer {
            to: ([127, 0, 0, 1], 1).into(),
            rate: 100.0,
            seconds: 100,
            seed: 1,
            keeps: true,
            rooms: vec!["a".into(), "b".into()],
            changes: Changes::default(),
        };
        let asks = offer.asks();
        assert!((9_500..10_500).contains(&asks.len()), "{}", asks.len());
        assert!(asks.windows(2).all(|pair| pair[0].due <= pair[1].due));
        let changes = asks.iter().filter(|ask| ask.kind == "volume").count();
        assert!((1_800..2_200).contains(&changes), "{changes}");
    }
}
