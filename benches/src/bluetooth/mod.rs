//! Real `BlueZ`, in the machine that `benches/bluetooth/vm` starts, and what is proved with it: `make test-bluetooth`.
//!
//! The node with the speaker, the speaker itself and `BlueZ` are in the guest; the hub and a wired room are outside, so
//! that an emulated machine has no more to do than it can. What the two record is on two clocks, which are held against
//! each other all the time.
//!
//! | module | where | what is in it |
//! |---|---|---|
//! | [`orders`] | both | what the guest is asked to do |
//! | [`serve`] | guest | does it |
//! | [`source`] | guest | the crate of Bluetooth without a node: pairs and plays |
//! | [`speed`] | guest | what this machine can do: timers, sound, the bus |
//! | [`machine`] | outside | starts the guest and asks it |
//! | [`clock`] | outside | the guest's clock on ours |
//! | [`house`] | outside | hub, wired room, guest and the link between them |
//! | [`hearing`] | outside | what both recorded, on one clock |
//! | [`checks`], [`verdicts`] | outside | what is proved, and what came of it |

pub mod checks;
pub mod clock;
pub mod hearing;
pub mod house;
pub mod machine;
pub mod orders;
pub mod serve;
pub mod source;
pub mod speed;
pub mod verdicts;
