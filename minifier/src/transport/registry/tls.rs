//! TLS to registries: with the system's authorities and those of `certs.d`, or with any certificate if the user allows
//! it.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::error::RegistryError;
use crate::tls::{self, KeyProof};

/// Longest file of `certs.d` that is read.
const MAX_FILE: u64 = 4 << 20;

/// The system's authorities. Without any, no certificate is trusted. Malformed ones are skipped: one bad file in
/// /etc/ssl/certs must not stop every pull.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// A configuration that trusts `roots` and the authorities in `folder`, and presents the client certificate in it.
pub(crate) fn verifying(
    mut roots: RootCertStore,
    folder: Option<&Path>,
) -> Result<ClientConfig, RegistryError> {
    let files = folder
        .map(CertificateFiles::list)
        .transpose()?
        .unwrap_or_default();
    for file in &files.authorities {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|e| refuse(file, e))?;
        }
    }
    let builder = tls::builder()
        .map_err(unusable)?
        .with_root_certificates(roots);
    let config = match &files.own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let parsed = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|e| refuse(key, e))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, parsed)
                .map_err(|e| refuse(key, e))?
        }
    };
    Ok(tls::negotiating(config))
}

/// A configuration that accepts any certificate, but still checks that the other side has its key.
pub(crate) fn trusting_all() -> Result<ClientConfig, RegistryError> {
    tls::trusting_all(KeyProof::Proven).map_err(unusable)
}

fn unusable(error: rustls::Error) -> RegistryError {
    RegistryError::Tls {
        host: "any registry".into(),
        what: error.to_string(),
    }
}

/// The files of `certs.d` for one host.
#[derive(Debug, Default, PartialEq, Eq)]
struct CertificateFiles {
    authorities: Vec<PathBuf>,
    own: Option<(PathBuf, PathBuf)>,
}

impl CertificateFiles {
    fn list(folder: &Path) -> Result<Self, RegistryError> {
        let mut files = Self::default();
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|e| refuse(folder, e))?;
        let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
        // Of several client certificates the first by name counts, whatever order the file system lists them in.
        paths.sort();
        for path in paths {
            let extension = path.extension().unwrap_or_default();
            if extension == "crt" {
                files.authorities.push(path);
            } else if extension == "cert" && files.own.is_none() {
                let key = path.with_extension("key");
                // Docker refuses it too; without the key, the registry would only say "401".
                if !key.is_file() {
                    return Err(refuse(&path, "its key is missing beside it"));
                }
                files.own = Some((path, key));
            }
        }
        Ok(files)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let text = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|e| refuse(file, e))?;
    if certificates.is_empty() {
        Err(refuse(file, "there is no certificate in it"))
    } else {
        Ok(certificates)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(|e| refuse(file, e))?;
    let read = opened.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|e| refuse(file, e))?;
    if bytes.len() as u64 > MAX_FILE {
        Err(refuse(file, "it is longer than 4 MiB"))
    } else {
        Ok(bytes)
    }
}

fn refuse(path: &Path, what: impl ToString) -> RegistryError {
    RegistryError::Certificates {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_as_docker_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b.crt", "a.crt", "client.cert", "client.key", "README"] {
            fs::write(path(name), "").unwrap();
        }
        let files = CertificateFiles::list(folder.path()).unwrap();
        assert_eq!(files.authorities, [path("a.crt"), path("b.crt")]);
        assert_eq!(files.own, Some((path("client.cert"), path("client.key"))));
        fs::remove_file(path("client.key")).unwrap();
        let error = CertificateFiles::list(folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("client.cert"), "{error}");
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.crt"), "nothing").unwrap();
        let error = verifying(RootCertStore::empty(), Some(folder.path())).unwrap_err();
        assert!(error.to_string().contains("ca.crt"), "{error}");
    }
}
