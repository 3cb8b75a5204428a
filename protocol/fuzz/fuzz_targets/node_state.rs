//! [`unisono_fuzz::node_state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::node_state(data));
