//! [`unisono_fuzz::control_stream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::control_stream(data));
