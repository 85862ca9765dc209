//! [`PackageManifest`]: what a `package.json` says about where a name leads.
//!
//! Source: Node.js, "Modules: Packages" and the resolution algorithm of "Modules: ECMAScript modules".

use std::collections::BTreeSet;

use serde_json::Value;

/// Longer manifests are not read; npm refuses to publish much smaller ones.
pub(crate) const MAX_MANIFEST: u64 = 1 << 20;

/// How a module is asked for, which decides among conditions and what a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModuleForm {
    /// `import`
    Import,
    /// `require`
    Require,
}

/// The parts of a `package.json` that matter for resolution.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PackageManifest {
    pub(crate) name: Option<String>,
    pub(crate) main: Option<String>,
    exports: Option<Value>,
    imports: Option<Value>,
    /// Packages that may be there or not: native code for one platform each.
    pub(crate) optional: BTreeSet<String>,
    /// Platforms that it is for; empty for all.
    pub(crate) os: Vec<String>,
    pub(crate) cpu: Vec<String>,
    pub(crate) libc: Vec<String>,
}

impl PackageManifest {
    /// `None` if it is not a JSON object.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Value::Object(mut fields) = serde_json::from_slice(bytes).ok()? else {
            return None;
        };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let list = |value: Option<&Value>| match value {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => {
                let many = many.iter().filter_map(Value::as_str);
                many.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let optional = fields.get("optionalDependencies");
        let optional = optional.and_then(Value::as_object);
        Some(Self {
            name: text(fields.get("name")),
            main: text(fields.get("main")),
            optional: optional
                .map(|names| names.keys().cloned().collect())
                .unwrap_or_default(),
            os: list(fields.get("os")),
            cpu: list(fields.get("cpu")),
            libc: list(fields.get("libc")),
            exports: fields
                .remove("exports")
                .filter(|exports| !exports.is_null()),
            imports: fields.remove("imports"),
        })
    }

    pub(crate) fn has_exports(&self) -> bool {
        self.exports.is_some()
    }

    /// The files, relative to the package, that `exports` has for `.` or `./sub/path`. Two if a condition of newer
    /// versions of Node leads elsewhere.
    pub(crate) fn exported(&self, subpath: &str, form: ModuleForm) -> BTreeSet<String> {
        let Some(exports) = &self.exports else {
            return BTreeSet::new();
        };
        let has_subpaths = match exports {
            Value::Object(entries) => entries.keys().any(|key| key.starts_with('.')),
            _ => false,
        };
        both(form, |conditions| {
            if has_subpaths {
                in_table(exports, subpath, conditions)
            } else if subpath == "." {
                target(exports, None, conditions)
            } else {
                None
            }
        })
    }

    /// What `imports` has for a name that begins with `#`: a path that begins with `./`, or the name of a package.
    pub(crate) fn imported(&self, name: &str, form: ModuleForm) -> BTreeSet<String> {
        match &self.imports {
            Some(imports) => both(form, |conditions| in_table(imports, name, conditions)),
            None => BTreeSet::new(),
        }
    }
}

/// What the conditions of older and newer versions of Node lead to.
fn both(form: ModuleForm, lead: impl Fn(&[&str]) -> Option<String>) -> BTreeSet<String> {
    let form = match form {
        ModuleForm::Import => "import",
        ModuleForm::Require => "require",
    };
    let old = ["node", "node-addons", "default", form];
    let new = ["node", "node-addons", "default", "module-sync", form];
    lead(&old).into_iter().chain(lead(&new)).collect()
}

/// The entry of that name, or the one whose pattern fits best: with the longest part before its star.
fn in_table(table: &Value, name: &str, conditions: &[&str]) -> Option<String> {
    let table = table.as_object()?;
    if let Some(entry) = table.get(name).filter(|_| !name.contains('*')) {
        return target(entry, None, conditions);
    }
    let fitting = table.iter().filter_map(|(key, entry)| {
        let (before, after) = key.split_once('*')?;
        let star = name.strip_prefix(before)?.strip_suffix(after)?;
        (!star.is_empty()).then_some((before.len(), key.len(), star, entry))
    });
    let best = fitting.max_by_key(|&(before, whole, ..)| (before, whole));
    if let Some((_, _, star, entry)) = best {
        return target(entry, Some(star), conditions);
    }
    // `"./lib/": "./src/"`, which Node 16 and older had.
    let folder = table
        .iter()
        .filter(|(key, _)| key.ends_with('/') && name.starts_with(*key));
    let (key, entry) = folder.max_by_key(|(key, _)| key.len())?;
    Some(target(entry, None, conditions)? + &name[key.len()..])
}

/// The nesting is bounded by the JSON parser's.
fn target(entry: &Value, star: Option<&str>, conditions: &[&str]) -> Option<String> {
    match entry {
        Value::String(path) => Some(match star {
            Some(star) => path.replace('*', star),
            None => path.clone(),
        }),
        Value::Array(entries) => entries
            .iter()
            .find_map(|entry| target(entry, star, conditions)),
        // The first condition that holds and leads somewhere, in the order of the file.
        Value::Object(entries) => entries
            .iter()
            .filter(|(condition, _)| conditions.contains(&condition.as_str()))
            .find_map(|(_, entry)| target(entry, star, conditions)),
        _ => None,
    }
}

/// A package's name and the path in it, which begins with `.`: `@a/b/c` is `@a/b` and `./c`.
pub(crate) fn split_name(specifier: &str) -> Option<(&str, String)> {
    let slashes = if specifier.starts_with('@') { 2 } else { 1 };
    let mut parts = specifier.splitn(slashes + 1, '/');
    let scope_or_name = parts.next()?;
    let end = match slashes {
        2 => scope_or_name.len() + 1 + parts.next()?.len(),
        _ => scope_or_name.len(),
    };
    let (name, rest) = specifier.split_at(end);
    let is_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', '%', ':']);
    is_name.then(|| (name, format!(".{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> PackageManifest {
        PackageManifest::parse(text.as_bytes()).expect("an object")
    }

    fn exported(manifest: &PackageManifest, subpath: &str, form: ModuleForm) -> Vec<String> {
        manifest.exported(subpath, form).into_iter().collect()
    }

    #[test]
    fn conditions_are_tried_in_the_order_of_the_file() {
        let both = manifest(
            r#"{"exports": {"browser": "./b.js", "import": {"types": "./t.d.ts", "default": "./i.mjs"}, "require": "./r.cjs"}}"#,
        );
        assert_eq!(exported(&both, ".", ModuleForm::Import), ["./i.mjs"]);
        assert_eq!(exported(&both, ".", ModuleForm::Require), ["./r.cjs"]);
        assert!(exported(&both, "./x", ModuleForm::Require).is_empty());
        let sync = manifest(r#"{"exports": {"module-sync": "./s.js", "default": "./d.js"}}"#);
        assert_eq!(
            exported(&sync, ".", ModuleForm::Require),
            ["./d.js", "./s.js"]
        );
    }

    #[test]
    fn the_pattern_with_the_longest_start_counts() {
        let patterns = manifest(
            r##"{"exports": {"./*": "./all/*.js", "./in/*.css": null, "./in/*": ["./inner/*/*.js"], "./old/": "./o/"}, "imports": {"#db": {"node": "./db.js"}, "#x/*": "x/*"}}"##,
        );
        assert_eq!(
            exported(&patterns, "./a/b", ModuleForm::Require),
            ["./all/a/b.js"]
        );
        assert_eq!(
            exported(&patterns, "./in/a", ModuleForm::Require),
            ["./inner/a/a.js"]
        );
        assert!(exported(&patterns, "./in/a.css", ModuleForm::Require).is_empty());
        let imported = |name| {
            patterns
                .imported(name, ModuleForm::Import)
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(imported("#db"), ["./db.js"]);
        assert_eq!(imported("#x/y"), ["x/y"]);
    }

    #[test]
    fn names_of_packages_have_a_scope_or_none() {
        assert_eq!(split_name("a/b/c"), Some(("a", "./b/c".to_owned())));
        assert_eq!(split_name("@a/b"), Some(("@a/b", ".".to_owned())));
        assert_eq!(split_name("@a/b/c/d"), Some(("@a/b", "./c/d".to_owned())));
        for wrong in ["", "@a", ".x", "c:\\x", "https://x/y"] {
            assert_eq!(split_name(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_manifest_and_name_are_read(text in r#"[{}\[\]",:.*/a# ]{0,60}"#, name in ".{0,20}") {
            if let Some(manifest) = PackageManifest::parse(text.as_bytes()) {
                manifest.exported(&name, ModuleForm::Import);
                manifest.imported(&name, ModuleForm::Require);
            }
            split_name(&name);
        }
    }
}
