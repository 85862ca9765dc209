//! `/etc/ld.so.conf` with its includes, and musl's path files.
//!
//! Source: `ldconfig(8)`; musl `ldso/dynlink.c` (`/etc/ld-musl-ARCH.path`, split at newlines and colons).

use std::collections::BTreeSet;

use globset::GlobBuilder;

use crate::analyze::{Files, ReadError};
use crate::rootfs::ImagePath;

const MAX_CONF: u64 = 1 << 20;
const MAX_FILES: usize = 256;

/// The directories that `/etc/ld.so.conf` names, in order.
pub(crate) fn conf_dirs(files: &Files<'_>) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut dirs = Vec::new();
    let mut seen = BTreeSet::new();
    read_conf(files, &"/etc/ld.so.conf".into(), &mut seen, &mut dirs)?;
    Ok(dirs)
}

fn read_conf(
    files: &Files<'_>,
    path: &ImagePath,
    seen: &mut BTreeSet<ImagePath>,
    dirs: &mut Vec<Vec<u8>>,
) -> Result<(), ReadError> {
    // Files can include each other, or a pattern that matches themselves.
    if seen.len() >= MAX_FILES || !seen.insert(path.clone()) {
        return Ok(());
    }
    let Some(text) = files.read(path, MAX_CONF)? else {
        return Ok(());
    };
    for line in text.split(|&b| b == b'\n') {
        let line = line.split(|&b| b == b'#').next().unwrap_or_default();
        let mut words = line
            .split(|b| b.is_ascii_whitespace() || b",:".contains(b))
            .filter(|word| !word.is_empty());
        match words.next() {
            Some(b"include") => {
                for pattern in words {
                    for file in expand(files, path, pattern) {
                        read_conf(files, &file, seen, dirs)?;
                    }
                }
            }
            // Current versions of ldconfig ignore `hwcap` lines.
            Some(b"hwcap") | None => {}
            Some(first) => {
                // `directory=type` is an old way to say which libc it is for.
                let names = std::iter::once(first).chain(words);
                let plain = names.filter_map(|dir| dir.split(|&b| b == b'=').next());
                dirs.extend(
                    plain
                        .filter(|dir| dir.starts_with(b"/"))
                        .map(<[u8]>::to_vec),
                );
            }
        }
    }
    Ok(())
}

/// The files that an `include` names: a pattern in its last component, relative to the file that includes.
fn expand(files: &Files<'_>, from: &ImagePath, pattern: &[u8]) -> Vec<ImagePath> {
    let base = from.parent().unwrap_or_else(ImagePath::root);
    let full = base.join(pattern);
    let dir = full.parent().unwrap_or_else(ImagePath::root);
    let Some((dir, node)) = files
        .rootfs
        .resolve(&ImagePath::root(), dir.as_bytes(), true)
        .found()
        .map(|(dir, node)| (dir.clone(), node))
    else {
        return Vec::new();
    };
    let Some(glob) = std::str::from_utf8(full.file_name())
        .ok()
        .and_then(|name| GlobBuilder::new(name).literal_separator(true).build().ok())
    else {
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    let names = files.rootfs.children(node).keys();
    names
        .filter_map(|name| std::str::from_utf8(name).ok())
        .filter(|name| matcher.is_match(name))
        .map(|name| dir.join(name))
        .collect()
}

/// The directories of musl's path file for `arch`; `None` if the image has none, and the built-in ones hold.
pub(crate) fn musl_dirs(files: &Files<'_>, arch: &str) -> Result<Option<Vec<Vec<u8>>>, ReadError> {
    let path = ImagePath::new(format!("/etc/ld-musl-{arch}.path"));
    let text = files.read(&path, MAX_CONF)?;
    Ok(text.map(|text| {
        text.split(|&b| b == b'\n' || b == b':')
            .filter(|dir| !dir.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::TestImage;
    use proptest::prelude::*;

    #[test]
    fn includes_are_expanded_in_order_and_only_once() {
        let image = TestImage::new()
            .file(
                "/etc/ld.so.conf",
                "include ld.so.conf.d/*.conf\n/opt/last # x\n",
            )
            .file("/etc/ld.so.conf.d/b.conf", "/b:/c\nhwcap 0 nosegneg\n")
            .file(
                "/etc/ld.so.conf.d/a.conf",
                "/a=libc6\ninclude /etc/ld.so.conf\n",
            )
            .file("/etc/ld.so.conf.d/ignored", "/no\n")
            .build();
        let dirs = conf_dirs(&image.files()).unwrap();
        assert_eq!(dirs, [&b"/a"[..], b"/b", b"/c", b"/opt/last"]);
    }

    #[test]
    fn musl_path_files_are_split_at_newlines_and_colons() {
        let image = TestImage::new()
            .file("/etc/ld-musl-x86_64.path", "/a:/b\n/c\n\n")
            .build();
        let dirs = musl_dirs(&image.files(), "x86_64").unwrap().unwrap();
        assert_eq!(dirs, [&b"/a"[..], b"/b", b"/c"]);
        assert!(musl_dirs(&image.files(), "aarch64").unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_file_is_read(conf in "(include |/a|[*?\\[\\]a/.:=# \t\n]){0,40}") {
            let image = TestImage::new()
                .file("/etc/ld.so.conf", &conf)
                .file("/etc/a", &conf)
                .file("/etc/ld-musl-x.path", &conf)
                .build();
            let dirs = conf_dirs(&image.files()).unwrap();
            prop_assert!(dirs.iter().all(|dir| dir.starts_with(b"/")));
            musl_dirs(&image.files(), "x").unwrap();
        }
    }
}
