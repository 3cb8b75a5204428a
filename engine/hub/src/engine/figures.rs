//! What is counted of the sources, for those who watch.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use unisono_core::units::SampleRate;

use super::Engine;
use crate::house::GroupId;

/// Samples below this are silence: half of the last bit of 24.
const SILENT: f32 = 1.0 / 16_777_216.0;

/// For how long a source has been silent; written by the thread that reads it.
#[derive(Clone, Debug, Default)]
pub(super) struct Silence(Arc<AtomicU64>);

impl Silence {
    /// Takes what was read.
    pub(super) fn hear(&self, samples: &[f32], channels: usize) {
        let frames = samples.len() / channels.max(1);
        match samples.iter().rposition(|sample| sample.abs() > SILENT) {
            Some(last) => self.0.store((frames - 1 - last / channels.max(1)) as u64, Relaxed),
            None => {
                self.0.fetch_add(frames as u64, Relaxed);
            }
        }
    }

    /// Something else is read.
    pub(super) fn begin(&self) {
        self.0.store(0, Relaxed);
    }

    fn seconds(&self, rate: SampleRate) -> f64 {
        self.0.load(Relaxed) as f64 / f64::from(rate.hertz())
    }
}

/// What a group's source has come to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SourceFigures {
    /// Packets that were not there in time.
    pub(crate) underruns: u64,
    /// For how long it has been silent, while there is one.
    pub(crate) silent_s: Option<f64>,
}

/// Packets that were not there in time, by group.
pub(super) type Underruns = BTreeMap<GroupId, u64>;

impl Engine {
    /// What the groups' sources have come to.
    pub(crate) fn source_figures(&self) -> BTreeMap<GroupId, SourceFigures> {
        let rate = self.house.settings().rate;
        let groups = self.house.groups().keys().map(|group| {
            let underruns = self.underruns.get(group).copied().unwrap_or(0);
            let silent_s = self.encoders.get(group).map(|encoder| encoder.silence().seconds(rate));
            (*group, SourceFigures { underruns, silent_s })
        });
        groups.collect()
    }

    /// Machines that are connected.
    pub(crate) fn connections(&self) -> usize {
        self.links.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_from_the_last_sample_that_was_none() {
        let silence = Silence::default();
        let frames = || (silence.seconds(SampleRate::HZ_48000) * 48_000.0).round();
        silence.hear(&[0.0; 960], 2);
        assert!((frames() - 480.0).abs() < 0.5);
        silence.hear(&[0.0; 960], 2);
        assert!((frames() - 960.0).abs() < 0.5);
        let mut sounding = [0.0; 960];
        sounding[801] = 0.001;
        silence.hear(&sounding, 2);
        assert!((frames() - 79.0).abs() < 0.5, "{}", frames());
        silence.begin();
        assert!(frames().abs() < 0.5);
    }
}
