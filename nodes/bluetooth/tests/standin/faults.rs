//! What goes wrong when the stand-in is called.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

/// What happens to a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is refused with this name and message.
    Error(&'static str, &'static str),
    /// It is carried out, and answered after a while.
    Slow(Duration),
    /// It is never answered, and nothing is done.
    Never,
}

/// The faults that are set. A method is named as on the bus; the setting of a property is `Set.Trusted`.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By method: the fault, and how many calls it still meets.
    set: BTreeMap<&'static str, (Fault, u32)>,
    dice: Option<Dice>,
}

/// Faults at random.
#[derive(Debug)]
struct Dice {
    random: fastrand::Rng,
    probability: f64,
    slow: Duration,
}

impl Faults {
    /// From now on this many calls of a method meet this fault.
    pub(crate) fn set(&self, method: &'static str, fault: Fault, calls: u32) {
        self.0.lock().unwrap().set.insert(method, (fault, calls));
    }

    /// Nothing goes wrong any more.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap() = Inner::default();
    }

    /// From now on calls go wrong at random, with this probability; slow ones by up to `slow`.
    pub(crate) fn random(&self, seed: u64, probability: f64, slow: Duration) {
        self.0.lock().unwrap().dice = Some(Dice { random: fastrand::Rng::with_seed(seed), probability, slow });
    }

    /// What happens to a call now.
    pub(crate) fn meet(&self, method: &str) -> Option<Fault> {
        let mut inner = self.0.lock().unwrap();
        if let Some((fault, calls)) = inner.set.get_mut(method)
            && *calls > 0
        {
            *calls -= 1;
            return Some(fault.clone());
        }
        inner.dice.as_mut().and_then(|dice| dice.roll(method))
    }
}

impl Dice {
    fn roll(&mut self, method: &str) -> Option<Fault> {
        let errors = errors_of(method)?;
        if self.random.f64() >= self.probability {
            return None;
        }
        // bluer waits two minutes for the end of a discovery before it begins another.
        let may_hang = !method.ends_with("Discovery");
        Some(match self.random.u8(0..10) {
            0 if may_hang => Fault::Never,
            1..4 => Fault::Slow(self.slow.mul_f64(self.random.f64())),
            _ => {
                let (name, message) = *self.random.choice(errors)?;
                Fault::Error(name, message)
            }
        })
    }
}

/// Every error that `BlueZ` (5.66 to 5.87, error.c, device.c, adapter.c, transport.c) answers these calls with.
pub(crate) fn errors_of(method: &str) -> Option<&'static [(&'static str, &'static str)]> {
    Some(match method {
        "StartDiscovery" => &[
            ("org.bluez.Error.NotReady", "Resource Not Ready"),
            ("org.bluez.Error.InProgress", "Operation already in progress"),
            ("org.bluez.Error.Failed", "No discovery started"),
        ],
        "StopDiscovery" => &[
            ("org.bluez.Error.NotReady", "Resource Not Ready"),
            ("org.bluez.Error.NotAuthorized", "Operation Not Authorized"),
            ("org.bluez.Error.Failed", "No discovery started"),
        ],
        "Pair" => &[
            ("org.bluez.Error.AuthenticationFailed", "Authentication Failed"),
            ("org.bluez.Error.AuthenticationRejected", "Authentication Rejected"),
            ("org.bluez.Error.AuthenticationCanceled", "Authentication Canceled"),
            ("org.bluez.Error.AuthenticationTimeout", "Authentication Timeout"),
            ("org.bluez.Error.ConnectionAttemptFailed", "Page Timeout"),
            ("org.bluez.Error.InProgress", "In Progress"),
            ("org.bluez.Error.AlreadyExists", "Already Exists"),
            ("org.bluez.Error.InvalidArguments", "Invalid arguments in method call"),
            ("org.bluez.Error.Failed", "Operation failed"),
        ],
        "ConnectProfile" => &[
            ("org.bluez.Error.Failed", "br-connection-page-timeout"),
            ("org.bluez.Error.NotAvailable", "br-connection-profile-unavailable"),
            ("org.bluez.Error.Failed", "br-connection-sdp-search"),
            ("org.bluez.Error.Failed", "br-connection-create-socket"),
            ("org.bluez.Error.InvalidArguments", "br-connection-invalid-argument"),
            ("org.bluez.Error.Failed", "br-connection-adapter-not-powered"),
            ("org.bluez.Error.NotSupported", "br-connection-not-supported"),
            ("org.bluez.Error.Failed", "br-connection-bad-socket"),
            ("org.bluez.Error.Failed", "br-connection-memory-allocation"),
            ("org.bluez.Error.Failed", "br-connection-busy"),
            ("org.bluez.Error.Failed", "br-connection-concurrent-connection-limit"),
            ("org.bluez.Error.Failed", "br-connection-timeout"),
            ("org.bluez.Error.Failed", "br-connection-refused"),
            ("org.bluez.Error.Failed", "br-connection-aborted-by-remote"),
            ("org.bluez.Error.Failed", "br-connection-aborted-by-local"),
            ("org.bluez.Error.Failed", "br-connection-lmp-protocol-error"),
            ("org.bluez.Error.Failed", "br-connection-canceled"),
            ("org.bluez.Error.Failed", "br-connection-key-missing"),
            ("org.bluez.Error.Failed", "br-connection-unknown"),
            ("org.bluez.Error.InProgress", "In Progress"),
            ("org.bluez.Error.NotReady", "br-connection-adapter-not-powered"),
            ("org.bluez.Error.Failed", "Protocol not available"),
            ("org.bluez.Error.Failed", "Host is down"),
        ],
        "Set.Volume" => &[
            ("org.bluez.Error.Failed", "Internal error Operation not supported (95)"),
            ("org.bluez.Error.Failed", "Internal error Transport endpoint is not connected (107)"),
            ("org.bluez.Error.InvalidArguments", "Invalid volume value"),
        ],
        "Acquire" | "TryAcquire" => &[
            ("org.bluez.Error.NotAuthorized", "Operation Not Authorized"),
            ("org.bluez.Error.NotAvailable", "Operation currently not available"),
            ("org.bluez.Error.Failed", "Input/output error"),
        ],
        "Set.Trusted" | "Set.Pairable" | "Set.PairableTimeout" | "Set.Discoverable" => {
            &[("org.bluez.Error.Failed", "Not Powered"), ("org.freedesktop.DBus.Error.AccessDenied", "Rejected")]
        }
        "RegisterAgent" => &[("org.bluez.Error.InvalidArguments", "Invalid arguments in method call")],
        "CancelPairing" | "RemoveDevice" => &[("org.bluez.Error.DoesNotExist", "Does Not Exist")],
        "Disconnect" => &[("org.bluez.Error.NotConnected", "Not Connected")],
        _ => return None,
    })
}
