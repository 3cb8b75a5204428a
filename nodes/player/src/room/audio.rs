//! The audio thread: asks the converter where it is, renders, writes, and goes over from one output to another. It
//! neither allocates, locks nor logs; outputs are opened and closed by others.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};
use unisono_core::{
    playout::timing::{BUFFER, MAX_OUTPUT_LATENCY},
    sound::RoomSound,
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    units::Gain,
};
use unisono_transport::clock;

use super::{
    RoomSetup, RoomStatus,
    block::Played,
    chunk::{Sound as _, turn},
    line::Line,
    renderer::Renderer,
    supply::{Given, Supplied, Told},
};
use crate::{
    output::{self, Fault, Gone},
    realtime,
    vital::vital,
};

/// The clock of a converter that is given silence is known within two seconds; one that says nothing for so long never
/// will.
const WARM_UP_LIMIT: Nanos = Nanos::from_secs(5);

/// An output whose clock is not known for so long plays nothing: the next one has its turn.
const UNKNOWN_LIMIT: Nanos = Nanos::from_secs(10);

/// A room that ends fades out within this, or breaks off: nobody waits for a device that hangs.
const FADE_LIMIT: Nanos = Nanos::from_millis(200);

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
    /// Shape the sound so.
    Sound(RoomSound),
    /// Beep, over what plays.
    Beep,
    /// The hub's clock is known better.
    Clock(Mapping<NodeClock, HubClock>),
}

/// The giving end. What an audio thread that was held up has not taken yet, and what does not fit until it does, waits
/// here.
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
    /// Gives an order after those that wait. Of two gains, sounds, beeps or clocks that wait only the newer one counts.
    pub(super) fn give(&mut self, order: AudioOrder) {
        let stands_for = |old: &AudioOrder| {
            matches!(
                (old, &order),
                (AudioOrder::Gain(..), AudioOrder::Gain(..))
                    | (AudioOrder::Sound(_), AudioOrder::Sound(_))
                    | (AudioOrder::Beep, AudioOrder::Beep)
                    | (AudioOrder::Clock(_), AudioOrder::Clock(_))
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

/// Which outputs there are for the sound. It goes from one to the next without a step: the old one fades out, and the
/// next begins with the frame that is heard when its first one is.
#[derive(Default)]
struct Lines {
    /// What plays, or would.
    current: Option<Box<Line>>,
    /// What is to play next, and since when it has been: while something plays it is given silence, until its converter's
    /// clock is known.
    next: Option<(Box<Line>, Timestamp<NodeClock>)>,
    /// What plays is to end, though nothing is there to play next.
    gives_up: bool,
    /// What has played, and until when its last frames are on their way out.
    leaving: Option<(Box<Line>, Timestamp<NodeClock>)>,
}

struct Thread {
    latency: Nanos,
    renderer: Renderer,
    orders: HeapCons<AudioOrder>,
    supplied: Supplied,
    lines: Lines,
    /// Since when the clock of what plays has not been known.
    unknown_since: Option<Timestamp<NodeClock>>,
    status: Arc<RoomStatus>,
    random: fastrand::Rng,
}

pub(super) fn spawn(
    setup: &RoomSetup,
    played: Played,
    orders: Ordered,
    supplied: Supplied,
    status: Arc<RoomStatus>,
) -> io::Result<JoinHandle<()>> {
    let thread = Thread {
        latency: setup.latency,
        renderer: Renderer::new(played, setup.rate, setup.latency),
        orders: orders.0,
        supplied,
        lines: Lines::default(),
        unknown_since: None,
        status,
        random: fastrand::Rng::with_seed(clock::now::<NodeClock>().as_nanos().cast_unsigned()),
    };
    thread::Builder::new().name("audio".into()).spawn(vital(move || thread.run()))
}

impl Thread {
    fn run(mut self) {
        realtime::begin();
        output::prepare_thread();
        self.renderer.lock_memory();
        loop {
            self.take_orders();
            if self.is_over() {
                return self.end();
            }
            let now = clock::now();
            self.change_lines(now);
            self.play(now);
            self.rest();
        }
    }

    /// Until the next turn.
    fn rest(&mut self) {
        let rest = self.renderer.rest();
        let pause = Nanos::new(self.random.i64(rest.start.as_nanos()..rest.end.as_nanos()));
        thread::sleep(pause.to_duration());
    }

    /// Fades out what plays, and waits until that was heard: an output that is closed with sound in it breaks off.
    /// Real-time.
    fn end(&mut self) {
        self.renderer.set_retired(true);
        let give_up = clock::now::<NodeClock>() + FADE_LIMIT;
        loop {
            let now = clock::now();
            self.play(now);
            let Some(line) = &self.lines.current else { return };
            if now >= give_up || self.renderer.is_silent() && line.chunk.is_empty() {
                return thread::sleep(BUFFER.to_duration());
            }
            self.rest();
        }
    }

    /// Plays what is due on the current output, if there is one. Real-time.
    fn play(&mut self, now: Timestamp<NodeClock>) {
        let Some(line) = &mut self.lines.current else { return self.renderer.drain() };
        let latency = self.latency + line.output.latency();
        self.renderer.set_output_latency(latency);
        match turn(&mut self.renderer, line.output.as_mut(), &mut line.chunk) {
            Ok(()) if self.renderer.status().device_known => self.unknown_since = None,
            Ok(()) => {
                if now - *self.unknown_since.get_or_insert(now) > UNKNOWN_LIMIT {
                    return self.lose(Gone::Stalled);
                }
            }
            Err(Fault::Underrun) => {
                self.status.count_underrun();
                self.renderer.device_restarted();
                line.chunk.forget();
            }
            Err(Fault::Gone(gone)) => return self.lose(gone),
        }
        self.status.publish(now, &self.renderer.status(), line.output.quality(), latency);
    }

    /// Gives back the current output: there is nothing to be had of it.
    fn lose(&mut self, gone: Gone) {
        self.unknown_since = None;
        self.renderer.device_restarted();
        self.status.publish_silent();
        if let Some(lost) = self.lines.current.take() {
            self.supplied.tell(Told::Lost(lost, gone));
        }
    }

    /// Goes over to another output when there is one. Real-time.
    fn change_lines(&mut self, now: Timestamp<NodeClock>) {
        if let Some((line, _)) = self.lines.leaving.take_if(|(_, until)| *until <= now) {
            self.supplied.tell(Told::Left(line));
        }
        if self.lines.next.is_none() {
            match self.supplied.next() {
                Some(Given::Line(line)) => (self.lines.next, self.lines.gives_up) = (Some((line, now)), false),
                Some(Given::GiveUp) => self.lines.gives_up = true,
                None => {}
            }
        }
        if self.lines.gives_up {
            return self.give_up(now);
        }
        let Some((mut line, since)) = self.lines.next.take() else { return };
        // While nothing plays there is nobody to wait for.
        let is_known =
            if self.lines.current.is_none() { Ok(true) } else { line.warm_up(self.latency, self.renderer.gain()) };
        match is_known {
            Ok(true) => {
                self.renderer.set_retired(true);
                // A device may have left a part of the fade to be written again.
                let current = self.lines.current.as_ref();
                if current.is_none_or(|line| self.renderer.is_silent() && line.chunk.is_empty()) {
                    return self.go_over(line, now);
                }
            }
            Ok(false) if now - since <= WARM_UP_LIMIT => {}
            Ok(false) => return self.refuse(line, Gone::Stalled),
            Err(Fault::Gone(gone)) => return self.refuse(line, gone),
            Err(Fault::Underrun) => {}
        }
        self.lines.next = Some((line, since));
    }

    /// Fades out what plays, and gives it back once that was heard. Where it is gone by itself, that was told.
    fn give_up(&mut self, now: Timestamp<NodeClock>) {
        self.renderer.set_retired(true);
        let is_silent = self.renderer.is_silent();
        if let Some(old) = self.lines.current.take_if(|line| is_silent && line.chunk.is_empty()) {
            self.unknown_since = None;
            self.renderer.device_restarted();
            self.status.publish_silent();
            self.leave(old, now);
        }
        self.lines.gives_up = self.lines.current.is_some();
    }

    /// What has played is not dropped at once: that would cut off the end of its fade, which is heard one latency after it
    /// was written.
    fn leave(&mut self, old: Box<Line>, now: Timestamp<NodeClock>) {
        let behind = old.output.latency().clamp(Nanos::ZERO, MAX_OUTPUT_LATENCY);
        if let Some((older, _)) = self.lines.leaving.replace((old, now + BUFFER * 2 + behind)) {
            self.supplied.tell(Told::Left(older));
        }
    }

    fn go_over(&mut self, mut line: Box<Line>, now: Timestamp<NodeClock>) {
        self.renderer.go_over(&mut line);
        self.unknown_since = None;
        let index = line.index;
        if let Some(old) = self.lines.current.replace(line) {
            self.leave(old, now);
        }
        self.supplied.tell(Told::Taken(index));
    }

    /// What was to play next does not; what plays goes on.
    fn refuse(&mut self, line: Box<Line>, gone: Gone) {
        self.renderer.set_retired(false);
        self.supplied.tell(Told::Lost(line, gone));
    }

    fn take_orders(&mut self) {
        while let Some(order) = self.orders.try_pop() {
            self.renderer.obey(order);
        }
    }

    /// Whether the room ends: the decoding thread is gone.
    fn is_over(&self) -> bool {
        self.orders.is_empty() && !self.orders.write_is_held()
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::units::SampleRate;

    use super::*;

    #[test]
    fn nothing_that_is_ordered_while_the_thread_is_held_up_is_lost() {
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
