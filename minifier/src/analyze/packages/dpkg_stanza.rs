//! [`DpkgStanza`]: an entry of dpkg's databases.
//!
//! Source: `deb-control(5)`.

use std::collections::BTreeMap;

use super::dpkg_files::dpkg_has_files;

/// Fields of a control file by name, first lines only.
#[derive(Debug, Default)]
pub(crate) struct DpkgStanza(BTreeMap<String, String>);

impl DpkgStanza {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Name, version and architecture.
    pub(crate) fn key(&self) -> (String, String, String) {
        let field = |name: &str| self.0.get(name).cloned().unwrap_or_default();
        (field("Package"), field("Version"), field("Architecture"))
    }

    /// Whether it names a package; files of others would be looked for in another folder.
    pub(crate) fn is_package(&self) -> bool {
        let path = |field: &str| self.get(field).is_some_and(|value| value.contains('/'));
        let named = self.get("Package").is_some_and(|name| !name.is_empty());
        named && !path("Package") && !path("Architecture")
    }

    /// Whether the package has files, of an entry that says so.
    pub(crate) fn has_files(&self) -> bool {
        self.get("Status").is_some_and(dpkg_has_files)
    }
}

/// The entries of a database.
pub(crate) fn dpkg_stanzas(text: &[u8]) -> impl Iterator<Item = DpkgStanza> {
    let mut current = DpkgStanza::default();
    let lines = text.split(|&b| b == b'\n').chain([&b""[..]]);
    lines.filter_map(move |line| {
        if line.is_empty() {
            let stanza = std::mem::take(&mut current);
            return (!stanza.0.is_empty()).then_some(stanza);
        }
        if !line[0].is_ascii_whitespace() {
            let line = String::from_utf8_lossy(line);
            match line.split_once(':') {
                Some((name, value)) if wanted(name) => {
                    current.0.insert(name.to_owned(), value.trim().to_owned());
                }
                Some(_) => {}
                // An entry of nothing but such lines is one all the same.
                None => {
                    current.0.insert(String::new(), String::new());
                }
            }
        }
        None
    })
}

fn wanted(name: &str) -> bool {
    matches!(
        name,
        "Package"
            | "Status"
            | "Version"
            | "Architecture"
            | "Source"
            | "Maintainer"
            | "Pre-Depends"
            | "Depends"
            | "Provides"
    )
}
