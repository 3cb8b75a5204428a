//! The Unisono node: session, playout, outputs.

pub mod api;
mod bluetooth;
pub mod config;
mod desk;
mod metrics;
pub mod output;
mod realtime;
pub mod room;
pub mod session;
mod sound;
pub mod standalone;
mod vital;

pub use self::bluetooth::BluetoothSettings;
