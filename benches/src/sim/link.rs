//! One direction of a home Wi-Fi hop.

/// How a link behaves. Times are in microseconds unless they say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct LinkProfile {
    /// The shortest way.
    pub base: f64,
    /// Median of the log-normal access delay on top.
    pub jitter: f64,
    /// Its sigma.
    pub sigma: f64,
    /// Stalls a second; what waits is then released in a burst.
    pub stalls: f64,
    /// Mean length of a stall, in milliseconds.
    pub stall_ms: f64,
    /// Share of packets lost.
    pub loss: f64,
    /// Mean packets lost in a row (Gilbert-Elliott).
    pub burst: f64,
    /// Share of packets that overtake those before them.
    pub reordered: f64,
    /// Share of packets that arrive twice.
    pub duplicated: f64,
    /// Bits a second that it carries, headers included; what comes faster queues. Infinite where air is plentiful.
    pub capacity: f64,
    /// What finds more than so much waiting before it is dropped, in milliseconds.
    pub queue_ms: f64,
    /// What the shortest way may be longer: one of these, drawn anew every 4 to 20 s for each direction. Wi-Fi that
    /// changes its rate.
    pub floors: &'static [f64],
}

impl LinkProfile {
    /// A cable.
    pub const CLEAN: Self = Self {
        base: 300.0,
        jitter: 0.0,
        sigma: 0.0,
        stalls: 0.0,
        stall_ms: 0.0,
        loss: 0.0,
        burst: 1.0,
        reordered: 0.0,
        duplicated: 0.0,
        capacity: f64::INFINITY,
        queue_ms: 250.0,
        floors: &[],
    };

    /// Home Wi-Fi on a good day: half a percent lost in bursts of three, a stall every two seconds.
    pub const GOOD: Self = Self {
        base: 1_000.0,
        jitter: 800.0,
        sigma: 0.8,
        stalls: 0.5,
        stall_ms: 25.0,
        loss: 0.005,
        burst: 3.0,
        ..Self::CLEAN
    };

    /// What a step or two down in the rate of Wi-Fi add to the time that a packet is on the air.
    pub const RATE_FLOORS: &'static [f64] = &[0.0, 60.0, 150.0];

    /// Home Wi-Fi at the end of the garden.
    pub const BAD: Self = Self {
        base: 2_000.0,
        jitter: 3_000.0,
        sigma: 1.0,
        stalls: 1.0,
        stall_ms: 80.0,
        loss: 0.05,
        burst: 5.0,
        ..Self::CLEAN
    };
}

/// A time in which nothing gets through, from and to in nanoseconds of true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it begins.
    pub from: i64,
    /// When it is over.
    pub to: i64,
}

/// One direction of a hop; it delivers in order unless its profile says otherwise.
#[derive(Clone, Debug)]
pub struct Link {
    profile: LinkProfile,
    random: fastrand::Rng,
    outages: Vec<Outage>,
    losing: bool,
    last: i64,
    stall_end: i64,
    next_stall: f64,
    /// When what waits has been sent.
    busy_until: f64,
    floor: f64,
    next_jump: i64,
}

/// Bytes of a datagram's QUIC, UDP, IP and radio headers.
const HEADERS: usize = 90;

impl Link {
    /// A link that draws from `seed`.
    pub fn new(profile: LinkProfile, seed: u64, outages: Vec<Outage>) -> Self {
        Self {
            profile,
            random: fastrand::Rng::with_seed(seed),
            outages,
            losing: false,
            last: 0,
            stall_end: 0,
            next_stall: 0.0,
            busy_until: 0.0,
            floor: 0.0,
            next_jump: 0,
        }
    }

    /// When a packet of so many bytes that enters at `now` arrives: never, once or twice.
    #[expect(clippy::cast_possible_truncation, reason = "times of a test")]
    pub fn carry(&mut self, now: i64, bytes: usize) -> [Option<i64>; 2] {
        let profile = self.profile;
        let begins = self.busy_until.max(now as f64);
        if begins - now as f64 > profile.queue_ms * 1e6 {
            return [None, None];
        }
        self.busy_until = begins + ((bytes + HEADERS) * 8) as f64 / profile.capacity * 1e9;
        let leaves =
            if self.losing { 1.0 / profile.burst } else { profile.loss / (1.0 - profile.loss) / profile.burst };
        if self.random.f64() < leaves {
            self.losing = !self.losing;
        }
        if self.losing || self.is_out(now) {
            return [None, None];
        }
        while profile.stalls > 0.0 && self.next_stall < now as f64 {
            self.stall_end = (self.next_stall + self.exponential() * profile.stall_ms * 1e6) as i64;
            self.next_stall += self.exponential() / profile.stalls * 1e9;
        }
        while !profile.floors.is_empty() && self.next_jump <= now {
            self.floor = *self.random.choice(profile.floors).unwrap_or(&0.0);
            self.next_jump += self.random.i64(4_000_000_000..20_000_000_000);
        }
        let delay = profile.base + self.floor + profile.jitter * (self.gauss() * profile.sigma).exp();
        let mut at = (self.busy_until as i64 + (delay * 1e3) as i64).max(self.stall_end);
        if self.random.f64() >= profile.reordered {
            at = at.max(self.last + 20_000);
            self.last = at;
        }
        let again = self.random.f64() < profile.duplicated;
        [Some(at), again.then_some(at + 3_000_000)]
    }

    /// As [`Self::carry`], for something that is sent again at a later time: what enters before then does not wait for
    /// it.
    pub fn carry_later(&mut self, at: i64, bytes: usize) -> [Option<i64>; 2] {
        let mut ahead = self.clone();
        let arrivals = ahead.carry(at, bytes);
        (self.random, self.losing) = (ahead.random, ahead.losing);
        arrivals
    }

    /// Whether nothing gets through at a true time.
    pub fn is_out(&self, now: i64) -> bool {
        self.outages.iter().any(|outage| (outage.from..outage.to).contains(&now))
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.random.f64()).ln()
    }

    fn gauss(&mut self) -> f64 {
        let (u, v) = (1.0 - self.random.f64(), self.random.f64());
        (-2.0 * u.ln()).sqrt() * (core::f64::consts::TAU * v).cos()
    }
}
