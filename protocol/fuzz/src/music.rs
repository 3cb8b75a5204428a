//! Files of a music library.

use std::fs;

use unisono_core::units::SampleRate;
use unisono_media::{FileSource, Source};

use crate::state::folder;

/// Enough to hear all of a small file, and not all of one that claims to be silent for hours.
const READS: usize = 64;

/// A music file: played, then from its middle, then from behind its end.
pub fn music_file(data: &[u8]) {
    let folder = folder();
    let path = folder.path().join("music");
    fs::write(&path, data).expect("the folder is ours");
    let Ok(mut source) = FileSource::open(&path, SampleRate::HZ_48000, 2) else { return };
    let mut out = vec![0.0; 4_096];
    let middle = source.description().frames.unwrap_or(2_000) / 2;
    for from in [0, middle, u64::MAX] {
        if from > 0 && source.seek(from).is_err() {
            return;
        }
        for _ in 0..READS {
            match source.read(&mut out) {
                Ok(0) | Err(_) => break,
                Ok(frames) => {
                    assert!(frames * 2 <= out.len());
                    assert!(out[..frames * 2].iter().all(|sample| sample.is_finite()));
                }
            }
        }
    }
}
