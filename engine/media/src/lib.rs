//! Audio in, frames out: sources, decoding and resampling for Unisono.
//!
//! | module | what is in it |
//! |---|---|
//! | [`Source`], [`FileSource`] | sound from a file, at the rate and in the channels of a stream |
//! | [`http`] | internet radio, and files on other hosts |
//! | [`live`] | sound as it is made: FIFO, TCP, standard input, line-in |
//! | [`Raw`] | plain samples, bytes in, frames out |
//! | `convert`, `downmix` | to that rate, to those channels |
//! | [`resample`] | the node's side: a stream read a few millionths faster or slower |
#![forbid(unsafe_code)]

mod convert;
mod downmix;
mod error;
mod file;
pub mod http;
pub mod live;
mod raw;
pub mod resample;
mod source;

pub use error::Error;
pub use file::FileSource;
pub use raw::{NoFormat, Raw, RawFormat};
pub use source::{Damage, Description, Source};
