//! Whether this process may load eBPF programs: capabilities, lockdown.

use rustix::thread::CapabilitySet;

use super::error::TraceError;

/// The capabilities that tracing needs. CAP_SYS_ADMIN includes them: before Linux 5.8, which split them off, it was the only one.
pub(crate) const NEEDED: [(CapabilitySet, &str); 2] = [
    (CapabilitySet::BPF, "CAP_BPF"),
    (CapabilitySet::PERFMON, "CAP_PERFMON"),
];

/// Fails if a capability is missing or lockdown forbids tracing: the kernel would only report EPERM for both.
pub(crate) fn check() -> Result<(), TraceError> {
    let missing = missing_capabilities();
    if !missing.is_empty() {
        return Err(TraceError::NotPermitted { missing });
    }
    if lockdown().as_deref() == Some("confidentiality") {
        return Err(TraceError::LockedDown);
    }
    Ok(())
}

/// Names of the needed capabilities that are not in effect.
pub(crate) fn missing_capabilities() -> Vec<&'static str> {
    let effective =
        rustix::thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    if effective.contains(CapabilitySet::SYS_ADMIN) {
        return Vec::new();
    }
    NEEDED
        .iter()
        .filter(|(capability, _)| !effective.contains(*capability))
        .map(|(_, name)| *name)
        .collect()
}

/// The kernel's lockdown level; `None` if it has none, or if securityfs is not mounted.
pub(crate) fn lockdown() -> Option<String> {
    // The current level is in brackets: `none [integrity] confidentiality`.
    let levels = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let level = levels
        .split_whitespace()
        .find(|level| level.starts_with('['))?;
    Some(level.trim_matches(['[', ']']).to_owned())
}
