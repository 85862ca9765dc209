//! Real programs of this host, compared with what its own dynamic linker says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::helper::{access, planned, trace};
use crate::analyze::testing::TestImage;
use crate::plan::{Reason, Rules, WarningLevel};
use crate::rootfs::ImagePath;
use crate::trace::Operation;

/// Programs that Debian has in every installation, or that CONTRIBUTING.md asks for.
const PROGRAMS: [&str; 4] = ["/bin/sh", "/usr/bin/bash", "/usr/bin/perl", "/usr/bin/git"];

/// The libraries that `ldd` names, links followed.
fn ldd(program: &str) -> BTreeSet<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    assert!(output.status.success(), "ldd {program}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(|path| fs::canonicalize(path).unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn host_image() -> TestImage {
    let mut image = TestImage::new()
        .host("/usr/bin", 1)
        .host("/usr/lib/x86_64-linux-gnu", 2)
        .host("/etc/ld.so.cache", 0)
        .host("/etc/ld.so.conf", 0)
        .host("/etc/ld.so.conf.d", 1);
    for dir in ["/bin", "/lib", "/lib64", "/usr/lib64"] {
        if Path::new(dir).exists() {
            image = image.host(dir, 1);
        }
    }
    image
}

#[test]
fn the_closure_of_real_programs_is_what_ldd_says() {
    let image = host_image().build();
    for program in PROGRAMS {
        let trace = trace([access(Operation::Execute, program)]);
        let plan = planned(&image, &trace, &Rules::default());
        let linked: BTreeSet<String> = plan
            .keep
            .iter()
            .filter(|(path, reasons)| {
                let is_file = image
                    .rootfs
                    .get(path)
                    .is_some_and(|node| node.content().is_some());
                is_file
                    && reasons.iter().any(|reason| {
                        matches!(
                            reason,
                            Reason::ElfNeeded { .. } | Reason::ElfInterpreter { .. }
                        )
                    })
            })
            .map(|(path, _)| path.to_string())
            .collect();
        let expected = ldd(program);
        assert!(
            expected.is_subset(&linked),
            "{program}: {expected:?} {linked:?}"
        );
        // Beyond ldd's answer: what name services and declared dlopens need.
        let more: Vec<_> = linked
            .difference(&expected)
            .filter(|path| !path.contains("libresolv"))
            .collect();
        assert!(more.is_empty(), "{program}: {more:?}");
        let notes: Vec<_> = plan
            .warnings
            .iter()
            .filter(|w| w.severity == WarningLevel::Note)
            .collect();
        assert!(notes.is_empty(), "{program}: {notes:?}");
    }
}

#[test]
fn the_interpreter_is_reached_through_the_links_of_this_host() {
    let image = host_image().build();
    let trace = trace([access(Operation::Execute, "/bin/sh")]);
    let plan = planned(&image, &trace, &Rules::default());
    let resolution = image
        .rootfs
        .resolve(&ImagePath::root(), b"/lib64/ld-linux-x86-64.so.2", true);
    for link in &resolution.links {
        assert!(plan.keep.contains(link), "{link}");
    }
    let (loader, _) = resolution.found().unwrap();
    assert!(plan.keep.contains(loader));
}
