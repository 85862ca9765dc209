//! File capabilities in the words of `getcap`.
//!
//! Source: `capabilities(7)`, the kernel's `include/uapi/linux/capability.h`, libcap's `cap_to_text`.

/// Names in the order of their numbers.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];
/// Positions of those that are as good as root: with any of them, a process can become root or read and write everything.
const LIKE_ROOT: [usize; 11] = [0, 1, 3, 6, 7, 8, 16, 17, 19, 21, 31];

/// Capabilities that `security.capability` grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// `cap_net_bind_service=ep`
    pub(crate) text: String,
    /// Whether one of them is as good as root.
    pub(crate) like_root: bool,
}

/// Decodes the attribute, versions 1 to 3; `None` if it is malformed.
pub(crate) fn capabilities(attribute: &[u8]) -> Option<Capabilities> {
    let word = |i: usize| {
        let bytes = attribute.get(i * 4..i * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let magic = word(0)?;
    // The effective set of a file is one bit (`VFS_CAP_FLAGS_EFFECTIVE`): all of the permitted ones, or none.
    let effective = magic & 1 != 0;
    // Revision 1 has 32 bits for each set. Revision 3 adds the user namespace's root, which changes no names.
    let pairs = match magic >> 24 {
        1 => 1,
        2 | 3 => 2,
        _ => return None,
    };
    let mut sets = (0u64, 0u64);
    // Low words first, and permitted before inheritable in each pair.
    for i in 0..pairs {
        sets.0 |= u64::from(word(1 + 2 * i)?) << (32 * i);
        sets.1 |= u64::from(word(2 + 2 * i)?) << (32 * i);
    }
    let (permitted, inheritable) = sets;
    // One clause for each combination of flags, as libcap writes them.
    let both = permitted & inheritable;
    let clauses = [
        (both, true, true),
        (permitted & !both, true, false),
        (inheritable & !both, false, true),
    ];
    let mut texts = Vec::new();
    for (set, p, i) in clauses.into_iter().filter(|(set, ..)| *set != 0) {
        let names: Vec<String> = (0..64)
            .filter(|bit| set >> bit & 1 != 0)
            .map(name)
            .collect();
        // What is only inheritable is never effective by itself.
        let e = effective && p;
        let flags: String = [(e, 'e'), (i, 'i'), (p, 'p')]
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, c)| c)
            .collect();
        texts.push(format!("{}={flags}", names.join(",")));
    }
    if texts.is_empty() {
        return None;
    }
    let root = LIKE_ROOT.iter().any(|bit| permitted >> bit & 1 != 0);
    Some(Capabilities {
        text: texts.join(" "),
        like_root: root,
    })
}

fn name(bit: usize) -> String {
    match NAMES.get(bit) {
        Some(name) => format!("cap_{name}"),
        // A newer kernel may know more; `getcap` prints numbers for those that it does not know.
        None => format!("cap_{bit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(magic: u32, words: &[u32]) -> Vec<u8> {
        [&[magic], words]
            .concat()
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    #[test]
    fn attributes_read_as_getcap_shows_them() {
        let bind = attribute(0x0200_0001, &[1 << 10, 0, 0, 0]);
        assert_eq!(capabilities(&bind).unwrap().text, "cap_net_bind_service=ep");
        assert!(!capabilities(&bind).unwrap().like_root);
        let two = attribute(0x0200_0000, &[1 << 12 | 1 << 13, 0, 1 << (38 - 32), 0]);
        assert_eq!(
            capabilities(&two).unwrap().text,
            "cap_net_admin,cap_net_raw,cap_perfmon=p"
        );
        let mixed = attribute(0x0300_0001, &[1 << 21, 1 << 13, 0, 0, 0]);
        assert_eq!(
            capabilities(&mixed).unwrap().text,
            "cap_sys_admin=ep cap_net_raw=i"
        );
        assert!(capabilities(&mixed).unwrap().like_root);
        assert_eq!(capabilities(b"short"), None);
        assert_eq!(capabilities(&attribute(0x0200_0001, &[0, 0])), None);
    }
}
