//! TLS 1.3 with *ring*, both sides authenticated by key, nothing remembered between connections.
//!
//! Sessions are never resumed: a resumed session takes the peer's key from memory instead of having it proved again,
//! and on a LAN the round trip that it saves is a millisecond.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    ClientConfig, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    version::TLS13,
};

use crate::{
    Error, Expect, Identity,
    verifier::{HubVerifier, NodeVerifier},
};

/// The protocol that both sides must name (ALPN, RFC 7301).
const PROTOCOL: &[u8] = b"unisono";

/// Passed to TLS because it wants a name. It is neither sent nor checked.
pub(crate) const SERVER_NAME: &str = "unisono";

/// Makes a configuration for each connection that goes out.
#[derive(Debug)]
pub(crate) struct Connector {
    provider: Arc<CryptoProvider>,
    config: ClientConfig,
}

impl Connector {
    pub(crate) fn new(identity: &Identity) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = HubVerifier::new(Expect::AnyMember, provider.signature_verification_algorithms);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| {
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
                    .with_client_auth_cert(vec![identity.certificate().clone()], identity.key())
            })
            .map_err(|error| Error::Identity(error.to_string()))?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Ok(Self { provider, config })
    }

    /// For one connection; the verifier says afterwards whose key was shown.
    pub(crate) fn config(&self, expect: Expect) -> Result<(QuicClientConfig, Arc<HubVerifier>), Error> {
        let verifier = Arc::new(HubVerifier::new(expect, self.provider.signature_verification_algorithms));
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::clone(&verifier) as _);
        let config = QuicClientConfig::try_from(config).map_err(|error| Error::Identity(error.to_string()))?;
        Ok((config, verifier))
    }
}

/// For all connections that come in.
pub(crate) fn acceptor(identity: &Identity) -> Result<QuicServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = NodeVerifier::new(provider.signature_verification_algorithms);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .and_then(|builder| {
            builder
                .with_client_cert_verifier(Arc::new(verifier))
                .with_single_cert(vec![identity.certificate().clone()], identity.key())
        })
        .map_err(|error| Error::Identity(error.to_string()))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).map_err(|error| Error::Identity(error.to_string()))
}
