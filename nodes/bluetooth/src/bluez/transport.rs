//! Taking the stream of a transport.

use std::{os::fd::OwnedFd, time::Duration};

use tokio::time::sleep;
use zbus::{Connection, zvariant};

use super::{
    errors,
    names::{BLUEZ, TRANSPORT},
};
use crate::Failure;

/// The stream: a socket of which one packet is one media packet.
#[derive(Debug)]
pub(crate) struct Acquired {
    pub(crate) fd: OwnedFd,
    /// The longest packet that the speaker takes, in bytes.
    pub(crate) mtu: u16,
}

/// Takes the stream; `pending` when the speaker has started it. It is not to be given up half-way: `BlueZ` before 5.80
/// drops the whole profile when the stream is released while it is being acquired.
///
/// A transport that has only just been configured is not open yet, and `BlueZ` refuses for some tenths of a second.
///
/// # Errors
/// [`Failure::AcquireFailed`] when `BlueZ` refuses for longer than that, and what else may go wrong with a call.
pub(super) async fn acquire(bus: &Connection, path: &str, pending: bool) -> Result<Acquired, Failure> {
    let mut tries = RETRIES;
    // A stream that the speaker gives up meanwhile is not pending any more.
    let mut method = if pending { "TryAcquire" } else { "Acquire" };
    loop {
        let reply = bus.call_method(Some(BLUEZ), path, Some(TRANSPORT), method, &()).await;
        match reply {
            Ok(reply) => {
                let body = reply.body();
                let (fd, _, mtu): (zvariant::OwnedFd, u16, u16) =
                    body.deserialize().map_err(|_| Failure::AcquireFailed)?;
                return Ok(Acquired { fd: fd.into(), mtu });
            }
            Err(error) if tries > 0 && is_refusal(&error) => {
                tries -= 1;
                method = "Acquire";
                sleep(PAUSE).await;
            }
            Err(error) if is_refusal(&error) => return Err(Failure::AcquireFailed),
            Err(error) => {
                return Err(match errors::of_zbus(&error) {
                    // It went meanwhile.
                    Failure::NotFound => Failure::HungUp,
                    failure => failure,
                });
            }
        }
    }
}

fn is_refusal(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, ..) = error else { return false };
    ["org.bluez.Error.Failed", "org.bluez.Error.NotAuthorized", "org.bluez.Error.NotAvailable"].contains(&name.as_str())
}

const RETRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
