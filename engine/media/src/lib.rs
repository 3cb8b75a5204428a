//! Audio in, frames out: sources, decoding and resampling for Unisono.
//!
//! | module | what is in it |
//! |---|---|
//! | [`Source`], [`FileSource`] | sound from a file, at the rate and in the channels of a stream |
//! | [`library`] | what there is to play in some folders |
//! | [`http`] | internet radio, and files on other hosts |
//! | [`live`] | sound as it is made: FIFO, TCP, standard input, line-in |
//! | [`Chain`] | sources one behind the other, without a gap |
//! | [`Raw`] | plain samples, bytes in, frames out |
//! | `convert`, `downmix` | to that rate, to those channels |
//! | [`channels`], [`equaliser`] | the node's side: how a room shapes what it plays |
//! | [`resample`] | the node's side: a stream read a few millionths faster or slower |
#![forbid(unsafe_code)]

mod chain;
pub mod channels;
mod convert;
mod downmix;
pub mod equaliser;
mod error;
mod file;
pub mod http;
#[cfg(unix)]
pub mod library;
pub mod live;
mod raw;
pub mod resample;
mod source;

pub use chain::{Chain, Joint, Piece};
pub use error::Error;
pub use file::FileSource;
pub use raw::{NoFormat, Raw, RawFormat};
pub use source::{Damage, Description, Source};
