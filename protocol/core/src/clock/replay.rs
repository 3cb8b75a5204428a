//! Refuses packets that were seen before.

/// A sliding window over sequence numbers, as in `IPsec` (RFC 4303, 3.4.3): each number is accepted once, and none that
/// is 128 or more behind the highest.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayWindow {
    highest: u64,
    /// Bit `n` is set when `highest - n` was seen.
    seen: u128,
}

impl ReplayWindow {
    /// Whether the number is new; if so, it is not from now on. Zero is never new.
    pub fn accept(&mut self, sequence: u64) -> bool {
        if sequence == 0 {
            return false;
        }
        if sequence > self.highest {
            let step = sequence - self.highest;
            self.seen = if step < 128 { self.seen << step } else { 0 } | 1;
            self.highest = sequence;
            return true;
        }
        let age = self.highest - sequence;
        if age >= 128 || self.seen & (1 << age) != 0 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_accepted_once_in_any_order() {
        let mut window = ReplayWindow::default();
        assert!(!window.accept(0));
        for sequence in [1, 3, 2, 200, 199, 73, 1_000, u64::MAX] {
            assert!(window.accept(sequence), "{sequence}");
            assert!(!window.accept(sequence), "{sequence} again");
        }
        assert!(!window.accept(1_000), "too old");
    }

    #[test]
    fn the_window_is_128_wide() {
        let mut window = ReplayWindow::default();
        assert!(window.accept(500));
        assert!(window.accept(373));
        assert!(!window.accept(372));
    }
}
