//! Finds libsbc (Debian: libsbc-dev), which is linked dynamically.

fn main() {
    // BlueZ is the only stack that this is for, and there is none elsewhere.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux")
        && let Err(error) = pkg_config::Config::new().atleast_version("1.4").probe("sbc")
    {
        panic!("libsbc is needed for Bluetooth speakers (apt-get install libsbc-dev pkg-config): {error}");
    }
}
