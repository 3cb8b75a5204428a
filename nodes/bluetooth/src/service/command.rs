//! What the handle asks of the task.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{AdapterView, Change, Opened, PairEvent, ScanEvent, SpeakerView};
use crate::{Address, Failure, doctor::Facts};

/// How a wish of a person ended.
pub(super) type Answer = oneshot::Sender<Result<(), Failure>>;

/// Answers whoever asked; they may have gone.
pub(super) fn reply<T>(answer: oneshot::Sender<T>, with: T) {
    let _ = answer.send(with);
}

/// Who wants a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    Room,
    /// Who says so now knows better than what was noticed before.
    Person,
}

#[derive(Debug)]
pub(super) enum Command {
    Scan(Duration, mpsc::Sender<ScanEvent>),
    Pair { address: Address, pin: Option<String>, events: mpsc::Sender<PairEvent> },
    Forget(Address, Answer),
    Connect(Address, Answer),
    Disconnect(Address, Answer),
    Change(Address, Change, Answer),
    List(oneshot::Sender<Vec<SpeakerView>>),
    Adapters(oneshot::Sender<Vec<AdapterView>>),
    Facts(oneshot::Sender<Facts>),
    Open { address: Address, by: Opener, answer: std::sync::mpsc::SyncSender<Result<Opened, Failure>> },
}
