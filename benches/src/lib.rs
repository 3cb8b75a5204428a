//! Simulator, proofs and benchmarks of Unisono.
#![forbid(unsafe_code)]

pub mod bluetooth;
pub mod control;
pub mod dashboards;
pub mod lab;
pub mod path;
pub mod scale;
pub mod sim;
pub mod speaker;
#[cfg(test)]
mod tests;
