//! The house without a simulator around it: a call, a look at what it wants done, in virtual time.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod adapting;
mod asks;
mod borders;
mod groups;
mod home;
mod leaving;
mod loudness;
mod members;
mod playing;
mod positions;
mod queue;
mod restart;
mod slow;
mod sound;
