//! [`PackageMetadata`]: what metadata files of packages say, a few fields of many files.

use serde::Deserialize;

use super::debian_licence;
use super::trees::without_bom;

/// Licences longer than this are texts, not names.
const MAX_LICENCE: usize = 200;
const MAX_NAME: usize = 500;
/// Names of licences of one package that are kept.
const MAX_LICENCES: usize = 20;
/// Names of one package's needs that are kept.
const MAX_REQUIRED: usize = 2000;

/// The fields of a package's metadata file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PackageMetadata {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// Who supplies it, as `NAME <ADDRESS>` or either.
    pub(crate) supplier: Option<String>,
    /// Names of what it needs to run, without versions.
    pub(crate) requires: Vec<String>,
}

/// Python's `METADATA`: fields of the head. Source: PyPA, "Core metadata specifications".
pub(crate) fn python_metadata(text: &[u8]) -> Option<PackageMetadata> {
    let text = String::from_utf8_lossy(text);
    let mut metadata = PackageMetadata::default();
    let (mut expression, mut licence, mut classifiers) = (None, None, Vec::new());
    let (mut names, mut addresses) = ([None, None], [None, None]);
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
            "author" => names[0] = short(value),
            "maintainer" => names[1] = short(value),
            "author-email" => addresses[0] = short(value),
            "maintainer-email" => addresses[1] = short(value),
            "requires-dist" => metadata.requires.extend(required(value)),
            "classifier" => {
                if let Some(licence) = value.strip_prefix("License :: ") {
                    let name = licence.rsplit(" :: ").next().unwrap_or(licence);
                    classifiers.extend(short(name));
                }
            }
            _ => {}
        }
    }
    classifiers.truncate(MAX_LICENCES);
    let classified = (!classifiers.is_empty()).then(|| classifiers.join(", "));
    metadata.licence = expression.or(licence).or(classified);
    let [author, maintainer] = names;
    let [author_address, maintainer_address] = addresses;
    metadata.supplier = person(author.filter(known), author_address.filter(known))
        .or_else(|| person(maintainer.filter(known), maintainer_address.filter(known)));
    named(metadata)
}

/// Values that tools write if nothing was given.
fn known(value: &String) -> bool {
    !value.eq_ignore_ascii_case("unknown") && value != "None"
}

/// `NAME <ADDRESS>`, or either. New tools write both into the address.
fn person(name: Option<String>, address: Option<String>) -> Option<String> {
    match (name, address) {
        (Some(name), Some(address)) if !address.contains('<') => {
            Some(format!("{name} <{address}>"))
        }
        (name, address) => address.or(name),
    }
}

/// The name in `requests[socks] (>=2,<3); python_version < "3.9"`; `None` if only an extra needs it, which nobody may
/// have asked for.
fn required(requirement: &str) -> Option<String> {
    let (what, marker) = requirement.split_once(';').unwrap_or((requirement, ""));
    if marker.contains("extra") {
        return None;
    }
    let name = what
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .next()?;
    (!name.is_empty() && name.len() <= MAX_NAME).then(|| name.to_owned())
}

fn short(value: &str) -> Option<String> {
    (!value.is_empty() && value.len() <= MAX_LICENCE).then(|| value.to_owned())
}

fn named(mut metadata: PackageMetadata) -> Option<PackageMetadata> {
    let fits = |text: &str| text.len() <= MAX_NAME;
    metadata.requires.truncate(MAX_REQUIRED);
    metadata.requires.shrink_to_fit();
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
    #[serde(default)]
    author: serde_json::Value,
    #[serde(default)]
    dependencies: serde_json::Value,
    #[serde(default, rename = "optionalDependencies")]
    optional_dependencies: serde_json::Value,
    #[serde(default, rename = "peerDependencies")]
    peer_dependencies: serde_json::Value,
}

/// npm's `package.json`. The old forms of licences are an object, or a list of objects.
pub(crate) fn package_json(text: &[u8]) -> Option<PackageMetadata> {
    let json: PackageJson = serde_json::from_slice(without_bom(text)).ok()?;
    let licence = |value: &serde_json::Value| {
        let name = value.as_str().or_else(|| value.get("type")?.as_str());
        name.and_then(short)
    };
    let list = |value: &serde_json::Value| {
        let names = value.as_array()?.iter().filter_map(licence);
        let names: Vec<String> = names.take(MAX_LICENCES).collect();
        (!names.is_empty()).then(|| names.join(" OR "))
    };
    let author = match &json.author {
        serde_json::Value::String(author) => short(author),
        author => {
            let field = |name: &str| author.get(name)?.as_str().and_then(short);
            person(field("name"), field("email"))
        }
    };
    let needs = [
        &json.dependencies,
        &json.optional_dependencies,
        &json.peer_dependencies,
    ];
    let needs = needs.into_iter().filter_map(|list| list.as_object());
    named(PackageMetadata {
        licence: licence(&json.license)
            .or_else(|| list(&json.license))
            .or_else(|| list(&json.licenses)),
        supplier: author,
        requires: needs
            .flat_map(|list| list.keys().filter(|name| name.len() <= MAX_NAME).cloned())
            .collect(),
        name: json.name,
        version: json.version,
    })
}

/// RubyGems' specification, which is a program: the assignments that `gem` writes into it.
pub(crate) fn gemspec(text: &[u8]) -> Option<PackageMetadata> {
    let text = String::from_utf8_lossy(text);
    let mut metadata = PackageMetadata::default();
    for line in text.lines() {
        let line = line.trim();
        if ["add_runtime_dependency(", "add_dependency("]
            .iter()
            .any(|call| line.contains(call))
        {
            let name = dependency(line).filter(|name| name.len() <= MAX_NAME);
            metadata.requires.extend(name);
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
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
            "license" => metadata.licence = quoted(value).and_then(|name| short(&name)),
            "authors" | "author" => {
                metadata.supplier = quoted(value).and_then(|name| short(&name));
            }
            _ => {}
        }
    }
    named(metadata)
}

/// The name in `s.add_runtime_dependency(%q<rack>.freeze, ["~> 3.0"])`, also in its older form with quotes.
fn dependency(line: &str) -> Option<String> {
    let (_, arguments) = line.split_once('(')?;
    match arguments.strip_prefix("%q<") {
        Some(rest) => Some(rest.split_once('>')?.0.to_owned()),
        None => quoted(arguments.split(',').next()?),
    }
}

/// The first string literal.
fn quoted(text: &str) -> Option<String> {
    let start = text.find(['"', '\''])?;
    let quote = text[start..].chars().next()?;
    let rest = &text[start + 1..];
    Some(rest[..rest.find(quote)?].to_owned())
}

/// The licences that a machine-readable copyright file names, as an expression; `None` for free text.
pub(crate) fn copyright(text: &[u8]) -> Option<PackageMetadata> {
    let licence = debian_licence::expression(&String::from_utf8_lossy(text))?;
    Some(PackageMetadata {
        licence: Some(licence),
        ..PackageMetadata::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(metadata: Option<PackageMetadata>) -> (String, String, Option<String>) {
        let PackageMetadata {
            name,
            version,
            licence,
            ..
        } = metadata.unwrap();
        (name, version, licence)
    }

    fn expect(name: &str, version: &str, licence: &str) -> (String, String, Option<String>) {
        (name.into(), version.into(), Some(licence.into()))
    }

    #[test]
    fn python_metadata_names_the_licence_in_three_ways() {
        let head = "PackageMetadata-Version: 2.1\nName: Flask\nVersion: 3.0\n";
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
    fn texts_in_place_of_names_are_left_out() {
        let long = "x".repeat(3000);
        let gem = format!(
            "s.name = \"a\"\ns.version = \"1\"\ns.license = \"{long}\"\ns.author = \"{long}\"\n\
             s.add_dependency(\"{long}\")\ns.add_dependency(\"b\")\n"
        );
        let found = gemspec(gem.as_bytes()).unwrap();
        let requires = vec!["b".to_owned()];
        assert_eq!(
            (found.licence, found.supplier, found.requires),
            (None, None, requires)
        );
        let classifiers = format!("Classifier: License :: {long}\n")
            + &"Classifier: License :: MIT\n".repeat(1000);
        let python = format!("Name: a\nVersion: 1\n{classifiers}\n");
        let licence = python_metadata(python.as_bytes()).unwrap().licence;
        assert_eq!(licence, Some(["MIT"; MAX_LICENCES].join(", ")));
        let names = vec![r#""MIT""#; 1000].join(",");
        let npm = format!(r#"{{"name":"a","licenses":[{names}]}}"#);
        let licence = package_json(npm.as_bytes()).unwrap().licence;
        assert_eq!(licence, Some(["MIT"; MAX_LICENCES].join(" OR ")));
        let format = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n";
        let text = format!(
            "{format}License: MIT\n\nLicense: {}\n",
            "a or ".repeat(1000)
        );
        let licence = copyright(text.as_bytes()).unwrap().licence;
        assert_eq!(licence.as_deref(), Some("MIT"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_package_json() {
        let text = b"\xef\xbb\xbf{\"name\":\"a\",\"version\":\"1.0.0\"}";
        assert_eq!(package_json(text).unwrap().name, "a");
    }

    #[test]
    fn suppliers_and_needs_are_read_in_the_form_of_each_language() {
        let python = "Name: a\nVersion: 1\nAuthor: UNKNOWN\nMaintainer: Ann\nMaintainer-email: ann@example.org\n\
                      Requires-Dist: urllib3 (<3,>=1.21)\nRequires-Dist: idna>=2\n\
                      Requires-Dist: PySocks!=1.5; extra == \"socks\"\n\
                      Requires-Dist: zipp[x]; python_version < \"3.9\"\n\n";
        let found = python_metadata(python.as_bytes()).unwrap();
        assert_eq!(found.supplier.as_deref(), Some("Ann <ann@example.org>"));
        assert_eq!(found.requires, ["urllib3", "idna", "zipp"]);
        let npm = br#"{"name":"a","author":{"name":"Bo","email":"bo@example.org"},"dependencies":{"@s/b":"1"},
                       "peerDependencies":{"c":"2"},"devDependencies":{"d":"3"}}"#;
        let found = package_json(npm).unwrap();
        assert_eq!(found.supplier.as_deref(), Some("Bo <bo@example.org>"));
        assert_eq!(found.requires, ["@s/b", "c"]);
        let gem = "  s.name = \"a\"\n  s.version = \"1\"\n  s.authors = [\"Cy\".freeze, \"Di\".freeze]\n  \
                   s.add_runtime_dependency(%q<rack>.freeze, [\"~> 3\"])\n  s.add_development_dependency(%q<x>, [])\n";
        let found = gemspec(gem.as_bytes()).unwrap();
        assert_eq!(
            (found.supplier.as_deref(), &*found.requires),
            (Some("Cy"), &["rack".to_owned()][..])
        );
    }
}
