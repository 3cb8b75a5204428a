//! Lets machines in: handshakes run side by side and are bounded in number and time, and each machine in how often it
//! may begin one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::{Incoming, ServerConfig};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::AbortHandle,
    time::timeout,
};
use tracing::debug;

use crate::{Connection, congestion::Window, pace::Pace, parameters::transport, socket::SharedSocket};

/// Takes in what arrives at one endpoint.
pub(crate) struct Acceptor {
    pub(crate) endpoint: quinn::Endpoint,
    pub(crate) config: ServerConfig,
    pub(crate) socket: Arc<SharedSocket>,
    pub(crate) max_connections: usize,
}

impl Acceptor {
    /// Begins. Ends with the endpoint, or by the handle.
    pub(crate) fn start(self) -> (mpsc::Receiver<Connection>, AbortHandle) {
        let (accepted, connections) = mpsc::channel(1);
        (connections, tokio::spawn(self.run(accepted)).abort_handle())
    }

    async fn run(self, accepted: mpsc::Sender<Connection>) {
        let slots = Arc::new(Semaphore::new(self.max_connections.min(Semaphore::MAX_PERMITS)));
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        // What comes from addresses that nobody has shown to be theirs is not to count against whoever has them.
        let (mut claimed, mut shown) = (Pace::default(), Pace::default());
        while let Some(incoming) = self.endpoint.accept().await {
            let pending = MAX_HANDSHAKES - handshakes.available_permits();
            let (from, now) = (incoming.remote_address().ip(), Instant::now());
            if incoming.remote_address_validated() {
                if !shown.allows(from, now) {
                    debug!(%from, "it begins too many handshakes");
                    incoming.refuse();
                    continue;
                }
            } else if pending > TRUSTED_HANDSHAKES || !claimed.allows(from, now) {
                // Only fails for an address that was validated.
                let _ = incoming.retry();
                continue;
            }
            let Ok(handshake) = Arc::clone(&handshakes).try_acquire_owned() else {
                // Says nothing: the peer asks again, and by then there may be room.
                incoming.ignore();
                continue;
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                incoming.refuse();
                continue;
            };
            self.shake_hands(incoming, slot, handshake, accepted.clone());
        }
    }

    fn shake_hands(
        &self,
        incoming: Incoming,
        slot: OwnedSemaphorePermit,
        handshake: OwnedSemaphorePermit,
        accepted: mpsc::Sender<Connection>,
    ) {
        let address = incoming.remote_address();
        let window = Window::default();
        let mut config = self.config.clone();
        config.transport_config(Arc::new(transport(&window, 1)));
        let socket = Arc::clone(&self.socket);
        tokio::spawn(async move {
            let _handshake = handshake;
            let connection = match incoming.accept_with(Arc::new(config)) {
                Ok(connecting) => timeout(HANDSHAKE_LIMIT, connecting).await,
                Err(error) => Ok(Err(error)),
            };
            match connection {
                Ok(Ok(quinn)) => {
                    if let Some(connection) = Connection::new(quinn, socket, window, Some(slot)) {
                        // Closes the connection if nobody accepts any more.
                        let _ = accepted.send(connection).await;
                    }
                }
                Ok(Err(error)) => debug!(%address, %error, "handshake failed"),
                Err(_) => debug!(%address, "handshake took too long"),
            }
        });
    }
}

/// Handshakes that may run at a time, together with connections that wait to be accepted.
const MAX_HANDSHAKES: usize = 64;

/// While more than so many run, a machine must first show that it is where it says it is. A house that comes back from
/// a power cut stays below.
const TRUSTED_HANDSHAKES: usize = 16;

/// What a handshake may take. The connecting side gives up after the same time.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
