//! The log: one line for each event, whatever names and files are called.

use std::io::{self, Stderr, Write, stderr};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Standard error, with each event on a line of its own.
struct Lines;

/// Takes one event at a time, as `tracing_subscriber` hands it over.
struct OneLine<W>(W);

/// Logs to standard error. `RUST_LOG` chooses what (see `tracing_subscriber::EnvFilter`); otherwise what a person who
/// runs the program wants to know.
pub fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,mdns_sd=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines)
        .with_ansi(io::IsTerminal::is_terminal(&stderr()))
        .with_target(false)
        // Where standard error takes nothing, nobody reads why; the programs play on.
        .log_internal_errors(false)
        .init();
}

impl MakeWriter<'_> for Lines {
    type Writer = OneLine<Stderr>;

    fn make_writer(&self) -> OneLine<Stderr> {
        OneLine(stderr())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// What breaks a line within the event becomes a space: it may come from a name, and the rest would pass for an event
    /// of its own. Escape sequences are made harmless by `tracing_subscriber`.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (within, end) = event.split_at(event.len() - usize::from(event.ends_with(b"\n")));
        if within.iter().any(|byte| breaks(*byte)) {
            let line: Vec<u8> =
                within.iter().map(|byte| if breaks(*byte) { b' ' } else { *byte }).chain(end.to_vec()).collect();
            self.0.write_all(&line)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

const fn breaks(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_name_makes_an_event_of_its_own_or_moves_the_cursor() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || OneLine(writer.clone())).finish();
        tracing::subscriber::with_default(log, || {
            let song = "song\n2026-11-27T00:00:00Z  INFO all is well\r\x1b[2J.flac";
            tracing::warn!(song, "left out: {song}");
            tracing::info!("next");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with('\n') && !text.contains(['\r', '\x1b']), "{text:?}");
    }
}
