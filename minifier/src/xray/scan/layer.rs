//! [`ScannedLayer`]: one layer, scanned.

use std::io::{self, BufRead, BufReader};
use std::sync::OnceLock;

use super::ahead::read_ahead;
use super::body::{Examiner, PassingFile};
use super::facts::FileFacts;
use super::limits::HoleBudget;
use crate::rootfs::tar::{
    Compression, Member, SeekInput, SparseMap, SparseReader, StreamInput, TarError, TarInput,
    TarReader, layer_entry,
};
use crate::rootfs::{EntryKind, ImagePath, LayerEntry, LayerIndex, TooManyEntries};
use crate::transport::{Control, LayerBudget, LayerReader, Stoppable};

/// Problems of one layer that are listed.
const MAX_PROBLEMS: usize = 50;
const BUFFER: usize = 256 << 10;

/// The scan of one layer, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct ScannedLayer {
    pub(crate) index: LayerIndex,
    /// Facts about its files, by the `at` of their content, ascending.
    pub(crate) facts: Vec<(u64, FileFacts)>,
    /// Bytes of the uncompressed tar, as far as it was read.
    pub(crate) tar_size: u64,
    /// Its compression, by its first bytes; `None` if it could not be opened.
    pub(crate) compression: Option<Compression>,
    /// Sentences about what could not be read.
    pub(crate) problems: Vec<String>,
}

impl ScannedLayer {
    /// Facts about the file whose content is at `at`; `None` if it was not read.
    pub(crate) fn facts(&self, at: u64) -> Option<&FileFacts> {
        let index = self.facts.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        Some(&self.facts[index].1)
    }

    fn problem(&mut self, problem: String) {
        match self.problems.len() {
            0..MAX_PROBLEMS => self.problems.push(problem),
            MAX_PROBLEMS => self
                .problems
                .push("more problems of the same layer are not listed".into()),
            _ => {}
        }
    }
}

/// Limits and cancellation, which all threads of a scan share.
pub(crate) struct ScanContext<'a> {
    /// Stops them, and counts stored bytes.
    pub(crate) control: &'a Control,
    /// Bytes that the layers and their entries may take.
    pub(crate) layers: LayerBudget,
    pub(crate) holes: HoleBudget,
    /// Set once the entries take too much: every thread stops.
    pub(crate) too_many: OnceLock<TooManyEntries>,
}

impl ScanContext<'_> {
    fn stops(&self) -> bool {
        self.control.is_cancelled() || self.too_many.get().is_some()
    }
}

/// Scans the tar of a layer. `examiner` looks at the contents, unless only names and sizes are wanted.
pub(crate) fn scan_stream(
    layer: u32,
    tar: LayerReader<'_>,
    shared: &ScanContext<'_>,
    examiner: Option<&mut Examiner<'_>>,
) -> ScannedLayer {
    let scanned = ScannedLayer {
        compression: Some(tar.compression()),
        ..ScannedLayer::default()
    };
    let tar = BufReader::with_capacity(BUFFER, tar);
    std::thread::scope(|scope| {
        read_stream(layer, read_ahead(scope, tar), shared, examiner, scanned)
    })
}

fn read_stream(
    layer: u32,
    stream: impl BufRead,
    shared: &ScanContext<'_>,
    mut examiner: Option<&mut Examiner<'_>>,
    mut scanned: ScannedLayer,
) -> ScannedLayer {
    let mut reader = TarReader::new(StreamInput::new(stream));
    let mut last = ImagePath::root();
    loop {
        let member = match reader.next_member() {
            Ok(Some(member)) => member,
            Ok(None) => break,
            Err(e) => {
                scanned.problem(e.to_string());
                scanned.tar_size = reader.offset();
                return scanned;
            }
        };
        if shared.stops() {
            return scanned;
        }
        let sparse = member.sparse.clone();
        let Some(entry) = take(member, layer, shared, &mut last, &mut scanned) else {
            continue;
        };
        if let (Some(examiner), EntryKind::File(content)) = (&mut examiner, &entry.kind) {
            let mut problems = Vec::new();
            // A tar of a kilobyte can claim terabytes of holes, and hashing them is work for which nothing was stored.
            let holes = sparse.as_ref().map_or(0, |map| map.size() - map.stored());
            let executable = entry.meta.mode & 0o111 != 0;
            let examined = if !shared.holes.take(holes) {
                problems.push(format!(
                    "read {}: it has {holes} bytes of holes, more than are read",
                    entry.path
                ));
                None
            } else {
                let mut body = reader.body();
                let file = PassingFile {
                    path: &entry.path,
                    size: content.size,
                    executable,
                };
                let mut look = |body: &mut dyn BufRead| examiner.examine(file, body, &mut problems);
                Some(match &sparse {
                    // Holes are made here and not read, so cancelling has to be checked here too.
                    Some(map) => {
                        let file = SparseReader::new(map, &mut body);
                        look(&mut BufReader::new(Stoppable::new(file, shared.control)))
                    }
                    None => look(&mut body),
                })
            };
            problems
                .into_iter()
                .for_each(|problem| scanned.problem(problem));
            match examined {
                Some(Ok(facts)) => scanned.facts.push((content.at, facts)),
                Some(Err(e)) => scanned.problem(format!("read {}: {e}", entry.path)),
                None => {}
            }
        }
        scanned.index.entries.push(entry);
    }
    // A layer whose digest is not checked to the end could be another one than the manifest names.
    let end = reader.offset();
    let rest = io::copy(&mut reader.into_input().into_inner(), &mut io::sink());
    match rest {
        Ok(rest) => scanned.tar_size = end + rest,
        Err(e) => {
            scanned.tar_size = end;
            scanned.problem(e.to_string());
        }
    }
    scanned
}

/// Scans a layer in a file that is not compressed, reading headers only.
pub(crate) fn scan_headers(
    layer: u32,
    input: SeekInput<'_>,
    size: u64,
    shared: &ScanContext<'_>,
) -> ScannedLayer {
    let mut scanned = ScannedLayer {
        tar_size: size,
        compression: Some(Compression::None),
        ..ScannedLayer::default()
    };
    let mut reader = TarReader::new(input);
    if let Err(e) = read_headers(&mut reader, layer, shared, &mut scanned) {
        scanned.problem(e.to_string());
    }
    scanned
}

fn read_headers<I: TarInput>(
    reader: &mut TarReader<I>,
    layer: u32,
    shared: &ScanContext<'_>,
    scanned: &mut ScannedLayer,
) -> Result<(), TarError> {
    let mut last = ImagePath::root();
    let mut seen = 0;
    while let Some(member) = reader.next_member()? {
        if shared.stops() {
            break;
        }
        let passed = member.body_at.saturating_sub(seen);
        seen += passed;
        // The budget for entries grows with the bytes that are stored, also if bodies are skipped.
        shared.layers.index().feed(passed, Compression::None);
        // Fails only if the work is to stop, which the next member sees.
        let _ = shared.control.advance(passed);
        if let Some(entry) = take(member, layer, shared, &mut last, scanned) {
            scanned.index.entries.push(entry);
        }
    }
    Ok(())
}

/// The entry of a member, within the limits.
fn take(
    member: Member,
    layer: u32,
    shared: &ScanContext<'_>,
    last: &mut ImagePath,
    scanned: &mut ScannedLayer,
) -> Option<LayerEntry> {
    let fragments = member.sparse.as_ref().map_or(0, SparseMap::fragments);
    let entry = match layer_entry(member, layer) {
        Ok(entry) => entry?,
        Err(e) => {
            scanned.problem(e.to_string());
            return None;
        }
    };
    if let Err(error) = shared.layers.index().take_entry(last, &entry, fragments) {
        let _ = shared.too_many.set(error);
        return None;
    }
    Some(entry)
}
