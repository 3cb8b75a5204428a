//! Real `BlueZ`, in the machine that `benches/bluetooth/vm` starts, and what is proved with it.
//!
//! | module | where | what is in it |
//! |---|---|---|
//! | [`orders`] | both | what the guest is asked to do |
//! | [`serve`] | guest | does it |
//! | [`source`] | guest | the crate of Bluetooth without a node: pairs and plays |
//! | [`speed`] | guest | what this machine can do: timers, sound, the bus |
//! | [`machine`] | outside | starts the guest and asks it |
//! | [`clock`] | outside | the guest's clock on ours |

pub mod clock;
pub mod machine;
pub mod orders;
pub mod serve;
pub mod source;
pub mod speed;
