//! Who gets in, and what is said to those who do not.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{net::UdpSocket, sync::Arc, time::Duration};

use crate::common::{LOOPBACK, Pair, Relay, hub, hub_options, identity, node, until, within};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use rustls::{
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use unisono_transport::{Closed, Endpoint, Error, Expect, Options};

#[tokio::test]
async fn both_sides_learn_the_other_ones_key() {
    let pair = Pair::connect().await;
    assert_eq!(pair.at_node.peer(), pair.hub.peer_id());
    assert_eq!(pair.at_hub.peer(), pair.node.peer_id());
    assert_eq!(pair.at_node.remote_address(), pair.hub.local_address().unwrap());
    assert_eq!(pair.at_hub.remote_address(), pair.node.local_address().unwrap());
}

#[tokio::test]
async fn any_member_is_whoever_answers() {
    let (hub, node) = (hub(), node());
    let connection = within(node.connect(hub.local_address().unwrap(), Expect::AnyMember)).await.unwrap();
    assert_eq!(connection.peer(), hub.peer_id());
}

#[tokio::test]
async fn both_families_reach_a_hub_that_listens_everywhere() {
    let hub = Endpoint::bind("[::]:0".parse().unwrap(), &identity(), &hub_options()).unwrap();
    let port = hub.local_address().unwrap().port();
    let node = Endpoint::bind("[::]:0".parse().unwrap(), &identity(), &Options::new([2; 64])).unwrap();
    for to in [([127, 0, 0, 1], port).into(), ([0, 0, 0, 0, 0, 0, 0, 1], port).into()] {
        let (at_node, at_hub) =
            within(async { tokio::join!(node.connect(to, Expect::Key(hub.peer_id())), hub.accept()) }).await;
        assert_eq!(at_node.unwrap().remote_address(), to);
        assert_eq!(at_hub.unwrap().remote_address().ip(), to.ip());
    }
}

#[tokio::test]
async fn another_key_is_refused_and_both_are_named() {
    let (hub, node) = (hub(), node());
    let (address, wanted) = (hub.local_address().unwrap(), identity().peer_id());
    match within(node.connect(address, Expect::Key(wanted))).await {
        Err(Error::WrongKey { address: at, expected, found }) => {
            assert_eq!((at, expected, found), (address, wanted, hub.peer_id()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let taken = hub().local_address();
    let hub = hub();
    let address = hub.local_address().unwrap();
    let error = Endpoint::bind(address, &identity(), &hub_options()).unwrap_err();
    assert!(matches!(error, Error::AddressInUse { address: at } if at == address), "{error}");
    assert!(taken.is_ok());
}

#[tokio::test]
async fn silence_is_told_from_a_refusal() {
    let silent = UdpSocket::bind(LOOPBACK).unwrap();
    let options = Options { connect_timeout: Duration::from_millis(100), ..Options::new([2; 64]) };
    let node = Endpoint::bind(LOOPBACK, &identity(), &options).unwrap();
    let error = within(node.connect(silent.local_addr().unwrap(), Expect::AnyMember)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");

    let full = Endpoint::bind(LOOPBACK, &identity(), &Options { max_connections: 1, ..hub_options() }).unwrap();
    let address = full.local_address().unwrap();
    let (first, second) = (crate::common::node(), crate::common::node());
    let _kept = within(first.connect(address, Expect::AnyMember)).await.unwrap();
    let accepted = within(full.accept()).await.unwrap();
    let error = within(second.connect(address, Expect::AnyMember)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");

    drop(accepted);
    assert!(within(second.connect(address, Expect::AnyMember)).await.is_ok());
}

#[tokio::test]
async fn handshakes_that_hang_block_nobody() {
    let hub = hub();
    let address = hub.local_address().unwrap();
    let mut hanging = tokio::task::JoinSet::new();
    let mut relays = Vec::new();
    // More than the hub keeps up at a time, were it not for those that must show where they are first.
    for _ in 0..80 {
        let relay = Relay::start(address).await;
        relay.deafen();
        let (to, node) = (relay.address, node());
        hanging.spawn(async move { node.connect(to, Expect::AnyMember).await.map(drop) });
        relays.push(relay);
    }
    until(|| relays.iter().filter(|relay| relay.heard_hub()).count() >= 64).await;
    for _ in 0..3 {
        let node = node();
        let (at_node, at_hub) =
            within(async { tokio::join!(node.connect(address, Expect::AnyMember), hub.accept()) }).await;
        assert_eq!(at_node.unwrap().peer(), hub.peer_id());
        assert_eq!(at_hub.unwrap().peer(), node.peer_id());
    }
    while let Some(result) = within(hanging.join_next()).await {
        assert!(matches!(result.unwrap(), Err(Error::TimedOut { .. })));
    }
}

#[tokio::test]
async fn a_dropped_endpoint_lets_nobody_in_and_its_connections_live_on() {
    let Pair { hub, at_hub, at_node, node } = Pair::connect().await;
    let address = hub.local_address().unwrap();
    drop(hub);
    let options = Options { connect_timeout: Duration::from_millis(100), ..Options::new([3; 64]) };
    let late = Endpoint::bind(LOOPBACK, &identity(), &options).unwrap();
    assert!(within(late.connect(address, Expect::AnyMember)).await.is_err());
    at_hub.send_datagram(b"still here".to_vec().into()).unwrap();
    assert_eq!(&within(at_node.read_datagram()).await.unwrap()[..], b"still here");
    assert_eq!(at_hub.peer(), node.peer_id());
}

#[tokio::test]
async fn shutting_down_tells_everybody_why() {
    let pair = Pair::connect().await;
    within(pair.hub.shut_down("the hub goes for an update")).await;
    assert_eq!(within(pair.at_node.closed()).await, Closed::Peer("the hub goes for an update".into()));
    assert_eq!(pair.at_hub.close_reason(), Some(Closed::Here));
    assert!(within(pair.hub.accept()).await.is_none());
}

#[tokio::test]
async fn a_dropped_connection_is_closed() {
    let pair = Pair::connect().await;
    drop(pair.at_node);
    assert_eq!(within(pair.at_hub.closed()).await, Closed::Peer(String::new()));
}

// What does not play by the rules, made with quinn alone.

/// Believes everything.
#[derive(Debug)]
struct Gullible(Arc<CryptoProvider>);

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Shows a certificate, whether the key is its own or not.
#[derive(Debug)]
struct Shows(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

fn certified(chain: Vec<CertificateDer<'static>>, pkcs8: &[u8]) -> Shows {
    let key = default_provider().key_provider.load_private_key(PrivatePkcs8KeyDer::from(pkcs8.to_vec()).into());
    Shows(Some(Arc::new(CertifiedKey::new(chain, key.unwrap()))))
}

/// A key pair and its self-signed certificate.
fn made(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, CertificateDer<'static>) {
    let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
    (pair.serialize_der(), certificate.der().clone())
}

/// How a hub ends a connection with one who shows this. The stranger believes to be connected at first.
async fn what_a_hub_says_to(shows: Shows) -> quinn::ConnectionError {
    let hub = hub();
    let provider = Arc::new(default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible(provider)))
        .with_client_cert_resolver(Arc::new(shows));
    config.alpn_protocols = vec![b"unisono".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let stranger = quinn::Endpoint::client(LOOPBACK).unwrap();
    let connecting = stranger.connect_with(config, hub.local_address().unwrap(), "unisono").unwrap();
    tokio::select! {
        biased;
        error = async {
            match within(connecting).await {
                Ok(connection) => within(connection.closed()).await,
                Err(error) => error,
            }
        } => error,
        connection = hub.accept() => panic!("let in: {connection:?}"),
    }
}

#[tokio::test]
async fn nobody_without_a_key_is_let_in() {
    let error = what_a_hub_says_to(Shows(None)).await;
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn nobody_with_a_stolen_certificate_is_let_in() {
    let ((_, stolen), (own_key, _)) = (made(&rcgen::PKCS_ED25519), made(&rcgen::PKCS_ED25519));
    let error = what_a_hub_says_to(certified(vec![stolen], &own_key)).await;
    assert!(error.to_string().contains("cryptographic handshake"), "{error}");
}

#[tokio::test]
async fn nobody_with_a_key_of_another_kind_or_a_chain_is_let_in() {
    let (key, certificate) = made(&rcgen::PKCS_ECDSA_P256_SHA256);
    what_a_hub_says_to(certified(vec![certificate], &key)).await;
    let (key, certificate) = made(&rcgen::PKCS_ED25519);
    what_a_hub_says_to(certified(vec![certificate.clone(), certificate], &key)).await;
}

/// What a node says of a server that shows this and speaks that protocol.
async fn what_a_node_says_of(shows: Shows, protocol: &[u8]) -> Result<(), Error> {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    config.alpn_protocols = vec![protocol.to_vec()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).unwrap()));
    let server = quinn::Endpoint::server(config, LOOPBACK).unwrap();
    let to = server.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            let _ = incoming.await;
        }
    });
    let result = within(node().connect(to, Expect::AnyMember)).await.map(drop);
    serving.abort();
    result
}

#[tokio::test]
async fn a_server_of_another_kind_is_no_hub() {
    let (key, certificate) = made(&rcgen::PKCS_ED25519);
    let error = what_a_node_says_of(certified(vec![certificate], &key), b"h3").await.unwrap_err();
    assert!(matches!(error, Error::NotUnisono { .. }), "{error}");
}

#[tokio::test]
async fn a_hub_with_a_stolen_certificate_is_refused() {
    let (key, certificate) = made(&rcgen::PKCS_ED25519);
    assert!(what_a_node_says_of(certified(vec![certificate.clone()], &key), b"unisono").await.is_ok());
    let own_key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let error = what_a_node_says_of(certified(vec![certificate], own_key.as_ref()), b"unisono").await.unwrap_err();
    assert!(matches!(error, Error::Handshake { .. }), "{error}");
}
