//! Traces by hand, and what a plan looks like.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::analyze::testing::{BuiltImage, TestElf};
use crate::evidence::Retain;
use crate::plan::{EvidenceRules, Plan, Reason, Rules, RunFacts, WarningLevel, plan};
use crate::rootfs::ImagePath;
use crate::trace::{Access, Operation, Process, Trace};

pub(crate) const LD_SO: &str = "/lib64/ld-linux-x86-64.so.2";

/// A program of glibc that needs libraries.
pub(crate) fn program(needed: &[&str]) -> Vec<u8> {
    let elf = TestElf::program(LD_SO);
    needed.iter().fold(elf, |elf, name| elf.needs(name)).build()
}

/// A library that needs others.
pub(crate) fn library(needed: &[&str]) -> Vec<u8> {
    let elf = TestElf::library();
    needed.iter().fold(elf, |elf, name| elf.needs(name)).build()
}

/// A successful access to an absolute path, by path alone.
pub(crate) fn access(operation: Operation, path: &str) -> Access {
    Access {
        time: Duration::ZERO,
        pid: 10,
        syscall: 0,
        operation,
        requested: path.into(),
        base: Some(ImagePath::root()),
        resolved: None,
        result: Some(0),
    }
}

pub(crate) fn failed(operation: Operation, path: &str, errno: i64) -> Access {
    Access {
        result: Some(-errno),
        ..access(operation, path)
    }
}

pub(crate) fn trace(accesses: impl IntoIterator<Item = Access>) -> Trace {
    Trace {
        accesses: accesses.into_iter().collect(),
        processes: [(
            10,
            Process {
                parent: 1,
                executables: vec!["/usr/bin/app".into()],
            },
        )]
        .into(),
        ..Trace::default()
    }
}

/// Opens of absolute paths.
pub(crate) fn opened(paths: &[&str]) -> Trace {
    trace(paths.iter().map(|path| access(Operation::Open, path)))
}

pub(crate) fn planned(image: &BuiltImage, trace: &Trace, rules: &Rules) -> Plan {
    let run = RunFacts::default();
    let plan = plan(image.merged(), trace, rules, &run).unwrap();
    check(image, &plan);
    plan
}

/// What holds for every plan: kept paths exist, their parents are kept too, each has a reason.
pub(crate) fn check(image: &BuiltImage, plan: &Plan) {
    for (path, reasons) in plan.keep.iter() {
        assert!(image.rootfs.lookup(path).is_some(), "{path} does not exist");
        assert!(!reasons.is_empty(), "{path} has no reason");
        if let Some(parent) = path.parent() {
            let reasons = plan.keep.reasons(&parent);
            assert!(
                reasons.is_some_and(|reasons| reasons.contains(&Reason::Parent)),
                "{path} is kept without its parent"
            );
        }
    }
}

/// Paths that stay and are no plain parents.
pub(crate) fn kept(plan: &Plan) -> Vec<String> {
    let only_parent = BTreeSet::from([Reason::Parent]);
    let paths = plan
        .keep
        .iter()
        .filter(|(_, reasons)| **reasons != only_parent);
    paths.map(|(path, _)| path.to_string()).collect()
}

pub(crate) fn messages(plan: &Plan, severity: WarningLevel) -> Vec<&str> {
    plan.warnings
        .iter()
        .filter(|warning| warning.severity == severity)
        .map(|warning| warning.message.as_str())
        .collect()
}

/// Rules that take cheap evidence.
pub(crate) fn likely() -> Rules {
    Rules {
        evidence: EvidenceRules {
            retain: Retain::Likely,
            ..EvidenceRules::default()
        },
        ..Rules::default()
    }
}

/// Asserts that some paths stay and others do not.
pub(crate) fn check_kept(plan: &Plan, stay: &[&str], go: &[&str]) {
    for path in stay {
        assert!(plan.keep.contains(&(*path).into()), "{path} is gone");
    }
    for path in go {
        assert!(!plan.keep.contains(&(*path).into()), "{path} stays");
    }
}
