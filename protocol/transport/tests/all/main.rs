//! What the transport promises, in one program: it links once.

mod clock;
mod common;
mod control;
mod datagrams;
mod discovery;
mod handshake;
mod restart;
