//! A whole house in virtual time, from one seed.
//!
//! Hubs and nodes are their real state machines. Every machine has a [`Crystal`] of its own, every room a converter of
//! its own, and between hub and room lies a [`Link`] that delays, stalls, loses, reorders and duplicates. Nothing
//! sleeps; ten minutes of ten rooms take seconds. What the rooms play is recorded as positions: ten times a second of
//! true time, which frame of the stream leaves which converter. A room that is told to keeps a [`Recording`] as well,
//! in which nothing is left out.

mod crystal;
mod hub;
mod link;
mod node;
mod reader;
mod recording;
mod report;
mod setup;
mod world;

pub use self::{
    crystal::Crystal,
    link::{Link, LinkProfile, Outage},
    node::{NodeSetup, PlayedSample},
    recording::Recording,
    report::{Report, RoomFigures},
    setup::Setup,
    world::{Traffic, World},
};
