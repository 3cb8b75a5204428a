//! [`unisono_fuzz::discovery_record`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::discovery_record(data));
