//! [`unisono_fuzz::station_titles`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::station_titles(data));
