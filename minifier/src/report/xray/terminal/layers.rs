//! Layers, and the steps that made them.

use crate::xray::model::{LayerInfo, Xray};

use super::super::text::size;
use super::page::{Details, TerminalPage};
use super::table::{Column, table};

/// Each layer with what it brings and wastes.
pub(crate) fn layers(page: &mut TerminalPage, xray: &Xray) {
    page.heading("layers");
    table(
        page,
        [
            ("", Column::Right),
            ("size", Column::Right),
            ("hidden", Column::Right),
            ("+files", Column::Right),
            ("~", Column::Right),
            ("-", Column::Right),
            ("instruction", Column::Text),
        ],
        xray.layers.iter().map(|layer| {
            [
                layer.index.to_string(),
                size(layer.size),
                match layer.hidden_size {
                    0 => String::new(),
                    hidden => size(hidden),
                },
                layer.added.to_string(),
                layer.changed.to_string(),
                layer.removed.to_string(),
                instruction(layer).to_owned(),
            ]
        }),
    );
    page.line("  Files of a layer: --layer N");
    if page.details == Details::Full {
        for layer in &xray.layers {
            let digest = layer.digest.as_deref().unwrap_or("stored without a digest");
            page.hanging(&format!("  {}: ", layer.index), &layer.media_type);
            page.hanging("     digest  ", digest);
            page.hanging("     diff ID ", &layer.diff_id);
        }
    }
}

/// The instruction that made a layer, or why it is not known.
pub(crate) fn instruction(layer: &LayerInfo) -> &str {
    match (layer.instruction.as_str(), layer.base) {
        // Base images are often squashed or imported, so they have layers without an instruction.
        ("", true) => "(base image)",
        ("", false) => "(not in the history)",
        (instruction, _) => instruction,
    }
}

/// The Dockerfile, as far as the history shows it.
pub(crate) fn dockerfile(page: &mut TerminalPage, xray: &Xray) {
    if xray.dockerfile.is_empty() {
        return;
    }
    page.heading("dockerfile, from the history");
    let mut base = true;
    for step in &xray.dockerfile {
        if base && !step.base {
            page.line("  # the application begins here");
        }
        base = step.base;
        let size = step.layer.map(|_| size(step.size)).unwrap_or_default();
        page.hanging(&format!("{size:>10}  "), &step.instruction);
    }
}
