//! The decoding thread: takes packets, decodes them in their order and time, makes up what is missing.

use std::{
    io,
    sync::{Arc, mpsc::TryRecvError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use tracing::{debug, warn};
use unisono_codec::Decode as Decoder;
use unisono_core::{
    playout::{Decode, DecodeSchedule, Succession, Turn, timing::LEADS},
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    units::{FramePosition, SampleRate},
    wire::{control::Format, ids::StreamId},
};
use unisono_transport::clock;

use super::{
    Received, RoomCommand, RoomStatus,
    audio::{AudioOrder, Orders},
    block::{CHANNELS, MAX_FRAMES, Sound},
    splice::Splice,
};
use crate::vital::vital;

/// With nothing to do the thread looks around so often.
const IDLE: Duration = Duration::from_millis(500);

/// While a stream plays, so often: what is late for the decoder's turn and still in time to be heard is met in between.
const LOOK: Duration = Duration::from_millis(20);

/// While all blocks are on their way to the converter, one comes back within this.
const BLOCKED: Duration = Duration::from_millis(5);

/// One rendition's decoder.
struct Rendition {
    stream: StreamId,
    decoder: Box<dyn Decoder>,
    frames: usize,
    /// For sound that is not played as it is.
    scratch: Vec<f32>,
}

/// What is being played.
struct Playing {
    rate: SampleRate,
    succession: Succession<Bytes>,
    rendition: Rendition,
    /// What the room is going over to.
    next: Option<Rendition>,
    splice: Splice,
}

struct Thread {
    sound: Sound,
    orders: Orders,
    status: Arc<RoomStatus>,
    clock: Option<Mapping<NodeClock, HubClock>>,
    generation: u32,
    playing: Option<Playing>,
    /// What earlier streams counted.
    concealed: u64,
    late: u64,
}

pub(super) fn spawn(
    commands: Received,
    sound: Sound,
    orders: Orders,
    status: Arc<RoomStatus>,
) -> io::Result<JoinHandle<()>> {
    let thread = Thread { sound, orders, status, clock: None, generation: 0, playing: None, concealed: 0, late: 0 };
    thread::Builder::new().name("decode".into()).spawn(vital(move || thread.run(&commands)))
}

impl Rendition {
    /// Decodes a packet, or makes up its sound.
    fn decode(&mut self, payload: Option<&Bytes>) {
        let decoded = payload.is_some_and(|payload| match self.decoder.decode(payload, &mut self.scratch) {
            Ok(()) => true,
            Err(error) => {
                debug!("a packet is damaged and made up: {error}");
                false
            }
        });
        if !decoded {
            self.decoder.conceal(&mut self.scratch);
        }
    }
}

impl Thread {
    fn run(mut self, commands: &Received) {
        let mut wait = IDLE;
        loop {
            thread::park_timeout(wait);
            loop {
                match commands.take() {
                    Ok(command) => self.obey(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return self.stop(),
                }
            }
            self.orders.hand_over();
            wait = self.decode();
            self.publish();
        }
    }

    fn obey(&mut self, command: RoomCommand) {
        match command {
            RoomCommand::Start { stream, format, timeline, continues, clock } => {
                self.clock = clock;
                self.start(stream, format, timeline, continues);
            }
            RoomCommand::Left(stream) => {
                if let Some(playing) = &mut self.playing {
                    playing.succession.leave(stream);
                }
            }
            RoomCommand::Timeline(stream, timeline) => {
                if let Some(playing) = self.playing.as_mut().filter(|playing| playing.succession.plays(stream)) {
                    playing.succession.set_timeline(stream, timeline);
                    self.orders.give(AudioOrder::Timeline(timeline));
                }
            }
            RoomCommand::Packet(stream, position, payload) => {
                if let Some(playing) = &mut self.playing {
                    playing.succession.insert(stream, position, payload);
                }
            }
            RoomCommand::Stop => self.stop(),
            RoomCommand::Gain(gain, ramp) => {
                self.status.set_gain(gain);
                self.orders.give(AudioOrder::Gain(gain, ramp));
            }
            RoomCommand::Sound(sound) => self.orders.give(AudioOrder::Sound(sound)),
            RoomCommand::Beep => self.orders.give(AudioOrder::Beep),
            RoomCommand::Clock(mapping) => {
                self.clock = Some(mapping);
                if let Some(playing) = &mut self.playing {
                    playing.succession.set_clock(mapping);
                }
                self.orders.give(AudioOrder::Clock(mapping));
            }
        }
    }

    fn start(&mut self, stream: StreamId, format: Format, timeline: Timeline, continues: Option<FramePosition>) {
        let continues = continues.filter(|_| self.playing.is_some());
        if continues.is_none() {
            self.stop();
        }
        let frames = usize::try_from(format.packet_frames).unwrap_or(usize::MAX);
        if usize::from(format.channels) != CHANNELS || frames > MAX_FRAMES {
            warn!("a stream of {} channels in packets of {frames} frames cannot be played", format.channels);
            return;
        }
        let decoder = match unisono_codec::decoder(&format) {
            Ok(decoder) => decoder,
            Err(error) => return warn!("the stream cannot be decoded: {error}"),
        };
        let rate = timeline.rate();
        let warm_up = unisono_codec::warm_up_packets(&format);
        let mut schedule = DecodeSchedule::new(format, timeline, LEADS, warm_up);
        schedule.set_output_latency(self.status.latency_reach());
        if let Some(clock) = self.clock {
            schedule.set_clock(clock);
        }
        let rendition = Rendition { stream, decoder, frames, scratch: vec![0.0; frames * CHANNELS] };
        if let (Some(playing), Some(position)) = (&mut self.playing, continues) {
            playing.succession.go_over(stream, schedule, position);
            playing.next = Some(rendition);
            return;
        }
        self.generation = self.generation.wrapping_add(1);
        let succession = Succession::new(stream, schedule);
        self.playing = Some(Playing { rate, succession, rendition, next: None, splice: Splice::default() });
        self.orders.give(AudioOrder::Start { generation: self.generation, timeline });
    }

    fn stop(&mut self) {
        if let Some(playing) = self.playing.take() {
            self.concealed += playing.succession.concealed();
            self.late += playing.succession.late();
            self.orders.give(AudioOrder::Stop);
        }
    }

    /// Decodes what is due; gives how long to wait for more.
    fn decode(&mut self) -> Duration {
        let Some(playing) = &mut self.playing else { return IDLE };
        playing.succession.set_output_latency(self.status.latency_reach());
        loop {
            if !self.sound.has_empty() {
                return BLOCKED;
            }
            let now: Timestamp<NodeClock> = clock::now();
            let Turn { stream, decode, until, .. } = playing.succession.poll(now);
            let goes_over = playing.rendition.stream != stream;
            if goes_over && let Some(next) = playing.next.take_if(|next| next.stream == stream) {
                playing.rendition = next;
            }
            let rendition = &mut playing.rendition;
            let (payload, run, output) = match decode {
                Decode::Wait(until) => {
                    let Some(until) = until else { return if self.clock.is_some() { IDLE } else { LOOK } };
                    return (until - now).to_duration().clamp(Duration::from_millis(1), LOOK);
                }
                // Four packets at each wake-up cost less than one: the next three are due soon after the first.
                Decode::Early(until) => return (until - now).to_duration().min(LOOK) + 3 * LOOK,
                Decode::Skip => continue,
                Decode::Reset => {
                    rendition.decoder.reset();
                    continue;
                }
                Decode::Warm(payload) => {
                    if let Err(error) = rendition.decoder.decode(&payload, &mut rendition.scratch) {
                        debug!("a packet for warming up is damaged: {error}");
                    }
                    continue;
                }
                Decode::Packet { payload, run, output } => (Some(payload), run, output),
                Decode::Conceal { run, output } => (None, run, output),
            };
            if until.is_some_and(|until| until <= output) {
                rendition.decode(payload.as_ref());
                playing.splice.cut(output, &rendition.scratch, output);
                continue;
            }
            let Some(mut block) = self.sound.take_empty() else { return BLOCKED };
            rendition.decode(payload.as_ref());
            block.resize(rendition.frames).copy_from_slice(&rendition.scratch);
            // What a decoder puts out before position 0 is its own delay.
            let before = usize::try_from(-output).unwrap_or(0);
            block.skip(before);
            block.start = FramePosition(u64::try_from(output).unwrap_or(0));
            block.run = run;
            block.generation = self.generation;
            playing.splice.join(output.max(0), block.samples_mut());
            if let Some(until) = until {
                let played = playing.splice.cut(output.max(0), block.samples(), until);
                block.truncate(played);
            }
            self.sound.send(block);
        }
    }

    fn publish(&self) {
        let (buffered, concealed, late) = self.playing.as_ref().map_or((Nanos::ZERO, 0, 0), |playing| {
            let buffered = playing.rate.duration_of(playing.succession.buffered());
            (buffered, playing.succession.concealed(), playing.succession.late())
        });
        self.status.publish_decoder(buffered, self.concealed + concealed, self.late + late);
    }
}
