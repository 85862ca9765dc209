//! The history of the new image, so that it always has as many non-empty entries as there are layers.
//!
//! - If the original history fits its layers, it stays, with `empty_layer` set on the entries whose layer went.
//! - If it does not fit or there is none, its entries stay as empty ones and one is appended per layer.
//! - When layers are merged, its entries stay as empty ones and one is appended for the merged layer.

use crate::image::{DiffId, History};

/// `created_by` of the entries that are appended.
pub(crate) const CREATED_BY: &str = "minify build";

/// History for layers of which some stay: `kept` says for each original layer, lowest first, whether it stays.
/// `created` is for entries that are appended.
pub(crate) fn preserved(
    original: &[History],
    layers: &[DiffId],
    kept: &[bool],
    created: Option<&str>,
) -> Vec<History> {
    let with_layer = original.iter().filter(|entry| !entry.empty_layer).count();
    // Tools pair history and layers by counting; if the original's numbers disagree, no pairing would be right.
    if with_layer == layers.len() {
        let mut kept = kept.iter();
        return original
            .iter()
            .map(|entry| History {
                empty_layer: entry.empty_layer || kept.next() != Some(&true),
                ..entry.clone()
            })
            .collect();
    }
    let mut history = as_empty(original);
    for (layer, _) in layers.iter().zip(kept).filter(|&(_, &kept)| kept) {
        history.push(appended(created, format!("what is kept of layer {layer}")));
    }
    history
}

/// History for one layer that holds what is kept of `layers`; `written` is false if nothing is.
pub(crate) fn flattened(
    original: &[History],
    layers: &[DiffId],
    written: bool,
    created: Option<&str>,
) -> Vec<History> {
    let mut history = as_empty(original);
    if written {
        let comment = format!("what is kept of {} layers", layers.len());
        history.push(appended(created, comment));
    }
    history
}

fn as_empty(original: &[History]) -> Vec<History> {
    original
        .iter()
        .map(|entry| History {
            empty_layer: true,
            ..entry.clone()
        })
        .collect()
}

fn appended(created: Option<&str>, comment: String) -> History {
    History {
        created: created.map(str::to_owned),
        created_by: Some(CREATED_BY.to_owned()),
        comment: Some(comment),
        ..History::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(created_by: &str, empty_layer: bool) -> History {
        History {
            created_by: Some(created_by.to_owned()),
            empty_layer,
            ..History::default()
        }
    }

    fn layers(count: u8) -> Vec<DiffId> {
        (0..count).map(|n| DiffId::of(&[n])).collect()
    }

    fn shape(history: &[History]) -> Vec<(&str, bool)> {
        history
            .iter()
            .map(|h| (h.created_by.as_deref().unwrap_or(""), h.empty_layer))
            .collect()
    }

    #[test]
    fn entries_of_dropped_layers_become_empty() {
        let original = [entry("a", false), entry("env", true), entry("b", false)];
        let history = preserved(&original, &layers(2), &[false, true], None);
        assert_eq!(shape(&history), [("a", true), ("env", true), ("b", false)]);
    }

    #[test]
    fn a_history_that_does_not_fit_gets_an_entry_per_layer() {
        let original = [entry("import", false)];
        let history = preserved(
            &original,
            &layers(3),
            &[true, false, true],
            Some("2020-01-01T00:00:00Z"),
        );
        assert_eq!(
            shape(&history),
            [("import", true), (CREATED_BY, false), (CREATED_BY, false)]
        );
        assert_eq!(history[1].created.as_deref(), Some("2020-01-01T00:00:00Z"));
        assert!(
            history[2]
                .comment
                .as_ref()
                .unwrap()
                .contains(&layers(3)[2].to_string())
        );
        assert_eq!(preserved(&[], &layers(1), &[true], None).len(), 1);
    }

    #[test]
    fn a_merged_layer_is_one_entry_behind_the_original_ones() {
        let original = [entry("a", false), entry("b", false)];
        let history = flattened(&original, &layers(2), true, None);
        assert_eq!(
            shape(&history),
            [("a", true), ("b", true), (CREATED_BY, false)]
        );
        let nothing = flattened(&original, &layers(2), false, None);
        assert!(nothing.iter().all(|h| h.empty_layer));
    }
}
