//! Go modules and Rust crates that are compiled into programs.

use std::collections::BTreeSet;

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use crate::xray::model::{PackageInfo, PackageKind};

pub(super) fn read(reader: &mut Reader<'_>) {
    for file in reader.files().iter().filter(|file| file.first) {
        let built = match reader.extra(file.node).map(|extra| &extra.elf) {
            Some(Some(Ok(elf))) => elf.built.as_ref(),
            _ => None,
        };
        let Some(built) = built else { continue };
        let layer = reader.first_layer(file);
        let mut modules = built.modules.clone();
        if built.kind == PackageKind::Go {
            let version = built.compiler.trim_start_matches("go");
            let version = version.split(' ').next().unwrap_or_default();
            modules.push(("stdlib".into(), version.to_owned()));
        }
        for (name, version) in modules {
            let id = match built.kind {
                PackageKind::Go => {
                    let lower = name.to_lowercase();
                    let (namespace, last) = lower.rsplit_once('/').unwrap_or(("", &lower));
                    purl("golang", namespace, last, &version, &[])
                }
                _ => purl("cargo", "", &name, &version, &[]),
            };
            let found = PackageInfo {
                layer,
                location: file.path.to_string(),
                ..package(built.kind, id, &name, &version)
            };
            reader.found.add(found, BTreeSet::new());
        }
    }
}
