//! A finding of every kind, and programs with every fault.

use minifier::xray::model::{
    Binaries, Binary, BrokenNeed, CertificateInfo, Finding, FindingKind, FindingLocation,
    Hardening, IgnoreEntry, IgnoreState, IgnoredFinding, Linkage, PrivilegedFile, Relro, Security,
    Severity, UnusedLibrary,
};

use super::HOSTILE;

fn at(path: &str, layer: usize, line: Option<u64>, visible: bool) -> FindingLocation {
    FindingLocation::File {
        path: path.to_owned(),
        layer,
        line,
        visible,
    }
}

pub(crate) fn security() -> Security {
    use FindingKind as K;
    use Severity::{Error, Note, Warning};
    let finding = |kind, severity, message: &str, location, detail: &str| {
        Finding::new(kind, severity, message, location, detail)
    };
    let config = |field: &str| FindingLocation::Config {
        field: field.to_owned(),
    };
    Security {
        findings: vec![
            finding(
                K::PrivateKey,
                Error,
                "/root/.ssh/id_rsa is a private key; layer 2 removes it, and layer 1 still ships it",
                at("/root/.ssh/id_rsa", 1, None, false),
                "",
            ),
            finding(
                K::Credential,
                Error,
                "/app/settings.py holds an AWS access key",
                at("/app/settings.py", 3, Some(17), true),
                "aws-access-key",
            ),
            finding(
                K::Credential,
                Error,
                &format!("/app/{HOSTILE} holds a token"),
                at(&format!("/app/{HOSTILE}"), 3, Some(1), true),
                "generic-token",
            ),
            finding(
                K::SecretInEnvironment,
                Error,
                "API_TOKEN in the environment looks like a secret",
                config("Env"),
                "",
            ),
            finding(
                K::SecretInHistory,
                Error,
                "step 4 names a secret: API_TOKEN",
                FindingLocation::History { step: 4 },
                "",
            ),
            finding(
                K::BrokenBinary,
                Error,
                "/usr/local/bin/convert needs libMagick.so.6, which is not there",
                at("/usr/local/bin/convert", 2, None, true),
                "",
            ),
            finding(
                K::ExpiredCertificate,
                Error,
                "/app/tls/old.pem expired on 2024-01-01",
                at("/app/tls/old.pem", 3, None, true),
                "",
            ),
            finding(
                K::ExpiringCertificate,
                Warning,
                "/app/tls/soon.pem expires on 2026-06-01",
                at("/app/tls/soon.pem", 3, None, true),
                "",
            ),
            finding(
                K::Setuid,
                Warning,
                "/usr/bin/su runs as its owner, root",
                at("/usr/bin/su", 0, None, true),
                "",
            ),
            finding(
                K::Setgid,
                Warning,
                "/usr/bin/wall runs as its group, tty",
                at("/usr/bin/wall", 0, None, true),
                "",
            ),
            finding(
                K::FileCapabilities,
                Warning,
                "/usr/bin/ping has cap_net_raw=ep",
                at("/usr/bin/ping", 1, None, true),
                "",
            ),
            finding(
                K::WorldWritable,
                Warning,
                "/app/uploads may be written by everybody",
                at("/app/uploads", 3, None, true),
                "",
            ),
            finding(
                K::RunsAsRoot,
                Warning,
                "the container runs as root",
                config("User"),
                "",
            ),
            finding(
                K::NoHealthcheck,
                Note,
                "8000/tcp is exposed, and there is no HEALTHCHECK",
                config("Healthcheck"),
                "",
            ),
            finding(
                K::PackageManager,
                Note,
                "apt-get is left in",
                at("/usr/bin/apt-get", 0, None, true),
                "",
            ),
            finding(
                K::WeakBinary,
                Note,
                "/usr/local/bin/tool has no RELRO",
                at("/usr/local/bin/tool", 2, None, true),
                "",
            ),
        ],
        ignored: vec![IgnoredFinding {
            finding: finding(
                K::PrivateKey,
                Error,
                "/app/tls/dev.key holds a private key",
                at("/app/tls/dev.key", 3, Some(1), true),
                "pem-private-key",
            ),
            reason: "it opens the test server only".into(),
            expires: Some("2027-03-31".into()),
        }],
        ignores: vec![
            IgnoreEntry {
                path: Some("/app/tls/*.key".into()),
                rule: None,
                fingerprint: None,
                reason: "it opens the test server only".into(),
                expires: Some("2027-03-31".into()),
                state: IgnoreState::Used,
                findings: 1,
            },
            IgnoreEntry {
                path: Some(format!("/app/{HOSTILE}")),
                rule: Some("github-token".into()),
                fingerprint: None,
                reason: "revoked".into(),
                expires: Some("2024-12-31".into()),
                state: IgnoreState::Expired,
                findings: 1,
            },
        ],
        privileged: vec![
            PrivilegedFile {
                path: "/usr/bin/ping".to_owned(),
                mode: "755".to_owned(),
                uid: 0,
                gid: 0,
                capabilities: Some("cap_net_raw=ep".to_owned()),
                package: None,
            },
            PrivilegedFile {
                path: "/usr/bin/su".to_owned(),
                mode: "4755".to_owned(),
                uid: 0,
                gid: 0,
                capabilities: None,
                package: Some("pkg:deb/debian/util-linux@2.38?arch=amd64".to_owned()),
            },
        ],
        certificates: vec![CertificateInfo {
            path: "/app/tls/old.pem".to_owned(),
            layer: 3,
            subject: "CN=shop.example".to_owned(),
            issuer: format!("CN={HOSTILE}"),
            not_before: "2023-01-01T00:00:00Z".to_owned(),
            not_after: "2024-01-01T00:00:00Z".to_owned(),
            expired: true,
        }],
        shells: vec!["/bin/bash".to_owned(), "/bin/dash".to_owned()],
        package_managers: vec!["/usr/bin/apt-get".to_owned(), "/usr/bin/pip".to_owned()],
        runs_as_root: true,
    }
}

pub(crate) fn binaries() -> Binaries {
    let binary = |path: &str, linkage, pie, relro| Binary {
        path: path.to_owned(),
        size: 6_800_000,
        layer: 1,
        machine: "x86_64".to_owned(),
        linkage,
        interpreter: (linkage == Linkage::Dynamic)
            .then(|| "/lib64/ld-linux-x86-64.so.2".to_owned()),
        needed: vec!["libc.so.6".to_owned()],
        soname: None,
        debug_bytes: 1_200_000,
        strip_bytes: 1_500_000,
        symbols: true,
        hardening: Hardening {
            pie,
            relro,
            nx: true,
            stack_protector: None,
            fortify: Some(true),
        },
    };
    Binaries {
        files: vec![
            binary("/usr/bin/python3.11", Linkage::Dynamic, true, Relro::Full),
            binary("/usr/local/bin/tool", Linkage::Static, false, Relro::None),
        ],
        broken: vec![BrokenNeed {
            path: "/usr/local/bin/convert".to_owned(),
            needs: "libMagick.so.6".to_owned(),
        }],
        unused: vec![UnusedLibrary {
            path: "/usr/lib/libunused.so.1".to_owned(),
            size: 410_000,
            package: None,
        }],
        debug_bytes: 2_400_000,
    }
}
