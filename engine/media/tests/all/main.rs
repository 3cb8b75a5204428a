//! What can be played, in one program: it links once.

mod chain;
mod common;
mod compressed;
mod equaliser;
mod formats;
mod http;
mod library;
mod line_in;
mod lossless;
mod mpd;
mod no_allocation;
mod refusals;
mod resampler;
