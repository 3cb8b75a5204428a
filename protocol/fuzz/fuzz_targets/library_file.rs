//! [`unisono_fuzz::library_file`].
#![no_main]

// A library that decodes may panic over a damaged file, and is caught; libFuzzer's hook would not let it be.
libfuzzer_sys::fuzz_target!(
    init: drop(std::panic::take_hook()),
    |data: &[u8]| unisono_fuzz::library_file(data)
);
