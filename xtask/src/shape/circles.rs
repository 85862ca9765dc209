//! Circles of modules: files that can only be understood together, because each needs the next and the last the first.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::SourceFile;

/// Which modules each module needs.
type Graph<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

/// Each circle with its modules in order, the largest first. Tests do not count.
///
/// A folder's `mod.rs` names its children to list and to re-export them; that is not counted, or every folder whose
/// children use a type of `mod.rs` would be a circle.
pub fn circles(files: &[SourceFile]) -> Vec<Vec<String>> {
    let files: Vec<&SourceFile> = files.iter().filter(|file| !file.in_tests).collect();
    let modules: BTreeSet<&[String]> = files.iter().map(|file| &file.module[..]).collect();
    let mut graph = Graph::new();
    for file in files {
        let needs = graph.entry(&file.module).or_default();
        for import in file.imports.iter().filter(|import| !import.in_tests) {
            let Some(module) = resolve(&modules, file, &import.path) else {
                continue;
            };
            let child = file.is_folder_root() && module.starts_with(&file.module);
            if module != file.module && !child {
                needs.insert(module);
            }
        }
    }
    let mut circles: Vec<Vec<String>> = strongly_connected(&graph)
        .into_iter()
        .filter(|circle| circle.len() > 1)
        .map(|circle| circle.iter().map(|module| module.join("::")).collect())
        .collect();
    circles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    circles
}

/// The module that has what `path` names: the longest part of the path that is a module.
fn resolve<'a>(
    modules: &BTreeSet<&'a [String]>,
    file: &SourceFile,
    path: &[String],
) -> Option<&'a [String]> {
    let (first, rest) = path.split_first()?;
    let absolute: Vec<String> = if first == "crate" {
        rest.to_vec()
    } else {
        // A path can start with the name of a child. Other names are crates, or were imported and are known already.
        file.module.iter().chain(path).cloned().collect()
    };
    let least = if first == "crate" {
        1
    } else {
        file.module.len() + 1
    };
    (least..=absolute.len())
        .rev()
        .find_map(|length| modules.get(&absolute[..length]).copied())
}

/// The sets of modules that reach each other. Two walks (Kosaraju): the order in which modules are left, then, against
/// the direction of the needs, everything that is reached from the last that was left.
fn strongly_connected<'a>(graph: &Graph<'a>) -> Vec<BTreeSet<&'a [String]>> {
    let mut against = Graph::new();
    for (&module, needs) in graph {
        for &need in needs {
            against.entry(need).or_default().insert(module);
        }
    }
    let mut seen = BTreeSet::new();
    let mut left = Vec::new();
    for &module in graph.keys() {
        walk(graph, module, &mut seen, &mut left);
    }
    let mut seen = BTreeSet::new();
    let mut sets = Vec::new();
    for &module in left.iter().rev() {
        let mut set = Vec::new();
        walk(&against, module, &mut seen, &mut set);
        sets.push(set.into_iter().collect());
    }
    sets
}

/// Adds what is reached from `module` and was not seen, each after everything that is reached from it.
fn walk<'a>(
    graph: &Graph<'a>,
    module: &'a [String],
    seen: &mut BTreeSet<&'a [String]>,
    left: &mut Vec<&'a [String]>,
) {
    if !seen.insert(module) {
        return;
    }
    for need in graph.get(module).into_iter().flatten() {
        walk(graph, need, seen, left);
    }
    left.push(module);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::source_files;
    use super::circles;

    #[test]
    fn circles_are_found_whichever_way_modules_are_named() {
        let src = tempfile::tempdir().expect("a folder");
        fs::create_dir(src.path().join("a")).expect("a folder is made");
        for (file, text) in [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            // Names its children and is named by them: no circle.
            ("a/mod.rs", "mod x; mod y; pub use x::X; pub struct A;"),
            ("a/x.rs", "use super::A; pub struct X(super::y::Y);"),
            (
                "a/y.rs",
                "pub struct Y; fn f() { println!(\"{}\", super::x::N) }",
            ),
            ("b.rs", "use crate::{c::C}; fn b() {}"),
            ("c.rs", "fn c() { crate::d::d() }"),
            // Its own test may look back.
            ("d.rs", "fn d() {} #[cfg(test)] mod tests { use crate::b; }"),
        ] {
            fs::write(src.path().join(file), text).expect("a file is written");
        }
        let found = circles(&source_files(src.path()).expect("the files are read"));
        assert_eq!(found, [["a::x", "a::y"]]);
    }
}
