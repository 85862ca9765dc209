//! What belongs with native programs and libraries that stay.

use std::collections::BTreeSet;

use super::helper::{check_kept, likely, opened, planned};
use crate::analyze::testing::{BuiltImage, TestElf, TestImage};
use crate::evidence::Rule;
use crate::plan::Plan;

/// A file that shows a row of the table, as Debian, Alpine or Fedora have it, and files that belong with it.
const EXAMPLES: [(&str, &[&str]); 50] = [
    (
        "/usr/lib/x86_64-linux-gnu/libfontconfig.so.1",
        &[
            "/etc/fonts/fonts.conf",
            "/usr/share/fontconfig/conf.avail/10-hinting.conf",
            "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libpam.so.0",
        &[
            "/etc/pam.d/common-auth",
            "/etc/security/limits.conf",
            "/etc/login.defs",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libsasl2.so.2",
        &["/usr/lib/x86_64-linux-gnu/sasl2/libplain.so"],
    ),
    (
        "/usr/lib/sasl2-user/libsasl2.so.3",
        &["/usr/lib/sasl2/libplain.so", "/etc/sasl2/smtpd.conf"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libkrb5.so.3",
        &[
            "/etc/krb5.conf",
            "/etc/gss/mech.d/x.conf",
            "/usr/lib/x86_64-linux-gnu/krb5/plugins/preauth/spake.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        &[
            "/etc/ssl/openssl.cnf",
            "/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so",
            "/usr/lib/x86_64-linux-gnu/engines-3/padlock.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libnss3.so",
        &[
            "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
            "/usr/lib/x86_64-linux-gnu/libfreeblpriv3.chk",
            "/usr/lib/x86_64-linux-gnu/nss/libnssckbi.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libp11-kit.so.0",
        &["/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-trust.so"],
    ),
    (
        "/usr/bin/iconv_open",
        &[
            "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
            "/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so",
        &[
            "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
            "/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
            "/usr/lib/x86_64-linux-gnu/gconv/SJIS.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgio-2.0.so.0",
        &[
            "/usr/lib/x86_64-linux-gnu/gio/modules/giomodule.cache",
            "/usr/lib/x86_64-linux-gnu/gio/modules/libgiognutls.so",
            "/usr/share/mime/mime.cache",
        ],
    ),
    ("/usr/lib/python3.11/mimetypes.py", &["/etc/mime.types"]),
    (
        "/usr/lib/x86_64-linux-gnu/libmagic.so.1",
        &["/usr/lib/file/magic.mgc", "/etc/magic"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libodbc.so.2",
        &[
            "/etc/odbcinst.ini",
            "/usr/lib/x86_64-linux-gnu/odbc/libtdsodbc.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libQt5Core.so.5",
        &["/usr/lib/x86_64-linux-gnu/qt5/plugins/platforms/libqoffscreen.so"],
    ),
    (
        "/usr/lib/libQt6Core.so.6",
        &["/usr/lib/qt6/plugins/imageformats/libqjpeg.so"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgstreamer-1.0.so.0",
        &[
            "/usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstogg.so",
            "/usr/lib/x86_64-linux-gnu/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libMagickCore-6.Q16.so.6",
        &[
            "/etc/ImageMagick-6/policy.xml",
            "/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/modules-Q16/coders/webp.la",
            "/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/modules-Q16/coders/webp.so",
        ],
    ),
    (
        "/usr/lib/libMagickCore-7.Q16HDRI.so.10",
        &["/usr/lib/ImageMagick-7.1.1/modules-Q16HDRI/coders/png.so"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgdk_pixbuf-2.0.so.0",
        &[
            "/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders.cache",
            "/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-svg.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libvips.so.42",
        &["/usr/lib/x86_64-linux-gnu/vips-modules-8.14/vips-heif.so"],
    ),
    (
        "/usr/lib/postgresql/15/bin/postgres",
        &[
            "/usr/share/postgresql/15/tsearch_data/english.stop",
            "/usr/share/postgresql/15/timezonesets/Default",
            "/usr/lib/postgresql/15/lib/plpgsql.so",
            "/usr/share/postgresql/15/extension/hstore--1.4.sql",
        ],
    ),
    (
        "/usr/local/bin/postgres",
        &[
            "/usr/local/share/postgresql/tsearch_data/english.stop",
            "/usr/local/lib/postgresql/plpgsql.so",
        ],
    ),
    (
        "/usr/sbin/mariadbd",
        &[
            "/usr/share/mysql/charsets/latin1.xml",
            "/usr/lib/mysql/plugin/auth_ed25519.so",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libmariadb.so.3",
        &["/usr/lib/x86_64-linux-gnu/libmariadb3/plugin/sha256_password.so"],
    ),
    (
        "/usr/lib/libicuuc.so.74",
        &["/usr/share/icu/74.2/icudt74l.dat"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libtinfo.so.6",
        &[
            "/lib/terminfo/x/xterm",
            "/usr/share/terminfo/x/xterm-direct",
        ],
    ),
    ("/usr/lib/libncursesw.so.6", &["/etc/terminfo/v/vt100"]),
    (
        "/usr/lib/x86_64-linux-gnu/libreadline.so.8",
        &["/etc/inputrc"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        &["/usr/lib/locale/C.utf8/LC_CTYPE"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libX11.so.6",
        &["/usr/share/X11/locale/locale.dir"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libxkbcommon.so.0",
        &["/usr/share/X11/xkb/rules/evdev"],
    ),
    (
        "/usr/share/zoneinfo/Europe/Berlin",
        &[
            "/usr/share/zoneinfo/Asia/Tokyo",
            "/usr/share/zoneinfo/UTC",
            "/usr/share/zoneinfo/tzdata.zi",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libasound.so.2",
        &["/usr/share/alsa/alsa.conf"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libenchant-2.so.2",
        &[
            "/usr/lib/x86_64-linux-gnu/enchant-2/enchant_hunspell.so",
            "/usr/share/hunspell/en_US.dic",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libproj.so.25",
        &["/usr/share/proj/proj.db"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgdal.so.32",
        &["/usr/share/gdal/gcs.csv"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libtesseract.so.5",
        &["/usr/share/tesseract-ocr/5/tessdata/eng.traineddata"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgs.so.10",
        &["/usr/share/ghostscript/10.00.0/Resource/Init/gs_init.ps"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libpoppler.so.126",
        &["/usr/share/poppler/cMap/Adobe-Japan1/H"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libxml2.so.2",
        &["/etc/xml/catalog"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libldap-2.5.so.0",
        &["/etc/ldap/ldap.conf"],
    ),
    (
        "/usr/sbin/slapd",
        &["/usr/lib/ldap/back_mdb.so", "/etc/ldap/schema/core.schema"],
    ),
    (
        "/usr/lib/postfix/libpostfix-global.so",
        &[
            "/usr/lib/postfix/postfix-pcre.so",
            "/etc/postfix/dynamicmaps.cf",
        ],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgtk-3.so.0",
        &["/usr/lib/x86_64-linux-gnu/gtk-3.0/3.0.0/immodules.cache"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libEGL.so.1",
        &["/usr/share/glvnd/egl_vendor.d/50_mesa.json"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libgbm.so.1",
        &["/usr/lib/x86_64-linux-gnu/dri/swrast_dri.so"],
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libdbus-1.so.3",
        &["/etc/machine-id"],
    ),
    (
        "/usr/lib64/libcrypto.so.3",
        &[
            "/usr/lib64/ossl-modules/legacy.so",
            "/etc/pki/tls/openssl.cnf",
        ],
    ),
    ("/usr/lib64/gconv/EUC-JP.so", &["/usr/lib64/gconv/SJIS.so"]),
];

fn library() -> Vec<u8> {
    TestElf::library().build()
}

fn image() -> TestImage {
    TestImage::new().file("/usr/share/ballast", vec![0; 1_000_000])
}

/// With this rule alone.
fn planned_with(image: &BuiltImage, paths: &[&str]) -> Plan {
    let mut rules = likely();
    let others = Rule::ALL.into_iter().filter(|rule| *rule != Rule::Plugin);
    rules.evidence.off = others.collect();
    planned(image, &opened(paths), &rules)
}

#[test]
fn what_the_table_has_stays_with_what_shows_it() {
    let mut sources = BTreeSet::new();
    for (sign, belong) in EXAMPLES {
        // Its name is a text in it too, as functions that it calls are.
        let content = [library(), sign.as_bytes().to_vec()].concat();
        let mut image = image().program(sign, content);
        for path in belong {
            image = image.file(path, "x");
        }
        let image = image.build();
        let plan = planned_with(&image, &[sign]);
        check_kept(&plan, belong, &[]);
        let symbols = plan
            .evidence
            .taken
            .into_iter()
            .filter_map(|group| group.source.symbol);
        sources.extend(symbols);
        // What shows nothing brings nothing.
        let plan = planned_with(&image, &["/usr/share/ballast"]);
        let files: Vec<&str> = belong
            .iter()
            .copied()
            .filter(|path| !path.starts_with("/etc/"))
            .collect();
        check_kept(&plan, &[], &files);
    }
    let rows = crate::evidence::rows_of_plugins();
    let unseen: Vec<_> = rows
        .filter(|row| {
            !sources
                .iter()
                .any(|source| source.starts_with(&format!("{row}: ")))
        })
        .collect();
    assert!(unseen.is_empty(), "without an example: {unseen:?}");
}

#[test]
fn a_library_that_is_linked_in_shows_by_its_text() {
    let with = |text: &str| [library(), text.as_bytes().to_vec()].concat();
    let image = image()
        .file("/app/vips.node", with("\0FONTCONFIG_PATH\0"))
        .file("/app/other.node", with("\0FONTCONFIG\0"))
        .file("/etc/fonts/fonts.conf", "x")
        .file("/usr/share/fonts/a/a.ttf", "x")
        .build();
    check_kept(
        &planned_with(&image, &["/app/vips.node"]),
        &["/etc/fonts/fonts.conf", "/usr/share/fonts/a/a.ttf"],
        &[],
    );
    check_kept(
        &planned_with(&image, &["/app/other.node"]),
        &[],
        &["/etc/fonts/fonts.conf"],
    );
}

#[test]
fn configuration_names_modules_without_their_directory() {
    let image = image()
        .file("/usr/lib/x86_64-linux-gnu/libpam.so.0", library())
        .program("/usr/sbin/httpd", library())
        .file("/usr/lib/libphp.so", library())
        .file(
            "/etc/pam.d/login",
            "# pam_debug.so\nauth\trequired pam_unix.so nullok\n-session optional pam_missing.so\n",
        )
        .file("/usr/lib/x86_64-linux-gnu/security/pam_unix.so", library())
        .file("/usr/lib/x86_64-linux-gnu/security/pam_debug.so", library())
        .file(
            "/etc/httpd/conf.modules.d/00-base.conf",
            "LoadModule x modules/mod_x.so\n#LoadModule y modules/mod_y.so\n",
        )
        .file("/usr/lib64/httpd/modules/mod_x.so", library())
        .file("/usr/lib64/httpd/modules/mod_y.so", library())
        .file(
            "/usr/local/etc/php/conf.d/a.ini",
            "zend_extension=opcache\n;extension=gd\n",
        )
        .file(
            "/usr/local/lib/php/extensions/no-debug-non-zts-20220829/opcache.so",
            library(),
        )
        .file(
            "/usr/local/lib/php/extensions/no-debug-non-zts-20220829/gd.so",
            library(),
        )
        .build();
    let plan = planned_with(
        &image,
        &[
            "/usr/lib/x86_64-linux-gnu/libpam.so.0",
            "/usr/sbin/httpd",
            "/usr/lib/libphp.so",
            "/etc/pam.d/login",
            "/etc/httpd/conf.modules.d/00-base.conf",
            "/usr/local/etc/php/conf.d/a.ini",
        ],
    );
    check_kept(
        &plan,
        &[
            "/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
            "/usr/lib64/httpd/modules/mod_x.so",
            "/usr/local/lib/php/extensions/no-debug-non-zts-20220829/opcache.so",
        ],
        &[
            "/usr/lib/x86_64-linux-gnu/security/pam_debug.so",
            "/usr/lib64/httpd/modules/mod_y.so",
            "/usr/local/lib/php/extensions/no-debug-non-zts-20220829/gd.so",
        ],
    );
    let group = plan
        .evidence
        .taken
        .iter()
        .find(|group| group.id.ends_with("pam_unix.so"))
        .expect("a group");
    assert_eq!(group.source.to_string(), "/etc/pam.d/login:2");
    // Without the library that reads it, the file says nothing.
    let plan = planned_with(&image, &["/etc/pam.d/login"]);
    check_kept(
        &plan,
        &[],
        &["/usr/lib/x86_64-linux-gnu/security/pam_unix.so"],
    );
}

#[test]
fn a_dear_sibling_of_a_plugin_is_left_out_alone() {
    let dear = [library(), vec![0; 100_000]].concat();
    let image = image()
        .program(
            "/usr/bin/server",
            TestElf::program("/lib64/ld-linux-x86-64.so.2")
                .needs("libz.so.1")
                .build(),
        )
        .file("/usr/lib/libz.so.1", library())
        .file("/opt/server/plugins/a.so", library())
        .file("/opt/server/plugins/b.so", library())
        .file("/opt/server/plugins/dear.so", dear)
        .file("/opt/server/plugins/text.so", "no library")
        .file("/opt/server/plugins/c.so.1", library())
        .file("/usr/lib/libunrelated.so.1", library())
        .build();
    let plan = planned_with(
        &image,
        &[
            "/usr/bin/server",
            "/usr/lib/libz.so.1",
            "/opt/server/plugins/a.so",
        ],
    );
    check_kept(
        &plan,
        &["/opt/server/plugins/b.so"],
        &[
            "/opt/server/plugins/dear.so",
            "/opt/server/plugins/text.so",
            "/opt/server/plugins/c.so.1",
            "/usr/lib/libunrelated.so.1",
        ],
    );
    let left: Vec<&str> = plan
        .evidence
        .left_out
        .iter()
        .map(|left| left.id.as_str())
        .collect();
    assert_eq!(left, ["plugin:/opt/server/plugins/dear.so"]);
}
