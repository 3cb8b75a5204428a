//! Keeps alsa-lib from printing what it thinks of a device while one is being tried.

/// Calls `probe` and gives what it returned, and what alsa-lib would have printed meanwhile.
///
/// The handler is this thread's, and stays: what alsa-lib says later on the same thread is kept, not printed, until
/// this is called again. Threads that alsa-lib or cpal start print as before.
pub(in crate::output) fn quietly<T>(probe: impl FnOnce() -> T) -> (T, String) {
    let said = alsa::Output::local_error_handler();
    let result = probe();
    let said = said.map_or_else(|_| String::new(), |said| said.borrow().to_string());
    (result, said)
}

#[cfg(test)]
mod tests {
    use alsa::{Direction, PCM};

    use super::*;

    #[test]
    fn what_alsa_says_is_caught() {
        let (opened, said) = quietly(|| PCM::new("no such device", Direction::Playback, true).map(drop));
        assert!(opened.is_err());
        assert!(said.contains("no such device"), "{said}");
    }
}
