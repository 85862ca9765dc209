//! Packages of languages where it is not plain what is installed, and under which name.

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::model::{PackageInfo, Packages};
use crate::xray::testing::{analyse, image, zip};

fn packages(tar: Tar) -> Packages {
    let xray = analyse(&image(&[tar.bytes()], json!({}))).xray;
    assert_eq!(xray.problems, [""; 0]);
    xray.packages
}

fn ids(packages: &Packages) -> Vec<&str> {
    packages.packages.iter().map(|p| p.id.as_str()).collect()
}

fn find<'a>(packages: &'a Packages, id: &str) -> &'a PackageInfo {
    let mut all = packages.packages.iter();
    all.find(|p| p.id == id)
        .unwrap_or_else(|| panic!("{id}: {:?}", ids(packages)))
}

fn pom(group: &str, artifact: &str) -> (String, Vec<u8>) {
    (
        format!("META-INF/maven/{group}/{artifact}/pom.properties"),
        format!("groupId={group}\nartifactId={artifact}\nversion=2.17.1\n").into_bytes(),
    )
}

#[test]
fn jars_without_a_record_of_maven_are_named_by_manifest_and_file() {
    let spring = zip(&[(
        "META-INF/MANIFEST.MF",
        b"Implementation-Title: spring-core\nImplementation-Version: 6.1.2\nAutomatic-Module-Name: spring.core\nImplementation-Vendor: Example\n",
    )]);
    let app = zip(&[
        (
            "META-INF/MANIFEST.MF",
            b"Implementation-Title: demo\nImplementation-Version: 0.1\nStart-Class: a.B\n",
        ),
        ("BOOT-INF/lib/spring-core-6.1.2.jar", &spring),
        ("WEB-INF/lib/log4j-1.2-api-2.17.1.jar", &zip(&[("a", b"b")])),
    ]);
    let packages = packages(Tar::new().file("app.jar", &app));
    assert_eq!(
        ids(&packages),
        [
            "pkg:generic/demo@0.1",
            "pkg:generic/log4j-1.2-api@2.17.1",
            "pkg:maven/org.springframework/spring-core@6.1.2",
        ]
    );
    let outer = &packages.packages[0];
    assert_eq!(
        outer.depends_on,
        [packages.packages[1].id.as_str(), &packages.packages[2].id]
    );
    let inner = &packages.packages[2];
    let digest = crate::image::Digest::of(&spring).to_hex();
    assert_eq!(inner.checksums, [format!("sha256:{digest}")]);
    assert_eq!(inner.supplier.as_deref(), Some("Example"));
    let digest = crate::image::Digest::of(&app).to_hex();
    assert_eq!(outer.checksums, [format!("sha256:{digest}")]);
}

#[test]
fn a_shaded_jar_is_itself_and_brings_the_others() {
    let (api, core, io) = (
        pom("org.apache.logging.log4j", "log4j-1.2-api"),
        pom("org.apache.logging.log4j", "log4j-core"),
        pom("commons-io", "commons-io"),
    );
    let entry = |(name, text): &(String, Vec<u8>)| (name.clone(), text.clone());
    let jar = |poms: &[&(String, Vec<u8>)]| {
        let poms: Vec<_> = poms.iter().map(|pom| entry(pom)).collect();
        let entries: Vec<(&str, &[u8])> = poms.iter().map(|(n, t)| (n.as_str(), &**t)).collect();
        zip(&entries)
    };
    let packages = packages(
        Tar::new()
            .file("l/log4j-1.2-api-2.17.1.jar", &jar(&[&core, &api]))
            // It holds one record, which is not its own.
            .file("l/my-agent-1.0.jar", &jar(&[&io]))
            .file("l/renamed.jar", &jar(&[&api])),
    );
    let found: Vec<String> = packages
        .packages
        .iter()
        .map(|p| format!("{} {} {} {}", p.name, p.location, p.files, p.vendored))
        .collect();
    assert_eq!(
        found,
        [
            "commons-io:commons-io /l/my-agent-1.0.jar 0 true",
            "my-agent /l/my-agent-1.0.jar 1 false",
            "org.apache.logging.log4j:log4j-1.2-api /l/log4j-1.2-api-2.17.1.jar 1 false",
            "org.apache.logging.log4j:log4j-1.2-api /l/renamed.jar 1 false",
            "org.apache.logging.log4j:log4j-core /l/log4j-1.2-api-2.17.1.jar 0 true",
        ]
    );
    assert_eq!(
        packages.packages[1].depends_on,
        ["pkg:maven/commons-io/commons-io@2.17.1"]
    );
}

#[test]
fn a_jar_that_is_too_large_to_be_held_is_read_all_the_same() {
    let big = vec![0; 65 << 20];
    let jar = zip(&[
        (
            "META-INF/MANIFEST.MF",
            b"Implementation-Title: big\nImplementation-Version: 1\n",
        ),
        ("data", &big),
    ]);
    assert_eq!(
        ids(&packages(Tar::new().file("b.jar", &jar))),
        ["pkg:generic/big@1"]
    );
}

#[test]
fn what_lies_in_tests_of_npm_packages_is_not_installed() {
    let json = |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0"}}"#).into_bytes();
    let mut tar = Tar::new();
    for (path, name) in [
        ("app/package.json", "app"),
        ("app/node_modules/resolve/package.json", "resolve"),
        (
            "app/node_modules/resolve/test/a/node_modules/fixture/package.json",
            "fixture",
        ),
        ("app/node_modules/test/package.json", "test"),
        ("app/node_modules/@s/examples/package.json", "@s/examples"),
        ("app/test/project/node_modules/b/package.json", "b"),
        ("app/test/project/package.json", "project"),
        ("test/node_modules/c/package.json", "c"),
        ("lib/package.json", "not installed"),
    ] {
        tar = tar.file(path, &json(name));
    }
    let found = packages(tar);
    assert_eq!(
        ids(&found),
        [
            "pkg:npm/%40s/examples@1.0.0",
            "pkg:npm/app@1.0.0",
            "pkg:npm/c@1.0.0",
            "pkg:npm/resolve@1.0.0",
            "pkg:npm/test@1.0.0",
        ]
    );
    let applications: Vec<bool> = found.packages.iter().map(|p| p.application).collect();
    assert_eq!(applications, [false, true, false, false, false]);
}

#[test]
fn npm_packages_depend_on_what_node_loads_and_bear_what_the_lock_file_says() {
    let lock = r#"{"packages":{"node_modules/a":{"resolved":"https://u:p@example.org/a.tgz","integrity":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}}"#;
    let bom = "\u{feff}{\"name\":\"app\",\"version\":\"0.1.0\",\"dependencies\":{\"a\":\"1\",\"gone\":\"1\"}}";
    let found = packages(
        Tar::new()
            .file("app/package.json", bom.as_bytes())
            .file("app/node_modules/.package-lock.json", lock.as_bytes())
            .file(
                "app/node_modules/a/package.json",
                br#"{"name":"a","version":"1.0.0","dependencies":{"b":"1"}}"#,
            )
            .file(
                "app/node_modules/a/node_modules/b/package.json",
                br#"{"name":"b","version":"2.0.0"}"#,
            )
            .file(
                "app/node_modules/b/package.json",
                br#"{"name":"b","version":"1.0.0"}"#,
            )
            // As pnpm links them.
            .file(
                "p/node_modules/.pnpm/c@1.0.0/node_modules/c/package.json",
                br#"{"name":"c","version":"1.0.0","dependencies":{"d":"1"}}"#,
            )
            .file(
                "p/node_modules/.pnpm/d@3.0.0/node_modules/d/package.json",
                br#"{"name":"d","version":"3.0.0"}"#,
            )
            .symlink(
                "p/node_modules/.pnpm/c@1.0.0/node_modules/d",
                "../../d@3.0.0/node_modules/d",
            ),
    );
    assert_eq!(
        find(&found, "pkg:npm/app@0.1.0").depends_on,
        ["pkg:npm/a@1.0.0"]
    );
    let a = find(&found, "pkg:npm/a@1.0.0");
    assert_eq!(a.depends_on, ["pkg:npm/b@2.0.0"]);
    assert_eq!(a.download.as_deref(), Some("https://example.org/a.tgz"));
    assert_eq!(
        a.checksums,
        ["sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"]
    );
    assert_eq!(
        find(&found, "pkg:npm/c@1.0.0").depends_on,
        ["pkg:npm/d@3.0.0"]
    );
}

#[test]
fn zips_of_yarn_are_packages_only_where_plug_n_play_loads_them() {
    let package = zip(&[(
        "node_modules/a/package.json",
        br#"{"name":"a","version":"1.0.0","license":"MIT"}"#,
    )]);
    let app = br#"{"name":"app","version":"2.0.0","dependencies":{"a":"1"}}"#;
    let tar = || {
        Tar::new()
            .file(
                "app/.yarn/cache/a-npm-1.0.0-0123456789-abcdef.zip",
                &package,
            )
            .file("app/package.json", app)
            .file("app/yarn.lock", b"")
    };
    let found = packages(tar().file("app/.pnp.cjs", b"#!/usr/bin/env node\n"));
    assert_eq!(ids(&found), ["pkg:npm/a@1.0.0", "pkg:npm/app@2.0.0"]);
    assert_eq!(found.packages[0].licence.as_deref(), Some("MIT"));
    assert_eq!(found.packages[1].depends_on, ["pkg:npm/a@1.0.0"]);
    assert_eq!(ids(&packages(tar())), ["pkg:npm/app@2.0.0"]);
}

#[test]
fn python_distributions_are_those_that_are_installed() {
    let metadata = |name: &str| format!("Name: {name}\nVersion: 1.0\n\n").into_bytes();
    let site = "usr/lib/python3/dist-packages";
    let mut tar = Tar::new()
        .file(
            &format!("{site}/pip/_vendor/vendor.txt"),
            b"CacheControl==0.13.1  # Make sure to update\nrich==13.7\n    pygments==2.17\ngone==1\n",
        )
        .file(&format!("{site}/pip/_vendor/cachecontrol/__init__.py"), b"import os\n")
        .file(&format!("{site}/pip/_vendor/rich.py"), b"import os\n")
        .file(
            &format!("{site}/old-1.0-py3.9.egg"),
            &zip(&[("EGG-INFO/PKG-INFO", &metadata("old")), ("old.py", b"x")]),
        )
        .file(
            &format!("{site}/flask-1.0.dist-info/direct_url.json"),
            br#"{"url":"https://example.org/flask.git","vcs_info":{"vcs":"git","commit_id":"0a1b2c"}}"#,
        );
    for (path, name) in [
        ("flask-1.0.dist-info/METADATA", "flask"),
        ("~lask-0.9.dist-info/METADATA", "flask"),
        ("setuptools/_vendor/zipp-1.0.dist-info/METADATA", "zipp"),
        (
            "setuptools/tests/data/fixture-1.0.dist-info/METADATA",
            "fixture",
        ),
        ("egg.egg/EGG-INFO/PKG-INFO", "egg"),
    ] {
        tar = tar.file(&format!("{site}/{path}"), &metadata(name));
    }
    let tar = tar
        .file(&format!("{site}/egg.egg/egg.py"), b"import os\n")
        .file("test/lib/own-1.0.dist-info/METADATA", &metadata("own"));
    let found = packages(tar);
    let list: Vec<String> = found
        .packages
        .iter()
        .map(|p| format!("{} {} {}", p.id, p.files, p.vendored))
        .collect();
    assert_eq!(
        list,
        [
            "pkg:pypi/cachecontrol@0.13.1 1 true",
            "pkg:pypi/egg@1.0 2 false",
            "pkg:pypi/flask@1.0 2 false",
            "pkg:pypi/old@1.0 1 false",
            "pkg:pypi/own@1.0 1 false",
            "pkg:pypi/rich@13.7 1 true",
            "pkg:pypi/zipp@1.0 1 true",
        ]
    );
    let flask = find(&found, "pkg:pypi/flask@1.0");
    let origin = "git+https://example.org/flask.git@0a1b2c";
    assert_eq!(flask.download.as_deref(), Some(origin));
    assert_eq!(find(&found, "pkg:pypi/old@1.0").checksums.len(), 1);
}

/// A program with one segment, which holds Go's build info.
fn go_program(modules: &str) -> Vec<u8> {
    let framed = format!("0123456789abcdef{modules}fedcba9876543210");
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.push(8);
    info.extend(b"go1.22.5");
    info.extend([framed.len() as u8 & 0x7f | 0x80, (framed.len() >> 7) as u8]);
    info.extend(framed.as_bytes());
    info.resize(1024, 0);
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    for number in [2u16, 62] {
        elf.extend(number.to_le_bytes());
    }
    elf.extend(1u32.to_le_bytes());
    for number in [0x40_0000u64, 64, 0] {
        elf.extend(number.to_le_bytes());
    }
    elf.extend(0u32.to_le_bytes());
    for number in [64u16, 56, 1, 64, 0, 0] {
        elf.extend(number.to_le_bytes());
    }
    // PT_LOAD, to be read and written.
    for number in [1u32, 6] {
        elf.extend(number.to_le_bytes());
    }
    for number in [128u64, 0x40_0000, 0x40_0000, 1024, 1024, 16] {
        elf.extend(number.to_le_bytes());
    }
    elf.resize(128, 0);
    [elf, info].concat()
}

#[test]
fn a_go_program_has_its_bytes_its_version_and_the_modules_that_it_needs() {
    let program = go_program(
        "path\texample.org/app\nmod\texample.org/app\t(devel)\t\ndep\tgolang.org/x/net\tv0.30.0\th1:x=\n\
         build\t-ldflags=\"-s -X main.version=1.4.2\"\n",
    );
    let digest = crate::image::Digest::of(&program).to_hex();
    let found = packages(Tar::new().file("app", &program));
    let list: Vec<String> = found
        .packages
        .iter()
        .map(|p| format!("{} {} {}", p.id, p.size, p.application))
        .collect();
    assert_eq!(
        list,
        [
            "pkg:golang/example.org/app@1.4.2 1152 true",
            "pkg:golang/golang.org/x/net@v0.30.0 0 false",
            "pkg:golang/stdlib@1.22.5 0 false",
        ]
    );
    let app = &found.packages[0];
    assert_eq!(
        app.depends_on,
        [found.packages[1].id.as_str(), &found.packages[2].id]
    );
    assert_eq!(app.checksums, [format!("sha256:{digest}")]);
    // It is the image's own: what is found in it is not somebody else's.
    assert_eq!(found.unowned_files, 1);
}
