//! The decoding thread: takes packets, decodes them in their order and time, makes up what is missing.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use tracing::{debug, warn};
use unisono_codec::Decode as Decoder;
use unisono_core::{
    playout::{Decode, DecodeSchedule},
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    units::{FramePosition, SampleRate},
    wire::{control::Format, ids::StreamId},
};
use unisono_transport::clock;

use super::{
    LEADS, RoomCommand, RoomStatus,
    audio::{AudioOrder, Orders},
    block::{CHANNELS, MAX_FRAMES, Sound},
};

/// With nothing to do the thread looks around so often.
const IDLE: Duration = Duration::from_millis(500);

/// While all blocks are on their way to the converter, one comes back within this.
const BLOCKED: Duration = Duration::from_millis(5);

/// What is being played.
struct Playing {
    stream: StreamId,
    rate: SampleRate,
    schedule: DecodeSchedule<Bytes>,
    decoder: Box<dyn Decoder>,
    frames: usize,
    warm: Vec<f32>,
}

struct Thread {
    sound: Sound,
    orders: Orders,
    latency: Nanos,
    status: Arc<RoomStatus>,
    clock: Option<Mapping<NodeClock, HubClock>>,
    generation: u32,
    playing: Option<Playing>,
    /// What earlier streams counted.
    concealed: u64,
    late: u64,
}

pub(super) fn spawn(
    commands: Receiver<RoomCommand>,
    sound: Sound,
    orders: Orders,
    latency: Nanos,
    status: Arc<RoomStatus>,
) -> io::Result<JoinHandle<()>> {
    let thread =
        Thread { sound, orders, latency, status, clock: None, generation: 0, playing: None, concealed: 0, late: 0 };
    thread::Builder::new().name("decode".into()).spawn(move || thread.run(&commands))
}

impl Thread {
    fn run(mut self, commands: &Receiver<RoomCommand>) {
        let mut wait = IDLE;
        loop {
            match commands.recv_timeout(wait) {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(command) = commands.try_recv() {
                self.obey(command);
            }
            wait = self.decode();
            self.publish();
        }
    }

    fn obey(&mut self, command: RoomCommand) {
        match command {
            RoomCommand::Start { stream, format, timeline } => self.start(stream, format, timeline),
            RoomCommand::Timeline(stream, timeline) => {
                if let Some(playing) = self.playing.as_mut().filter(|playing| playing.stream == stream) {
                    playing.schedule.set_timeline(timeline);
                    self.orders.give(AudioOrder::Timeline(timeline));
                }
            }
            RoomCommand::Packet(stream, position, payload) => {
                if let Some(playing) = self.playing.as_mut().filter(|playing| playing.stream == stream) {
                    playing.schedule.insert(position, payload);
                }
            }
            RoomCommand::Stop => self.stop(),
            RoomCommand::Gain(gain, ramp) => self.orders.give(AudioOrder::Gain(gain, ramp)),
            RoomCommand::Clock(mapping) => {
                self.clock = Some(mapping);
                if let Some(playing) = &mut self.playing {
                    playing.schedule.set_clock(mapping);
                }
                self.orders.give(AudioOrder::Clock(mapping));
            }
        }
    }

    fn start(&mut self, stream: StreamId, format: Format, timeline: Timeline) {
        self.stop();
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
        schedule.set_output_latency(self.latency);
        if let Some(clock) = self.clock {
            schedule.set_clock(clock);
        }
        self.generation = self.generation.wrapping_add(1);
        self.playing = Some(Playing { stream, rate, schedule, decoder, frames, warm: vec![0.0; frames * CHANNELS] });
        self.orders.give(AudioOrder::Start { generation: self.generation, timeline });
    }

    fn stop(&mut self) {
        if let Some(playing) = self.playing.take() {
            self.concealed += playing.schedule.concealed();
            self.late += playing.schedule.late();
            self.orders.give(AudioOrder::Stop);
        }
    }

    /// Decodes what is due; gives how long to wait for more.
    fn decode(&mut self) -> Duration {
        let Some(playing) = &mut self.playing else { return IDLE };
        loop {
            if !self.sound.has_empty() {
                return BLOCKED;
            }
            let now: Timestamp<NodeClock> = clock::now();
            let (payload, run, output) = match playing.schedule.poll(now) {
                Decode::Wait(until) => {
                    let left = until.map_or(IDLE, |until| (until - now).to_duration());
                    return left.clamp(Duration::from_millis(1), IDLE);
                }
                Decode::Skip => continue,
                Decode::Reset => {
                    playing.decoder.reset();
                    continue;
                }
                Decode::Warm(payload) => {
                    if let Err(error) = playing.decoder.decode(&payload, &mut playing.warm) {
                        debug!("a packet for warming up is damaged: {error}");
                    }
                    continue;
                }
                Decode::Packet { payload, run, output } => (Some(payload), run, output),
                Decode::Conceal { run, output } => (None, run, output),
            };
            let Some(mut block) = self.sound.take_empty() else { return BLOCKED };
            let samples = block.resize(playing.frames);
            let decoded = payload.is_some_and(|payload| match playing.decoder.decode(&payload, samples) {
                Ok(()) => true,
                Err(error) => {
                    debug!("a packet is damaged and made up: {error}");
                    false
                }
            });
            if !decoded {
                playing.decoder.conceal(samples);
            }
            // What a decoder puts out before position 0 is its own delay.
            let before = usize::try_from(-output).unwrap_or(0);
            block.skip(before);
            block.start = FramePosition(u64::try_from(output).unwrap_or(0));
            block.run = run;
            block.generation = self.generation;
            self.sound.send(block);
        }
    }

    fn publish(&self) {
        let (buffered, concealed, late) = self.playing.as_ref().map_or((Nanos::ZERO, 0, 0), |playing| {
            let buffered = playing.rate.duration_of(playing.schedule.buffered());
            (buffered, playing.schedule.concealed(), playing.schedule.late())
        });
        self.status.publish_decoder(buffered, self.concealed + concealed, self.late + late);
    }
}
