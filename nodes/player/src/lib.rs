//! The Unisono node: session, playout, outputs.

pub mod config;
pub mod output;
mod realtime;
pub mod room;
pub mod session;
