//! What compilers leave in a program about its sources: Go's build info, and the list of crates that `cargo auditable`
//! adds.
//!
//! Source: Go's `debug/buildinfo` (the inlined format, Go 1.18 and newer) and `runtime/debug.ParseBuildInfo`;
//! cargo-auditable's `PARSING.md`.

use std::io::Read;

use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD};
use serde::Deserialize;

use super::protection::Tables;
use crate::analyze::ReadAt;
use crate::xray::model::PackageKind;
use crate::xray::scan::BuildInfo;

const GO_MAGIC: &[u8] = b"\xff Go buildinf:";
const GO_ALIGN: usize = 16;
const GO_HEADER: usize = 32;
/// Inlined strings stand right after the header.
const GO_INLINED: u8 = 2;
/// Frames the module information on both sides.
const GO_FRAME: usize = 16;
const MAX_GO: u64 = 4 << 20;
/// Where there are no sections, the build info is at the start of the data segment.
const GO_SEARCH: u64 = 512 << 10;
const MAX_AUDIT: u64 = 8 << 20;
const MAX_COMMENT: u64 = 64 << 10;

/// Reads what was compiled into a program; none where nothing says so. The error says what is malformed.
pub(crate) fn build_info(file: &impl ReadAt, tables: &Tables) -> Result<Option<BuildInfo>, String> {
    let sections = &tables.sections;
    if let Some((offset, size)) = sections.find(b".dep-v0") {
        return audit(file, offset, size).map(Some);
    }
    let at = match sections.find(b".go.buildinfo") {
        Some((offset, size)) => Some((offset, size.min(MAX_GO))),
        None => tables
            .segments
            .iter()
            .find(|s| s.p_type == PT_LOAD && s.p_flags & (PF_X | PF_W) == PF_W)
            .map(|s| (s.p_offset, s.p_filesz.min(GO_SEARCH))),
    };
    let Some((offset, size)) = at else {
        return Ok(None);
    };
    let Ok(bytes) = file.read_at(offset, size) else {
        // A data segment that was not kept: nothing points to Go there.
        return Ok(None);
    };
    let found = bytes
        .chunks(GO_ALIGN)
        .position(|chunk| chunk.starts_with(GO_MAGIC));
    match found {
        Some(chunk) => Ok(go(&bytes[chunk * GO_ALIGN..])),
        None => Ok(None),
    }
}

/// True where the comment section names the Rust compiler.
pub(crate) fn is_rust(file: &impl ReadAt, tables: &Tables) -> bool {
    let (offset, size) = tables.sections.find(b".comment").unwrap_or_default();
    let comment = file.read_at(offset, size.min(MAX_COMMENT));
    comment.is_ok_and(|comment| memchr::memmem::find(&comment, b"rustc version").is_some())
}

/// Go's build info from its magic on; none for the format before Go 1.18, whose strings are elsewhere.
fn go(bytes: &[u8]) -> Option<BuildInfo> {
    if bytes.get(15)? & GO_INLINED == 0 {
        return None;
    }
    let mut rest = bytes.get(GO_HEADER..)?;
    let version = String::from_utf8_lossy(string(&mut rest)?).into_owned();
    let framed = string(&mut rest)?;
    let modules = framed
        .get(GO_FRAME..framed.len().saturating_sub(GO_FRAME))
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    Some(BuildInfo {
        kind: PackageKind::Go,
        compiler: version,
        modules: go_modules(&modules),
    })
}

/// A string with its length before it as a varint.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut length, mut shift) = (0u64, 0);
    loop {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (string, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = tail;
    Some(string)
}

fn go_modules(text: &str) -> Vec<(String, String)> {
    let mut modules: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        let module = || {
            let name = fields.next().unwrap_or_default().to_owned();
            (name, fields.next().unwrap_or_default().to_owned())
        };
        match kind {
            "mod" | "dep" => modules.push({ module }()),
            // What replaces the module before it is what was compiled.
            "=>" => {
                modules.pop();
                modules.push({ module }());
            }
            _ => {}
        }
    }
    modules.retain(|(name, _)| !name.is_empty());
    for (_, version) in &mut modules {
        if version == "(devel)" {
            version.clear();
        }
    }
    modules
}

#[derive(Deserialize)]
struct Audit {
    packages: Vec<AuditPackage>,
}

#[derive(Deserialize)]
struct AuditPackage {
    name: String,
    version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    root: bool,
}

fn audit(file: &impl ReadAt, offset: u64, size: u64) -> Result<BuildInfo, String> {
    let packed = file
        .read_at(offset, size.min(MAX_AUDIT))
        .map_err(|e| format!("its list of crates: {e}"))?;
    let mut json = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..])
        .take(MAX_AUDIT)
        .read_to_end(&mut json)
        .map_err(|e| format!("its list of crates: {e}"))?;
    let mut audit: Audit =
        serde_json::from_slice(&json).map_err(|e| format!("its list of crates: {e}"))?;
    // Crates that only ran while it was built are not in it.
    audit.packages.retain(|package| package.kind != "build");
    audit.packages.sort_by_key(|package| !package.root);
    let modules = audit.packages.into_iter().map(|p| (p.name, p.version));
    Ok(BuildInfo {
        kind: PackageKind::Cargo,
        compiler: String::new(),
        modules: modules.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_their_replacements_are_read() {
        let text = "path\texample.org/cmd\nmod\texample.org\t(devel)\t\n\
                    dep\tgithub.com/a/b\tv1.2.3\th1:x=\ndep\tc\tv1\n=>\td\tv2\th1:y=\nbuild\t-compiler=gc\n";
        let framed = format!("0123456789abcdef{text}fedcba9876543210");
        let mut bytes = GO_MAGIC.to_vec();
        bytes.extend([8, GO_INLINED]);
        bytes.resize(GO_HEADER, 0);
        bytes.push(6);
        bytes.extend(b"go1.22");
        bytes.extend([
            (framed.len() & 0x7f) as u8 | 0x80,
            (framed.len() >> 7) as u8,
        ]);
        bytes.extend(framed.as_bytes());
        let info = go(&bytes).unwrap();
        assert_eq!(info.compiler, "go1.22");
        let modules: Vec<_> = info
            .modules
            .iter()
            .map(|(n, v)| format!("{n} {v}"))
            .collect();
        assert_eq!(modules, ["example.org ", "github.com/a/b v1.2.3", "d v2"]);
    }

    #[test]
    fn a_length_beyond_the_end_is_no_build_info() {
        let mut bytes = GO_MAGIC.to_vec();
        bytes.extend([8, GO_INLINED]);
        bytes.resize(GO_HEADER, 0);
        bytes.extend([0xff; 12]);
        assert_eq!(go(&bytes), None);
    }

    #[test]
    fn a_program_of_no_such_compiler_has_none() {
        let bytes = std::fs::read("/bin/bash").unwrap();
        let file = bytes.as_slice();
        let tables = Tables::read(&file).unwrap();
        assert_eq!(build_info(&file, &tables).unwrap(), None);
    }
}
