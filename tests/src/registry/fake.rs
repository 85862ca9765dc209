//! [`FakeRegistry`]: a registry in memory that keeps to the distribution spec more closely than `docker-registry`: it
//! keeps what it got of an upload that broke off. What it can do may be taken from it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use minifier::image::Digest;

use super::server::{Answer, Asked};

/// A registry with one repository's worth of everything: names of repositories are not looked at.
#[derive(Default)]
pub struct FakeRegistry {
    /// Longest body of an upload's request that it takes.
    pub longest_body: Option<usize>,
    /// It gives a blob from its start only.
    pub no_ranges: bool,
    /// It does not say the digests of what it has.
    pub no_digests: bool,
    /// It refuses to take blobs over from other repositories.
    pub no_mounts: bool,
    /// It wants parts of this length at least.
    pub shortest_part: Option<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Vec<u8>>,
    /// By tag and by digest: media type and document.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    uploads: BTreeMap<usize, Vec<u8>>,
    started: usize,
}

impl FakeRegistry {
    /// Everything it can do.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something taken from it.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut fake = Self::default();
        change(&mut fake);
        fake
    }

    /// Puts a blob there.
    pub fn add_blob(&self, bytes: &[u8]) {
        let mut state = self.state.lock().expect("no thread panicked");
        state
            .blobs
            .insert(Digest::of(bytes).to_string(), bytes.to_vec());
    }

    /// Puts a document there, under its digest and under a tag.
    pub fn add_manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) {
        let mut state = self.state.lock().expect("no thread panicked");
        for name in [tag.to_owned(), Digest::of(bytes).to_string()] {
            state
                .manifests
                .insert(name, (media_type.to_owned(), bytes.to_vec()));
        }
    }

    /// Uploads that were started and neither finished nor removed.
    pub fn unfinished(&self) -> usize {
        self.state.lock().expect("no thread panicked").uploads.len()
    }

    /// Answers a request.
    pub fn answer(&self, asked: &Asked) -> Answer {
        let mut state = self.state.lock().expect("no thread panicked");
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        if path == "/v2/" {
            return Answer::new(200, "{}");
        }
        if let Some((_, name)) = path.rsplit_once("/manifests/") {
            return self.manifest(&mut state, asked, name);
        }
        match path.rsplit_once("/blobs/uploads/") {
            Some((_, "")) => self.start(&mut state, query),
            Some((_, number)) => match number.parse() {
                Ok(number) => self.upload(&mut state, asked, number, query),
                Err(_) => Answer::new(404, ""),
            },
            None => match path.rsplit_once("/blobs/") {
                Some((_, digest)) => self.blob(&state, asked, digest),
                None => Answer::new(404, ""),
            },
        }
    }

    fn digest(&self, answer: Answer, bytes: &[u8]) -> Answer {
        if self.no_digests {
            answer
        } else {
            answer.with("Docker-Content-Digest", Digest::of(bytes).to_string())
        }
    }

    fn manifest(&self, state: &mut State, asked: &Asked, name: &str) -> Answer {
        if asked.method == "PUT" {
            let media_type = asked.header("content-type").unwrap_or_default().to_owned();
            let entry = (media_type, asked.body.clone());
            let digest = Digest::of(&asked.body).to_string();
            state.manifests.insert(digest, entry.clone());
            state.manifests.insert(name.to_owned(), entry);
            return self.digest(Answer::new(201, ""), &asked.body);
        }
        match state.manifests.get(name) {
            Some((media_type, bytes)) => {
                let answer = Answer::new(200, bytes.clone()).with("Content-Type", media_type);
                self.digest(answer, bytes)
            }
            None => {
                let error = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not here"}]}"#;
                Answer::new(404, error)
            }
        }
    }

    fn blob(&self, state: &State, asked: &Asked, digest: &str) -> Answer {
        let Some(bytes) = state.blobs.get(digest) else {
            return Answer::new(404, r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#);
        };
        let start = asked.header("range").and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        });
        match start {
            Some(start) if !self.no_ranges && start < bytes.len() => {
                let (last, whole) = (bytes.len() - 1, bytes.len());
                Answer::new(206, &bytes[start..])
                    .with("Content-Range", format!("bytes {start}-{last}/{whole}"))
            }
            _ => Answer::new(200, bytes.clone()),
        }
    }

    fn start(&self, state: &mut State, query: &str) -> Answer {
        if query.contains("mount=") && self.no_mounts {
            return Answer::new(405, r#"{"errors":[{"code":"UNSUPPORTED"}]}"#);
        }
        state.started += 1;
        state.uploads.insert(state.started, Vec::new());
        let answer = Answer::new(202, "").with(
            "Location",
            format!("/v2/a/blobs/uploads/{}?_state=x", state.started),
        );
        match self.shortest_part {
            Some(length) => answer.with("OCI-Chunk-Min-Length", length.to_string()),
            None => answer,
        }
    }

    fn upload(&self, state: &mut State, asked: &Asked, number: usize, query: &str) -> Answer {
        let Some(upload) = state.uploads.get_mut(&number) else {
            return Answer::new(404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#);
        };
        let location = format!("/v2/a/blobs/uploads/{number}?_state={}", upload.len());
        let has = |length: usize| format!("0-{}", length.saturating_sub(1));
        match asked.method.as_str() {
            "GET" => Answer::new(204, "")
                .with("Location", location)
                .with("Range", has(upload.len())),
            "PATCH" => {
                if self
                    .longest_body
                    .is_some_and(|longest| asked.body.len() > longest)
                {
                    return Answer::new(413, "");
                }
                let range = asked.header("content-range");
                let start = range.and_then(|range| range.split_once('-')?.0.parse().ok());
                if start.is_some_and(|start: usize| start != upload.len()) {
                    return Answer::new(416, "");
                }
                upload.extend_from_slice(&asked.body);
                Answer::new(202, "")
                    .with("Location", location)
                    .with("Range", has(upload.len()))
            }
            "PUT" => {
                let digest = Digest::of(upload).to_string();
                let wanted = query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix("digest="));
                if wanted.map(|text| text.replace("%3A", ":")) != Some(digest.clone()) {
                    return Answer::new(400, r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
                }
                let bytes = state.uploads.remove(&number).unwrap_or_default();
                let answer = self.digest(Answer::new(201, ""), &bytes);
                state.blobs.insert(digest, bytes);
                answer
            }
            "DELETE" => {
                state.uploads.remove(&number);
                Answer::new(204, "")
            }
            _ => Answer::new(405, ""),
        }
    }
}
