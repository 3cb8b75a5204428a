//! What the control plane bears, measured on the programs as they are: `make control`.
//!
//! | module | what is in it |
//! |---|---|
//! | `household` | a hub on a core of its own, and rooms that play |
//! | `offer` | requests at instants that are fixed beforehand |
//! | `watchers` | WebSockets, and what they see when |
//! | `flood` | connections that only hold a place, or never come to an end |
//! | `volume` | when a change of volume is heard |
//! | `browser` | the page in Chromium |
//! | `verdicts` | figures and their limits |

pub mod browser;
pub mod flood;
pub mod household;
pub mod offer;
pub mod verdicts;
pub mod volume;
pub mod watchers;
