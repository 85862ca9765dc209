//! Efficiency against a reference that does nothing but follow the words of the specification, slowly.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::rootfs::tar::testing::Tar;
use crate::xray::model::Xray;
use crate::xray::testing::{analyse, image};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What a layer does with a name.
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
    /// Size and layer of every body there ever was.
    bodies: Vec<(u64, usize)>,
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
                reference.bodies.push((u64::from(*size), number));
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
            .filter(|(id, (_, layer))| !visible.contains(id) && layers(*layer))
            .map(|(_, (size, _))| size)
            .sum()
    };
    let total: u64 = reference.bodies.iter().map(|(size, _)| size).sum();
    let user: u64 = reference
        .bodies
        .iter()
        .filter(|(_, layer)| *layer > 0)
        .map(|(size, _)| size)
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
        part(hidden(&|layer| layer > 0), user, 0.0)
    );
    for (index, layer) in xray.layers.iter().enumerate() {
        assert_eq!(
            layer.hidden_size,
            hidden(&|l| l == index),
            "hidden of layer {index}"
        );
        assert_eq!(layer.hides_size, hides[index], "hidden by layer {index}");
    }
    let listed: u64 = xray
        .efficiency
        .wasted_paths
        .iter()
        .map(|path| path.bytes)
        .sum();
    assert_eq!(listed, wasted);
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
    assert_eq!(xray.efficiency.user_wasted_percent, 0.0);
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
