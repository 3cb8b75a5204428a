//! How many rooms one hub serves: the real program on a core of its own, and on another core as many full sessions as
//! are wanted, which decode nothing.

pub mod figures;
pub mod hub;
pub mod machine;
pub mod noise;
pub mod room;
pub mod rooms;
