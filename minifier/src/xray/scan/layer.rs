//! [`ScannedLayer`]: one layer, scanned.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::ahead::read_ahead;
use super::body::Examiner;
use super::facts::Facts;
use super::input::SeekInput;
use super::limits::{Budget, Limits};
use crate::rootfs::tar::{
    Compression, Member, SparseReader, StreamInput, TarError, TarInput, TarReader, decompress,
    layer_entry,
};
use crate::rootfs::{EntryKind, ImagePath, LayerEntry, LayerIndex};

/// Problems of one layer that are told one by one.
const MAX_PROBLEMS: usize = 50;
const BUFFER: usize = 256 << 10;
/// Extended attributes of one entry that are kept, bytes.
const MAX_XATTRS: usize = 64 << 10;

/// One layer, scanned.
#[derive(Debug, Default)]
pub(crate) struct ScannedLayer {
    /// Its entries.
    pub(crate) index: LayerIndex,
    /// What its files hold, by the `at` of their content, ascending.
    pub(crate) facts: Vec<(u64, Facts)>,
    /// Bytes of the uncompressed tar, as far as it was read.
    pub(crate) tar_size: u64,
    /// How it is compressed, as its first bytes say.
    pub(crate) compression: Option<Compression>,
    /// What could not be read.
    pub(crate) problems: Vec<String>,
}

impl ScannedLayer {
    /// What the file holds whose content is at `at`.
    pub(crate) fn facts(&self, at: u64) -> Option<&Facts> {
        let index = self.facts.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        Some(&self.facts[index].1)
    }

    fn problem(&mut self, problem: String) {
        match self.problems.len() {
            0..MAX_PROBLEMS => self.problems.push(problem),
            MAX_PROBLEMS => self
                .problems
                .push("more problems of the same layer are not told".into()),
            _ => {}
        }
    }
}

/// What all threads share.
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) entries: Budget,
    pub(super) names: Budget,
    pub(super) documents: Budget,
    pub(super) holes: Budget,
    /// Set where there are too many entries: everybody stops.
    pub(super) too_many: AtomicBool,
}

/// Scans a layer whose bytes come as they are stored. `examiner` looks at the contents, where it is to.
pub(super) fn scan_stream(
    layer: u32,
    stored: impl Read + Send,
    shared: &Shared,
    examiner: Option<&mut Examiner<'_>>,
) -> ScannedLayer {
    let mut scanned = ScannedLayer::default();
    let stored = BufReader::with_capacity(BUFFER, stored);
    let opened = open(stored, shared.limits.layer);
    let (compression, stream) = match opened {
        Ok(opened) => opened,
        Err(e) => {
            scanned.problem(e.to_string());
            return scanned;
        }
    };
    scanned.compression = Some(compression);
    std::thread::scope(|scope| {
        read_stream(layer, read_ahead(scope, stream), shared, examiner, scanned)
    })
}

fn read_stream(
    layer: u32,
    stream: impl BufRead,
    shared: &Shared,
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
        if shared.too_many.load(Ordering::Relaxed) {
            return scanned;
        }
        let sparse = member.sparse.clone();
        let Some(entry) = take(member, layer, shared, &mut last, &mut scanned) else {
            continue;
        };
        if let (Some(examiner), EntryKind::File(content)) = (&mut examiner, &entry.kind) {
            let mut problems = Vec::new();
            let holes = sparse.as_ref().map_or(0, |map| map.size() - map.stored());
            let executable = entry.meta.mode & 0o111 != 0;
            let examined = if !shared.holes.take(holes) {
                problems.push(format!(
                    "read {}: it has {holes} bytes of holes, more than are looked at",
                    entry.path
                ));
                None
            } else {
                let mut body = reader.body();
                let mut look = |body: &mut dyn BufRead| {
                    examiner.examine(&entry.path, content.size, executable, body, &mut problems)
                };
                Some(match &sparse {
                    Some(map) => look(&mut BufReader::new(SparseReader::new(map, &mut body))),
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
    // What stands behind the end mark belongs to the blob, whose digest is checked at its end.
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
pub(super) fn scan_headers(
    layer: u32,
    input: SeekInput<'_>,
    size: u64,
    shared: &Shared,
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
    shared: &Shared,
    scanned: &mut ScannedLayer,
) -> Result<(), TarError> {
    let mut last = ImagePath::root();
    while let Some(member) = reader.next_member()? {
        if shared.too_many.load(Ordering::Relaxed) {
            break;
        }
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
    shared: &Shared,
    last: &mut ImagePath,
    scanned: &mut ScannedLayer,
) -> Option<LayerEntry> {
    let mut entry = match layer_entry(member, layer) {
        Ok(entry) => entry?,
        Err(e) => {
            scanned.problem(e.to_string());
            return None;
        }
    };
    let length = entry.path.as_bytes().len();
    let xattrs: usize = entry
        .meta
        .xattrs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if xattrs > MAX_XATTRS {
        scanned.problem(format!(
            "read {}: its {xattrs} bytes of extended attributes are more than is kept",
            entry.path
        ));
        entry.meta.xattrs.clear();
    }
    let target = match &entry.kind {
        EntryKind::Symlink { target } => target.len(),
        _ => 0,
    };
    let implied = new_components(last, &entry.path);
    if !shared.entries.take(implied)
        || !shared
            .names
            .take((length + target + xattrs.min(MAX_XATTRS)) as u64)
    {
        shared.too_many.store(true, Ordering::Relaxed);
        return None;
    }
    *last = entry.path.clone();
    Some(entry)
}

/// Components that a path has beyond those it shares with the one before it: directories that it may imply.
fn new_components(last: &ImagePath, path: &ImagePath) -> u64 {
    let shared = last
        .components()
        .zip(path.components())
        .take_while(|(a, b)| a == b)
        .count();
    (path.components().count() - shared).max(1) as u64
}

/// The uncompressed tar, and how it was compressed.
fn open<'a>(
    mut stored: impl BufRead + Send + 'a,
    limit: u64,
) -> io::Result<(Compression, Box<dyn BufRead + Send + 'a>)> {
    let compression = Compression::detect(stored.fill_buf()?).map_err(io::Error::other)?;
    let stream: Box<dyn BufRead + Send + 'a> = match compression {
        Compression::None => Box::new(stored),
        _ => {
            let unpacked = Bounded {
                inner: decompress(stored, compression)?,
                left: limit,
            };
            Box::new(BufReader::with_capacity(BUFFER, unpacked))
        }
    };
    Ok((compression, stream))
}

/// Fails where more is unpacked than there may be.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than is read of a layer"))?;
        Ok(n)
    }
}
