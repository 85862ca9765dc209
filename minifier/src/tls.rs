//! TLS that accepts any certificate: that of the container under test, which is ours, and those of registries that the
//! user declared insecure.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, SignatureScheme, WantsVerifier,
};

/// Whether the other side must prove that it has the key of its certificate.
#[cfg_attr(
    not(all(feature = "engines", feature = "registry")),
    expect(dead_code, reason = "each variant belongs to one feature")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyProof {
    /// The signature of the handshake is checked.
    Proven,
    /// Nothing is checked, so that even certificates are accepted that rustls cannot parse (X.509 version 1, unusual
    /// keys).
    Unproven,
}

/// The beginning of every client configuration: ring, and the protocol versions that rustls considers safe.
pub(crate) fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
}

/// A configuration that accepts any certificate.
pub(crate) fn trusting_all(key: KeyProof) -> Result<ClientConfig, Error> {
    let verifier = AnyCertificate {
        provider: ring::default_provider(),
        key,
    };
    let config = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(negotiating(config))
}

/// The configuration with HTTP/2 and HTTP/1.1 on offer: with a configuration of our own, reqwest does not set them.
pub(crate) fn negotiating(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

#[derive(Debug)]
struct AnyCertificate {
    provider: CryptoProvider,
    key: KeyProof,
}

impl AnyCertificate {
    /// Checks the proof of the key with `verify`, if one is required.
    fn key_by(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key {
            KeyProof::Proven => verify(&self.provider.signature_verification_algorithms),
            KeyProof::Unproven => Ok(HandshakeSignatureValid::assertion()),
        }
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.key_by(|algorithms| {
            verify_tls12_signature(message, certificate, signature, algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.key_by(|algorithms| {
            verify_tls13_signature(message, certificate, signature, algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
