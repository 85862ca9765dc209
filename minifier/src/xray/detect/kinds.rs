//! Kinds of content, by the first bytes and the name of a file.

use crate::rootfs::ImagePath;
use crate::xray::model::FileKind;

/// Extensions of source and byte code of interpreted languages.
const CODE: &[&str] = &[
    "py", "pyc", "pyo", "pyi", "js", "mjs", "cjs", "ts", "tsx", "jsx", "rb", "php", "pl", "pm",
    "pod", "lua", "tcl", "class", "sql", "sh", "bash", "el", "elc", "r", "ex", "exs", "beam",
    "wasm", "css", "scss", "html", "htm", "vim", "awk", "jsa", "map",
];
const ARCHIVE: &[&str] = &[
    "zip", "jar", "war", "ear", "jmod", "tar", "gz", "tgz", "xz", "txz", "bz2", "zst", "lz4", "7z",
    "rar", "deb", "apk", "rpm", "whl", "egg", "gem", "cpio",
];
const MEDIA: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "bmp", "tif", "tiff", "mp3", "mp4", "ogg",
    "wav", "flac", "webm", "avi", "ttf", "otf", "woff", "woff2", "eot", "pfb", "afm", "pcf",
    "icns",
];
const DATA: &[&str] = &[
    "json",
    "yaml",
    "yml",
    "toml",
    "xml",
    "ini",
    "cfg",
    "conf",
    "cnf",
    "properties",
    "csv",
    "tsv",
    "db",
    "sqlite",
    "dat",
    "pem",
    "crt",
    "key",
    "service",
    "desktop",
    "rules",
    "list",
    "lock",
    "env",
    "plist",
    "proto",
];
const DOCUMENTATION: &[&str] = &["md", "rst", "adoc", "chm", "pdf", "texi"];
const LOCALE_DIRS: &[&[u8]] = &[
    b"/usr/share/locale/",
    b"/usr/lib/locale/",
    b"/usr/share/i18n/",
    b"/usr/share/locale-langpack/",
];
const DOCUMENTATION_DIRS: &[&[u8]] = &[
    b"/usr/share/doc/",
    b"/usr/share/man/",
    b"/usr/share/info/",
    b"/usr/share/licenses/",
    b"/usr/share/gtk-doc/",
    b"/usr/local/share/doc/",
    b"/usr/local/share/man/",
    b"/usr/local/man/",
    b"/usr/share/common-licenses/",
];
const PACKAGE_MANAGER_DIRS: &[&[u8]] = &[
    b"/var/lib/dpkg/",
    b"/var/lib/apt/",
    b"/var/cache/apt/",
    b"/var/cache/debconf/",
    b"/lib/apk/db/",
    b"/usr/lib/apk/db/",
    b"/var/cache/apk/",
    b"/var/lib/rpm/",
    b"/usr/lib/sysimage/rpm/",
    b"/var/lib/dnf/",
    b"/var/cache/dnf/",
    b"/var/cache/yum/",
    b"/root/.npm/",
    b"/root/.cache/pip/",
];
const DOCUMENT_NAMES: &[&[u8]] = &[
    b"README",
    b"LICENSE",
    b"LICENCE",
    b"COPYING",
    b"CHANGELOG",
    b"CHANGES",
    b"AUTHORS",
    b"NEWS",
    b"NOTICE",
    b"CONTRIBUTING",
    b"HISTORY",
    b"INSTALL",
    b"TODO",
    b"COPYRIGHT",
    b"THANKS",
];

/// The kind by name and size alone; [`FileKind::Binary`] if the name says nothing.
pub(crate) fn kind_by_name(path: &ImagePath, size: u64) -> FileKind {
    if size == 0 {
        return FileKind::Empty;
    }
    by_name(path).unwrap_or(FileKind::Binary)
}

/// The kind by the first bytes, then by the name. `size` is that of the file.
pub(crate) fn kind_of(path: &ImagePath, head: &[u8], size: u64) -> FileKind {
    if size == 0 {
        return FileKind::Empty;
    }
    // Bytes before names: `/usr/bin/x.py` may be an ELF file, and `app.jar` a script with an archive behind it.
    if let Some(kind) = by_magic(path, head) {
        return kind;
    }
    match by_name(path) {
        // A Git LFS pointer or an error page has the name of the archive that should be there.
        Some(FileKind::Archive | FileKind::Media) if is_text(head) => FileKind::Text,
        Some(kind) => kind,
        None if is_text(head) => FileKind::Text,
        None => FileKind::Binary,
    }
}

fn by_name(path: &ImagePath) -> Option<FileKind> {
    let bytes = path.as_bytes();
    let below = |dirs: &[&[u8]]| dirs.iter().any(|dir| bytes.starts_with(dir));
    // Folders before extensions: `/var/lib/dpkg/info/*.list` and `*.sh` belong to the package manager.
    if below(PACKAGE_MANAGER_DIRS) {
        return Some(FileKind::PackageManager);
    }
    if below(DOCUMENTATION_DIRS) {
        return Some(FileKind::Documentation);
    }
    if below(LOCALE_DIRS) {
        return Some(FileKind::Locale);
    }
    let name = path.file_name();
    let (stem, extension) = match name.iter().rposition(|&b| b == b'.') {
        // `.bashrc` is a name and not an extension.
        Some(dot) if dot > 0 => (&name[..dot], name[dot + 1..].to_ascii_lowercase()),
        _ => (name, Vec::new()),
    };
    let one_of = |list: &[&str]| list.iter().any(|e| e.as_bytes() == extension);
    let documents = |name: &[u8]| DOCUMENT_NAMES.iter().any(|d| name.eq_ignore_ascii_case(d));
    if matches!(&*extension, b"mo" | b"po" | b"qm" | b"gmo") {
        Some(FileKind::Locale)
    } else if one_of(DOCUMENTATION) || matches!(&*extension, b"" | b"txt") && documents(stem) {
        Some(FileKind::Documentation)
    } else if one_of(CODE) {
        Some(FileKind::Code)
    } else if one_of(ARCHIVE) {
        Some(FileKind::Archive)
    } else if one_of(MEDIA) {
        Some(FileKind::Media)
    // Most files in `/etc` have no extension.
    } else if one_of(DATA) || bytes.starts_with(b"/etc/") {
        Some(FileKind::Data)
    } else if matches!(&*extension, b"o" | b"ko" | b"a") {
        Some(FileKind::Object)
    } else if matches!(&*extension, b"txt" | b"log" | b"h" | b"c" | b"hpp" | b"cpp") {
        Some(FileKind::Text)
    } else {
        None
    }
}

fn by_magic(path: &ImagePath, head: &[u8]) -> Option<FileKind> {
    let kind = match head {
        [0x7f, b'E', b'L', b'F', ..] => elf_kind(path, head),
        [b'#', b'!', ..] => FileKind::Script,
        [b'P', b'K', 3 | 5, 4 | 6, ..]
        | [0x1f, 0x8b, ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..]
        | [b'B', b'Z', b'h', ..]
        | [0xfd, b'7', b'z', b'X', b'Z', 0, ..]
            if !documented(path) =>
        {
            FileKind::Archive
        }
        _ if head.starts_with(b"!<arch>\n") => FileKind::Object,
        [0x89, b'P', b'N', b'G', ..]
        | [0xff, 0xd8, 0xff, ..]
        | [b'G', b'I', b'F', b'8', ..]
        | [b'w', b'O', b'F', b'F' | b'2', ..]
        | [b'O', b'T', b'T', b'O', ..] => FileKind::Media,
        [0xca, 0xfe, 0xba, 0xbe, ..] | [0, b'a', b's', b'm', ..] => FileKind::Code,
        _ => return None,
    };
    Some(kind)
}

/// Manual pages and change logs are compressed; they are documentation all the same.
fn documented(path: &ImagePath) -> bool {
    matches!(
        by_name(path),
        Some(FileKind::Documentation | FileKind::Locale | FileKind::PackageManager)
    )
}

fn elf_kind(path: &ImagePath, head: &[u8]) -> FileKind {
    // `e_type`, in the byte order that `EI_DATA` names.
    let Some(&[a, b]) = head.get(16..18) else {
        return FileKind::Object;
    };
    let little = head.get(5) != Some(&2);
    let kind = if little {
        u16::from_le_bytes([a, b])
    } else {
        u16::from_be_bytes([a, b])
    };
    match kind {
        2 => FileKind::Program,
        // `ET_DYN` is the type of libraries and of position-independent programs alike.
        3 => {
            if is_library_name(path.file_name()) {
                FileKind::Library
            } else {
                FileKind::Program
            }
        }
        _ => FileKind::Object,
    }
}

/// Whether a file of this name is a library: `libc.so.6`, `plugin.so`. The header cannot say so: position-independent
/// programs have the type of libraries.
pub(crate) fn is_library_name(name: &[u8]) -> bool {
    name.ends_with(b".so") || memchr::memmem::find(name, b".so.").is_some()
}

/// Whether the bytes read as text: no control characters that text does not have, and UTF-8 but for a cut end or
/// a few bytes of an older encoding.
pub(crate) fn is_text(head: &[u8]) -> bool {
    let head = &head[..head.len().min(4096)];
    // Tab, line ends, form feed and escape occur in text; the last in scripts that print colours.
    let control = |b: &&u8| matches!(**b, 0..=6 | 14..=26 | 28..=31 | 127);
    if head.iter().any(|b| control(&b)) {
        return false;
    }
    let invalid: usize = head.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    // Latin-1 text has a few bytes that are not UTF-8; a head that is cut has one such character at its end.
    invalid * 10 <= head.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_go_by_content_first() {
        let kind = |path: &str, head: &[u8]| kind_of(&path.into(), head, head.len() as u64);
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[16] = 3;
        assert_eq!(kind("/usr/lib/libc.so.6", &elf), FileKind::Library);
        assert_eq!(kind("/usr/bin/ls", &elf), FileKind::Program);
        elf[16] = 4;
        assert_eq!(kind("/core", &elf), FileKind::Object);
        for (path, head, expected) in [
            ("/bin/x", &b"#!/bin/sh\n"[..], FileKind::Script),
            (
                "/usr/share/man/man1/ls.1.gz",
                b"\x1f\x8b\x08",
                FileKind::Documentation,
            ),
            ("/a.tgz", b"\x1f\x8b\x08", FileKind::Archive),
            ("/app/main.py", b"import os\n", FileKind::Code),
            ("/etc/hosts", b"127.0.0.1 localhost", FileKind::Data),
            ("/x.png", b"not an image", FileKind::Text),
            ("/data", b"\0\x01\x02", FileKind::Binary),
            ("/empty", b"", FileKind::Empty),
            (
                "/var/lib/dpkg/status",
                b"Package: a",
                FileKind::PackageManager,
            ),
            ("/x/LICENSE", b"MIT", FileKind::Documentation),
        ] {
            assert_eq!(kind(path, head), expected, "{path}");
        }
    }
}
