//! [`unisono_fuzz::room_sounds`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::room_sounds(data));
