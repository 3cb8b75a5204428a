//! The Unisono node: session, playout, outputs.
