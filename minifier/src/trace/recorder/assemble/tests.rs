//! Records as the kernel side writes them, and what becomes of them.

use minifier_common::decode::encode_header;
use minifier_common::record::Header;

use super::*;
use crate::trace::model::SecondSource;

const OPEN: u16 = 0;
/// Enough for every test.
const MEMORY: u64 = 1 << 20;
const BOTH: u16 = flag::BASE | flag::RESOLVED;

/// A record; `base` and `resolved` are absolute paths.
fn record(header: Header, path: &[u8], base: &str, resolved: &str) -> Vec<u8> {
    let components = |path: &str| -> Vec<u8> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names
            .rev()
            .flat_map(|name| name.bytes().chain([0]))
            .collect()
    };
    let (base, resolved) = (components(base), components(resolved));
    let header = Header {
        path_length: path.len() as u16,
        base_length: base.len() as u16,
        resolved_length: resolved.len() as u16,
        ..header
    };
    [&encode_header(&header)[..], path, &base, &resolved].concat()
}

fn access(call: &str, tgid: u32, flags: u16) -> Header {
    Header {
        kind: kind::ACCESS,
        syscall: calls::number(call).expect("a call"),
        tgid,
        flags,
        ..Header::default()
    }
}

fn event(kind: u8, tgid: u32, parent: u32) -> Header {
    let flags = if kind == kind::EXECUTE {
        BOTH
    } else {
        flag::BASE
    };
    Header {
        kind,
        tgid,
        parent,
        extra: parent,
        flags,
        ..Header::default()
    }
}

fn assembled(records: &[Vec<u8>]) -> Assembler {
    let mut assembler = Assembler::new(1_000, MEMORY);
    records.iter().for_each(|record| assembler.push(record));
    assert_eq!(assembler.undecodable, 0);
    assembler
}

#[test]
fn an_open_has_its_path_base_and_target() {
    let header = Header {
        time: 3_500,
        result: 7,
        ..access("openat", 42, BOTH)
    };
    let assembler = assembled(&[record(header, b"../link", "/a/b", "/a/file")]);
    let expected = Access {
        time: Duration::from_nanos(2_500),
        pid: 42,
        syscall: calls::number("openat").expect("a call").into(),
        operation: Operation::Open,
        requested: b"../link".to_vec(),
        base: Some("/a/b".into()),
        resolved: Some("/a/file".into()),
        result: Some(7),
    };
    assert_eq!(assembler.accesses, [expected]);
    assert!(assembler.processes.contains_key(&42));
}

#[test]
fn a_base_that_was_not_read_is_none_and_not_the_root() {
    for flags in [
        OPEN,
        flag::BASE | flag::BASE_LOST,
        flag::BASE | flag::BASE_DETACHED,
    ] {
        let assembler = assembled(&[record(access("openat", 1, flags), b"name", "", "")]);
        assert_eq!(assembler.accesses[0].base, None, "{flags}");
    }
    let root = assembled(&[record(access("openat", 1, flag::BASE), b"name", "/", "")]);
    assert_eq!(root.accesses[0].base, Some(ImagePath::root()));
}

#[test]
fn something_without_any_path_is_dropped() {
    let detached = access("newfstatat", 1, flag::BASE | flag::BASE_DETACHED);
    assert_eq!(assembled(&[record(detached, b"", "", "")]).accesses, []);
}

#[test]
fn repeated_accesses_appear_once_and_failures_apart_from_successes() {
    let open = |time, tgid, result| {
        let header = Header {
            time,
            result,
            ..access("openat", tgid, flag::BASE)
        };
        record(header, b"/file", "/", "")
    };
    let assembler = assembled(&[
        open(2_000, 1, 3),
        open(3_000, 2, 4),
        open(4_000, 1, -2),
        open(5_000, 1, -13),
    ]);
    let seen: Vec<_> = assembler
        .accesses
        .iter()
        .map(|access| (access.pid, access.result))
        .collect();
    assert_eq!(seen, [(1, Some(3)), (1, Some(-2)), (1, Some(-13))]);
}

#[test]
fn a_relative_chdir_starts_where_the_process_was() {
    let chdir =
        |tgid, path: &[u8], to: &str| record(access("chdir", tgid, flag::RESOLVED), path, "", to);
    let assembler = assembled(&[
        record(event(kind::SEED, 1, 0), b"", "/app", ""),
        chdir(1, b"current", "/app/v1"),
        // A child starts where its parent is at the fork, and does not move it.
        record(event(kind::FORK, 2, 1), b"", "", ""),
        chdir(2, b"lib", "/app/v1/lib"),
        chdir(1, b"bin", "/app/v1/bin"),
        record(access("fchdir", 1, flag::RESOLVED), b"", "", "/srv"),
        chdir(1, b"www", "/srv/www"),
    ]);
    let bases: Vec<_> = assembler
        .accesses
        .iter()
        .map(|access| access.base.as_ref().map(ToString::to_string))
        .collect();
    let expected = [
        Some("/app"),
        Some("/app/v1"),
        Some("/app/v1"),
        None,
        Some("/srv"),
    ];
    assert_eq!(bases, expected.map(|base| base.map(str::to_owned)));
}

#[test]
fn executables_are_inherited_and_kept_in_order() {
    let assembler = assembled(&[
        record(event(kind::SEED, 1, 0), b"", "/", ""),
        record(
            event(kind::EXECUTE, 1, 0),
            b"/entrypoint.sh",
            "/",
            "/bin/dash",
        ),
        record(event(kind::INTERPRETER, 1, 0), b"/bin/sh", "/", ""),
        record(event(kind::FORK, 2, 1), b"", "", ""),
        record(
            event(kind::EXECUTE, 2, 1),
            b"/usr/bin/app",
            "/",
            "/usr/bin/app",
        ),
        record(event(kind::EXECUTE, 1, 0), b"server", "/opt", "/opt/server"),
    ]);
    let executables = |pid| {
        assembler.processes[&pid]
            .executables
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(executables(1), ["/bin/dash", "/opt/server"]);
    assert_eq!(executables(2), ["/bin/dash", "/usr/bin/app"]);
    assert_eq!(assembler.processes[&2].parent, 1);
    assert!(assembler.seeded);
    // The script, its interpreter, the programs.
    assert_eq!(assembler.accesses.len(), 4);
    assert!(
        assembler
            .accesses
            .iter()
            .all(|access| access.operation == Operation::Execute)
    );
}

#[test]
fn a_mount_source_is_a_path_for_bind_mounts_only() {
    let mount = |detail| {
        let header = Header {
            detail,
            ..access("mount", 1, flag::BASE)
        };
        assembled(&[record(header, b"/from", "/", "")])
            .accesses
            .len()
    };
    assert_eq!((mount(0), mount(BIND)), (0, 1));
}

#[test]
fn strange_records_are_counted() {
    let mut assembler = Assembler::new(0, MEMORY);
    assembler.push(b"short");
    assembler.push(&record(event(99, 1, 0), b"", "", ""));
    assembler.push(&record(
        Header {
            kind: kind::ACCESS,
            syscall: 511,
            ..Header::default()
        },
        b"",
        "",
        "",
    ));
    assembler.push(&record(event(kind::URING, 1, 63), b"/file", "/", ""));
    assert_eq!(assembler.undecodable, 4);
    assert_eq!(assembler.accesses, []);
}

fn opened(tgid: u32, flags: u16) -> Header {
    Header {
        kind: kind::OPENED,
        syscall: kind::UNKNOWN_CALL,
        tgid,
        flags,
        ..Header::default()
    }
}

#[test]
fn only_what_the_second_source_alone_saw_is_added_by_it() {
    let run = event(kind::EXECUTE, 7, 1);
    let mut assembler = assembled(&[
        record(run, b"/run", "/", "/run"),
        record(access("openat", 7, BOTH), b"seen", "/", "/seen"),
        record(access("openat", 7, BOTH), b"unseen", "/", "/unseen"),
        record(opened(7, flag::RESOLVED), b"", "", "/run"),
        record(opened(7, flag::RESOLVED), b"", "", "/seen"),
        record(opened(7, flag::RESOLVED), b"", "", "/alone"),
    ]);
    let before = assembler.accesses.len();
    let sources = assembler.join_sources();
    assert_eq!(sources.alone, BTreeSet::from(["/alone".into()]));
    assert_eq!(sources.missed, BTreeSet::from(["/unseen".into()]));
    assert_eq!(sources.both, 1);
    let added = &assembler.accesses[before..];
    assert_eq!(added.len(), 1);
    assert_eq!(added[0].resolved, Some("/alone".into()));
    assert_eq!(added[0].requested, b"/alone");
    assert_eq!(added[0].operation, Operation::Open);
    assert_eq!(added[0].syscall, crate::trace::model::UNKNOWN_CALL);
}

#[test]
fn a_file_that_refused_to_be_opened_was_not_opened() {
    let refused = |path: &[u8], base| {
        let header = Header {
            result: -6,
            ..access("openat", 7, flag::BASE)
        };
        record(header, path, base, "")
    };
    let seen_in = |call: u16, path| {
        let header = Header {
            syscall: call,
            ..opened(7, flag::RESOLVED)
        };
        record(header, b"", "", path)
    };
    const IO_URING_ENTER: u16 = 426;
    let openat = calls::number("openat").expect("a call");
    let mut assembler = assembled(&[
        refused(b"/dev/tty", "/"),
        refused(b"../fifo", "/run/app"),
        seen_in(openat, "/dev/tty"),
        seen_in(kind::UNKNOWN_CALL, "/run/fifo"),
        // Another call opened it after all.
        refused(b"/later", "/"),
        seen_in(IO_URING_ENTER, "/later"),
    ]);
    let sources = assembler.join_sources();
    assert_eq!(sources.alone, BTreeSet::from(["/later".into()]));
    assert!(sources.missed.is_empty());
}

#[test]
fn the_file_behind_an_overlay_is_left_out() {
    let behind = flag::RESOLVED | flag::RESOLVED_DETACHED;
    let mut assembler = assembled(&[record(opened(7, behind), b"", "", "")]);
    assert_eq!(assembler.join_sources(), SecondSource::default());
    assert!(assembler.accesses.is_empty());
}

#[test]
fn what_was_asked_for_with_o_path_is_not_missed() {
    let header = Header {
        detail: rustix::fs::OFlags::PATH.bits(),
        ..access("openat", 7, BOTH)
    };
    let mut assembler = assembled(&[record(header, b"x", "/", "/x")]);
    assert!(assembler.join_sources().missed.is_empty());
}

/// Opens of `count` paths, none of which is like another, that start with `start`.
fn distinct(start: &str, count: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |number| {
        let path = format!("{start}-{number}");
        record(access("openat", 1, BOTH), path.as_bytes(), "/", &path)
    })
}

#[test]
fn what_exceeds_the_memory_is_left_out_and_counted() {
    let mut assembler = Assembler::new(0, 64 << 10);
    for record in distinct("/a", 1000) {
        assembler.push(&record);
    }
    let kept = assembler.accesses.len();
    assert!((100..400).contains(&kept), "{kept}");
    assert_eq!(assembler.budget.refused() as usize, 1000 - kept);
    // The end is missing, and not a part of the middle.
    let last = format!("/a-{}", kept - 1);
    assert_eq!(assembler.accesses[kept - 1].requested, last.as_bytes());
    // What costs nothing is still noticed.
    let number = Header {
        syscall: 77,
        ..event(kind::SYSCALL, 1, 0)
    };
    assembler.push(&record(number, b"", "/", "/"));
    assembler.push(&record(event(kind::SEED, 2, 1), b"", "/", "/"));
    assert!(assembler.syscalls.contains(&77) && assembler.seeded);
}

#[test]
fn processes_and_what_they_execute_count_as_memory() {
    let forks = |assembler: &mut Assembler| {
        for process in 2..2000 {
            assembler.push(&record(event(kind::FORK, process, 1), b"", "/", "/"));
        }
    };
    let executions = |assembler: &mut Assembler| {
        for _ in 0..20_000 {
            assembler.push(&record(event(kind::EXECUTE, 1, 0), b"/a", "/", "/a"));
        }
    };
    for (what, fill) in [
        ("forks", &forks as &dyn Fn(&mut Assembler)),
        ("executions", &executions),
    ] {
        let mut assembler = Assembler::new(0, 64 << 10);
        fill(&mut assembler);
        assert!(assembler.budget.is_spent(), "{what}");
        let executables: usize = assembler
            .processes
            .values()
            .map(|process| process.executables.len())
            .sum();
        assert!(assembler.processes.len() + executables < 3000, "{what}");
    }
}
