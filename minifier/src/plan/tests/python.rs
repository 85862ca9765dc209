//! What stays of Python applications at the level `likely`.

use super::helper::{kept, likely, opened, planned, program};
use crate::analyze::testing::TestImage;
use crate::evidence::Rule;
use crate::plan::{Plan, Reason};

const LIBRARY: &str = "/usr/lib/python3.11";
const SITE: &str = "/usr/lib/python3.11/site-packages";

/// An interpreter with a small library, and enough beside it that a few modules are cheap.
fn image() -> TestImage {
    let image = TestImage::new().file("/usr/share/ballast", vec![b'x'; 200_000]);
    let names = [
        "os",
        "site",
        "codecs",
        "io",
        "abc",
        "encodings/__init__",
        "encodings/utf_8",
        "encodings/koi8_r",
        "pdb",
    ];
    let library = names.iter().fold(image, |image, name| {
        image.file(&format!("{LIBRARY}/{name}.py"), "")
    });
    library
        .file(
            &format!("{LIBRARY}/json/__init__.py"),
            "from . import decoder\n",
        )
        .file(&format!("{LIBRARY}/json/decoder.py"), "import sys\n")
        .file(&format!("{LIBRARY}/json/tool.py"), "import json\n")
}

fn site(image: TestImage, files: &[(&str, &str)]) -> TestImage {
    files.iter().fold(image, |image, (path, text)| {
        image.file(&format!("{SITE}/{path}"), text)
    })
}

fn plan_of(image: TestImage, used: &[&str]) -> Plan {
    let standard = format!("{LIBRARY}/os.py");
    let used = [&[standard.as_str()], used].concat();
    let image = image.build();
    let plan = planned(&image, &opened(&used), &likely());
    let mut ids: Vec<&str> = plan.evidence.taken.iter().map(|group| &*group.id).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "a group was given twice");
    assert_eq!(
        plan,
        planned(&image, &opened(&used), &likely()),
        "another plan of the same"
    );
    plan
}

/// Kept files below a directory, without it.
fn below(plan: &Plan, dir: &str) -> Vec<String> {
    let paths = kept(plan).into_iter();
    paths
        .filter_map(|path| Some(path.strip_prefix(dir)?.strip_prefix('/')?.to_owned()))
        .collect()
}

/// The place that says that a path stays: file, line, symbol.
fn said(plan: &Plan, path: &str) -> Vec<(String, Option<u32>, String)> {
    let reasons = plan.keep.reasons(&path.into()).into_iter().flatten();
    reasons
        .filter_map(|reason| match reason {
            Reason::Evidence { source, .. } => Some((
                source.file.to_string(),
                source.line,
                source.symbol.clone().unwrap_or_default(),
            )),
            _ => None,
        })
        .collect()
}

#[test]
fn an_import_in_a_handler_brings_the_module_and_what_that_loads() {
    let yaml = [
        ("yaml/__init__.py", "from .loader import *\nimport json\n"),
        ("yaml/loader.py", "def load():\n    from . import dumper\n"),
        ("yaml/dumper.py", ""),
        ("yaml/tests/__init__.py", ""),
        ("other.py", ""),
    ];
    let app = "import os\n\ndef handler():\n    import yaml\n";
    let plan = plan_of(
        site(image().file("/app/web.py", app), &yaml),
        &["/app/web.py"],
    );
    // What a function of the package imports is one step further, in the same package.
    assert_eq!(
        below(&plan, SITE),
        ["yaml/__init__.py", "yaml/dumper.py", "yaml/loader.py"]
    );
    assert_eq!(
        below(&plan, &format!("{LIBRARY}/json")),
        ["__init__.py", "decoder.py"]
    );
    assert_eq!(
        said(&plan, &format!("{SITE}/yaml/loader.py")),
        [("/app/web.py".to_owned(), Some(4), "yaml".to_owned())]
    );
}

#[test]
fn tools_and_what_is_far_away_are_not_taken_from_functions_of_packages() {
    let packages = [
        ("near.py", "def f():\n    import pdb, far\n"),
        ("far.py", "def f():\n    import farther\n"),
        ("farther.py", ""),
    ];
    let near = format!("{SITE}/near.py");
    let plan = plan_of(site(image(), &packages), &[&near]);
    assert_eq!(below(&plan, SITE), ["far.py", "near.py"]);
    assert!(
        !plan
            .keep
            .contains(&format!("{LIBRARY}/pdb.py").as_str().into())
    );

    let app = image().file("/app/web.py", "def f():\n    import pdb\n");
    let plan = plan_of(app, &["/app/web.py"]);
    assert!(
        plan.keep
            .contains(&format!("{LIBRARY}/pdb.py").as_str().into())
    );
}

#[test]
fn every_encoding_and_the_start_of_the_interpreter_stay() {
    let image = image()
        .program("/usr/bin/python3.11", "")
        .file("/app/tick.py", "import json\n")
        .build();
    let trace = opened(&["/usr/bin/python3.11", "/app/tick.py"]);
    let plan = planned(&image, &trace, &likely());
    assert_eq!(
        below(&plan, LIBRARY),
        [
            "abc.py",
            "codecs.py",
            "encodings/__init__.py",
            "encodings/koi8_r.py",
            "encodings/utf_8.py",
            "io.py",
            "json/__init__.py",
            "json/decoder.py",
            "os.py",
            "site.py"
        ]
    );
}

#[test]
fn a_script_that_stays_before_its_interpreter_gets_its_modules() {
    let image = image()
        .file(
            "/var/lib/dpkg/status",
            "Package: python\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n",
        )
        .file("/var/lib/dpkg/info/python.list", "/usr/bin/python3.11\n")
        .program("/usr/bin/python3.11", program(&[]))
        .program("/app/tick.sh", "#!/bin/sh\npython3.11 /app/tick.py\n")
        .file("/app/tick.py", "import json\n")
        .build();
    // No package owns the scripts, so that both stay in the first round; the interpreter stays in the second.
    let plan = planned(&image, &opened(&[]), &likely());
    for path in ["/usr/bin/python3.11", &format!("{LIBRARY}/json/decoder.py")] {
        assert!(plan.keep.contains(&path.into()), "{path}");
    }
}

#[test]
fn alternatives_stay_if_what_is_tried_first_can_fail() {
    let packages = [
        ("there.py", ""),
        ("instead.py", ""),
        ("other.py", ""),
        ("attribute.py", ""),
        ("pack.py", "import one\n"),
        (
            "one.py",
            "try:\n    import there\nexcept ImportError:\n    import instead\n\
                    try:\n    import gone\nexcept ImportError:\n    import other\n\
                    try:\n    from there import name\nexcept ImportError:\n    import attribute\n",
        ),
    ];
    let app = image().file("/app/web.py", "def f():\n    import pack\n");
    let plan = plan_of(site(app, &packages), &["/app/web.py"]);
    assert_eq!(
        below(&plan, SITE),
        ["attribute.py", "one.py", "other.py", "pack.py", "there.py"]
    );
}

#[test]
fn modules_are_found_by_every_way_of_searching() {
    let site_files = [
        ("spread/one.py", ""),
        ("linked.pth", "# x\nimport os\n../linked\n"),
        (
            "native.cpython-311-x86_64-linux-gnu.so",
            "\0helpers.fast\0_beside\0common\0",
        ),
        ("helpers/__init__.py", ""),
        ("helpers/fast.py", ""),
        ("_beside.py", ""),
        ("common.py", ""),
    ];
    let app = "def f():\n    import spread.one, away, native\n    from lib import inner\n    import beside\n";
    let image = site(image(), &site_files)
        .file(&format!("{LIBRARY}/linked/away.py"), "")
        .file("/srv/app/main.py", app)
        .file("/srv/app/beside.py", "")
        .file("/srv/lib/lib/__init__.py", "")
        .file(
            "/srv/lib/lib/inner.py",
            "from .. import nothing\nfrom .other import x\n",
        )
        .file("/srv/lib/lib/other.py", "")
        .config("Env", serde_json::json!(["PYTHONPATH=/srv/lib"]));
    let plan = plan_of(image, &["/srv/app/main.py"]);
    assert_eq!(
        below(&plan, SITE),
        [
            "_beside.py",
            "helpers/__init__.py",
            "helpers/fast.py",
            "native.cpython-311-x86_64-linux-gnu.so",
            "spread/one.py"
        ]
    );
    assert_eq!(
        below(&plan, "/srv"),
        [
            "app/beside.py",
            "app/main.py",
            "lib/lib/__init__.py",
            "lib/lib/inner.py",
            "lib/lib/other.py"
        ]
    );
    assert_eq!(below(&plan, &format!("{LIBRARY}/linked")), ["away.py"]);
}

#[test]
fn a_virtual_environment_leads_to_the_library_of_its_interpreter() {
    let image = image()
        .file(
            "/opt/venv/pyvenv.cfg",
            "home = /usr/bin\nversion = 3.11.2\n",
        )
        .link("/opt/venv/bin/python3", "/usr/bin/python3")
        .link("/usr/bin/python3", "python3.11")
        .program("/usr/bin/python3.11", "")
        .file(
            "/opt/venv/lib/python3.11/site-packages/web.py",
            "def f():\n    import json\n",
        )
        .build();
    let trace = opened(&["/opt/venv/lib/python3.11/site-packages/web.py"]);
    let plan = planned(&image, &trace, &likely());
    assert_eq!(
        below(&plan, &format!("{LIBRARY}/json")),
        ["__init__.py", "decoder.py"]
    );
}

#[test]
fn strings_of_settings_name_modules_attributes_and_applications() {
    let shop = "INSTALLED_APPS = ['blog', 'x']\nLOADER = 'loaders.files.Loader'\nNO = ['a.b', 'v1.2', 'index.html']\n";
    let files = [
        ("blog/__init__.py", ""),
        ("blog/models.py", ""),
        ("blog/migrations/__init__.py", ""),
        ("blog/migrations/0001_first.py", ""),
        ("blog/migrations/second.py", "import json\n"),
        ("blog/management/__init__.py", ""),
        ("blog/management/commands/__init__.py", ""),
        ("blog/management/commands/post.py", ""),
        ("loaders/__init__.py", ""),
        ("loaders/files.py", ""),
        ("loaders/memory.py", ""),
    ];
    let image = site(image().file("/srv/shop/settings.py", shop), &files);
    let plan = plan_of(image, &["/srv/shop/settings.py"]);
    assert_eq!(
        below(&plan, SITE),
        [
            "blog/__init__.py",
            "blog/management/__init__.py",
            "blog/management/commands/__init__.py",
            "blog/management/commands/post.py",
            "blog/migrations/0001_first.py",
            "blog/migrations/__init__.py",
            "blog/migrations/second.py",
            "loaders/__init__.py",
            "loaders/files.py"
        ]
    );
}

#[test]
fn computed_names_bring_what_fits_and_names_that_are_not_known_are_noted() {
    let plug = "from importlib import import_module\n\ndef f(name):\n    \
                import_module(f'plug.back_{name}')\n    import_module(name)\n";
    let files = [
        ("plug/__init__.py", plug),
        ("plug/back_a.py", ""),
        ("plug/back_b.py", ""),
        ("plug/front.py", ""),
    ];
    let plug = format!("{SITE}/plug/__init__.py");
    let plan = plan_of(site(image(), &files), &[&plug]);
    assert_eq!(
        below(&plan, SITE),
        ["plug/__init__.py", "plug/back_a.py", "plug/back_b.py"]
    );
    let notes: Vec<_> = plan.evidence.notes.iter().collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(notes[0].source.line, Some(5));
}

#[test]
fn a_module_that_nothing_names_brings_its_family() {
    let files = [
        ("draw/__init__.py", ""),
        ("draw/back_agg.py", ""),
        ("draw/back_svg.py", ""),
        ("draw/other.py", ""),
        ("talk/__init__.py", ""),
        ("talk/en/__init__.py", ""),
        ("talk/en/formats.py", ""),
        ("talk/de/__init__.py", ""),
        ("talk/de/formats.py", ""),
        ("talk/fr/formats.py", ""),
        ("talk/xx/words.py", ""),
    ];
    let used = [
        format!("{SITE}/draw/back_agg.py"),
        format!("{SITE}/talk/en/__init__.py"),
        format!("{SITE}/talk/en/formats.py"),
    ];
    let plan = plan_of(site(image(), &files), &used.each_ref().map(String::as_str));
    assert_eq!(
        below(&plan, SITE),
        [
            "draw/__init__.py",
            "draw/back_agg.py",
            "draw/back_svg.py",
            "talk/__init__.py",
            "talk/de/__init__.py",
            "talk/de/formats.py",
            "talk/en/__init__.py",
            "talk/en/formats.py",
            "talk/fr/formats.py"
        ]
    );
    let families = plan.evidence.taken.iter();
    let families: Vec<_> = families
        .filter(|group| group.rule == Rule::Family)
        .map(|group| group.id.as_str())
        .collect();
    assert_eq!(families.len(), 2, "{families:?}");
}

#[test]
fn what_a_package_has_beside_its_modules_stays() {
    let files = [
        ("web/__init__.py", ""),
        ("web/words.json", ""),
        ("web/fast.c", ""),
        ("web/templates/a.html", ""),
        ("web/templates/sub/b.html", "b"),
        ("web/tests/c.html", ""),
        ("web/more/__init__.py", ""),
        ("web/more/d.html", ""),
        ("web/locale/de/LC_MESSAGES/web.mo", ""),
        ("web/locale/de/LC_MESSAGES/web.po", ""),
        ("web/locale/fr/LC_MESSAGES/web.mo", ""),
    ];
    let web = format!("{SITE}/web/__init__.py");
    let plan = plan_of(site(image(), &files), &[&web]);
    assert_eq!(
        below(&plan, SITE),
        [
            "web/__init__.py",
            "web/locale/de/LC_MESSAGES/web.mo",
            "web/locale/fr/LC_MESSAGES/web.mo",
            "web/templates/a.html",
            "web/templates/sub/b.html",
            "web/words.json"
        ]
    );
    let ids: Vec<_> = plan
        .evidence
        .taken
        .iter()
        .map(|group| group.id.clone())
        .collect();
    assert!(
        ids.contains(&format!("python:{SITE}/web/templates/**")),
        "{ids:?}"
    );
}

#[test]
fn distributions_of_which_a_module_stays_bring_their_plugins_and_metadata() {
    let files = [
        ("web.py", ""),
        ("plugin.py", ""),
        ("program.py", ""),
        ("command.py", ""),
        ("web-1.dist-info/METADATA", "Name: web\nVersion: 1\n"),
        ("web-1.dist-info/RECORD", "web.py,,\nplugin.py,,\n"),
        (
            "web-1.dist-info/entry_points.txt",
            "[web.plugins]\na = plugin:A\n[console_scripts]\nrun = program:main\ngone = command:main\n\
             [distutils.commands]\nx = command\n",
        ),
        ("zipped.egg", "x"),
        ("other.py", ""),
        ("other-1.dist-info/METADATA", "Name: other\nVersion: 1\n"),
        (
            "other-1.dist-info/RECORD",
            "other.py,,\ncommand.py,,\nzipped.egg,,\n",
        ),
    ];
    let image = site(image(), &files).program("/usr/bin/run", "x");
    let web = format!("{SITE}/web.py");
    let plan = plan_of(image, &[&web, "/usr/bin/run"]);
    assert_eq!(
        below(&plan, SITE),
        [
            "plugin.py",
            "program.py",
            "web-1.dist-info/METADATA",
            "web-1.dist-info/entry_points.txt",
            "web.py"
        ]
    );
    let notes: Vec<_> = plan.evidence.notes.iter().collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(
        notes[0].source.file,
        format!("{SITE}/zipped.egg").as_str().into()
    );
}

#[test]
fn command_lines_name_modules() {
    let command = ["serve", "--reload", "--app=shop.wsgi:app", "plain", "json"];
    let image = image()
        .config("Cmd", serde_json::json!(command))
        .config("WorkingDir", serde_json::json!("/srv"))
        .program("/usr/bin/serve", "x")
        .file("/srv/shop/__init__.py", "")
        .file("/srv/shop/wsgi.py", "")
        .file("/srv/shop/asgi.py", "")
        .file("/srv/plain.py", "");
    let plan = plan_of(image, &[]);
    assert_eq!(
        below(&plan, "/srv"),
        ["plain.py", "shop/__init__.py", "shop/wsgi.py"]
    );
    assert_eq!(below(&plan, &format!("{LIBRARY}/json")), [""; 0]);
}

#[test]
fn compiled_modules_stand_for_their_sources() {
    let files = [
        ("a.py", "def f():\n    import b, c\n"),
        ("__pycache__/a.cpython-311.pyc", "x"),
        ("b.py", ""),
        ("__pycache__/b.cpython-311.pyc", "x"),
        ("c.pyc", "x"),
    ];
    let compiled = format!("{SITE}/__pycache__/a.cpython-311.pyc");
    let plan = plan_of(site(image(), &files), &[&compiled]);
    assert_eq!(
        below(&plan, SITE),
        ["__pycache__/a.cpython-311.pyc", "b.py", "c.pyc"]
    );
}

#[test]
fn sources_made_to_harm_are_notes() {
    let loops = [
        ("loop/__init__.py", "import loop.a\n"),
        ("loop/a.py", "import loop\n"),
    ];
    let image = site(image(), &loops)
        .file("/app/deep.py", "(".repeat(100_000))
        .file("/app/sum.py", format!("x = 1{}\n", "+1".repeat(500_000)))
        .file("/app/large.py", vec![b'#'; 5 << 20])
        .file("/app/broken.py", "def f(:\n    import json\n")
        .file(
            "/app/dots.py",
            format!(
                "from {} import x\nimport {}a\n",
                ".".repeat(5_000),
                "a.".repeat(50_000)
            ),
        )
        .file("/app/binary.py", [0, 159, 146, 150])
        .file("/app/web.py", "def f():\n    import loop\n")
        .link(&format!("{SITE}/round"), "round")
        .link(&format!("{SITE}/up"), "..");
    let names = ["deep", "sum", "large", "broken", "dots", "binary", "web"];
    let used = names.map(|name| format!("/app/{name}.py"));
    let plan = plan_of(image, &used.each_ref().map(String::as_str));
    assert!(
        plan.keep
            .contains(&format!("{SITE}/loop/a.py").as_str().into())
    );
    let noted: Vec<_> = plan
        .evidence
        .notes
        .iter()
        .map(|note| note.source.file.to_string())
        .collect();
    for name in ["deep", "sum", "large", "broken"] {
        assert!(noted.contains(&format!("/app/{name}.py")), "{noted:?}");
    }
}
