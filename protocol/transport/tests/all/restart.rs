//! A hub that is started anew is noticed at once.

use std::{sync::mpsc, thread, time::Duration};

use crate::common::{LOOPBACK, hub_options, identity, node, within};
use bytes::Bytes;
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use tokio::time::{Instant, timeout};
use unisono_transport::{Closed, Endpoint, Expect, Identity};

#[tokio::test]
async fn a_hub_that_died_and_came_back_is_noticed_at_the_next_packet() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let hub_identity = Identity::from_pkcs8(pkcs8.as_ref()).unwrap();
    let key = hub_identity.peer_id();
    let (tell_address, address) = mpsc::channel();

    // The hub lives on a runtime of its own, which is torn down under it: nothing says goodbye.
    let first_life = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (hub, connection) = runtime.block_on(async {
            let hub = Endpoint::bind(LOOPBACK, &hub_identity, &hub_options()).unwrap();
            tell_address.send(hub.local_address().unwrap()).unwrap();
            let connection = within(hub.accept()).await.unwrap();
            connection.send_datagram(Bytes::from_static(b"alive")).unwrap();
            within(connection.read_datagram()).await.unwrap();
            (hub, connection)
        });
        drop(runtime);
        drop((connection, hub));
    });
    let address = address.recv().unwrap();
    let node = node();
    let connection = within(node.connect(address, Expect::Key(key))).await.unwrap();
    within(connection.read_datagram()).await.unwrap();
    connection.send_datagram(Bytes::from_static(b"alive")).unwrap();
    tokio::task::spawn_blocking(move || first_life.join().unwrap()).await.unwrap();
    assert_eq!(connection.close_reason(), None);

    let hub_identity = Identity::from_pkcs8(pkcs8.as_ref()).unwrap();
    let hub = Endpoint::bind(address, &hub_identity, &hub_options()).unwrap();
    let began = Instant::now();
    connection.send_datagram(Bytes::from_static(b"anyone there? say so")).unwrap();
    let reason = timeout(Duration::from_secs(2), connection.closed()).await.expect("not noticed");
    assert_eq!(reason, Closed::Restarted, "after {:?}", began.elapsed());

    let again = within(node.connect(address, Expect::Key(key))).await.unwrap();
    assert_eq!(again.peer(), hub.peer_id());
    assert_ne!(identity().peer_id(), key);
}
