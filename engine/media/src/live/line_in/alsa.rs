//! Recording through ALSA.

use std::{ffi::CString, time::Duration};

use alsa::{
    Direction, PCM, ValueOr,
    pcm::{Access, Format, HwParams},
};
use nix::errno::Errno;

use super::{BUFFER_MS, PERIOD_MS};
use crate::{
    RawFormat,
    live::port::{Got, Port},
};

struct Capture {
    pcm: PCM,
    frame_len: usize,
}

/// Opens a device by its ALSA name.
pub(super) fn open(device: &str, format: RawFormat) -> Result<Box<dyn Port>, String> {
    let name = CString::new(device).map_err(|_| format!("{device:?} is no name of a device"))?;
    // What alsa-lib thinks of it is kept and said in our line.
    let said = alsa::Output::local_error_handler().ok();
    let opened = PCM::open(&name, Direction::Capture, true).and_then(|pcm| {
        set(&pcm, format)?;
        pcm.start()?;
        Ok(pcm)
    });
    match opened {
        Ok(pcm) => Ok(Box::new(Capture { pcm, frame_len: format.frame_len() })),
        Err(error) => {
            let said = said.map_or_else(String::new, |said| said.borrow().to_string());
            Err(refusal(device, format, &error, &said))
        }
    }
}

fn refusal(device: &str, format: RawFormat, error: &alsa::Error, said: &str) -> String {
    match Errno::from_raw(error.errno()) {
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => {
            format!("there is no device {device} that records; `arecord -L` lists them")
        }
        Errno::EBUSY => format!("another program records from {device}; end it, or record from dsnoop"),
        Errno::EACCES | Errno::EPERM => format!("{device} may not be used; let this user into the group audio"),
        Errno::EINVAL => {
            format!("{device} does not record {format}; set another format, or use plug:{device}")
        }
        _ => {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{device} does not record ({error}) {said}").trim_end().to_owned()
        }
    }
}

fn set(pcm: &PCM, format: RawFormat) -> alsa::Result<()> {
    let params = HwParams::any(pcm)?;
    params.set_access(Access::RWInterleaved)?;
    params.set_format(match format.bits() {
        16 => Format::S16LE,
        24 => Format::S243LE,
        _ => Format::S32LE,
    })?;
    params.set_channels(format.channels().into())?;
    // Another crystal's rate is our business, and not that of a plugin that leaves frames out.
    params.set_rate(format.rate().hertz(), ValueOr::Nearest)?;
    let frames = |millis: u32| alsa::pcm::Frames::from(format.rate().hertz() / 1_000 * millis);
    params.set_period_size_near(frames(PERIOD_MS), ValueOr::Nearest)?;
    params.set_buffer_size_near(frames(BUFFER_MS))?;
    pcm.hw_params(&params)?;
    pcm.prepare()
}

impl Port for Capture {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got {
        let whole = bytes.len() / self.frame_len * self.frame_len;
        let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let read = match self.pcm.wait(Some(wait)) {
            Ok(false) => return Got::Nothing,
            Ok(true) => self.pcm.io_bytes().readi(&mut bytes[..whole]),
            Err(error) => Err(error),
        };
        match read {
            Ok(frames) => Got::Bytes(frames * self.frame_len),
            Err(error) if error.errno() == Errno::EAGAIN as i32 => Got::Nothing,
            Err(error) => match self.pcm.try_recover(error, true).and_then(|()| self.pcm.start()) {
                Ok(()) => Got::Lost,
                Err(error) => Got::Failed(format!("it records no more ({error}); is it still plugged in?")),
            },
        }
    }

    fn has_more(&mut self) -> bool {
        self.pcm.avail_update().is_ok_and(|frames| frames > 0)
    }
}
