//! `unisono room equaliser`: shows and changes a room's equaliser.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use unisono_api::bluetooth::{OfferView, SpeakerSummary};
use unisono_hub::api::types::{BandView, EqualiserView, RoomView};

/// What is to be different.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// Switch it on
    #[arg(long, conflicts_with = "off")]
    on: bool,
    /// Switch it off; its bands are kept
    #[arg(long)]
    off: bool,
    /// What all of the sound is raised by, in decibels, -24 to 12: below 0 where bands raise something
    #[arg(long, value_name = "DB", allow_negative_numbers = true)]
    preamp: Option<f64>,
    /// A band, in place of those before; may be said ten times: `peak:1000:-3:1.4`. Kinds: `peak`, `low_shelf`,
    /// `high_shelf`, `low_pass`, `high_pass`, `notch`; then hertz, decibels and q, of which the last two may be left out
    #[arg(long = "band", value_name = "KIND:HZ[:DB[:Q]]", value_parser = band, conflicts_with_all = ["file", "clear"])]
    bands: Vec<BandView>,
    /// Bands and preamp from a file as Equalizer APO and `AutoEq` write it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["clear", "preamp"])]
    file: Option<PathBuf>,
    /// Remove all bands
    #[arg(long)]
    clear: bool,
    /// What the speaker table offers for the Bluetooth speaker of the room, in place of what was; `unisono bluetooth list`
    /// shows what that is and where it is from. The address is needed where the room's node knows several
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["bands", "file", "clear", "preamp", "on", "off"])]
    from_speaker: Option<String>,
}

impl Change {
    /// Which speaker's is wanted, if one is; empty: the room's.
    pub(crate) fn speaker(&self) -> Option<&str> {
        self.from_speaker.as_deref()
    }

    /// The equaliser as it is to be; `None` when it is only to be shown.
    pub(crate) fn of(self, now: &EqualiserView) -> anyhow::Result<Option<EqualiserView>> {
        let mut next = now.clone();
        if let Some(file) = &self.file {
            next = read(file)?;
        }
        if self.clear || !self.bands.is_empty() {
            next.bands = self.bands;
        }
        next.preamp_db = self.preamp.unwrap_or(next.preamp_db);
        // Whoever says what it is to do wants to hear it.
        next.enabled = !self.off && (self.on || next != *now || now.enabled);
        let is_said = self.on || self.off || self.clear || self.preamp.is_some() || self.file.is_some();
        Ok((is_said || next != *now).then_some(next))
    }
}

/// An equaliser for a person.
pub(crate) fn show(room: &RoomView) -> String {
    let EqualiserView { enabled, preamp_db, bands } = &room.equaliser;
    let state = if *enabled { "on" } else { "off" };
    let problem = room.sound_problem.as_ref().map(|problem| format!("  warning: {problem}\n")).unwrap_or_default();
    let bands: String = bands.iter().map(|band| format!("  {}\n", line(band))).collect();
    format!("{}: equaliser {state}, preamp {preamp_db:+.1} dB\n{bands}{problem}", room.name)
}

fn line(band: &BandView) -> String {
    let gain = match band.kind.as_str() {
        "peak" | "low_shelf" | "high_shelf" => format!("{:+.1} dB", band.gain_db),
        _ => String::new(),
    };
    format!("{:<10}  {:>8} Hz  {gain:>8}  q {}", band.kind, band.frequency_hz, band.q)
}

/// What is offered for a speaker, for a person who may want it.
pub(crate) fn show_offer(offer: &OfferView) -> String {
    let bands: String = offer.equaliser.bands.iter().map(|band| format!("      {}\n", line(band))).collect();
    format!(
        "    an equaliser is offered for {} ({}); `unisono room equaliser ROOM --from-speaker` uses it\n{bands}",
        offer.model, offer.source
    )
}

/// Which of a node's speakers is meant, and what is offered for it: the one that was named, else the one that the room
/// plays on, else the only one for which there is an offer.
pub(crate) fn offered(speakers: Vec<SpeakerSummary>, address: &str, output: &str) -> anyhow::Result<OfferView> {
    let is_meant = |speaker: &SpeakerSummary| match address {
        "" => output.contains(&speaker.address),
        named => speaker.address.eq_ignore_ascii_case(named),
    };
    if let Some(meant) = speakers.iter().find(|speaker| is_meant(speaker)) {
        let none = || format!("the speaker table offers nothing for \"{}\" ({})", meant.name, meant.address);
        return meant.equaliser_offer.clone().with_context(none);
    }
    if !address.is_empty() {
        bail!("the room's node remembers no speaker {address}; `unisono bluetooth list` has those that it does");
    }
    let mut offers = speakers.into_iter().filter_map(|speaker| speaker.equaliser_offer);
    match (offers.next(), offers.next()) {
        (Some(offer), None) => Ok(offer),
        (Some(_), Some(_)) => {
            bail!("the room plays on none of them, and several have an offer; say --from-speaker ADDRESS")
        }
        (None, _) => bail!("the speaker table offers nothing for any speaker of this room's node"),
    }
}

fn band(text: &str) -> Result<BandView, String> {
    let mut parts = text.split(':');
    let kind = parts.next().unwrap_or_default().to_owned();
    let mut number = |what: &str, otherwise: Option<f64>| match parts.next() {
        Some(part) => part.parse().map_err(|_| format!("{what}: \"{part}\" is no number")),
        None => otherwise.ok_or_else(|| format!("{what} is missing; write KIND:HZ:DB:Q, as in peak:1000:-3:1.4")),
    };
    let (frequency_hz, gain_db) = (number("HZ", None)?, number("DB", Some(0.0))?);
    let band = BandView { kind, frequency_hz, gain_db, q: number("Q", Some(BUTTERWORTH))? };
    if parts.next().is_some() {
        return Err("more than KIND:HZ:DB:Q".into());
    }
    Ok(band)
}

/// As flat as a pass or a shelf gets without a hump.
const BUTTERWORTH: f64 = 0.707;

fn read(path: &Path) -> anyhow::Result<EqualiserView> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    parse(&text).with_context(|| path.display().to_string())
}

/// Lines such as `Preamp: -6.2 dB` and `Filter 1: ON PK Fc 105 Hz Gain 5.0 dB Q 0.70`; others say nothing.
fn parse(text: &str) -> anyhow::Result<EqualiserView> {
    let mut equaliser = EqualiserView::default();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((head, rest)) = line.split_once(':') else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let head = head.trim().to_lowercase();
        if head == "preamp" {
            let said = words.first().and_then(|word| word.parse().ok());
            equaliser.preamp_db = said.ok_or_else(|| anyhow!("line {number}: the preamp is no number"))?;
        } else if head.starts_with("filter") && words.first().is_some_and(|word| word.eq_ignore_ascii_case("on")) {
            equaliser.bands.push(filter(&words[1..]).with_context(|| format!("line {number}"))?);
        }
    }
    if equaliser.bands.is_empty() && equaliser.preamp_db == 0.0 {
        bail!("there is no filter in it; is it one of Equalizer APO's?");
    }
    Ok(equaliser)
}

fn filter(words: &[&str]) -> anyhow::Result<BandView> {
    let name = words.first().copied().unwrap_or_default().to_uppercase();
    let kind = match name.as_str() {
        "PK" | "PEQ" => "peak",
        "LS" | "LSC" | "LSQ" => "low_shelf",
        "HS" | "HSC" | "HSQ" => "high_shelf",
        "LP" | "LPQ" => "low_pass",
        "HP" | "HPQ" => "high_pass",
        "NO" => "notch",
        _ => bail!("a filter of the kind \"{name}\" is not known here"),
    };
    let after = |what: &str| {
        let at = words.iter().position(|word| word.eq_ignore_ascii_case(what))?;
        words.get(at + 1)?.parse::<f64>().ok()
    };
    let frequency_hz = after("Fc").context("there is no number behind Fc")?;
    let (gain_db, q) = (after("Gain").unwrap_or(0.0), after("Q").unwrap_or(BUTTERWORTH));
    Ok(BandView { kind: kind.into(), frequency_hz, gain_db, q })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(frequency_hz: f64, gain_db: f64, q: f64) -> BandView {
        BandView { kind: "peak".into(), frequency_hz, gain_db, q }
    }

    fn nothing() -> Change {
        Change { on: false, off: false, preamp: None, bands: Vec::new(), file: None, clear: false, from_speaker: None }
    }

    #[test]
    fn a_band_is_written_with_colons() {
        assert_eq!(band("peak:1000:-3:1.4"), Ok(peak(1_000.0, -3.0, 1.4)));
        assert_eq!(band("peak:50.5"), Ok(peak(50.5, 0.0, 0.707)));
        for (wrong, says) in
            [("peak", "HZ is missing"), ("peak:a", "\"a\" is no number"), ("peak:1:2:3:4", "more than")]
        {
            assert!(band(wrong).unwrap_err().contains(says), "{wrong}");
        }
    }

    #[test]
    fn files_of_equalizer_apo_are_read() {
        let text = "Preamp: -6.2 dB\nFilter 1: ON LSC Fc 105 Hz Gain 5.0 dB Q 0.70\n\nFilter 2: OFF PK Fc 1 Hz Gain 1 dB Q 1\n\
                    Filter 3: ON PK Fc 2150.5 Hz Gain -3.1 dB Q 2.04\r\nFilter 4: ON HP Fc 20 Hz\n# Filter: no\n";
        let equaliser = parse(text).unwrap();
        assert_eq!((equaliser.enabled, equaliser.preamp_db), (true, -6.2));
        let shelf = BandView { kind: "low_shelf".into(), ..peak(105.0, 5.0, 0.7) };
        let pass = BandView { kind: "high_pass".into(), ..peak(20.0, 0.0, 0.707) };
        assert_eq!(equaliser.bands, [shelf, peak(2_150.5, -3.1, 2.04), pass]);
        for (wrong, says) in [
            ("", "no filter in it"),
            ("Filter 1: ON PK Fc x Hz", "line 1"),
            ("\nFilter 1: ON ZZ Fc 1 Hz", "line 2"),
            ("Preamp: loud", "line 1"),
        ] {
            assert!(format!("{:#}", parse(wrong).unwrap_err()).contains(says), "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_refused(
            text in proptest::prop_oneof![
                "(?s).{0,200}",
                "(Preamp: .{0,9}\n)?(Filter [0-9]: O(N|FF) [A-Z]{2,3} Fc .{0,9}( Gain .{0,9})?( Q .{0,9})?\n){0,4}",
            ],
        ) {
            let _ = parse(&text);
        }
    }

    #[test]
    fn what_is_not_said_stays_and_what_is_said_is_heard() {
        let off = EqualiserView { enabled: false, preamp_db: -3.0, bands: vec![peak(100.0, 3.0, 1.0)] };
        assert_eq!(nothing().of(&off).unwrap(), None);
        let on = Change { on: true, ..nothing() }.of(&off).unwrap().unwrap();
        assert_eq!(on, EqualiserView { enabled: true, ..off.clone() });
        let bands = Change { bands: vec![peak(200.0, 1.0, 1.0)], ..nothing() }.of(&off).unwrap().unwrap();
        assert_eq!((bands.enabled, bands.preamp_db, bands.bands.len()), (true, -3.0, 1));
        let cleared = Change { clear: true, off: true, ..nothing() }.of(&on).unwrap().unwrap();
        assert_eq!((cleared.enabled, cleared.bands.len()), (false, 0));
    }

    fn speaker(address: &str, offers: Option<f64>) -> SpeakerSummary {
        let equaliser = |gain| EqualiserView { bands: vec![peak(60.0, gain, 1.0)], ..EqualiserView::default() };
        let offer = |gain| OfferView { model: "Flip".into(), source: "an article".into(), equaliser: equaliser(gain) };
        SpeakerSummary {
            address: address.into(),
            name: "Kitchen".into(),
            model: None,
            connected: true,
            playing: false,
            why: String::new(),
            what_brings_it_back: String::new(),
            trim_ms: 0.0,
            codec: None,
            volume_by: None,
            volume_why: None,
            quality_why: None,
            failure: None,
            mode: "polite".into(),
            idle: "tone".into(),
            latency: None,
            equaliser_offer: offers.map(offer),
        }
    }

    #[test]
    fn what_is_offered_is_that_of_the_rooms_speaker_and_says_where_it_is_from() {
        let all = || vec![speaker("AA:01", Some(1.0)), speaker("AA:02", Some(2.0)), speaker("AA:03", None)];
        let gain = |address: &str, output: &str| {
            offered(all(), address, output)
                .map(|offer| offer.equaliser.bands[0].gain_db)
                .map_err(|error| error.to_string())
        };
        assert_eq!(gain("", "bluetooth:AA:02"), Ok(2.0));
        assert_eq!(gain("aa:01", "bluetooth:AA:02"), Ok(1.0));
        assert!(gain("", "alsa:default").unwrap_err().contains("--from-speaker ADDRESS"));
        assert!(gain("", "bluetooth:AA:03").unwrap_err().contains("nothing for \"Kitchen\" (AA:03)"));
        assert!(gain("AA:09", "").unwrap_err().contains("remembers no speaker AA:09"));
        let only = vec![speaker("AA:02", Some(2.0)), speaker("AA:03", None)];
        assert!(offered(only, "", "alsa:default").is_ok());
        assert!(offered(Vec::new(), "", "").is_err());
        let shown = show_offer(&offered(all(), "AA:01", "").unwrap());
        assert!(shown.contains("(an article)") && shown.contains("60 Hz") && shown.contains("+1.0 dB"), "{shown}");
    }
}
