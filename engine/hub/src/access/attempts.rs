//! How often secrets, setup codes and join tokens may be guessed: each address waits longer after each failure, and for
//! what a person has made up all together may not be faster than a few guesses a minute.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use unisono_transport::network_of;

/// Mistyping a secret twice costs nobody anything.
const FREE: u32 = 3;

/// The longest that somebody waits after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// After so long without an attempt an address begins anew.
const MEMORY: Duration = Duration::from_secs(3_600);

/// Addresses that are remembered; of more, whoever was quiet longest is forgotten.
const MAX_ADDRESSES: usize = 1_024;

/// Attempts of all addresses that may come at once.
const BURST: f64 = 20.0;

/// Then one in so long.
const REFILL: Duration = Duration::from_secs(3);

/// Somebody has to wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// For so long.
    pub(crate) wait: Duration,
}

/// What is remembered of attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    of: HashMap<IpAddr, Failures>,
    /// Attempts of all addresses that may come at once.
    burst: f64,
    /// Attempts that were made lately by anybody, fewer with time.
    together: f64,
    counted_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    in_a_row: u32,
    last: Instant,
}

impl Attempts {
    /// For what a person has made up or types, so that many together might guess it.
    pub(crate) fn at_few_secrets() -> Self {
        Self { of: HashMap::new(), burst: BURST, together: 0.0, counted_at: None }
    }

    /// For what nobody guesses: each address is held up by what comes from itself alone.
    pub(crate) fn at_long_tokens() -> Self {
        Self { burst: f64::INFINITY, ..Self::at_few_secrets() }
    }

    /// Somebody makes an attempt, which counts as a failure until [`Self::was_right`].
    pub(crate) fn begin(&mut self, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        let from = network_of(from);
        self.of.retain(|_, failures| now.saturating_duration_since(failures.last) < MEMORY);
        if let Some(failures) = self.of.get(&from) {
            let until = failures.last + failures.wait();
            if until > now {
                return Err(TooMany { wait: until - now });
            }
        }
        let passed = self.counted_at.map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        self.together = (self.together - passed.as_secs_f64() / REFILL.as_secs_f64()).max(0.0);
        self.counted_at = Some(now);
        // On this machine somebody may guess alone; others do not keep them from it.
        if !from.is_loopback() {
            if self.together + 1.0 > self.burst {
                return Err(TooMany { wait: REFILL });
            }
            self.together += 1.0;
        }
        if self.of.len() >= MAX_ADDRESSES
            && let Some(quietest) = self.of.iter().min_by_key(|(_, failures)| failures.last).map(|(from, _)| *from)
        {
            self.of.remove(&quietest);
        }
        let failures = self.of.entry(from).or_insert(Failures { in_a_row: 0, last: now });
        *failures = Failures { in_a_row: failures.in_a_row.saturating_add(1), last: now };
        Ok(())
    }

    /// The attempt was right: its address begins anew, and it does not count among all.
    pub(crate) fn was_right(&mut self, from: IpAddr) {
        self.of.remove(&network_of(from));
        self.together = (self.together - 1.0).max(0.0);
    }
}

impl Failures {
    fn wait(self) -> Duration {
        match self.in_a_row.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(1_u64 << more.min(16)).min(LONGEST_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 2));

    #[test]
    fn whoever_fails_waits_longer_each_time_and_others_do_not() {
        let (mut attempts, mut now) = (Attempts::at_few_secrets(), Instant::now());
        for _ in 0..FREE {
            assert_eq!(attempts.begin(PHONE, now), Ok(()));
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let wait = Duration::from_secs(wait);
            assert_eq!(attempts.begin(PHONE, now), Err(TooMany { wait }));
            assert!(attempts.begin(PHONE, now + wait - Duration::from_millis(1)).is_err());
            now += wait;
            assert_eq!(attempts.begin(PHONE, now), Ok(()));
        }
        assert_eq!(attempts.begin("192.168.1.3".parse().unwrap(), now), Ok(()));
    }

    #[test]
    fn whoever_is_right_begins_anew() {
        let (mut attempts, now) = (Attempts::at_few_secrets(), Instant::now());
        for _ in 0..50 {
            assert_eq!(attempts.begin(PHONE, now), Ok(()));
            attempts.was_right(PHONE);
        }
    }

    #[test]
    fn many_addresses_are_no_faster_than_the_limit_of_all() {
        let (mut attempts, now) = (Attempts::at_few_secrets(), Instant::now());
        let mut taken = 0_u32;
        for second in 0..600_u64 {
            for address in 0..100_u32 {
                let from = IpAddr::from((0x0a00_0000 + u32::try_from(second).unwrap() * 100 + address).to_be_bytes());
                taken += u32::from(attempts.begin(from, now + Duration::from_secs(second)).is_ok());
            }
        }
        assert!((200..=221).contains(&taken), "{taken}");
        assert!(attempts.of.len() <= MAX_ADDRESSES);
        // Nor does that keep out whoever sits at the machine.
        assert_eq!(attempts.begin("127.0.0.1".parse().unwrap(), now + Duration::from_secs(599)), Ok(()));
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let (mut attempts, now) = (Attempts::at_few_secrets(), Instant::now());
        let taken = (0..50_u16).filter(|number| {
            let from = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, *number]);
            attempts.begin(from, now).is_ok()
        });
        assert_eq!(taken.count(), usize::try_from(FREE).unwrap());
    }
}
