//! When a speaker emits what has arrived, as speakers do: it waits until it has some of it, begins a fixed delay behind
//! what came soonest, and then follows the pace of the arrivals with its converter, slowly.
//!
//! Time is nanoseconds of the clock on which packets are stamped. Frames are two samples of 16 bits.

use std::mem;

/// A packet, decoded.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// When.
    pub at: i64,
    /// RTP's timestamp of the first frame.
    pub timestamp: u32,
    /// Interleaved, left before right.
    pub sound: Vec<i16>,
}

/// What the converter does.
#[derive(Clone, Debug, PartialEq)]
pub enum Emitted {
    /// It begins an unbroken run: the first frame at this instant, so fast in parts per million.
    Begin {
        /// When its first frame is emitted.
        at: i64,
        /// How fast it runs.
        ppm: f64,
    },
    /// More of the run.
    Frames(Vec<i16>),
    /// The run ends at this instant.
    End {
        /// When.
        at: i64,
    },
}

/// The converter of a speaker.
#[derive(Debug)]
pub struct Emission {
    rate: u32,
    delay: i64,
    ppm: f64,
    state: State,
    /// Packets that came after they should have been heard.
    late: u64,
    out: Vec<Emitted>,
}

#[derive(Debug)]
enum State {
    /// What there is is not enough to begin.
    Filling(Vec<Arrived>),
    Running(Run),
}

#[derive(Debug)]
struct Run {
    /// Frames emitted before the line below, since timestamp `zero`.
    first: i64,
    /// When `first` is emitted.
    start: i64,
    ppm: f64,
    /// The frame behind the last that was given out.
    next: i64,
    /// Where timestamps are counted from.
    zero: u32,
    /// What came soonest within each second of this line, in nanoseconds behind what the line says.
    soonest: Vec<i64>,
    /// How often the pace was corrected.
    corrections: u32,
}

/// It begins when what has arrived spans so much, or half of its delay if that is less.
const FILL: i64 = 100_000_000;

/// A hole up to here is filled with silence; beyond it, it begins anew.
const HOLE: i64 = 1_000_000_000;

/// It has run dry when nothing has come for so long after the last frame.
const DRY: i64 = 50_000_000;

/// How long it keeps a pace before it is corrected, in seconds: at first, and when it is nearly right.
const KEPT: [usize; 3] = [8, 10, 30];

/// No crystal, and no source, is further off.
const MAX_PPM: f64 = 300.0;

const SECOND: i64 = 1_000_000_000;

impl Emission {
    /// A converter of so many frames a second that begins with a pace of its own.
    pub fn new(rate: u32, delay: i64, ppm: f64) -> Self {
        Self { rate, delay, ppm, state: State::Filling(Vec::new()), late: 0, out: Vec::new() }
    }

    /// Changes the delay: what arrives from now on is emitted so much sooner, for which sound is left out, or later.
    pub fn set_delay(&mut self, delay: i64) {
        let change = delay - mem::replace(&mut self.delay, delay);
        self.end_run();
        if let State::Running(run) = &mut self.state {
            let start = run.instant(self.rate, run.next) + change.max(0);
            run.next += frames_in(self.rate, (-change).max(0));
            run.restart(start);
        }
        self.begin_run();
    }

    /// Ends the run that is under way, so that another can [begin](Self::begin_run) there.
    pub fn end_run(&mut self) {
        if let State::Running(run) = &self.state {
            self.out.push(Emitted::End { at: run.instant(self.rate, run.next) });
        }
    }

    /// Goes on in another run.
    pub fn begin_run(&mut self) {
        if let State::Running(run) = &self.state {
            self.out.push(Emitted::Begin { at: run.instant(self.rate, run.next), ppm: run.ppm });
        }
    }

    /// A packet has arrived.
    pub fn arrived(&mut self, packet: Arrived) {
        let rate = self.rate;
        if let State::Running(run) = &mut self.state {
            let hole = run.position(packet.timestamp) - run.next;
            let dry = packet.at - run.instant(rate, run.next);
            if dry > DRY || hole.abs() > frames_in(rate, HOLE) {
                self.end();
            }
        }
        match &mut self.state {
            State::Filling(held) => {
                held.push(packet);
                let span = held.last().map_or(0, |last| last.at) - held[0].at;
                if span >= FILL.min(self.delay / 2) {
                    self.begin();
                }
            }
            State::Running(run) => {
                if run.emit(rate, self.delay, packet, &mut self.out) {
                    self.late += 1;
                }
                if run.correct(rate) {
                    let at = run.start;
                    self.out.extend([Emitted::End { at }, Emitted::Begin { at, ppm: run.ppm }]);
                }
            }
        }
    }

    /// Nothing more will come.
    pub fn end(&mut self) {
        self.end_run();
        if let State::Running(run) = &self.state {
            self.ppm = run.ppm;
        }
        self.state = State::Filling(Vec::new());
    }

    /// What the converter has done since this was asked last.
    pub fn take(&mut self) -> Vec<Emitted> {
        mem::take(&mut self.out)
    }

    /// How many packets came after they should have been heard; in their place there was silence.
    pub const fn late(&self) -> u64 {
        self.late
    }

    fn begin(&mut self) {
        let State::Filling(held) = &mut self.state else { return };
        let held = mem::take(held);
        let Some(zero) = held.first().map(|packet| packet.timestamp) else { return };
        let mut run = Run { first: 0, start: 0, ppm: self.ppm, next: 0, zero, soonest: Vec::new(), corrections: 0 };
        let due = |packet: &Arrived| packet.at - nanos_of(self.rate, run.position(packet.timestamp));
        run.start = held.iter().map(due).min().unwrap_or(0) + self.delay;
        self.out.push(Emitted::Begin { at: run.start, ppm: run.ppm });
        for packet in held {
            if run.emit(self.rate, self.delay, packet, &mut self.out) {
                self.late += 1;
            }
        }
        self.state = State::Running(run);
    }
}

impl Run {
    /// Gives out a packet, and says whether it came too late.
    fn emit(&mut self, rate: u32, delay: i64, packet: Arrived, out: &mut Vec<Emitted>) -> bool {
        let position = self.position(packet.timestamp);
        let due = self.instant(rate, position);
        let second = usize::try_from((due - self.start) / SECOND).unwrap_or(0);
        if self.soonest.len() <= second {
            self.soonest.resize(second + 1, i64::MAX);
        }
        self.soonest[second] = self.soonest[second].min(packet.at + delay - due);
        let late = packet.at > due;
        let mut sound = packet.sound;
        if late {
            sound.fill(0);
        }
        let frames = (sound.len() / 2).cast_signed() as i64;
        let hole = (position - self.next).max(0);
        let known = (self.next - position).clamp(0, frames);
        let mut given = vec![0; samples(hole)];
        given.extend_from_slice(&sound[samples(known)..]);
        self.next += (given.len() / 2).cast_signed() as i64;
        if !given.is_empty() {
            out.push(Emitted::Frames(given));
        }
        late
    }

    /// Corrects the pace when it has been kept for long enough: a new line begins then.
    fn correct(&mut self, rate: u32) -> bool {
        let kept = KEPT[(self.corrections as usize).min(KEPT.len() - 1)];
        // The last second is not over.
        let over = self.soonest.len().saturating_sub(1);
        if over < kept {
            return false;
        }
        let (begin, end) = (self.soonest_of(0..over / 2), self.soonest_of(over / 2..over));
        let (Some((begun, from)), Some((ended, to))) = (begin, end) else { return false };
        // By how much arrivals fall behind the line: as they do, it is to run slower.
        let slope = if to > from { (ended - begun) / ((to - from) * SECOND as f64) } else { 0.0 };
        let next = KEPT[(self.corrections as usize + 1).min(KEPT.len() - 1)];
        let behind = ended / (next as f64 * SECOND as f64);
        // The line that ends reaches to where the next one begins.
        self.restart(self.instant(rate, self.next));
        self.ppm = (self.ppm - (slope + behind) * 1e6).clamp(-MAX_PPM, MAX_PPM);
        self.corrections += 1;
        true
    }

    /// What came soonest in some seconds, and when.
    fn soonest_of(&self, seconds: std::ops::Range<usize>) -> Option<(f64, f64)> {
        let each = seconds.filter_map(|second| self.soonest.get(second).map(|soonest| (*soonest, second as f64)));
        each.filter(|(soonest, _)| *soonest < i64::MAX)
            .min_by_key(|(soonest, _)| *soonest)
            .map(|(soonest, second)| (soonest as f64, second))
    }

    fn restart(&mut self, start: i64) {
        (self.first, self.start) = (self.next, start);
        self.soonest.clear();
    }

    /// Frames since the first timestamp; it may wrap around.
    fn position(&self, timestamp: u32) -> i64 {
        const AROUND: i64 = 1 << 32;
        let near = i64::from(timestamp.wrapping_sub(self.zero));
        near + (self.next - near + AROUND / 2).div_euclid(AROUND) * AROUND
    }

    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of a run")]
    fn instant(&self, rate: u32, position: i64) -> i64 {
        let frames = (position - self.first) as f64;
        self.start + (frames * 1e9 / (f64::from(rate) * (1.0 + self.ppm * 1e-6))).round() as i64
    }
}

fn nanos_of(rate: u32, frames: i64) -> i64 {
    frames * SECOND / i64::from(rate)
}

fn frames_in(rate: u32, nanos: i64) -> i64 {
    nanos * i64::from(rate) / SECOND
}

/// The samples of so many frames.
fn samples(frames: i64) -> usize {
    usize::try_from(frames).unwrap_or(0) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;
    const PACKET: u32 = 640;
    const DELAY: i64 = 180_000_000;

    /// A packet whose samples say which frame they are; sent by a clock that runs `ppm` fast.
    fn packet(number: u32, ppm: f64, late: i64) -> Arrived {
        let timestamp = 4_294_960_000_u32.wrapping_add(number * PACKET);
        #[expect(clippy::cast_possible_truncation, reason = "nanoseconds")]
        let at = 5 * SECOND + (f64::from(number * PACKET) * 1e9 / (f64::from(RATE) * (1.0 + ppm * 1e-6))) as i64 + late;
        let sound =
            (number * PACKET..(number + 1) * PACKET).flat_map(|frame| [(frame % 30_000) as i16 + 1; 2]).collect();
        Arrived { at, timestamp, sound }
    }

    /// What was emitted: the sample, and when, in nanoseconds.
    fn emitted(emission: &mut Emission) -> Vec<(i16, f64)> {
        let (mut all, mut line, mut count) = (Vec::new(), None, 0.0);
        for step in emission.take() {
            match step {
                Emitted::Begin { at, ppm } => {
                    (line, count) = (Some((at as f64, f64::from(RATE) * 1e-9 * (1.0 + ppm * 1e-6))), 0.0);
                }
                Emitted::Frames(sound) => {
                    let (at, speed) = line.expect("a run has begun");
                    for frame in sound.as_chunks::<2>().0 {
                        all.push((frame[0], at + count / speed));
                        count += 1.0;
                    }
                }
                Emitted::End { at } => {
                    let (begun, speed) = line.take().expect("a run has begun");
                    assert!((begun + count / speed - at as f64).abs() < 2.0, "a run ends where its frames do");
                }
            }
        }
        all
    }

    #[test]
    fn it_follows_the_pace_of_what_arrives_a_delay_behind_what_came_soonest() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut emission = Emission::new(RATE, DELAY, -35.0);
        // Two minutes; half of the packets are late by up to 20 ms, but not all of those before the first is heard.
        for number in 0..9_000 {
            let late = if number == 0 || random.bool() { 0 } else { random.i64(0..20_000_000) };
            emission.arrived(packet(number, 45.0, late));
        }
        let all = emitted(&mut emission);
        assert_eq!(emission.late(), 0, "seed {seed}");
        assert!(u32::try_from(all.len()).unwrap() > 8_990 * PACKET);
        for (number, (sample, at)) in all.iter().enumerate() {
            assert_eq!(i32::from(*sample), i32::try_from(number % 30_000).unwrap() + 1, "seed {seed}");
            let due = (5 * SECOND + DELAY) as f64 + number as f64 * 1e9 / (f64::from(RATE) * (1.0 + 45e-6));
            let limit = if number > 30 * RATE as usize { 1e6 } else { 2e6 };
            assert!((at - due).abs() < limit, "seed {seed}: frame {number} by {} ns", at - due);
        }
    }

    #[test]
    fn another_delay_leaves_sound_out_or_waits() {
        for (change, left_out) in [(-14_000_000, 672), (14_000_000, 0)] {
            let mut emission = Emission::new(RATE, DELAY, 0.0);
            (0..100).for_each(|number| emission.arrived(packet(number, 0.0, 0)));
            emission.set_delay(DELAY + change);
            (100..200).for_each(|number| emission.arrived(packet(number, 0.0, 0)));
            let all = emitted(&mut emission);
            assert_eq!(all.len(), 200 * PACKET as usize - left_out);
            let (sample, at) = all[all.len() - 1];
            let frame = 200 * i64::from(PACKET) - 1;
            assert_eq!(i64::from(sample), frame % 30_000 + 1);
            let due = 5 * SECOND + DELAY + change + nanos_of(RATE, frame);
            assert!((at - due as f64).abs() < 1e5, "{} ns", at - due as f64);
        }
    }

    #[test]
    fn what_is_missing_or_late_is_silence_and_nothing_else_moves() {
        let mut emission = Emission::new(RATE, DELAY, 0.0);
        for number in (0..100).filter(|number| *number != 50) {
            emission.arrived(packet(number, 0.0, if number == 70 { DELAY + 1_000_000 } else { 0 }));
        }
        let all = emitted(&mut emission);
        assert_eq!((all.len(), emission.late()), (100 * PACKET as usize, 1));
        for (number, (sample, _)) in all.iter().enumerate() {
            let silent = [50, 70].contains(&(number / PACKET as usize));
            assert_eq!(i32::from(*sample), if silent { 0 } else { i32::try_from(number % 30_000).unwrap() + 1 });
        }
    }

    #[test]
    fn a_stream_that_stops_is_begun_anew_when_it_goes_on() {
        let mut emission = Emission::new(RATE, DELAY, 0.0);
        (0..50).for_each(|number| emission.arrived(packet(number, 0.0, 0)));
        (50..100).for_each(|number| emission.arrived(packet(number, 0.0, 700_000_000)));
        emission.end();
        let all = emitted(&mut emission);
        assert_eq!((all.len(), emission.late()), (100 * PACKET as usize, 0));
        let waited = all[50 * PACKET as usize].1 - all[50 * PACKET as usize - 1].1;
        assert!((waited - 7e8).abs() < 1e5, "{waited} ns");
    }
}
