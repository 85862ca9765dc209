//! The system calls that a container may use: Docker's default profile.
//!
//! Source: moby's default profile (`profiles/seccomp`), as a list of names in `seccomp.txt` and the exceptions below.
//! Runtimes ignore names that the host's libseccomp does not know.

use std::collections::BTreeSet;

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompBuilder, LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
};

use super::failed;
use crate::runtime::error::RuntimeError;

const ALLOWED: &str = include_str!("seccomp.txt");

/// `CLONE_NEW*`: new namespaces.
const NAMESPACES: u64 = 0x7e02_0000;
/// `AF_VSOCK`: a way out to the host of a virtual machine.
const VSOCK: u64 = 40;
const ENOSYS: u32 = 38;

/// Further calls for each capability.
const BY_CAPABILITY: [(&str, &str); 14] = [
    ("BPF", "bpf"),
    ("DAC_READ_SEARCH", "open_by_handle_at"),
    ("PERFMON", "perf_event_open"),
    (
        "SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount \
         mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname \
         sethostname setns syslog umount umount2 unshare",
    ),
    ("SYS_BOOT", "reboot"),
    ("SYS_CHROOT", "chroot"),
    ("SYS_MODULE", "delete_module finit_module init_module"),
    (
        "SYS_NICE",
        "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    ),
    ("SYS_PACCT", "acct"),
    ("SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
    ("SYS_RAWIO", "ioperm iopl"),
    (
        "SYS_TIME",
        "clock_settime clock_settime64 settimeofday stime",
    ),
    ("SYS_TTY_CONFIG", "vhangup"),
    ("SYSLOG", "syslog"),
];

/// Personalities that a program may set: Linux, Linux with 32-bit addresses, both with `UNAME26`; the last one only asks.
/// Others turn address randomisation off.
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The filter for a container with these capabilities, for the machine that this runs on.
pub(crate) fn profile(capabilities: &BTreeSet<&str>) -> Result<LinuxSeccomp, RuntimeError> {
    let (architectures, extra) = machine();
    let mut allowed: BTreeSet<&str> = ALLOWED.split_whitespace().collect();
    allowed.extend(extra.split(' '));
    for (capability, calls) in BY_CAPABILITY {
        if capabilities.contains(capability) {
            allowed.extend(calls.split_whitespace());
        }
    }
    // CAP_SYS_ADMIN allows `clone` with all flags.
    let unrestricted = allowed.contains("clone");
    let names = allowed.into_iter().map(str::to_owned).collect();
    let mut calls = vec![allow(names, None)?];
    let equal = LinuxSeccompOperator::ScmpCmpEq;
    for value in PERSONALITIES {
        calls.push(allow(
            vec!["personality".into()],
            Some((value, None, equal)),
        )?);
    }
    let other = LinuxSeccompOperator::ScmpCmpNe;
    calls.push(allow(vec!["socket".into()], Some((VSOCK, None, other)))?);
    if !unrestricted {
        let masked = LinuxSeccompOperator::ScmpCmpMaskedEq;
        calls.push(allow(
            vec!["clone".into()],
            Some((NAMESPACES, Some(0), masked)),
        )?);
        // A filter cannot read the flags of `clone3`, which are in memory. With ENOSYS, glibc falls back to `clone`; with
        // EPERM, since glibc 2.34, no thread could be started.
        let clone3 = LinuxSyscallBuilder::default()
            .names(vec!["clone3".to_owned()])
            .action(LinuxSeccompAction::ScmpActErrno)
            .errno_ret(ENOSYS);
        calls.push(clone3.build().map_err(failed)?);
    }
    LinuxSeccompBuilder::default()
        .default_action(LinuxSeccompAction::ScmpActErrno)
        .default_errno_ret(1_u32)
        .architectures(architectures)
        .syscalls(calls)
        .build()
        .map_err(failed)
}

/// The architectures whose system calls this kernel accepts, and the calls that only they have.
fn machine() -> (Vec<Arch>, &'static str) {
    if cfg!(target_arch = "x86_64") {
        let archs = vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32];
        (archs, "arch_prctl modify_ldt")
    } else {
        let calls =
            "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2";
        (vec![Arch::ScmpArchAarch64, Arch::ScmpArchArm], calls)
    }
}

fn allow(
    names: Vec<String>,
    first: Option<(u64, Option<u64>, LinuxSeccompOperator)>,
) -> Result<LinuxSyscall, RuntimeError> {
    let call = LinuxSyscallBuilder::default()
        .names(names)
        .action(LinuxSeccompAction::ScmpActAllow);
    let Some((value, two, op)) = first else {
        return call.build().map_err(failed);
    };
    let arg = LinuxSeccompArgBuilder::default()
        .index(0_usize)
        .value(value)
        .op(op);
    let arg: LinuxSeccompArg = match two {
        Some(two) => arg.value_two(two),
        None => arg,
    }
    .build()
    .map_err(failed)?;
    call.args(vec![arg]).build().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(capabilities: &[&str]) -> BTreeSet<String> {
        let profile = profile(&capabilities.iter().copied().collect()).unwrap();
        let calls = profile.syscalls().as_ref().unwrap();
        calls[0].names().iter().cloned().collect()
    }

    #[test]
    fn what_reaches_out_of_a_container_takes_a_capability() {
        let plain = allowed(&["SYS_CHROOT"]);
        for call in [
            "openat",
            "execve",
            "chroot",
            "io_uring_setup",
            "ptrace",
            "clone",
        ] {
            assert_eq!(plain.contains(call), call != "clone", "{call}");
        }
        for call in [
            "mount",
            "bpf",
            "setns",
            "unshare",
            "keyctl",
            "kexec_load",
            "reboot",
            "socket",
        ] {
            assert!(!plain.contains(call), "{call}");
        }
        let admin = allowed(&["SYS_ADMIN"]);
        assert!(admin.contains("mount") && admin.contains("clone3") && !admin.contains("chroot"));
    }
}
