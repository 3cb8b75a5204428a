//! [`unisono_fuzz::nack_datagram`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| unisono_fuzz::nack_datagram(data));
