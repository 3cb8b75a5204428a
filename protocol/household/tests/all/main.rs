//! What the household promises, in one program: it links once.

mod configuration;
mod properties;
