//! From packets to the converter: when to decode, what to put out, how fast to resample.
//!
//! [`DecodeSchedule`] runs on the decoding thread and says which packet is next, when, and when to stop waiting for one;
//! [`Succession`] goes over from one rendition to another. [`Playout`] runs on the audio thread and says, for the frames
//! about to be written, which positions of the stream they hold. [`DacClock`] learns from the positions that the converter
//! reports when a frame written now will be heard.

mod control;
mod dac;
mod latency;
mod schedule;
mod succession;
pub mod timing;

pub use control::{Leaving, Playout, PlayoutStatus, Queued, RESAMPLER_REACH, Step};
pub use dac::{DacClock, DacReading};
pub use schedule::{Decode, DecodeSchedule, Leads};
pub use succession::{Succession, Turn};
