//! The node's resampler is transparent, exact and where it says it is.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use crate::common::{Band, decibels, rms, seed, sinad};
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    audioadapter_buffers::owned::InterleavedOwned,
};
use unisono_core::{playout::RESAMPLER_REACH, timeline::Phase, units::FramePosition};
use unisono_media::resample::Resampler;

const RATE: f64 = 48_000.0;

fn phase(frames: f64) -> Phase {
    Phase::at(FramePosition(0)).advanced_by(frames)
}

fn sine(hertz: f64, frames: usize) -> Vec<f32> {
    (0..frames).map(|i| (0.9 * (std::f64::consts::TAU * hertz / RATE * i as f64).sin()) as f32).collect()
}

/// Mono sound, held from position 0.
fn holding(sound: &[f32]) -> Resampler {
    let mut resampler = Resampler::new(1, sound.len());
    assert_eq!(resampler.push(FramePosition(0), sound), sound.len());
    resampler
}

#[test]
fn tones_stay_pure() {
    for hertz in [997.0, 10_000.0, 18_000.0, 20_000.0] {
        for ppm in [-300.0, -50.0, 50.0, 300.0] {
            let resampler = holding(&sine(hertz, 66_000));
            let mut out = vec![0.0; 65_536];
            assert_eq!(resampler.read(phase(40.123), ppm * 1e-6, &mut out), out.len());
            let pitch = std::f64::consts::TAU * hertz / RATE * (1.0 + ppm * 1e-6);
            let sinad = sinad(&out, pitch);
            println!("{hertz} Hz at {ppm:+} ppm: {sinad:.1} dB");
            assert!(sinad > 135.0, "{hertz} Hz at {ppm} ppm: {sinad} dB");
        }
    }
}

#[test]
fn loudness_is_the_same_up_to_20_khz() {
    for hertz in [20.0, 1_000.0, 10_000.0, 15_000.0, 20_000.0, 20_400.0] {
        let resampler = holding(&sine(hertz, 50_000));
        let mut out = vec![0.0; 48_000];
        resampler.read(phase(100.37), 50e-6, &mut out);
        let level = decibels(rms(out.into_iter().map(f64::from)) * f64::sqrt(2.0) / 0.9);
        assert!(level.abs() < 0.001, "{hertz} Hz: {level:+} dB");
    }
}

#[test]
fn at_whole_frames_samples_pass_bit_for_bit() {
    let mut random = fastrand::Rng::with_seed(seed());
    let sound: Vec<f32> = (0..4_000).map(|_| random.f32() * 2.0 - 1.0).collect();
    let resampler = holding(&sound);
    let mut out = vec![0.0; 3_000];
    assert_eq!(resampler.read(Phase::at(FramePosition(500)), 0.0, &mut out), 3_000);
    assert_eq!(out, sound[500..3_500]);
}

#[test]
fn chunks_continue_each_other() {
    let mut random = fastrand::Rng::with_seed(seed());
    let sound: Vec<f32> = (0..20_000).map(|_| random.f32() * 2.0 - 1.0).collect();
    for excess in [-300e-6, 0.0, 21e-6, 300e-6] {
        let whole = holding(&sound);
        let start = phase(77.7);
        let mut expected = vec![0.0; 9_000];
        assert_eq!(whole.read(start, excess, &mut expected), 9_000);
        // Pushed in pieces, read in pieces, and forgotten as far as is allowed.
        let mut resampler = Resampler::new(2, 600);
        let (mut at, mut out, mut pushed) = (start, Vec::<f32>::new(), 0);
        while out.len() < expected.len() {
            let piece: Vec<f32> =
                sound[pushed..pushed + random.usize(1..200)].iter().flat_map(|sample| [*sample, -*sample]).collect();
            let taken = resampler.push(FramePosition(pushed as u64), &piece);
            pushed += taken;
            let mut frames = vec![0.0; random.usize(1..150) * 2];
            let read = resampler.read(at, excess, &mut frames);
            assert!(frames[..read * 2].chunks(2).all(|frame| frame[0] == -frame[1]));
            out.extend(frames[..read * 2].iter().step_by(2));
            at = at.advanced_by(read as f64 * (1.0 + excess));
            resampler.discard_before(FramePosition(at.frame().0.saturating_sub(RESAMPLER_REACH)));
            assert!(taken > 0 || read > 0, "stuck at {at:?}");
        }
        for (i, (a, b)) in out.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() < 1e-6, "frame {i}: {a} and {b}");
        }
    }
}

#[test]
fn an_impulse_comes_out_where_it_belongs() {
    for fraction in [0.0, 0.1, 0.25, 0.5, 0.999] {
        let mut sound = vec![0.0; 400];
        sound[200] = 1.0;
        let mut out = vec![0.0; 128];
        holding(&sound).read(phase(136.0 + fraction), 0.0, &mut out);
        // The centre of gravity of an impulse that was moved is where it was moved to.
        let centre: f64 = out.iter().enumerate().map(|(i, sample)| i as f64 * f64::from(*sample)).sum();
        assert!((centre - (64.0 - fraction)).abs() < 1e-4, "{centre} for {fraction}");
    }
}

#[test]
fn sound_between_samples_is_what_it_would_have_been() {
    let band = Band::new(20.0 / 24.0, seed());
    let sound: Vec<f32> = (0..3_000).map(|i| band.at(f64::from(i)) as f32).collect();
    for (start, excess) in [(100.5, 0.0), (100.25, 50e-6), (100.123_456, -300e-6), (250.0, 5e-3)] {
        let mut out = vec![0.0; 2_500];
        holding(&sound).read(phase(start), excess, &mut out);
        let wrong = rms(out
            .iter()
            .enumerate()
            .map(|(i, sample)| f64::from(*sample) - band.at(start + i as f64 * (1.0 + excess))));
        let error = decibels(wrong / rms((0..3_000).map(|i| band.at(f64::from(i)))));
        println!("from {start} at {excess:+}: {error:.1} dB");
        assert!(error < -135.0, "from {start} at {excess}: {error} dB");
    }
}

#[test]
fn it_agrees_with_the_best_of_rubato() {
    let band = Band::new(0.8, seed());
    let sound: Vec<f32> = (0..20_000).map(|i| band.at(f64::from(i)) as f32).collect();
    let excess = 50e-6;
    let factor = 1024;
    let parameters = SincInterpolationParameters::new(512, WindowFunction::BlackmanHarris2)
        .oversampling_factor(factor)
        .interpolation(SincInterpolationType::Cubic);
    let mut theirs =
        Async::<f64>::new_sinc(1.0 / (1.0 + excess), 1.0, &parameters, 4_096, 1, FixedAsync::Output).unwrap();
    let mut heard = Vec::new();
    let mut fed = 0;
    while heard.len() < 12_000 {
        let frames = theirs.input_frames_next();
        let input = sound[fed..fed + frames].iter().map(|sample| f64::from(*sample)).collect();
        let input = InterleavedOwned::new_from(input, 1, frames).unwrap();
        let output = theirs.process(&input, None).unwrap();
        heard.extend(output.take_data());
        fed += frames;
    }
    // Its frame k is at (k + 1) steps, less half its kernel, plus one part of its table.
    let start = |k: f64| (k + 1.0) * (1.0 + excess) - 256.0 + 1.0 / factor as f64;
    let mut ours = vec![0.0; 10_000];
    assert_eq!(holding(&sound).read(phase(start(1_000.0)), excess, &mut ours), ours.len());
    let wrong = rms(ours.iter().zip(&heard[1_000..]).map(|(a, b)| f64::from(*a) - b));
    let error = decibels(wrong / rms(ours.iter().map(|sample| f64::from(*sample))));
    println!("{error:.1} dB");
    assert!(error < -130.0, "{error} dB");
}

#[test]
fn what_is_not_held_is_silence_before_and_nothing_behind() {
    let mut resampler = Resampler::new(1, 1_000);
    assert_eq!(resampler.push(FramePosition(5_000), &[1.0; 100]), 100);
    assert_eq!((resampler.start(), resampler.end()), (FramePosition(5_000), FramePosition(5_100)));
    let mut out = vec![9.0; 300];
    // Frame 5_067 wants 5_099, the last there is.
    assert_eq!(resampler.read(Phase::at(FramePosition(4_900)), 0.0, &mut out), 168);
    assert!(out[..100].iter().all(|sample| *sample == 0.0));
    assert!(out[100..168].iter().all(|sample| *sample == 1.0));
    assert!(out[168..].iter().all(|sample| *sample == 9.0));
    // Nothing is ready when all is past.
    assert_eq!(resampler.read(Phase::at(FramePosition(u64::MAX)), 0.0, &mut out), 0);
    assert_eq!(resampler.read(Phase::at(FramePosition(0)), 0.0, &mut out), 300);
    resampler.discard_before(FramePosition(5_050));
    assert_eq!(resampler.start(), FramePosition(5_050));
    assert_eq!(resampler.read(Phase::at(FramePosition(5_049)), 0.0, &mut out[..1]), 1);
    assert_eq!(out[0], 0.0);
}

#[test]
fn sound_that_does_not_continue_replaces_what_is_held() {
    let mut resampler = Resampler::new(2, 1_000);
    assert_eq!(resampler.push(FramePosition(10), &[0.5; 200]), 100);
    assert_eq!(resampler.push(FramePosition(110), &[0.5; 200]), 100);
    assert_eq!(resampler.end(), FramePosition(210));
    assert_eq!(resampler.push(FramePosition(209), &[0.25; 200]), 100);
    assert_eq!((resampler.start(), resampler.end()), (FramePosition(209), FramePosition(309)));
    resampler.clear();
    assert_eq!(resampler.start(), resampler.end());
    // No more is taken than there is room for, however often.
    for i in 0..50 {
        let taken = resampler.push(resampler.end(), &[0.0; 1_800]);
        assert_eq!(taken, if i == 0 { 900 } else { 100 });
        resampler.discard_before(FramePosition(resampler.end().0 - 900));
    }
    resampler.discard_before(FramePosition(u64::MAX));
    assert_eq!(resampler.start(), resampler.end());
}

#[test]
fn impossible_ratios_and_positions_do_no_harm() {
    let resampler = holding(&[0.5; 1_000]);
    let mut out = [0.0; 10];
    for excess in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300] {
        assert_eq!(resampler.read(phase(100.0), excess, &mut out), 10);
        assert!(out.iter().all(|sample| sample.is_finite()));
    }
    let mut late = Resampler::new(1, 100);
    late.push(FramePosition(u64::MAX - 10), &[0.5; 100]);
    assert_eq!(late.read(Phase::at(FramePosition(u64::MAX - 5)), 300e-6, &mut out), 0);
}
