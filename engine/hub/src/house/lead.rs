//! How long before it is heard a packet is sent, and how that grows while a stream plays.
//!
//! A room whose output turns out slower than all others needs its packets earlier. A source that can be read ahead gives
//! them earlier: for a while packets leave at twice the pace, until they are far enough ahead. No anchor moves, so nobody
//! hears anything of it. All at once they would be a burst on every link, and more than the encoder has ready.

use unisono_core::time::{HubClock, Nanos, Timestamp};

/// A stream's lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    /// What it is, or is to be.
    wanted: Nanos,
    growth: Option<Growth>,
}

#[derive(Clone, Copy, Debug)]
struct Growth {
    from: Timestamp<HubClock>,
    lead: Nanos,
}

impl Lead {
    pub(super) const fn new(lead: Nanos) -> Self {
        Self { wanted: lead, growth: None }
    }

    /// What it is once it has grown.
    pub(super) const fn wanted(&self) -> Nanos {
        self.wanted
    }

    /// What packets have had for certain from some time ago on.
    pub(super) fn settled(&self) -> Nanos {
        self.growth.map_or(self.wanted, |growth| growth.lead)
    }

    /// What packets that leave at an instant have.
    pub(super) fn at(&self, now: Timestamp<HubClock>) -> Nanos {
        self.growth.map_or(self.wanted, |growth| {
            let grown = growth.lead + (now - growth.from).max(Nanos::ZERO);
            grown.min(self.wanted)
        })
    }

    /// Has it grow from now on, if that is more than it is.
    pub(super) fn grow(&mut self, now: Timestamp<HubClock>, lead: Nanos) {
        if lead > self.wanted {
            self.growth = Some(Growth { from: now, lead: self.at(now) });
            self.wanted = lead;
        }
    }

    /// When a packet that is heard at an instant leaves.
    pub(super) fn leaves(&self, heard: Timestamp<HubClock>) -> Timestamp<HubClock> {
        let settled = heard - self.wanted;
        self.growth.map_or(settled, |growth| {
            // The lead is as old as the growth, beyond what it was: half of the way is left to go.
            let growing = growth.from + (heard - growth.lead - growth.from) / 2;
            settled.max(growing)
        })
    }

    /// When it is what it is to be; `None` when it is.
    pub(super) fn grown_at(&self) -> Option<Timestamp<HubClock>> {
        self.growth.map(|growth| growth.from + (self.wanted - growth.lead))
    }

    /// Notes that it has grown, once it has; says whether that is now.
    pub(super) fn settle(&mut self, now: Timestamp<HubClock>) -> bool {
        let is_grown = self.grown_at().is_some_and(|at| at <= now);
        if is_grown {
            self.growth = None;
        }
        is_grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<HubClock> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn packets_leave_at_twice_the_pace_until_they_are_far_enough_ahead() {
        let mut lead = Lead::new(Nanos::from_millis(350));
        lead.grow(at(1_000), Nanos::from_millis(550));
        lead.grow(at(1_000), Nanos::from_millis(400));
        let left: Vec<i64> = (66..86).map(|packet| lead.leaves(at(packet * 20)).as_nanos() / 1_000_000).collect();
        // Heard at 1 320 ms and so on; the one heard at 1 340 ms leaves before the growth begins.
        assert_eq!(left[..6], [985, 995, 1_005, 1_015, 1_025, 1_035]);
        assert_eq!(left[18..], [1_165, 1_175], "{left:?}");
        assert!(left.is_sorted());
        for packet in 66..200 {
            let heard = at(packet * 20);
            let leaves = lead.leaves(heard);
            let had = heard - leaves;
            assert!(
                leaves < at(1_000) || (had - lead.at(leaves)).abs() < Nanos::new(2),
                "{had} of {}",
                lead.at(leaves)
            );
        }
        assert_eq!(lead.leaves(at(3_000)), at(2_450));
        assert_eq!((lead.settled(), lead.grown_at()), (Nanos::from_millis(350), Some(at(1_200))));
        assert!(!lead.settle(at(1_199)) && lead.settle(at(1_200)) && !lead.settle(at(1_201)));
        assert_eq!((lead.settled(), lead.wanted()), (lead.wanted(), Nanos::from_millis(550)));
    }
}
