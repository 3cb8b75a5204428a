//! What the equaliser promises: the response that its settings say, no step, no delay, no bit changed when it is off.
#![allow(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "these are samples")]

use std::f64::consts::{PI, TAU};

use unisono_core::{
    sound::{Band, BandKind, Bands, Decibels, Equaliser as Setting, Frequency, MAX_BANDS, Quality},
    units::SampleRate,
};
use unisono_media::equaliser::Equaliser;

const RATE: SampleRate = SampleRate::HZ_48000;

fn band(kind: BandKind, hertz: f64, decibels: f64, q: f64) -> Band {
    let (frequency, gain) = (Frequency::new(hertz).unwrap(), Decibels::new(decibels).unwrap());
    Band { kind, frequency, gain, q: Quality::new(q).unwrap() }
}

fn on(preamp: f64, bands: &[Band]) -> Setting {
    Setting { enabled: true, preamp: Decibels::new(preamp).unwrap(), bands: Bands::new(bands).unwrap() }
}

fn settled(setting: Setting, rate: SampleRate) -> Equaliser {
    let mut equaliser = Equaliser::new(rate);
    equaliser.set_at_once(setting);
    equaliser
}

/// The left channel of what comes of a sound that is on the left, while the right is silent.
fn shaped(equaliser: &mut Equaliser, mono: &[f32], block: usize) -> Vec<f32> {
    let mut stereo: Vec<f32> = mono.iter().flat_map(|sample| [*sample, 0.0]).collect();
    stereo.chunks_mut(block * 2).for_each(|block| equaliser.pass(block));
    assert!(stereo.iter().skip(1).step_by(2).all(|right| *right == 0.0), "one channel is heard on the other");
    stereo.into_iter().step_by(2).collect()
}

/// The response in decibels, by the prototypes of the cookbook: H(s) at s = j tan(w / 2) / tan(w0 / 2).
fn analytic(band: &Band, hertz: f64, rate: SampleRate) -> f64 {
    let warped = |hertz: f64| (PI * hertz / f64::from(rate.hertz())).tan();
    let s = warped(hertz) / warped(band.frequency.value().min(0.49 * f64::from(rate.hertz())));
    let (a, q) = (10_f64.powf(band.gain.value() / 40.0), band.q.value());
    // Real and imaginary part of numerator and denominator; s² is −s².
    let (above, below) = match band.kind {
        BandKind::Peak => ((1.0 - s * s, s * a / q), (1.0 - s * s, s / (a * q))),
        BandKind::LowShelf => ((a * (a - s * s), a * s * a.sqrt() / q), (1.0 - a * s * s, s * a.sqrt() / q)),
        BandKind::HighShelf => ((a * (1.0 - a * s * s), a * s * a.sqrt() / q), (a - s * s, s * a.sqrt() / q)),
        BandKind::LowPass => ((1.0, 0.0), (1.0 - s * s, s / q)),
        BandKind::HighPass => ((-s * s, 0.0), (1.0 - s * s, s / q)),
        BandKind::Notch => ((1.0 - s * s, 0.0), (1.0 - s * s, s / q)),
        BandKind::Other(_) => ((1.0, 0.0), (1.0, 0.0)),
    };
    20.0 * (above.0.hypot(above.1) / below.0.hypot(below.1)).log10()
}

/// The response in decibels, by what becomes of one sample.
fn measured(impulse: &[f32], hertz: f64, rate: SampleRate) -> f64 {
    let step = TAU * hertz / f64::from(rate.hertz());
    let sum = impulse.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, sample)| {
        let (sin, cos) = (step * n as f64).sin_cos();
        (re + f64::from(*sample) * cos, im - f64::from(*sample) * sin)
    });
    20.0 * sum.0.hypot(sum.1).log10()
}

fn impulse_response(setting: Setting, rate: SampleRate) -> Vec<f32> {
    let mut impulse = vec![0.0; 3 * rate.hertz() as usize];
    impulse[0] = 1.0;
    shaped(&mut settled(setting, rate), &impulse, 441)
}

const EVERYWHERE: [f64; 14] =
    [20.0, 31.5, 50.0, 63.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 3_150.0, 5_000.0, 10_000.0, 16_000.0, 19_500.0];

#[test]
fn every_band_has_the_response_that_its_settings_say_within_a_tenth_of_a_decibel() {
    let mut compared = 0;
    for rate in [44_100, 48_000, 96_000].map(|rate| SampleRate::new(rate).unwrap()) {
        for kind in BandKind::ALL {
            for (hertz, decibels, q) in [
                (20.0, 12.0, 0.7),
                (20.0, -24.0, 10.0),
                (105.0, 5.0, 0.7),
                (1_000.0, -6.5, 1.414),
                (1_000.0, 12.0, 0.1),
                (8_000.0, 4.0, 3.0),
                (20_000.0, -12.0, 0.5),
                (20_000.0, 6.0, 10.0),
            ] {
                let band = band(kind, hertz, decibels, q);
                let response = impulse_response(on(0.0, &[band]), rate);
                for at in EVERYWHERE {
                    let (expected, found) = (analytic(&band, at, rate), measured(&response, at, rate));
                    // What is 80 dB down is not heard; a float's rounding is.
                    if expected > -80.0 {
                        let off = (expected - found).abs();
                        assert!(off < 0.1, "{band:?} at {at} Hz of {rate}: {found} dB, not {expected} dB");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 1_500, "{compared}");
}

#[test]
fn bands_and_preamp_add_up_and_what_a_band_of_tomorrow_does_is_nothing() {
    let bands = [
        band(BandKind::LowShelf, 105.0, 4.5, 0.7),
        band(BandKind::Peak, 2_150.0, -3.1, 2.0),
        Band { kind: BandKind::Other(99), ..band(BandKind::Peak, 500.0, 12.0, 1.0) },
        band(BandKind::HighShelf, 9_000.0, 3.0, 0.7),
    ];
    let response = impulse_response(on(-4.5, &bands), RATE);
    for at in EVERYWHERE {
        let known = bands.iter().filter(|band| !matches!(band.kind, BandKind::Other(_)));
        let expected = -4.5 + known.map(|band| analytic(band, at, RATE)).sum::<f64>();
        let found = measured(&response, at, RATE);
        assert!((expected - found).abs() < 0.1, "at {at} Hz: {found} dB, not {expected} dB");
    }
}

#[test]
fn off_changes_no_bit_whatever_the_samples_are_and_neither_does_a_flat_one() {
    let strange = [-0.0, f32::MIN_POSITIVE / 3.0, f32::MAX, -1.5, 1e-30, f32::NAN, f32::NEG_INFINITY, 0.1];
    let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
    let bands = [band(BandKind::Peak, 1_000.0, 6.0, 1.0)];
    let off = Setting { enabled: false, ..on(6.0, &bands) };
    let flat = on(0.0, &[band(BandKind::Peak, 1_000.0, 0.0, 1.0), band(BandKind::LowShelf, 100.0, 0.0, 1.0)]);
    for setting in [Setting::default(), off, flat] {
        let mut equaliser = Equaliser::new(RATE);
        for passed in [setting, on(6.0, &bands), setting] {
            equaliser.set(passed);
            equaliser.pass(&mut [0.25; 4_000]);
        }
        assert!(equaliser.is_open());
        let mut out = strange;
        equaliser.pass(&mut out);
        assert_eq!(bits(&out), bits(&strange), "{setting:?}");
    }
}

#[test]
fn the_first_frame_in_is_the_first_frame_out() {
    for kind in BandKind::ALL {
        let response = impulse_response(on(0.0, &[band(kind, 3_000.0, 6.0, 1.0)]), RATE);
        assert!(response[0].abs() > 0.01, "{kind:?} puts sound off");
    }
}

/// The largest step from a sample to the next.
fn steepest(samples: &[f32]) -> f32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// Two deep tones, whose own steps are small, so that one that is none of theirs stands out.
fn tones(frames: usize) -> Vec<f32> {
    let tone = |n: usize, hertz: f64| (TAU * hertz * n as f64 / 48_000.0).sin();
    (0..frames).map(|n| (0.25 * tone(n, 97.0) + 0.2 * tone(n, 41.0)) as f32).collect()
}

/// What a hand might set: anything at all.
fn any_setting(random: &mut fastrand::Rng) -> Setting {
    let kinds: Vec<BandKind> = (0..random.usize(0..5)).map(|_| BandKind::ALL[random.usize(0..3)]).collect();
    let mut any = |low: f64, high: f64| low + random.f64() * (high - low);
    let bands: Vec<Band> = kinds
        .into_iter()
        .map(|kind| band(kind, 20.0 * 1_000_f64.powf(any(0.0, 1.0)), any(-6.0, 4.0), any(0.3, 4.0)))
        .collect();
    Setting { enabled: any(0.0, 1.0) > 0.2, ..on(any(-12.0, 3.0), &bands) }
}

#[test]
fn no_change_makes_a_step_that_is_not_the_sounds_own() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let sound = tones(48_000);
    for _ in 0..40 {
        let settings = [any_setting(&mut random), any_setting(&mut random)];
        let own = settings.map(|setting| steepest(&shaped(&mut settled(setting, RATE), &sound, 800)));
        let mut equaliser = settled(settings[0], RATE);
        let mut heard = shaped(&mut equaliser, &sound[..20_000], 800);
        equaliser.set(settings[1]);
        heard.extend(shaped(&mut equaliser, &sound[20_000..], 800));
        // While one fades into the other, what they differ by is a slope as well.
        let apart = heard.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs())) * 2.0;
        let limit = own[0].max(own[1]) * 1.5 + apart * 1.5 / 1_200.0;
        assert!(steepest(&heard) <= limit, "{} where {limit} is its own: {settings:?}", steepest(&heard));
    }
}

#[test]
fn a_hand_that_drags_a_band_about_makes_no_step() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let sound = tones(20 * 48_000);
    // The largest that any of it gets: 12 dB.
    let limit = steepest(&sound) * 4.0 * 1.2 + 2.0 * 0.45 * 4.0 * 1.5 / 1_200.0;
    let mut equaliser = Equaliser::new(RATE);
    let (mut heard, mut at) = (Vec::new(), 0);
    let (mut place, mut decibels) = (0.5, 0.0);
    while at < sound.len() {
        // From every few milliseconds to some ten, a little or far.
        let frames = random.usize(100..2_400).min(sound.len() - at);
        place = if random.u8(0..10) == 0 { random.f64() } else { (place + random.f64() * 0.1 - 0.05).clamp(0.0, 1.0) };
        decibels = (decibels + random.f64() * 8.0 - 4.0_f64).clamp(-24.0, 12.0);
        let bands = [band(BandKind::Peak, 20.0 * 1_000_f64.powf(place), decibels, 2.0)];
        equaliser.set(Setting { enabled: random.u8(0..20) > 0, ..on(0.0, &bands) });
        heard.extend(shaped(&mut equaliser, &sound[at..at + frames], 173));
        at += frames;
    }
    assert!(heard.iter().all(|sample| sample.abs() < 2.5), "it rings");
    assert!(steepest(&heard) <= limit, "{} where {limit} is its own", steepest(&heard));
}

#[test]
fn of_changes_in_a_row_the_last_is_heard_within_two_fades() {
    let bands = |decibels| on(0.0, &[band(BandKind::Peak, 1_000.0, decibels, 1.0)]);
    let mut equaliser = Equaliser::new(RATE);
    for step in 0..100 {
        equaliser.set(bands(f64::from(step) * 0.1));
    }
    assert_eq!(*equaliser.setting(), bands(9.9));
    let sound = tones(48_000);
    let heard = shaped(&mut equaliser, &sound, 800);
    let (mut there, mut expected) = (settled(bands(9.9), RATE), Vec::new());
    expected.extend(shaped(&mut there, &sound, 800));
    let off = heard.iter().zip(&expected).skip(2_400).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-3, "{off}");
}

#[test]
fn silence_behind_a_sound_ends_as_nothing_and_a_number_that_is_none_does_not_stay() {
    let deep = [band(BandKind::Peak, 20.0, 12.0, 10.0), band(BandKind::LowShelf, 20.0, 12.0, 10.0)];
    let mut equaliser = settled(on(0.0, &deep), RATE);
    let mut out = [0.5; 9_600];
    equaliser.pass(&mut out);
    for _ in 0..200 {
        let mut out = [0.0; 9_600];
        equaliser.pass(&mut out);
        assert!(out.iter().all(|sample| !sample.is_subnormal()), "a processor is slow with such numbers");
    }
    let mut out = [0.0; 9_600];
    equaliser.pass(&mut out);
    assert!(out.iter().all(|sample| *sample == 0.0), "it rings on for ever");
    equaliser.pass(&mut [f32::NAN; 8]);
    let mut out = [0.1; 96];
    equaliser.pass(&mut out);
    assert!(out.iter().all(|sample| sample.is_finite()), "it does not recover");
}

#[test]
fn the_wildest_settings_are_stable() {
    for (kind, hertz, q) in [
        (BandKind::Peak, 20.0, 10.0),
        (BandKind::LowShelf, 20.0, 10.0),
        (BandKind::HighShelf, 20_000.0, 10.0),
        (BandKind::LowPass, 20_000.0, 10.0),
        (BandKind::HighPass, 20.0, 10.0),
    ] {
        for rate in [8_000, 32_000, 44_100, 384_000].map(|rate| SampleRate::new(rate).unwrap()) {
            let all = impulse_response(on(12.0, &[band(kind, hertz, 12.0, q); MAX_BANDS]), rate);
            assert!(all.iter().all(|sample| sample.is_finite()), "{kind:?} at {rate}");
            let response = impulse_response(on(12.0, &[band(kind, hertz, 12.0, q)]), rate);
            let (first, last) = response.split_at(response.len() * 5 / 6);
            let peak = |samples: &[f32]| samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!(peak(last) < peak(first) * 1e-3, "{kind:?} at {rate} rings on");
        }
    }
}

#[test]
fn at_work_it_allocates_nothing() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut equaliser = Equaliser::new(RATE);
    let mut out = [0.1; 1_600];
    let settings: Vec<Setting> = (0..50).map(|_| any_setting(&mut random)).collect();
    let seen = allocation_counter::measure(|| {
        for setting in settings.iter().copied() {
            equaliser.set(setting);
            equaliser.pass(&mut out);
        }
        equaliser.set_rate(SampleRate::new(44_100).unwrap());
        equaliser.rest();
        equaliser.pass(&mut out);
    });
    assert_eq!((seen.count_total, seen.count_current), (0, 0));
}
