//! Whether a card's own mixer lets anything be heard. Many cards start muted, and stay so on a system where nobody sets
//! them; what is played into one is lost without an error.

use alsa::mixer::{Mixer, Selem, SelemChannelId};

use super::quietly;

/// What lies in the way of all sound, by the names that drivers give it (`Documentation/sound/designs/control-names.rst`
/// in Linux).
const ALL: [&str; 2] = ["Master", "PCM"];

/// What lies in the way of one socket each: one of them is enough.
const SOCKETS: [&str; 4] = ["Speaker", "Headphone", "Front", "Line Out"];

/// The control of the card of an ALSA device at which nothing passes, if there is one. Not real-time.
pub(in crate::output) fn muted(name: &str) -> Option<Muted> {
    let card = card_of(name)?;
    let mixer = quietly(|| Mixer::new(&format!("hw:{card}"), false)).0.ok()?;
    let controls = mixer.iter().filter_map(Selem::new).filter_map(|control| {
        let name = control.get_id().get_name().ok()?.to_owned();
        Some((name, is_closed(&control)?))
    });
    let control = closed(&controls.collect::<Vec<_>>())?;
    Some(Muted { card: card.into(), control })
}

/// A control that lets nothing through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Muted {
    /// The card's id.
    pub(crate) card: String,
    /// What its driver calls the control.
    pub(crate) control: String,
}

impl std::fmt::Display for Muted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "muted at \"{}\" in the card's mixer; alsamixer -c {} opens it", self.control, self.card)
    }
}

/// The card in `hw:CARD=Intel,DEV=0`, and in what stands for the same.
fn card_of(name: &str) -> Option<&str> {
    let (_, device) = name.split_once(':')?;
    let card = device.split(',').next()?;
    Some(card.strip_prefix("CARD=").unwrap_or(card)).filter(|card| !card.is_empty())
}

/// Which of these, each closed or not, is in the way of everything.
fn closed(controls: &[(String, bool)]) -> Option<String> {
    let named =
        |names: &[&str]| controls.iter().filter(move |(name, _)| names.contains(&name.as_str())).collect::<Vec<_>>();
    let all = named(&ALL).into_iter().find(|(_, is_closed)| *is_closed);
    let sockets = named(&SOCKETS);
    let socket = sockets.iter().all(|(_, is_closed)| *is_closed).then(|| sockets.first().copied()).flatten();
    all.or(socket).map(|(name, _)| name.clone())
}

/// Whether a control is switched off, or at the lowest that it has on every channel; `None` when it is no control of
/// what is played.
fn is_closed(control: &Selem<'_>) -> Option<bool> {
    let channels = || SelemChannelId::all().iter().copied().filter(|channel| control.has_playback_channel(*channel));
    if control.has_playback_switch() && channels().all(|channel| control.get_playback_switch(channel) == Ok(0)) {
        return Some(true);
    }
    if control.has_playback_volume() {
        let (lowest, _) = control.get_playback_volume_range();
        return Some(channels().all(|channel| control.get_playback_volume(channel) == Ok(lowest)));
    }
    control.has_playback_switch().then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_of_everything_is_named() {
        let found = |controls: &[(&str, bool)]| {
            let controls: Vec<_> = controls.iter().map(|(name, is_closed)| ((*name).into(), *is_closed)).collect();
            closed(&controls)
        };
        assert_eq!(found(&[("Master", true), ("Speaker", false)]).as_deref(), Some("Master"));
        assert_eq!(found(&[("Master", false), ("PCM", true)]).as_deref(), Some("PCM"));
        assert_eq!(found(&[("Speaker", true), ("Headphone", true)]).as_deref(), Some("Speaker"));
        assert_eq!(found(&[("Speaker", true), ("Headphone", false)]), None);
        assert_eq!(found(&[("Master", false), ("Mic Boost", true)]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_card_is_in_the_devices_name() {
        assert_eq!(card_of("hw:CARD=Intel,DEV=0"), Some("Intel"));
        assert_eq!(card_of("plughw:1,0"), Some("1"));
        assert_eq!(card_of("default"), None);
        // No such card has no mixer.
        assert_eq!(muted("hw:CARD=NoSuchCard,DEV=0"), None);
    }
}
