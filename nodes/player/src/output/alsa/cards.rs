//! The sound cards of this machine.

use alsa::{
    Ctl, Direction,
    card::{Card, Iter},
    ctl::DeviceIter,
    device_name::HintIter,
};

use super::quietly;
use crate::output::Device;

/// Every hardware device that plays, named by its card's id: card numbers change from start to start.
pub(in crate::output) fn playback_devices() -> Vec<Device> {
    quietly(|| Iter::new().filter_map(Result::ok).flat_map(|card| devices_of(&card).unwrap_or_default()).collect()).0
}

/// Whether there is a default device to speak of.
pub(in crate::output) fn has_default() -> bool {
    let hinted = || {
        let mut hints = HintIter::new(None, c"pcm").ok()?;
        hints.find(|hint| hint.name.as_deref() == Some("default") && hint.direction != Some(Direction::Capture))
    };
    quietly(hinted).0.is_some()
}

fn devices_of(card: &Card) -> alsa::Result<Vec<Device>> {
    let control = Ctl::from_card(card, true)?;
    let about = control.card_info()?;
    let (id, name) = (about.get_id()?, about.get_name()?);
    let device = |number: i32| {
        let number = u32::try_from(number).ok()?;
        let info = control.pcm_info(number, 0, Direction::Playback).ok()?;
        Some(Device {
            id: format!("alsa:hw:CARD={id},DEV={number}"),
            description: format!("{name}, {}", info.get_name().unwrap_or("unnamed")),
            available: info.get_subdevices_avail() > 0,
        })
    };
    Ok(DeviceIter::new(&control).filter_map(device).collect())
}
