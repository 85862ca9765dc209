//! Tables without borders that fit the page.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr;

use super::super::text::{cut, plain, shorten};
use super::page::TerminalPage;

/// Width and alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// As wide as its text, to the left.
    Left,
    /// As wide as its text but for the longest, to the left: versions.
    Short,
    /// As wide as its text, to the right: numbers.
    Right,
    /// Takes what is left; what does not fit is cut in the middle.
    Path,
    /// Takes what is left; what does not fit is cut at the end.
    Text,
}

/// Columns that the header of a column that takes what is left needs.
const LEAST: usize = 8;

/// Columns that a version gets at most.
fn short(width: usize) -> usize {
    width / 5
}

/// Writes a table with a header. Cells are made safe here.
pub(crate) fn table<const N: usize>(
    page: &mut TerminalPage,
    columns: [(&str, Column); N],
    rows: impl IntoIterator<Item = [String; N]>,
) {
    let rows: Vec<[String; N]> = rows
        .into_iter()
        .map(|row| row.map(|cell| plain(&cell).into_owned()))
        .collect();
    let room = room(page.width, &columns, &rows);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        // Cells are cut here, in the middle of paths, which the crate cannot do.
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns.map(|(name, _)| name));
    for row in rows {
        table.add_row(
            row.iter()
                .zip(&columns)
                .map(|(cell, (_, column))| match column {
                    Column::Path => shorten(cell, room),
                    Column::Text => cut(cell, room),
                    Column::Short => cut(cell, short(page.width)),
                    Column::Left | Column::Right => cell.as_str().into(),
                }),
        );
    }
    for (index, (_, kind)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((if index == 0 { 2 } else { 1 }, 1));
            if *kind == Column::Right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    for line in table.lines() {
        page.line(&line);
    }
}

/// Columns left for each column that takes what is left.
fn room<const N: usize>(
    width: usize,
    columns: &[(&str, Column); N],
    rows: &[[String; N]],
) -> usize {
    let flexible = |column: Column| matches!(column, Column::Path | Column::Text);
    let fixed: usize = columns
        .iter()
        .enumerate()
        .filter(|(_, (_, column))| !flexible(*column))
        .map(|(index, (name, column))| {
            // One package with a version of a hundred characters must not push the other columns out.
            let most = match column {
                Column::Short => short(width),
                _ => usize::MAX,
            };
            rows.iter()
                .map(|row| row[index].width().min(most))
                .chain([name.width()])
                .max()
                .unwrap_or_default()
        })
        .sum();
    let sharing = columns.iter().filter(|(_, c)| flexible(*c)).count().max(1);
    // Two columns of padding for each, and one more at the left.
    (width.saturating_sub(fixed + 2 * N + 1) / sharing).max(LEAST)
}
