//! A Bluetooth speaker as an output.
//!
//! The clock that positions are on is the paced sender's: a frame counts as emitted when its packet is due. All that lies
//! behind that, the packet's own length included, is the latency, which is modelled and measured while it plays.

use unisono_bluetooth::{
    Address,
    a2dp::{Feed, FeedFault},
    latency::{LatencyWatch, Part, Source, Stage},
    service::Opened,
    volume::SpeakerVolume,
};
use unisono_core::{
    playout::DacReading,
    time::Nanos,
    units::{Gain, OutputPosition, SampleRate},
    wire::control::{LatencyPart, LatencySource, LatencyStage},
};

use super::{Fault, Gone, LatencyParts, Output, PositionSource, Quality, Room};

/// A stream to a speaker. Dropping it ends the stream; the connection stays.
pub(super) struct BluetoothOutput {
    feed: Feed,
    latency: LatencyWatch,
    volume: SpeakerVolume,
    /// Whether samples had full scale, at last.
    is_open: bool,
}

impl BluetoothOutput {
    pub(super) fn new(opened: Opened) -> Self {
        let Opened { feed, latency, volume } = opened;
        Self { feed, latency, volume, is_open: false }
    }
}

/// What a speaker is called as an output.
pub(super) fn spec(address: Address) -> String {
    format!("bluetooth:{address}")
}

impl From<FeedFault> for Fault {
    fn from(fault: FeedFault) -> Self {
        match fault {
            FeedFault::Underrun => Self::Underrun,
            FeedFault::Gone(failure) => Gone::Speaker(failure).into(),
        }
    }
}

impl Output for BluetoothOutput {
    fn rate(&self) -> SampleRate {
        self.feed.rate()
    }

    fn room(&mut self) -> Result<Room, Fault> {
        let room = self.feed.room()?;
        Ok(Room { writable: room.writable, queued: room.queued })
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        Ok(self.feed.write(interleaved)?)
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        let taken = self.feed.taken()?;
        Ok(taken.map(|(frames, at)| DacReading { played: OutputPosition(frames), at }))
    }

    fn quality(&self) -> Quality {
        Quality { source: PositionSource::Link, uncertainty: self.latency.uncertainty() }
    }

    fn latency(&self) -> Nanos {
        self.latency.read()
    }

    fn latency_parts(&self) -> Option<LatencyParts> {
        let latency = self.latency.clone();
        Some(LatencyParts::new(move || latency.parts().iter().map(on_the_wire).collect()))
    }

    fn take_gain(&mut self, gain: Gain) -> Gain {
        self.volume.take(gain, &mut self.is_open)
    }

    fn own_volume(&self) -> Option<SpeakerVolume> {
        Some(self.volume.clone())
    }
}

fn on_the_wire(part: &Part) -> LatencyPart {
    let stage = match part.stage {
        Stage::Packet => LatencyStage::Packet,
        Stage::Codec => LatencyStage::Codec,
        Stage::Link => LatencyStage::Link,
        Stage::Speaker => LatencyStage::Speaker,
        Stage::Trim => LatencyStage::Trim,
    };
    let source = match part.source {
        Source::Computed => LatencySource::Computed,
        Source::Socket => LatencySource::Socket,
        Source::Report => LatencySource::Report,
        Source::ReportBounded => LatencySource::ReportBounded,
        Source::Remembered => LatencySource::Remembered,
        Source::Table => LatencySource::Table,
        Source::Default => LatencySource::Default,
        Source::Setting => LatencySource::Setting,
        Source::Completion => LatencySource::Completion,
    };
    LatencyPart { stage, value: part.value, source, uncertainty: Some(part.uncertainty) }
}
