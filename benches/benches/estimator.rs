//! What a node does for each clock packet, and every four seconds, once its history is full.

#![allow(missing_docs, reason = "what criterion generates has none")]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use unisono_core::{
    clock::Estimator,
    time::{HubClock, Nanos, NodeClock, Timestamp},
};

/// Clock packets come so often each way, a node at rest.
const INTERVAL: f64 = 0.05;

/// The history that an estimator keeps, in seconds.
const HISTORY: f64 = 360.0;

/// Exchanges until the line is to be drawn anew: 4.1 s of them.
const EXCHANGES: usize = 82;

struct Exchange {
    estimator: Estimator,
    random: fastrand::Rng,
    seconds: f64,
}

impl Exchange {
    fn with_full_history() -> Self {
        let mut exchange = Self { estimator: Estimator::new(), random: fastrand::Rng::with_seed(1), seconds: 0.0 };
        while exchange.seconds < HISTORY + 10.0 {
            exchange.add();
            let now = exchange.node(0.0);
            exchange.estimator.update(now);
        }
        exchange
    }

    fn add(&mut self) {
        self.seconds += INTERVAL;
        let (down, up) = (self.delay(), self.delay());
        self.estimator.add_report(self.hub(0.0), self.node(down));
        self.estimator.add_probe(self.node(0.0), self.hub(up));
    }

    /// How long an update takes that is due.
    fn update(&mut self) -> Duration {
        for _ in 0..EXCHANGES {
            self.add();
        }
        let now = self.node(0.0);
        let began = Instant::now();
        let updated = self.estimator.update(now);
        let took = began.elapsed();
        assert!(updated, "it was due");
        took
    }

    fn delay(&mut self) -> f64 {
        1e-3 - 3e-4 * (1.0 - self.random.f64()).ln()
    }

    fn hub(&self, after: f64) -> Timestamp<HubClock> {
        Timestamp::from_nanos(0) + Nanos::from_secs_f64(self.seconds + after)
    }

    fn node(&self, after: f64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(0) + Nanos::from_secs_f64((self.seconds + after) * (1.0 + 40e-6) + 500.0)
    }
}

fn estimator(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("estimator");
    let mut exchange = Exchange::with_full_history();
    group.bench_function("a report and a probe", |bencher| bencher.iter(|| exchange.add()));
    let mut exchange = Exchange::with_full_history();
    group.bench_function("an update over 360 s", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| exchange.update()).sum());
    });
    group.finish();
}

criterion_group!(benches, estimator);
criterion_main!(benches);
