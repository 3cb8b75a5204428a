//! Undoing what a pairing has begun. Everything is asked for at once, and again as long as it is not confirmed.

use super::{Command, Ticket, limits};
use crate::Failure;

/// What was begun and not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Debts {
    /// The adapter is pairable, the agent there.
    pub(super) window: bool,
    /// The adapter looks for devices.
    pub(super) discovery: bool,
    /// `Pair` has no answer yet.
    pub(super) pairing: bool,
    /// A connection was asked for or made.
    pub(super) connection: bool,
    /// Keys were made that nobody wants.
    pub(super) keys: bool,
}

/// What is still to be undone, and how the pairing ends after that.
#[derive(Debug)]
pub(super) struct Cleanup {
    left: Vec<(Command, Option<Ticket>)>,
    rounds: u8,
    outcome: Result<(), Failure>,
}

impl Default for Cleanup {
    fn default() -> Self {
        Self::new(Debts::default(), Ok(()))
    }
}

impl Cleanup {
    pub(super) fn new(debts: Debts, outcome: Result<(), Failure>) -> Self {
        let left = [
            (debts.pairing, Command::CancelPairing),
            (debts.discovery, Command::StopDiscovery),
            (debts.connection, Command::Disconnect),
            (debts.keys, Command::Remove),
            (debts.window, Command::CloseWindow),
        ];
        let left = left.into_iter().filter(|(owed, _)| *owed).map(|(_, command)| (command, None)).collect();
        Self { left, rounds: 0, outcome }
    }

    /// Asks for all that is left, or gives up after so many rounds: then nothing that this program can do helps, and
    /// `BlueZ`' own limits have to (an adapter is pairable for a time, a program's discovery ends with it).
    pub(super) fn ask(&mut self, mut command: impl FnMut(Command) -> Ticket) {
        if self.rounds == limits::CLEANUP_ROUNDS {
            self.left.clear();
        }
        self.rounds += 1;
        for (what, ticket) in &mut self.left {
            *ticket = Some(command(what.clone()));
        }
    }

    pub(super) fn handle_done(&mut self, ticket: Ticket, result: Result<(), Failure>) {
        self.left.retain(|(command, asked)| *asked != Some(ticket) || !is_settled(command, result));
    }

    /// `BlueZ` is gone and has taken everything with it but the keys, which it keeps on disk.
    pub(super) fn forgive(&mut self) {
        self.left.retain(|(command, _)| *command == Command::Remove);
    }

    /// How it all ends, when nothing is left.
    pub(super) fn outcome(&self) -> Option<Result<(), Failure>> {
        self.left.is_empty().then_some(self.outcome)
    }
}

/// Whether an answer means that nothing is left of it. What cannot be called off or disconnected is so already; a
/// discovery, a window or keys that are still there are not.
fn is_settled(command: &Command, result: Result<(), Failure>) -> bool {
    match command {
        Command::CancelPairing | Command::Disconnect => true,
        Command::Remove => matches!(result, Ok(()) | Err(Failure::NotFound)),
        _ => result.is_ok(),
    }
}
