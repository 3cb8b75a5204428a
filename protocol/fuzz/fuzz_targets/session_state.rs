//! [`unisono_fuzz::session_state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::session_state(data));
