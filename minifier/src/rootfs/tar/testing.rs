//! Small tars for tests.

use crate::image::DiffId;

/// A tar under construction.
pub(crate) struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub(crate) fn add(self, kind: tar::EntryType, name: &str, link: &str, body: &[u8]) -> Self {
        let mut header = header(kind, 0o644);
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        self.append(header, name, body)
    }

    fn append(mut self, mut header: tar::Header, name: &str, body: &[u8]) -> Self {
        header.set_size(body.len() as u64);
        self.0.append_data(&mut header, name, body).unwrap();
        self
    }

    pub(crate) fn file(self, name: &str, body: &[u8]) -> Self {
        self.add(tar::EntryType::Regular, name, "", body)
    }

    /// A file that may be executed.
    pub(crate) fn program(self, name: &str, body: &[u8]) -> Self {
        self.append(header(tar::EntryType::Regular, 0o755), name, body)
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.add(tar::EntryType::Symlink, name, target, b"")
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header
}

/// A layer's tar, and its diff ID.
pub(crate) fn layer(files: &[(&str, &[u8])]) -> (Vec<u8>, DiffId) {
    let tar = files
        .iter()
        .fold(Tar::new(), |tar, (name, body)| tar.file(name, body));
    let bytes = tar.bytes();
    let diff_id = DiffId::of(&bytes);
    (bytes, diff_id)
}
