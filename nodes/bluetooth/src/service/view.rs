//! What it all looks like from outside.

use serde::Serialize;

use super::{run::Service, speaker::Slot};
use crate::{
    Address, Failure,
    a2dp::{Counters, IdleMode, Quality, SbcConfig},
    latency::Latency,
    reconnect::{Mode, State},
    speakers::{Model, Offer},
    volume::VolumeMode,
};

/// A remembered speaker.
#[derive(Clone, Debug, Serialize)]
pub struct SpeakerView {
    /// Its address.
    pub address: Address,
    /// What it is called.
    pub name: String,
    /// Its model, if the speaker table knows it.
    pub model: Option<String>,
    /// What the table offers for its sound, if anything; never applied unasked.
    #[serde(skip)]
    pub offer: Option<Offer>,
    /// The adapter that it is paired with, by address, and what the kernel calls it while it is there.
    pub adapter: Address,
    /// As the kernel calls it: `hci0`.
    pub adapter_name: Option<String>,
    /// Whether `BlueZ` has its keys. `None` while `BlueZ` or the adapter is not there.
    pub paired: Option<bool>,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether a stream goes to it.
    pub playing: bool,
    /// Where its connection stands.
    pub state: State,
    /// For so many seconds.
    pub since_s: f64,
    /// Why it stands there, for a person.
    pub why: &'static str,
    /// What would bring it back, for a person.
    pub what_brings_it_back: &'static str,
    /// What went wrong last, if it was not put right since.
    pub failure: Option<Failure>,
    /// How much it is wanted.
    pub mode: Mode,
    /// What becomes of it while nothing plays.
    pub idle: IdleMode,
    /// How much is asked of the radio.
    pub quality: Quality,
    /// Why less is asked of it than that, for a person.
    pub quality_why: Option<&'static str>,
    /// What is added to its latency, milliseconds.
    pub trim_ms: f64,
    /// The delay that it reports, or has reported in its present configuration, milliseconds.
    pub report_ms: Option<f64>,
    /// Its own volume in percent, if it shows one.
    pub volume: Option<u8>,
    /// What is to stand for a room's volume on it.
    pub volume_mode: VolumeMode,
    /// What does, while a stream goes to it: `speaker` or `samples`.
    pub volume_by: Option<&'static str>,
    /// Why it is not the speaker's own, for a person.
    pub volume_why: Option<&'static str>,
    /// What was agreed on with it, while it is connected: "SBC 48000 Hz joint stereo, bitpool 2 to 51".
    pub codec: Option<String>,
    /// How late it is, in parts, while a stream goes to it.
    pub latency: Option<Latency>,
    /// What the stream has come to.
    pub counters: Option<Counters>,
}

/// An adapter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdapterView {
    /// As the kernel calls it: `hci0`.
    pub name: String,
    /// Its address.
    pub address: Option<Address>,
    /// Why it cannot be used, if it cannot.
    pub failure: Option<Failure>,
    /// The program that holds it, where one does.
    pub holder: Option<String>,
    /// Streams that go through it.
    pub streams: usize,
}

impl Service {
    /// The remembered speakers.
    pub(super) fn view(&self) -> Vec<SpeakerView> {
        let now = self.clock.now();
        let view = self.speakers.values().map(|speaker| {
            let (kept, status) = (&speaker.kept, speaker.machine.status());
            let adapter = self.objects.adapter_of(kept.adapter).map(|(path, _)| path);
            let device = self.device_of(kept.address).and_then(|path| self.objects.devices.get(&path));
            let transport = speaker.link.transport.as_deref().and_then(|path| self.objects.transports.get(path));
            let config = transport.and_then(|shown| crate::a2dp::validate(&shown.configuration).ok());
            let (playing, model) = (speaker.playing(), self.table.find(&kept.name));
            SpeakerView {
                address: kept.address,
                name: kept.alias.clone(),
                model: model.map(|model| model.name.clone()),
                offer: model.and_then(Model::offer),
                adapter: kept.adapter,
                adapter_name: adapter.and_then(crate::bluez::adapter_name).map(str::to_owned),
                paired: adapter.map(|_| device.is_some_and(|device| device.sight.paired)),
                connected: speaker.link.is_connected(),
                playing: playing.is_some(),
                state: status.state,
                since_s: (now - status.since).as_secs_f64(),
                why: status.why(),
                what_brings_it_back: status.what_brings_it_back(),
                failure: speaker.failure.or(status.failure).or(match status.state {
                    State::Unusable(failure) | State::Stopped(failure) => Some(failure),
                    _ => None,
                }),
                mode: kept.mode,
                idle: kept.idle,
                quality: kept.quality,
                quality_why: self.breaks_with_xq(kept).then_some("its model breaks up with xq; standard is used"),
                trim_ms: kept.trim_ms,
                report_ms: config
                    .and_then(|config| kept.report(config.to_bytes()))
                    .map(|report| report.as_secs_f64() * 1e3),
                volume: transport.and_then(|shown| shown.volume).map(percent),
                volume_mode: kept.volume,
                volume_by: playing.map(|playing| match playing.volume.obstacle() {
                    None => "speaker",
                    Some(_) => "samples",
                }),
                volume_why: playing.and_then(|playing| Some(playing.volume.obstacle()?.description())),
                codec: config.as_ref().map(codec),
                latency: playing.map(|playing| playing.model.latency()),
                counters: playing.map(|playing| playing.stream.counters()),
            }
        });
        view.collect()
    }

    /// The adapters.
    pub(super) fn view_adapters(&self) -> Vec<AdapterView> {
        let view = self.objects.adapters.iter().map(|(path, adapter)| {
            let of_it = self.speakers.values().filter(|speaker| Some(speaker.kept.adapter) == adapter.address);
            AdapterView {
                name: crate::bluez::adapter_name(path).unwrap_or_default().to_owned(),
                address: adapter.address,
                failure: self.usable(path).and_then(Result::err),
                holder: self.adapters.get(path).and_then(|state| state.holder.clone()),
                streams: of_it.filter(|speaker| matches!(speaker.slot, Slot::Playing(_))).count(),
            }
        });
        view.collect()
    }
}

/// From 0 to 127.
fn percent(volume: u16) -> u8 {
    u8::try_from((u32::from(volume.min(127)) * 100 + 63) / 127).unwrap_or(100)
}

fn codec(config: &SbcConfig) -> String {
    use crate::a2dp::ChannelMode;
    let mode = match config.mode {
        ChannelMode::Mono => "mono",
        ChannelMode::Dual => "dual channel",
        ChannelMode::Stereo => "stereo",
        ChannelMode::Joint => "joint stereo",
    };
    format!("SBC {} {mode}, bitpool {} to {}", config.rate, config.min_bitpool, config.max_bitpool)
}
