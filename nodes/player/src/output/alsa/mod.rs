//! A device of ALSA, opened without a layer in between.
//!
//! Position and instant come from **one** `snd_pcm_status`: read by two calls they belong to different moments, and the
//! difference is jitter that no filter can tell from the converter's. The device is never waited for; the caller sleeps
//! as it likes and asks what fits in.
//!
//! Real-time as far as alsa-lib and the driver are: a plain `hw:` device allocates nothing, and the lock that alsa-lib
//! takes is never contended. Getting over an underrun (`snd_pcm_prepare`) may wait for the driver.

mod cards;
mod holder;
mod mixer;
mod quiet;
mod setup;
mod stamp;

use alsa::{
    PCM,
    pcm::{State, Status},
};
use nix::errno::Errno;
use unisono_core::{
    playout::DacReading,
    units::{OutputPosition, SampleRate},
};

use super::{
    CHANNELS, Fault, Gone, OpenError, Output, Quality, Room, buffer_frames, frames_of, progress::Progress,
    samples::Encoder, saturating_u32,
};

use crate::realtime::memory;

pub(super) use cards::{has_default, playback_devices};
pub(crate) use mixer::Muted;
pub(super) use mixer::muted;
pub(super) use quiet::quietly;
use stamp::{Stamp, Stamps};

/// An ALSA playback device.
pub(super) struct AlsaOutput {
    pcm: PCM,
    rate: SampleRate,
    encoder: Encoder,
    /// A buffer of the device's bytes.
    bytes: Vec<u8>,
    /// Frames that the device can hold.
    buffer: u32,
    /// Frames that it is given to hold: a sound server may offer seconds, which no volume change could catch up with.
    fill: u32,
    stamps: Stamps,
    quality: Quality,
    /// What was queued when the position was asked for, until more is written.
    queued: Option<u32>,
    /// Frames written since it was prepared.
    written: u64,
    started: bool,
    progress: Progress,
    lost: Option<Gone>,
}

/// What one call says of a running or waiting device.
struct Look {
    running: bool,
    /// Frames in its buffer.
    queued: u32,
    /// Frames written and not yet heard, as far as the driver knows of what is behind the buffer.
    delay: u64,
    stamp: Stamp,
}

impl AlsaOutput {
    /// Opens and prepares a device by its ALSA name.
    pub(super) fn open(name: &str, rate: SampleRate) -> Result<Self, OpenError> {
        let setup::Opened { pcm, encoder, buffer, stamps } = setup::open(name, rate)?;
        let fill = buffer_frames(rate).min(buffer);
        let bytes = vec![0; fill as usize * encoder.frame_bytes()];
        memory::lock(&bytes);
        Ok(Self {
            pcm,
            rate,
            bytes,
            encoder,
            buffer,
            fill,
            stamps,
            quality: stamps.quality(),
            queued: None,
            written: 0,
            started: false,
            progress: Progress::default(),
            lost: None,
        })
    }

    fn look(&mut self) -> Result<Look, Fault> {
        if let Some(lost) = self.lost {
            return Err(lost.into());
        }
        let (status, stamp) = self.stamps.look(&self.pcm).map_err(|error| self.fault(error))?;
        match status.get_state() {
            State::XRun | State::Suspended => Err(self.start_over()),
            State::Disconnected => Err(self.lose(Gone::Unplugged)),
            state => self.look_at(&status, stamp, state == State::Running),
        }
    }

    fn look_at(&mut self, status: &Status, stamp: Stamp, running: bool) -> Result<Look, Fault> {
        let available = u32::try_from(status.get_avail()).unwrap_or(0).min(self.buffer);
        let queued = self.buffer - available;
        #[allow(clippy::useless_conversion, reason = "32 bits wide on a 32-bit system")]
        let delay = unheard(i64::from(status.get_delay()), queued);
        if running && self.progress.is_stalled(i128::from(self.written) - i128::from(delay), stamp.called) {
            return Err(self.lose(Gone::Stalled));
        }
        Ok(Look { running, queued, delay, stamp })
    }

    /// What an error of alsa-lib means.
    fn fault(&mut self, error: alsa::Error) -> Fault {
        match Errno::from_raw(error.errno()) {
            Errno::EPIPE | Errno::ESTRPIPE => self.start_over(),
            Errno::ENODEV => self.lose(Gone::Unplugged),
            errno => self.lose(Gone::System { call: error.func(), errno: errno as i32 }),
        }
    }

    /// Makes a device that ran empty, or that slept with the machine, ready again.
    fn start_over(&mut self) -> Fault {
        self.queued = None;
        self.written = 0;
        self.started = false;
        self.progress.reset();
        match self.pcm.prepare() {
            Ok(()) => Fault::Underrun,
            Err(error) if error.errno() == Errno::ENODEV as i32 => self.lose(Gone::Unplugged),
            Err(error) => self.lose(Gone::System { call: error.func(), errno: error.errno() }),
        }
    }

    fn lose(&mut self, gone: Gone) -> Fault {
        self.lost = Some(gone);
        gone.into()
    }
}

impl Output for AlsaOutput {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn room(&mut self) -> Result<Room, Fault> {
        // Right after the position no second look is needed. Should it be old, less is queued by now: the next look sees
        // what that makes of it.
        let queued = match self.queued.take() {
            Some(queued) => queued,
            None => self.look()?.queued,
        };
        Ok(Room { writable: self.fill.saturating_sub(queued), queued })
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        if let Some(lost) = self.lost {
            return Err(lost.into());
        }
        self.queued = None;
        let frames = saturating_u32(frames_of(interleaved).0).min(self.fill) as usize;
        let length = self.encoder.encode(&interleaved[..frames * usize::from(CHANNELS)], &mut self.bytes);
        let written = self.pcm.io_bytes().writei(&self.bytes[..length]);
        let taken = match written {
            Ok(taken) => taken,
            Err(error) if matches!(Errno::from_raw(error.errno()), Errno::EAGAIN | Errno::EINTR) => 0,
            Err(error) => return Err(self.fault(error)),
        };
        self.written += taken as u64;
        if !self.started && self.written > 0 && self.written >= u64::from(self.fill / 2) {
            self.pcm.start().map_err(|error| self.fault(error))?;
            self.started = true;
        }
        Ok(saturating_u32(taken as u64))
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        let look = self.look()?;
        self.queued = Some(look.queued);
        if !look.running {
            return Ok(None);
        }
        self.quality = look.stamp.quality;
        // A delay beyond what was written counts what is behind the device, too: nothing has come out yet, and when that
        // will be is not known from here. "None emitted" would be wrong.
        let emitted = self.written.checked_sub(look.delay);
        Ok(emitted.map(|emitted| DacReading { played: OutputPosition(emitted), at: look.stamp.at }))
    }

    fn quality(&self) -> Quality {
        self.quality
    }
}

/// Frames written and not yet heard, of which so many are in the buffer.
///
/// A delay that denies what is in the buffer is a driver's slip; or it was read later than the instant, for plugins
/// made with alsa-lib's I/O kit look at their counter a second time to tell it.
fn unheard(delay: i64, queued: u32) -> u64 {
    u64::try_from(delay).unwrap_or(0).max(u64::from(queued))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_buffer_has_not_been_heard_whatever_the_driver_says() {
        assert_eq!(unheard(2_880, 2_880), 2_880);
        assert_eq!(unheard(9_600, 2_880), 9_600, "as much again is behind the device");
        assert_eq!(unheard(2_700, 2_880), 2_880, "read 180 frames later");
        assert_eq!(unheard(-12, 0), 0);
    }
}
