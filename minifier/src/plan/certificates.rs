//! Certificates, where TLS is used: because a TLS library stays, because a program has one inside, or because
//! certificates were asked for.

use std::io::Read;

use super::closure::Closure;
use super::essentials::essential;
use crate::analyze::ReadError;
use crate::rootfs::{ImagePath, NodeId};
use crate::trace::Operation;

/// Bundles: Debian and Alpine, SUSE, Fedora; and OpenSSL's own names for them.
const BUNDLES: [&str; 9] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/usr/lib/ssl/cert.pem",
];

/// The file that OpenSSL takes certificates from by default; if there is none, it takes the directories by hash.
const OPENSSL_BUNDLES: [&str; 3] = [
    "/usr/lib/ssl/cert.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/cert.pem",
];

const OPENSSL_CONFS: [&str; 3] = [
    "/usr/lib/ssl/openssl.cnf",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
];

/// Directories of certificates, by hash and under their names.
const DIRECTORIES: [&str; 3] = ["/etc/ssl/certs", "/usr/lib/ssl/certs", "/etc/pki/tls/certs"];

/// Everything that belongs to the system's trust, for `--include-certs`.
const STORES: [&str; 8] = [
    "/etc/ssl",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates",
];

/// A program that has this inside looks for certificates itself: Go's `crypto/x509`, Rust's `openssl-probe`.
const SYSTEM_PATH: &[u8] = b"/etc/ssl/certs";
/// Larger programs are not searched.
const MAX_PROGRAM: u64 = 1 << 30;

/// Signs of TLS in an access.
pub(crate) struct CertificateAccess {
    /// It is about the system's certificates.
    pub(crate) tls: bool,
    /// It looks into a directory by hash.
    pub(crate) by_hash: bool,
}

/// Looks at an access.
pub(crate) fn is_certificate_access(path: &ImagePath, operation: Operation) -> CertificateAccess {
    let in_directory = DIRECTORIES.iter().any(|dir| {
        let dir = dir.as_bytes();
        let rest = path.as_bytes().strip_prefix(dir);
        rest.is_some_and(|rest| rest.first() == Some(&b'/'))
    });
    let is_directory = DIRECTORIES
        .iter()
        .any(|dir| path.as_bytes() == dir.as_bytes());
    let is_bundle = BUNDLES
        .iter()
        .any(|file| path.as_bytes() == file.as_bytes());
    let by_hash = is_directory && operation == Operation::List
        || in_directory && is_hash_name(path.file_name());
    CertificateAccess {
        tls: is_bundle || by_hash,
        by_hash,
    }
}

/// `4042bcee.0`
fn is_hash_name(name: &[u8]) -> bool {
    name.len() > 9
        && name[8] == b'.'
        && name[..8].iter().all(u8::is_ascii_hexdigit)
        && name[9..].iter().all(u8::is_ascii_digit)
}

impl Closure<'_> {
    /// Keeps certificates where what stays so far uses them; can be called again when more does.
    pub(crate) fn keep_certificates(&mut self) -> Result<(), ReadError> {
        // Reading whole programs is dear, and one reason is enough.
        if self.facts.tls.is_empty() {
            self.search_programs()?;
        }
        if let Some(why) = self.facts.tls.first() {
            let reason = essential(&format!("certificates for TLS, as {why}"));
            // All of them, since each TLS library asks for another name; most lead to one file.
            for path in BUNDLES {
                self.keep_path(path, reason.clone());
            }
        }
        if let Some(library) = self.facts.openssl.first() {
            let reason = essential(&format!("configuration of {library}"));
            for path in OPENSSL_CONFS {
                self.keep_path(path, reason.clone());
            }
        }
        self.keep_hashed();
        for jvm in self.facts.jvms.clone() {
            // `lib/server/libjvm.so`, or `jre/lib/amd64/server/libjvm.so` before Java 9.
            for store in ["../../security/cacerts", "../../../security/cacerts"] {
                let path = jvm.join(store);
                self.keep_path(
                    path.as_bytes(),
                    essential("certificates of the Java runtime"),
                );
            }
        }
        Ok(())
    }

    fn keep_hashed(&mut self) {
        let rootfs = self.files.rootfs;
        let exists = |path: &&str| {
            let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
            resolution.found().is_some()
        };
        let by_default = self.facts.default_trust.first();
        let why = match by_default {
            // If there is a bundle, OpenSSL needs no directory, which has some 140 files and as many links.
            Some(program) if !OPENSSL_BUNDLES.iter().any(exists) => {
                format!("{program} trusts what OpenSSL does, which is a directory here")
            }
            _ if self.facts.hashed_certificates => "their directory was searched".to_owned(),
            _ => return,
        };
        let reason = essential(&format!("certificates by hash, as {why}"));
        for dir in DIRECTORIES {
            let Some((dir, node)) = self.keep_path(dir, reason.clone()) else {
                continue;
            };
            for name in rootfs
                .children(node)
                .keys()
                .filter(|name| is_hash_name(name))
            {
                self.keep_path(dir.join(name).as_bytes(), reason.clone());
            }
        }
    }

    /// Looks into programs that have no TLS library for one inside of them.
    fn search_programs(&mut self) -> Result<(), ReadError> {
        for (path, node) in std::mem::take(&mut self.facts.programs) {
            if self.contains_system_path(&path, node)? {
                self.facts.tls.insert(format!("{path} looks for them"));
            }
        }
        Ok(())
    }

    fn contains_system_path(&self, path: &ImagePath, node: NodeId) -> Result<bool, ReadError> {
        if self.files.rootfs.node(node).size() > MAX_PROGRAM {
            return Ok(false);
        }
        let Some(mut reader) = self.files.open(path, node)? else {
            return Ok(false);
        };
        let mut buffer = vec![0; 256 << 10];
        // The end of one chunk stays in front of the next, so that a match across them is seen.
        let mut held = 0;
        loop {
            let read = reader
                .read(&mut buffer[held..])
                .map_err(|source| ReadError {
                    path: path.clone(),
                    source,
                })?;
            if read == 0 {
                return Ok(false);
            }
            let filled = held + read;
            if memchr::memmem::find(&buffer[..filled], SYSTEM_PATH).is_some() {
                return Ok(true);
            }
            held = filled.min(SYSTEM_PATH.len() - 1);
            buffer.copy_within(filled - held..filled, 0);
        }
    }

    /// Keeps everything that the system trusts.
    pub(crate) fn include_certificates(&mut self) {
        let rule = "--include-certs";
        let reason = super::included::included(rule);
        let mut any = false;
        for store in STORES {
            if let Some((path, _)) = self.keep_path(store, reason.clone()) {
                any = true;
                self.keep_tree(&path, &reason, rule);
            }
        }
        if !any {
            self.warn(format!("{rule}: the image has no certificates"), None);
        }
    }
}
