//! Runs a house in virtual time and prints what its rooms did.

use unisono_benches::sim::{LinkProfile, Setup, World};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rooms = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(3);
    let profile = match arguments.next().as_deref() {
        Some("clean") => LinkProfile::CLEAN,
        Some("bad") => LinkProfile::BAD,
        _ => LinkProfile::GOOD,
    };
    let seconds: f64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(60.0);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(std::process::id().into());
    println!("{rooms} rooms, {seconds} s, seed {seed}");
    let started = std::time::Instant::now();
    let margin = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(300);
    let mut setup = Setup::rooms(rooms, profile, seed);
    setup.settings.margin = unisono_core::time::Nanos::from_millis(margin);
    let mut world = World::new(setup);
    world.run_until(3.0);
    let all: Vec<usize> = (0..usize::from(rooms)).collect();
    world.play_in(&all);
    world.run_until(seconds);
    let report = world.report();
    for (i, room) in report.rooms.iter().enumerate() {
        let clock = world.clock_error(i);
        println!(
            "room {i}: plays {:?} silent {:.4} resyncs {} starved {} concealed {} clock error/uncertainty µs {:?} {:?}",
            report.playing_span(i),
            report.silent_share(i, 4.0, seconds),
            room.resyncs,
            room.starved,
            room.concealed_frames,
            clock.map(|(error, sigma)| (error * 1e6, sigma * 1e6)),
            room.closed,
        );
    }
    for (from, to) in [(4.0, 10.0), (10.0, 60.0), (60.0, 180.0), (180.0, 1e6)] {
        let mut errors: Vec<f64> = Vec::new();
        for a in 0..report.rooms.len() {
            for b in a + 1..report.rooms.len() {
                errors.extend(report.errors_between(a, b, from, f64::min(to, seconds)).iter().map(|e| e.abs() * 1e6));
            }
        }
        errors.sort_by(f64::total_cmp);
        if !errors.is_empty() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let p = |q: f64| errors[((errors.len() - 1) as f64 * q) as usize];
            println!("{from}-{to} s: p50 {:.1} p95 {:.1} p99 {:.1} max {:.1} µs", p(0.5), p(0.95), p(0.99), p(1.0));
        }
    }
    println!("took {:.1} s", started.elapsed().as_secs_f64());
}
