//! Every path of every layer is in the report, with what the layer did to it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::files::{TreeSources, files};
use crate::xray::model::{FileKind, FileTree, LayerFiles, OtherKind, TreeKind, Xray};
use crate::xray::packages::Owners;
use crate::xray::subtree::SubtreeTotals;
use crate::xray::testing::{analyse, image};

fn paths(tree: &FileTree) -> Vec<String> {
    let mut paths = Vec::new();
    tree.each_path(|_, path| paths.push(path.to_owned()));
    paths
}

/// `A /path 12` for each entry of a layer.
fn listed(tree: &FileTree, files: &LayerFiles) -> Vec<String> {
    let paths = paths(tree);
    let line = |entry: crate::xray::model::MarkedNode| {
        let letter = entry.mark.letter(entry.hidden);
        format!("{letter} {} {}", paths[entry.node as usize], entry.size)
    };
    files.entries().map(line).collect()
}

fn layers(xray: &Xray) -> Vec<Vec<String>> {
    let contents = &xray.contents;
    let files = contents.by_layer.iter();
    files.map(|files| listed(&contents.tree, files)).collect()
}

#[test]
fn every_name_of_every_file_and_link_is_listed() {
    let tar = Tar::new()
        .file("app/main", b"#!/bin/sh\n")
        .add(tar::EntryType::Link, "app/other-name", "app/main", b"")
        .symlink("app/link", "../etc/x")
        .file("app/empty", b"")
        .file("app-data/x", b"12345")
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let tree = &xray.contents.tree;
    let paths = paths(tree);
    assert_eq!(
        paths,
        [
            "/",
            "/app",
            "/app/empty",
            "/app/link",
            "/app/main",
            "/app/other-name",
            "/app-data",
            "/app-data/x"
        ]
    );
    let kinds: Vec<TreeKind> = (0..paths.len() as u32)
        .map(|node| tree.kind(node))
        .collect();
    let directory = TreeKind::Other(OtherKind::Directory);
    assert_eq!(
        kinds[..3],
        [directory, directory, TreeKind::File(FileKind::Empty)]
    );
    assert_eq!(
        kinds[3..6],
        [
            TreeKind::Other(OtherKind::Link),
            TreeKind::File(FileKind::Script),
            TreeKind::File(FileKind::Script)
        ]
    );
    assert_eq!(tree.sizes, [15, 10, 0, 0, 10, 0, 5, 5]);
    assert_eq!(
        (tree.links[0].node, tree.links[0].target.as_str()),
        (3, "../etc/x")
    );
    assert_eq!(tree.hard_links, [(5, 4)]);
}

#[test]
fn each_layer_says_what_it_added_changed_and_removed_and_what_of_it_is_hidden() {
    let base = Tar::new()
        .add(tar::EntryType::Directory, "d", "", b"")
        .file("d/chowned", b"same")
        .file("d/edited", b"old")
        .file("d/removed", b"gone!")
        .file("tree/x/deep", b"deep")
        .symlink("l", "d")
        .bytes();
    let upper = Tar::new()
        .add(tar::EntryType::Directory, "d", "", b"")
        .file("d/chowned", b"same")
        .file("d/edited", b"newer")
        .file("d/.wh.removed", b"")
        .file("new", b"new")
        .file(".wh.tree", b"")
        .bytes();
    let last = Tar::new()
        .file("d/edited", b"")
        .file("l", b"no link")
        .file(".wh.new", b"")
        .file("tree/again", b"1")
        .bytes();
    let xray = analyse(&image(&[base, upper, last], json!({}))).xray;
    assert_eq!(
        layers(&xray),
        [
            vec![
                "A /d 0",
                "a /d/chowned 4",
                "a /d/edited 3",
                "a /d/removed 5",
                "a /l 0",
                "a /tree/x/deep 4"
            ],
            vec![
                "M /d/chowned 4",
                "c /d/edited 5",
                "R /d/removed 5",
                "a /new 3",
                "R /tree 0",
                "R /tree/x 0",
                "R /tree/x/deep 4"
            ],
            vec!["C /d/edited 0", "C /l 7", "R /new 3", "A /tree/again 1"],
        ]
    );
    let gone: Vec<String> = paths(&xray.contents.tree)
        .into_iter()
        .zip(0..)
        .filter(|&(_, node)| xray.contents.tree.kind(node) == TreeKind::Other(OtherKind::Gone))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(gone, ["/d/removed", "/new", "/tree/x", "/tree/x/deep"]);
}

#[test]
fn a_file_in_place_of_a_directory_removes_what_was_in_it_and_the_other_way_round() {
    let base = Tar::new().file("d/a", b"1").file("f", b"22").bytes();
    let upper = Tar::new().file("d", b"333").file("f/b", b"4444").bytes();
    let xray = analyse(&image(&[base, upper], json!({}))).xray;
    assert_eq!(
        layers(&xray),
        [
            vec!["a /d/a 1", "a /f 2"],
            vec!["C /d 3", "R /d/a 1", "C /f 0", "A /f/b 4"],
        ]
    );
}

#[test]
fn of_too_many_paths_the_smallest_of_the_base_are_left_out_and_none_of_the_own_layers() {
    let base = (1..=20).fold(Tar::new(), |tar, size| {
        tar.file(&format!("base/{size:02}"), &vec![b'x'; size])
    });
    let own = (0..20).fold(Tar::new(), |tar, number| {
        tar.file(&format!("own/{number:02}"), b"")
    });
    let own = own.file("base/.wh.01", b"").bytes();
    let analysis = analyse(&image(&[base.bytes(), own], json!({})));
    let owners = Owners::default();
    let totals = SubtreeTotals::new(&analysis.merged.rootfs);
    let list = |most, base: &[bool]| {
        let sources = TreeSources {
            scan: &analysis.scan,
            merged: &analysis.merged,
            owners: &owners,
            totals: &totals,
            base,
        };
        files(&sources, most)
    };
    let (all, _) = list(1000, &[true, false]);
    assert_eq!((all.count(), all.unlisted), (43, 0));
    // Root, two directories, 20 own files, the file that is removed, and room for three more.
    let (tree, by_layer) = list(27, &[true, false]);
    let paths = paths(&tree);
    let kept: Vec<&String> = paths
        .iter()
        .filter(|path| path.starts_with("/base/"))
        .collect();
    assert_eq!(kept, ["/base/01", "/base/18", "/base/19", "/base/20"]);
    assert_eq!(
        paths
            .iter()
            .filter(|path| path.starts_with("/own/"))
            .count(),
        20
    );
    assert_eq!(tree.unlisted, 16);
    assert_eq!(by_layer[0].entries().count(), 4);
    assert_eq!(by_layer[1].entries().count(), 21);
    // Sizes of directories are those of all files.
    let sizes: BTreeMap<&str, u64> = paths
        .iter()
        .map(String::as_str)
        .zip(tree.sizes.iter().copied())
        .collect();
    assert_eq!(sizes["/base"], (2..=20).sum::<u64>());
    // An image without a base is never cut.
    let (tree, _) = list(5, &[false, false]);
    assert_eq!((tree.count(), tree.unlisted), (43, 0));
}

/// Deep paths that a file takes the place of and that whiteouts hide: the time must not grow with the square of the depth.
#[test]
fn deep_paths_that_are_hidden_cost_no_more_than_their_length() {
    let deep = |name: &str| format!("{}{name}", "d/".repeat(1000));
    let many = |tar: Tar| (0..300).fold(tar, |tar, i| tar.file(&deep(&format!("f{i}")), b"x"));
    let base = many(Tar::new().file("e", b"file")).bytes();
    let hides = Tar::new().file(".wh.d", b"").file("e/x", b"").bytes();
    let below_a_file = (0..300).fold(
        Tar::new().file(".wh.e", b"").file("d", b"now a file"),
        |tar, i| tar.file(&format!("e/{}", deep(&format!("f{i}"))), b"x"),
    );
    let start = std::time::Instant::now();
    let xray = analyse(&image(&[base, hides, below_a_file.bytes()], json!({}))).xray;
    let tree = &xray.contents.tree;
    assert_eq!(tree.depths.iter().max(), Some(&1002));
    assert_eq!(xray.contents.by_layer[1].entries().count(), 1000 + 300 + 2);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
