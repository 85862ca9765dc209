//! Looking up credentials in the files that `docker login`, `podman login` and `skopeo login` write.
//!
//! Source: Docker CLI, `cli/config/configfile` and `docker login` ("Credential stores", "Credential helpers");
//! `containers-auth.json(5)`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::credential_files::CredentialFiles;
use super::error::RegistryError;
use super::helper;
use super::secret::Credentials;
use crate::image::DOCKER_HUB;

/// Longest file that is read.
const MAX_FILE: u64 = 4 << 20;
/// Docker's key for its default registry in these files: the URL of the first version of its API.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Some writers of these files leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    auths: BTreeMap<String, Option<AuthEntry>>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthEntry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl CredentialFiles {
    /// The credentials for a repository, if there are some.
    pub(crate) async fn find(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credentials>, RegistryError> {
        let error = |from: String, what: String| RegistryError::Credentials {
            registry: registry.to_owned(),
            from,
            what,
        };
        for file in &self.files {
            let name = file.display().to_string();
            let Some(text) = read(file).map_err(|e| error(name.clone(), e.to_string()))? else {
                continue;
            };
            // The parser's message could quote a secret.
            let config: Config = serde_json::from_slice(&text).map_err(|e| {
                let what = format!("malformed at line {}, column {}", e.line(), e.column());
                error(name.clone(), what)
            })?;
            // Docker asks the helper first; an entry under `auths` beside it is usually empty.
            let keeper = config.helper(registry);
            if let Some(keeper) = keeper {
                let from = format!("docker-credential-{keeper}");
                let found = helper::get(keeper, helper_key(registry)).await;
                if let Some(found) = found.map_err(|what| error(from, what))? {
                    return Ok(Some(found));
                }
            }
            let entry = config.entry(registry, repository);
            let found = entry.map(AuthEntry::credentials).transpose();
            if let Some(found) = found.map_err(|what| error(name, what))?.flatten() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The name under which a helper stores credentials for the registry.
fn helper_key(registry: &str) -> &str {
    match registry {
        DOCKER_HUB => DOCKER_HUB_KEY,
        other => other,
    }
}

/// The file's bytes; `None` if there is no such file.
fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(MAX_FILE + 1).read_to_end(&mut bytes)?,
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    if bytes.len() as u64 > MAX_FILE {
        Err(io::Error::other("it is longer than 4 MiB"))
    } else {
        Ok(Some(bytes))
    }
}

/// The registry, as references name it, of a key in a file. Older versions of Docker wrote URLs as keys.
fn registry_of(key: &str) -> &str {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    match key {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        other => other,
    }
}

impl Config {
    /// The program that keeps this registry's credentials.
    fn helper(&self, registry: &str) -> Option<&str> {
        let own = self
            .helpers
            .iter()
            .find(|(key, _)| registry_of(key) == registry)
            .map(|(_, helper)| helper.as_str());
        own.or(self.store.as_deref())
            .filter(|name| !name.is_empty())
    }

    /// The entry with the longest key that is a prefix of the repository: containers-auth.json(5) allows keys such as
    /// `quay.io/team`.
    fn entry(&self, registry: &str, repository: &str) -> Option<&AuthEntry> {
        let full = format!("{registry}/{repository}");
        let mut name = full.as_str();
        loop {
            let found = self
                .auths
                .iter()
                .find(|(key, entry)| registry_of(key) == name && entry.is_some());
            if let Some((_, entry)) = found {
                return entry.as_ref();
            }
            name = match name.rsplit_once('/') {
                Some((parent, _)) => parent,
                None => return None,
            };
        }
    }
}

impl AuthEntry {
    /// The credentials of the entry; `None` if it is empty, as `docker login` leaves it beside a helper.
    fn credentials(&self) -> Result<Option<Credentials>, String> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::Identity(self.identitytoken.clone())));
        }
        if !self.registrytoken.is_empty() {
            return Ok(Some(Credentials::Token(self.registrytoken.clone())));
        }
        if self.auth.is_empty() {
            let named = !self.username.is_empty();
            return Ok(named.then(|| Credentials::Password {
                user: self.username.clone(),
                password: self.password.clone(),
            }));
        }
        let wrong = || "its \"auth\" is not NAME:PASSWORD in base64".to_owned();
        let text = BASE64.decode(self.auth.trim()).map_err(|_| wrong())?;
        let text = String::from_utf8(text).map_err(|_| wrong())?;
        // A password may have colons; a user name may not (RFC 7617, section 2).
        let (user, password) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Some(Credentials::Password {
            user: user.to_owned(),
            // As Docker's own reader does (`decodeAuth`).
            password: password.trim_end_matches('\0').to_owned(),
        }))
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
