//! Origins of packages, as their installers recorded them.

use serde::Deserialize;
use url::Url;

/// Bytes of the longest URL that is reported.
const MAX_URL: usize = 2000;

/// The origin of a package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DownloadOrigin {
    /// A public URL; `git+https://…@COMMIT` for a repository.
    pub(crate) download: Option<String>,
    /// Checksums of what was downloaded.
    pub(crate) checksums: Vec<String>,
}

#[derive(Deserialize)]
struct DirectUrl {
    url: String,
    #[serde(default)]
    vcs_info: Option<VcsInfo>,
    #[serde(default)]
    archive_info: Option<DirectArchive>,
}

#[derive(Deserialize)]
struct VcsInfo {
    vcs: String,
    commit_id: String,
}

#[derive(Deserialize)]
struct DirectArchive {
    #[serde(default)]
    hash: Option<String>,
}

/// Reads `direct_url.json`, which pip writes for what did not come from an index. Source: PyPA, "Recording the Direct
/// URL Origin of installed distributions".
pub(crate) fn direct_url(text: &[u8]) -> Result<DownloadOrigin, serde_json::Error> {
    let direct: DirectUrl = serde_json::from_slice(text)?;
    let public = public(&direct.url);
    let download = match &direct.vcs_info {
        Some(info) => {
            let plain =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
            // Both become a part of a URL; anything else than letters and digits could change its meaning.
            let safe = plain(&info.vcs) && plain(&info.commit_id);
            public
                .filter(|_| safe)
                .map(|url| format!("{}+{url}@{}", info.vcs, info.commit_id))
        }
        None => public,
    };
    let hash = direct.archive_info.and_then(|info| info.hash);
    let hash = hash.and_then(|hash| {
        let hexadecimal = hash.strip_prefix("sha256=")?;
        let fits = hexadecimal.len() == 64 && hexadecimal.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| format!("sha256:{}", hexadecimal.to_ascii_lowercase()))
    });
    Ok(DownloadOrigin {
        download,
        checksums: hash.into_iter().collect(),
    })
}

/// A URL that may be published: without user name, password and query, which can have tokens; `None` for a local path.
pub(crate) fn public(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL)?;
    // `file:` and unknown schemes name places of the build machine.
    if !matches!(url.scheme(), "http" | "https" | "ssh" | "git") || !url.has_host() {
        return None;
    }
    // Installers record the URL with the token that they were given.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

/// `sha512-BASE64`, as npm's lock files have it; the first of several. Source: W3C, "Subresource Integrity".
pub(crate) fn integrity(text: &str) -> Option<String> {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let (algorithm, digest) = text.split_ascii_whitespace().next()?.split_once('-')?;
    let length = match algorithm {
        "sha1" => 20,
        "sha256" => 32,
        "sha512" => 64,
        _ => return None,
    };
    let digest = BASE64_STANDARD.decode(digest).ok()?;
    (digest.len() == length).then(|| format!("{algorithm}:{}", hex::encode(digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_no_credentials() {
        let git = br#"{"url":"https://me:token@example.org/a.git","vcs_info":{"vcs":"git","commit_id":"0a1b","requested_revision":"main"}}"#;
        let origin = direct_url(git).unwrap();
        assert_eq!(
            origin.download.as_deref(),
            Some("git+https://example.org/a.git@0a1b")
        );
        let hash = "a".repeat(64);
        let archive = format!(
            r#"{{"url":"https://example.org/a.whl?sig=secret#x","archive_info":{{"hash":"sha256={hash}"}}}}"#
        );
        let origin = direct_url(archive.as_bytes()).unwrap();
        assert_eq!(
            origin.download.as_deref(),
            Some("https://example.org/a.whl")
        );
        assert_eq!(origin.checksums, [format!("sha256:{hash}")]);
        let local = br#"{"url":"file:///home/me/a","dir_info":{"editable":true}}"#;
        assert_eq!(direct_url(local).unwrap(), DownloadOrigin::default());
        assert!(direct_url(b"{").is_err());
    }

    #[test]
    fn integrity_is_given_in_hexadecimal() {
        let sha1 = integrity("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha512-x").unwrap();
        assert_eq!(sha1, "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(integrity("sha512-AAAA"), None);
        assert_eq!(integrity("md5-AAAA"), None);
    }
}
