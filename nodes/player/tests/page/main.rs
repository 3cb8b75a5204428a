//! The hub's page in Chromium, with a hub and nodes as they are. Needs `chromium` and `chromedriver`.
//!
//! | module | what is in it |
//! |---|---|
//! | `house` | a hub that can be taken away, and nodes as programs |
//! | `browser` | Chromium, and what a person with a keyboard does |
//! | `everyday` | rooms, volumes, groups, what plays |
//! | `joining` | another machine comes |
//! | `faults` | a room that vanishes, a hub that restarts |
//! | `access` | what axe-core finds, small windows, focus |
//! | `music` | the library and the radio |
//! | `setup` | a hub that nobody has set up |
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod access;
mod browser;
mod everyday;
mod faults;
mod house;
mod joining;
mod music;
mod setup;
