//! Go modules and Rust crates that are compiled into programs.

use std::collections::BTreeSet;

use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::{MAX_NEEDS, Relations};
use crate::xray::detect::Module;
use crate::xray::model::{PackageInfo, PackageKind};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    // A program with several names (BusyBox, Git) was built once.
    for file in reader.files().iter().filter(|file| file.first) {
        let built = match reader.extra(file.node).map(|extra| &extra.elf) {
            Some(Some(Ok(elf))) => elf.built.as_ref(),
            _ => None,
        };
        let Some(built) = built else { continue };
        let layer = reader.first_layer(&file.path, file.node);
        let checksum = reader.checksum(file.node);
        let mut modules = built.modules.clone();
        if built.kind == PackageKind::Go {
            let version = built.compiler.trim_start_matches("go");
            let version = version.split(' ').next().unwrap_or_default();
            // Programs of Go itself have no main module: the standard library is what they are built from.
            let alone = !modules.iter().any(|module| module.main);
            let index = modules.len();
            for module in modules.iter_mut().filter(|module| module.main) {
                module.needs.push(index);
            }
            modules.push(Module {
                name: "stdlib".into(),
                version: version.to_owned(),
                main: alone,
                needs: Vec::new(),
            });
        }
        let ids: Vec<String> = modules
            .iter()
            .map(|module| id(built.kind, module))
            .collect();
        for (module, id) in modules.iter().zip(&ids) {
            let needs = module.needs.iter().take(MAX_NEEDS);
            let relations = Relations {
                ids: needs.filter_map(|&need| ids.get(need).cloned()).collect(),
                ..Relations::default()
            };
            let found = PackageInfo {
                layer,
                location: file.path.to_string(),
                checksums: checksum
                    .clone()
                    .filter(|_| module.main)
                    .into_iter()
                    .collect(),
                application: module.main && module.name != "stdlib",
                ..package(built.kind, id.clone(), &module.name, &module.version)
            };
            // The bytes of the program are those of what it was built from.
            let files: BTreeSet<_> = module.main.then_some(file.node).into_iter().collect();
            reader.found.add(found, files, relations);
        }
    }
}

fn id(kind: PackageKind, module: &Module) -> String {
    match kind {
        PackageKind::Go => {
            // The purl type `golang` is in lower case, whatever the case of the module path.
            let lower = module.name.to_lowercase();
            let (namespace, last) = lower.rsplit_once('/').unwrap_or(("", &lower));
            purl("golang", namespace, last, &module.version, &[])
        }
        _ => purl("cargo", "", &module.name, &module.version, &[]),
    }
}
