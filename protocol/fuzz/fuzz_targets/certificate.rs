//! [`unisono_fuzz::certificate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::certificate(data));
