//! The Unisono hub: sessions, distribution, groups, control API.
#![forbid(unsafe_code)]

pub mod house;
