//! From the socket of a transport to the recording: one thread reads and stamps, another decodes, emits and records.

use std::{
    iter,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::socket::{MsgFlags, recv},
};
use serde::Serialize;
use unisono_codec::sbc;

use super::{
    emission::{Arrived, Emission},
    packet::{Gaps, Packet},
    recorder::Recorder,
};
use crate::lab::setup;

/// What a speaker has counted since it was started.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts {
    /// Packets that arrived.
    packets: u64,
    /// Packets that are missing between those.
    lost: u64,
    /// Packets that arrived after they should have been heard.
    late: u64,
    /// Packets, or frames in them, that could not be read.
    garbled: u64,
    /// Frames of sound.
    frames: u64,
    /// Bytes of packets.
    bytes: u64,
    /// Streams that have begun, and those that have ended.
    begun: u64,
    ended: u64,
    /// When the last packet arrived, in nanoseconds of `CLOCK_MONOTONIC`.
    last: i64,
}

enum Input {
    Begin(sbc::Config),
    Packet(i64, Vec<u8>),
    End,
    Delay(i64),
    Record(Recorder),
}

/// The threads.
#[derive(Debug)]
pub(super) struct Stream {
    inputs: Sender<Input>,
    counts: Arc<Mutex<Counts>>,
}

impl Stream {
    pub(super) fn start(record: &Path, delay_ms: f64, ppm: f64) -> anyhow::Result<Self> {
        let (inputs, received) = channel();
        let counts = Arc::new(Mutex::default());
        let mut converter = Converter {
            recorder: Recorder::create(record)?,
            counts: Arc::clone(&counts),
            delay: nanos(delay_ms),
            ppm,
            stream: None,
            late: 0,
        };
        thread::Builder::new().name("converter".into()).spawn(move || converter.run(&received))?;
        Ok(Self { inputs, counts })
    }

    /// Takes what comes from a transport's socket until it ends.
    pub(super) fn receive(&self, socket: OwnedFd, config: sbc::Config) -> std::io::Result<()> {
        let inputs = self.inputs.clone();
        // As it is handed over, it does not wait.
        fcntl(&socket, FcntlArg::F_SETFL(OFlag::empty()))?;
        thread::Builder::new().name("radio".into()).spawn(move || {
            if inputs.send(Input::Begin(config)).is_err() {
                return;
            }
            let mut buffer = [0; LARGEST];
            loop {
                match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                    Ok(0) => break,
                    Ok(length) if inputs.send(Input::Packet(setup::nanos(), buffer[..length].to_vec())).is_ok() => {}
                    Err(Errno::EINTR) => {}
                    Ok(_) | Err(_) => break,
                }
            }
            // When nobody listens any more, the program is ending.
            let _ = inputs.send(Input::End);
        })?;
        Ok(())
    }

    /// Changes the true delay.
    pub(super) fn set_delay(&self, ms: f64) {
        // As above.
        let _ = self.inputs.send(Input::Delay(nanos(ms)));
    }

    /// Begins another recording.
    pub(super) fn record(&self, prefix: &Path) -> anyhow::Result<()> {
        // As above.
        let _ = self.inputs.send(Input::Record(Recorder::create(prefix)?));
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Converter {
    recorder: Recorder,
    counts: Arc<Mutex<Counts>>,
    delay: i64,
    ppm: f64,
    stream: Option<Running>,
    /// Late packets of streams that have ended.
    late: u64,
}

struct Running {
    config: sbc::Config,
    emission: Emission,
    decoder: sbc::Decoder,
    gaps: Gaps,
}

impl Converter {
    fn run(&mut self, inputs: &Receiver<Input>) {
        for input in inputs {
            if let Err(error) = self.take(input) {
                unisono_settings::complain(format_args!("speaker: {error:#}"));
            }
        }
    }

    fn take(&mut self, input: Input) -> anyhow::Result<()> {
        match input {
            Input::Begin(config) => {
                let emission = Emission::new(config.rate.hertz(), self.delay, self.ppm);
                let (decoder, gaps) = (sbc::Decoder::new(config)?, Gaps::default());
                self.stream = Some(Running { config, emission, decoder, gaps });
                self.count(|counts| counts.begun += 1);
            }
            Input::Packet(at, bytes) => self.packet(at, &bytes),
            Input::End => {
                if let Some(running) = &mut self.stream {
                    running.emission.end();
                    self.late += running.emission.late();
                }
                self.record()?;
                self.stream = None;
                self.count(|counts| counts.ended += 1);
            }
            Input::Delay(delay) => {
                self.delay = delay;
                if let Some(running) = &mut self.stream {
                    running.emission.set_delay(delay);
                }
            }
            Input::Record(recorder) => {
                if let Some(running) = &mut self.stream {
                    running.emission.end_run();
                }
                self.record()?;
                self.recorder = recorder;
                if let Some(running) = &mut self.stream {
                    running.emission.begin_run();
                }
            }
        }
        self.record()
    }

    fn packet(&mut self, at: i64, bytes: &[u8]) {
        let Some(running) = &mut self.stream else { return };
        let (mut lost, mut garbled, mut frames) = (0, 0, 0);
        match Packet::read(bytes) {
            Some(packet) => {
                lost = running.gaps.before(packet.sequence);
                match running.decoded(&packet) {
                    Some(sound) => {
                        frames = sound.len() as u64 / 2;
                        running.emission.arrived(Arrived { at, timestamp: packet.timestamp, sound });
                    }
                    None => garbled = 1,
                }
            }
            None => garbled = 1,
        }
        let late = self.late + running.emission.late();
        self.count(|counts| {
            counts.packets += 1;
            counts.lost += u64::from(lost);
            counts.late = late;
            counts.garbled += garbled;
            counts.frames += frames;
            counts.bytes += bytes.len() as u64;
            counts.last = at;
        });
    }

    fn record(&mut self) -> anyhow::Result<()> {
        let Some(running) = &mut self.stream else { return Ok(()) };
        for emitted in running.emission.take() {
            self.recorder.write(&emitted, running.config.rate.hertz())?;
        }
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Running {
    /// Every SBC frame of a packet, as two channels; nothing when one of them cannot be read.
    fn decoded(&mut self, packet: &Packet<'_>) -> Option<Vec<i16>> {
        let channels = usize::from(self.config.channels());
        let mut samples = vec![0.0; self.config.frame_samples() * channels];
        let (mut rest, mut sound) = (packet.frames, Vec::new());
        for _ in 0..packet.count {
            let read = self.decoder.decode(rest, &mut samples).ok()?;
            rest = rest.get(read..)?;
            #[expect(clippy::cast_possible_truncation, reason = "they were whole ones of 16 bits")]
            let whole = samples.iter().map(|sample| (sample * 32_768.0) as i16);
            sound.extend(whole.flat_map(|sample| iter::repeat_n(sample, 2 / channels)));
        }
        Some(sound)
    }
}

/// More than any MTU that is agreed on.
const LARGEST: usize = 4_096;

fn nanos(ms: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
    let nanos = (ms * 1e6).round() as i64;
    nanos
}
