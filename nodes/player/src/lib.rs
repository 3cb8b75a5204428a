//! The Unisono node: session, playout, outputs.

pub mod config;
pub mod output;
pub mod room;
pub mod session;
