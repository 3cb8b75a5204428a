//! The estimator on links as they are at home: how far it is off, and whether it knows.

#![expect(clippy::unwrap_used, reason = "a test")]

use unisono_core::{
    clock::{ClockClient, ClockServer, Estimator, Pace, Prober},
    time::{HubClock, Nanos, NodeClock, Timestamp},
    units::Drift,
    wire::{clock::Probe, ids::ClockTag},
};

/// Delays of a Wi-Fi hop in seconds (`sync.md` 1.3 has the model's source).
fn delay(random: &mut fastrand::Rng) -> f64 {
    let exponential = |random: &mut fastrand::Rng| -(1.0 - random.f64()).ln();
    let mut delay = 750e-6 + random.f64() * 135e-6 + exponential(random) * 80e-6;
    if random.f64() < 0.05 {
        delay += 2e-3 / (1.0 - random.f64()).powf(1.0 / 1.5);
    }
    if random.f64() < 0.01 {
        delay += 50e-3 + 200e-3 * random.f64();
    }
    delay
}

/// The same, as `benches/lab/wifilink.c` has it on a good link, without the stalls.
fn down(random: &mut fastrand::Rng) -> f64 {
    let gauss = (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (core::f64::consts::TAU * random.f64()).cos();
    1e-3 + 800e-6 * (0.8 * gauss).exp()
}

/// And a direction with less on it.
fn up(random: &mut fastrand::Rng) -> f64 {
    1e-3 + 0.7 * (down(random) - 1e-3)
}

struct Run {
    estimator: Estimator,
    random: fastrand::Rng,
    /// Down and up.
    delays: [fn(&mut fastrand::Rng) -> f64; 2],
    /// Until when all packets wait for what holds up the link.
    held: f64,
    /// What the shortest ways down and up may be longer, in seconds, and what they are and until when.
    floors: &'static [f64],
    floor: [(f64, f64); 2],
    ppm: f64,
    /// How fast that changes, in ppm a minute.
    ppm_a_minute: f64,
    offset: f64,
    now: f64,
}

impl Run {
    fn new(ppm: f64, offset: f64, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self {
            estimator: Estimator::new(),
            random,
            delays: [delay; 2],
            held: 0.0,
            floors: &[0.0],
            floor: [(0.0, 0.0); 2],
            ppm,
            ppm_a_minute: 0.0,
            offset,
            now: 0.0,
        }
    }

    fn node(&self, t: f64) -> Timestamp<NodeClock> {
        let ppm = self.ppm + self.ppm_a_minute * t / 120.0;
        Timestamp::from_nanos(0) + Nanos::from_secs_f64(t * (1.0 + ppm * 1e-6) + self.offset)
    }

    fn hub(t: f64) -> Timestamp<HubClock> {
        Timestamp::from_nanos(0) + Nanos::from_secs_f64(t)
    }

    /// What a direction's shortest way is longer now: another length every 4 to 20 s.
    fn floor(&mut self, way: usize) -> f64 {
        let (floor, until) = &mut self.floor[way];
        if self.floors.len() > 1 && self.now >= *until {
            *floor = self.floors[self.random.usize(..self.floors.len())];
            *until = self.now + 4.0 + 16.0 * self.random.f64();
        }
        *floor
    }

    /// Exchanges `rate` packets a second each way until `end`.
    fn until(&mut self, end: f64, rate: f64) {
        while self.now < end {
            self.now += (0.5 + self.random.f64()) / rate;
            let [down, up] = [0, 1].map(|way| {
                let free = self.floor(way) + (self.delays[way])(&mut self.random);
                free.max(self.held - self.now)
            });
            self.estimator.add_report(Self::hub(self.now), self.node(self.now + down));
            self.estimator.add_probe(self.node(self.now), Self::hub(self.now + up));
            let at = self.node(self.now);
            self.estimator.update(at);
        }
    }

    /// Error and stated uncertainty, in seconds.
    fn error(&self) -> (f64, f64) {
        let at = self.node(self.now);
        let estimate = self.estimator.estimate(at).unwrap();
        ((estimate.mapping.forward(at) - Self::hub(self.now)).as_secs_f64(), estimate.uncertainty.as_secs_f64())
    }
}

#[test]
fn the_estimate_is_within_its_own_uncertainty_in_nineteen_of_twenty_cases() {
    let (mut within, mut total) = (0, 0);
    for seed in 0..40_u8 {
        let ppm = f64::from(seed) * 5.0 - 100.0;
        let mut run = Run::new(ppm, f64::from(seed) * 1_000.0 - 17_000.0, u64::from(seed));
        for second in [1.0, 3.0, 10.0, 30.0, 60.0, 120.0] {
            run.until(second, 50.0);
            let (error, uncertainty) = run.error();
            total += 1;
            within += i32::from(error.abs() <= uncertainty);
            assert!(
                error.abs() <= 3.0 * uncertainty,
                "seed {seed}: {error} s off after {second} s, said {uncertainty} s"
            );
        }
    }
    println!("{within} of {total} within one uncertainty");
    assert!(within * 100 >= total * 95);
}

#[test]
fn a_minute_finds_the_offset_to_tens_of_microseconds() {
    let mut errors: Vec<f64> = (0..40_u8)
        .map(|seed| {
            let mut run = Run::new(f64::from(seed) * 5.0 - 100.0, 5_000.0, seed.into());
            run.until(60.0, 25.0);
            run.error().0.abs() * 1e6
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    println!("median {:.1} µs, worst {:.1} µs", errors[20], errors[39]);
    assert!(errors[20] < 15.0 && errors[39] < 60.0);
}

#[test]
fn a_crystal_that_warms_up_is_not_lagged_behind() {
    let mean = |ppm_a_minute: f64| {
        let errors = (0..20_u8).map(|seed| {
            let mut run = Run { ppm_a_minute, ..Run::new(20.0, 5_000.0, seed.into()) };
            run.until(480.0, 25.0);
            run.error().0 * 1e6
        });
        errors.sum::<f64>() / 20.0
    };
    let (steady, warming) = (mean(0.0), mean(0.1));
    println!("{steady:.1} µs off at a steady rate, {warming:.1} µs off while it changes by 0.1 ppm a minute");
    // Straight lines, of which the shorter ones are then preferred, are 2 µs late.
    assert!((warming - steady).abs() < 1.5);
}

#[test]
fn floors_that_jump_are_not_taken_for_the_clock() {
    let (mut errors, mut within) = (Vec::new(), 0);
    for seed in 0..6_u8 {
        let floors = &[0.0, 60e-6, 150e-6];
        // In a room that is being heated.
        let mut run = Run { floors, ppm_a_minute: 0.1, ..Run::new(20.0, 5_000.0, 300 + u64::from(seed)) };
        run.until(360.0, 25.0);
        for second in 361..600 {
            run.until(second.into(), 25.0);
            let (error, uncertainty) = run.error();
            errors.push(error.abs() * 1e6);
            within += usize::from(error.abs() <= uncertainty);
        }
    }
    errors.sort_by(f64::total_cmp);
    let (p99, known) = (errors[errors.len() * 99 / 100], within as f64 / errors.len() as f64);
    println!("99 of 100 estimates are less than {p99:.1} µs off, {:.1} % within their own uncertainty", known * 100.0);
    assert!(p99 < 25.0 && known > 0.95);
}

/// Rooms whose links stand still for a second, each when it likes, as edges are about to be drawn, are as close together
/// as others: an edge that is wider in one room than in another lies higher.
#[test]
fn rooms_are_within_a_sample_of_each_other_whenever_their_links_stood_still() {
    let (mut errors, mut calm) = (Vec::new(), Vec::new());
    for seed in 0..16_u8 {
        let mut run = Run { delays: [down, up], ..Run::new(20.0, 5_000.0, 700 + u64::from(seed)) };
        for stall in [58.5, 178.0, 239.0] {
            run.until(stall + 0.1 * f64::from(seed), 45.0);
            if seed % 2 == 0 {
                run.held = run.now + 1.0;
            }
        }
        run.until(260.0, 45.0);
        let off: Vec<f64> = (0..16)
            .map(|n| {
                run.until(260.0 + 10.0 * f64::from(n), 45.0);
                run.error().0 * 1e6
            })
            .collect();
        if seed % 2 == 0 { errors.push(off) } else { calm.push(off) }
    }
    let mut apart: Vec<f64> =
        errors.iter().zip(&calm).flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs())).collect();
    apart.sort_by(f64::total_cmp);
    let (half, most) = (apart[apart.len() / 2], apart[apart.len() * 99 / 100]);
    println!("half are within {half:.1} µs, 99 of 100 within {most:.1} µs");
    assert!(most < 21.0);
}

#[test]
fn it_holds_over_while_nothing_arrives_and_says_that_it_grows_less_sure() {
    let mut run = Run::new(37.0, -800.0, 5);
    run.until(120.0, 25.0);
    let (_, sure) = run.error();
    run.now += 60.0;
    let (error, uncertainty) = run.error();
    println!("{:.1} µs off after a minute alone, said {:.1} µs", error * 1e6, uncertainty * 1e6);
    assert!(error.abs() < 60e-6 && uncertainty > sure && error.abs() < uncertainty);
}

/// A room on a crystal that warms up, after so many seconds alone of which its estimator was told nothing.
fn away(seconds: f64, floors: &'static [f64], seed: u64) -> Run {
    let mut run = Run { floors, ppm_a_minute: 0.05, ..Run::new(37.0, -800.0, seed) };
    run.until(400.0, 25.0);
    run.now += seconds;
    run
}

#[test]
fn a_room_that_was_away_for_ten_minutes_is_in_time_as_soon_as_a_new_one_and_knows_how_well() {
    let (mut within, mut squares) = (0, [0.0; 2]);
    for seed in 0..20 {
        let mut known = away(600.0, &[0.0], seed);
        let mut new = Run { estimator: Estimator::new(), ..away(600.0, &[0.0], seed) };
        for (after, limit) in [(0.5, 700e-6), (1.0, 350e-6), (2.0, 150e-6), (3.5, 100e-6)] {
            known.until(1_000.0 + after, 100.0);
            new.until(1_000.0 + after, 100.0);
            let ((error, uncertainty), (error_of_new, _)) = (known.error(), new.error());
            assert!(uncertainty < limit, "seed {seed}: it says {uncertainty} s after {after} s");
            assert!(
                error.abs() <= 3.0 * uncertainty,
                "seed {seed}: {error} s off after {after} s, said {uncertainty} s"
            );
            within += i32::from(error.abs() <= uncertainty);
            squares = [squares[0] + error.powi(2), squares[1] + error_of_new.powi(2)];
        }
    }
    let [rms, rms_of_new] = squares.map(|sum| (sum / 80.0_f64).sqrt() * 1e6);
    println!("{rms:.1} µs off, a new one {rms_of_new:.1} µs; {within} of 80 within one uncertainty");
    assert!(rms < rms_of_new && within >= 76);
}

#[test]
fn floors_of_before_a_long_absence_make_nothing_behind_it_surer() {
    for seed in 300..306 {
        let mut run = away(600.0, &[0.0, 60e-6, 150e-6], seed);
        // As long as each way has been on one floor only, the middle may be off by half of what they differ by.
        for (after, unseen) in [(0.5, 0.0), (1.0, 0.0), (5.0, 75e-6), (20.0, 75e-6), (40.0, 75e-6)] {
            run.until(1_000.0 + after, 50.0);
            let (error, uncertainty) = run.error();
            assert!(
                error.abs() <= uncertainty + unseen,
                "seed {seed}: {error} s off after {after} s, said {uncertainty} s"
            );
        }
    }
}

#[test]
fn the_first_packets_behind_an_absence_do_not_make_an_old_line_surer() {
    for seconds in [60.0, 300.0, 600.0, 3_600.0] {
        let mut run = away(seconds, &[0.0], 11);
        let (_, alone) = run.error();
        for _ in 0..4 {
            run.estimator.add_report(Run::hub(run.now), run.node(run.now + 1e-3));
            run.estimator.add_probe(run.node(run.now), Run::hub(run.now + 1e-3));
            // A longer absence leaves nothing that could be said.
            let said = run.estimator.estimate(run.node(run.now)).map(|estimate| estimate.uncertainty.as_secs_f64());
            assert!(said.is_none_or(|said| said >= alone), "after {seconds} s: {said:?} s, alone {alone} s");
            assert_eq!(said.is_none(), seconds > 360.0, "after {seconds} s");
        }
    }
}

#[test]
fn a_stepped_clock_is_noticed_and_learned_anew() {
    for step in [-3.0, 0.05, 20.0] {
        let mut run = Run::new(12.0, 100.0, 9);
        run.until(60.0, 50.0);
        run.offset += step;
        run.until(70.0, 50.0);
        let (error, _) = run.error();
        assert!(error.abs() < 300e-6, "{error} s off, 10 s after a step of {step} s");
    }
}

#[test]
fn a_remembered_slope_makes_the_first_seconds_better() {
    let error_after = |remembered: bool| -> f64 {
        let runs = (0..30).map(|seed| {
            let mut run = Run::new(80.0, 3.0, 100 + seed);
            if remembered {
                let drift = Drift::from_ratio(1.0 / (1.0 + 80e-6) - 1.0 + 0.2e-6);
                run.estimator = Estimator::with_prior(drift, Drift::from_ppm(1.0));
            }
            run.until(4.0, 100.0);
            run.error().0.powi(2)
        });
        (runs.sum::<f64>() / 30.0).sqrt()
    };
    let (without, with) = (error_after(false), error_after(true));
    println!("rms after 4 s: {:.1} µs without, {:.1} µs with", without * 1e6, with * 1e6);
    assert!(with < without);
}

#[test]
fn probes_and_reports_find_each_other_over_a_lossy_link() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut server = ClockServer::new(ClockTag(5));
    let start = Timestamp::from_nanos(50_000_000_000);
    let (mut client, mut prober) = (ClockClient::new(ClockTag(5), Estimator::new()), Prober::new(ClockTag(5), 2));
    let offset = Nanos::from_secs(49);
    let hub = |node: Timestamp<NodeClock>| Timestamp::<HubClock>::from_nanos((node - offset).as_nanos());
    let mut now = start;
    while now - start < Nanos::from_secs(5) {
        now = now + Nanos::from_millis(1);
        if let Some((probe, token)) = prober.poll_transmit(now, client.pace(now)) {
            client.handle_sent(token, now);
            if random.f64() < 0.7 {
                server.handle_probe(&probe, hub(now + Nanos::from_micros(300)));
                server.handle_probe(&probe, hub(now + Nanos::from_micros(900)));
            }
        }
        if let Some((report, token)) = server.poll_transmit(hub(now)) {
            server.handle_sent(token, hub(now));
            if random.f64() < 0.7 {
                client.handle_report(&report, now + Nanos::from_micros(300));
                assert!(!client.handle_report(&report, now + Nanos::from_micros(900)), "a replayed report counts");
            }
        }
    }
    let estimate = client.estimate(now).unwrap();
    let error = estimate.mapping.forward(now) - hub(now);
    println!("off by {error}, said {}, round trip {}", estimate.uncertainty, estimate.rtt);
    assert!(error.abs() < Nanos::from_micros(5));
    assert!((estimate.rtt - Nanos::from_micros(600)).abs() < Nanos::from_micros(20));
}

#[test]
fn up_to_three_reports_follow_the_one_that_answers_until_another_probe_comes() {
    let at = |millis: i64| Timestamp::<HubClock>::from_nanos(millis * 1_000_000);
    let probe = |sequence| Probe { tag: ClockTag(5), sequence, report_interval_ms: 10 };
    let mut server = ClockServer::new(ClockTag(5));
    let mut sent = Vec::new();
    for millis in 0..300 {
        if let Some(sequence) = [(0, 1), (35, 2), (200, 3)].iter().find(|(when, _)| *when == millis) {
            server.handle_probe(&probe(sequence.1), at(millis));
        }
        if let Some((report, token)) = server.poll_transmit(at(millis)) {
            server.handle_sent(token, at(millis));
            sent.push((millis, report.echoes.len()));
        }
    }
    let answered = |from: i64| (0..4).map(move |n| (from + 10 * n, usize::from(n == 0)));
    let expected: Vec<_> = answered(0).chain(answered(35)).chain(answered(200)).collect();
    assert_eq!(sent, expected);
}

/// Reports and probes in the last of ten seconds for which a hub answers at most every `least` milliseconds.
fn exchanged(least: i64) -> (u32, u32) {
    let mut server = ClockServer::new(ClockTag(5));
    server.set_least_interval(Nanos::from_millis(least));
    let start = Timestamp::from_nanos(50_000_000_000);
    let (mut client, mut prober) = (ClockClient::new(ClockTag(5), Estimator::new()), Prober::new(ClockTag(5), 2));
    let hub = |node: Timestamp<NodeClock>| Timestamp::<HubClock>::from_nanos(node.as_nanos());
    let (mut reports, mut probes) = (0, 0);
    for millis in 0..10_000 {
        let now = start + Nanos::from_millis(millis);
        let counts = u32::from(millis >= 5_000);
        if let Some((probe, token)) = prober.poll_transmit(now, client.pace(now)) {
            client.handle_sent(token, now);
            server.handle_probe(&probe, hub(now));
            probes += counts;
        }
        if let Some((report, token)) = server.poll_transmit(hub(now)) {
            server.handle_sent(token, hub(now));
            client.handle_report(&report, now);
            reports += counts;
        }
    }
    (reports, probes)
}

#[test]
fn a_node_asks_a_hub_that_is_busy_hardly_more_often_than_it_is_answered() {
    for (least, expected) in [(0, 70..400), (100, 40..70), (200, 20..36), (10_000, 15..30)] {
        let (reports, probes) = exchanged(least);
        println!("at most every {least} ms: {reports} reports and {probes} probes in 5 s");
        assert!(expected.contains(&reports), "{reports} reports");
        assert!(expected.contains(&probes), "{probes} probes");
    }
}

#[test]
fn probes_leave_as_often_as_they_are_to_and_at_no_regular_instants() {
    let mut prober = Prober::new(ClockTag(5), 2);
    let pace = Pace { probes_ms: 16, reports_ms: 10 };
    let (mut now, mut asked) = (Timestamp::from_nanos(7), Vec::new());
    assert_eq!(prober.poll_timeout(pace), None, "the first leaves at once");
    for sequence in 1..=1_000 {
        let (probe, _) = prober.poll_transmit(now, pace).unwrap();
        assert_eq!((probe.sequence, probe.report_interval_ms), (sequence, 10));
        asked.push(now);
        assert!(prober.poll_transmit(now, pace).is_none());
        now = prober.poll_timeout(pace).unwrap();
    }
    let gaps = asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e3);
    assert!(gaps.clone().all(|gap| (12.0..=20.0).contains(&gap)));
    let phases = asked.iter().map(|at| at.as_nanos() % 16_000_000 / 4_000_000);
    let counts = phases.fold([0; 4], |mut counts, quarter| {
        counts[usize::try_from(quarter).unwrap()] += 1;
        counts
    });
    assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
    assert!((15.8..16.2).contains(&(gaps.sum::<f64>() / 999.0)));
    // When it turns out that more are wanted, the next is due by that.
    let faster = Pace { probes_ms: 10, ..pace };
    assert!(prober.poll_timeout(faster).unwrap() < prober.poll_timeout(pace).unwrap());
}
