//! The outputs of a room, in one program: it links once.

mod alsa;
mod lab;
mod realtime;
mod software;
mod switching;
