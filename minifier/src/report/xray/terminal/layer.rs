//! The files of one layer.

use std::collections::HashMap;

use crate::xray::model::{Contents, LayerInfo, MarkedNode, OtherKind, TreeKind, Xray};

use super::super::text::{count, plain, size};
use super::layers::instruction;
use super::page::{Details, TerminalPage};

/// The changes of one layer, largest first, for a terminal of `width` columns; `None` if there is no such layer. Paths
/// are never cut: people look for them, and they stand at the end of the line.
pub fn terminal_layer(xray: &Xray, layer: usize, width: usize, details: Details) -> Option<String> {
    let info = xray.layers.get(layer)?;
    let mut page = TerminalPage::new(width, details);
    head(&mut page, xray, info);
    files(&mut page, &xray.contents, layer);
    Some(page.out)
}

fn head(page: &mut TerminalPage, xray: &Xray, layer: &LayerInfo) {
    page.field("image", &xray.image.reference);
    let base = if layer.base {
        ", of the base image"
    } else {
        ""
    };
    page.field(
        "layer",
        &format!(
            "{} (of layers 0 to {}){base}",
            layer.index,
            xray.layers.len() - 1
        ),
    );
    page.field("made by", instruction(layer));
    page.field("diff ID", &layer.diff_id);
    page.field(
        "size",
        &format!(
            "{} ({} as stored)",
            size(layer.size),
            size(layer.stored_size)
        ),
    );
    page.field(
        "hidden",
        &match layer.hidden_size {
            0 => "nothing of it".to_owned(),
            hidden => format!("{} of it, by later layers", size(hidden)),
        },
    );
    page.field(
        "hides",
        &match layer.hides_size {
            0 => "nothing of lower layers".to_owned(),
            hides => format!("{} of lower layers", size(hides)),
        },
    );
}

fn files(page: &mut TerminalPage, contents: &Contents, layer: usize) {
    let mut entries: Vec<MarkedNode> = contents
        .by_layer
        .get(layer)
        .map(|files| files.entries().collect())
        .unwrap_or_default();
    page.heading(&count(entries.len() as u64, "path"));
    if entries.is_empty() {
        page.line("  none");
        return;
    }
    page.hanging(
        "  ",
        "A added, C changed, M only owner, mode or time changed (the bytes ship again), R removed; \
         in lower case if a later layer hides it",
    );
    entries.sort_by(|a, b| b.size.cmp(&a.size).then(a.node.cmp(&b.node)));
    let all = entries.len();
    // After sorting, so that the largest are shown.
    entries.truncate(page.details.limit(100));
    let mut paths: HashMap<u32, String> = entries
        .iter()
        .map(|entry| (entry.node, String::new()))
        .collect();
    // Paths exist only while the tree is walked, so the shown ones are picked up in one walk.
    contents.tree.each_path(|node, path| {
        if let Some(wanted) = paths.get_mut(&node) {
            wanted.push_str(&plain(path));
        }
    });
    let targets: HashMap<u32, &str> = contents
        .tree
        .links
        .iter()
        .map(|link| (link.node, link.target.as_str()))
        .collect();
    for entry in &entries {
        let path = &paths[&entry.node];
        let after = match contents.tree.kind(entry.node) {
            TreeKind::Other(OtherKind::Directory) => "/".to_owned(),
            TreeKind::Other(OtherKind::Link) => {
                let target = targets.get(&entry.node).copied().unwrap_or_default();
                format!(" -> {}", plain(target))
            }
            _ => String::new(),
        };
        page.line(&format!(
            "  {}  {:>9}  {path}{after}",
            entry.mark.letter(entry.hidden),
            size(entry.size)
        ));
    }
    page.more(entries.len(), all, "paths");
}
