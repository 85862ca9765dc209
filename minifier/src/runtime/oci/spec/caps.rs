//! Capabilities: Docker's default ones, with those that the options add and drop.
//!
//! Source: capabilities(7); Docker's `oci/caps`.

use std::collections::BTreeSet;

use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities, LinuxCapabilitiesBuilder};

use super::failed;
use crate::runtime::error::RuntimeError;

/// The capabilities of a container by default (Docker's list).
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// All capabilities, by number.
const ALL: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The names of a container's capabilities, without `CAP_`.
pub(crate) fn names(
    add: &[String],
    drop: &[String],
) -> Result<BTreeSet<&'static str>, RuntimeError> {
    let (add, add_all) = read("--cap-add", add)?;
    let (drop, drop_all) = read("--cap-drop", drop)?;
    // As Docker has it: `--cap-drop ALL --cap-add X` leaves X alone, and `--cap-add ALL --cap-drop X` all but X.
    let base: BTreeSet<&str> = match (add_all, drop_all) {
        (true, _) => ALL.into(),
        (false, true) => return Ok(add),
        (false, false) => DEFAULT.into(),
    };
    let kept = base.difference(&drop).copied();
    Ok(kept.chain(add.iter().copied()).collect())
}

fn read(option: &str, names: &[String]) -> Result<(BTreeSet<&'static str>, bool), RuntimeError> {
    let mut known = BTreeSet::new();
    let mut all = false;
    for name in names {
        let upper = name.to_ascii_uppercase();
        let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if short == "ALL" {
            all = true;
        } else if let Some(found) = ALL.iter().find(|known| **known == short) {
            known.insert(*found);
        } else {
            return Err(RuntimeError::Option {
                option: format!("{option} {name}"),
                reason: "there is no such capability".to_owned(),
            });
        }
    }
    Ok((known, all))
}

/// The sets of a process. A process that is not root has them only in its bounding set, as with Docker: it can gain them
/// by executing a file that has them.
pub(crate) fn sets(names: &BTreeSet<&str>, root: bool) -> Result<LinuxCapabilities, RuntimeError> {
    let known = |name: &&str| {
        name.parse::<Capability>().map_err(|error| {
            failed(oci_spec::OciSpecError::Other(format!(
                "capability {name}: {error}"
            )))
        })
    };
    let set = names
        .iter()
        .map(known)
        .collect::<Result<Capabilities, _>>()?;
    let own = if root {
        set.clone()
    } else {
        Capabilities::new()
    };
    LinuxCapabilitiesBuilder::default()
        .bounding(set)
        .effective(own.clone())
        .permitted(own)
        // Empty since CVE-2022-24769: with inheritable capabilities, programs with file capabilities gained too much.
        .inheritable(Capabilities::new())
        .ambient(Capabilities::new())
        .build()
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(add: &[&str], drop: &[&str]) -> Vec<&'static str> {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        names(&owned(add), &owned(drop))
            .unwrap()
            .into_iter()
            .collect()
    }

    #[test]
    fn capabilities_are_added_and_dropped_as_docker_does() {
        assert_eq!(of(&[], &[]).len(), 14);
        assert!(of(&["cap_net_admin"], &["CHOWN"]).contains(&"NET_ADMIN"));
        assert!(!of(&["cap_net_admin"], &["CHOWN"]).contains(&"CHOWN"));
        assert_eq!(of(&["KILL"], &["ALL"]), ["KILL"]);
        assert_eq!(of(&["ALL"], &["BPF"]).len(), 40);
        let error = names(&["NOPE".into()], &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("--cap-add NOPE: there is no such capability")
        );
    }

    #[test]
    fn every_name_is_known_to_the_spec() {
        let every: BTreeSet<&str> = ALL.into();
        let sets = sets(&every, true).unwrap();
        assert_eq!(sets.bounding().as_ref().unwrap().len(), ALL.len());
    }
}
