//! The hub, in one program: it links once.

mod api;
mod house;
mod live_inputs;
mod program;
