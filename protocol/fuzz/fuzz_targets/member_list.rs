//! [`unisono_fuzz::member_list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::member_list(data));
