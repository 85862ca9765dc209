//! What files that stay bring with them.

use proptest::prelude::*;

use super::helper::{LD_SO, kept, library, messages, opened, planned, program};
use crate::analyze::testing::{BuiltImage, TestElf, TestImage};
use crate::plan::{Plan, Reason, Rules, WarningLevel};

fn glibc() -> TestImage {
    TestImage::new()
        .program(LD_SO, library(&[]))
        .file("/lib/x86_64-linux-gnu/libc.so.6", library(&[]))
}

fn plan_of(image: TestImage, touched: &[&str]) -> Plan {
    planned(&image.build(), &opened(touched), &Rules::default())
}

/// Paths below a directory that stay.
fn below(plan: &Plan, dir: &str) -> Vec<String> {
    kept(plan)
        .into_iter()
        .filter(|path| {
            path.strip_prefix(dir)
                .is_some_and(|rest| rest.starts_with('/'))
        })
        .collect()
}

#[test]
fn interpreter_and_libraries_stay_with_their_links_and_reasons() {
    let image = TestImage::new()
        .link("/lib64", "usr/lib64")
        .program("/usr/lib64/ld-2.36.so", library(&[]))
        .link("/usr/lib64/ld-linux-x86-64.so.2", "ld-2.36.so")
        .link("/usr/lib/x86_64-linux-gnu/liba.so.1", "liba.so.1.2")
        .file(
            "/usr/lib/x86_64-linux-gnu/liba.so.1.2",
            library(&["libb.so"]),
        )
        .file("/usr/lib/libb.so", library(&[]))
        .file("/usr/lib/libc.so", "/* a linker script */")
        .program("/app", program(&["liba.so.1"]));
    let plan = plan_of(image, &["/app"]);
    assert_eq!(
        kept(&plan),
        [
            "/app",
            "/lib64",
            "/usr/lib/libb.so",
            "/usr/lib/x86_64-linux-gnu/liba.so.1",
            "/usr/lib/x86_64-linux-gnu/liba.so.1.2",
            "/usr/lib64",
            "/usr/lib64/ld-2.36.so",
            "/usr/lib64/ld-linux-x86-64.so.2",
        ]
    );
    let needed = Reason::ElfNeeded {
        of: "/usr/lib/x86_64-linux-gnu/liba.so.1.2".into(),
        name: "libb.so".into(),
    };
    let reasons = plan.keep.reasons(&"/usr/lib/libb.so".into()).unwrap();
    assert!(reasons.contains(&needed), "{reasons:?}");
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn origin_and_runpath_find_libraries_beside_the_program() {
    let app = TestElf::program(LD_SO)
        .needs("liba.so")
        .runpath("$ORIGIN/../lib:${ORIGIN}/$LIB")
        .build();
    let image = glibc()
        .program("/opt/bin/app", app)
        .file("/opt/lib/liba.so", library(&["libb.so"]))
        .file("/opt/bin/lib64/libb.so", library(&[]));
    let plan = plan_of(image, &["/opt/bin/app"]);
    assert_eq!(below(&plan, "/opt"), ["/opt/bin/app", "/opt/lib/liba.so"]);
    // RUNPATH is not inherited: ld.so does not find libb either.
    let notes = messages(&plan, WarningLevel::Note);
    assert_eq!(
        notes,
        [
            "the library libb.so, which /opt/lib/liba.so needs, is not in any directory that the dynamic linker searches"
        ]
    );
}

#[test]
fn rpath_is_inherited_by_libraries_and_runpath_switches_it_off() {
    let app = TestElf::program(LD_SO)
        .needs("liba.so")
        .needs("libq.so")
        .rpath("/opt/lib")
        .build();
    let stubborn = TestElf::library().needs("libz.so").runpath("/else").build();
    let image = glibc()
        .program("/app", app)
        .file("/opt/lib/liba.so", library(&["libb.so"]))
        .file("/opt/lib/libb.so", library(&[]))
        .file("/opt/lib/libq.so", stubborn)
        .file("/opt/lib/libz.so", library(&[]));
    let plan = plan_of(image, &["/app"]);
    assert_eq!(
        below(&plan, "/opt"),
        ["/opt/lib/liba.so", "/opt/lib/libb.so", "/opt/lib/libq.so"]
    );
}

#[test]
fn libraries_for_other_machines_are_passed_over() {
    let image = glibc()
        .program("/app", program(&["liba.so"]))
        .file(
            "/lib/x86_64-linux-gnu/liba.so",
            TestElf::library().for_arm().build(),
        )
        .file("/usr/lib/liba.so", library(&[]));
    let plan = plan_of(image, &["/app"]);
    assert_eq!(below(&plan, "/usr"), ["/usr/lib/liba.so"]);
    assert!(!plan.keep.contains(&"/lib/x86_64-linux-gnu/liba.so".into()));
}

#[test]
fn variants_for_other_processors_stay_beside_the_plain_library() {
    let dir = "/usr/lib/x86_64-linux-gnu";
    let image = glibc()
        .program("/app", program(&["liba.so"]))
        .file(
            &format!("{dir}/glibc-hwcaps/x86-64-v3/liba.so"),
            library(&["libv.so"]),
        )
        .file(
            &format!("{dir}/glibc-hwcaps/x86-64-v4/liba.so"),
            library(&[]),
        )
        .file(
            &format!("{dir}/glibc-hwcaps/x86-64-v4/other.so"),
            library(&[]),
        )
        .file(&format!("{dir}/haswell/avx512_1/liba.so"), library(&[]))
        .file(&format!("{dir}/liba.so"), library(&[]))
        .file("/usr/lib/libv.so", library(&[]))
        .file("/usr/lib/liba.so", library(&[]));
    let plan = plan_of(image, &["/app"]);
    assert_eq!(
        below(&plan, "/usr"),
        [
            "/usr/lib/libv.so".to_owned(),
            format!("{dir}/glibc-hwcaps/x86-64-v3/liba.so"),
            format!("{dir}/glibc-hwcaps/x86-64-v4/liba.so"),
            format!("{dir}/haswell/avx512_1/liba.so"),
            format!("{dir}/liba.so"),
        ]
    );
}

#[test]
fn library_path_of_the_config_and_ld_so_conf_are_searched() {
    let image = glibc()
        .program("/app", program(&["liba.so", "libb.so"]))
        .file("/opt/a/liba.so", library(&[]))
        .file("/etc/ld.so.conf", "include ld.so.conf.d/*.conf")
        .file("/etc/ld.so.conf.d/b.conf", "/opt/b\n")
        .file("/opt/b/libb.so", library(&[]))
        .config("Env", serde_json::json!(["LD_LIBRARY_PATH=:/opt/a"]));
    let plan = plan_of(image, &["/app"]);
    assert_eq!(below(&plan, "/opt"), ["/opt/a/liba.so", "/opt/b/libb.so"]);
}

#[test]
fn nodeflib_leaves_the_default_directories_out() {
    let app = TestElf::program(LD_SO)
        .needs("liba.so")
        .no_default_dirs()
        .build();
    let image = glibc()
        .program("/app", app)
        .file("/lib/liba.so", library(&[]));
    assert!(below(&plan_of(image, &["/app"]), "/lib").is_empty());
}

#[test]
fn musl_follows_its_path_file_and_answers_for_its_own_names() {
    let ld = "/lib/ld-musl-x86_64.so.1";
    let app = TestElf::program(ld)
        .needs("liba.so")
        .needs("libc.musl-x86_64.so.1")
        .needs("libpthread.so.0")
        .build();
    let image = TestImage::new()
        .program(ld, library(&[]))
        .link("/lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1")
        .file("/etc/ld-musl-x86_64.path", "/lib\n/opt/lib\n")
        .program("/app", app)
        .file("/opt/lib/liba.so", library(&[]))
        .file("/usr/lib/liba.so", library(&[]));
    let plan = plan_of(image, &["/app"]);
    assert_eq!(
        kept(&plan),
        [
            "/app",
            "/etc/ld-musl-x86_64.path",
            "/lib",
            ld,
            "/lib/libc.musl-x86_64.so.1",
            "/opt/lib/liba.so"
        ]
    );
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn declared_dlopens_stay_unless_they_are_mere_suggestions() {
    let lib = TestElf::library()
        .dlopen(
            r#"[{"soname":["liba.so.2","liba.so.1"],"priority":"required"},
                {"soname":["libb.so"]},{"soname":["libs.so"],"priority":"suggested"},
                {"soname":["libgone.so"],"priority":"required"}]"#,
        )
        .build();
    let image = glibc()
        .file("/opt/lib.so", lib)
        .file("/usr/lib/liba.so.1", library(&[]))
        .file("/usr/lib/libb.so", library(&[]))
        .file("/usr/lib/libs.so", library(&[]));
    let plan = plan_of(image, &["/opt/lib.so"]);
    assert_eq!(
        below(&plan, "/usr"),
        ["/usr/lib/liba.so.1", "/usr/lib/libb.so"]
    );
    assert_eq!(messages(&plan, WarningLevel::Note).len(), 1);
}

#[test]
fn a_library_that_is_loaded_already_answers_to_its_name() {
    let jvm = TestElf::library().soname("libjvm.so").build();
    let image = glibc()
        .file("/opt/jre/lib/libjava.so", library(&["libjvm.so"]))
        .file("/opt/jre/lib/server/libjvm.so", jvm);
    let plan = plan_of(
        image,
        &["/opt/jre/lib/libjava.so", "/opt/jre/lib/server/libjvm.so"],
    );
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn script_chains_and_env_lead_to_their_interpreters() {
    let image = glibc()
        .link("/bin", "usr/bin")
        .program("/usr/bin/env", program(&[]))
        .program("/usr/bin/python3.11", program(&[]))
        .link("/usr/local/bin/python3", "/usr/bin/python3.11")
        .program("/usr/bin/wrapper", "#!/usr/bin/env -S python3 -u\n")
        .program("/entry", "#! /bin/wrapper -x\n")
        .file("/module.py", "#!/usr/bin/perl\n")
        .program("/usr/bin/perl", program(&[]));
    let plan = plan_of(image, &["/entry", "/module.py"]);
    assert_eq!(
        below(&plan, "/usr"),
        [
            "/usr/bin",
            "/usr/bin/env",
            "/usr/bin/python3.11",
            "/usr/bin/wrapper",
            "/usr/local/bin/python3"
        ]
    );
    assert!(plan.keep.contains(&"/bin".into()));
}

#[test]
fn a_missing_interpreter_of_what_runs_is_a_note() {
    let image = glibc()
        .program("/entry", "#!/bin/nope\n")
        .program("/module", "#!/bin/nope\n")
        .config("Entrypoint", serde_json::json!(["/entry"]));
    let plan = plan_of(image, &["/module"]);
    assert_eq!(
        messages(&plan, WarningLevel::Note),
        ["the interpreter /bin/nope of /entry is not in the image"]
    );
}

#[test]
fn a_broken_elf_file_stays_with_a_note() {
    let image = glibc().file("/broken.so", &library(&["libc.so.6"])[..100]);
    let plan = plan_of(image, &["/broken.so"]);
    assert!(plan.keep.contains(&"/broken.so".into()));
    let notes = messages(&plan, WarningLevel::Note);
    assert!(
        notes[0].starts_with("the ELF file /broken.so cannot be read: "),
        "{notes:?}"
    );
}

/// Number, numbers of what it needs, kind.
type TangledFile = (u8, Vec<u8>, u8);

/// An image of libraries and links that need each other at random, and what is touched.
fn tangle() -> impl Strategy<Value = (Vec<TangledFile>, Vec<u8>)> {
    let file = (0_u8..12, proptest::collection::vec(0_u8..12, 0..4), 0_u8..4);
    (
        proptest::collection::vec(file, 1..12),
        proptest::collection::vec(0_u8..12, 0..4),
    )
}

fn path_of(n: u8) -> String {
    let dir = ["/lib", "/usr/lib", "/opt/x"][usize::from(n % 3)];
    format!("{dir}/f{n}")
}

fn tangled(files: &[TangledFile], only: Option<&Plan>) -> BuiltImage {
    let mut image = TestImage::new();
    for (n, needs, kind) in files {
        let path = path_of(*n);
        if only.is_some_and(|plan| !plan.keep.contains(&path.as_str().into())) {
            continue;
        }
        let names: Vec<String> = needs.iter().map(|n| format!("f{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let first = path_of(needs.first().copied().unwrap_or(0));
        image = match kind {
            0 => image.link(&path, &first),
            1 => image.program(&path, format!("#!{first}\n")),
            2 => {
                let elf = TestElf::library().rpath("/opt/x");
                let elf = names.iter().fold(elf, |elf, name| elf.needs(name));
                image.program(&path, elf.build())
            }
            _ => image.file(&path, library(&names)),
        };
    }
    image.build()
}

proptest! {
    #[test]
    fn the_keep_set_is_closed_and_a_fixed_point((files, touched) in tangle()) {
        let paths: Vec<String> = touched.iter().map(|n| path_of(*n)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let plan_of = |image: &BuiltImage| planned(image, &opened(&paths), &Rules::default());
        let files_of = |plan: &Plan| -> Vec<String> {
            let paths = plan.keep.iter().map(|(path, _)| path.to_string());
            paths.filter(|path| path.contains("/f")).collect()
        };
        let image = tangled(&files, None);
        let first = plan_of(&image);
        prop_assert_eq!(&first, &plan_of(&image), "the same input gives the same plan");
        let second = plan_of(&tangled(&files, Some(&first)));
        prop_assert_eq!(files_of(&first), files_of(&second));
    }

    #[test]
    fn nothing_excluded_is_kept((files, touched) in tangle(), pattern in "(/opt|/lib/f[0-9]|\\*\\*/f1*|/usr/\\*\\*)") {
        let paths: Vec<String> = touched.iter().map(|n| path_of(*n)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let rules = Rules { excludes: vec![pattern.clone()], ..Rules::default() };
        let image = tangled(&files, None);
        let plan = planned(&image, &opened(&paths), &rules);
        for (path, _) in plan.keep.iter() {
            let path = path.to_string();
            let matches = match pattern.as_str() {
                "/opt" => path == "/opt" || path.starts_with("/opt/"),
                "/usr/**" => path.starts_with("/usr/"),
                "**/f1*" => path.contains("/f1"),
                literal => path == literal,
            };
            prop_assert!(!matches, "{} is kept in spite of {}", path, pattern);
        }
    }
}
