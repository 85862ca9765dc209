//! A small strict reader of ustar with PAX records and GNU long names, independent of the product's.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use minifier::rootfs::{EntryKind, ImagePath, LayerEntry, LayerIndex, Metadata, Mtime};

use crate::layers::MemoryStore;

/// Reads a layer; contents go into `store`.
pub fn read_layer(mut input: impl Read, layer: u32, store: &mut MemoryStore) -> Result<LayerIndex> {
    let mut tar = Vec::new();
    input.read_to_end(&mut tar)?;
    let mut blocks = Blocks(&tar);
    let mut index = LayerIndex::default();
    let mut next = Overrides::default();
    loop {
        let header = blocks.take(512)?;
        if header.iter().all(|&b| b == 0) {
            let rest = blocks.0;
            ensure!(
                rest.len() >= 512 && rest.iter().all(|&b| b == 0),
                "no end mark"
            );
            return Ok(index);
        }
        check_sum(header)?;
        let size = match next.pax.get(&b"size"[..]) {
            Some(size) => std::str::from_utf8(size)?.parse()?,
            None => number(&header[124..136])?,
        };
        let body = blocks.take(size as usize)?;
        blocks.take((size as usize).next_multiple_of(512) - size as usize)?;
        match header[156] {
            b'x' => next.pax = pax(body)?,
            b'L' => next.name = Some(text(body).to_vec()),
            b'K' => next.link = Some(text(body).to_vec()),
            _ => {
                let overrides = std::mem::take(&mut next);
                let entry = entry(header, body, overrides, layer, store);
                index.entries.extend(entry.context("read an entry")?);
            }
        }
    }
}

struct Blocks<'a>(&'a [u8]);

impl<'a> Blocks<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        ensure!(length <= self.0.len(), "the tar ends early");
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }
}

#[derive(Default)]
struct Overrides {
    pax: BTreeMap<Vec<u8>, Vec<u8>>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

fn entry(
    header: &[u8],
    body: &[u8],
    overrides: Overrides,
    layer: u32,
    store: &mut MemoryStore,
) -> Result<Option<LayerEntry>> {
    let Overrides {
        mut pax,
        name,
        link,
    } = overrides;
    let plain_name = match text(&header[345..500]) {
        prefix if !prefix.is_empty() && header[257..263] == *b"ustar\0" => {
            [prefix, b"/", text(&header[..100])].concat()
        }
        _ => text(&header[..100]).to_vec(),
    };
    let name = name.or(pax.remove(&b"path"[..])).unwrap_or(plain_name);
    let link = link.or(pax.remove(&b"linkpath"[..]));
    let link = link.unwrap_or_else(|| text(&header[157..257]).to_vec());
    let mut id = |key: &str, field: &[u8]| -> Result<u32> {
        match pax.remove(key.as_bytes()) {
            Some(value) => Ok(std::str::from_utf8(&value)?.parse()?),
            None => Ok(u32::try_from(number(field)?)?),
        }
    };
    let (uid, gid) = (id("uid", &header[108..116])?, id("gid", &header[116..124])?);
    let mtime = match pax.remove(&b"mtime"[..]) {
        Some(value) => time(std::str::from_utf8(&value)?)?,
        None => Mtime {
            secs: i64::try_from(number(&header[136..148])?)?,
            nanos: 0,
        },
    };
    pax.remove(&b"size"[..]);
    let mut xattrs = BTreeMap::new();
    for (key, value) in pax {
        match key.strip_prefix(b"SCHILY.xattr.") {
            Some(name) => drop(xattrs.insert(name.to_vec(), value)),
            None => ensure!(
                matches!(&key[..], b"atime" | b"ctime"),
                "unknown record {}",
                key.escape_ascii()
            ),
        }
    }
    let device = || -> Result<(u32, u32)> {
        Ok((
            u32::try_from(number(&header[329..337])?)?,
            u32::try_from(number(&header[337..345])?)?,
        ))
    };
    let mut path = ImagePath::new(&name);
    let kind = match header[156] {
        b'0' => match path.file_name().strip_prefix(b".wh.") {
            Some(b".wh..opq") => {
                path = path.parent().context("an opaque whiteout without folder")?;
                EntryKind::OpaqueWhiteout
            }
            Some(hidden) => {
                path = path.parent().context("a whiteout of nothing")?.join(hidden);
                EntryKind::Whiteout
            }
            None => EntryKind::File(store.add(layer, body)),
        },
        b'1' => EntryKind::HardLink {
            target: ImagePath::new(&link),
        },
        b'2' => EntryKind::Symlink { target: link },
        b'3' => {
            let (major, minor) = device()?;
            EntryKind::CharDevice { major, minor }
        }
        b'4' => {
            let (major, minor) = device()?;
            EntryKind::BlockDevice { major, minor }
        }
        b'5' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        other => bail!("type {other} of {}", path),
    };
    let meta = Metadata {
        mode: u32::try_from(number(&header[100..108])?)? & 0o7777,
        uid,
        gid,
        mtime,
        xattrs,
    };
    Ok(Some(LayerEntry { path, meta, kind }))
}

fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..end]
}

fn number(field: &[u8]) -> Result<u64> {
    let digits = std::str::from_utf8(text(field))?.trim();
    if digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(digits, 8).with_context(|| format!("number {digits:?}"))
}

fn check_sum(header: &[u8]) -> Result<()> {
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(i, &b)| u64::from(if (148..156).contains(&i) { b' ' } else { b }))
        .sum();
    ensure!(number(&header[148..156])? == sum, "checksum");
    Ok(())
}

fn pax(mut data: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut records = BTreeMap::new();
    while !data.is_empty() {
        let space = data.iter().position(|&b| b == b' ').context("no length")?;
        let length: usize = std::str::from_utf8(&data[..space])?.parse()?;
        ensure!(length <= data.len() && data[length - 1] == b'\n', "length");
        let record = &data[space + 1..length - 1];
        let equals = record.iter().position(|&b| b == b'=').context("no key")?;
        records.insert(record[..equals].to_vec(), record[equals + 1..].to_vec());
        data = &data[length..];
    }
    Ok(records)
}

fn time(text: &str) -> Result<Mtime> {
    let (secs, fraction) = text.split_once('.').unwrap_or((text, ""));
    let secs: i64 = secs.parse()?;
    let nanos: u32 = format!("{fraction:0<9}").parse()?;
    if text.starts_with('-') && nanos > 0 {
        return Ok(Mtime {
            secs: secs - 1,
            nanos: 1_000_000_000 - nanos,
        });
    }
    Ok(Mtime { secs, nanos })
}
