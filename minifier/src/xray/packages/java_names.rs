//! Names of Java archives that have no record of their own, by their file names and manifests.

use crate::rootfs::MAX_NAME;
use crate::xray::detect::ArchiveManifest;

/// Words in a version that are no numbers.
const QUALIFIERS: [&str; 16] = [
    "alpha",
    "beta",
    "build",
    "cr",
    "final",
    "ga",
    "incubating",
    "m",
    "milestone",
    "pre",
    "preview",
    "rc",
    "release",
    "snapshot",
    "sp",
    "v",
];
/// Groups of projects whose archives have no record, by the start of the artifact's name; the archives bear the name of
/// a module that is made from the artifact's, which is what proves it.
const GROUPS: &[(&str, &str)] = &[
    ("spring-boot", "org.springframework.boot"),
    ("spring-security", "org.springframework.security"),
    ("spring-data", "org.springframework.data"),
    ("spring-cloud", "org.springframework.cloud"),
    ("spring-session", "org.springframework.session"),
    ("spring-batch", "org.springframework.batch"),
    ("spring-integration", "org.springframework.integration"),
    ("spring-kafka", "org.springframework.kafka"),
    ("spring-amqp", "org.springframework.amqp"),
    ("spring-rabbit", "org.springframework.amqp"),
    ("spring-ws", "org.springframework.ws"),
    ("spring-hateoas", "org.springframework.hateoas"),
    ("spring-plugin", "org.springframework.plugin"),
    ("spring-retry", "org.springframework.retry"),
    ("spring-", "org.springframework"),
    ("kotlinx-", "org.jetbrains.kotlinx"),
    ("kotlin-", "org.jetbrains.kotlin"),
];

/// Group, artifact and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JavaName {
    /// `None` if nothing proves one.
    pub(crate) group: Option<String>,
    pub(crate) artifact: String,
    /// Empty if nothing says it.
    pub(crate) version: String,
}

/// The name of the archive whose file is called `stem`, without its extension.
pub(crate) fn java_name(stem: &str, manifest: &ArchiveManifest) -> JavaName {
    // Gradle's Nebula plug-ins write all three: `io.micrometer#micrometer-core;1.9.0`.
    let title = manifest.title.as_deref().unwrap_or_default();
    if let Some((group, rest)) = title.split_once('#')
        && let Some((artifact, version)) = rest.split_once(';')
        && is_group(group)
        && is_artifact(artifact)
    {
        return JavaName {
            group: Some(group.to_owned()),
            artifact: artifact.to_owned(),
            version: version.to_owned(),
        };
    }
    let (name, version) = split(stem);
    // A file name with a version is that of the repository; `app.jar` is a name that an author chose.
    let artifact = match version {
        "" if is_artifact(title) => title,
        "" => stem,
        _ => name,
    };
    let version = match version {
        "" => manifest.version.as_deref().unwrap_or_default(),
        version => version,
    };
    JavaName {
        group: group(artifact, manifest),
        artifact: artifact.to_owned(),
        version: version.to_owned(),
    }
}

/// The group, if the manifest proves one.
fn group(artifact: &str, manifest: &ArchiveManifest) -> Option<String> {
    let vendor = manifest.vendor_id.as_deref().filter(|id| is_group(id));
    // `io.projectreactor.reactor-core`
    let bundle = || {
        let name = manifest.symbolic_name.as_deref()?;
        let group = name.strip_suffix(artifact)?.strip_suffix('.')?;
        is_group(group).then_some(group)
    };
    let module = || {
        let module = manifest.module_name.as_deref()?;
        let proved = module == artifact.replace('-', ".");
        let (_, group) = GROUPS
            .iter()
            .find(|(start, _)| artifact.starts_with(start))?;
        proved.then_some(*group)
    };
    vendor.or_else(bundle).or_else(module).map(str::to_owned)
}

/// `org.example`: a domain the other way round.
fn is_group(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.contains('.') && text.split('.').all(word)
}

/// Not the title of a product, which has blanks.
fn is_artifact(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(allowed)
}

/// `commons-io-2.11.0`: the name, and the version. A part that starts with a digit begins the version, unless a word
/// that is not of versions stands between it and another number: `log4j-1.2-api-2.17.1`.
pub(crate) fn split(stem: &str) -> (&str, &str) {
    // No file has such a name, and each of its dashes would be looked at with all that follow.
    if stem.len() > MAX_NAME {
        return (stem, "");
    }
    let digit = |at: &usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    let starts = stem.match_indices('-').map(|(at, _)| at).filter(digit);
    for at in starts {
        let version = &stem[at + 1..];
        let parts: Vec<&str> = version.split('-').collect();
        let is_number = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
        let last = parts.iter().rposition(is_number).unwrap_or(0);
        // Behind the last number stand classifiers, which may be anything.
        let of_versions = parts[..last]
            .iter()
            .filter(|part| !is_number(part))
            .all(|part| is_qualifier(part));
        if of_versions {
            return (&stem[..at], version);
        }
    }
    (stem, "")
}

/// `rc1`, `SNAPSHOT`, `M2`
fn is_qualifier(part: &str) -> bool {
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    QUALIFIERS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_archives_end_where_the_version_starts() {
        for (stem, name, version) in [
            ("commons-io-2.11.0", "commons-io", "2.11.0"),
            ("log4j-1.2-api-2.17.1", "log4j-1.2-api", "2.17.1"),
            ("log4j-1.2.17", "log4j", "1.2.17"),
            ("server", "server", ""),
            ("guava-31.1-jre", "guava", "31.1-jre"),
            ("a-2.0-beta-9", "a", "2.0-beta-9"),
            ("a-1.0-20210101.123456-1", "a", "1.0-20210101.123456-1"),
            ("a-1.0-rc1-2", "a", "1.0-rc1-2"),
            (
                "netty-epoll-4.1.68.Final-linux-x86_64",
                "netty-epoll",
                "4.1.68.Final-linux-x86_64",
            ),
            ("akka-actor_2.13-2.6.14", "akka-actor_2.13", "2.6.14"),
            (
                "geronimo-j2ee_1.4_spec-1.0",
                "geronimo-j2ee_1.4_spec",
                "1.0",
            ),
        ] {
            assert_eq!(split(stem), (name, version), "{stem}");
        }
    }

    #[test]
    fn a_name_that_no_file_can_have_is_not_taken_apart() {
        // Seconds for each such name, if every dash were looked at with all that follow.
        let stem = "a-1-x".repeat(200_000);
        assert_eq!(split(&stem), (stem.as_str(), ""));
    }

    #[test]
    fn groups_are_told_only_where_the_manifest_proves_them() {
        let manifest = |fields: &[(&str, &str)]| {
            let mut manifest = ArchiveManifest::default();
            for (field, value) in fields {
                let value = Some((*value).to_owned());
                match *field {
                    "title" => manifest.title = value,
                    "bundle" => manifest.symbolic_name = value,
                    "module" => manifest.module_name = value,
                    "version" => manifest.version = value,
                    _ => manifest.vendor_id = value,
                }
            }
            manifest
        };
        for (stem, fields, expected) in [
            (
                "spring-boot-autoconfigure-3.2.1",
                &[
                    ("title", "Spring Boot AutoConfigure"),
                    ("module", "spring.boot.autoconfigure"),
                ][..],
                "org.springframework.boot spring-boot-autoconfigure 3.2.1",
            ),
            (
                "spring-core-6.1.2",
                &[("module", "spring.core")],
                "org.springframework spring-core 6.1.2",
            ),
            (
                "spring-boot-demo",
                &[("title", "demo"), ("version", "1")],
                "- demo 1",
            ),
            (
                "reactor-core-3.6.1",
                &[("bundle", "io.projectreactor.reactor-core")],
                "io.projectreactor reactor-core 3.6.1",
            ),
            (
                "x",
                &[("title", "io.micrometer#micrometer-core;1.9.0")],
                "io.micrometer micrometer-core 1.9.0",
            ),
            ("a-1", &[("vendor", "org.example")], "org.example a 1"),
            ("a-1", &[("vendor", "Example Inc.")], "- a 1"),
            (
                "rt",
                &[("title", "Java Runtime Environment"), ("version", "1.8.0")],
                "- rt 1.8.0",
            ),
        ] {
            let name = java_name(stem, &manifest(fields));
            let group = name.group.as_deref().unwrap_or("-");
            assert_eq!(
                format!("{group} {} {}", name.artifact, name.version),
                expected
            );
        }
    }
}
