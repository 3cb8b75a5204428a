//! How a room is doing, as its threads tell everybody else.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
};

use tracing::{info, warn};
use unisono_bluetooth::volume::SpeakerVolume;
use unisono_core::{
    playout::{PlayoutStatus, timing::LEADS},
    time::{Nanos, NodeClock, Timestamp},
    units::{Drift, Gain},
    wire::control::{Evidence, LatencyPart, LatencySource, LatencyStage, OutputChoice, VolumeBy},
};
use unisono_transport::clock;

use crate::output::{LatencyParts, OutputSpec, PositionSource, Quality};

/// The audio thread looks every few milliseconds. A figure that is older than this says nothing of how the room is now.
const STALE: Nanos = Nanos::from_millis(500);

/// The output of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputState {
    /// Whether sound can be put out.
    pub works: bool,
    /// The output, and when it does not work, why and what would bring it back.
    pub text: String,
    /// Which of the outputs that the room may use it is.
    pub choice: OutputChoice,
    /// Since when that has been so.
    pub since: Timestamp<NodeClock>,
    /// Why it is not the first; empty when it is.
    pub why: String,
    /// What would bring the first back; empty when it is.
    pub back: String,
}

/// Written by the room's threads, read by anybody. The audio thread writes atomics only.
#[derive(Debug)]
pub struct RoomStatus {
    output: Mutex<OutputState>,
    /// What the output's latency is made of, where it knows more than the sum.
    parts: Mutex<Option<LatencyParts>>,
    /// The own volume of the output, where it may have one.
    own_volume: Mutex<Option<SpeakerVolume>>,
    /// What the room's settings add to it.
    added: Nanos,
    playing: AtomicBool,
    /// When `sync_error` was last measured, on the node's clock.
    measured_at: AtomicI64,
    /// The factor that its volume is, as the bits of a float.
    gain: AtomicU32,
    sync_error: AtomicI64,
    latency: AtomicI64,
    latency_reach: AtomicI64,
    source: AtomicU8,
    device_uncertainty: AtomicI64,
    /// Parts per 10^12, so that it fits an integer.
    dac_drift: AtomicI64,
    underruns: AtomicU64,
    starved: AtomicU64,
    resyncs: AtomicU64,
    jumped: AtomicI64,
    /// Underruns, times without sound and jumps that the log knows of.
    logged: [AtomicU64; 3],
    buffered: AtomicI64,
    concealed: AtomicU64,
    late: AtomicU64,
    dropped: AtomicU64,
}

impl RoomStatus {
    pub(super) fn new(output: &OutputSpec, latency: Nanos) -> Self {
        let (text, since) = (format!("{output}: opening"), clock::now());
        let (choice, why, back) = (OutputChoice::None, String::new(), String::new());
        Self {
            output: Mutex::new(OutputState { works: false, text, choice, since, why, back }),
            parts: Mutex::new(None),
            own_volume: Mutex::new(None),
            added: latency,
            playing: AtomicBool::new(false),
            measured_at: AtomicI64::new(since.as_nanos()),
            gain: AtomicU32::new(Gain::SILENT.factor().to_bits()),
            sync_error: AtomicI64::new(0),
            latency: AtomicI64::new(latency.as_nanos()),
            latency_reach: AtomicI64::new(latency.as_nanos()),
            source: AtomicU8::new(PositionSource::Model as u8),
            device_uncertainty: AtomicI64::new(0),
            dac_drift: AtomicI64::new(0),
            underruns: AtomicU64::new(0),
            starved: AtomicU64::new(0),
            resyncs: AtomicU64::new(0),
            jumped: AtomicI64::new(0),
            logged: [const { AtomicU64::new(0) }; 3],
            buffered: AtomicI64::new(0),
            concealed: AtomicU64::new(0),
            late: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// The output and whether it works.
    pub fn output(&self) -> OutputState {
        self.output.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether sound is put out.
    pub fn is_playing(&self) -> bool {
        self.playing.load(Relaxed)
    }

    /// How far the room is ahead of (positive) or behind its group, by the converter's reported position.
    pub fn sync_error(&self) -> Nanos {
        Nanos::new(self.sync_error.load(Relaxed))
    }

    /// What that rests on: nothing while the room is silent, nor once the output has held the audio thread up so long that
    /// nobody knows any more.
    pub fn evidence(&self, now: Timestamp<NodeClock>) -> Evidence {
        let age = now - Timestamp::from_nanos(self.measured_at.load(Relaxed));
        if !self.is_playing() || age > STALE {
            return Evidence::Nothing;
        }
        match self.source() {
            PositionSource::Device | PositionSource::DeviceUnstamped => Evidence::Device,
            PositionSource::Library | PositionSource::Link => Evidence::Estimate,
            PositionSource::Model => Evidence::Model,
        }
    }

    /// What lies behind the converter: what its output says, and what the settings add. It may change while it plays.
    pub fn latency(&self) -> Nanos {
        Nanos::new(self.latency.load(Relaxed))
    }

    /// What a room's latency is made of, from handing over a frame to hearing it.
    pub fn latency_parts(&self) -> Vec<LatencyPart> {
        let own = |stage, value, source| LatencyPart { stage, value, source, uncertainty: None };
        let parts = self.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let mut all = vec![own(LatencyStage::Device, LEADS.give_up, LatencySource::Computed)];
        all.extend(parts.map(|parts| parts.read()).unwrap_or_default());
        if self.added != Nanos::ZERO {
            all.push(own(LatencyStage::Added, self.added, LatencySource::Setting));
        }
        all
    }

    /// How loud the room is to be, as a factor.
    pub fn gain(&self) -> Gain {
        Gain::new(f32::from_bits(self.gain.load(Relaxed)))
    }

    /// What stands for that, and why it is not the speaker's own volume where it plays on one.
    pub fn volume(&self) -> (VolumeBy, &'static str) {
        let own = self.own_volume().map(|own| own.obstacle());
        match own {
            Some(None) => (VolumeBy::Speaker, ""),
            Some(Some(obstacle)) => (VolumeBy::Samples, obstacle.description()),
            None => (VolumeBy::Samples, ""),
        }
    }

    /// How loud the room is since somebody turned its speaker, the first time that this is asked.
    pub fn take_turn(&self) -> Option<Gain> {
        self.own_volume()?.take_turn()
    }

    /// Whether its speaker may be turned by hand.
    pub fn may_be_turned(&self) -> bool {
        self.own_volume().is_some_and(|own| own.obstacle().is_none())
    }

    fn own_volume(&self) -> Option<SpeakerVolume> {
        self.own_volume.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// By how much earlier sound must be there for it: while a change is followed, the larger of what was and what is.
    pub(super) fn latency_reach(&self) -> Nanos {
        Nanos::new(self.latency_reach.load(Relaxed))
    }

    /// Who reports that position.
    pub fn source(&self) -> PositionSource {
        let source = self.source.load(Relaxed);
        PositionSource::ALL.into_iter().find(|known| *known as u8 == source).unwrap_or(PositionSource::Model)
    }

    /// How far that position may be off.
    pub fn device_uncertainty(&self) -> Nanos {
        Nanos::new(self.device_uncertainty.load(Relaxed))
    }

    /// How much faster the converter runs than the node's clock.
    pub fn dac_drift(&self) -> Drift {
        Drift::from_ratio(self.dac_drift.load(Relaxed) as f64 * 1e-12)
    }

    /// Times the converter ran dry.
    pub fn underruns(&self) -> u64 {
        self.underruns.load(Relaxed)
    }

    /// Times the sound had to jump to be in time, or stopped because there was none.
    pub fn resyncs(&self) -> u64 {
        self.resyncs.load(Relaxed) + self.starved.load(Relaxed)
    }

    /// Of those, the times that there was none.
    pub fn starved(&self) -> u64 {
        self.starved.load(Relaxed)
    }

    /// Logs what has gone wrong with the sound since this was called last.
    pub(crate) fn log_faults(&self, room: &str) {
        let counts = [&self.underruns, &self.starved, &self.resyncs].map(|count| count.load(Relaxed));
        let [underruns, starved, resyncs] =
            [0, 1, 2].map(|i| counts[i].saturating_sub(self.logged[i].swap(counts[i], Relaxed)));
        if underruns > 0 {
            warn!("room {room:?}: its output ran dry; this machine was too busy");
        }
        if starved > 0 {
            info!("room {room:?}: no sound was there in time");
        }
        if resyncs > 0 {
            let off = Nanos::new(self.jumped.load(Relaxed)).as_secs_f64() * 1e3;
            info!("room {room:?} jumped to be in time, from {off:+.2} ms");
        }
    }

    /// Sound that has arrived and not been decoded.
    pub fn buffered(&self) -> Nanos {
        Nanos::new(self.buffered.load(Relaxed))
    }

    /// Frames that were made up or left silent because their packet was missing.
    pub fn concealed_frames(&self) -> u64 {
        self.concealed.load(Relaxed)
    }

    /// Packets that came after they were given up.
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Not for the audio path.
    pub(super) fn set_output(&self, state: OutputState) {
        *self.output.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = state;
    }

    /// Not for the audio path.
    pub(super) fn set_latency_parts(&self, parts: Option<LatencyParts>) {
        *self.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = parts;
    }

    /// Not for the audio path.
    pub(super) fn set_own_volume(&self, volume: Option<SpeakerVolume>) {
        *self.own_volume.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = volume;
    }

    pub(super) fn set_gain(&self, gain: Gain) {
        self.gain.store(gain.factor().to_bits(), Relaxed);
    }

    /// Real-time.
    pub(super) fn publish(&self, now: Timestamp<NodeClock>, status: &PlayoutStatus, device: Quality, latency: Nanos) {
        self.measured_at.store(now.as_nanos(), Relaxed);
        self.latency.store(latency.as_nanos(), Relaxed);
        self.latency_reach.store(status.output_latency.as_nanos(), Relaxed);
        self.playing.store(status.playing, Relaxed);
        self.sync_error.store(status.sync_error.as_nanos(), Relaxed);
        self.device_uncertainty.store((status.device_uncertainty + device.uncertainty).as_nanos(), Relaxed);
        self.source.store(device.source as u8, Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        self.dac_drift.store((status.dac_drift.excess() * 1e12) as i64, Relaxed);
        self.starved.store(status.starved, Relaxed);
        self.jumped.store(status.jumped.as_nanos(), Relaxed);
        self.resyncs.store(status.resyncs, Relaxed);
    }

    /// There is no output. Real-time.
    pub(super) fn publish_silent(&self) {
        self.playing.store(false, Relaxed);
    }

    /// Real-time.
    pub(super) fn count_underrun(&self) {
        self.underruns.fetch_add(1, Relaxed);
    }

    pub(super) fn publish_decoder(&self, buffered: Nanos, concealed: u64, late: u64) {
        self.buffered.store(buffered.as_nanos(), Relaxed);
        self.concealed.store(concealed, Relaxed);
        self.late.store(late, Relaxed);
    }

    /// A command was lost because the decoding thread was too far behind; gives how many were.
    pub(super) fn count_dropped(&self) -> u64 {
        self.dropped.fetch_add(1, Relaxed) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ModelSpec;

    #[test]
    fn a_figure_is_no_evidence_once_the_output_holds_the_audio_thread_up() {
        let status = RoomStatus::new(&OutputSpec::Model(ModelSpec::default()), Nanos::ZERO);
        let measured_at = Timestamp::from_nanos(1_000_000_000);
        let playing =
            PlayoutStatus { playing: true, ..unisono_core::playout::Playout::new(RATE, Nanos::ZERO).status() };
        let device = Quality { uncertainty: Nanos::ZERO, source: PositionSource::Device };
        status.publish(measured_at, &playing, device, Nanos::ZERO);
        assert_eq!(status.evidence(measured_at + Nanos::from_millis(40)), Evidence::Device);
        assert_eq!(status.evidence(measured_at + Nanos::from_secs(3)), Evidence::Nothing);
        status.publish_silent();
        assert_eq!(status.evidence(measured_at), Evidence::Nothing);
    }

    const RATE: unisono_core::units::SampleRate = unisono_core::units::SampleRate::HZ_48000;
}
