//! From the rate of a file to the rate of a stream: a fixed ratio of whole numbers.
//!
//! Output frame n is read at the input's frame n * from / to, exactly, for as long as a file lasts; so it is the same
//! frame whether it was reached by playing or by seeking. The kernel passes 91 % of the lower Nyquist frequency (20 kHz
//! at 44.1 kHz) and holds back what lies above it by 140 dB.

use crate::resample::{Kernel, dot};

/// Taps when the rate is not lowered; the transition between what passes and what does not is 9 % of the band.
const TAPS: usize = 224;

/// Where the kernel is 6 dB down: in the middle of the transition.
const CUTOFF: f64 = 0.954;

/// Phases for each frame of the lower rate, when the ratio has too many of its own. A cubic between two of them is
/// 160 dB from the true curve.
const PHASES: f64 = 128.0;

/// As many taps as are worth computing: 1 MiB of them.
const MAX_TABLE: usize = 1 << 18;

/// Turns sound of one rate into sound of another.
#[derive(Debug)]
pub(crate) struct Converter {
    /// The ratio of the rates in lowest terms.
    from: u64,
    to: u64,
    kernel: Kernel,
    scratch: Vec<f32>,
    /// Sound that is still wanted, by channel.
    channels: Vec<Vec<f32>>,
    /// The input frame that the buffers begin with. Before frame 0 there is silence.
    begin: i64,
    /// The next output frame.
    next: u64,
    /// Output frames in all; known when the input has ended.
    end: Option<u64>,
}

impl Converter {
    /// Between two rates in hertz.
    pub(crate) fn new(from: u32, to: u32, channels: usize) -> Self {
        let divisor = greatest_common_divisor(from, to);
        let (from, to) = (from / divisor, to / divisor);
        let lowered = (f64::from(from) / f64::from(to)).max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
        let (taps, phases) = ((TAPS as f64 * lowered) as usize, (PHASES / lowered).ceil() as usize);
        let taps = taps.next_multiple_of(16);
        // With as many phases as the ratio has, every output frame lies on one.
        let exact = to as usize;
        let phases = if exact * taps <= MAX_TABLE { exact } else { phases.max(16) };
        let mut converter = Self {
            from: from.into(),
            to: to.into(),
            kernel: Kernel::new(taps, phases, CUTOFF / lowered),
            scratch: vec![0.0; taps],
            channels: vec![Vec::new(); channels],
            begin: 0,
            next: 0,
            end: None,
        };
        converter.restart(0);
        converter
    }

    /// Output frames for so many input frames, to the nearest.
    pub(crate) fn output_frames(&self, input_frames: u64) -> u64 {
        let twice = u128::from(input_frames) * u128::from(self.to) * 2 + u128::from(self.from);
        u64::try_from(twice / (u128::from(self.from) * 2)).unwrap_or(u64::MAX)
    }

    /// Goes on with another output frame, and says which input frame is to be pushed next.
    pub(crate) fn restart(&mut self, output: u64) -> u64 {
        self.next = output;
        self.end = None;
        self.begin = i64::try_from(self.place(output).0).unwrap_or(i64::MAX) - (self.half() - 1);
        let silence = usize::try_from(-self.begin).unwrap_or(0);
        for channel in &mut self.channels {
            channel.clear();
            channel.resize(silence, 0.0);
        }
        u64::try_from(self.begin).unwrap_or(0)
    }

    /// Takes the next interleaved input frames.
    pub(crate) fn push(&mut self, interleaved: &[f32]) {
        let count = self.channels.len();
        for (i, channel) in self.channels.iter_mut().enumerate() {
            channel.extend(interleaved.iter().skip(i).step_by(count));
        }
    }

    /// The input has ended; what is still in the kernel comes out.
    pub(crate) fn finish(&mut self) {
        let held = self.channels.first().map_or(0, Vec::len);
        let input_frames = u64::try_from(self.begin.saturating_add_unsigned(held as u64)).unwrap_or(0);
        self.end = Some(self.output_frames(input_frames));
        let silence = self.kernel.taps();
        self.channels.iter_mut().for_each(|channel| channel.resize(held + silence, 0.0));
    }

    /// Writes output frames, and says how many: fewer than fit when more input is wanted, or all is over.
    pub(crate) fn read(&mut self, out: &mut [f32]) -> usize {
        let mut written = 0;
        for frame in out.chunks_exact_mut(self.channels.len()) {
            if self.end.is_some_and(|end| self.next >= end) {
                break;
            }
            let (whole, rest) = self.place(self.next);
            let first = i64::try_from(whole).unwrap_or(i64::MAX) - (self.half() - 1) - self.begin;
            let Some(window) = usize::try_from(first).ok().map(|first| first..first + self.kernel.taps()) else {
                break;
            };
            if self.channels.iter().any(|channel| channel.len() < window.end) {
                break;
            }
            let phases = rest * self.kernel.phases() as u64;
            #[expect(clippy::cast_possible_truncation, reason = "fewer than there are phases")]
            let (phase, between) = ((phases / self.to) as usize, (phases % self.to) as f32 / self.to as f32);
            let taps = self.kernel.at(phase, between, &mut self.scratch);
            for (sample, channel) in frame.iter_mut().zip(&self.channels) {
                *sample = dot(taps, &channel[window.clone()]);
            }
            self.next += 1;
            written += 1;
        }
        self.forget();
        written
    }

    /// The input frame in which an output frame lies, and how far into it, in parts of `to`.
    fn place(&self, output: u64) -> (u64, u64) {
        let parts = u128::from(output) * u128::from(self.from);
        let whole = parts / u128::from(self.to);
        #[expect(clippy::cast_possible_truncation, reason = "less than to")]
        let rest = (parts % u128::from(self.to)) as u64;
        (u64::try_from(whole).unwrap_or(u64::MAX), rest)
    }

    /// Drops what no output frame wants any more, when it is worth moving the rest.
    fn forget(&mut self) {
        let first = i64::try_from(self.place(self.next).0).unwrap_or(i64::MAX) - (self.half() - 1);
        let old = usize::try_from(first.saturating_sub(self.begin)).unwrap_or(0);
        if old > self.kernel.taps() * 2 {
            let old = old.min(self.channels.first().map_or(0, Vec::len));
            self.channels.iter_mut().for_each(|channel| drop(channel.drain(..old)));
            self.begin = self.begin.saturating_add_unsigned(old as u64);
        }
    }

    fn half(&self) -> i64 {
        i64::try_from(self.kernel.taps() / 2).unwrap_or(i64::MAX)
    }
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of the output, the input pushed in pieces of another size than it is read in.
    fn convert(converter: &mut Converter, input: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        let mut piece = [0.0; 333];
        let mut rest = input.chunks(1_000);
        loop {
            let read = converter.read(&mut piece);
            out.extend_from_slice(&piece[..read]);
            if read == 0 {
                match rest.next() {
                    Some(input) => converter.push(input),
                    None if converter.end.is_none() => converter.finish(),
                    None => return out,
                }
            }
        }
    }

    const PAIRS: [(u32, u32); 14] = [
        (44_100, 48_000),
        (48_000, 44_100),
        (96_000, 48_000),
        (192_000, 48_000),
        (8_000, 48_000),
        (22_050, 48_000),
        (88_200, 48_000),
        (192_000, 44_100),
        (44_100, 192_000),
        (44_100, 8_000),
        (44_099, 48_000),
        (48_000, 47_999),
        (191_999, 8_000),
        (8_001, 192_000),
    ];

    #[test]
    fn tones_keep_their_place_and_all_their_length() {
        for (from, to) in PAIRS {
            let mut converter = Converter::new(from, to, 1);
            for (share, seconds) in [(0.02, 0.3), (0.4, 0.25), (0.85, 0.3)] {
                let hertz = f64::from(from.min(to)) / 2.0 * share;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
                let frames = (seconds * f64::from(from)) as usize;
                let tone = |at: f64| (std::f64::consts::TAU * hertz * at).sin();
                #[expect(clippy::cast_possible_truncation, reason = "to 32 bits")]
                let input: Vec<f32> = (0..frames).map(|i| tone(i as f64 / f64::from(from)) as f32).collect();
                converter.restart(0);
                let out = convert(&mut converter, &input);
                let expected = (frames as f64 * f64::from(to) / f64::from(from)).round();
                assert!((out.len() as f64 - expected).abs() < 0.5, "{from} to {to}: {} frames", out.len());
                // The kernel reaches over the ends, where a tone that begins is not a tone yet.
                let edge = 400 * to as usize / from.min(to) as usize;
                let worst = (edge..out.len() - edge)
                    .map(|i| (f64::from(out[i]) - tone(i as f64 / f64::from(to))).abs())
                    .fold(0.0, f64::max);
                assert!(worst < 1e-6, "{from} to {to}, {hertz} Hz: {worst:e}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            let mut converter = Converter::new(from, to, 1);
            let pitch = std::f64::consts::PI * f64::from(to) / f64::from(from) * 1.005;
            #[expect(clippy::cast_possible_truncation, reason = "to 32 bits")]
            let input: Vec<f32> = (0..40_000).map(|i| (f64::from(i) * pitch).sin() as f32).collect();
            let out = convert(&mut converter, &input);
            let loudest = out[300..out.len() - 300].iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
            // Just behind a Nyquist frequency that is hardly below the other, nothing can be told from its mirror.
            assert!(loudest < 1e-6 || pitch > std::f64::consts::PI, "{from} to {to}: {loudest:e}");
        }
    }

    #[test]
    fn a_frame_is_the_same_however_it_was_reached() {
        let mut random = fastrand::Rng::with_seed(5);
        for (from, to) in PAIRS {
            let input: Vec<f32> = (0..5_000).map(|_| random.f32() - 0.5).collect();
            let mut converter = Converter::new(from, to, 1);
            let whole = convert(&mut converter, &input);
            for _ in 0..4 {
                let at = random.usize(0..whole.len());
                let begin = converter.restart(at as u64);
                let out = convert(&mut converter, input.get(usize::try_from(begin).unwrap()..).unwrap_or_default());
                assert_eq!(out, whole[at..], "{from} to {to}, from {at}");
            }
        }
    }

    #[test]
    fn the_last_sample_is_there() {
        let mut input = vec![0.0; 44_100];
        input[44_099] = 1.0;
        let out = convert(&mut Converter::new(44_100, 48_000, 1), &input);
        assert_eq!(out.len(), 48_000);
        assert!(out[47_999] > 0.8, "{}", out[47_999]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut converter = Converter::new(44_100, 48_000, 2);
        let mut out = vec![0.0; 4_096];
        for _ in 0..5_000 {
            converter.push(&[0.1; 2_000]);
            while converter.read(&mut out) > 0 {}
            assert!(converter.channels[0].capacity() < 10_000);
        }
    }
}
