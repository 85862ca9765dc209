//! Languages and runtimes that an image has, and the one that its entrypoint runs on.

use std::collections::BTreeMap;

use super::entrypoint::StartedProgram;
use super::merged::Merged;
use super::model::{PackageKind, Runtime, RuntimeKind};
use super::packages::ReadPackages;
use super::scan::Scan;
use crate::image::ImageConfig;
use crate::rootfs::ImagePath;

/// Interpreters by the start of their file name; what may follow is a version.
const INTERPRETERS: [(&str, RuntimeKind); 8] = [
    ("python", RuntimeKind::Python),
    ("pypy", RuntimeKind::Python),
    ("node", RuntimeKind::Node),
    ("nodejs", RuntimeKind::Node),
    ("java", RuntimeKind::Java),
    ("ruby", RuntimeKind::Ruby),
    ("php", RuntimeKind::Php),
    ("dotnet", RuntimeKind::Dotnet),
];
/// Variables in which the official images have their versions.
const VERSION_VARIABLES: [(RuntimeKind, &str); 6] = [
    (RuntimeKind::Python, "PYTHON_VERSION"),
    (RuntimeKind::Node, "NODE_VERSION"),
    (RuntimeKind::Java, "JAVA_VERSION"),
    (RuntimeKind::Ruby, "RUBY_VERSION"),
    (RuntimeKind::Php, "PHP_VERSION"),
    (RuntimeKind::Dotnet, "DOTNET_VERSION"),
];

/// The runtimes, that of the entrypoint first.
pub(crate) fn runtimes(
    config: &ImageConfig,
    scan: &Scan,
    merged: &Merged,
    read: &ReadPackages,
    started: &[StartedProgram],
) -> Vec<Runtime> {
    let mut found: BTreeMap<RuntimeKind, Runtime> = BTreeMap::new();
    for file in merged.first_files() {
        let executable = merged.rootfs.node(file.node).meta.mode & 0o111 != 0;
        // `node_modules/node` and `lib/python` are no interpreters.
        let in_bin = file
            .path
            .parent()
            .is_some_and(|dir| matches!(dir.file_name(), b"bin" | b"sbin" | b"dotnet"));
        let Some(kind) = interpreter(&file.path).filter(|_| executable && in_bin) else {
            continue;
        };
        let variable = VERSION_VARIABLES
            .iter()
            .find(|(k, _)| *k == kind)
            .and_then(|(_, name)| config.env_var(name));
        let package = read.owners.id(file.node).and_then(|id| {
            let package = read.packages.iter().find(|package| package.info.id == id)?;
            Some(upstream(&package.info.version))
        });
        found.entry(kind).or_insert_with(|| Runtime {
            kind,
            // The variable is set by whoever built the runtime; a package may only be a wrapper of it.
            version: variable.map(str::to_owned).or(package),
            evidence: file.path.to_string(),
            entrypoint: false,
        });
    }
    // `sh -c "node server.js"` runs on Node.js, so the innermost program that is not a shell decides.
    let main = started
        .iter()
        .rev()
        .find(|started| !is_shell(&started.path))
        .or(started.last());
    if let Some(main) = main {
        let (kind, version) = kind_of(scan, merged, &main.path);
        let runtime = found.entry(kind).or_insert_with(|| Runtime {
            kind,
            version,
            evidence: main.path.to_string(),
            entrypoint: false,
        });
        runtime.entrypoint = true;
    }
    let mut runtimes: Vec<Runtime> = found.into_values().collect();
    runtimes.sort_by_key(|runtime| (!runtime.entrypoint, runtime.kind));
    runtimes
}

fn is_shell(path: &ImagePath) -> bool {
    matches!(
        path.file_name(),
        b"sh" | b"bash" | b"dash" | b"ash" | b"zsh" | b"busybox"
    )
}

/// `python3.11`, `php-fpm8.2`, `java`
fn interpreter(path: &ImagePath) -> Option<RuntimeKind> {
    let name = std::str::from_utf8(path.file_name()).ok()?;
    let version = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    INTERPRETERS.iter().find_map(|(prefix, kind)| {
        let rest = name.strip_prefix(prefix)?;
        // PHP behind a web server is a program of its own.
        let rest = rest.strip_prefix("-fpm").unwrap_or(rest);
        version(rest).then_some(*kind)
    })
}

/// The runtime of a program that is started, and its version if the program has it.
fn kind_of(scan: &Scan, merged: &Merged, path: &ImagePath) -> (RuntimeKind, Option<String>) {
    if let Some(kind) = interpreter(path) {
        return (kind, None);
    }
    let content = merged.rootfs.get(path).and_then(|node| node.content());
    let extra = content.and_then(|content| scan.extra(content));
    let Some(Ok(facts)) = extra.and_then(|extra| extra.elf.as_ref()) else {
        return (RuntimeKind::DynamicNative, None);
    };
    let built = facts.built.as_ref();
    if facts.elf.go || built.is_some_and(|built| built.kind == PackageKind::Go) {
        let version = built.map(|built| built.compiler.trim_start_matches("go").to_owned());
        return (RuntimeKind::Go, version);
    }
    if facts.rust || built.is_some_and(|built| built.kind == PackageKind::Cargo) {
        return (RuntimeKind::Rust, None);
    }
    // A library can be executed as well, and has needs without a dynamic linker of its own.
    let dynamic = facts.elf.interpreter.is_some() || !facts.elf.needed.is_empty();
    if dynamic {
        (RuntimeKind::DynamicNative, None)
    } else {
        (RuntimeKind::StaticNative, None)
    }
}

/// `1:18.13.0+dfsg1-1` is version 18.13.0.
fn upstream(version: &str) -> String {
    let version = version
        .split_once(':')
        .map_or(version, |(_, version)| version);
    let end = version.find(['-', '+', '~']).unwrap_or(version.len());
    version[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_with_their_versions() {
        let kind = |path: &str| interpreter(&path.into());
        assert_eq!(kind("/usr/bin/python3.11"), Some(RuntimeKind::Python));
        assert_eq!(kind("/usr/sbin/php-fpm8.2"), Some(RuntimeKind::Php));
        assert_eq!(kind("/usr/bin/node"), Some(RuntimeKind::Node));
        assert_eq!(kind("/usr/bin/python3-config"), None);
        assert_eq!(kind("/usr/bin/javac"), None);
        assert_eq!(upstream("1:18.13.0+dfsg1-1"), "18.13.0");
    }
}
