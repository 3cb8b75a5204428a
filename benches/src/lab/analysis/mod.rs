//! What was really played, from the recordings of converters alone.
//!
//! | module | |
//! |---|---|
//! | [`track`] | a recording as runs of sound on the true clock; silence |
//! | [`lag`] | where one piece of sound is in another, between frames |
//! | [`sync`] | how far rooms are apart, not detrended |
//! | [`slips`] | frames dropped or repeated |
//! | [`tone`] | purity of a sine, and how evenly it runs |
//! | [`statistics`] | percentiles |

pub mod lag;
pub mod slips;
pub mod statistics;
pub mod sync;
pub mod tone;
pub mod track;
#[cfg(test)]
mod waves;
