//! The audio thread: asks the converter where it is, renders, writes. While an output runs it neither allocates, locks
//! nor logs; opening one, and opening it again when it is gone, happens in between.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};
use tracing::{info, warn};
use unisono_core::{
    playout::timing::TURN,
    time::{HubClock, Mapping, Nanos, NodeClock},
    timeline::Timeline,
    units::{Gain, SampleRate},
};

use super::{
    RoomSetup, RoomStatus,
    block::Played,
    chunk::{Chunk, turn},
    renderer::Renderer,
};
use crate::{
    output::{self, Fault, Gone, Output, OutputSpec},
    realtime,
};

/// A lost output is tried again so often.
const RETRY: Duration = Duration::from_secs(1);

/// Orders that may wait. They come at the rate of packets at most, and the thread looks every turn.
const ORDERS: usize = 256;

/// What the audio thread is told. Small and without heap memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum AudioOrder {
    /// Play this once what played before has faded out.
    Start {
        /// The blocks of this stream bear this number.
        generation: u32,
        /// What its positions mean.
        timeline: Timeline,
    },
    /// The positions have a new meaning.
    Timeline(Timeline),
    /// Fade out.
    Stop,
    /// Be so loud, within so long.
    Gain(Gain, Nanos),
    /// The hub's clock is known better.
    Clock(Mapping<NodeClock, HubClock>),
}

/// The giving end. An audio thread that is busy opening an output looks at nothing for as long as that takes; what does
/// not fit until then waits here.
pub(super) struct Orders {
    ring: HeapProd<AudioOrder>,
    waiting: VecDeque<AudioOrder>,
}

/// The taking end.
pub(super) struct Ordered(HeapCons<AudioOrder>);

pub(super) fn orders() -> (Orders, Ordered) {
    let (give, take) = HeapRb::new(ORDERS).split();
    (Orders { ring: give, waiting: VecDeque::new() }, Ordered(take))
}

impl Orders {
    /// Gives an order after those that wait. Of two gains or clocks that wait only the newer one counts.
    pub(super) fn give(&mut self, order: AudioOrder) {
        let stands_for = |old: &AudioOrder| {
            matches!(
                (old, &order),
                (AudioOrder::Gain(..), AudioOrder::Gain(..)) | (AudioOrder::Clock(_), AudioOrder::Clock(_))
            )
        };
        self.waiting.retain(|old| !stands_for(old));
        self.waiting.push_back(order);
        self.hand_over();
    }

    /// Hands over what waits, as far as it fits.
    pub(super) fn hand_over(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            if let Err(order) = self.ring.try_push(order) {
                return self.waiting.push_front(order);
            }
        }
    }
}

struct Thread {
    spec: OutputSpec,
    rate: SampleRate,
    renderer: Renderer,
    orders: HeapCons<AudioOrder>,
    status: Arc<RoomStatus>,
    random: fastrand::Rng,
}

pub(super) fn spawn(
    setup: &RoomSetup,
    played: Played,
    orders: Ordered,
    status: Arc<RoomStatus>,
) -> io::Result<JoinHandle<()>> {
    let thread = Thread {
        spec: setup.output.clone(),
        rate: setup.rate,
        renderer: Renderer::new(played, setup.rate, setup.latency),
        orders: orders.0,
        status,
        random: fastrand::Rng::with_seed(unisono_transport::clock::now::<NodeClock>().as_nanos().cast_unsigned()),
    };
    thread::Builder::new().name("audio".into()).spawn(move || thread.run())
}

impl Thread {
    fn run(mut self) {
        realtime::begin();
        self.renderer.lock_memory();
        let mut said = String::new();
        while !self.is_over() {
            let spec = self.spec.resolved();
            match output::open(&spec, self.rate) {
                Ok(mut output) => {
                    info!("output {spec} is open");
                    said.clear();
                    self.status.set_output(true, self.described(&spec));
                    self.renderer.device_restarted();
                    let Some(gone) = self.serve(output.as_mut()) else { return };
                    warn!("output {spec}: {gone}");
                    self.status.set_output(false, format!("{spec}: {gone}"));
                    self.renderer.device_restarted();
                }
                Err(error) => {
                    let text = error.to_string();
                    if text != said {
                        warn!("{text}");
                        said.clone_from(&text);
                    }
                    self.status.set_output(false, text);
                }
            }
            self.wait_for_device();
        }
    }

    /// The output as a person reads it, with the reason when it is not what one would expect.
    fn described(&self, spec: &OutputSpec) -> String {
        match (&self.spec, spec) {
            (OutputSpec::Auto, OutputSpec::Model(_)) => "model: no sound card (nothing is heard)".into(),
            _ => spec.description(),
        }
    }

    /// Plays until the output is lost, or `None` when the room ends. Real-time.
    fn serve(&mut self, output: &mut dyn Output) -> Option<Gone> {
        let mut chunk = Chunk::new(self.rate);
        loop {
            self.take_orders();
            if self.is_over() {
                return None;
            }
            match turn(&mut self.renderer, output, &mut chunk) {
                Ok(()) => {}
                Err(Fault::Underrun) => {
                    self.status.count_underrun();
                    self.renderer.device_restarted();
                    chunk.forget();
                }
                Err(Fault::Gone(gone)) => return Some(gone),
            }
            self.status.publish(&self.renderer.status(), output.quality());
            let pause = Nanos::new(self.random.i64(TURN.start.as_nanos()..TURN.end.as_nanos()));
            thread::sleep(pause.to_duration());
        }
    }

    fn take_orders(&mut self) {
        while let Some(order) = self.orders.try_pop() {
            self.renderer.obey(order);
        }
    }

    /// Waits before the next attempt, and keeps taking orders so that the room is up to date when its output is back.
    fn wait_for_device(&mut self) {
        let until = Instant::now() + RETRY;
        while Instant::now() < until && !self.is_over() {
            self.take_orders();
            self.renderer.drain();
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the room ends: the decoding thread is gone.
    fn is_over(&self) -> bool {
        self.orders.is_empty() && !self.orders.write_is_held()
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::time::Timestamp;

    use super::*;

    #[test]
    fn nothing_that_is_ordered_while_the_thread_opens_an_output_is_lost() {
        let (mut give, mut take) = orders();
        let timeline = Timeline::new(SampleRate::HZ_48000);
        let clock = Mapping::new(Timestamp::from_nanos(0), Timestamp::from_nanos(0), unisono_core::units::Drift::ZERO);
        for generation in 0..300 {
            give.give(AudioOrder::Start { generation, timeline });
            give.give(AudioOrder::Gain(Gain::UNITY, Nanos::ZERO));
            give.give(AudioOrder::Clock(clock));
        }
        give.give(AudioOrder::Stop);
        assert!(give.waiting.len() < 300, "gains and clocks pile up");
        let mut taken = Vec::new();
        loop {
            let before = taken.len();
            while let Some(order) = take.0.try_pop() {
                taken.push(order);
            }
            give.hand_over();
            if taken.len() == before {
                break;
            }
        }
        let starts = taken.iter().filter_map(|order| match order {
            AudioOrder::Start { generation, .. } => Some(*generation),
            _ => None,
        });
        assert!(starts.eq(0..300));
        assert!(matches!(taken.last(), Some(AudioOrder::Stop)));
    }
}
