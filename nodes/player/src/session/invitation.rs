//! A node that runs already is told to join: by whoever asks its API, which says how that went.

use tokio::sync::{mpsc, oneshot};
use unisono_household::token::JoinToken;

/// Why a node has not joined, if it has not.
pub(super) type Outcome = Result<(), String>;

/// A token, and somebody who waits to hear what became of it.
#[derive(Debug)]
pub(super) struct Invitation {
    pub(super) token: JoinToken,
    pub(super) asker: oneshot::Sender<Outcome>,
}

/// The way to invite a node.
#[derive(Clone, Debug)]
pub(crate) struct Inviter(mpsc::Sender<Invitation>);

/// A way, and its end. One at a time is on it.
pub(super) fn channel() -> (Inviter, mpsc::Receiver<Invitation>) {
    let (sender, receiver) = mpsc::channel(1);
    (Inviter(sender), receiver)
}

impl Inviter {
    /// Has the node join, and waits for the end of that. `None`: it looks for no hub, or is stopping.
    pub(crate) async fn invite(&self, token: JoinToken) -> Option<Outcome> {
        let (asker, outcome) = oneshot::channel();
        self.0.send(Invitation { token, asker }).await.ok()?;
        outcome.await.ok()
    }
}
