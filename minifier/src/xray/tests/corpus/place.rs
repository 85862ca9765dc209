//! Certificates and programs in the trees of the corpus: their place decides how bad they are.

use serde_json::json;

use super::files::STRUCTURE;
use crate::rootfs::tar::testing::Tar;
use crate::xray::model::{FindingKind, FindingLocation, Severity};
use crate::xray::testing::{analyse, image};

/// A program whose stack can be executed.
fn weak_program() -> Vec<u8> {
    let mut bytes = std::fs::read("/bin/true").expect("a program");
    let (table, count) = (u64_at(&bytes, 32) as usize, u64_at(&bytes, 56) as u16);
    for header in (0..usize::from(count)).map(|n| table + n * 56) {
        // PT_GNU_STACK, PF_X
        if bytes[header..header + 4] == 0x6474_e551u32.to_le_bytes() {
            bytes[header + 4] |= 1;
        }
    }
    bytes
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8]
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[test]
fn expired_certificates_and_weak_programs_are_judged_by_their_place() {
    let (expired, weak) = (
        crate::xray::tests::planted::CERTIFICATE.as_bytes(),
        weak_program(),
    );
    let places = [
        ("app", true),
        ("usr/share/app", true),
        ("app/testdata", false),
        ("app/node_modules/tls", false),
        ("opt/conda/lib", false),
        ("usr/local/lib/python3.12/site-packages/tls", false),
        ("root/.cargo/registry/src/index-1/rustls-0.23", false),
    ];
    let mut tar = Tar::new();
    for path in STRUCTURE {
        tar = tar.file(path, b"x\n");
    }
    for (place, _) in places {
        tar = tar
            .file(&format!("{place}/tls.crt"), expired)
            .file(&format!("{place}/tool"), &weak);
    }
    let xray = analyse(&image(&[tar.bytes()], json!({}))).xray;
    for (kind, name) in [
        (FindingKind::ExpiredCertificate, "tls.crt"),
        (FindingKind::WeakBinary, "tool"),
    ] {
        let warned: Vec<&str> = xray
            .security
            .findings
            .iter()
            .filter(|f| f.kind == kind && f.severity > Severity::Note)
            .filter_map(|f| match &f.location {
                FindingLocation::File { path, .. } => Some(&**path),
                _ => None,
            })
            .collect();
        let expected: Vec<String> = places
            .iter()
            .filter(|(_, own)| *own)
            .map(|(place, _)| format!("/{place}/{name}"))
            .collect();
        assert_eq!(warned, expected, "{kind:?}");
    }
}
