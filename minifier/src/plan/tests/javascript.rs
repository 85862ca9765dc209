//! What JavaScript that stays brings.

use super::helper::{check_kept, likely, opened, planned};
use crate::analyze::testing::{BuiltImage, TestElf, TestImage};
use crate::evidence::Rule;
use crate::plan::Plan;

/// An image with Node, an application in `/app`, and enough bytes that small files are cheap.
fn image() -> TestImage {
    let node = TestElf::program("/lib64/ld-linux-x86-64.so.2").build();
    TestImage::new()
        .program("/usr/bin/node", node)
        .program("/lib64/ld-linux-x86-64.so.2", TestElf::library().build())
        .file("/usr/share/ballast", vec![0; 200_000])
        .config("WorkingDir", "/app".into())
}

fn planned_with(image: &BuiltImage, paths: &[&str]) -> Plan {
    let paths = [&["/usr/bin/node"], paths].concat();
    let mut rules = likely();
    // The application's files would stay as nobody's.
    rules.evidence.off.insert(Rule::Unowned);
    planned(image, &opened(&paths), &rules)
}

#[test]
fn a_module_that_a_handler_imports_comes_with_what_it_loads() {
    let image = image()
        .file("/app/server.mjs", "import http from 'node:http';\nconst page = async () => (await import('./lib/page.mjs')).page();\n")
        .file("/app/lib/page.mjs", "import ejs from 'ejs';\nexport const page = () => ejs.renderFile(new URL('./page.ejs', import.meta.url).pathname);\n")
        .file("/app/lib/page.ejs", "<p>")
        .file("/app/lib/other.mjs", "")
        .file("/app/node_modules/ejs/package.json", r#"{"name": "ejs", "main": "./lib/ejs", "exports": {".": {"import": "./ejs.mjs", "require": "./lib/ejs.js"}}}"#)
        .file("/app/node_modules/ejs/ejs.mjs", "export { default } from './lib/esm/ejs.js';")
        .file("/app/node_modules/ejs/lib/esm/ejs.js", "import fs from 'fs';")
        .file("/app/node_modules/ejs/lib/esm/package.json", r#"{"type": "module"}"#)
        .file("/app/node_modules/ejs/lib/ejs.js", "")
        .build();
    let plan = planned_with(&image, &["/app/server.mjs"]);
    check_kept(
        &plan,
        &[
            "/app/lib/page.mjs",
            "/app/lib/page.ejs",
            "/app/node_modules/ejs/package.json",
            "/app/node_modules/ejs/ejs.mjs",
            "/app/node_modules/ejs/lib/esm/ejs.js",
            "/app/node_modules/ejs/lib/esm/package.json",
        ],
        &["/app/lib/other.mjs", "/app/node_modules/ejs/lib/ejs.js"],
    );
    let taken = &plan.evidence.taken;
    let page = taken
        .iter()
        .find(|group| group.id == "javascript:/app/lib/page.mjs");
    let page = page.expect("a group");
    assert_eq!(page.source.to_string(), "/app/server.mjs:2");
    assert_eq!(page.source.symbol.as_deref(), Some("./lib/page.mjs"));
}

#[test]
fn packages_of_pnpm_are_found_through_its_links() {
    let image = image()
        .file("/app/index.js", "exports.f = () => require('a');")
        .link("/app/node_modules/a", ".pnpm/a@1.0.0/node_modules/a")
        .file(
            "/app/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json",
            r#"{"name": "a"}"#,
        )
        .file(
            "/app/node_modules/.pnpm/a@1.0.0/node_modules/a/index.js",
            "require('b/sub')",
        )
        .link(
            "/app/node_modules/.pnpm/a@1.0.0/node_modules/b",
            "../../b@2.0.0/node_modules/b",
        )
        .file(
            "/app/node_modules/.pnpm/b@2.0.0/node_modules/b/sub/index.js",
            "",
        )
        .build();
    let plan = planned_with(&image, &["/app/index.js"]);
    check_kept(
        &plan,
        &[
            "/app/node_modules/a",
            "/app/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json",
            "/app/node_modules/.pnpm/a@1.0.0/node_modules/b",
            "/app/node_modules/.pnpm/b@2.0.0/node_modules/b/sub/index.js",
        ],
        &[],
    );
}

#[test]
fn native_code_for_this_platform_alone_stays() {
    let addon = TestElf::library().build();
    let image = image()
        .file("/app/index.js", "function f() { require('native'); require('split'); }")
        .file("/app/node_modules/native/package.json", r#"{"name": "native"}"#)
        .file("/app/node_modules/native/index.js", "module.exports = require('node-gyp-build')(__dirname);")
        .file("/app/node_modules/native/prebuilds/linux-x64/n.glibc.node", &addon)
        .file("/app/node_modules/native/prebuilds/linux-x64/n.musl.node", &addon)
        .file("/app/node_modules/native/prebuilds/darwin-arm64/n.node", &addon)
        .file("/app/node_modules/node-gyp-build/index.js", "")
        .file("/app/node_modules/split/package.json", r#"{"name": "split", "optionalDependencies": {"@s/linux-x64": "1", "@s/darwin-arm64": "1", "@s/wasm": "1"}}"#)
        .file("/app/node_modules/split/index.js", "require(`@s/${process.platform}-${process.arch}`)")
        .file("/app/node_modules/@s/linux-x64/package.json", r#"{"os": ["linux"], "cpu": ["x64"], "main": "s.node"}"#)
        .file("/app/node_modules/@s/linux-x64/s.node", &addon)
        .file("/app/node_modules/@s/darwin-arm64/package.json", r#"{"os": ["darwin"], "cpu": ["arm64"], "main": "s.node"}"#)
        .file("/app/node_modules/@s/darwin-arm64/s.node", &addon)
        .build();
    let plan = planned_with(&image, &["/app/index.js"]);
    check_kept(
        &plan,
        &[
            "/app/node_modules/native/prebuilds/linux-x64/n.glibc.node",
            "/app/node_modules/node-gyp-build/index.js",
            "/app/node_modules/@s/linux-x64/s.node",
            "/app/node_modules/@s/linux-x64/package.json",
        ],
        &[
            "/app/node_modules/native/prebuilds/linux-x64/n.musl.node",
            "/app/node_modules/native/prebuilds/darwin-arm64/n.node",
            "/app/node_modules/@s/darwin-arm64/s.node",
        ],
    );
}

#[test]
fn workers_views_and_static_files_stay() {
    let image = image()
        .file("/app/src/server.js", "const root = path.join(__dirname, '..');\napp.use(express.static('public'));\napp.get('/', (q, s) => s.render('home'));\nnew Worker('./src/worker.js');\nfs.readFileSync(path.join(root, 'data', 'a.json'));\n")
        .file("/app/src/worker.js", "require('./task')")
        .file("/app/src/task.js", "")
        .file("/app/public/css/a.css", "")
        .file("/app/views/home.ejs", "")
        .file("/app/views/parts/head.ejs", "")
        .file("/app/data/a.json", "{}")
        .file("/app/data/b.json", "{}")
        .build();
    let plan = planned_with(&image, &["/app/src/server.js"]);
    check_kept(
        &plan,
        &[
            "/app/src/worker.js",
            "/app/src/task.js",
            "/app/public/css/a.css",
            "/app/views/parts/head.ejs",
            "/app/data/a.json",
        ],
        &["/app/data/b.json"],
    );
}

#[test]
fn what_next_js_built_stays() {
    let image = image()
        .file("/app/server.js", "require('next')")
        .file("/app/.next/BUILD_ID", "x")
        .file("/app/.next/server/pages/_document.js", "")
        .file(
            "/app/.next/server/pages/api/hello.js",
            "require('../../chunks/1.js')",
        )
        .file("/app/.next/server/chunks/1.js", "")
        .file("/app/.next/static/a.css", "")
        .file("/app/.next/cache/big", "x")
        .file("/app/public/logo.svg", "")
        .build();
    let plan = planned_with(
        &image,
        &["/app/server.js", "/app/.next/server/pages/_document.js"],
    );
    check_kept(
        &plan,
        &[
            "/app/.next/BUILD_ID",
            "/app/.next/server/pages/api/hello.js",
            "/app/.next/server/chunks/1.js",
            "/app/.next/static/a.css",
            "/app/public/logo.svg",
        ],
        &["/app/.next/cache/big"],
    );
}

#[test]
fn without_a_runtime_nothing_is_read() {
    let image = TestImage::new()
        .file("/srv/www/app.js", "import './lib.js';")
        .file("/srv/www/lib.js", "")
        .file("/usr/share/ballast", vec![0; 200_000])
        .build();
    let plan = planned(&image, &opened(&["/srv/www/app.js"]), &likely());
    check_kept(&plan, &["/srv/www/app.js"], &["/srv/www/lib.js"]);
}

#[test]
fn what_cannot_be_known_is_noted() {
    let image = image()
        .file("/app/index.js", "\nrequire(process.env.PLUGIN);")
        .file("/app/broken.js", "import from")
        .file("/app/deep.js", "[".repeat(100_000))
        .file("/app/long.js", vec![b' '; 9 << 20])
        .build();
    let plan = planned_with(
        &image,
        &[
            "/app/index.js",
            "/app/broken.js",
            "/app/deep.js",
            "/app/long.js",
        ],
    );
    let notes: Vec<String> = plan
        .evidence
        .notes
        .iter()
        .map(|note| format!("{}: {}", note.source, note.message))
        .collect();
    assert_eq!(
        notes,
        [
            "/app/broken.js: does not parse as JavaScript: imports in it are not read",
            "/app/deep.js: is nested too deeply, or its nesting cannot be determined: imports in it are not read",
            "/app/index.js:2: loads a module by a computed name",
            "/app/long.js: is longer than 8 MB: imports in it are not read",
        ]
    );
}

#[test]
fn modules_that_load_each_other_end() {
    let image = image()
        .file("/app/index.js", "() => require('./a')")
        .file("/app/a.js", "require('./b')")
        .file("/app/b.js", "require('./a'); require('..')")
        .file(
            "/app/package.json",
            r##"{"name": "x", "imports": {"#a": "#a"}, "exports": "./index.js"}"##,
        )
        .build();
    let plan = planned_with(&image, &["/app/index.js"]);
    check_kept(&plan, &["/app/a.js", "/app/b.js"], &[]);
}
