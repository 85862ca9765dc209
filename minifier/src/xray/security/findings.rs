//! [`security`]: findings and facts that matter to security.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::collected::Findings;
use super::config::{env_secret, step_secrets};
use super::ignore::IgnoreList;
use super::privileges::{package_managers, privileges, shells};
use super::provenance::{Provenance, Provenances};
use super::severity::severity;
use crate::image::ImageConfig;
use crate::rootfs::ImagePath;
use crate::xray::detect::{SecretKind, SecretMatch};
use crate::xray::merged::{Body, Merged};
use crate::xray::model::{
    Binaries, Binary, CertificateInfo, Finding, FindingKind, FindingLocation, Linkage, Relro,
    Security, Severity,
};
use crate::xray::packages::Owners;
use crate::xray::scan::Scan;

/// A certificate that expires within this many seconds is reported.
const SOON: i64 = 30 * 86_400;

/// Where distributions and runtimes keep the authorities that they trust.
const AUTHORITIES: [&[u8]; 8] = [
    b"/etc/ssl/certs/",
    b"/usr/share/ca-certificates/",
    b"/usr/local/share/ca-certificates/",
    b"/etc/pki/",
    b"/usr/share/pki/",
    b"/etc/ca-certificates/",
    b"/usr/lib/ssl/",
    b"/etc/ssl/cert.pem",
];
/// Results of earlier stages.
pub(crate) struct FindingSources<'a> {
    pub(crate) config: &'a ImageConfig,
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) owners: &'a Owners,
    pub(crate) binaries: &'a Binaries,
    /// Whether a database of packages is there that was not read.
    pub(crate) unread: bool,
    pub(crate) ignore: &'a IgnoreList,
    pub(crate) now: Timestamp,
}

/// Everything that matters to security.
pub(crate) fn security(evidence: &FindingSources<'_>) -> Security {
    let mut found = Findings::new(evidence.ignore, evidence.now);
    let privileged = privileges(evidence.merged, evidence.owners, &mut found);
    let (package_managers, manager) = package_managers(&evidence.merged.rootfs);
    manager.into_iter().for_each(|finding| found.push(finding));
    let places = Provenances::new(
        evidence.config,
        evidence.merged,
        evidence.owners,
        evidence.unread,
    );
    secret_files(evidence, &places, &mut found);
    config_findings(evidence.config, &mut found);
    binary_findings(evidence, &places, &mut found);
    let certificates = certificates(evidence, &places, &mut found);
    let (findings, ignored, ignores) = found.finish();
    Security {
        findings,
        ignored,
        ignores,
        privileged,
        certificates,
        shells: shells(&evidence.merged.rootfs),
        package_managers,
        runs_as_root: runs_as_root(evidence.config),
    }
}

/// Whether the config names no user, or root.
fn runs_as_root(config: &ImageConfig) -> bool {
    let user = config.user().split(':').next().unwrap_or_default();
    user.is_empty() || user == "root" || user.parse() == Ok(0u32)
}

/// Secrets in the files of all layers, hidden ones too.
fn secret_files(
    evidence: &FindingSources<'_>,
    places: &Provenances<'_>,
    findings: &mut Findings<'_>,
) {
    for body in &evidence.merged.bodies {
        let secrets = match evidence.scan.extra(body.content) {
            Some(extra) if !extra.secrets.is_empty() => &extra.secrets,
            _ => continue,
        };
        let place = places.of(&body.path);
        let owned = is_owned(evidence, &body.path);
        for secret in secrets {
            if let Some(severity) = severity(secret, place, owned) {
                findings.push(secret_finding(body, secret, place, severity));
            }
        }
    }
}

fn secret_finding(
    body: &Body,
    secret: &SecretMatch,
    place: Provenance,
    severity: Severity,
) -> Finding {
    // Debian's `ssl-cert` makes it when it is installed: it differs in each image, and is the same in all its containers.
    let snake_oil = body.path.as_bytes().ends_with(b"/ssl-cert-snakeoil.key");
    let (kind, severity) = match secret.kind {
        SecretKind::PrivateKey { .. } if snake_oil => {
            (FindingKind::PrivateKey, severity.min(Severity::Warning))
        }
        SecretKind::PrivateKey { .. } => (FindingKind::PrivateKey, severity),
        SecretKind::Credential => (FindingKind::Credential, severity),
    };
    let encrypted = matches!(secret.kind, SecretKind::PrivateKey { encrypted: true });
    let article = if secret.what.starts_with(['A', 'E', 'O', 'R', 'a', 'e', 'o']) {
        "an"
    } else {
        "a"
    };
    let mut message = format!("{} holds {article} {}", body.path, secret.what);
    if encrypted {
        message.push_str(" that a passphrase protects");
    }
    if snake_oil {
        message.push_str(", the same in every container of this image");
    }
    if !secret.masked.is_empty() {
        message.push_str(&format!(": {}", secret.masked));
    }
    message.push_str(match place {
        Provenance::Own => "",
        Provenance::Sample => "; its place is one of tests, examples or copied sources",
        Provenance::Published => "; it comes with a package or a tool that others publish",
    });
    // People remove a key in a later step and think that it is gone.
    if !body.visible {
        message.push_str("; a later layer hides the file, but it ships in its layer");
    }
    let location = FindingLocation::File {
        path: body.path.to_string(),
        layer: body.content.layer as usize,
        line: secret.line,
        visible: body.visible,
    };
    // Without the mark: a rebuild makes another key, which an accepted fingerprint should cover.
    let mark = secret.mark.filter(|_| !snake_oil);
    Finding::new(kind, severity, message, location, secret.rule).with_mark(mark)
}

fn config_findings(config: &ImageConfig, findings: &mut Findings<'_>) {
    let mut finding = |kind, severity, message: String, location, detail: &str| {
        findings.push(Finding::new(kind, severity, message, location, detail));
    };
    let field = |name: &str| FindingLocation::Config {
        field: name.to_owned(),
    };
    for entry in config.env() {
        // The name only: the value would go to everybody who gets the report.
        if let (Some(rule), Some((name, _))) = (env_secret(entry), entry.split_once('=')) {
            finding(
                FindingKind::SecretInEnvironment,
                Severity::Error,
                format!(
                    "the environment variable {name} holds a secret that everybody who has the image can read"
                ),
                field("Env"),
                rule,
            );
        }
    }
    for (step, entry) in config.history().iter().enumerate() {
        for (rule, what) in step_secrets(entry.created_by.as_deref().unwrap_or_default()) {
            finding(
                FindingKind::SecretInHistory,
                Severity::Error,
                format!("step {step} of the history shows a secret ({what})"),
                FindingLocation::History { step },
                rule,
            );
        }
    }
    if runs_as_root(config) {
        finding(
            FindingKind::RunsAsRoot,
            Severity::Warning,
            "the container runs as root".into(),
            field("User"),
            "",
        );
    }
    let checked = config.healthcheck().is_some();
    let ports: Vec<&str> = config.exposed_ports().collect();
    // A job has nothing to check; what exposes a port is a service.
    if !checked && !ports.is_empty() {
        let message = format!(
            "the image exposes {} and has no HEALTHCHECK",
            ports.join(", ")
        );
        finding(
            FindingKind::NoHealthcheck,
            Severity::Note,
            message,
            field("Healthcheck"),
            "",
        );
    }
}

fn binary_findings(
    evidence: &FindingSources<'_>,
    places: &Provenances<'_>,
    findings: &mut Findings<'_>,
) {
    let location = |path: &str, layer| FindingLocation::File {
        path: path.to_owned(),
        layer,
        line: None,
        visible: true,
    };
    for need in &evidence.binaries.broken {
        let Some(binary) = binary(evidence.binaries, &need.path) else {
            continue;
        };
        // Distributions ship plug-ins for libraries that need not be installed: such a plug-in is just never loaded.
        if binary.linkage == Linkage::Library
            && places.of(&ImagePath::from_text(&binary.path)) == Provenance::Published
        {
            continue;
        }
        findings.push(Finding::new(
            FindingKind::BrokenBinary,
            Severity::Warning,
            format!(
                "{} needs {}, which the image does not have",
                need.path, need.needs
            ),
            location(&need.path, binary.layer),
            "",
        ));
    }
    for binary in &evidence.binaries.files {
        let hardening = &binary.hardening;
        let mut lacks = Vec::new();
        if !hardening.nx {
            lacks.push("a stack that cannot be executed");
        }
        // Go and others link static programs at a fixed address by default, so that this is no weakness of one program.
        if binary.linkage == Linkage::Dynamic && !hardening.pie {
            lacks.push("position independence");
        }
        if binary.linkage == Linkage::Dynamic && hardening.relro == Relro::None {
            lacks.push("read-only relocations");
        }
        if lacks.is_empty() {
            continue;
        }
        let severity = match places.of(&ImagePath::from_text(&binary.path)) {
            // Whoever publishes it would have to compile it in another way.
            Provenance::Published => continue,
            Provenance::Own if !hardening.nx => Severity::Warning,
            Provenance::Own | Provenance::Sample => Severity::Note,
        };
        findings.push(Finding::new(
            FindingKind::WeakBinary,
            severity,
            format!("{} lacks {}", binary.path, lacks.join(" and ")),
            location(&binary.path, binary.layer),
            "",
        ));
    }
}

/// The file at `path`.
fn binary<'a>(binaries: &'a Binaries, path: &str) -> Option<&'a Binary> {
    let path = ImagePath::from_text(path);
    let order = |binary: &Binary| ImagePath::from_text(&binary.path).cmp(&path);
    let index = binaries.files.binary_search_by(order).ok()?;
    binaries.files.get(index)
}

/// Whether the file at `path` belongs to a package.
fn is_owned(evidence: &FindingSources<'_>, path: &ImagePath) -> bool {
    let node = evidence.merged.rootfs.lookup(path);
    node.is_some_and(|node| evidence.owners.owns(node))
}

/// Certificates that are no authorities of the distribution, with those that have expired wherever they are.
fn certificates(
    evidence: &FindingSources<'_>,
    places: &Provenances<'_>,
    findings: &mut Findings<'_>,
) -> Vec<CertificateInfo> {
    let now = evidence.now.as_second();
    let mut infos = Vec::new();
    let mut seen = BTreeSet::new();
    for body in evidence.merged.bodies.iter().filter(|body| body.visible) {
        let extra = evidence.scan.extra(body.content);
        let certificates = extra
            .map(|extra| extra.certificates.as_slice())
            .unwrap_or_default();
        if certificates.is_empty() {
            continue;
        }
        let place = places.of(&body.path);
        // Authorities are public and by the hundred, so only expired ones are of interest.
        let public = place == Provenance::Published
            || AUTHORITIES
                .iter()
                .any(|dir| body.path.as_bytes().starts_with(dir))
                && !body.path.as_bytes().starts_with(b"/etc/pki/tls/private");
        for certificate in certificates {
            let expired = certificate.not_after < now;
            // It lies among the authorities, and belongs to this image.
            let own = !public || is_snake_oil(&body.path);
            if !(own || expired)
                || !seen.insert((
                    body.path.clone(),
                    certificate.subject.clone(),
                    certificate.not_after,
                ))
            {
                continue;
            }
            infos.push(CertificateInfo {
                path: body.path.to_string(),
                layer: body.content.layer as usize,
                subject: certificate.subject.clone(),
                issuer: certificate.issuer.clone(),
                not_before: time(certificate.not_before),
                not_after: time(certificate.not_after),
                expired,
            });
            let soon = !expired && certificate.not_after < now + SOON;
            if own && (expired || soon) {
                let (kind, severity, word) = match expired {
                    // Tests are done with expired certificates, too.
                    true if place == Provenance::Sample => {
                        (FindingKind::ExpiredCertificate, Severity::Note, "expired")
                    }
                    true => (
                        FindingKind::ExpiredCertificate,
                        Severity::Warning,
                        "expired",
                    ),
                    false => (FindingKind::ExpiringCertificate, Severity::Note, "expires"),
                };
                let message = format!(
                    "the certificate {} in {} {word} on {}",
                    certificate.subject,
                    body.path,
                    time(certificate.not_after)
                );
                let location = FindingLocation::File {
                    path: body.path.to_string(),
                    layer: body.content.layer as usize,
                    line: None,
                    visible: true,
                };
                findings.push(Finding::new(kind, severity, message, location, ""));
            }
        }
    }
    infos
}

/// Debian's self-signed certificate, made when a package is installed.
fn is_snake_oil(path: &ImagePath) -> bool {
    path.as_bytes().ends_with(b"/ssl-cert-snakeoil.pem")
}

/// The time (RFC 3339), or the number of seconds if it is beyond the calendar.
fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
