//! The system calls that take a path or concern one, by number and by name.
//!
//! One table serves both sides: the kernel side gets a [`Class`] per number ([`classes`]), the user side turns a number
//! and its flags into an [`Operation`] ([`SystemCall::operation`]).

use minifier_common::class::{Class, TABLE};
use minifier_common::decode::Record;

pub use super::call::{SystemCall, open_operation};
use super::call_table::{CALLS, OTHERS, URING};
use crate::trace::model::Operation;

/// The call with that number on this machine.
pub fn call(number: u16) -> Option<&'static SystemCall> {
    // A table of a hundred rows: a linear search is as fast as a map.
    CALLS.iter().find(|call| call.number() == Some(number))
}

/// Number on this machine of a call by its name.
pub fn number(name: &str) -> Option<u16> {
    CALLS
        .iter()
        .chain(OTHERS)
        .find(|call| call.name == name)
        .and_then(SystemCall::number)
}

/// The system call number and the operation of an io_uring request. It does what the system call of the same name does.
pub fn uring_operation(record: &Record<'_>) -> Option<(u16, Operation)> {
    let name = *URING.get(record.header.extra as usize)?;
    let call = CALLS.iter().find(|call| call.name == name)?;
    Some((
        number("io_uring_enter")?,
        call.operation(record.header.argument, record.header.detail),
    ))
}

/// The kernel side's table; every call is marked as not seen yet.
pub fn classes() -> [u32; TABLE] {
    let mut table = [Class::UNSEEN; TABLE];
    for call in CALLS {
        if let Some(entry) = call
            .number()
            .and_then(|number| table.get_mut(usize::from(number)))
        {
            *entry |= call.class.0;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use minifier_common::class::{NO_ARGUMENT, Shape};

    use super::super::call::{FOLLOW, NO_FOLLOW};
    use super::*;
    use crate::trace::Operation::{Create, Look, LookNoFollow, OpenWrite, Remove};

    #[test]
    fn names_and_numbers_are_unique() {
        let all: Vec<&SystemCall> = CALLS.iter().chain(OTHERS).collect();
        let count = |numbers: Vec<Option<u16>>| {
            let numbers: Vec<u16> = numbers.into_iter().flatten().collect();
            assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
        };
        count(all.iter().map(|call| call.x86_64).collect());
        count(all.iter().map(|call| call.aarch64).collect());
        assert_eq!(
            all.iter()
                .map(|call| call.name)
                .collect::<BTreeSet<_>>()
                .len(),
            all.len()
        );
    }

    /// The kernel's headers decide, if this machine's C library knows the call.
    #[test]
    fn numbers_are_those_of_the_c_library() {
        let known = [
            ("openat", libc::SYS_openat),
            ("openat2", libc::SYS_openat2),
            ("execve", libc::SYS_execve),
            ("execveat", libc::SYS_execveat),
            ("newfstatat", libc::SYS_newfstatat),
            ("statx", libc::SYS_statx),
            ("faccessat", libc::SYS_faccessat),
            ("readlinkat", libc::SYS_readlinkat),
            ("chdir", libc::SYS_chdir),
            ("fchdir", libc::SYS_fchdir),
            ("chroot", libc::SYS_chroot),
            ("pivot_root", libc::SYS_pivot_root),
            ("getdents64", libc::SYS_getdents64),
            ("linkat", libc::SYS_linkat),
            ("renameat2", libc::SYS_renameat2),
            ("unlinkat", libc::SYS_unlinkat),
            ("symlinkat", libc::SYS_symlinkat),
            ("mknodat", libc::SYS_mknodat),
            ("mkdirat", libc::SYS_mkdirat),
            ("truncate", libc::SYS_truncate),
            ("fchmodat", libc::SYS_fchmodat),
            ("fchownat", libc::SYS_fchownat),
            ("utimensat", libc::SYS_utimensat),
            ("setxattr", libc::SYS_setxattr),
            ("lsetxattr", libc::SYS_lsetxattr),
            ("getxattr", libc::SYS_getxattr),
            ("lgetxattr", libc::SYS_lgetxattr),
            ("listxattr", libc::SYS_listxattr),
            ("llistxattr", libc::SYS_llistxattr),
            ("removexattr", libc::SYS_removexattr),
            ("lremovexattr", libc::SYS_lremovexattr),
            ("statfs", libc::SYS_statfs),
            ("inotify_add_watch", libc::SYS_inotify_add_watch),
            ("fanotify_mark", libc::SYS_fanotify_mark),
            ("name_to_handle_at", libc::SYS_name_to_handle_at),
            ("open_by_handle_at", libc::SYS_open_by_handle_at),
            ("connect", libc::SYS_connect),
            ("bind", libc::SYS_bind),
            ("sendto", libc::SYS_sendto),
            ("sendmsg", libc::SYS_sendmsg),
            ("mount", libc::SYS_mount),
            ("umount2", libc::SYS_umount2),
            ("move_mount", libc::SYS_move_mount),
            ("open_tree", libc::SYS_open_tree),
            ("fspick", libc::SYS_fspick),
            ("mount_setattr", libc::SYS_mount_setattr),
            ("swapon", libc::SYS_swapon),
            ("swapoff", libc::SYS_swapoff),
            ("acct", libc::SYS_acct),
            ("quotactl", libc::SYS_quotactl),
            ("exit", libc::SYS_exit),
            ("exit_group", libc::SYS_exit_group),
            ("rt_sigreturn", libc::SYS_rt_sigreturn),
            ("io_uring_setup", libc::SYS_io_uring_setup),
            ("io_uring_enter", libc::SYS_io_uring_enter),
            ("faccessat2", libc::SYS_faccessat2),
        ];
        for (name, expected) in known {
            assert_eq!(number(name).map(i64::from), Some(expected), "{name}");
        }
    }

    #[test]
    fn every_call_is_in_the_kernel_sides_table() {
        let table = classes();
        for call in CALLS {
            let Some(number) = call.number() else {
                continue;
            };
            let class = Class(table[usize::from(number)]);
            assert_ne!(class.shape(), Shape::None as u32, "{}", call.name);
            assert_ne!(class.0 & Class::UNSEEN, 0, "{}", call.name);
            for argument in [
                class.path_argument(0),
                class.at_argument(0),
                class.flags_argument(),
            ] {
                assert!(
                    argument < 6 || argument == NO_ARGUMENT,
                    "{}: {argument}",
                    call.name
                );
            }
        }
        assert!(table.iter().all(|class| class & Class::UNSEEN != 0));
    }

    #[test]
    fn flags_decide_what_an_open_does() {
        let of = |flags: i32| open_operation(flags.cast_unsigned());
        assert_eq!(of(libc::O_RDONLY | libc::O_CLOEXEC), Operation::Open);
        assert_eq!(of(libc::O_RDONLY | libc::O_DIRECTORY), Operation::Open);
        assert_eq!(of(libc::O_WRONLY), OpenWrite);
        assert_eq!(of(libc::O_RDONLY | libc::O_CREAT), OpenWrite);
        assert_eq!(of(libc::O_RDONLY | libc::O_TRUNC), OpenWrite);
        assert_eq!(of(libc::O_PATH), Look);
        assert_eq!(of(libc::O_PATH | libc::O_NOFOLLOW), LookNoFollow);
    }

    #[test]
    fn flags_decide_whether_a_last_link_is_followed() {
        let of = |name: &str, flags: u32| {
            CALLS
                .iter()
                .find(|call| call.name == name)
                .expect("a call")
                .operation(0, flags)
        };
        assert_eq!(of("newfstatat", 0), Look);
        assert_eq!(of("newfstatat", NO_FOLLOW), LookNoFollow);
        assert_eq!(of("lstat", 0), LookNoFollow);
        assert_eq!(of("name_to_handle_at", 0), LookNoFollow);
        assert_eq!(of("name_to_handle_at", FOLLOW), Look);
        assert_eq!(of("inotify_add_watch", libc::IN_DONT_FOLLOW), LookNoFollow);
    }

    #[test]
    fn both_names_of_a_rename_are_told_apart() {
        let rename = CALLS
            .iter()
            .find(|call| call.name == "renameat2")
            .expect("a call");
        assert_eq!(rename.operation(0, 0), Remove);
        assert_eq!(rename.operation(1, 0), Create);
    }

    #[test]
    fn every_io_uring_operation_works_as_a_call_of_the_table() {
        for name in URING.iter().filter(|name| !name.is_empty()) {
            assert!(CALLS.iter().any(|call| call.name == *name), "{name}");
        }
    }
}
