//! Simulator, proofs and benchmarks of Unisono.
