//! How fast a source's crystal runs, from the instants at which its frames came.
//!
//! Whoever writes does so in pieces, each a little late: what has come in all lies at or below a straight line, and
//! touches it just after a piece that came in time. That is how the counter of a converter looks as well, so the
//! converter's clock of `unisono-core` finds the line. Who writes as fast as it is read has no crystal; the line
//! then is ours, and nothing is resampled.

use unisono_core::{
    playout::{DacClock, DacReading},
    time::{HubClock, Nanos, Timestamp},
    units::{Drift, OutputPosition, SampleRate},
};

/// A pause of the writer, unless it is used to write in larger pieces.
const PAUSE: Nanos = Nanos::from_millis(1_000);

/// A writer that usually lets so many of its gaps pass has paused.
const GAPS: i64 = 3;

/// So long it is listened to before its rate counts: the first pieces often come faster than those behind them.
const LISTEN: Nanos = Nanos::from_secs(2);

/// The rate of a source.
#[derive(Debug)]
pub(super) struct Pace {
    clock: DacClock,
    /// Frames since the clock began.
    count: u64,
    began: Option<Timestamp<HubClock>>,
    last: Option<Timestamp<HubClock>>,
    /// The longest time between two pieces, forgotten slowly.
    gap: Nanos,
    /// It writes as fast as it is read.
    is_eager: bool,
    is_known: bool,
}

impl Pace {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            clock: DacClock::new(rate),
            count: 0,
            began: None,
            last: None,
            gap: Nanos::ZERO,
            is_eager: false,
            is_known: false,
        }
    }

    /// All that was there has been taken: so many frames since this was said last.
    pub(super) fn arrived(&mut self, now: Timestamp<HubClock>, frames: u64) {
        let gap = self.last.map_or(Nanos::ZERO, |last| now - last);
        if gap > PAUSE.max(self.gap * GAPS) {
            self.restart();
        } else {
            self.gap = gap.max(self.gap - self.gap / 256);
        }
        self.last = Some(now);
        let began = *self.began.get_or_insert(now);
        self.count += frames;
        // The converter's clock has the name that this machine's clock has on a node.
        let at = Timestamp::from_nanos(now.as_nanos());
        self.clock.observe(DacReading { played: OutputPosition(self.count), at });
        self.is_known |= now - began > LISTEN;
    }

    /// More was there than is wanted: it is we who decide how fast it writes.
    pub(super) fn held_back(&mut self) {
        self.is_eager = true;
        self.restart();
    }

    /// Nothing is there though more was wanted: it writes as fast as it likes.
    pub(super) fn caught_up(&mut self) {
        if self.is_eager {
            self.is_eager = false;
            self.restart();
        }
    }

    /// Another writer, another crystal.
    pub(super) fn forget(&mut self, rate: SampleRate) {
        *self = Self::new(rate);
    }

    /// What comes next does not continue what came last; the crystal is the same.
    pub(super) fn restart(&mut self) {
        self.clock.reset();
        self.count = 0;
        (self.began, self.last, self.gap) = (None, None, Nanos::ZERO);
    }

    /// Whether it writes as fast as it is read.
    pub(super) const fn is_eager(&self) -> bool {
        self.is_eager
    }

    /// How much faster than this machine's clock it runs; `None` as long as nothing can be said of that.
    pub(super) fn drift(&self) -> Option<Drift> {
        (self.is_known && !self.is_eager).then(|| self.clock.drift())
    }
}
