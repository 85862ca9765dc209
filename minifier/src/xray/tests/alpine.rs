//! apk's database as Alpine's images have it.

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::model::PackageKind;
use crate::xray::testing::{analyse, image};

const MUSL: &str = "\
C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=
P:musl
V:1.2.5-r0
A:x86_64
S:414448
I:667648
T:the musl c library (libc) implementation
U:https://musl.libc.org/
L:MIT
o:musl
m:Maintainer <nobody@example.org>
t:1708694826
c:ffb4c4ecc9e9e0ff2d3ef63d3e1d2d7b2bbd4d8b
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1FTD4tOxQ3GhxqVWoXU8P2sRmdmo=
R:libc.musl-x86_64.so.1
a:0:0:777
Z:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=

";
const BINSH: &str = "\
C:Q1O8CzM7g6x0xHgJdzyXlJ4xZ2yM8=
P:busybox-binsh
V:1.36.1-r28
A:x86_64
S:1543
I:8192
T:busybox ash /bin/sh
L:GPL-2.0-only
o:busybox
r:busybox-initscripts
F:bin
R:sh
a:0:0:777
Z:Q1pcfTfDNEbNKQc2s1tia7da05M8Q=
F:etc
F:etc/busybox-paths.d
R:busybox-binsh
Z:Q1Vb7v9dFVkHyTmJd0Q8pbd7wK5Gc=

";

#[test]
fn packages_of_alpine_have_their_files_licences_sources_and_layers() {
    let release = b"NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.1\n";
    let base = Tar::new()
        .file("etc/os-release", release)
        .file("lib/apk/db/installed", MUSL.as_bytes())
        .file("lib/ld-musl-x86_64.so.1", &[b'm'; 600])
        .symlink("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1")
        .bytes();
    let both = format!("{MUSL}{BINSH}");
    let upper = Tar::new()
        .file("lib/apk/db/installed", both.as_bytes())
        .file("bin/busybox", &[b'b'; 900])
        .symlink("bin/sh", "/bin/busybox")
        .file("etc/busybox-paths.d/busybox-binsh", b"/bin/sh\n")
        .bytes();
    let xray = analyse(&image(&[base, upper], json!({}))).xray;
    assert_eq!(xray.problems, [""; 0]);
    let packages = xray.packages.packages.iter();
    let found: Vec<String> = packages
        .filter(|p| p.kind == PackageKind::Apk)
        .map(|p| {
            let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            let (licence, source) = (or(&p.licence), or(&p.source));
            format!(
                "{} {licence} {source} {} {} {}",
                p.id, p.size, p.files, p.layer
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "pkg:apk/alpine/busybox-binsh@1.36.1-r28?arch=x86_64 GPL-2.0-only busybox 8 2 1",
            "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64 MIT - 600 2 0",
        ]
    );
    assert_eq!(xray.image.distribution.unwrap().id, "alpine");
}
