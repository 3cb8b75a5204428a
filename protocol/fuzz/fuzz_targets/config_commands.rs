//! [`unisono_fuzz::config_commands`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::config_commands(data));
