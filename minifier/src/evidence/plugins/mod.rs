//! What belongs with native programs and libraries that stay, and that no file names: plug-ins, and data that libraries
//! look for in places of their own.
//!
//! `table` says what is recognised and what belongs with it. `siblings` needs no table: beside a plug-in that a process
//! loaded lie others. `pattern` finds the files.

mod pattern;
mod reader;
mod siblings;
mod table;

pub(crate) use reader::Plugins;

/// The names of the table's rows.
#[cfg(test)]
pub(crate) fn rows_of_plugins() -> impl Iterator<Item = &'static str> {
    table::ROWS.iter().map(|row| row.name)
}
