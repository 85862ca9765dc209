//! Packages in every form that their managers leave them in.

use serde_json::json;

use super::{names, one_list, one_list_of};
use crate::rootfs::ImagePath;
use crate::rootfs::tar::testing::Tar;
use crate::xray::testing::{image, zip};

#[test]
fn distributions_of_python_in_every_form_are_one_list() {
    let egg = zip(&[("EGG-INFO/PKG-INFO", b"Name: zipped\nVersion: 1\n\n")]);
    let list = one_list_of(&[
        // A folder whose name is not the distribution's, and files outside of it.
        (
            "s/site-packages/zope_interface-5.0.dist-info/METADATA",
            b"Name: Zope.Interface\nVersion: 5.0\n\n",
        ),
        (
            "s/site-packages/zope_interface-5.0.dist-info/RECORD",
            b"zope/a.py,,\n../../bin/zope,,\n\"zope/b,c.py\",,\n",
        ),
        (
            "s/site-packages/zope_interface-5.0.dist-info/INSTALLER",
            b"pip",
        ),
        ("s/site-packages/zope/a.py", b"x"),
        ("s/site-packages/zope/b,c.py", b"x"),
        ("s/site-packages/zope/left.pyc", b"x"),
        ("bin/zope", b"x"),
        // Metadata that is missing, and metadata that names nothing.
        ("s/site-packages/bare-1.0.dist-info/RECORD", b"bare.py,,\n"),
        ("s/site-packages/bare.py", b"x"),
        ("s/site-packages/empty-2.0.dist-info/METADATA", b"\n"),
        ("s/site-packages/empty-2.0.dist-info/RECORD", b"x.py,,\n"),
        ("s/site-packages/none-2.0.dist-info/INSTALLER", b"pip"),
        (
            "s/site-packages/~one-2.0.dist-info/METADATA",
            b"Name: one\nVersion: 2.0\n\n",
        ),
        ("s/site-packages/~one-2.0.dist-info/RECORD", b"x.py,,\n"),
        // The forms of setuptools.
        (
            "s/site-packages/folder.egg-info/PKG-INFO",
            b"Name: folder\nVersion: 1\n\n",
        ),
        (
            "s/site-packages/folder.egg-info/installed-files.txt",
            b"../folder.py\n",
        ),
        ("s/site-packages/folder.py", b"x"),
        (
            "s/dist-packages/single-1.egg-info",
            b"Name: single\nVersion: 1\n\n",
        ),
        (
            "s/site-packages/tree.egg/EGG-INFO/PKG-INFO",
            b"Name: tree\nVersion: 1\n\n",
        ),
        ("s/site-packages/tree.egg/tree.py", b"x"),
        ("s/site-packages/zipped-1-py3.9.egg", &egg),
        // Copies, of which one has metadata, and one comes before its owner in the alphabet.
        (
            "s/site-packages/pip-24.0.dist-info/METADATA",
            b"Name: pip\nVersion: 24.0\n\n",
        ),
        (
            "s/site-packages/pip-24.0.dist-info/RECORD",
            b"pip/_vendor/rich.py,,\npip/_vendor/cachecontrol/a.py,,\n",
        ),
        (
            "s/site-packages/pip/_vendor/vendor.txt",
            b"CacheControl==0.13 # x\nrich==13.7\nzipp==3\ngone==1\n",
        ),
        ("s/site-packages/pip/_vendor/rich.py", b"x"),
        ("s/site-packages/pip/_vendor/cachecontrol/a.py", b"x"),
        ("s/site-packages/pip/_vendor/zipp.py", b"x"),
        (
            "s/site-packages/pip/_vendor/zipp-3.1.dist-info/METADATA",
            b"Name: zipp\nVersion: 3.1\n\n",
        ),
        (
            "s/site-packages/pip/tests/t-1.dist-info/METADATA",
            b"Name: t\nVersion: 1\n\n",
        ),
        ("s/METADATA", b"Name: no\nVersion: 1\n\n"),
        ("s/PKG-INFO", b"Name: no\nVersion: 1\n\n"),
    ]);
    assert_eq!(
        names(&list),
        [
            "Python CacheControl 0.13",
            "Python Zope.Interface 5.0",
            "Python bare 1.0",
            "Python empty 2.0",
            "Python folder 1",
            "Python pip 24.0",
            "Python rich 13.7",
            "Python single 1",
            "Python tree 1",
            "Python zipp 3.1",
            "Python zipped 1",
        ]
    );
    for (path, owner) in [
        ("/bin/zope", Some("Zope.Interface")),
        ("/s/site-packages/zope/b,c.py", Some("Zope.Interface")),
        ("/s/site-packages/zope/left.pyc", None),
        ("/s/site-packages/folder.py", Some("folder")),
        ("/s/site-packages/tree.egg/tree.py", Some("tree")),
        ("/s/site-packages/pip/_vendor/rich.py", Some("pip")),
        (
            "/s/site-packages/pip/_vendor/cachecontrol/a.py",
            Some("CacheControl"),
        ),
    ] {
        let found = list.owners.get(&ImagePath::from(path));
        assert_eq!(found.map(|(_, name, _)| name.as_str()), owner, "{path}");
    }
}

#[test]
fn packages_of_npm_in_every_form_are_one_list() {
    let json = |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0"}}"#).into_bytes();
    let zipped = zip(&[("node_modules/zipped/package.json", &json("zipped"))]);
    let bom = [b"\xef\xbb\xbf".as_slice(), &json("bom")].concat();
    let list = one_list_of(&[
        ("app/package.json", &json("app")),
        ("app/node_modules/a/package.json", &json("a")),
        ("app/node_modules/a/lib/x.js", b"x"),
        ("app/node_modules/a/lib/package.json", &json("part")),
        (
            "app/node_modules/a/node_modules/@s/b/package.json",
            &json("@s/b"),
        ),
        (
            "app/node_modules/a/test/node_modules/t/package.json",
            &json("t"),
        ),
        ("app/node_modules/test/package.json", &json("test")),
        ("app/node_modules/@odd/package.json", &json("odd")),
        ("app/node_modules/bom/package.json", &bom),
        ("app/node_modules/nameless/package.json", b"{}"),
        (
            "app/node_modules/number/package.json",
            br#"{"name":"n","version":1}"#,
        ),
        ("app/node_modules/broken/package.json", b"{"),
        ("pnp/.pnp.cjs", b"x"),
        ("pnp/package.json", &json("plugged")),
        ("pnp/.yarn/cache/zipped-npm-1.0.0-0.zip", &zipped),
        ("other/.yarn/cache/other-npm-1.0.0-0.zip", &zipped),
        ("root/.yarn/berry/cache/shared-npm-1.0.0-0.zip", &zipped),
    ]);
    assert_eq!(
        names(&list),
        [
            "Npm @s/b 1.0.0",
            "Npm a 1.0.0",
            "Npm bom 1.0.0",
            "Npm odd 1.0.0",
            "Npm test 1.0.0",
            "Npm zipped 1.0.0",
        ]
    );
    for (path, owner) in [
        ("/app/package.json", None),
        ("/app/node_modules/a/lib/x.js", Some("a")),
        (
            "/app/node_modules/a/node_modules/@s/b/package.json",
            Some("@s/b"),
        ),
        (
            "/root/.yarn/berry/cache/shared-npm-1.0.0-0.zip",
            Some("zipped"),
        ),
        ("/other/.yarn/cache/other-npm-1.0.0-0.zip", None),
    ] {
        let found = list.owners.get(&ImagePath::from(path));
        assert_eq!(found.map(|(_, name, _)| name.as_str()), owner, "{path}");
    }
}

#[test]
fn packages_of_systems_and_of_what_is_installed_on_them_are_one_list() {
    let status = "Package: bash\nStatus: install ok half-configured\nVersion: 1\nArchitecture: amd64\n\n\
                  Package: dash\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n\n\
                  Package: python3-a\nStatus: install ok installed\nVersion: 3\n\n\
                  Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
    let base = Tar::new()
        .symlink("bin", "usr/bin")
        .symlink("lib", "usr/lib")
        .file("var/lib/dpkg/status", status.as_bytes())
        .file(
            "var/lib/dpkg/diversions",
            b"/bin/sh\n/bin/sh.distrib\ndash\n",
        )
        .file(
            "var/lib/dpkg/info/bash.list",
            b"/.\n/bin\n/bin/sh\n/bin/bash\n",
        )
        .file("var/lib/dpkg/info/bash.postinst", b"x")
        .file(
            "var/lib/dpkg/info/dash:amd64.md5sums",
            b"0123456789abcdef0123456789abcdef  bin/sh\n",
        )
        .file(
            "var/lib/dpkg/info/python3-a.list",
            b"/usr/lib/python3/dist-packages/a.py\n/usr/lib/python3/dist-packages/a-1.0.egg-info\n",
        )
        .file("var/lib/dpkg/info/gone.list", b"/usr/bin/bash\n")
        .file(
            "var/lib/dpkg/status.d/base",
            b"Package: base-files\nVersion: 12\n",
        )
        .file(
            "var/lib/dpkg/status.d/base.md5sums",
            b"0123456789abcdef0123456789abcdef  usr/share/base\nshort\n",
        )
        .file(
            "var/lib/dpkg/status.d/bash",
            b"Package: bash\nVersion: 1\nArchitecture: amd64\n",
        )
        .file("usr/share/base", b"x")
        .file("usr/bin/bash", b"bash")
        .file("usr/bin/sh", b"dash")
        .file("usr/bin/sh.distrib", b"bash")
        .file("usr/lib/python3/dist-packages/a.py", b"x")
        .file(
            "usr/lib/python3/dist-packages/a-1.0.egg-info",
            b"Name: a\nVersion: 1.0\n\n",
        )
        .file("usr/lib/left.so", b"x")
        .bytes();
    let upper = Tar::new()
        .file(
            "usr/lib/apk/db/installed",
            b"P:musl\nV:1\nF:lib\nR:ld.so\nR:gone\n\nV:2\n",
        )
        .file("usr/lib/ld.so", b"musl")
        .file(
            "usr/lib/sysimage/rpm/rpmdb.sqlite",
            include_bytes!("../../../../../fuzz/corpus/rpm_database/sqlite"),
        )
        .symlink("var/lib/rpm", "../../usr/lib/sysimage/rpm")
        .file(
            "var/lib/rpmmanifest/container-manifest-2",
            b"filesystem\t1.1-19\t1\t1\tVendor\t0\t7596\tx86_64\t2\tfilesystem.src.rpm\nbroken\n",
        )
        .file("usr/bin/hello", b"#!/bin/sh\n")
        .file(
            "app/node_modules/a/package.json",
            br#"{"name":"a","version":"1.0.0"}"#,
        )
        .file(
            "s/site-packages/b-1.0.dist-info/METADATA",
            b"Name: B\nVersion: 1.0\n\n",
        )
        .file("usr/bin/.wh.bash", b"")
        .bytes();
    let tars = vec![base, upper];
    let list = one_list(&image(&tars, json!({})), tars);
    assert_eq!(
        names(&list),
        [
            "Deb base-files 12",
            "Deb bash 1",
            "Deb dash 2",
            "Deb python3-a 3",
            "Apk musl 1",
            "Rpm filesystem 2:1.1-19",
            "Rpm greeting-data 1:2.10-3",
            "Rpm hello 1:2.10-3",
            "Python B 1.0",
            "Python a 1.0",
            "Npm a 1.0.0",
        ]
    );
    for (path, owner) in [
        ("/usr/bin/sh", Some("dash")),
        ("/usr/bin/sh.distrib", Some("bash")),
        ("/var/lib/dpkg/info/bash.postinst", Some("bash")),
        ("/var/lib/dpkg/status.d/base.md5sums", Some("base-files")),
        (
            "/usr/lib/python3/dist-packages/a-1.0.egg-info",
            Some("python3-a"),
        ),
        ("/usr/lib/ld.so", Some("musl")),
        ("/usr/bin/hello", Some("hello")),
        ("/usr/lib/left.so", None),
    ] {
        let found = list.owners.get(&ImagePath::from(path));
        assert_eq!(found.map(|(_, name, _)| name.as_str()), owner, "{path}");
    }
}
