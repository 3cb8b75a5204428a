//! [`unisono_fuzz::api_body`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::api_body(data));
