//! What every image keeps, and what follows from libc and TLS.

use super::helper::{LD_SO, access, kept, library, opened, planned, program, trace};
use crate::analyze::testing::{TestElf, TestImage};
use crate::plan::{Plan, Rules};
use crate::trace::{Access, Operation};

const CERTS: &str = "/etc/ssl/certs/ca-certificates.crt";

fn plan_of(image: TestImage, touched: &[&str]) -> Plan {
    planned(&image.build(), &opened(touched), &Rules::default())
}

fn static_program(text: &str) -> Vec<u8> {
    [TestElf::library().build(), text.into()].concat()
}

#[test]
fn a_static_program_stays_alone() {
    let image = TestImage::new()
        .program("/app", static_program(""))
        .file("/unused", "x");
    assert_eq!(kept(&plan_of(image, &["/app"])), ["/app"]);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let image = TestImage::new()
        .link("/bin", "usr/bin")
        .file("/usr/bin/unused", "x")
        .file("/etc/passwd", "x")
        .file("/etc/shadow", "x")
        .link(
            "/etc/resolv.conf",
            "../run/systemd/resolve/stub-resolv.conf",
        )
        .link("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
        .file("/usr/share/zoneinfo/Etc/UTC", "x")
        .link("/etc/mtab", "/proc/mounts")
        .link("/var/run", "/run")
        .dir("/run/user")
        .file("/tmp/junk", "x")
        .dir("/proc");
    assert_eq!(
        kept(&plan_of(image, &[])),
        [
            "/bin",
            "/etc/localtime",
            "/etc/mtab",
            "/etc/passwd",
            "/etc/resolv.conf",
            "/proc",
            "/run",
            "/tmp",
            "/usr/bin",
            "/usr/share/zoneinfo/Etc/UTC",
            "/var/run"
        ]
    );
}

fn glibc_image() -> TestImage {
    TestImage::new()
        .program(LD_SO, library(&[]))
        .file("/lib/libc.so.6", library(&[]))
        .file("/lib/libnss_files.so.2", library(&[]))
        .file("/lib/libnss_dns.so.2", library(&["libresolv.so.2"]))
        .file("/lib/libnss_nis.so.2", library(&[]))
        .file("/lib/libresolv.so.2", library(&[]))
        .file("/lib/libgcc_s.so.1", library(&[]))
        .file("/etc/nsswitch.conf", "hosts: files dns\nnetgroup: nis\n")
        .file("/etc/ld.so.conf", "")
        .program("/static", static_program(""))
        .program("/dynamic", program(&["libc.so.6"]))
}

#[test]
fn glibc_brings_its_name_services_with_what_they_need() {
    let plan = plan_of(glibc_image(), &["/dynamic"]);
    let libraries: Vec<String> = kept(&plan)
        .into_iter()
        .filter(|path| path.contains(".so."))
        .collect();
    assert_eq!(
        libraries,
        [
            "/etc/ld.so.conf",
            "/lib/libc.so.6",
            "/lib/libgcc_s.so.1",
            "/lib/libnss_dns.so.2",
            "/lib/libnss_files.so.2",
            "/lib/libresolv.so.2",
            LD_SO,
        ]
    );
}

#[test]
fn without_glibc_there_are_no_name_services() {
    let plan = plan_of(glibc_image(), &["/static"]);
    assert_eq!(
        kept(&plan),
        ["/etc/nsswitch.conf", "/lib", "/lib64", "/static"]
    );
}

fn certificates() -> TestImage {
    TestImage::new()
        .file(CERTS, "bundle")
        .link("/etc/ssl/certs/4042bcee.0", "ISRG.pem")
        .link(
            "/etc/ssl/certs/ISRG.pem",
            "/usr/share/ca-certificates/ISRG.crt",
        )
        .file("/usr/share/ca-certificates/ISRG.crt", "x")
        .link("/usr/lib/ssl/certs", "/etc/ssl/certs")
        .link("/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf")
        .file("/etc/ssl/openssl.cnf", "x")
        .file("/lib/libssl.so.3", library(&["libcrypto.so.3"]))
        .file("/lib/libcrypto.so.3", library(&[]))
}

fn keeps(plan: &Plan, path: &str) -> bool {
    plan.keep.contains(&path.into())
}

#[test]
fn certificates_stay_only_where_tls_is_used() {
    let plan = plan_of(
        certificates().program("/app", static_program("")),
        &["/app"],
    );
    assert_eq!(kept(&plan), ["/app", "/lib"]);

    let plan = plan_of(certificates(), &["/lib/libssl.so.3"]);
    assert!(keeps(&plan, CERTS) && keeps(&plan, "/usr/lib/ssl/openssl.cnf"));
    assert!(!keeps(&plan, "/etc/ssl/certs/4042bcee.0"));
}

#[test]
fn a_static_program_with_tls_inside_keeps_the_bundle() {
    // Behind a border of the chunks in which programs are searched.
    let text = format!("{}/etc/ssl/certs/x", "-".repeat((256 << 10) - 600));
    for shift in 0..40 {
        let padded = static_program(&format!("{}{text}", "-".repeat(shift)));
        let plan = plan_of(certificates().program("/app", padded), &["/app"]);
        assert_eq!(kept(&plan), ["/app", CERTS, "/lib"], "{shift}");
    }
}

#[test]
fn certificates_by_hash_stay_where_they_are_what_is_trusted() {
    let trusting = TestElf::library()
        .needs("libssl.so.3")
        .symbol("SSL_CTX_set_default_verify_paths")
        .build();
    let hashed = [
        "/etc/ssl/certs/4042bcee.0",
        "/etc/ssl/certs/ISRG.pem",
        "/usr/share/ca-certificates/ISRG.crt",
        "/usr/lib/ssl/certs",
    ];
    let image = certificates().file("/opt/_ssl.so", &trusting);
    let plan = plan_of(image, &["/opt/_ssl.so"]);
    assert!(
        hashed.iter().all(|path| keeps(&plan, path)),
        "{:?}",
        kept(&plan)
    );

    let image = certificates()
        .file("/opt/_ssl.so", &trusting)
        .link("/usr/lib/ssl/cert.pem", CERTS);
    let plan = plan_of(image, &["/opt/_ssl.so"]);
    assert!(!keeps(&plan, hashed[0]) && keeps(&plan, "/usr/lib/ssl/cert.pem"));

    let listed = Access {
        resolved: Some("/etc/ssl/certs".into()),
        ..access(Operation::List, "/etc/ssl/certs")
    };
    let plan = planned(&certificates().build(), &trace([listed]), &Rules::default());
    assert!(hashed.iter().all(|path| keeps(&plan, path)) && keeps(&plan, CERTS));
}

#[test]
fn a_java_runtime_keeps_its_certificates() {
    let image = TestImage::new()
        .file("/opt/jre/lib/server/libjvm.so", library(&[]))
        .link(
            "/opt/jre/lib/security/cacerts",
            "/etc/ssl/certs/java/cacerts",
        )
        .file("/etc/ssl/certs/java/cacerts", "x");
    let plan = plan_of(image, &["/opt/jre/lib/server/libjvm.so"]);
    assert!(keeps(&plan, "/etc/ssl/certs/java/cacerts"));
}
