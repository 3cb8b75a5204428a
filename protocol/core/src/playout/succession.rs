//! From one rendition to another in the middle of the sound.
//!
//! The old rendition is decoded up to the frame where the new one begins, and a little beyond, so that one can be faded
//! into the other; both put out the same frames of the stream, so no position moves. The new decoder has warmed up by
//! then on packets that are not heard.

use super::schedule::{Decode, DecodeSchedule};
use crate::{
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    units::{FrameCount, FramePosition},
    wire::ids::StreamId,
};

/// What to do now, and with whose decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<T> {
    /// The rendition. When it is another than before, the decoder of the one before has done its work.
    pub stream: StreamId,
    /// What to do.
    pub decode: Decode<T>,
    /// Frames in its packets.
    pub frames: u32,
    /// The first frame that belongs to the rendition after this one: from there on the sound is not to be played but to
    /// be faded into that.
    pub until: Option<i64>,
}

#[derive(Debug)]
struct Successor<T> {
    stream: StreamId,
    schedule: DecodeSchedule<T>,
    /// The first frame that it puts out to be heard.
    begins: i64,
}

/// What a room plays, and the rendition that it is going over to.
#[derive(Debug)]
pub struct Succession<T> {
    stream: StreamId,
    schedule: DecodeSchedule<T>,
    next: Option<Successor<T>>,
    /// What renditions before this one counted.
    concealed: u64,
    late: u64,
}

impl<T> Succession<T> {
    /// Begins with a rendition.
    pub const fn new(stream: StreamId, schedule: DecodeSchedule<T>) -> Self {
        Self { stream, schedule, next: None, concealed: 0, late: 0 }
    }

    /// Goes over to another rendition at the first frame of its packet at a position. One that it was going over to
    /// already is left out.
    pub fn go_over(&mut self, stream: StreamId, mut schedule: DecodeSchedule<T>, position: FramePosition) {
        let begins = position.offset_by(-i64::from(schedule.format().lookahead));
        let begins = i64::try_from(begins.0).unwrap_or(i64::MAX);
        schedule.set_not_before(position);
        self.next = Some(Successor { stream, schedule, begins });
    }

    /// Nothing more comes of a rendition: when the room is still on it, it goes over at once.
    pub fn leave(&mut self, stream: StreamId) {
        if self.stream == stream
            && let Some(next) = &mut self.next
        {
            next.schedule.set_not_before(FramePosition(0));
            self.succeed();
        }
    }

    /// Whether a rendition is one of those that are wanted.
    pub fn plays(&self, stream: StreamId) -> bool {
        self.stream == stream || self.next.as_ref().is_some_and(|next| next.stream == stream)
    }

    /// Takes the mapping to the hub's clock as it is known now.
    pub fn set_clock(&mut self, clock: Mapping<NodeClock, HubClock>) {
        self.schedules().for_each(|schedule| schedule.set_clock(clock));
    }

    /// Takes what the output adds behind the converter, which may change.
    pub fn set_output_latency(&mut self, latency: Nanos) {
        self.schedules().for_each(|schedule| schedule.set_output_latency(latency));
    }

    /// Takes a new timeline of a rendition.
    pub fn set_timeline(&mut self, stream: StreamId, timeline: Timeline) {
        if let Some(schedule) = self.schedule_of(stream) {
            schedule.set_timeline(timeline);
        }
    }

    /// Takes a packet; see [`DecodeSchedule::insert`].
    pub fn insert(&mut self, stream: StreamId, position: FramePosition, payload: T) {
        if let Some(schedule) = self.schedule_of(stream) {
            schedule.insert(position, payload);
        }
    }

    /// Says what to do at `now`. Call again until it says to wait.
    pub fn poll(&mut self, now: Timestamp<NodeClock>) -> Turn<T> {
        let fade = i64::from(self.schedule.format().rate / FADES_A_SECOND);
        let is_through = |next: &Successor<T>| {
            self.schedule.next_output().is_none_or(|output| output >= next.begins.saturating_add(fade))
        };
        if self.next.as_ref().is_some_and(is_through) {
            self.succeed();
        }
        let until = self.next.as_ref().map(|next| next.begins);
        let frames = self.schedule.format().packet_frames;
        Turn { stream: self.stream, decode: self.schedule.poll(now), frames, until }
    }

    /// The rendition that is being decoded.
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// Frames made up or left silent because their packet was missing.
    pub const fn concealed(&self) -> u64 {
        self.concealed + self.schedule.concealed()
    }

    /// Packets that came after they were given up.
    pub const fn late(&self) -> u64 {
        self.late + self.schedule.late()
    }

    /// The sound that has arrived without a gap.
    pub fn buffered(&self) -> FrameCount {
        self.schedule.buffered()
    }

    fn succeed(&mut self) {
        let Some(next) = self.next.take() else { return };
        (self.concealed, self.late) = (self.concealed(), self.late());
        (self.stream, self.schedule) = (next.stream, next.schedule);
    }

    fn schedules(&mut self) -> impl Iterator<Item = &mut DecodeSchedule<T>> {
        core::iter::once(&mut self.schedule).chain(self.next.as_mut().map(|next| &mut next.schedule))
    }

    fn schedule_of(&mut self, stream: StreamId) -> Option<&mut DecodeSchedule<T>> {
        if self.stream == stream {
            return Some(&mut self.schedule);
        }
        self.next.as_mut().filter(|next| next.stream == stream).map(|next| &mut next.schedule)
    }
}

/// One rendition is faded into the other within 5 ms: the difference between them is coding noise, but a step in it
/// would be a click.
const FADES_A_SECOND: u32 = 200;
