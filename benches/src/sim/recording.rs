//! All that a converter was given.

use unisono_core::{
    playout::{Decode, Step},
    timeline::Phase,
};

/// What a room played, to the last bit: a packet that is decoded holds the same sound in every run, so that what was
/// decoded in which order, and what of it was rendered at which phase, rate and gain, is every sample that there was.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What the decoder did.
    pub decoded: Vec<Decode<()>>,
    /// What was written to the converter, without a gap from the first frame on.
    pub rendered: Vec<Step>,
    /// Frames that the converter emits in a second of true time.
    rate: f64,
}

impl Recording {
    pub(super) const fn new(rate: f64) -> Self {
        Self { decoded: Vec::new(), rendered: Vec::new(), rate }
    }

    /// What differs first in another recording; `None` when not a single sample does.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let decoded = first_difference(&self.decoded, &other.decoded)
            .map(|i| format!("decoded {:?}, then {:?}", self.decoded.get(i), other.decoded.get(i)));
        let rendered = first_difference(&self.rendered, &other.rendered).map(|i| {
            let written: u64 = self.rendered[..i].iter().map(|step| u64::from(frames(step))).sum();
            let seconds = written as f64 / self.rate;
            format!("at {seconds:.3} s rendered {:?}, then {:?}", self.rendered.get(i), other.rendered.get(i))
        });
        rendered.or(decoded)
    }

    /// Every step that was not silent: when it leaves the converter, in seconds, and with what phase.
    pub fn sounds(&self) -> impl Iterator<Item = (f64, Phase)> {
        let mut written = 0_u64;
        self.rendered.iter().filter_map(move |step| {
            let first = written;
            written += u64::from(frames(step));
            let Step::Play { start, .. } = step else { return None };
            Some((first as f64 / self.rate, *start))
        })
    }

    /// For how long nothing is heard from one instant to another, all in seconds.
    pub fn silent_for(&self, from: f64, to: f64) -> f64 {
        let (from, to) = (from * self.rate, to * self.rate);
        let (mut first, mut sounding) = (0.0, 0.0);
        for step in &self.rendered {
            let next = first + f64::from(frames(step));
            if matches!(step, Step::Play { .. }) {
                sounding += (next.min(to) - f64::max(first, from)).max(0.0);
            }
            first = next;
        }
        (to - from - sounding) / self.rate
    }

    /// The phase that leaves the converter at an instant, in seconds; `None` is silence.
    pub fn phase_at(&self, seconds: f64) -> Option<Phase> {
        let wanted = seconds * self.rate;
        let mut first = 0.0;
        for step in &self.rendered {
            let next = first + f64::from(frames(step));
            if wanted < next {
                let Step::Play { start, excess, .. } = step else { return None };
                return Some(start.advanced_by((wanted - first) * (1.0 + excess)));
            }
            first = next;
        }
        None
    }
}

const fn frames(step: &Step) -> u32 {
    match step {
        Step::Silence { frames } | Step::Play { frames, .. } => *frames,
        Step::Wait | Step::Discard { .. } => 0,
    }
}

fn first_difference<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (same < a.len().max(b.len())).then_some(same)
}
