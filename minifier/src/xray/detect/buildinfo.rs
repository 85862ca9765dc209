//! Records of sources that compilers leave in a program: Go's build info, and the list of crates that `cargo auditable`
//! adds.
//!
//! Source: Go's `debug/buildinfo` (the inlined format, Go 1.18 and newer) and `runtime/debug.ParseBuildInfo`;
//! cargo-auditable's `PARSING.md`.

use std::io::Read;

use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD};
use serde::Deserialize;

use super::protection::ElfTables;
use crate::analyze::ReadAt;
use crate::xray::gostring::go_strings;
use crate::xray::model::PackageKind;

const GO_MAGIC: &[u8] = b"\xff Go buildinf:";
const GO_ALIGN: usize = 16;
const GO_HEADER: usize = 32;
/// Inlined strings stand right after the header.
const GO_INLINED: u8 = 2;
/// Frames the module information on both sides.
const GO_FRAME: usize = 16;
/// The modules of the largest programs take a tenth of it.
const MAX_GO: u64 = 1 << 20;
/// If there are no section headers, the build info is at the start of the data segment.
const GO_SEARCH: u64 = 512 << 10;
/// A list of ten thousand crates.
const MAX_AUDIT: u64 = 2 << 20;
const MAX_COMMENT: u64 = 64 << 10;
/// Names of variables that builds set to the version of a program.
const VERSION_VARIABLES: [&str; 7] = [
    "version",
    "buildVersion",
    "gitVersion",
    "appVersion",
    "currentVersion",
    "tag",
    "gitTag",
];
const MAX_VERSION: usize = 100;

/// The record that a compiler left in a program about its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildInfo {
    pub(crate) kind: PackageKind,
    /// The compiler's version; empty if it is not recorded.
    pub(crate) compiler: String,
    /// Modules or crates, the main one first.
    pub(crate) modules: Vec<Module>,
}

/// A Go module or a crate in a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// Empty if the program does not say it.
    pub(crate) version: String,
    /// Whether it is what the program was built from, rather than a part of it.
    pub(crate) main: bool,
    /// Modules that it needs, as indices into [`BuildInfo::modules`].
    pub(crate) needs: Vec<usize>,
}

/// Reads the modules or crates of a program; `None` if it has no record of them. The error says what is malformed.
pub(crate) fn build_info(
    file: &impl ReadAt,
    tables: &ElfTables,
) -> Result<Option<BuildInfo>, String> {
    let sections = &tables.sections;
    if let Some((offset, size)) = sections.find(b".dep-v0") {
        return audit(file, offset, size).map(Some);
    }
    let at = match sections.find(b".go.buildinfo") {
        Some((offset, size)) => Some((offset, size.min(MAX_GO))),
        None => tables
            .segments
            .iter()
            // As `debug/buildinfo` does it: `strip` and packers take the sections away, but not the segments.
            .find(|s| s.p_type == PT_LOAD && s.p_flags & (PF_X | PF_W) == PF_W)
            .map(|s| (s.p_offset, s.p_filesz.min(GO_SEARCH))),
    };
    let Some((offset, size)) = at else {
        return Ok(None);
    };
    let Ok(bytes) = file.read_at(offset, size) else {
        // The data segment of a large file was not kept; without a section of that name it is most likely not Go.
        return Ok(None);
    };
    let found = bytes
        // The linker aligns the record, so its magic can only stand at these places.
        .chunks(GO_ALIGN)
        .position(|chunk| chunk.starts_with(GO_MAGIC));
    match found {
        Some(chunk) => Ok(go(&bytes[chunk * GO_ALIGN..])),
        None => Ok(None),
    }
}

/// Whether the comment section names the Rust compiler.
pub(crate) fn is_rust(file: &impl ReadAt, tables: &ElfTables) -> bool {
    let (offset, size) = tables.sections.find(b".comment").unwrap_or_default();
    let comment = file.read_at(offset, size.min(MAX_COMMENT));
    comment.is_ok_and(|comment| memchr::memmem::find(&comment, b"rustc version").is_some())
}

/// Go's build info from its magic on; `None` for the format before Go 1.18, whose strings are elsewhere.
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
        // More than ten bytes do not fit into the number: the record is damaged.
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

fn go_modules(text: &str) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut linked = None;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        let mut module = || Module {
            name: fields.next().unwrap_or_default().to_owned(),
            version: fields.next().unwrap_or_default().to_owned(),
            main: kind == "mod",
            needs: Vec::new(),
        };
        match kind {
            "mod" | "dep" => modules.push(module()),
            // The replacement (`replace` in go.mod) is what was compiled, not the module before it.
            "=>" => {
                let replaced = modules.pop();
                modules.push(Module {
                    main: replaced.is_some_and(|module| module.main),
                    ..module()
                });
            }
            "build" => {
                let setting = fields.next().unwrap_or_default();
                linked = linked.or_else(|| linked_version(setting.strip_prefix("-ldflags=")?));
            }
            _ => {}
        }
    }
    modules.retain(|module| !module.name.is_empty());
    // A program is built from one module; a damaged record could name more, which would each own the program.
    if let Some(main) = modules.iter().position(|module| module.main) {
        modules[main + 1..]
            .iter_mut()
            .for_each(|module| module.main = false);
    }
    for module in &mut modules {
        // A program that is built from a checkout has no version of its own. Releases set a variable by `-ldflags -X`.
        if module.version == "(devel)" {
            module.version = if module.main {
                linked.take().unwrap_or_default()
            } else {
                String::new()
            };
        }
    }
    // The record has no edges between modules, so all others count as needs of the main one.
    let others: Vec<usize> = (0..modules.len()).filter(|&i| !modules[i].main).collect();
    for module in modules.iter_mut().filter(|module| module.main) {
        module.needs = others.clone();
    }
    modules
}

/// The version in the flags of the linker, which set variables: `"-s -w -X main.version=1.2.3"`. The flags are quoted
/// as a string of Go if they need it.
fn linked_version(flags: &str) -> Option<String> {
    // The flags are quoted by Go if they have blanks; a list of one string is what the reader knows.
    let unquoted = go_strings(&format!("[{flags}]")).and_then(|mut words| words.pop());
    let words = shell_words::split(unquoted.as_deref().unwrap_or(flags)).ok()?;
    let mut found: Option<(bool, String)> = None;
    for (index, word) in words.iter().enumerate() {
        let variable = match word.strip_prefix("-X").or_else(|| word.strip_prefix("--X")) {
            Some("") => words.get(index + 1).map(String::as_str),
            Some(rest) => rest.strip_prefix('=').or(Some(rest)),
            None => None,
        };
        let Some((name, value)) = variable.and_then(|variable| variable.split_once('=')) else {
            continue;
        };
        let (package, name) = name.rsplit_once('.').unwrap_or(("", name));
        let is_version = VERSION_VARIABLES
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        let digits = value.strip_prefix('v').unwrap_or(value);
        let plausible = digits.starts_with(|c: char| c.is_ascii_digit())
            && value.contains('.')
            && value.len() <= MAX_VERSION
            && !value.contains(char::is_whitespace);
        // A variable of the main package is the program's own; others may be the version of a library.
        let main = package == "main";
        if is_version && plausible && found.as_ref().is_none_or(|(own, _)| main && !own) {
            found = Some((main, value.to_owned()));
        }
    }
    found.map(|(_, version)| version)
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
    #[serde(default)]
    dependencies: Vec<usize>,
}

fn audit(file: &impl ReadAt, offset: u64, size: u64) -> Result<BuildInfo, String> {
    let packed = file
        .read_at(offset, size.min(MAX_AUDIT))
        .map_err(|e| format!("its list of crates: {e}"))?;
    let mut json = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..])
        // A section of kilobytes can inflate to gigabytes.
        .take(MAX_AUDIT)
        .read_to_end(&mut json)
        .map_err(|e| format!("its list of crates: {e}"))?;
    let audit: Audit =
        serde_json::from_slice(&json).map_err(|e| format!("its list of crates: {e}"))?;
    // Build dependencies ran while it was compiled, and are not in the program.
    let mut kept: Vec<usize> = (0..audit.packages.len())
        .filter(|&index| audit.packages[index].kind != "build")
        .collect();
    kept.sort_by_key(|&index| !audit.packages[index].root);
    // Dependencies are positions in the whole list; those of crates that are left out point nowhere.
    let mut place = vec![None; audit.packages.len()];
    for (to, &from) in kept.iter().enumerate() {
        place[from] = Some(to);
    }
    let module = |&index: &usize| {
        let package = &audit.packages[index];
        let needs = package.dependencies.iter();
        Module {
            name: package.name.clone(),
            version: package.version.clone(),
            main: package.root,
            needs: needs.filter_map(|&need| *place.get(need)?).collect(),
        }
    };
    Ok(BuildInfo {
        kind: PackageKind::Cargo,
        compiler: String::new(),
        modules: kept.iter().map(module).collect(),
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
            .map(|m| format!("{} {} {:?}", m.name, m.version, m.needs))
            .collect();
        let expected = ["example.org  [1, 2]", "github.com/a/b v1.2.3 []", "d v2 []"];
        assert_eq!(modules, expected);
    }

    #[test]
    fn a_version_that_the_linker_set_is_that_of_the_main_module() {
        for (flags, version) in [
            (r#""-s -w -X main.version=1.4.2""#, "1.4.2"),
            ("-X=main.Version=v2.0.1", "v2.0.1"),
            (
                r#""-X 'example.org/lib.Version=9.9' -X 'main.version=1.4.2'""#,
                "1.4.2",
            ),
            (
                r#""-X example.org/cmd/version.gitVersion=v1.30.0 -X main.date=2024.1""#,
                "v1.30.0",
            ),
            (r#""-X main.version=dev""#, ""),
            (r#""-X main.commit=1.2.3""#, ""),
            (r#""-X 'main.version=1.2"#, ""),
        ] {
            let text = format!("mod\texample.org\t(devel)\t\nbuild\t-ldflags={flags}\n");
            assert_eq!(go_modules(&text)[0].version, version, "{flags}");
        }
        let tagged = "mod\texample.org\tv3.0.0\t\nbuild\t-ldflags=\"-X main.version=1.4.2\"\n";
        assert_eq!(go_modules(tagged)[0].version, "v3.0.0");
    }

    #[test]
    fn crates_keep_what_they_need_where_those_of_the_build_are_left_out() {
        let list = br#"{"packages":[
            {"name":"cc","version":"1.0.0","kind":"build"},
            {"name":"serde","version":"1.0.0","dependencies":[0]},
            {"name":"app","version":"0.1.0","root":true,"dependencies":[0,1,7]}]}"#;
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, list).unwrap();
        let packed = packed.finish().unwrap();
        let size = packed.len() as u64;
        let found = audit(&packed.as_slice(), 0, size).unwrap().modules;
        let found: Vec<_> = found
            .iter()
            .map(|m| format!("{} {} {:?}", m.name, m.main, m.needs))
            .collect();
        assert_eq!(found, ["app true [1]", "serde false []"]);
    }

    #[test]
    fn a_list_of_crates_that_inflates_to_too_much_is_refused() {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let blanks = vec![b' '; 3 << 20];
        let list = [br#"{"packages":["#.as_slice(), &blanks, b"]}"].concat();
        std::io::Write::write_all(&mut packed, &list).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 64 << 10);
        assert!(audit(&packed.as_slice(), 0, packed.len() as u64).is_err());
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
        let tables = ElfTables::read(&file).unwrap();
        assert_eq!(build_info(&file, &tables).unwrap(), None);
    }
}
