//! Directories that are empty in the original. Somebody made them to write into: sessions, caches, uploads, sockets.

use super::reader::{Gathered, Reader};
use super::{EvidenceSource, Group, KeptFile, Origin, Rule, View};
use crate::analyze::ReadError;
use crate::rootfs::ImagePath;

/// Gives one group for all of them, once: they cost no bytes.
#[derive(Default)]
pub(crate) struct EmptyDirectories {
    done: bool,
}

impl Reader for EmptyDirectories {
    fn rule(&self) -> Rule {
        Rule::EmptyDirectory
    }

    fn read(
        &mut self,
        _kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        let rootfs = view.files.rootfs;
        let empty = rootfs
            .walk()
            .filter(|&(_, node)| rootfs.node(node).is_dir() && rootfs.children(node).is_empty());
        out.groups.push(Group {
            rule: Rule::EmptyDirectory,
            name: "all".to_owned(),
            source: EvidenceSource {
                file: ImagePath::root(),
                line: None,
                symbol: None,
            },
            origin: Origin::Application,
            paths: empty.map(|(path, _)| path).collect(),
        });
        Ok(())
    }
}
