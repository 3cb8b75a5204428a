//! What the core promises, in one program: it links once.

mod asks;
mod clock;
mod corpus;
mod greeting;
mod hostile_bytes;
mod playout;
mod repair;
mod schedule;
mod session;
