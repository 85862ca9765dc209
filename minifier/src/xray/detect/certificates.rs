//! X.509 certificates in PEM and DER.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::{Decode, SliceReader};

/// Certificates of one file that are read.
const MAX_CERTIFICATES: usize = 2000;
const MAX_CERTIFICATE: usize = 64 << 10;

/// An X.509 certificate, as far as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Distinguished name (RFC 4514).
    pub(crate) subject: String,
    /// Distinguished name (RFC 4514).
    pub(crate) issuer: String,
    /// Seconds since the epoch.
    pub(crate) not_before: i64,
    /// Seconds since the epoch.
    pub(crate) not_after: i64,
}

/// The certificates of a text. One that is malformed between its marks is skipped.
pub(crate) fn pem_certificates(text: &[u8]) -> Vec<Certificate> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = memchr::memmem::find(rest, b"-----BEGIN ") {
        rest = &rest[start + 11..];
        let body = [
            "CERTIFICATE-----",
            // OpenSSL's own format, with trust settings behind the certificate.
            "TRUSTED CERTIFICATE-----",
            "X509 CERTIFICATE-----",
        ]
        .iter()
        .find_map(|label| rest.strip_prefix(label.as_bytes()));
        let Some(body) = body else { continue };
        // The end is looked for nearby only: in a text of a thousand beginnings, each would search to the end of the
        // file.
        let window = &body[..body.len().min(MAX_CERTIFICATE)];
        let Some(end) = memchr::memmem::find(window, b"-----END ") else {
            continue;
        };
        let base64: Vec<u8> = body[..end]
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        let certificate = STANDARD
            .decode(base64)
            .ok()
            .and_then(|der| der_certificate(&der));
        found.extend(certificate);
        // Behind this certificate: a label inside of it is not looked at again.
        rest = &body[end..];
        if found.len() == MAX_CERTIFICATES {
            break;
        }
    }
    found
}

/// The certificate that the bytes start with: trust settings may follow it.
pub(crate) fn der_certificate(der: &[u8]) -> Option<Certificate> {
    // A reader and not `from_der`, which refuses bytes behind the certificate.
    let mut reader = SliceReader::new(der).ok()?;
    let certificate = x509_cert::Certificate::decode(&mut reader).ok()?;
    let fields = certificate.tbs_certificate();
    let seconds = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
    };
    let validity = fields.validity();
    Some(Certificate {
        subject: fields.subject().to_string(),
        issuer: fields.issuer().to_string(),
        not_before: seconds(validity.not_before),
        not_after: seconds(validity.not_after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_of_this_system_is_read_whole() {
        let text = std::fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap();
        let marks = memchr::memmem::find_iter(&text, b"-----BEGIN CERTIFICATE-----").count();
        let certificates = pem_certificates(&text);
        assert_eq!(certificates.len(), marks);
        assert!(
            certificates
                .iter()
                .all(|c| c.not_after > c.not_before && !c.subject.is_empty())
        );
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = der_certificate(&bytes);
            let text = [b"-----BEGIN CERTIFICATE-----\n".as_slice(), STANDARD.encode(&bytes).as_bytes(), b"\n-----END "].concat();
            let _ = pem_certificates(&text);
        }
    }
}
