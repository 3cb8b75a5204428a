//! A converter that is only computed: which frames it has emitted at an instant of the clock that it runs on.
//!
//! It behaves as hardware does. It holds a limited number of frames, starts when half of it is filled, emits at its own
//! rate, says where it is in steps, and when its position passes what was written it stops and is empty again.
//!
//! Real-time.

use unisono_core::{
    time::Timestamp,
    units::{Drift, OutputPosition, SampleRate},
};

use super::{Room, buffer_frames, saturating_u32};

/// A converter on the clock `C`.
#[derive(Debug)]
pub(super) struct Pace<C> {
    frames_per_nano: f64,
    quantum: u64,
    capacity: u32,
    started: Option<Timestamp<C>>,
    written: u64,
}

/// It ran empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Empty {
    /// Nanoseconds on its clock when its last frame was out.
    pub(super) at: i64,
    /// Frames that it was given, and emitted, since it started.
    pub(super) written: u64,
}

impl<C> Pace<C> {
    pub(super) fn new(rate: SampleRate, drift: Drift, quantum: u32) -> Self {
        Self {
            frames_per_nano: f64::from(rate.hertz()) * 1e-9 * (1.0 + drift.excess()),
            quantum: u64::from(quantum.max(1)),
            capacity: buffer_frames(rate),
            started: None,
            written: 0,
        }
    }

    /// What fits in.
    pub(super) fn room(&mut self, now: Timestamp<C>) -> Result<Room, Empty> {
        let played = self.position(now)?.unwrap_or_default().0;
        let queued = saturating_u32(self.written - played);
        Ok(Room { writable: self.capacity.saturating_sub(queued), queued })
    }

    /// Counts frames as written; it starts now when that makes enough of them, which is said.
    pub(super) fn write(&mut self, frames: u32, now: Timestamp<C>) -> bool {
        self.written += u64::from(frames);
        let starts = self.started.is_none() && self.written >= u64::from(self.capacity / 2) && self.written > 0;
        if starts {
            self.started = Some(now);
        }
        starts
    }

    /// Frames that it says it has emitted; `None` before it starts.
    pub(super) fn position(&mut self, now: Timestamp<C>) -> Result<Option<OutputPosition>, Empty> {
        let Some(started) = self.started else { return Ok(None) };
        let nanos = (now - started).as_nanos().max(0) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and a cast saturates")]
        let frames = (nanos * self.frames_per_nano) as u64;
        let said = frames - frames % self.quantum;
        if said <= self.written {
            return Ok(Some(OutputPosition(said)));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        let lasted = (self.written as f64 / self.frames_per_nano) as i64;
        let empty = Empty { at: started.as_nanos().saturating_add(lasted), written: self.written };
        self.started = None;
        self.written = 0;
        Err(empty)
    }

    /// Frames that it was given since it was last empty.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::{
        playout::{DacClock, DacReading},
        time::NodeClock,
    };

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;

    fn at(nanos: i64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(1_000_000_000_000 + nanos)
    }

    #[test]
    fn it_runs_as_fast_as_it_should_and_never_ahead_of_itself() {
        for (ppm, quantum) in [(0.0, 1), (40.0, 1), (-300.0, 48), (40.0, 480)] {
            let mut pace = Pace::new(RATE, Drift::from_ppm(ppm), quantum);
            let mut random = fastrand::Rng::with_seed(11);
            let mut clock = DacClock::new(RATE);
            let (mut now, mut last) = (0, 0);
            pace.write(3_840, at(0));
            while now < 40_000_000_000 {
                now += random.i64(4_000_000..6_000_000);
                let played = pace.position(at(now)).unwrap().unwrap();
                #[expect(clippy::cast_precision_loss, reason = "exact so far")]
                let truth = now as f64 * 48e-6 * (1.0 + ppm * 1e-6);
                let behind = truth - played.0 as f64;
                assert!((0.0..f64::from(quantum)).contains(&behind), "{behind} frames at {ppm} ppm");
                assert!(played.0 >= last && played.0.is_multiple_of(u64::from(quantum)));
                last = played.0;
                clock.observe(DacReading { played, at: at(now) });
                let writable = pace.room(at(now)).unwrap().writable;
                assert!(!pace.write(writable, at(now)), "it starts once");
            }
            assert!((clock.drift().ppm() - ppm).abs() < 5.0, "{} for {ppm}", clock.drift().ppm());
        }
    }

    #[test]
    fn nothing_starts_it_but_enough_frames() {
        let mut pace = Pace::new(RATE, Drift::ZERO, 1);
        assert!(!pace.write(0, at(0)));
        assert!(!pace.write(1_919, at(0)));
        assert_eq!(pace.position(at(10_000_000_000)), Ok(None));
        assert!(pace.write(1, at(10_000_000_000)));
        assert_eq!(pace.position(at(10_001_000_000)), Ok(Some(OutputPosition(48))));
    }

    #[test]
    fn it_ends_once_when_its_last_frame_is_out_and_starts_from_zero() {
        let mut pace = Pace::new(RATE, Drift::ZERO, 1);
        pace.write(3_840, at(0));
        assert_eq!(pace.room(at(80_000_000)), Ok(Room { writable: 3_840, queued: 0 }), "empty, and not yet too late");
        let end = at(80_000_000).as_nanos();
        assert_eq!(pace.room(at(90_000_000)), Err(Empty { at: end, written: 3_840 }));
        assert_eq!(pace.room(at(90_000_000)), Ok(Room { writable: 3_840, queued: 0 }));
        assert_eq!(pace.position(at(95_000_000)), Ok(None));
        assert!(pace.write(1_920, at(100_000_000)));
        assert_eq!(pace.position(at(101_000_000)), Ok(Some(OutputPosition(48))));
    }
}
