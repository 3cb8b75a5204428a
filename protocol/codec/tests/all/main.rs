//! What the codecs promise, in one program: it links once.

mod alignment;
mod common;
mod flac_peers;
mod hostile;
mod loss;
mod lossless;
mod sbc;
