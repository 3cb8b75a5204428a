//! Opens an ALSA device: format, channels, rate, buffer, time stamps.

use std::ffi::CString;

use alsa::{
    Direction, PCM, ValueOr,
    pcm::{Access, Format as AlsaFormat, Frames, HwParams, TstampType},
};
use nix::errno::Errno;
use unisono_core::{
    time::Nanos,
    units::{FrameCount, SampleRate},
};

use super::{holder, quietly, stamp::Stamps};
use crate::output::{
    BUFFER, OpenError,
    error::one_line,
    samples::{Encoder, Format},
};

/// A device that is ready to be written to.
pub(super) struct Opened {
    pub(super) pcm: PCM,
    pub(super) encoder: Encoder,
    /// Frames that it can hold.
    pub(super) buffer: u32,
    pub(super) stamps: Stamps,
}

/// The counters of some boards move only when a period ends, so periods are short; nothing waits for their end.
const PERIOD: Nanos = Nanos::from_millis(5);

/// Best first.
const FORMATS: [(AlsaFormat, Format); 5] = [
    (AlsaFormat::S32LE, Format::S32),
    (AlsaFormat::S24LE, Format::S24),
    (AlsaFormat::S243LE, Format::S24Packed),
    (AlsaFormat::FloatLE, Format::Float),
    (AlsaFormat::S16LE, Format::S16),
];

/// Opens and prepares a device. It does not start by itself, whatever is written.
pub(super) fn open(name: &str, rate: SampleRate) -> Result<Opened, OpenError> {
    let device = Name(name);
    let (opened, said) = quietly(|| {
        // Without waiting, or a busy device would hold us until it is free.
        let pcm = PCM::open(&device.to_c()?, Direction::Playback, true).map_err(|error| device.refusal(error))?;
        let (encoder, buffer) = negotiate(&pcm, device, rate)?;
        let stamps = set_software(&pcm).map_err(|error| device.refusal(error))?;
        pcm.prepare().map_err(|error| device.refusal(error))?;
        Ok(Opened { pcm, encoder, buffer, stamps })
    });
    opened.map_err(|error| match error {
        OpenError::Other { device, reason } if !said.is_empty() => {
            OpenError::Other { device, reason: format!("{reason} (ALSA: {})", one_line(&said)) }
        }
        error => error,
    })
}

fn negotiate(pcm: &PCM, device: Name<'_>, rate: SampleRate) -> Result<(Encoder, u32), OpenError> {
    let refusal = |error| device.refusal(error);
    let params = HwParams::any(pcm).map_err(refusal)?;
    let refused = |problem| device.unsupported(problem);
    params.set_access(Access::RWInterleaved).map_err(|_| refused(String::from("does not take interleaved frames")))?;
    let (alsa_format, format) = FORMATS
        .into_iter()
        .find(|(format, _)| params.test_format(*format).is_ok())
        .ok_or_else(|| refused(String::from("takes neither 16, 24 nor 32 bit little-endian")))?;
    params.set_format(alsa_format).map_err(refusal)?;
    let channels = if params.test_channels(2).is_ok() { 2 } else { params.get_channels_min().map_err(refusal)? };
    params.set_channels(channels).map_err(refusal)?;
    if params.set_rate(rate.hertz(), ValueOr::Nearest).is_err() {
        return Err(refused(format!("does not do {rate}{}", rates(&params))));
    }
    params.set_period_size_near(frames(rate, PERIOD), ValueOr::Nearest).map_err(refusal)?;
    params.set_buffer_size_near(frames(rate, BUFFER)).map_err(refusal)?;
    pcm.hw_params(&params).map_err(refusal)?;
    let buffer = params.get_buffer_size().map_err(refusal)?;
    Ok((Encoder::new(format, channels as usize), u32::try_from(buffer.max(0)).unwrap_or(u32::MAX)))
}

/// Never start by itself; stamp positions on the node's clock.
fn set_software(pcm: &PCM) -> alsa::Result<Stamps> {
    let params = pcm.sw_params_current()?;
    params.set_start_threshold(params.get_boundary()?)?;
    params.set_tstamp_mode(true)?;
    for (kind, stamps) in [(TstampType::MonotonicRaw, Stamps::Raw), (TstampType::Monotonic, Stamps::Monotonic)] {
        if params.set_tstamp_type(kind).is_ok() && pcm.sw_params(&params).is_ok() {
            return Ok(stamps);
        }
    }
    let params = pcm.sw_params_current()?;
    params.set_start_threshold(params.get_boundary()?)?;
    pcm.sw_params(&params)?;
    Ok(Stamps::Unusable)
}

fn frames(rate: SampleRate, span: Nanos) -> Frames {
    let FrameCount(frames) = rate.frames_in(span);
    Frames::try_from(frames).unwrap_or(Frames::MAX)
}

/// The rates that a device does, for a message.
fn rates(params: &HwParams<'_>) -> String {
    match (params.get_rate_min(), params.get_rate_max()) {
        (Ok(low), Ok(high)) if low == high => format!(", only {low} Hz"),
        (Ok(low), Ok(high)) => format!(", only {low} to {high} Hz or some of it"),
        _ => String::new(),
    }
}

/// A device's ALSA name.
#[derive(Clone, Copy)]
struct Name<'a>(&'a str);

impl Name<'_> {
    fn to_c(self) -> Result<CString, OpenError> {
        CString::new(self.0).map_err(|_| OpenError::NotFound { device: self.spec() })
    }

    fn spec(self) -> String {
        format!("alsa:{}", self.0)
    }

    fn unsupported(self, problem: String) -> OpenError {
        let remedy = match self.0.strip_prefix("hw:") {
            Some(hardware) => format!("try alsa:plughw:{hardware}, which converts"),
            None if self.0.contains(':') => String::from("try another output"),
            None => format!("try alsa:plug:{}, which converts", self.0),
        };
        OpenError::Unsupported { device: self.spec(), problem, remedy }
    }

    fn refusal(self, error: alsa::Error) -> OpenError {
        let device = self.spec();
        match Errno::from_raw(error.errno()) {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => OpenError::NotFound { device },
            Errno::EBUSY | Errno::EAGAIN => OpenError::Busy { device, holder: holder::of(self.0) },
            Errno::EACCES | Errno::EPERM => {
                OpenError::Permission { device, remedy: "add this user to the group audio" }
            }
            errno => OpenError::Other { device, reason: format!("{} failed: {}", error.func(), errno.desc()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_lacks_something_is_told_how_to_convert() {
        let remedy = |name| match Name(name).unsupported(String::from("does not do 48000 Hz")) {
            OpenError::Unsupported { remedy, .. } => remedy,
            other => panic!("{other}"),
        };
        assert_eq!(remedy("hw:CARD=A,DEV=0"), "try alsa:plughw:CARD=A,DEV=0, which converts");
        assert_eq!(remedy("room1"), "try alsa:plug:room1, which converts");
        assert_eq!(remedy("iec958:CARD=A"), "try another output");
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let refusal = |errno: Errno| Name("hw:A").refusal(alsa::Error::new("snd_pcm_open", errno as i32));
        assert!(matches!(refusal(Errno::ENOENT), OpenError::NotFound { .. }));
        assert!(matches!(refusal(Errno::ENODEV), OpenError::NotFound { .. }));
        assert!(matches!(refusal(Errno::EBUSY), OpenError::Busy { .. }));
        assert!(matches!(refusal(Errno::EACCES), OpenError::Permission { .. }));
        assert_eq!(refusal(Errno::EIO).to_string(), "alsa:hw:A: snd_pcm_open failed: I/O error; try another output");
        for errno in [Errno::ENOENT, Errno::EBUSY, Errno::EACCES, Errno::EINVAL] {
            let line = refusal(errno).to_string();
            assert!(line.starts_with("alsa:hw:A: ") && line.contains("; ") && !line.contains('\n'), "{line}");
        }
    }
}
