//! A device that records: a line input, a turntable's preamplifier.

#[cfg(target_os = "linux")]
mod alsa;
mod cpal;

use super::port::Port;
use crate::RawFormat;

/// Names cpal's devices; on Linux all others are ALSA's.
const CPAL: &str = "cpal:";

/// What is recorded and was not read yet: so long the thread that reads may have other things to do, in milliseconds.
const BUFFER_MS: u32 = 250;

/// It is looked so often for what was recorded, in milliseconds.
const PERIOD_MS: u32 = 10;

/// Opens a device by its name.
pub(super) fn open(device: &str, format: RawFormat) -> Result<Box<dyn Port>, String> {
    match device.strip_prefix(CPAL) {
        Some(name) => cpal::open(Some(name).filter(|name| !name.is_empty()), format),
        #[cfg(target_os = "linux")]
        None => alsa::open(device, format),
        #[cfg(not(target_os = "linux"))]
        None => cpal::open(Some(device).filter(|name| *name != "default"), format),
    }
}
