//! Audio in, frames out: sources, decoding and resampling for Unisono.
