//! Metadata files of packages, read while they pass by: few fields of many files.

use serde::Deserialize;

use super::facts::Metadata;

/// Licences longer than this are texts, not names.
const MAX_LICENCE: usize = 200;
const MAX_NAME: usize = 500;

/// Python's `METADATA`: fields of the head. Source: PyPA, "Core metadata specifications".
pub(super) fn python_metadata(text: &[u8]) -> Option<Metadata> {
    let text = String::from_utf8_lossy(text);
    let mut metadata = Metadata::default();
    let (mut expression, mut licence, mut classifiers) = (None, None, Vec::new());
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "name" => metadata.name = value.to_owned(),
            "version" => metadata.version = value.to_owned(),
            "license-expression" => expression = short(value),
            "license" => licence = short(value).filter(|l| !l.eq_ignore_ascii_case("unknown")),
            "classifier" => {
                if let Some(licence) = value.strip_prefix("License :: ") {
                    let name = licence.rsplit(" :: ").next().unwrap_or(licence);
                    classifiers.push(name.to_owned());
                }
            }
            _ => {}
        }
    }
    let classified = (!classifiers.is_empty()).then(|| classifiers.join(", "));
    metadata.licence = expression.or(licence).or(classified);
    named(metadata)
}

fn short(value: &str) -> Option<String> {
    (!value.is_empty() && value.len() <= MAX_LICENCE).then(|| value.to_owned())
}

fn named(metadata: Metadata) -> Option<Metadata> {
    let fits = |text: &str| text.len() <= MAX_NAME;
    (!metadata.name.is_empty() && fits(&metadata.name) && fits(&metadata.version))
        .then_some(metadata)
}

#[derive(Deserialize)]
struct PackageJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    license: serde_json::Value,
    #[serde(default)]
    licenses: serde_json::Value,
}

/// npm's `package.json`. The old forms of licences are an object, or a list of objects.
pub(super) fn package_json(text: &[u8]) -> Option<Metadata> {
    let json: PackageJson = serde_json::from_slice(text).ok()?;
    let licence = |value: &serde_json::Value| {
        let name = value.as_str().or_else(|| value.get("type")?.as_str());
        name.and_then(short)
    };
    let list = |value: &serde_json::Value| {
        let names: Vec<String> = value.as_array()?.iter().filter_map(licence).collect();
        (!names.is_empty()).then(|| names.join(" OR "))
    };
    named(Metadata {
        licence: licence(&json.license)
            .or_else(|| list(&json.license))
            .or_else(|| list(&json.licenses)),
        name: json.name,
        version: json.version,
    })
}

/// RubyGems' specification, which is a program: the assignments that `gem` writes into it.
pub(super) fn gemspec(text: &[u8]) -> Option<Metadata> {
    let text = String::from_utf8_lossy(text);
    let mut metadata = Metadata::default();
    for line in text.lines() {
        let Some((name, value)) = line.trim().split_once('=') else {
            continue;
        };
        let field = name.trim().rsplit('.').next().unwrap_or_default();
        let value = value.trim();
        match field {
            "name" if metadata.name.is_empty() => metadata.name = quoted(value)?,
            "version" if metadata.version.is_empty() => metadata.version = quoted(value)?,
            "licenses" => {
                let names: Vec<String> = value
                    .trim_matches(|c| "[].freeze".contains(c))
                    .split(',')
                    .filter_map(quoted)
                    .collect();
                metadata.licence = short(&names.join(" OR "));
            }
            "license" => metadata.licence = quoted(value),
            _ => {}
        }
    }
    named(metadata)
}

/// The first string literal.
fn quoted(text: &str) -> Option<String> {
    let start = text.find(['"', '\''])?;
    let quote = text[start..].chars().next()?;
    let rest = &text[start + 1..];
    Some(rest[..rest.find(quote)?].to_owned())
}

/// The licences that a machine-readable copyright file names, each once, in their order; none for free text.
/// Source: Debian's DEP-5.
pub(super) fn copyright(text: &[u8]) -> Option<Metadata> {
    let text = String::from_utf8_lossy(text);
    let machine_readable = text.lines().take(5).any(|line| {
        line.strip_prefix("Format:")
            .is_some_and(|url| url.contains("copyright-format"))
    });
    if !machine_readable {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("License:").map(str::trim)
            && !name.is_empty()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    let mut licence = String::new();
    for name in names {
        let separator = if licence.is_empty() { "" } else { ", " };
        if licence.len() + separator.len() + name.len() > MAX_LICENCE {
            licence.push_str(", …");
            break;
        }
        licence.push_str(separator);
        licence.push_str(name);
    }
    (!licence.is_empty()).then(|| Metadata {
        licence: Some(licence),
        ..Metadata::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(metadata: Option<Metadata>) -> (String, String, Option<String>) {
        let Metadata {
            name,
            version,
            licence,
        } = metadata.unwrap();
        (name, version, licence)
    }

    fn expect(name: &str, version: &str, licence: &str) -> (String, String, Option<String>) {
        (name.into(), version.into(), Some(licence.into()))
    }

    #[test]
    fn python_metadata_names_the_licence_in_three_ways() {
        let head = "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\n";
        for (field, licence) in [
            (
                "License-Expression: BSD-3-Clause\nLicense: old",
                "BSD-3-Clause",
            ),
            ("License: BSD", "BSD"),
            (
                "License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License",
                "MIT License",
            ),
        ] {
            let text = format!("{head}{field}\n\nName: no field\n");
            assert_eq!(
                parts(python_metadata(text.as_bytes())),
                expect("Flask", "3.0", licence)
            );
        }
        assert_eq!(python_metadata(b"garbage"), None);
    }

    #[test]
    fn package_json_has_licences_in_old_and_new_forms() {
        for (field, licence) in [
            (r#""license":"MIT""#, "MIT"),
            (r#""license":{"type":"MIT","url":"u"}"#, "MIT"),
            (
                r#""licenses":[{"type":"MIT"},{"type":"Apache-2.0"}]"#,
                "MIT OR Apache-2.0",
            ),
        ] {
            let text = format!(r#"{{"name":"@s/a","version":"1.0.0",{field}}}"#);
            assert_eq!(
                parts(package_json(text.as_bytes())),
                expect("@s/a", "1.0.0", licence)
            );
        }
    }

    #[test]
    fn gem_specifications_are_read_without_running_them() {
        let text = "Gem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"3.0.8\"\n\n  \
                    s.licenses = [\"MIT\".freeze]\n  s.required = Gem::Version.new(\"0\")\nend\n";
        assert_eq!(
            parts(gemspec(text.as_bytes())),
            expect("rack", "3.0.8", "MIT")
        );
    }

    #[test]
    fn copyright_files_name_each_licence_once() {
        let text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                    Files: *\nLicense: GPL-3+\n\nFiles: a\nLicense: MIT\n\nLicense: GPL-3+\n text\n";
        assert_eq!(
            copyright(text.as_bytes()).unwrap().licence.unwrap(),
            "GPL-3+, MIT"
        );
        assert_eq!(copyright(b"This is free software."), None);
    }
}
