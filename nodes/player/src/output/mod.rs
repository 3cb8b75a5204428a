//! Where a node puts its sound: an ALSA device, what cpal finds, a Bluetooth speaker, a WAV file, or a model of a converter.
//!
//! [`open`] gives an [`Output`]; one audio thread then drives it, the same way whatever it is:
//!
//! ```no_run
//! # use unisono_core::units::SampleRate;
//! # use unisono_player::output::{self, Fault, OutputSpec};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut output = output::open(&"alsa:default".parse()?, SampleRate::HZ_48000)?;
//! let mut random = fastrand::Rng::with_seed(0);
//! loop {
//!     std::thread::sleep(std::time::Duration::from_micros(random.u64(4_000..6_000)));
//!     let reading = match output.position() {
//!         Err(Fault::Underrun) => continue, // forget what was learned of its clock: it counts from zero again
//!         reading => reading?,
//!     };
//!     let room = output.room()?;
//!     // ... tell the playout, render `room.writable` frames, output.write(&frames)
//! #   let _ = (reading, room);
//! #   return Ok(());
//! }
//! # }
//! ```
//!
//! The sleep is drawn at random so that readings never beat with the steps of the device's counter.

mod alsa;
mod bluetooth;
mod clock;
mod cpal;
mod error;
mod fault;
mod latency;
mod list;
mod model;
mod opener;
mod pace;
mod progress;
mod samples;
mod spec;
mod tape;
mod tone;
mod wav;

use unisono_bluetooth::volume::SpeakerVolume;
use unisono_core::{
    playout::{DacReading, timing::BUFFER},
    time::Nanos,
    units::{FrameCount, Gain, SampleRate},
};

pub(crate) use alsa::Muted;
pub use error::OpenError;
pub use fault::{Fault, Gone};
pub use latency::LatencyParts;
pub use list::{Device, list};
pub use opener::Opener;
pub use spec::{ModelSpec, OutputSpec, SpecError};
pub use tone::{TestTone, ToneError, TonePlayed, test_tone};

/// A converter, driven from one audio thread.
///
/// All of it is real-time (no allocation, no lock, no logging) except where a method says otherwise, and dropping it.
pub trait Output {
    /// Frames per second that [`Self::write`] takes.
    fn rate(&self) -> SampleRate;

    /// Samples in a frame that [`Self::write`] takes: 2, left before right. What the device has is its own affair.
    fn channels(&self) -> u8 {
        CHANNELS
    }

    /// What fits in now without waiting.
    ///
    /// # Errors
    ///
    /// [`Fault::Underrun`] once for each time it ran empty; [`Fault::Gone`] from then on when it is lost.
    fn room(&mut self) -> Result<Room, Fault>;

    /// Writes interleaved frames, full scale ±1, and gives how many were taken: mostly all when they are no more than
    /// [`Room::writable`]; those that were not are to be written again. Starts the device when half of what it holds has
    /// been written.
    ///
    /// # Errors
    ///
    /// As [`Self::room`]; none of the frames were taken then.
    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault>;

    /// What the converter says of itself: frames emitted since it was opened or last ran empty, and the instant for
    /// which that holds (with cpal slightly in the future). `None` while nothing has been emitted, or when there is
    /// nothing new to say.
    ///
    /// # Errors
    ///
    /// As [`Self::room`].
    fn position(&mut self) -> Result<Option<DacReading>, Fault>;

    /// What the last position rests on.
    fn quality(&self) -> Quality;

    /// What lies behind the converter, and so behind every position, as it is known now: a speaker's own delay, the way
    /// to it. It may change while it plays.
    fn latency(&self) -> Nanos {
        Nanos::ZERO
    }

    /// What that is made of, to be read at any time by others, where more is known of it than the sum. Not real-time.
    fn latency_parts(&self) -> Option<LatencyParts> {
        None
    }

    /// Takes how loud the room is to be, and gives by how much its samples are to be scaled: by all of that, unless the
    /// device has a volume of its own that stands for it.
    fn take_gain(&mut self, gain: Gain) -> Gain {
        gain
    }

    /// The device's own volume, for others, where it may have one. Not real-time.
    fn own_volume(&self) -> Option<SpeakerVolume> {
        None
    }
}

/// What fits into an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Frames that can be written now without waiting.
    pub writable: u32,
    /// Frames with which it goes on before it runs empty: written, and not yet taken by the converter. How long sound
    /// is under way behind that is not in it; that is in the positions.
    pub queued: u32,
}

/// What a position rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Who says it.
    pub source: PositionSource,
    /// How far its instant can be off because two clocks were read one after the other. The steps of the counter come
    /// on top: [`unisono_core::playout::DacClock::spread`].
    pub uncertainty: Nanos,
}

/// Who says how many frames were emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSource {
    /// The driver, with the instant at which it looked.
    Device,
    /// The driver; the instant was read around the call.
    DeviceUnstamped,
    /// cpal, which predicts when the buffer that it asks for will be heard.
    Library,
    /// A model: nothing is heard.
    Model,
    /// The sender of a link to a speaker; what lies behind it is modelled.
    Link,
}

impl PositionSource {
    /// Every one that there is.
    pub const ALL: [Self; 5] = [Self::Device, Self::DeviceUnstamped, Self::Library, Self::Model, Self::Link];
}

/// Opens an output for stereo at `rate`, or at the only rate that it has: [`Output::rate`] says which. Takes up to a second; not real-time.
///
/// # Errors
///
/// [`OpenError`] says in one line what is wrong with which device and what to try.
pub fn open(spec: &OutputSpec, rate: SampleRate) -> Result<Box<dyn Output + Send>, OpenError> {
    match spec {
        OutputSpec::Auto => open(&Opener::default().resolved(spec, spec)?, rate),
        OutputSpec::Alsa(name) => Ok(Box::new(alsa::AlsaOutput::open(name, rate)?)),
        OutputSpec::Cpal(id) => Ok(Box::new(cpal::CpalOutput::open(id.as_deref(), rate)?)),
        OutputSpec::File(path) => Ok(Box::new(wav::WavOutput::create(path, rate)?)),
        OutputSpec::Bluetooth(address) => Err(OpenError::NoSpeakers { device: bluetooth::spec(*address) }),
        OutputSpec::Model(model) => Ok(Box::new(model::ModelOutput::open(model, rate)?)),
    }
}

/// To be called once on each thread that drives outputs which another has opened, before it does.
pub(crate) fn prepare_thread() {
    // What alsa-lib says of a device goes to whoever handles it on the thread on which it says it.
    let ((), _) = alsa::quietly(|| ());
}

const CHANNELS: u8 = 2;

/// What an output keeps queued when it is written to whenever there is room.
fn buffer_frames(rate: SampleRate) -> u32 {
    saturating_u32(rate.frames_in(BUFFER).0)
}

/// The frames in so many interleaved samples.
fn frames_of(interleaved: &[f32]) -> FrameCount {
    FrameCount((interleaved.len() / usize::from(CHANNELS)) as u64)
}

fn saturating_u32(frames: u64) -> u32 {
    u32::try_from(frames).unwrap_or(u32::MAX)
}
