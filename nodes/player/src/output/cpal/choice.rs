//! Which device of cpal's, and how it is set.

use std::str::FromStr;

use ::cpal::{
    BufferSize, DeviceId, Error, ErrorKind, HostId, SampleFormat, StreamConfig, SupportedBufferSize,
    SupportedStreamConfigRange,
    traits::{DeviceTrait, HostTrait},
};
use unisono_core::{time::Nanos, units::SampleRate};

use crate::output::{
    Device, OpenError,
    alsa::quietly,
    error::one_line,
    samples::{Encoder, Format},
    saturating_u32,
};

/// Best first.
const FORMATS: [(SampleFormat, Format); 4] = [
    (SampleFormat::F32, Format::Float),
    (SampleFormat::I32, Format::S32),
    (SampleFormat::I24, Format::S24),
    (SampleFormat::I16, Format::S16),
];

/// cpal's devices, where they are not the ALSA outputs once more. `plays` says whether ALSA's default can be expected
/// to play.
pub(in crate::output) fn devices(plays: bool) -> Vec<Device> {
    quietly(|| {
        let hosts = ::cpal::available_hosts();
        let default_plays = ::cpal::default_host().id() != HostId::Alsa || plays;
        let default = Device {
            id: String::from("cpal"),
            description: String::from("The default device of the sound library cpal"),
            available: default_plays,
        };
        let others =
            hosts.into_iter().filter(|host| *host != HostId::Alsa).filter_map(|id| ::cpal::host_from_id(id).ok());
        let others = others.filter_map(|host| host.output_devices().ok()).flatten().filter_map(|device| {
            let id = format!("cpal:{}", device.id().ok()?);
            Some(Device { id, description: one_line(&device.to_string()), available: true })
        });
        core::iter::once(default).chain(others).collect()
    })
    .0
}

/// The device of that id, or the default.
pub(super) fn find(name: &str, id: Option<&str>) -> Result<::cpal::Device, OpenError> {
    let found = match id {
        None => ::cpal::default_host().default_output_device(),
        // An id that cannot be read names a sound system that is not here.
        Some(id) => match DeviceId::from_str(id) {
            Ok(id) => ::cpal::host_from_id(id.host()).map_err(|error| refusal(name, &error))?.device_by_id(&id),
            Err(_) => None,
        },
    };
    found.ok_or_else(|| OpenError::NotFound { device: String::from(name) })
}

/// How a device is set to `rate`, with periods of `period` if it can.
pub(super) fn config(
    name: &str,
    device: &::cpal::Device,
    rate: SampleRate,
    period: Nanos,
) -> Result<(StreamConfig, SampleFormat, Encoder), OpenError> {
    let offered = device.supported_output_configs().map_err(|error| refusal(name, &error))?;
    let (range, format) = best(offered, rate).ok_or_else(|| OpenError::Unsupported {
        device: String::from(name),
        problem: format!("does not do {rate} in a format that is known here"),
        remedy: String::from("try another output"),
    })?;
    let frames = saturating_u32(rate.frames_in(period).0);
    let buffer_size = match range.buffer_size() {
        SupportedBufferSize::Range { min, max } if (*min..=*max).contains(&frames) => BufferSize::Fixed(frames),
        _ => BufferSize::Default,
    };
    let config = StreamConfig { channels: range.channels(), sample_rate: rate.hertz(), buffer_size };
    Ok((config, range.sample_format(), Encoder::new(format, usize::from(range.channels()))))
}

/// Stereo before more channels before mono; then the best format.
fn best(
    offered: impl Iterator<Item = SupportedStreamConfigRange>,
    rate: SampleRate,
) -> Option<(SupportedStreamConfigRange, Format)> {
    let rank = |range: &SupportedStreamConfigRange| {
        let place = FORMATS.iter().position(|(format, _)| *format == range.sample_format())?;
        let channels = if range.channels() == 1 { u16::MAX } else { range.channels() };
        Some((channels, place))
    };
    let fitting = offered.filter(|range| range.contains_rate(rate.hertz()));
    let ranked = fitting.filter_map(|range| Some((rank(&range)?, range)));
    ranked.min_by_key(|(rank, _)| *rank).map(|((_, place), range)| (range, FORMATS[place].1))
}

/// What an error of cpal's means for a person.
pub(super) fn refusal(name: &str, error: &Error) -> OpenError {
    let device = String::from(name);
    match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => OpenError::NotFound { device },
        ErrorKind::DeviceBusy => OpenError::Busy { device, holder: String::from("another program") },
        ErrorKind::PermissionDenied => {
            OpenError::Permission { device, remedy: "let this user use sound (on Linux, the group audio)" }
        }
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput => {
            let problem = one_line(&error.to_string());
            OpenError::Unsupported { device, problem, remedy: String::from("try another output") }
        }
        _ => OpenError::Other { device, reason: one_line(&error.to_string()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(channels: u16, rates: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, rates.0, rates.1, SupportedBufferSize::Unknown, format)
    }

    #[test]
    fn stereo_in_the_best_format_is_chosen() {
        let offered = [
            offer(8, (8_000, 192_000), SampleFormat::F32),
            offer(2, (44_100, 44_100), SampleFormat::F32),
            offer(2, (8_000, 192_000), SampleFormat::I16),
            offer(2, (8_000, 192_000), SampleFormat::I32),
            offer(2, (8_000, 192_000), SampleFormat::U8),
            offer(1, (8_000, 192_000), SampleFormat::F32),
        ];
        let choose = |offers: &[SupportedStreamConfigRange]| {
            best(offers.iter().copied(), SampleRate::HZ_48000).map(|(range, format)| (range.channels(), format))
        };
        assert_eq!(choose(&offered), Some((2, Format::S32)));
        assert_eq!(choose(&offered[..2]), Some((8, Format::Float)));
        assert_eq!(choose(&offered[5..]), Some((1, Format::Float)));
        assert_eq!(choose(&offered[1..2]), None);
    }

    #[test]
    fn each_refusal_is_one_line() {
        for kind in
            [ErrorKind::DeviceBusy, ErrorKind::DeviceNotAvailable, ErrorKind::PermissionDenied, ErrorKind::Other]
        {
            let line = refusal("cpal", &Error::with_message(kind, "two\nlines")).to_string();
            assert!(line.starts_with("cpal: ") && line.contains("; ") && !line.contains('\n'), "{line}");
        }
    }
}
