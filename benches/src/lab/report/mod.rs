//! What came of a run, as people and programs read it.

pub mod limits;
pub mod plot;
pub mod table;
