//! The lab: real processes, each with a crystal of its own, on converters that record what they emitted and when.
//!
//! | module | what is in it |
//! |---|---|
//! | [`instruments`] | `labdac` and `labclock`, built from their C sources in `benches/lab` |
//! | [`recording`] | what a converter emitted, read back |
//! | [`listen`] | where in a recording each piece of the original is |
//! | [`house`] | a hub and its nodes as processes |

pub mod house;
pub mod instruments;
pub mod listen;
pub mod recording;
