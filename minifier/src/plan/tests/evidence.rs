//! Evidence is taken by its price, and what the plan says of a price is what it costs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::helper::{check, likely, opened, planned, program};
use crate::analyze::testing::{BuiltImage, TestImage};
use crate::evidence::Rule;
use crate::plan::{EvidenceRules, Plan, Reason, Rules, TooDear};
use crate::rootfs::ImagePath;
use crate::trace::Trace;

/// An image in which a package owns `owned`; a large file of it makes shares of the whole mean something.
fn image(owned: &[&str]) -> TestImage {
    let list: String = owned.iter().map(|path| format!("{path}\n")).collect();
    TestImage::new()
        .file(
            "/var/lib/dpkg/status",
            "Package: base\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n",
        )
        .file(
            "/var/lib/dpkg/info/base.list",
            list + "/usr/share/base/bulk\n",
        )
        .file("/usr/share/base/bulk", vec![b'x'; 1_000_000])
}

fn stays(plan: &Plan, path: &str) -> bool {
    plan.keep.contains(&ImagePath::from(path))
}

fn bytes_kept(image: &BuiltImage, plan: &Plan) -> u64 {
    let nodes: BTreeSet<_> = plan
        .keep
        .iter()
        .filter_map(|(path, _)| image.rootfs.lookup(path))
        .collect();
    nodes
        .iter()
        .map(|&node| image.rootfs.node(node).size())
        .sum()
}

/// Every price adds up: what stays with evidence is what stays without it and the prices of the groups taken.
fn check_prices(image: &BuiltImage, trace: &Trace, rules: &Rules) -> Plan {
    let with = planned(image, trace, rules);
    check(image, &with);
    let traced = Rules {
        evidence: EvidenceRules::default(),
        ..rules.clone()
    };
    let without = planned(image, trace, &traced);
    let prices: u64 = with.evidence.taken.iter().map(|group| group.bytes).sum();
    assert_eq!(
        bytes_kept(image, &with),
        bytes_kept(image, &without) + prices
    );
    for left in &with.evidence.left_out {
        let mut asked = rules.clone();
        asked.evidence.include.insert(left.id.clone());
        let plan = planned(image, trace, &asked);
        let taken = plan.evidence.taken.iter().find(|group| group.id == left.id);
        assert!(
            taken.is_some_and(|group| group.bytes <= left.bytes),
            "{left:?}"
        );
    }
    with
}

const ENTRY: &str =
    "#!/bin/sh\n# nproc\nif [ \"$TLS\" ]; then\n  openssl req >/etc/x/key\nfi\nexec \"$@\"\n";

/// An entrypoint that names `openssl`, which needs a library of `library` bytes.
fn entrypoint(library: usize) -> BuiltImage {
    let mut lib = super::helper::library(&[]);
    lib.resize(lib.len() + library, 0);
    image(&[
        "/bin/sh",
        "/usr/bin/openssl",
        "/usr/bin/nproc",
        "/lib/x86_64-linux-gnu/libcrypt.so.1",
    ])
    .program("/bin/sh", program(&[]))
    .program("/entry.sh", ENTRY)
    .program("/usr/bin/openssl", program(&["libcrypt.so.1"]))
    .program("/usr/bin/nproc", program(&[]))
    .file("/lib/x86_64-linux-gnu/libcrypt.so.1", lib)
    .build()
}

#[test]
fn a_program_on_a_branch_that_was_not_taken_stays_with_its_libraries_and_its_reason() {
    let image = entrypoint(1000);
    let trace = opened(&["/entry.sh"]);
    let plan = check_prices(&image, &trace, &likely());
    assert!(stays(&plan, "/usr/bin/openssl"));
    assert!(stays(&plan, "/lib/x86_64-linux-gnu/libcrypt.so.1"));
    assert!(!stays(&plan, "/usr/bin/nproc"), "named in a comment alone");
    let reasons = plan.keep.reasons(&"/usr/bin/openssl".into()).unwrap();
    let said = reasons.iter().any(|reason| {
        matches!(reason, Reason::Evidence { rule: Rule::Script, source }
            if source.file == "/entry.sh".into() && source.line == Some(4))
    });
    assert!(said, "{reasons:?}");
    let note = plan.evidence.notes.first().unwrap();
    assert_eq!(note.source.line, Some(6));

    let before = planned(&image, &trace, &Rules::default());
    assert!(!stays(&before, "/usr/bin/openssl"));
}

#[test]
fn what_is_too_dear_goes_is_named_with_its_price_and_stays_when_asked_for() {
    let image = entrypoint(400_000);
    let trace = opened(&["/entry.sh"]);
    let plan = check_prices(&image, &trace, &likely());
    assert!(!stays(&plan, "/usr/bin/openssl"));
    assert!(
        !stays(&plan, "/lib/x86_64-linux-gnu/libcrypt.so.1"),
        "a trial leaves nothing"
    );
    let [left] = &plan.evidence.left_out[..] else {
        panic!("{:?}", plan.evidence.left_out);
    };
    assert_eq!(left.id, "script:/usr/bin/openssl");
    assert_eq!(left.why, TooDear::Group);
    let size = |path: &str| image.rootfs.get(&path.into()).unwrap().size();
    let price = size("/usr/bin/openssl") + size("/lib/x86_64-linux-gnu/libcrypt.so.1");
    assert_eq!(left.bytes, price);

    let mut rules = likely();
    rules.evidence.include.insert(left.id.clone());
    let plan = check_prices(&image, &trace, &rules);
    assert!(stays(&plan, "/lib/x86_64-linux-gnu/libcrypt.so.1"));
}

#[test]
fn a_rule_that_is_off_says_nothing() {
    let image = entrypoint(1000);
    let mut rules = likely();
    rules.evidence.off.insert(Rule::Script);
    let plan = planned(&image, &opened(&["/entry.sh"]), &rules);
    assert!(!stays(&plan, "/usr/bin/openssl"));
}

#[test]
fn excludes_win_over_evidence() {
    let image = entrypoint(1000);
    let mut rules = likely();
    rules.excludes = vec!["/usr/bin/openssl".into()];
    let plan = planned(&image, &opened(&["/entry.sh"]), &rules);
    assert!(!stays(&plan, "/usr/bin/openssl"));
}

#[test]
fn empty_directories_and_files_that_no_package_owns_stay() {
    let image = image(&["/usr/share/x/doc"])
        .dir("/var/lib/php/sessions")
        .file("/usr/share/x/doc", "x")
        .file("/app/templates/404.html", "not here")
        .file("/app/__pycache__/x.pyc", "x")
        .file("/app/tests/x.html", "x")
        .build();
    let plan = check_prices(&image, &opened(&[]), &likely());
    assert!(stays(&plan, "/var/lib/php/sessions"));
    assert!(stays(&plan, "/app/templates/404.html"));
    assert!(!stays(&plan, "/usr/share/x/doc"));
    assert!(!stays(&plan, "/app/__pycache__/x.pyc"));
    assert!(!stays(&plan, "/app/tests/x.html"));
}

#[test]
fn configuration_names_documents_includes_and_directories_to_write_into() {
    let conf = "server {\n  root /usr/share/web;  # /usr/share/doc\n  include snippets/*.conf;\n  \
                error_log /var/lib/web/log/error.log;\n}\n";
    let owned = [
        "/etc/nginx/nginx.conf",
        "/etc/nginx/snippets/a.conf",
        "/usr/share/web/icons/a.gif",
        "/usr/share/doc/x",
        "/etc/mime.types",
        "/var/lib/web/log/.keep",
    ];
    let image = owned[1..]
        .iter()
        .fold(image(&owned), |image, path| {
            image.file(path, "include /etc/mime.types\n")
        })
        .file(owned[0], conf)
        .build();
    let plan = check_prices(&image, &opened(&["/etc/nginx/nginx.conf"]), &likely());
    for path in [
        "/usr/share/web/icons/a.gif",
        "/etc/nginx/snippets/a.conf",
        "/var/lib/web/log",
    ] {
        assert!(stays(&plan, path), "{path}");
    }
    assert!(
        stays(&plan, "/etc/mime.types"),
        "named in what was included"
    );
    assert!(!stays(&plan, "/usr/share/doc/x"), "named in a comment");
    assert!(
        !stays(&plan, "/var/lib/web/log/.keep"),
        "the directory alone"
    );
}

#[test]
fn a_job_of_cron_brings_what_it_names_and_what_that_names() {
    let rotate = [
        b"x\0/bin/gzip\0/usr/share/doc/x\0".as_slice(),
        &program(&[]),
    ]
    .concat();
    let mut elf = program(&[]);
    elf.extend_from_slice(&rotate);
    let owned = [
        "/usr/sbin/logrotate",
        "/bin/gzip",
        "/usr/bin/tee",
        "/usr/share/doc/x",
    ];
    let image = image(&owned)
        .file(
            "/etc/cron.d/app",
            "* * * * * app /app/tick.sh\n@daily root /usr/sbin/logrotate /app/r\n",
        )
        .program("/app/tick.sh", "#!/bin/sh\ndate | tee /var/log/x\n")
        .program("/usr/sbin/logrotate", elf)
        .program("/bin/gzip", program(&[]))
        .program("/usr/bin/tee", program(&[]))
        .file("/usr/share/doc/x", "x")
        .build();
    let plan = check_prices(&image, &opened(&["/etc/cron.d/app"]), &likely());
    for path in [
        "/app/tick.sh",
        "/usr/bin/tee",
        "/usr/sbin/logrotate",
        "/bin/gzip",
    ] {
        assert!(stays(&plan, path), "{path}");
    }
    assert!(!stays(&plan, "/usr/share/doc/x"));
}

#[test]
fn siblings_of_a_data_file_with_a_computed_name_stay() {
    let files = [
        "/usr/lib/app/locale/en/LC_MESSAGES/app.mo",
        "/usr/lib/app/locale/de/LC_MESSAGES/app.mo",
        "/usr/lib/app/locale/de/LC_MESSAGES/app.po",
        "/usr/lib/app/styles/dark.style",
        "/usr/lib/app/styles/light.style",
        "/usr/lib/app/other/x.dat",
    ];
    let image = files
        .iter()
        .fold(image(&files), |image, path| image.file(path, "x"))
        .build();
    let plan = check_prices(&image, &opened(&[files[0], files[3]]), &likely());
    assert!(stays(&plan, files[1]));
    assert!(stays(&plan, files[4]));
    assert!(!stays(&plan, files[2]));
    assert!(!stays(&plan, files[5]));
}

proptest! {
    /// Scripts of random words over random libraries: prices add up, whatever was tried and taken back.
    #[test]
    fn prices_add_up(
        named in proptest::collection::vec(0usize..8, 0..12),
        needs in proptest::collection::vec(0usize..8, 8),
        sizes in proptest::collection::vec(0usize..60_000, 8),
    ) {
        let script: String = named.iter().map(|i| format!("p{i}\n")).collect();
        let mut owned: Vec<String> = (0..8).map(|i| format!("/usr/bin/p{i}")).collect();
        owned.extend((0..8).map(|i| format!("/lib/x86_64-linux-gnu/libl{i}.so")));
        let owned: Vec<&str> = owned.iter().map(String::as_str).collect();
        let mut image = image(&owned).program("/entry.sh", format!("#!/bin/sh\n{script}"));
        for i in 0..8 {
            let mut lib = super::helper::library(&[&format!("libl{}.so", (i + 1) % 8)]);
            lib.resize(lib.len() + sizes[i], 0);
            image = image
                .file(&format!("/lib/x86_64-linux-gnu/libl{i}.so"), lib)
                .program(&format!("/usr/bin/p{i}"), program(&[&format!("libl{}.so", needs[i])]));
        }
        let image = image.build();
        let trace = opened(&["/entry.sh", "/usr/bin/p0"]);
        let plan = check_prices(&image, &trace, &likely());
        prop_assert_eq!(&plan, &planned(&image, &trace, &likely()), "the same twice");
    }
}
