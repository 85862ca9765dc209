//! Efficiency against a reference that does nothing but follow the words of the specification, slowly.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::rootfs::tar::testing::Tar;
use crate::xray::model::{Mark, OtherKind, TreeKind, Xray};
use crate::xray::testing::{analyse, image};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A change that a layer makes to a name.
#[derive(Debug, Clone)]
enum Act {
    Nothing,
    File(u16),
    Remove,
    /// Hides what lower layers have in it (`true`), and has these.
    Directory(bool, Vec<Act>),
    /// Another name of a file that is there.
    Link,
}

fn leaf() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Nothing),
        4 => (0u16..3000).prop_map(Act::File),
        2 => Just(Act::Remove),
        1 => Just(Act::Link),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => leaf(),
        3 => (any::<bool>(), prop::collection::vec(leaf(), 3)).prop_map(|(opaque, acts)| Act::Directory(opaque, acts)),
    ]
}

/// The reference: path to the number of the body there, none for a directory.
#[derive(Default)]
struct Reference {
    tree: BTreeMap<String, Option<usize>>,
    /// Size, layer and path of every body there ever was.
    bodies: Vec<(u64, usize, String)>,
}

impl Reference {
    fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.tree.retain(|p, _| p != path && !p.starts_with(&below));
    }

    fn visible(&self) -> BTreeSet<usize> {
        self.tree.values().copied().flatten().collect()
    }
}

/// Adds a layer to the reference and gives its tar.
fn layer(reference: &mut Reference, number: usize, acts: &[Act]) -> Vec<u8> {
    let mut tar = Tar::new();
    let mut flat: Vec<(String, Act)> = Vec::new();
    for (name, act) in NAMES.iter().zip(acts) {
        flat.push(((*name).to_owned(), act.clone()));
        if let Act::Directory(_, children) = act {
            let children = NAMES
                .iter()
                .zip(children)
                .map(|(child, act)| (format!("{name}/{child}"), act.clone()));
            flat.extend(children);
        }
    }
    let whiteout = |path: &str| match path.rsplit_once('/') {
        Some((dir, name)) => format!("{dir}/.wh.{name}"),
        None => format!(".wh.{path}"),
    };
    // What the layer hides of the lower ones goes first, wherever it stands.
    for (path, act) in &flat {
        match act {
            Act::Remove => reference.remove(path),
            Act::Directory(true, _) if reference.tree.get(path) == Some(&None) => {
                let below = format!("{path}/");
                reference.tree.retain(|p, _| !p.starts_with(&below));
            }
            _ => {}
        }
    }
    for (path, act) in &flat {
        match act {
            Act::Nothing => {}
            Act::Remove => tar = tar.file(&whiteout(path), b""),
            Act::File(size) => {
                reference.remove(path);
                let body = (u64::from(*size), number, path.clone());
                reference.bodies.push(body);
                reference
                    .tree
                    .insert(path.clone(), Some(reference.bodies.len() - 1));
                tar = tar.file(path, &vec![b'x'; usize::from(*size)]);
            }
            Act::Link => {
                // Of the names that this layer does not touch, so that the order in the layer does not matter.
                let untouched = |p: &String| {
                    !flat.iter().any(|(q, act)| {
                        !matches!(act, Act::Nothing)
                            && (q == p
                                || p.starts_with(&format!("{q}/"))
                                    && !matches!(act, Act::Directory(..)))
                    })
                };
                let target = reference
                    .tree
                    .iter()
                    .find(|(p, body)| body.is_some() && untouched(p) && *p != path);
                if let Some((target, &body)) = target {
                    let target = target.clone();
                    reference.remove(path);
                    reference.tree.insert(path.clone(), body);
                    tar = tar.add(tar::EntryType::Link, path, &target, b"");
                }
            }
            Act::Directory(opaque, _) => {
                if !matches!(reference.tree.get(path), Some(None)) {
                    reference.remove(path);
                }
                reference.tree.insert(path.clone(), None);
                tar = tar.add(tar::EntryType::Directory, path, "", b"");
                if *opaque {
                    tar = tar.file(&format!("{path}/.wh..wh..opq"), b"");
                }
            }
        }
    }
    tar.bytes()
}

fn check(xray: &Xray, reference: &Reference, hides: &[u64]) {
    let visible = reference.visible();
    let hidden = |layers: &dyn Fn(usize) -> bool| -> u64 {
        let bodies = reference.bodies.iter().enumerate();
        bodies
            .filter(|(id, (_, layer, _))| !visible.contains(id) && layers(*layer))
            .map(|(_, (size, ..))| size)
            .sum()
    };
    let total: u64 = reference.bodies.iter().map(|(size, ..)| size).sum();
    let user: u64 = reference
        .bodies
        .iter()
        .filter(|(_, layer, _)| *layer > 0)
        .map(|(size, ..)| size)
        .sum();
    // What is to be seen above the lowest layer, as far as it takes the place of bytes of that one.
    let again: u64 = visible
        .iter()
        .map(|&id| &reference.bodies[id])
        .filter(|(_, layer, _)| *layer > 0)
        .map(|(size, _, path)| {
            let mut lowest = reference.bodies.iter().enumerate();
            let lowest = lowest.find(|(_, (_, layer, at))| *layer == 0 && at == path);
            match lowest {
                Some((id, (below, ..))) if !visible.contains(&id) => *size.min(below),
                _ => 0,
            }
        })
        .sum();
    let wasted = hidden(&|_| true);
    assert_eq!(xray.problems, [""; 0]);
    assert_eq!(xray.efficiency.wasted_bytes, wasted);
    assert_eq!(xray.image.size, total);
    assert_eq!(xray.image.visible_size, total - wasted);
    let part = |part: u64, whole: u64, none: f64| {
        if whole == 0 {
            none
        } else {
            part as f64 / whole as f64
        }
    };
    assert_eq!(xray.efficiency.score, part(total - wasted, total, 1.0));
    assert_eq!(
        xray.efficiency.user_wasted_percent,
        part(hidden(&|layer| layer > 0) + again, user, 0.0)
    );
    assert!(xray.efficiency.user_wasted_bytes <= user);
    for (index, layer) in xray.layers.iter().enumerate() {
        assert_eq!(
            layer.hidden_size,
            hidden(&|l| l == index),
            "hidden of layer {index}"
        );
        assert_eq!(layer.hides_size, hides[index], "hidden by layer {index}");
    }
    check_files(xray, reference);
    let listed: u64 = xray
        .efficiency
        .wasted_paths
        .iter()
        .map(|path| path.bytes)
        .sum();
    assert_eq!(listed, wasted);
}

/// What the layers did, one after the other, gives the tree that is to be seen, and the bytes of each.
fn check_files(xray: &Xray, reference: &Reference) {
    let tree = &xray.contents.tree;
    let mut paths = Vec::new();
    tree.each_path(|_, path| paths.push(path.to_owned()));
    let mut there: BTreeSet<u32> = BTreeSet::new();
    for (layer, files) in xray.layers.iter().zip(&xray.contents.by_layer) {
        let (mut size, mut hidden) = (0, 0);
        for entry in files.entries() {
            let path = &paths[entry.node as usize];
            if entry.mark == Mark::Removed {
                assert!(there.remove(&entry.node), "{path} was not there");
                continue;
            }
            let new = there.insert(entry.node);
            assert_eq!(new, entry.mark == Mark::Added, "{path}");
            size += entry.size;
            hidden += if entry.hidden { entry.size } else { 0 };
        }
        assert_eq!((size, hidden), (layer.size, layer.hidden_size));
    }
    let visible: BTreeSet<u32> = (1..tree.count() as u32)
        .filter(|&node| tree.kind(node) != TreeKind::Other(OtherKind::Gone))
        .collect();
    let expected: BTreeSet<&str> = reference.tree.keys().map(String::as_str).collect();
    let named = |nodes: &BTreeSet<u32>| -> Vec<&str> {
        nodes
            .iter()
            .map(|&node| &paths[node as usize][1..])
            .collect()
    };
    assert_eq!(named(&there), named(&visible));
    assert_eq!(BTreeSet::from_iter(named(&visible)), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_hidden_byte_counts_once(layers in prop::collection::vec(prop::collection::vec(act(), 3), 1..6)) {
        let mut reference = Reference::default();
        let mut hides = Vec::new();
        let mut tars = Vec::new();
        for (number, acts) in layers.iter().enumerate() {
            let before = reference.visible();
            tars.push(layer(&mut reference, number, acts));
            let after = reference.visible();
            hides.push(before.difference(&after).map(|&id| reference.bodies[id].0).sum::<u64>());
        }
        let xray = analyse(&image(&tars, serde_json::json!({}))).xray;
        check(&xray, &reference, &hides);
    }
}

/// dive's issue 684: an overwrite of 1 MB counted as 2 MB, and 250 % of the user's bytes.
#[test]
fn an_overwrite_wastes_its_size_once() {
    let megabyte = vec![b'x'; 1_000_000];
    let lower = Tar::new().file("f", &megabyte).bytes();
    let upper = Tar::new().file("f", &megabyte).bytes();
    let xray = analyse(&image(
        &[lower.clone(), upper.clone()],
        serde_json::json!({}),
    ))
    .xray;
    assert_eq!(xray.efficiency.wasted_bytes, 1_000_000);
    // Where both versions have the same size dive is right.
    assert_eq!(xray.efficiency.score, 0.5);
    let removed = Tar::new().file(".wh.f", b"").bytes();
    let xray = analyse(&image(&[lower, upper, removed], serde_json::json!({}))).xray;
    assert_eq!(xray.efficiency.score, 0.0);
    assert_eq!(xray.efficiency.user_wasted_percent, 1.0);
    let path = &xray.efficiency.wasted_paths[0];
    assert_eq!(
        (path.bytes, path.layers.as_slice(), path.removed),
        (2_000_000, &[0, 1, 2][..], true)
    );
    assert_eq!((xray.layers[1].changed, xray.layers[2].removed), (1, 1));
}

/// Bytes and part that the layers above the lowest waste.
fn user_wasted(layers: &[Vec<u8>]) -> (u64, f64) {
    let efficiency = analyse(&image(layers, serde_json::json!({})))
        .xray
        .efficiency;
    (efficiency.user_wasted_bytes, efficiency.user_wasted_percent)
}

#[test]
fn bytes_are_charged_to_the_layer_that_ships_a_path_again() {
    let file = |name: &str, size| Tar::new().file(name, &vec![b'x'; size]).bytes();
    let base = || file("f", 600);
    // `chown` of a file of the base, beside 400 bytes of its own.
    let chown = Tar::new()
        .file("f", &[b'x'; 600])
        .file("own", &[b'y'; 400])
        .bytes();
    assert_eq!(user_wasted(&[base(), chown.clone()]), (600, 0.6));
    // Twice: the second of them hides the first, and the base's bytes ship again all the same.
    assert_eq!(user_wasted(&[base(), chown, file("f", 600)]), (1200, 0.75));
    // What is added is charged, not what is hidden.
    assert_eq!(user_wasted(&[base(), file("f", 6)]), (6, 1.0));
    assert_eq!(user_wasted(&[base(), file("f", 6000)]), (600, 0.1));
    assert_eq!(
        user_wasted(&[file("other", 9), file("f", 6), file("f", 6)]),
        (6, 0.5)
    );
}

#[test]
fn a_removed_file_of_the_base_is_not_the_users_waste() {
    let base = Tar::new().file("f", &[b'x'; 600]).bytes();
    let layer = Tar::new()
        .file(".wh.f", b"")
        .file("own", &[b'y'; 400])
        .bytes();
    assert_eq!(user_wasted(&[base, layer]), (0, 0.0));
}
