//! What a room hears: a converter with its own crystal, in virtual time.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "a model of a converter, in a test"
)]

use unisono_core::{
    playout::{DacReading, Leaving, Playout, Queued, Step},
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Phase, Play, Timeline},
    units::{Drift, FramePosition, OutputPosition, SampleRate},
};

const RATE: f64 = 48_000.0;

/// What the device holds ahead, in frames: 100 ms.
const AHEAD: u64 = 4_800;

/// Below this the device cannot wait, 20 ms.
const URGENT: u64 = 960;

const CHUNK: u32 = 480;

/// The frames of 5 ms.
const FADE: u64 = 240;

/// Sound of a run, as much as is ever wanted.
const fn sound(run: u32) -> Option<Queued> {
    Some(Queued { run, start: FramePosition(0), end: FramePosition(u64::MAX / 2) })
}

fn hub(millis: i64) -> Timestamp<HubClock> {
    Timestamp::from_nanos(millis * 1_000_000)
}

fn anchor(sequence: u32, millis: i64, play: Option<(u32, u64)>) -> Anchor {
    let play = play.map(|(run, position)| Play { run, position: FramePosition(position), drift_ppb: 0 });
    Anchor { sequence, at: hub(millis), play }
}

/// A stretch of frames that was written.
#[derive(Clone, Copy, Debug)]
struct Wrote {
    first: u64,
    frames: u64,
    /// Where in the stream, and the gain at the first frame and behind the last; `None` is silence.
    sound: Option<(Phase, (f32, f32))>,
}

/// One output on a node whose clock reads as the hub's does, unless `offset` says otherwise.
struct Room {
    playout: Playout,
    timeline: Timeline,
    rate: f64,
    millis: i64,
    /// Beyond the milliseconds.
    micros: i64,
    /// When the converter was opened, in seconds, and in steps of how many frames its counter moves.
    opened: f64,
    quantum: u64,
    wrote: Vec<Wrote>,
    /// What lies behind the converter, from which frame on.
    behind: Vec<(u64, Nanos)>,
    /// What was mixed in: from which frame on, for how many, and what.
    crossed: Vec<(u64, u64, Leaving)>,
}

impl Room {
    fn new(ppm: f64, anchors: &[Anchor]) -> Self {
        Self::at_rate(SampleRate::HZ_48000, ppm, anchors)
    }

    /// A converter that runs at another rate than the stream.
    fn at_rate(rate: SampleRate, ppm: f64, anchors: &[Anchor]) -> Self {
        let mut timeline = Timeline::new(SampleRate::HZ_48000);
        anchors.iter().for_each(|anchor| timeline.insert(*anchor));
        let playout = Playout::new(rate, Nanos::ZERO);
        let rate = f64::from(rate.hertz()) * (1.0 + ppm * 1e-6);
        let behind = vec![(0, Nanos::ZERO)];
        let mut room = Self {
            playout,
            timeline,
            rate,
            millis: 0,
            micros: 0,
            opened: 0.0,
            quantum: 1,
            wrote: Vec::new(),
            behind,
            crossed: Vec::new(),
        };
        room.playout.set_timeline(timeline);
        room.step_clock(Nanos::ZERO);
        room
    }

    /// Sound from one second on, 20 s after the converter was opened: its rate is known.
    fn playing(ppm: f64) -> Self {
        let mut room = Self::new(ppm, &[anchor(1, 1_000, Some((1, 0)))]);
        room.until(20_000, sound(1));
        room
    }

    fn step_clock(&mut self, offset: Nanos) {
        let mapping = Mapping::<NodeClock, HubClock>::new(Timestamp::from_nanos(0), hub(0) + offset, Drift::ZERO);
        self.playout.set_clock(mapping);
    }

    /// What the converter emits from now on is heard so much later.
    fn put_behind(&mut self, latency: Nanos) {
        self.behind.push((self.emitted(), latency));
        self.playout.set_output_latency(latency);
    }

    fn emitted(&self) -> u64 {
        ((self.millis as f64 * 1e-3 + self.micros as f64 * 1e-6 - self.opened) * self.rate) as u64
    }

    /// The device runs empty and starts over.
    fn underrun(&mut self) {
        self.opened = self.millis as f64 * 1e-3 + self.micros as f64 * 1e-6;
        self.playout.device_restarted();
        self.wrote.clear();
    }

    /// Writes every 5 ms what the device has room for, with the same sound queued all along.
    fn until(&mut self, millis: i64, queued: Option<Queued>) {
        while self.millis < millis {
            self.millis += 5;
            self.turn(queued);
        }
    }

    /// The same at irregular times, as often as it wants.
    fn turns_until(&mut self, millis: i64, queued: Option<Queued>, random: &mut fastrand::Rng) {
        while self.millis < millis {
            let rest = self.playout.rest();
            let micros = self.micros + random.i64(rest.start.as_nanos()..rest.end.as_nanos()) / 1_000;
            (self.millis, self.micros) = (self.millis + micros / 1_000, micros % 1_000);
            self.turn(queued);
        }
    }

    fn turn(&mut self, queued: Option<Queued>) {
        let at = Timestamp::from_nanos(self.millis * 1_000_000 + self.micros * 1_000);
        let played = self.emitted();
        self.playout.observe(DacReading { played: OutputPosition(played / self.quantum * self.quantum), at });
        for _ in 0..1_000 {
            let first = self.playout.written().0;
            if first >= played + AHEAD {
                break;
            }
            let sound = match self.playout.plan(CHUNK, queued, first < played + URGENT) {
                Step::Wait | Step::Discard { .. } => break,
                Step::Silence { .. } => None,
                Step::Play { start, gain, leaving, .. } => {
                    let frames = self.playout.written().0 - first;
                    self.crossed.extend(leaving.map(|leaving| (first, frames, leaving)));
                    Some((start, gain))
                }
            };
            self.wrote.push(Wrote { first, frames: self.playout.written().0 - first, sound });
        }
    }

    /// How far a stretch is ahead of what the hub wants heard then, in microseconds.
    fn error(&self, wrote: &Wrote) -> Option<f64> {
        let behind = self.behind.iter().rev().find(|(from, _)| *from <= wrote.first).map_or(Nanos::ZERO, |(_, by)| *by);
        let heard = hub(0) + Nanos::from_secs_f64(self.opened + wrote.first as f64 / self.rate) + behind;
        let (wanted, (start, _)) = (self.timeline.phase_at(heard)?, wrote.sound?);
        Some(start.distance_from(wanted) / RATE * 1e6)
    }

    fn last_error(&self) -> Option<f64> {
        self.wrote.last().and_then(|wrote| self.error(wrote))
    }

    /// The first stretch of sound at or after an instant.
    fn sound_from(&self, millis: i64) -> Option<&Wrote> {
        let from = (millis as f64 * 1e-3 * self.rate) as u64;
        self.wrote.iter().find(|wrote| wrote.sound.is_some() && wrote.first >= from)
    }

    /// The largest step of the gain between two stretches.
    fn worst_click(&self) -> f32 {
        let gains = self.wrote.iter().map(|wrote| wrote.sound.map_or((0.0, 0.0), |(_, gain)| gain));
        let pairs = gains.clone().zip(gains.skip(1));
        pairs.map(|((_, before), (after, _))| (after - before).abs()).fold(0.0, f32::max)
    }
}

#[test]
fn the_first_frame_is_heard_at_its_instant_on_any_crystal() {
    for ppm in [-100.0, 0.0, 40.0, 100.0] {
        let mut room = Room::new(ppm, &[anchor(1, 5_000, Some((1, 7_000)))]);
        room.until(6_000, sound(1));
        let first = room.wrote.iter().find(|wrote| wrote.sound.is_some()).copied();
        let (phase, gain) = first.and_then(|first| first.sound).unwrap_or_default();
        let heard = first.map_or(0.0, |first| first.first as f64 / room.rate - 5.0);
        assert!(heard.abs() < 50e-6, "{ppm} ppm: heard {heard} s late");
        assert!(phase.distance_from(Phase::at(FramePosition(7_000))).abs() < 2.0, "{ppm} ppm: {phase:?}");
        assert_eq!(gain, (0.0, 1.0), "{ppm} ppm");
    }
}

#[test]
fn a_room_stays_in_time_for_ten_minutes_on_any_crystal() {
    for ppm in [-100.0, 0.0, 100.0] {
        let mut room = Room::playing(ppm);
        room.until(600_000, sound(1));
        let later = room.wrote.iter().filter(|wrote| wrote.first > 30 * 48_000);
        let worst = later.filter_map(|wrote| room.error(wrote)).fold(0.0, |worst: f64, error| worst.max(error.abs()));
        assert!(worst < 25.0, "{worst} µs at {ppm} ppm");
        let status = room.playout.status();
        assert_eq!((status.resyncs, status.starved), (0, 0));
        assert!((status.dac_drift.ppm() - ppm).abs() < 1.0, "{status:?}");
    }
}

#[test]
fn an_error_below_two_milliseconds_is_taken_out_without_a_jump_and_without_a_pitch_that_is_heard() {
    let mut room = Room::playing(30.0);
    let before = room.playout.status().read_drift.ppm();
    room.step_clock(Nanos::from_micros(-1_900));
    let mut largest: f64 = 0.0;
    for second in 21..80 {
        room.until(second * 1_000, sound(1));
        largest = largest.max((room.playout.status().read_drift.ppm() - before).abs());
    }
    assert_eq!(room.playout.status().resyncs, 0);
    assert!((190.0..201.0).contains(&largest), "the rate moved by {largest} ppm");
    // 1.9 ms at up to 200 µs a second is gone after half a minute, and the decay of the rest.
    let left = room.playout.status().sync_error.as_micros_f64();
    assert!(left.abs() < 60.0, "{left} µs left after a minute");
}

#[test]
fn an_error_beyond_noise_is_taken_out_fast_and_noise_is_followed_slowly() {
    for (step, kept) in [(400, -20.0..30.0), (100, 20.0..70.0)] {
        let mut room = Room::playing(0.0);
        room.until(120_000, sound(1));
        room.step_clock(Nanos::from_micros(-step));
        room.until(131_000, sound(1));
        let left = room.playout.status().sync_error.as_micros_f64();
        assert!(kept.contains(&left), "{left} of {step} µs left");
    }
}

#[test]
fn the_rate_never_steps() {
    let mut room = Room::playing(0.0);
    room.step_clock(Nanos::from_micros(1_500));
    let mut last = room.playout.status().read_drift.ppm();
    for turn in 1..2_000 {
        room.until(20_000 + turn * 10, sound(1));
        let rate = room.playout.status().read_drift.ppm();
        assert!((rate - last).abs() < 2.1, "from {last} to {rate} ppm in 10 ms");
        last = rate;
    }
}

#[test]
fn an_error_above_two_milliseconds_is_jumped_over_once_in_a_crossfade() {
    for step in [2_200, -2_200, 40_000, -40_000] {
        let mut room = Room::playing(-40.0);
        let before = room.wrote.len();
        room.step_clock(Nanos::from_micros(step));
        room.until(25_000, sound(1));
        let status = room.playout.status();
        assert_eq!((status.resyncs, status.starved), (1, 0), "{step} µs");
        assert!((status.jumped + Nanos::from_micros(step)).abs() < Nanos::from_micros(30), "{}", status.jumped);
        assert!(status.sync_error.abs() < Nanos::from_micros(30), "{step} µs: {}", status.sync_error);
        let error = room.last_error().expect("it plays");
        assert!((error - step as f64).abs() < 40.0, "{step} µs: {error} µs");
        assert!(room.wrote[before..].iter().all(|wrote| wrote.sound.is_some()), "{step} µs: it falls silent");
        assert_eq!(room.crossed.iter().map(|(_, frames, _)| frames).sum::<u64>(), 480, "{step} µs");
        assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
        let rate = status.read_drift.ppm();
        assert!((rate - 40.0).abs() < 3.0, "{step} µs: the jump has left a rate of {rate} ppm");
    }
}

/// A room whose clock is stepped, in milliseconds, while so many frames are kept behind what it writes and there before it.
/// Half a second later all of the sound is there.
fn stepped(step: i64, kept: u64, there: u64) -> Room {
    let mut room = Room::playing(0.0);
    let next = room.wrote.last().and_then(|wrote| wrote.sound).expect("it plays").0.frame().0 + u64::from(CHUNK);
    let queued = Queued { run: 1, start: FramePosition(next - kept), end: FramePosition(next + there) };
    let before = room.wrote.len();
    room.step_clock(Nanos::from_millis(step));
    room.until(20_500, Some(queued));
    let places = room.wrote[before..].iter().filter_map(|wrote| Some((wrote.sound?.0, wrote.frames)));
    let left = room.crossed.iter().map(|(_, frames, leaving)| (leaving.start, *frames));
    for (start, frames) in places.chain(left) {
        let (start, end) = (start.frame().0, start.advanced_by(frames as f64).frame().0);
        assert!(
            start >= queued.start.0 && end + 32 <= queued.end.0,
            "{step} ms: it reads {start} to {end} of {queued:?}"
        );
    }
    room.until(22_000, sound(1));
    assert_eq!(room.playout.status().resyncs, 1, "{step} ms");
    assert!(room.worst_click() < 1e-6, "{step} ms: a click of {}", room.worst_click());
    let error = room.last_error().expect("it plays");
    assert!((error - step as f64 * 1e3).abs() < 40.0, "{step} ms: {error} µs");
    room
}

#[test]
fn a_jump_to_what_is_not_there_fades_out_and_in_and_reads_nothing_else() {
    for (step, kept, there) in [(1_000, 7_200, 9_600), (-1_000, 7_200, 48_000), (-160, 7_200, 48_000), (20, 0, 48_000)]
    {
        let room = stepped(step, kept, there);
        assert_eq!(room.crossed.is_empty(), step != 20, "{step} ms");
    }
}

#[test]
fn a_fade_out_that_waits_for_its_last_sound_counts_as_one_jump() {
    // 80 ms are waited for, and then there is less than is asked for at once.
    stepped(5_000, 7_200, 3_840 + 300);
}

#[test]
fn a_pause_fades_out_to_its_very_instant_and_the_resumption_fades_in_at_its_own() {
    let mut room = Room::new(60.0, &[anchor(1, 1_000, Some((1, 0))), anchor(2, 10_000, None)]);
    room.timeline.insert(anchor(3, 12_000, Some((2, 500_000))));
    room.playout.set_timeline(room.timeline);
    room.until(11_000, sound(1));
    let last = room.wrote.iter().rfind(|wrote| wrote.sound.is_some()).copied();
    let end = last.map_or(0.0, |last| (last.first + last.frames) as f64 / room.rate);
    assert!((end - 10.0).abs() < 60e-6, "the pause is heard at {end} s");
    room.until(13_000, sound(2));
    let first = room.sound_from(11_500).map_or(0.0, |first| first.first as f64 / room.rate);
    assert!((first - 12.0).abs() < 60e-6, "the sound is back at {first} s");
    assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
    assert_eq!(room.playout.status().starved, 0);
}

#[test]
fn a_stop_is_silent_after_five_milliseconds_without_a_click() {
    let mut room = Room::playing(0.0);
    room.playout.stop();
    let written = room.playout.written().0;
    room.until(21_000, sound(1));
    let sounding = room.wrote.iter().filter(|wrote| wrote.first >= written && wrote.sound.is_some());
    assert_eq!(sounding.map(|wrote| wrote.frames).sum::<u64>(), FADE);
    assert!(room.playout.is_silent() && room.worst_click() < 1e-6, "a click of {}", room.worst_click());
}

#[test]
fn sound_that_runs_out_fades_out_is_counted_and_comes_back_in_time() {
    let mut room = Room::playing(20.0);
    // All that is decoded ends at 22 s of the hub's clock.
    room.until(23_000, sound(1).map(|sound| Queued { end: FramePosition(21 * 48_000), ..sound }));
    assert!(room.playout.is_silent());
    assert_eq!(room.playout.status().starved, 1);
    room.until(26_000, sound(1));
    assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
    assert!(room.last_error().is_some_and(|error| error.abs() < 30.0), "{:?} µs", room.last_error());
    assert_eq!(room.playout.status().starved, 1);
}

#[test]
fn a_device_that_can_wait_is_not_fed_silence() {
    let mut room = Room::playing(0.0);
    let step = room.playout.plan(CHUNK, None, false);
    assert_eq!(step, Step::Wait);
    assert!(!room.playout.is_silent());
    let step = room.playout.plan(CHUNK, None, true);
    assert_eq!(step, Step::Silence { frames: CHUNK });
}

#[test]
fn a_new_run_begins_at_its_first_frame_although_the_old_one_ran_dry() {
    let mut room = Room::new(0.0, &[anchor(1, 1_000, Some((1, 0))), anchor(2, 10_003, Some((2, 900_000)))]);
    room.until(9_000, sound(1));
    // The old run's sound ended early; the queue holds the new one's already.
    room.until(11_000, Some(Queued { run: 2, start: FramePosition(900_000), end: FramePosition(2_000_000) }));
    let first = room.sound_from(9_500).and_then(|first| first.sound);
    let late = first.map_or(f64::MAX, |(phase, _)| phase.distance_from(Phase::at(FramePosition(900_000))));
    assert!(late.abs() < 3.0, "the first {late} frames of the new run are not heard");
}

#[test]
fn what_is_queued_of_the_past_is_thrown_away_and_not_played_late() {
    let mut room = Room::playing(0.0);
    let past = Queued { run: 1, start: FramePosition(0), end: FramePosition(48_000) };
    assert!(
        matches!(room.playout.plan(CHUNK, Some(past), false), Step::Discard { run: 1, before } if before > past.end)
    );
    let older = Queued { run: 0, ..past };
    assert!(matches!(room.playout.plan(CHUNK, Some(older), false), Step::Discard { run: 1, .. }));
}

#[test]
fn a_device_that_was_opened_anew_is_in_time_again_once_it_is_known() {
    let mut room = Room::playing(50.0);
    room.playout.device_restarted();
    assert!(room.playout.is_silent() && !room.playout.status().device_known);
    assert!(matches!(room.playout.plan(CHUNK, sound(1), true), Step::Silence { .. }));
    assert_eq!(room.playout.written(), OutputPosition(u64::from(CHUNK)));
    // Its counter starts from zero, 20 s into the life of the node.
    let opened = 20_000.0;
    for turn in 1..400 {
        let at = Timestamp::from_nanos(20_000_000_000 + turn * 5_000_000);
        let played = (turn as f64 * 5e-3 * room.rate) as u64;
        room.playout.observe(DacReading { played: OutputPosition(played), at });
    }
    let written = room.playout.written().0 as f64;
    let Step::Play { start, .. } = room.playout.plan(CHUNK, sound(1), true) else { panic!("it stays silent") };
    let wanted = room.timeline.phase_at(hub(0) + Nanos::from_secs_f64(opened * 1e-3 + written / room.rate));
    let error = start.distance_from(wanted.unwrap_or_default());
    assert!(error.abs() < 3.0, "{error} frames off");
}

/// A device whose counter moves in such steps ran empty: for how many seconds it is not known where it is, by how many
/// microseconds the room is off at worst then, and in the last ten of 30 s.
fn after_an_underrun(quantum: u64, ppm: f64, seed: u64) -> (f64, f64, f64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut room = Room { quantum, ..Room::new(ppm, &[anchor(1, 1_000, Some((1, 0)))]) };
    room.turns_until(60_000, sound(1), &mut random);
    room.underrun();
    room.turns_until(90_000, sound(1), &mut random);
    let first = room.sound_from(0).unwrap().first;
    let off = |from: f64| {
        let later = room.wrote.iter().filter(|wrote| wrote.first as f64 > from * room.rate);
        later.filter_map(|wrote| room.error(wrote)).fold(0.0, |worst: f64, error| worst.max(error.abs()))
    };
    let status = room.playout.status();
    assert_eq!((status.resyncs, status.starved), (0, 0), "steps of {quantum}, seed {seed}");
    assert!(room.worst_click() < 1e-6, "steps of {quantum}, seed {seed}: a click of {}", room.worst_click());
    ((first - AHEAD) as f64 / RATE, off(0.0), off(20.0))
}

#[test]
fn an_underrun_is_silent_for_a_moment_and_the_room_in_time_again_without_a_jump() {
    for (quantum, unknown, at_first, later) in
        [(1, 0.15, 50.0, 25.0), (48, 0.15, 300.0, 30.0), (480, 0.6, 1_200.0, 90.0)]
    {
        let mut worst = (0.0_f64, 0.0_f64, 0.0_f64);
        for (seed, ppm) in (0..8).flat_map(|seed| [(seed, -100.0), (seed, 40.0)]) {
            let found = after_an_underrun(quantum, ppm, seed);
            worst = (worst.0.max(found.0), worst.1.max(found.1), worst.2.max(found.2));
        }
        println!("steps of {quantum}: {:.3} s, {:.0} µs at first, {:.0} µs after 20 s", worst.0, worst.1, worst.2);
        assert!(worst.0 < unknown && worst.1 < at_first && worst.2 < later, "steps of {quantum}: {worst:?}");
    }
}

#[test]
fn a_rate_that_the_hub_announces_is_followed_at_once() {
    let mut room = Room::playing(0.0);
    let play = Some(Play { run: 1, position: FramePosition(20 * 48_000), drift_ppb: 3_000_000 });
    room.timeline.insert(Anchor { sequence: 2, at: hub(21_000), play });
    room.playout.set_timeline(room.timeline);
    room.until(40_000, sound(1));
    let status = room.playout.status();
    assert_eq!(status.resyncs, 0);
    assert!((status.read_drift.ppm() - 3_000.0).abs() < 1.0, "{status:?}");
    assert!(status.sync_error.abs() < Nanos::from_micros(20), "{status:?}");
}

/// Rates of reading, in ppm, and how far the status was from the truth, in microseconds, while a room plays on.
fn followed(room: &mut Room, millis: i64) -> (f64, f64, f64) {
    let (mut fastest, mut steepest, mut dishonest) = (0.0_f64, 0.0_f64, 0.0_f64);
    let mut last = room.playout.status().read_drift.ppm();
    for _ in 0..millis / 10 {
        room.until(room.millis + 10, sound(1));
        let status = room.playout.status();
        let rate = status.read_drift.ppm();
        (fastest, steepest) = (fastest.max(rate.abs()), steepest.max((rate - last).abs()));
        last = rate;
        if let Some(error) = room.last_error() {
            dishonest = dishonest.max((status.sync_error.as_micros_f64() - error).abs());
        }
    }
    (fastest, steepest, dishonest)
}

#[test]
fn a_speaker_that_holds_14_ms_less_or_more_is_followed_within_five_seconds_without_a_jump() {
    for (from, to) in [(196, 182), (182, 196), (0, 25), (25, 0)] {
        let mut room = Room::playing(35.0);
        room.put_behind(Nanos::from_millis(from));
        room.until(30_000, sound(1));
        let resyncs = room.playout.status().resyncs;
        room.put_behind(Nanos::from_millis(to));
        room.until(room.millis + 10, sound(1));
        let left = room.playout.status().sync_error;
        let whole = Nanos::from_millis(from - to);
        assert!((left - whole).abs() < Nanos::from_micros(100), "{from} to {to} ms: it says {left}");
        let (fastest, steepest, dishonest) = followed(&mut room, if (from - to).abs() == 14 { 4_990 } else { 7_000 });
        println!(
            "{from} to {to} ms: {fastest:.0} ppm at most, steps of {steepest:.0} ppm, {dishonest:.1} µs dishonest"
        );
        let error = room.last_error().unwrap_or(f64::MAX);
        assert!(error.abs() < 60.0, "{from} to {to} ms: {error} µs left");
        assert!((4_900.0..5_100.0).contains(&fastest), "{from} to {to} ms: {fastest} ppm");
        assert!(steepest < 800.0, "{from} to {to} ms: the pitch steps by {steepest} ppm in 10 ms");
        assert!(dishonest < 60.0, "{from} to {to} ms: what it says is {dishonest} µs from the truth");
        assert_eq!(room.playout.status().resyncs, resyncs, "{from} to {to} ms");
        assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
    }
}

#[test]
fn a_latency_that_changes_its_mind_while_it_is_followed_is_followed_all_the_same() {
    let mut room = Room::playing(-20.0);
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..40 {
        room.put_behind(Nanos::from_micros(random.i64(0..20_000)));
        let (fastest, _, dishonest) = followed(&mut room, random.i64(10..2_000));
        assert!(fastest < 5_250.0 && dishonest < 150.0, "{fastest} ppm, {dishonest} µs from the truth");
    }
    room.until(room.millis + 5_000, sound(1));
    let error = room.last_error().unwrap_or(f64::MAX);
    assert!(error.abs() < 60.0, "{error} µs left");
    assert_eq!(room.playout.status().resyncs, 0);
    assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
}

#[test]
fn a_latency_that_scatters_by_less_than_is_heard_leaves_the_pitch_alone() {
    let mut room = Room::playing(0.0);
    room.until(60_000, sound(1));
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..2_000 {
        room.put_behind(Nanos::from_micros(random.i64(0..100)));
        room.until(room.millis + 15, sound(1));
        let rate = room.playout.status().read_drift.ppm();
        assert!(rate.abs() < 25.0, "{rate} ppm");
    }
}

/// Changes what lies behind a converter while so much sound is kept behind what is played and 0.45 s ahead of it is there.
fn changed(from: i64, to: i64, kept: u64) -> (Room, f64) {
    let mut room = Room::playing(60.0);
    room.put_behind(Nanos::from_millis(from));
    room.until(30_000, sound(1));
    let (resyncs, before) = (room.playout.status().resyncs, room.wrote.len());
    room.crossed.clear();
    room.put_behind(Nanos::from_millis(to));
    while room.millis < 31_000 {
        let played = (room.millis as f64 * 1e-3 - 1.0 + 0.45) * 48_000.0;
        let start = room.wrote.last().and_then(|wrote| wrote.sound).map_or(0, |(start, _)| start.frame().0 - 32 - kept);
        let queued = Queued { run: 1, start: FramePosition(start), end: FramePosition(played as u64) };
        room.until(room.millis + 5, Some(queued));
    }
    let silent: u64 = room.wrote[before..].iter().filter(|wrote| wrote.sound.is_none()).map(|w| w.frames).sum();
    assert!(room.last_error().is_some_and(|error| error.abs() < 50.0), "{:?} µs", room.last_error());
    assert_eq!(room.playout.status().resyncs, resyncs + 1, "{from} to {to} ms");
    assert_eq!(room.playout.status().starved, 0);
    assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
    (room, silent as f64 / RATE)
}

#[test]
fn a_larger_change_is_a_crossfade_of_ten_milliseconds_and_the_room_is_in_time_at_once() {
    for (from, to) in [(0, 200), (250, 101), (0, 26), (26, 0)] {
        let (room, silent) = changed(from, to, 7_200);
        assert!(silent == 0.0, "{from} to {to} ms: silent for {silent} s");
        assert_eq!(room.crossed.iter().map(|(_, frames, _)| frames).sum::<u64>(), 480, "{from} to {to} ms");
        // The old goes evenly, without a step of where it is heard or how loud.
        let (mut share, mut place) = (1.0, None);
        for (first, frames, leaving) in &room.crossed {
            assert_eq!(leaving.share.0, share, "{from} to {to} ms");
            let step = place.map_or(0.0, |place| leaving.start.distance_from(place));
            assert!(step.abs() < 1e-3, "{from} to {to} ms: it moves by {step} frames");
            share = leaving.share.1;
            place = Some(leaving.start.advanced_by(*frames as f64 * (1.0 + room.playout.status().read_drift.excess())));
            let new = room.wrote.iter().find(|wrote| wrote.first == *first).and_then(|wrote| room.error(wrote));
            assert!(new.is_some_and(|error| error.abs() < 50.0), "{from} to {to} ms: {new:?} µs");
        }
        assert_eq!(share, 0.0);
        let (first, _, leaving) = &room.crossed[0];
        let before = room.wrote.iter().rfind(|wrote| wrote.first < *first).copied().unwrap();
        let went_on = before.sound.unwrap().0.advanced_by(before.frames as f64);
        assert!(leaving.start.distance_from(went_on).abs() < 0.1, "{from} to {to} ms: what was heard goes on");
    }
}

#[test]
fn a_larger_change_to_what_is_not_kept_is_a_short_fade_and_the_room_is_in_time_behind_it() {
    // What is taken back and not there any more is silent for as long.
    for (from, to, allowed) in [(250, 50, 0.22), (26, 0, 0.05)] {
        let (room, silent) = changed(from, to, 0);
        println!("{from} to {to} ms: silent for {silent:.3} s");
        assert!(silent < allowed, "{from} to {to} ms: silent for {silent} s");
        assert!(room.crossed.is_empty());
    }
}

#[test]
fn a_jump_waits_for_its_sound_but_not_for_longer_than_the_device_holds() {
    let mut room = Room::playing(0.0);
    room.put_behind(Nanos::from_millis(400));
    let written = room.playout.written().0;
    let mut queued = sound(1);
    if let Some(queued) = &mut queued {
        queued.end = FramePosition(19 * 48_000 + 12_000);
    }
    room.until(20_500, queued);
    let sounding = room.wrote.iter().filter(|wrote| wrote.first >= written && wrote.sound.is_some());
    let sounded = sounding.map(|wrote| wrote.frames).sum::<u64>() as f64 / 48.0;
    assert!((60.0..90.0).contains(&sounded), "it plays on for {sounded} ms");
    assert!(room.worst_click() < 1e-6, "a click of {}", room.worst_click());
    room.until(22_000, sound(1));
    assert!(room.last_error().is_some_and(|error| error.abs() < 50.0), "{:?} µs", room.last_error());
}

#[test]
fn beyond_the_limit_a_room_plays_late_and_says_by_how_much() {
    let mut room = Room::playing(0.0);
    room.put_behind(Nanos::from_millis(2_500));
    room.until(30_000, sound(1));
    let error = room.last_error().unwrap_or_default();
    assert!((error + 500_000.0).abs() < 100.0, "{error} µs");
    let said = room.playout.status().sync_error.as_micros_f64();
    assert!((said - error).abs() < 100.0, "it says {said} µs");
}

#[test]
fn a_converter_of_another_rate_is_in_time_and_follows_all_the_same() {
    for hertz in [44_100, 88_200] {
        let rate = SampleRate::new(hertz).unwrap();
        let mut room = Room::at_rate(rate, 50.0, &[anchor(1, 1_000, Some((1, 0))), anchor(2, 60_000, None)]);
        room.until(30_000, sound(1));
        let drift = room.playout.status().read_drift.ppm();
        assert!((drift + 50.0).abs() < 2.0, "{drift} ppm at {rate}");
        room.put_behind(Nanos::from_millis(14));
        room.until(room.millis + 50, sound(1));
        let (_, _, dishonest) = followed(&mut room, 4_900);
        let error = room.last_error().unwrap_or(f64::MAX);
        println!("{rate}: {error:.1} µs, {dishonest:.1} µs dishonest");
        assert!(error.abs() < 60.0 && dishonest < 60.0, "{rate}: {error} µs left, {dishonest} µs from the truth");
        room.until(61_000, sound(1));
        let last = room.wrote.iter().rfind(|wrote| wrote.sound.is_some()).copied();
        let end = last.map_or(0.0, |last| (last.first + last.frames) as f64 / room.rate);
        assert!((end + 0.014 - 60.0).abs() < 1e-4, "{rate}: the pause is heard at {end} s");
        assert_eq!((room.playout.status().resyncs, room.playout.status().starved), (0, 0));
    }
}

#[test]
fn an_output_that_takes_over_goes_on_in_time_and_the_old_one_stays_silent() {
    let mut old = Room::playing(40.0);
    let mut new = Room::new(-30.0, &[anchor(1, 1_000, Some((1, 0)))]);
    new.playout = Playout::new(SampleRate::HZ_48000, Nanos::from_millis(120));
    new.put_behind(Nanos::from_millis(120));
    // Nothing is to be played there yet, and it learns its converter.
    new.until(20_000, sound(1));
    assert!(new.playout.is_silent() && new.playout.status().device_known);
    let resyncs = old.playout.status().resyncs;
    old.playout.set_retired(true);
    let written = old.playout.written().0;
    old.until(20_500, sound(1));
    let sounding = old.wrote.iter().filter(|wrote| wrote.first >= written && wrote.sound.is_some());
    assert_eq!(sounding.map(|wrote| wrote.frames).sum::<u64>(), FADE);
    assert!(old.playout.is_silent() && old.worst_click() < 1e-6, "a click of {}", old.worst_click());
    new.playout.take_over(&old.playout);
    new.until(20_500, sound(1));
    assert!(new.last_error().is_some_and(|error| error.abs() < 50.0), "{:?} µs", new.last_error());
    assert_eq!(new.playout.status().resyncs, resyncs);
    assert!(new.worst_click() < 1e-6, "a click of {}", new.worst_click());
}
