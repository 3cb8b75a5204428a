//! From the rate of a file to the rate of a stream: a fixed ratio of whole numbers, by rubato's FFT resampler.
//!
//! Output frame n is read at the input's frame n * from / to, exactly, for as long as a file lasts; so it is the same
//! frame whether it was reached by playing or by seeking. What lies below 93 % of the lower Nyquist frequency (20.5 kHz
//! at 44.1 kHz) is exact to the rounding of 32-bit samples, 1e-7 of full scale; what lies above that Nyquist frequency
//! is held back by 140 dB.

use std::collections::VecDeque;

use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::owned::InterleavedOwned};

/// The length of the filter in frames of the lower rate, at least. Half as long it would not pass 20 kHz at 44.1 kHz;
/// the longer it is, the more it smears what is sudden.
const FILTER_FRAMES: usize = 512;

/// Turns sound of one rate into sound of another, block by block.
///
/// A block is as long as the filter and holds a whole number of frames at either rate: 13 ms from 44.1 to 48 kHz, and
/// never more than a second, which is what rates without a common divisor want. In stereo that takes 1 MB of memory, or
/// 12 MB from 44 099 to 48 000 Hz, or 75 MB from 191 999 to 192 000 Hz.
///
/// The input begins with half a filter of silence. Output block k is then block k + 1 of what rubato gives, and is made
/// from input blocks k and k + 1 and no others.
#[derive(Debug)]
pub(crate) struct Converter {
    /// In 64 bits: with 32 the filter itself would be noise where blocks are long.
    fft: Fft<f64>,
    /// Interleaved input that does not fill a block yet.
    waiting: VecDeque<f32>,
    /// Interleaved output that was not read yet.
    ready: VecDeque<f32>,
    /// Frames that rubato is yet to give before the one that is wanted.
    skip: usize,
    /// The next output frame.
    next: u64,
    /// The next input frame.
    pushed: u64,
    /// Output frames in all; known when the input has ended.
    end: Option<u64>,
}

impl Converter {
    /// Between two rates in hertz.
    pub(crate) fn new(from: u32, to: u32, channels: usize) -> Self {
        let (from, to) = (from as usize, to as usize);
        let block = (FILTER_FRAMES * from.max(to)).div_ceil(to);
        let mut converter = Self {
            fft: Fft::new(from, to, block, channels, FixedSync::Both).expect("no rate is 0"),
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            skip: 0,
            next: 0,
            pushed: 0,
            end: None,
        };
        converter.restart(0);
        converter
    }

    /// Output frames for so many input frames, to the nearest.
    pub(crate) fn output_frames(&self, input_frames: u64) -> u64 {
        let (from, to) = (self.fft.fft_size_in() as u128, self.fft.fft_size_out() as u128);
        u64::try_from((u128::from(input_frames) * to * 2 + from) / (from * 2)).unwrap_or(u64::MAX)
    }

    /// Goes on with another output frame, and says which input frame is to be pushed next.
    pub(crate) fn restart(&mut self, output: u64) -> u64 {
        let (from, to) = (self.fft.fft_size_in(), self.fft.fft_size_out());
        // The peak of rubato's filter is at its frame from / 2. With the silence the delay is a whole block.
        let silence = from - from / 2;
        let (block, within) = (output / to as u64, output % to as u64);
        self.fft.reset();
        self.waiting.clear();
        self.ready.clear();
        if block == 0 {
            self.waiting.resize(silence * self.fft.nbr_channels(), 0.0);
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than a block")]
        let within = within as usize;
        self.skip = to + within;
        self.next = output;
        self.pushed = block.saturating_mul(from as u64).saturating_sub(silence as u64);
        self.end = None;
        self.pushed
    }

    /// Takes the next interleaved input frames.
    pub(crate) fn push(&mut self, interleaved: &[f32]) {
        self.waiting.extend(interleaved);
        self.pushed = self.pushed.saturating_add((interleaved.len() / self.fft.nbr_channels()) as u64);
    }

    /// Output frames that are still to come when the input ends here.
    pub(crate) fn owed(&self) -> u64 {
        self.output_frames(self.pushed).saturating_sub(self.next)
    }

    /// The input has ended; what is still in the filter comes out.
    pub(crate) fn finish(&mut self) {
        self.end = Some(self.output_frames(self.pushed));
    }

    /// Writes output frames, and says how many: fewer than fit when more input is wanted, or all is over.
    pub(crate) fn read(&mut self, out: &mut [f32]) -> usize {
        let channels = self.fft.nbr_channels();
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.next));
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(out.len() / channels) * channels;
        while self.ready.len() < wanted
            && (self.end.is_some() || self.waiting.len() >= self.fft.fft_size_in() * channels)
        {
            self.convert_block();
        }
        let count = wanted.min(self.ready.len());
        out.iter_mut().zip(self.ready.drain(..count)).for_each(|(to, from)| *to = from);
        self.next += (count / channels) as u64;
        count / channels
    }

    /// Converts the first block of what is waiting; what that lacks is silence.
    fn convert_block(&mut self) {
        let (channels, frames) = (self.fft.nbr_channels(), self.fft.fft_size_in());
        let held = self.waiting.len().min(frames * channels);
        let mut block: Vec<f64> = self.waiting.drain(..held).map(f64::from).collect();
        block.resize(frames * channels, 0.0);
        let block = InterleavedOwned::new_from(block, channels, frames).expect("it was made so long");
        let block = self.fft.process(&block, None).expect("a block is what it takes").take_data();
        let skipped = self.skip.min(self.fft.fft_size_out());
        self.skip -= skipped;
        #[expect(clippy::cast_possible_truncation, reason = "to 32 bits")]
        self.ready.extend(block[skipped * channels..].iter().map(|sample| *sample as f32));
    }
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
            for (share, seconds) in [(0.02, 0.3), (0.4, 0.25), (0.85, 0.3), (0.93, 0.4)] {
                let hertz = f64::from(from.min(to)) / 2.0 * share;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
                let frames = (seconds * f64::from(from)) as usize;
                // Without a fade a tone that begins is not a tone yet, and the filter says so.
                let fade = |at: f64| (std::f64::consts::PI * at * f64::from(from) / frames as f64).sin().powi(4);
                let tone = |at: f64| (std::f64::consts::TAU * hertz * at).sin() * fade(at);
                #[expect(clippy::cast_possible_truncation, reason = "to 32 bits")]
                let input: Vec<f32> = (0..frames).map(|i| tone(i as f64 / f64::from(from)) as f32).collect();
                converter.restart(0);
                let out = convert(&mut converter, &input);
                let expected = (frames as f64 * f64::from(to) / f64::from(from)).round();
                assert!((out.len() as f64 - expected).abs() < 0.5, "{from} to {to}: {} frames", out.len());
                let worst = (0..out.len())
                    .map(|i| (f64::from(out[i]) - tone(i as f64 / f64::from(to))).abs())
                    .fold(0.0, f64::max);
                println!("{from} to {to}, {hertz} Hz: {worst:e}");
                assert!(worst < 1.2e-7, "{from} to {to}, {hertz} Hz: {worst:e}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            // Just behind a Nyquist frequency that is hardly below the other, nothing can be told from its mirror.
            if from - to < from / 100 {
                continue;
            }
            let mut converter = Converter::new(from, to, 1);
            for share in [1.001, 1.005, 1.05] {
                let pitch = std::f64::consts::PI * f64::from(to) / f64::from(from) * share;
                #[expect(clippy::cast_possible_truncation, reason = "to 32 bits")]
                let input: Vec<f32> = (0..from * 2).map(|i| (f64::from(i) * pitch).sin() as f32).collect();
                converter.restart(0);
                let out = convert(&mut converter, &input);
                let edge = converter.fft.fft_size_out() / 2;
                let heard = &out[edge..out.len() - edge];
                let loudest = heard.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
                println!("{from} to {to}, {share}: {:.1} dB", 20.0 * loudest.log10());
                assert!(loudest < 1e-7, "{from} to {to}, {share}: {loudest:e}");
            }
        }
    }

    #[test]
    fn a_frame_is_the_same_however_it_was_reached() {
        let mut random = fastrand::Rng::with_seed(5);
        for (from, to) in PAIRS {
            let mut converter = Converter::new(from, to, 1);
            let frames = converter.fft.fft_size_in() * 7 / 2;
            let input: Vec<f32> = (0..frames).map(|_| random.f32() - 0.5).collect();
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
        for (from, to) in PAIRS {
            let mut converter = Converter::new(from, to, 2);
            let (block_in, block_out) = (converter.fft.fft_size_in(), converter.fft.fft_size_out());
            assert!(block_in <= from as usize && block_out <= to as usize, "{from} to {to}: {block_in}, {block_out}");
            let mut out = vec![0.0; 4_096];
            for _ in 0..1_000 {
                converter.push(&[0.1; 2_000]);
                while converter.read(&mut out) > 0 {}
                // A vector may be twice as long as what was ever in it, and a little more.
                assert!(converter.waiting.capacity() < 3 * (block_in * 2 + 2_000));
                assert!(converter.ready.capacity() < 3 * (block_out * 2 + 4_096));
            }
        }
    }
}
