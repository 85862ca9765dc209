//! What the user's rules do.

use super::helper::{check, kept, messages, opened, planned, program, trace};
use crate::analyze::testing::TestImage;
use crate::plan::{Plan, PlanError, Rules, RunFacts, Verdict, WarningLevel, plan};
use crate::rootfs::ImagePath;

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn include(items: &[&str]) -> Rules {
    Rules {
        include_paths: list(items),
        ..Rules::default()
    }
}

fn exclude(items: &[&str]) -> Rules {
    Rules {
        excludes: list(items),
        ..Rules::default()
    }
}

fn plan_of(image: TestImage, touched: &[&str], rules: &Rules) -> Plan {
    planned(&image.build(), &opened(touched), rules)
}

#[test]
fn an_included_directory_brings_its_content_and_what_it_needs() {
    let image = TestImage::new()
        .link("/current", "srv/app")
        .file("/srv/app/a/x.txt", "x")
        .program("/srv/app/run", "#!/bin/sh\n")
        .program("/bin/sh", "x")
        .link("/srv/app/one", "/data/file")
        .link("/srv/app/many", "/data")
        .file("/data/file", "x")
        .file("/data/other", "x");
    let plan = plan_of(image, &[], &include(&["/current"]));
    assert_eq!(
        kept(&plan),
        [
            "/bin",
            "/bin/sh",
            "/current",
            "/data",
            "/data/file",
            "/srv/app",
            "/srv/app/a",
            "/srv/app/a/x.txt",
            "/srv/app/many",
            "/srv/app/one",
            "/srv/app/run"
        ]
    );
    assert_eq!(
        messages(&plan, WarningLevel::Warning),
        [
            "--include-path /current contains the link /srv/app/many to the directory /data, which is outside of it"
        ]
    );
}

#[test]
fn included_patterns_match_and_what_matches_nothing_is_a_warning() {
    let image = TestImage::new()
        .file("/a/1.txt", "x")
        .file("/a/b/2.txt", "x")
        .file("/a/3.bin", "x");
    let plan = plan_of(image, &[], &include(&["/a/**/*.txt", "/gone", "/a/*.md"]));
    assert_eq!(kept(&plan), ["/a/1.txt", "/a/b/2.txt"]);
    assert_eq!(
        messages(&plan, WarningLevel::Warning),
        [
            "--include-path /a/*.md: nothing in the image matches",
            "--include-path /gone: nothing in the image matches"
        ]
    );
}

#[test]
fn excludes_win_over_everything_and_leave_parents() {
    let image = TestImage::new()
        .program("/bin/app", program(&["liba.so"]))
        .file("/lib/liba.so", program(&["libb.so"]))
        .file("/lib/libb.so", program(&[]))
        .file("/var/cache/x/a", "x")
        .file("/srv/doc/a", "x")
        .build();
    let rules = Rules {
        include_paths: list(&["/srv"]),
        ..exclude(&["/var/cache/x", "/lib/liba.so", "/srv/**/a", "/none/*"])
    };
    let plan = planned(&image, &opened(&["/bin/app", "/var/cache/x/a"]), &rules);
    assert_eq!(
        kept(&plan),
        ["/bin", "/bin/app", "/lib", "/srv", "/srv/doc"]
    );
    assert!(plan.keep.contains(&"/var/cache".into()));
    assert_eq!(
        messages(&plan, WarningLevel::Warning),
        [
            "--exclude /none/*: nothing in the image matches",
            "--exclude /var/cache/x leaves out a path that the workload used: /var/cache/x/a",
        ]
    );
    let explained = plan.explain(&image.rootfs, &"/var/cache/x/a".into());
    assert!(matches!(explained.verdict, Verdict::Excluded(e) if e.pattern == "/var/cache/x"));
}

#[test]
fn a_bad_pattern_is_an_error() {
    let image = TestImage::new().build();
    for rules in [exclude(&["/a/{b"]), include(&["/a/[z-a]"])] {
        let result = plan(image.merged(), &trace([]), &rules, &RunFacts::default());
        assert!(matches!(result, Err(PlanError::Pattern { .. })));
    }
}

#[test]
fn included_programs_are_looked_up() {
    let image = TestImage::new()
        .program("/usr/bin/tool", "#!/usr/bin/sh\n")
        .program("/usr/bin/sh", "x")
        .file("/usr/bin/data", "x");
    let rules = Rules {
        include_bins: list(&["tool", "data", "none"]),
        ..Rules::default()
    };
    let plan = plan_of(image, &[], &rules);
    assert_eq!(kept(&plan), ["/usr/bin/sh", "/usr/bin/tool"]);
    assert_eq!(messages(&plan, WarningLevel::Warning).len(), 2);
}

#[test]
fn a_shell_comes_with_the_applets_of_busybox_or_the_usual_commands() {
    let rules = Rules {
        include_shell: true,
        ..Rules::default()
    };
    let busybox = TestImage::new()
        .program("/bin/busybox", "x")
        .link("/bin/sh", "busybox")
        .link("/bin/vi", "/bin/busybox")
        .hard_link("/bin/dd", "/bin/busybox")
        .program("/bin/other", "x");
    assert_eq!(
        kept(&plan_of(busybox, &[], &rules)),
        ["/bin", "/bin/busybox", "/bin/dd", "/bin/sh", "/bin/vi"]
    );
    let debian = TestImage::new()
        .link("/bin", "usr/bin")
        .link("/usr/bin/sh", "dash")
        .program("/usr/bin/dash", "x")
        .program("/usr/bin/ls", "x")
        .program("/usr/bin/dpkg", "x");
    assert_eq!(
        kept(&plan_of(debian, &[], &rules)),
        [
            "/bin",
            "/usr/bin",
            "/usr/bin/dash",
            "/usr/bin/ls",
            "/usr/bin/sh"
        ]
    );
    let none = plan_of(TestImage::new(), &[], &rules);
    assert_eq!(
        messages(&none, WarningLevel::Warning),
        ["--include-shell: the image has no shell"]
    );
}

#[test]
fn working_directory_certificates_and_time_zones_are_included_whole() {
    let image = TestImage::new()
        .file("/app/a/b", "x")
        .file("/etc/ssl/certs/x.pem", "x")
        .file("/usr/share/zoneinfo/UTC", "x")
        .config("WorkingDir", serde_json::json!("/app"));
    let rules = Rules {
        include_workdir: true,
        include_certs: true,
        include_zoneinfo: true,
        ..Rules::default()
    };
    let plan = plan_of(image, &[], &rules);
    for path in [
        "/app/a/b",
        "/etc/ssl/certs/x.pem",
        "/usr/share/zoneinfo/UTC",
    ] {
        assert!(plan.keep.contains(&path.into()), "{path}");
    }
    let plan = plan_of(TestImage::new().file("/x", "x"), &[], &rules);
    assert!(kept(&plan).is_empty());
    assert_eq!(messages(&plan, WarningLevel::Warning).len(), 3);
}

#[test]
fn packages_are_named_and_paths_explained() {
    let image = TestImage::new()
        .link("/bin", "usr/bin")
        .link("/usr/bin/sh", "dash")
        .program("/usr/bin/dash", "x")
        .file("/usr/bin/gone", "x")
        .file(
            "/var/lib/dpkg/status",
            "Package: dash\nStatus: install ok installed\nVersion: 1\n\n\
             Package: gone\nStatus: install ok installed\nVersion: 2\n",
        )
        .file("/var/lib/dpkg/info/dash.list", "/bin/dash\n/bin/sh\n")
        .file("/var/lib/dpkg/info/gone.list", "/usr/bin/gone\n")
        .build();
    let plan = planned(&image, &opened(&["/bin/sh"]), &Rules::default());
    check(&image, &plan);
    let names = |packages: &[crate::analyze::Package]| -> Vec<String> {
        packages.iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&plan.kept_packages), ["dash 1"]);
    assert_eq!(names(&plan.dropped_packages), ["gone 2"]);

    let explain = |path: &str| plan.explain(&image.rootfs, &path.into());
    let sh = explain("/bin/sh");
    assert_eq!(sh.path, ImagePath::from("/usr/bin/sh"));
    assert_eq!(sh.links, ["/bin".into()]);
    assert_eq!(sh.target, Some("/usr/bin/dash".into()));
    assert_eq!(sh.package.unwrap().name, "dash");
    assert!(matches!(sh.verdict, Verdict::Kept { reasons } if reasons.len() == 1));
    let gone = explain("/bin/gone");
    assert_eq!(gone.package.unwrap().name, "gone");
    assert_eq!(gone.verdict, Verdict::Unused);
    let at = ImagePath::from("/usr/bin/none");
    assert_eq!(explain("/bin/none/x").verdict, Verdict::NotInImage { at });
}
