//! Packages, files, programs and libraries.

use std::collections::BTreeMap;

use crate::xray::model::{Linkage, Relro, Xray};

use super::super::text::{count, size};
use super::super::{names, totals};
use super::page::TerminalPage;
use super::table::{Column, table};

/// Packages by kind, and databases that were not read.
pub(crate) fn packages(page: &mut TerminalPage, xray: &Xray) {
    let packages = &xray.packages;
    page.heading("packages");
    let mut largest: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for package in &packages.packages {
        largest.entry(package.kind).or_default().push(package);
    }
    table(
        page,
        [
            ("kind", Column::Left),
            ("packages", Column::Right),
            ("bytes", Column::Right),
            ("largest", Column::Text),
        ],
        totals::packages(&packages.packages)
            .into_iter()
            .map(|(kind, (number, bytes))| {
                let mut named = largest.remove(&kind).unwrap_or_default();
                named.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.id.cmp(&b.id)));
                let named: Vec<&str> = named.iter().take(4).map(|p| p.name.as_str()).collect();
                [
                    names::packages(kind).to_owned(),
                    number.to_string(),
                    size(bytes),
                    named.join(", "),
                ]
            })
            .chain([[
                "no package".to_owned(),
                String::new(),
                size(packages.unowned_size),
                count(packages.unowned_files, "file"),
            ]]),
    );
    for unread in &packages.unread {
        page.hanging(
            "  not read: ",
            &format!("{}: {}", unread.path, unread.reason),
        );
    }
}

/// Every package, with its layer, version and licence.
pub(crate) fn every_package(page: &mut TerminalPage, xray: &Xray) {
    if xray.packages.packages.is_empty() {
        return;
    }
    page.heading("every package");
    table(
        page,
        [
            ("kind", Column::Left),
            ("bytes", Column::Right),
            ("layer", Column::Right),
            ("package", Column::Path),
            ("version", Column::Short),
            ("licence", Column::Text),
        ],
        xray.packages.packages.iter().map(|package| {
            [
                names::packages(package.kind).to_owned(),
                size(package.size),
                package.layer.to_string(),
                package.name.clone(),
                package.version.clone(),
                package.licence.clone().unwrap_or_default(),
            ]
        }),
    );
}

/// Largest directories and files, kinds, duplicates.
pub(crate) fn files(page: &mut TerminalPage, xray: &Xray) {
    let contents = &xray.contents;
    let shown = page.details.limit(8);
    page.heading("largest directories");
    table(
        page,
        [
            ("bytes", Column::Right),
            ("files", Column::Right),
            ("path", Column::Path),
        ],
        contents
            .largest_directories
            .iter()
            .take(shown)
            .map(|d| [size(d.size), d.files.to_string(), d.path.clone()]),
    );
    page.heading("largest files");
    table(
        page,
        [
            ("bytes", Column::Right),
            ("layer", Column::Right),
            ("kind", Column::Left),
            ("path", Column::Path),
        ],
        contents.largest_files.iter().take(shown).map(|f| {
            [
                size(f.size),
                f.layer.to_string(),
                names::files(f.kind).to_owned(),
                f.path.clone(),
            ]
        }),
    );
    page.heading("files by kind");
    let kinds: Vec<String> = contents
        .kinds
        .iter()
        .map(|k| format!("{} {}", names::files(k.kind), size(k.size)))
        .collect();
    page.hanging("  ", &kinds.join(", "));
    if contents.duplicates.is_empty() {
        return;
    }
    page.heading(&format!(
        "duplicates: {} wasted",
        size(contents.wasted_by_duplicates())
    ));
    table(
        page,
        [
            ("wasted", Column::Right),
            ("copies", Column::Right),
            ("one of them", Column::Path),
        ],
        contents.duplicates.iter().take(shown).map(|group| {
            [
                size(group.wasted),
                group.count.to_string(),
                group.paths.first().cloned().unwrap_or_default(),
            ]
        }),
    );
    page.more(shown, contents.duplicates.len(), "groups");
}

/// Programs and libraries with what protects them.
pub(crate) fn binaries(page: &mut TerminalPage, xray: &Xray) {
    let binaries = &xray.binaries;
    if !binaries.files.is_empty() {
        page.heading("programs and libraries");
        table(
            page,
            [
                ("bytes", Column::Right),
                ("debug", Column::Right),
                ("linked", Column::Left),
                ("PIE", Column::Left),
                ("RELRO", Column::Left),
                ("NX", Column::Left),
                ("path", Column::Path),
            ],
            binaries.files.iter().map(|file| {
                [
                    size(file.size),
                    size(file.debug_bytes),
                    linkage(file.linkage).to_owned(),
                    yes(file.hardening.pie),
                    relro(file.hardening.relro).to_owned(),
                    yes(file.hardening.nx),
                    file.path.clone(),
                ]
            }),
        );
    }
    if !binaries.broken.is_empty() {
        page.heading("broken programs");
        for broken in &binaries.broken {
            page.hanging("  ", &format!("{} needs {}", broken.path, broken.needs));
        }
    }
    if !binaries.unused.is_empty() {
        page.heading("libraries that nothing needs by name");
        table(
            page,
            [("bytes", Column::Right), ("path", Column::Path)],
            binaries
                .unused
                .iter()
                .map(|library| [size(library.size), library.path.clone()]),
        );
    }
}

fn linkage(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::Static => "static",
        Linkage::StaticPie => "static PIE",
        Linkage::Dynamic => "dynamic",
        Linkage::Library => "library",
    }
}

fn relro(relro: Relro) -> &'static str {
    match relro {
        Relro::None => "none",
        Relro::Partial => "partial",
        Relro::Full => "full",
    }
}

fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
