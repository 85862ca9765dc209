//! What follows from accesses alone.

use super::helper::{access, check, failed, kept, messages, planned, trace};
use crate::analyze::testing::TestImage;
use crate::plan::{Reason, Rules, WarningLevel};
use crate::rootfs::ImagePath;
use crate::trace::{Access, Operation, Process, Trace};

fn kept_of(image: TestImage, accesses: impl IntoIterator<Item = Access>) -> Vec<String> {
    let image = image.build();
    kept(&planned(&image, &trace(accesses), &Rules::default()))
}

#[test]
fn links_on_the_way_stay_with_their_target() {
    let image = TestImage::new()
        .link("/app", "srv/v2")
        .link("/srv/v2/conf", "../../data/conf")
        .file("/data/conf/a", "x")
        .file("/data/conf/b", "x")
        .build();
    let plan = planned(
        &image,
        &trace([access(Operation::Open, "/app/conf/a")]),
        &Rules::default(),
    );
    assert_eq!(kept(&plan), ["/app", "/data/conf/a", "/srv/v2/conf"]);
    let reasons = plan.keep.reasons(&"/app".into()).unwrap();
    let target = ImagePath::from("/data/conf/a");
    assert_eq!(
        reasons.iter().collect::<Vec<_>>(),
        [&Reason::LinkTo { target }]
    );
}

#[test]
fn the_resolved_path_counts_beside_the_requested_one() {
    let image = TestImage::new()
        .link("/current", "old")
        .file("/old/a", "x")
        .file("/new/a", "x");
    let moved = Access {
        resolved: Some("/new/a".into()),
        ..access(Operation::Open, "/current/a")
    };
    assert_eq!(kept_of(image, [moved]), ["/current", "/new/a", "/old/a"]);
}

#[test]
fn relative_paths_start_at_their_base_and_empty_ones_are_the_base() {
    let image = TestImage::new()
        .file("/w/a", "x")
        .file("/w/b", "x")
        .file("/a", "x");
    let base = |path: &str, requested: &str| Access {
        base: Some(path.into()),
        ..access(Operation::Look, requested)
    };
    let accesses = [base("/w", "a"), base("/w/b", "")];
    assert_eq!(kept_of(image, accesses), ["/w/a", "/w/b"]);
}

#[test]
fn a_chrooted_process_sees_its_own_root() {
    let image = TestImage::new()
        .file("/jail/etc/a", "x")
        .file("/etc/a", "x")
        .link("/jail/b", "/etc/a");
    let inside = Access {
        base: Some("/jail".into()),
        ..access(Operation::Open, "/b")
    };
    assert_eq!(kept_of(image, [inside]), ["/jail/b", "/jail/etc/a"]);
}

#[test]
fn an_unfollowed_link_stays_without_its_target() {
    let image = TestImage::new().link("/l", "t").file("/t", "x");
    assert_eq!(
        kept_of(image, [access(Operation::LookNoFollow, "/l")]),
        ["/l"]
    );
}

#[test]
fn a_listed_directory_stays_without_its_entries() {
    let image = TestImage::new().file("/d/a", "x").file("/d/b", "x");
    let listed = Access {
        requested: Vec::new(),
        base: Some("/d".into()),
        resolved: Some("/d".into()),
        ..access(Operation::List, "")
    };
    assert_eq!(kept_of(image, [listed]), ["/d"]);
}

#[test]
fn existing_paths_stay_whatever_the_call_returned() {
    const EACCES: i64 = 13;
    const EEXIST: i64 = 17;
    const ENOTDIR: i64 = 20;
    let image = TestImage::new()
        .file("/secret/key", "x")
        .dir("/var/lib/x")
        .file("/lib.zip", "x")
        .file("/unused", "x");
    let accesses = [
        failed(Operation::Open, "/secret/key", EACCES),
        failed(Operation::Create, "/var/lib/x", EEXIST),
        failed(Operation::Look, "/lib.zip/module", ENOTDIR),
    ];
    assert_eq!(
        kept_of(image, accesses),
        ["/lib.zip", "/secret/key", "/var/lib/x"]
    );
}

#[test]
fn what_is_not_in_the_image_keeps_the_links_and_the_last_directory() {
    const ENOENT: i64 = 2;
    let image = TestImage::new()
        .link("/var/run", "../run")
        .dir("/run/app")
        .dir("/opt/plugins")
        .file("/run/app/other", "x");
    let accesses = [
        access(Operation::Create, "/var/run/app/pid"),
        failed(Operation::Look, "/opt/plugins/a/b.so", ENOENT),
        failed(Operation::Look, "/nowhere/at/all", ENOENT),
    ];
    let kept = kept_of(image, accesses);
    assert_eq!(kept, ["/", "/opt/plugins", "/run", "/run/app", "/var/run"]);
}

#[test]
fn dangling_and_looping_links_stay_as_they_are() {
    const ENOENT: i64 = 2;
    const ELOOP: i64 = 40;
    let image = TestImage::new()
        .link("/dangling", "/gone/file")
        .link("/a", "b")
        .link("/b", "a");
    let accesses = [
        failed(Operation::Open, "/dangling", ENOENT),
        failed(Operation::Open, "/a", ELOOP),
    ];
    assert_eq!(kept_of(image, accesses), ["/", "/a", "/b", "/dangling"]);
}

#[test]
fn removed_and_changed_files_stay() {
    let image = TestImage::new()
        .file("/tmp/lock", "x")
        .file("/etc/old", "x")
        .file("/log", "x");
    let accesses = [
        access(Operation::Remove, "/tmp/lock"),
        access(Operation::Change, "/etc/old"),
        access(Operation::OpenWrite, "/log"),
    ];
    let kept = kept_of(image, accesses);
    assert_eq!(kept, ["/etc/old", "/log", "/tmp", "/tmp/lock"]);
}

#[test]
fn what_runtimes_mount_over_is_left_out() {
    let image = TestImage::new()
        .file("/dev/null", "x")
        .file("/proc/self/maps", "x");
    let accesses = [
        access(Operation::Open, "/dev/null"),
        access(Operation::Open, "/proc/self/maps"),
    ];
    assert_eq!(kept_of(image, accesses), ["/dev", "/proc"]);
}

#[test]
fn only_the_hard_link_that_was_used_stays() {
    let image = TestImage::new()
        .file("/a", "12345")
        .hard_link("/b", "/a")
        .file("/c", "1")
        .build();
    let plan = planned(
        &image,
        &trace([access(Operation::Open, "/b")]),
        &Rules::default(),
    );
    assert_eq!(kept(&plan), ["/b"]);
    assert_eq!((plan.kept.files, plan.kept.bytes), (1, 5));
    assert_eq!((plan.dropped.files, plan.dropped.bytes), (1, 1));
}

#[test]
fn a_relative_path_without_a_base_is_a_warning() {
    let image = TestImage::new().file("/a", "x").build();
    let lost = Access {
        base: None,
        ..access(Operation::Look, "a")
    };
    let plan = planned(&image, &trace([lost]), &Rules::default());
    let warnings = messages(&plan, WarningLevel::Warning);
    assert!(warnings[0].ends_with("such as \"a\""), "{warnings:?}");
}

#[test]
fn reasons_name_the_program_that_ran_at_that_time() {
    let image = TestImage::new()
        .program("/bin/sh", "sh")
        .program("/bin/app", "app")
        .file("/1", "")
        .file("/2", "")
        .file("/3", "")
        .file("/4", "")
        .build();
    let process = |parent, executables: &[&str]| Process {
        parent,
        executables: executables.iter().map(|&path| path.into()).collect(),
    };
    let by = |pid, path: &str| Access {
        pid,
        ..access(Operation::Open, path)
    };
    let execute = |pid, path: &str| Access {
        resolved: Some(path.into()),
        ..Access {
            pid,
            ..access(Operation::Execute, path)
        }
    };
    let trace = Trace {
        accesses: vec![
            execute(10, "/bin/sh"),
            by(10, "/1"),
            by(11, "/2"),
            execute(10, "/bin/app"),
            by(10, "/3"),
            by(12, "/4"),
        ],
        processes: [
            (10, process(1, &["/bin/sh", "/bin/app"])),
            (11, process(10, &[])),
            // Its execution of the same program is not in the trace again.
            (12, process(10, &["/bin/sh", "/bin/app"])),
        ]
        .into(),
        ..Trace::default()
    };
    let plan = planned(&image, &trace, &Rules::default());
    check(&image, &plan);
    for (path, program) in [
        ("/1", "/bin/sh"),
        ("/2", "/bin/sh"),
        ("/3", "/bin/app"),
        ("/4", "/bin/app"),
    ] {
        let reason = Reason::Traced {
            operation: Operation::Open,
            executable: Some(program.into()),
        };
        assert!(
            plan.keep.reasons(&path.into()).unwrap().contains(&reason),
            "{path}"
        );
    }
}
