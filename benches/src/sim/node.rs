//! A node: its session, one room, and a converter that is a model.

use std::collections::VecDeque;

use bytes::Bytes;
use unisono_core::{
    clock::{CLOCK_STEP, Estimator, Prober},
    leadership::Judge,
    playout::{
        DacReading, Decode, DecodeSchedule, Playout, Queued, RESAMPLER_REACH, Step, Succession, Turn,
        timing::{BUFFER, LEADS, URGENT},
    },
    session::{NodeAction, NodeConfig, NodeSession},
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::Phase,
    units::{Drift, FramePosition, OutputPosition, SampleRate},
    wire::{
        control::{Codec, Evidence, Room, RoomReport, RoomState},
        frame::Frame,
        ids::{PeerId, RoomIndex},
    },
};

use super::{Crystal, Recording};

/// How one node is made.
#[derive(Clone, Copy, Debug)]
pub struct NodeSetup {
    /// How fast its clock runs, in ppm.
    pub clock_ppm: f64,
    /// What its clock reads at the start, in seconds.
    pub clock_offset_s: f64,
    /// How its clock's rate walks, in ppm per √s.
    pub wander: f64,
    /// How fast its converter runs, in ppm of true time.
    pub dac_ppm: f64,
    /// Steps in which the converter's counter moves, in frames.
    pub quantum: u64,
    /// What it can decode; the first that the hub has too is used.
    pub codec: Codec,
    /// Takes the hub's clock to be its own, whatever the estimator says: a fault put in on purpose.
    pub zero_estimator: bool,
    /// Keeps a [`Recording`].
    pub records: bool,
    /// What lies behind its converter at the start, in seconds: a speaker's own delay.
    pub speaker_s: f64,
}

impl Default for NodeSetup {
    fn default() -> Self {
        Self {
            clock_ppm: 0.0,
            clock_offset_s: 0.0,
            wander: 0.0,
            dac_ppm: 0.0,
            quantum: 1,
            codec: Codec::Opus,
            zero_estimator: false,
            records: false,
            speaker_s: 0.0,
        }
    }
}

/// What a converter emitted at one sampled instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlayedSample {
    /// Where in the stream; `None` is silence.
    pub phase: Option<Phase>,
    /// Whether the sound was made up.
    pub concealed: bool,
}

/// A block that was decoded, real or made up.
#[derive(Clone, Copy, Debug)]
struct Block {
    run: u32,
    start: FramePosition,
    end: FramePosition,
    concealed: bool,
}

/// Frames written to the converter.
#[derive(Clone, Copy, Debug)]
struct Written {
    first: u64,
    frames: u64,
    start: Option<Phase>,
    excess: f64,
    concealed: bool,
}

/// What the node wants done.
pub(super) enum Output {
    Control(Vec<u8>),
    Datagram(Bytes),
    Clock(Vec<u8>),
    Close(String),
}

pub(super) struct Node {
    pub(super) peer: PeerId,
    pub(super) setup: NodeSetup,
    pub(super) crystal: Crystal,
    pub(super) session: Option<NodeSession>,
    prober: Option<Prober>,
    judges: Vec<Judge>,
    learned: Estimator,
    schedule: Option<Succession<()>>,
    blocks: VecDeque<Block>,
    playout: Playout,
    /// What the room was told of the hub's clock on this connection.
    told: Option<Mapping<NodeClock, HubClock>>,
    random: fastrand::Rng,
    written: VecDeque<Written>,
    pub(super) samples: Vec<PlayedSample>,
    pub(super) recording: Recording,
    next_sample: i64,
    pub(super) closed: Option<String>,
    pub(super) concealed_frames: u64,
    concealed_before: u64,
    /// The bit rates that it was sent, in their order.
    pub(super) steps: Vec<u32>,
    pub(super) seed: u64,
    /// What lies behind the converter.
    speaker: Nanos,
}

const RATE: f64 = 48_000.0;

/// True time between two samples of what is played.
pub(super) const SAMPLE_INTERVAL: i64 = 100_000_000;

impl Node {
    pub(super) fn new(number: u8, setup: NodeSetup, swing_ppm: f64, seed: u64) -> Self {
        let speaker = Nanos::from_secs_f64(setup.speaker_s);
        Self {
            peer: PeerId([number; 32]),
            setup,
            crystal: Crystal::new(setup.clock_offset_s, setup.clock_ppm, setup.wander, seed ^ 0xc1).swinging(swing_ppm),
            session: None,
            prober: None,
            judges: vec![Judge::default()],
            learned: Estimator::new(),
            schedule: None,
            blocks: VecDeque::new(),
            playout: Playout::new(SampleRate::HZ_48000, speaker),
            told: None,
            random: fastrand::Rng::with_seed(seed ^ 0xd2),
            written: VecDeque::new(),
            samples: Vec::new(),
            recording: Recording::new(RATE * (1.0 + setup.dac_ppm * 1e-6)),
            next_sample: 0,
            closed: None,
            concealed_frames: 0,
            concealed_before: 0,
            steps: Vec::new(),
            seed,
            speaker,
        }
    }

    fn room(&self) -> Room {
        Room {
            index: RoomIndex(0),
            name: format!("room {}", self.peer.0[0]),
            output: format!("model {:+} ppm", self.setup.dac_ppm),
            latency: LEADS.give_up + self.speaker,
            term: self.judges[0].highest(),
        }
    }

    /// What the converter emits from now on is heard so much later, and the output says so.
    pub(super) fn set_speaker(&mut self, latency: Nanos) {
        self.speaker = latency;
        self.playout.set_output_latency(latency);
    }

    pub(super) fn connect(&mut self) {
        let room = self.room();
        let config = NodeConfig {
            name: format!("node {}", self.peer.0[0]),
            household: None,
            members_version: 0,
            join: None,
            codecs: vec![self.setup.codec],
            rooms: vec![room],
        };
        let learned = core::mem::take(&mut self.learned);
        self.told = None;
        self.session = Some(NodeSession::new(config, learned, LEADS.give_up + self.speaker));
        self.prober = None;
    }

    pub(super) fn disconnect(&mut self) {
        if let Some(session) = self.session.take() {
            self.learned = session.into_estimator();
        }
    }

    pub(super) fn clock(&mut self, now: i64) -> Timestamp<NodeClock> {
        self.crystal.read(now)
    }

    pub(super) fn handle_control(&mut self, now: i64, frame: &Frame) {
        let at = self.clock(now);
        if let Some(session) = &mut self.session {
            session.handle_frame(at, frame, &mut self.judges);
        }
    }

    pub(super) fn handle_datagram(&mut self, now: i64, datagram: &Bytes) {
        let at = self.clock(now);
        if let Some(session) = &mut self.session {
            session.handle_datagram(at, datagram);
        }
    }

    /// A clock packet that arrived at an instant of the node's.
    pub(super) fn handle_clock(&mut self, at: Timestamp<NodeClock>, packet: &[u8]) {
        if let (Some(session), Ok(report)) = (&mut self.session, unisono_core::wire::clock::Report::parse(packet)) {
            session.handle_clock(&report, at);
        }
    }

    /// Does what is due and gives what is to be sent.
    pub(super) fn drive(&mut self, now: i64) -> Vec<Output> {
        let at = self.clock(now);
        let mut outputs = Vec::new();
        let room = self.room();
        let Some(session) = &mut self.session else { return outputs };
        session.rooms(at, &[room]);
        session.handle_timeout(at);
        let mut actions = Vec::new();
        while let Some(action) = session.poll_action() {
            if let NodeAction::Welcomed(welcome) = &action {
                self.prober = Some(Prober::new(welcome.clock_tag, self.seed ^ 0xe3));
            }
            actions.push(action);
        }
        for action in actions {
            match action {
                NodeAction::Control(bytes) => outputs.push(Output::Control(bytes)),
                NodeAction::Datagram(bytes) => outputs.push(Output::Datagram(bytes)),
                NodeAction::Close(refuse) => outputs.push(Output::Close(refuse.text)),
                other => self.apply(at, other),
            }
        }
        outputs
    }

    /// Whether the thread that sends probes has been started on this connection.
    pub(super) const fn is_probing(&self) -> bool {
        self.prober.is_some()
    }

    /// The thread that sends probes: gives what is to be sent now, and the true time of its next turn; `None` while there
    /// is nothing to probe.
    pub(super) fn probe(&mut self, now: i64) -> Option<(Option<Output>, i64)> {
        let at = self.clock(now);
        let (session, prober) = self.session.as_mut().zip(self.prober.as_mut())?;
        let pace = session.pace(at)?;
        let sent = prober.poll_transmit(at, pace).map(|(probe, token)| {
            session.handle_clock_sent(token, at);
            Output::Clock(probe.encode().to_vec())
        });
        let next = prober.poll_timeout(pace).map_or(now, |at| self.crystal.when(at, now));
        Some((sent, next))
    }

    /// For how long what arrives waits to be taken together, in nanoseconds; `None` while it does not.
    pub(super) fn receive_interval(&mut self, now: i64) -> Option<i64> {
        let at = self.clock(now);
        self.session.as_ref()?.receive_interval(at).map(Nanos::as_nanos)
    }

    pub(super) fn timeout(&mut self, now: i64) -> Option<i64> {
        let at = self.session.as_ref()?.poll_timeout()?;
        Some(self.crystal.when(at, now))
    }

    /// The audio thread's turn; gives the true time of the next.
    pub(super) fn tick(&mut self, now: i64) -> i64 {
        self.decode(now);
        self.write(now);
        self.sample(now);
        let rest = self.playout.rest();
        now + self.random.i64(rest.start.as_nanos()..rest.end.as_nanos())
    }

    pub(super) fn report(&mut self, now: i64) -> Vec<Output> {
        let at = self.clock(now);
        let status = self.playout.status();
        let report = RoomReport {
            room: RoomIndex(0),
            state: if status.playing { RoomState::Playing } else { RoomState::Idle },
            stream: self.schedule.as_ref().map(Succession::stream),
            output: String::new(),
            sync_error: status.sync_error,
            evidence: Evidence::Device,
            uncertainty: status.device_uncertainty,
            buffered: Nanos::ZERO,
            dac_drift_ppb: 0,
            received: 0,
            lost: 0,
            repaired: 0,
            late: 0,
            concealed_frames: self.concealed_frames,
            underruns: 0,
            resyncs: status.resyncs,
        };
        if let Some(session) = &mut self.session {
            session.report(at, vec![report], Vec::new(), Vec::new(), Vec::new());
        }
        self.drive(now)
    }

    pub(super) fn status(&self) -> unisono_core::playout::PlayoutStatus {
        self.playout.status()
    }

    pub(super) fn estimate_error(&mut self, now: i64, hub: Timestamp<HubClock>) -> Option<(Nanos, Nanos)> {
        let at = self.clock(now);
        let estimate = self.session.as_ref()?.estimate(at)?;
        Some((estimate.mapping.forward(at) - hub, estimate.uncertainty))
    }

    fn apply(&mut self, at: Timestamp<NodeClock>, action: NodeAction) {
        match action {
            NodeAction::Start { stream, format, timeline, continues, .. } => {
                let warm_up = if format.codec == Codec::Opus { 4 } else { 0 };
                self.steps.push(format.bit_rate);
                let mut schedule = DecodeSchedule::new(format, timeline, LEADS, warm_up);
                schedule.set_output_latency(self.playout.status().output_latency);
                if let Some(mapping) = self.told {
                    schedule.set_clock(mapping);
                }
                if let (Some(playing), Some(position)) = (&mut self.schedule, continues) {
                    playing.go_over(stream, schedule, position);
                    return;
                }
                self.blocks.clear();
                self.concealed_before = self.concealed_frames;
                self.schedule = Some(Succession::new(stream, schedule));
                self.playout.set_timeline(timeline);
            }
            NodeAction::Left { stream, .. } => {
                if let Some(schedule) = &mut self.schedule {
                    schedule.leave(stream);
                }
            }
            NodeAction::Timeline { stream, timeline } => {
                if let Some(schedule) = self.schedule.as_mut().filter(|playing| playing.plays(stream)) {
                    schedule.set_timeline(stream, timeline);
                    self.playout.set_timeline(timeline);
                }
            }
            NodeAction::Packet { stream, position, .. } => {
                if let Some(schedule) = &mut self.schedule {
                    schedule.insert(stream, position, ());
                }
            }
            NodeAction::Stop { .. } => {
                self.schedule = None;
                self.concealed_before = self.concealed_frames;
                self.playout.stop();
            }
            NodeAction::Estimate(_) => {
                let Some(mapping) = self.mapping(at) else { return };
                self.told = self.told.filter(|told| mapping.ahead_of(told, at).abs() <= CLOCK_STEP);
                if self.told.is_some() || self.session.as_ref().is_some_and(|session| session.is_locked(at)) {
                    self.told = Some(mapping);
                    self.playout.set_clock(mapping);
                    if let Some(schedule) = &mut self.schedule {
                        schedule.set_clock(mapping);
                    }
                }
            }
            _ => {}
        }
    }

    fn mapping(&self, at: Timestamp<NodeClock>) -> Option<Mapping<NodeClock, HubClock>> {
        let estimate = self.session.as_ref()?.estimate(at)?;
        Some(if self.setup.zero_estimator {
            Mapping::new(at, Timestamp::from_nanos(at.as_nanos()), Drift::ZERO)
        } else {
            estimate.mapping
        })
    }

    fn decode(&mut self, now: i64) {
        let at = self.clock(now);
        let Some(schedule) = &mut self.schedule else { return };
        schedule.set_output_latency(self.playout.status().output_latency);
        loop {
            let Turn { decode, until, frames, .. } = schedule.poll(at);
            if self.setup.records && !matches!(decode, Decode::Wait(_) | Decode::Early(_)) {
                self.recording.decoded.push(decode.clone());
            }
            let (run, output, concealed) = match decode {
                Decode::Wait(_) | Decode::Early(_) => break,
                Decode::Reset | Decode::Warm(()) | Decode::Skip => continue,
                Decode::Packet { run, output, .. } => (run, output, false),
                Decode::Conceal { run, output } => (run, output, true),
            };
            let start = FramePosition(u64::try_from(output).unwrap_or(0));
            let end = (output + i64::from(frames)).min(until.unwrap_or(i64::MAX));
            let end = FramePosition(u64::try_from(end).unwrap_or(0));
            // What is only faded into the next rendition.
            if end <= start {
                continue;
            }
            self.blocks.push_back(Block { run, start, end, concealed });
        }
        self.concealed_frames = self.concealed_before + schedule.concealed();
    }

    fn write(&mut self, now: i64) {
        let at = self.clock(now);
        let emitted = self.emitted(now);
        let quantum = self.setup.quantum;
        self.playout.observe(DacReading { played: OutputPosition(emitted / quantum * quantum), at });
        loop {
            let queued = self.playout.written().0.saturating_sub(emitted);
            let writable = SampleRate::HZ_48000.frames_in(BUFFER).0.saturating_sub(queued);
            if writable < 48 {
                break;
            }
            let frames = u32::try_from(writable.min(240)).unwrap_or(240);
            let front = self.front();
            let first = self.playout.written().0;
            let step = self.playout.plan(frames, front, queued < SampleRate::HZ_48000.frames_in(URGENT).0);
            if self.setup.records && matches!(step, Step::Silence { .. } | Step::Play { .. }) {
                self.recording.rendered.push(step);
            }
            match step {
                Step::Wait => break,
                Step::Discard { run, before } => self.discard(run, before),
                Step::Silence { frames } => self.push(first, u64::from(frames), None, 0.0),
                Step::Play { frames, start, excess, .. } => self.push(first, u64::from(frames), Some(start), excess),
            }
        }
    }

    fn push(&mut self, first: u64, frames: u64, start: Option<Phase>, excess: f64) {
        let concealed = start.is_some_and(|start| {
            let within = |block: &&Block| (block.start..block.end).contains(&start.frame());
            self.blocks.iter().find(within).is_some_and(|block| block.concealed)
        });
        self.written.push_back(Written { first, frames, start, excess, concealed });
    }

    /// The unbroken sound at the front of the queue.
    fn front(&self) -> Option<Queued> {
        let first = self.blocks.front()?;
        let mut end = first.end;
        for block in self.blocks.iter().skip(1) {
            if block.run != first.run || block.start != end {
                break;
            }
            end = block.end;
        }
        Some(Queued { run: first.run, start: first.start, end })
    }

    fn discard(&mut self, run: u32, before: FramePosition) {
        while self.blocks.front().is_some_and(|block| block.run < run || block.end <= before) {
            self.blocks.pop_front();
        }
    }

    /// Frames that the converter has emitted by a true time.
    fn emitted(&self, now: i64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let frames = (now as f64 * 1e-9 * RATE * (1.0 + self.setup.dac_ppm * 1e-6)) as u64;
        frames.min(self.playout.written().0)
    }

    /// Notes what is heard at the sampled instants that have passed. (What was emitted before the speaker held more or
    /// less is taken to have been heard as late as now.)
    fn sample(&mut self, now: i64) {
        while self.next_sample <= now {
            let emitted_at = (self.next_sample - self.speaker.as_nanos()).max(0);
            let frame = emitted_at as f64 * 1e-9 * RATE * (1.0 + self.setup.dac_ppm * 1e-6);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
            let whole = frame as u64;
            while self.written.front().is_some_and(|piece| piece.first + piece.frames <= whole) {
                self.written.pop_front();
            }
            let piece = self.written.front().filter(|piece| piece.first <= whole);
            let phase = piece
                .and_then(|piece| Some(piece.start?.advanced_by((frame - piece.first as f64) * (1.0 + piece.excess))));
            let concealed = piece.is_some_and(|piece| piece.concealed);
            self.samples.push(PlayedSample { phase, concealed });
            self.next_sample += SAMPLE_INTERVAL;
        }
        // What the resampler no longer reaches is of no use.
        let reach = RESAMPLER_REACH * 4;
        let oldest =
            self.written.back().and_then(|piece| piece.start).map(|start| start.frame().0.saturating_sub(reach));
        while let (Some(front), Some(oldest)) = (self.blocks.front(), oldest)
            && front.end.0 <= oldest
            && self.blocks.len() > 1
        {
            self.blocks.pop_front();
        }
    }
}
