//! [`unisono_fuzz::speaker_table`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::speaker_table(data));
