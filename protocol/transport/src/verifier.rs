//! Judges a peer's certificate: the key, and that the peer has it.
//!
//! There is no authority and there are no dates. The same rule holds on both sides of a connection; who may come in is
//! decided above, by the signed list of members.

use std::sync::OnceLock;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, PeerMisbehaved,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use unisono_core::wire::ids::PeerId;

use crate::certificate::{PUBLIC_KEY_INFO, public_key};

/// Whom a connection is meant to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The machine with this key; any other fails the handshake.
    Key(PeerId),
    /// Any machine with a key. Whether it belongs to the household is judged above, by the list of members.
    AnyMember,
}

/// What a connecting side asks of the other.
#[derive(Debug)]
pub(crate) struct HubVerifier {
    expect: Expect,
    found: OnceLock<PeerId>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl HubVerifier {
    pub(crate) fn new(expect: Expect, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { expect, found: OnceLock::new(), algorithms }
    }

    /// The key that was expected and the one that was shown, when they differ.
    pub(crate) fn mismatch(&self) -> Option<(PeerId, PeerId)> {
        match (self.expect, self.found.get()) {
            (Expect::Key(expected), Some(&found)) if expected != found => Some((expected, found)),
            _ => None,
        }
    }
}

impl ServerCertVerifier for HubVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = judge(end_entity, intermediates)?;
        // Only ever asked once: each connection has its own verifier.
        let _ = self.found.set(found);
        match self.expect {
            Expect::Key(expected) if expected != found => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        prove_possession(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// What an accepting side asks of the other: a key, always.
#[derive(Debug)]
pub(crate) struct NodeVerifier {
    algorithms: WebPkiSupportedAlgorithms,
}

impl NodeVerifier {
    pub(crate) fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { algorithms }
    }
}

impl ClientCertVerifier for NodeVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        judge(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        prove_possession(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// The key in a chain of exactly one certificate.
fn judge(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<PeerId, Error> {
    let key = if intermediates.is_empty() { public_key(end_entity) } else { None };
    key.ok_or_else(|| CertificateError::BadEncoding.into())
}

/// Checks the handshake's signature with the very key that [`public_key`] reads, so that no second reader of
/// certificates can come to another opinion.
fn prove_possession(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if signature.scheme != SignatureScheme::ED25519 {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    let PeerId(key) = judge(certificate, &[])?;
    let info = SubjectPublicKeyInfoDer::from([&PUBLIC_KEY_INFO[..], &key].concat());
    verify_tls13_signature_with_raw_key(message, &info, signature, algorithms)
}
