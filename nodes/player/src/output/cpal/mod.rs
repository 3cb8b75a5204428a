//! A device that cpal finds: the output for systems without ALSA, and for sound servers that cpal knows.
//!
//! cpal asks for frames in a callback on a thread of its own, so a ring stands between; silence is played until there is
//! enough in it. cpal says of each buffer when its first frame will be heard: that is the position, a little in the
//! future. It takes delay and instant by two calls, so it is less exact than the ALSA output.
//!
//! Real-time, but for the instants: cpal's `Stream::now` takes a lock of alsa-lib that its own thread takes, too.

mod choice;
mod feed;
mod instants;

use std::{sync::Arc, time::Duration};

use ::cpal::{
    Data, ErrorKind, OutputCallbackInfo, Stream,
    traits::{DeviceTrait, StreamTrait},
};
use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};
use unisono_core::{
    playout::DacReading,
    time::Nanos,
    units::{OutputPosition, SampleRate},
};

use super::{
    CHANNELS, Fault, Gone, OpenError, Output, PositionSource, Quality, Room, alsa::quietly, clock, frames_of,
    progress::Progress, saturating_u32,
};
use feed::{Feed, Shared};
use instants::Instants;

pub(super) use choice::devices;

/// Two of these are all that the device holds, and cpal's thread, which has no real-time priority, may be late by one:
/// with 20 ms that was too little every ten seconds on two cores with six busy threads, with 30 ms once in a minute.
const PERIOD: Nanos = Nanos::from_millis(30);

/// What is kept in the ring, or two buffers where a device asks for more at once.
const FILL: Nanos = Nanos::from_millis(60);

/// What the ring can hold: no device asks for half of it at once.
const RING: Nanos = Nanos::from_secs(1);

/// cpal looks at a device that does not call at least so often, and notices then that it was unplugged.
const PATIENCE: Duration = Duration::from_millis(200);

/// Records that wait to be read: those of over a second.
const RECORDS: usize = 64;

/// After it starts, a device is filled before it moves, and the first buffers are said to be heard too early; after it
/// ran empty cpal holds instants back for as long as the device had been ahead.
const SETTLING_CALLBACKS: u32 = 6;

/// A device that cpal drives.
pub(super) struct CpalOutput {
    // Dropped first: its callback holds the other ends.
    stream: Stream,
    rate: SampleRate,
    ring: HeapProd<f32>,
    records: HeapCons<Record>,
    shared: Arc<Shared>,
    instants: Instants,
    quality: Quality,
    progress: Progress,
    /// Frames that start a run, at least.
    start: u64,
    /// Frames that went into the ring since it was opened.
    pushed: u64,
    /// Those that belong to earlier runs.
    before: u64,
    run: u32,
}

/// The callback says when a frame will be heard.
#[derive(Clone, Copy, Debug)]
struct Record {
    run: u32,
    frame: u64,
    heard: ::cpal::StreamInstant,
}

impl CpalOutput {
    /// Opens a device by cpal's id, or its default, and plays silence.
    pub(super) fn open(id: Option<&str>, rate: SampleRate) -> Result<Self, OpenError> {
        let name = id.map_or_else(|| String::from("cpal"), |id| format!("cpal:{id}"));
        quietly(|| Self::open_named(&name, id, rate)).0
    }

    fn open_named(name: &str, id: Option<&str>, rate: SampleRate) -> Result<Self, OpenError> {
        let refusal = |error: ::cpal::Error| choice::refusal(name, &error);
        let device = choice::find(name, id)?;
        let (config, sample_format, encoder) = choice::config(name, &device, rate, PERIOD)?;
        let ring_frames = usize::try_from(rate.frames_in(RING).0).unwrap_or(usize::MAX);
        let (ring, ring_out) = HeapRb::new(ring_frames * usize::from(CHANNELS)).split();
        let (mut records_in, records) = HeapRb::new(RECORDS).split();
        let shared = Arc::new(Shared::default());
        let start = rate.frames_in(FILL).0 / 2;
        let mut feed = Feed::new(ring_out, encoder, Arc::clone(&shared), start);
        let mut settling = SETTLING_CALLBACKS;
        let callback = move |data: &mut Data, info: &OutputCallbackInfo| {
            if feed.device_ran_empty() {
                settling = SETTLING_CALLBACKS;
            }
            let first = feed.fill(data.bytes_mut());
            settling = settling.saturating_sub(1);
            if let Some((run, frame)) = first.filter(|_| settling == 0) {
                // Full only when nobody asks for positions.
                let _ = records_in.try_push(Record { run, frame, heard: info.timestamp().playback });
            }
        };
        let errors = Arc::clone(&shared);
        let on_error = move |error: ::cpal::Error| match error.kind() {
            ErrorKind::Xrun => errors.device_ran_empty(),
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            ErrorKind::DeviceNotAvailable => errors.lose(Gone::Unplugged),
            _ => errors.lose(Gone::Ended),
        };
        let stream = device
            .build_output_stream_raw(config, sample_format, callback, on_error, Some(PATIENCE))
            .map_err(refusal)?;
        stream.play().map_err(refusal)?;
        Ok(Self {
            stream,
            rate,
            ring,
            records,
            shared,
            instants: Instants::default(),
            quality: Quality { source: PositionSource::Library, uncertainty: Nanos::ZERO },
            progress: Progress::default(),
            start,
            pushed: 0,
            before: 0,
            run: 0,
        })
    }

    /// Whether all is well.
    fn check(&mut self) -> Result<(), Fault> {
        if let Some(gone) = self.shared.lost() {
            return Err(gone.into());
        }
        if !self.shared.take_end() {
            return Ok(());
        }
        self.before = self.pushed;
        self.run = self.run.wrapping_add(1);
        self.shared.begin(self.run, self.pushed);
        self.progress.reset();
        Err(Fault::Underrun)
    }

    /// Frames that the callback has not taken yet.
    fn waiting(&self) -> u64 {
        (self.ring.occupied_len() / usize::from(CHANNELS)) as u64
    }

    /// Frames that fit in.
    fn writable(&self) -> u64 {
        let fill = self.rate.frames_in(FILL).0.max(2 * self.shared.largest_buffer());
        let vacant = (self.ring.vacant_len() / usize::from(CHANNELS)) as u64;
        fill.saturating_sub(self.waiting()).min(vacant)
    }
}

impl Output for CpalOutput {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn room(&mut self) -> Result<Room, Fault> {
        self.check()?;
        let (written, waiting) = (self.pushed - self.before, self.waiting());
        let buffer = self.shared.largest_buffer().max(1);
        let should_move = written >= self.start.max(buffer);
        let taken = written.saturating_sub(waiting);
        if should_move && self.progress.is_stalled(taken.into(), clock::raw_now()) {
            self.shared.lose(Gone::Stalled);
            return Err(Gone::Stalled.into());
        }
        // A buffer that cannot be filled is silent from there on, so less than one is nothing to go on with.
        let queued = waiting / buffer * buffer;
        Ok(Room { writable: saturating_u32(self.writable()), queued: saturating_u32(queued) })
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        self.check()?;
        let frames = saturating_u32(frames_of(interleaved).0.min(self.writable()));
        self.ring.push_slice(&interleaved[..frames as usize * usize::from(CHANNELS)]);
        self.pushed += u64::from(frames);
        Ok(frames)
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        self.check()?;
        let Some(record) = self.records.pop_iter().filter(|record| record.run == self.run).last() else {
            return Ok(None);
        };
        self.instants.observe(clock::bracketed(|| self.stream.now()));
        let Some((at, uncertainty)) = self.instants.on_node_clock(record.heard) else { return Ok(None) };
        self.quality.uncertainty = uncertainty;
        Ok(Some(DacReading { played: OutputPosition(record.frame), at }))
    }

    fn quality(&self) -> Quality {
        self.quality
    }
}
