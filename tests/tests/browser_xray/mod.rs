//! The HTML report of `minify xray` in a real browser.

use std::fs;
use std::path::PathBuf;

use minifier::report::xray::{html, html_comparison};
use minifier_tests::browser::Browser;
use minifier_tests::xray_sample;
use serde_json::Value;
use tempfile::TempDir;

/// A page in a window.
struct Page {
    browser: Browser,
    _folder: TempDir,
}

impl Page {
    fn of(html: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("report.html");
        fs::write(&file, html).expect("the page is written");
        Self {
            browser: Browser::open(&file, 1280, 900).expect("the page loads"),
            _folder: folder,
        }
    }

    fn sample() -> Self {
        Self::of(&html(&xray_sample::xray()))
    }

    fn value(&mut self, expression: &str) -> Value {
        self.browser.evaluate(expression).expect("it evaluates")
    }

    fn text(&mut self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector({selector:?}).textContent"));
        text.as_str().unwrap_or_default().to_owned()
    }

    fn press(&mut self, keys: &[&str]) {
        for key in keys {
            self.browser.press(key).expect("the key is pressed");
        }
    }

    fn search(&mut self, text: &str) {
        self.press(&["/"]);
        self.browser.write(text).expect("it is written");
        self.browser
            .wait(&format!(
                "!document.getElementById('results').hidden && document.getElementById('results').dataset.of === {text:?}"
            ))
            .expect("results are shown");
    }

    fn assert_quiet(&self) {
        assert_eq!(self.browser.faults(), [] as [String; 0]);
        assert_eq!(
            self.browser.documents(),
            1,
            "only the page itself was asked for"
        );
    }
}

#[test]
fn browser_page_loads_without_errors_and_asks_for_nothing() {
    for page in [
        html(&xray_sample::xray()),
        html(&xray_sample::clean()),
        html_comparison(&xray_sample::comparison()),
    ] {
        Page::of(&page).assert_quiet();
    }
}

#[test]
fn browser_shows_hostile_names_as_text() {
    let mut page = Page::sample();
    assert_eq!(
        page.value("document.querySelectorAll('img, iframe, object, main script').length"),
        0
    );
    assert_eq!(page.value("document.scripts.length"), 2);
    let labels = page.text("#image dl");
    assert!(
        labels.contains(
            "x=evil\\x1b[2J|`*_<img src=x onerror=alert(1)></script><!--\\u{2028}\\u{202e}&amp;"
        ),
        "{labels}"
    );
    page.assert_quiet();
}

#[test]
fn browser_policy_lets_nothing_else_run_or_load() {
    let mut page = Page::sample();
    let ran = page.value(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);
          const i = document.createElement('img'); i.src = 'file:///etc/hostname'; document.body.append(i);
          return window.ran === undefined; })()",
    );
    assert_eq!(ran, true);
    page.browser
        .wait("[...document.images].every((i) => i.complete && i.naturalWidth === 0)")
        .expect("nothing is loaded");
    let refused = page.browser.faults().join("\n");
    for what in ["Executing inline script violates", "Loading the image"] {
        assert!(refused.contains(what), "{what}: {refused}");
    }
}

#[test]
fn browser_search_finds_files_packages_and_findings() {
    let mut page = Page::sample();
    page.search("gunicorn");
    assert!(page.text("#results").contains("package"));
    page.press(&["Enter"]);
    assert_eq!(
        page.value("document.querySelectorAll('#packages tbody tr').length"),
        1
    );
    assert_eq!(
        page.value("document.activeElement.closest('section').id"),
        "packages"
    );
    page.search("AWS access");
    page.press(&["Enter"]);
    assert!(page.text("#security tbody").contains("/app/settings.py"));
    page.search("lto1");
    page.press(&["Enter"]);
    assert_eq!(page.value("document.activeElement.id"), "treemap");
    assert!(
        page.text("#selected")
            .starts_with("/usr/lib/gcc/lto1 · 29.0 MB")
    );
    page.search("no such thing");
    assert!(page.text("#results").contains("Nothing matches"));
    page.press(&["Escape"]);
    assert_eq!(
        page.value("document.getElementById('results').hidden"),
        true
    );
    page.assert_quiet();
}

#[test]
fn browser_search_finds_every_path_also_links_further_names_and_what_is_hidden() {
    let mut page = Page::sample();
    for (path, what) in [
        ("/usr/bin/python3", "link"),
        ("/app/empty.link", "the same file as /app/empty"),
        ("/app/level-39", "directory"),
        ("/tmp/wheel.tar.gz", "hidden"),
    ] {
        page.value("document.activeElement.blur()");
        page.search(path);
        let found = page.text("#results");
        assert!(
            found.contains(path) && found.contains(what),
            "{path}: {found}"
        );
    }
    // What only a layer has is shown among the files of the last layer that did something to it.
    page.press(&["Enter"]);
    assert_eq!(
        page.value("document.querySelector('#layer-files select').value"),
        "2"
    );
    let row = page.text("#layer-files .folding li");
    assert!(
        row.contains("removed") && row.contains("/tmp/wheel.tar.gz"),
        "{row}"
    );
    page.assert_quiet();
}

#[test]
fn browser_files_of_a_layer_are_a_tree_with_marks() {
    let mut page = Page::sample();
    page.value("[...document.querySelectorAll('#layers button')].find((b) => b.getAttribute('aria-label') === 'Files of layer 1').click()");
    let list = page.text("#layer-files .folding");
    assert!(
        list.contains("usr/") && list.contains("7 added") && list.contains("129.6 MB"),
        "{list}"
    );
    assert!(!list.contains("app/"), "{list}");
    // Directories unfold when they are opened, by the keyboard too.
    page.value("document.querySelector('#layer-files summary').focus()");
    page.press(&["Enter"]);
    page.browser
        .wait("document.querySelector('#layer-files .folding').textContent.includes('bin/')")
        .expect("it unfolds");
    page.value("(() => { const s = document.querySelectorAll('#layer-files select')[1]; s.value = 'hidden'; s.dispatchEvent(new Event('change')); })()");
    let list = page.text("#layer-files .folding");
    assert!(
        list.contains("/tmp/wheel.tar.gz") && list.contains("20.0 MB"),
        "{list}"
    );
    assert_eq!(
        page.value("document.querySelectorAll('#layer-files .folding li').length"),
        1
    );
    page.value("(() => { const s = document.querySelectorAll('#layer-files select')[0]; s.value = '3'; s.dispatchEvent(new Event('change')); })()");
    page.value("(() => { const s = document.querySelectorAll('#layer-files select')[1]; s.value = 'C'; s.dispatchEvent(new Event('change')); })()");
    let list = page.text("#layer-files .folding");
    assert!(
        list.contains("changed") && list.contains("/app/shop.db"),
        "{list}"
    );
    page.assert_quiet();
}

#[test]
fn browser_commands_wrap_and_are_copied_whole() {
    let mut page = Page::sample();
    page.browser.window(500, 900).expect("a narrow window");
    let cut = page.value(
        "[...document.querySelectorAll('pre, .command')].filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display === 'block').length",
    );
    assert_eq!(cut, 0);
    page.value("addEventListener('copy', () => { window.copied = document.activeElement.value; })");
    // A browser copies for nobody but its user.
    page.value("document.querySelector('#layers td .copy').focus()");
    page.press(&["Enter"]);
    page.browser
        .wait("document.querySelector('#layers td .copy').textContent === 'Copied'")
        .expect("it is copied");
    let copied = page.value("window.copied");
    let copied = copied.as_str().expect("it is text");
    assert!(
        copied.starts_with("RUN apt-get update && apt-get install"),
        "{copied}"
    );
    assert!(copied.ends_with("wide enough for"), "{copied}");
    page.assert_quiet();
}

#[test]
fn browser_what_is_copied_is_what_is_shown() {
    let mut page = Page::sample();
    page.value("addEventListener('copy', () => { window.copied = document.activeElement.value; })");
    // A tag, the end of a line, a bell, and what turns the direction of writing.
    page.value(
        "document.body.append(copyButton('a\\u{e0041}\\nb\\u0007\\u00ad\\u202ec\\u{1d173}'))",
    );
    page.value("document.querySelector('body > .copy').focus()");
    page.press(&["Enter"]);
    page.browser
        .wait("document.querySelector('body > .copy').textContent === 'Copied'")
        .expect("it is copied");
    assert_eq!(
        page.value("window.copied"),
        "a\\u{e0041}\nb\\x07\\xad\\u{202e}c\\u{1d173}"
    );
    page.assert_quiet();
}

#[test]
fn browser_instructions_of_layers_are_on_screen_in_a_narrow_window() {
    let mut page = Page::sample();
    for width in [500, 1400] {
        page.browser.window(width, 900).expect("a window");
        let beyond = page.value(
            "(() => { const table = document.querySelector('#layers table'); const at = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent === 'Instruction');
              return [...table.rows].map((row) => row.cells[at].getBoundingClientRect()).filter((box) => box.left < 0 || box.right > innerWidth || box.width < 120).length; })()",
        );
        assert_eq!(beyond, 0, "{width}");
    }
}

#[test]
fn browser_comparison_is_a_tree_with_signed_numbers() {
    let mut page = Page::of(&html_comparison(&xray_sample::comparison()));
    let list = page.text("#files .folding");
    assert!(
        list.contains("usr/") && list.contains("1 removed") && list.contains("−31.0 MB"),
        "{list}"
    );
    assert!(list.contains("app/") && list.contains("−1.8 MB"), "{list}");
    page.value("document.querySelectorAll('#files .folding summary')[1].click()");
    page.browser
        .wait("document.querySelector('#files .folding').textContent.includes('new.txt')")
        .expect("it unfolds");
    assert!(page.text("#files .folding").contains("+300.0 kB"));
    page.assert_quiet();
}

#[test]
fn browser_treemap_is_walked_with_the_keyboard() {
    let mut page = Page::sample();
    page.value("document.getElementById('treemap').focus()");
    assert!(
        page.text("#selected").starts_with("/usr · "),
        "{}",
        page.text("#selected")
    );
    page.press(&["Enter"]);
    assert!(page.text("#files .way").contains("usr"));
    let first = page.text("#selected");
    page.press(&["ArrowRight"]);
    let right = page.text("#selected");
    assert_ne!(first, right);
    page.press(&["ArrowLeft"]);
    assert_eq!(page.text("#selected"), first);
    page.press(&["Home", "Enter"]);
    assert!(
        page.text("#selected").starts_with("/usr/lib/"),
        "{}",
        page.text("#selected")
    );
    page.press(&["Backspace"]);
    assert!(page.text("#selected").starts_with("/usr/lib · "));
    page.press(&["Backspace", "Backspace"]);
    assert!(page.text("#selected").starts_with("/usr · "));
    page.assert_quiet();
}

#[test]
fn browser_everything_is_reached_by_tab_with_a_visible_focus() {
    let mut page = Page::sample();
    page.value("document.body.focus()");
    let mut seen = Vec::new();
    for _ in 0..400 {
        page.press(&["Tab"]);
        let at = page.value(
            "(() => { const a = document.activeElement; if (!a || a === document.body) return '';
              const s = getComputedStyle(a); const visible = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;
              return (visible ? '' : 'INVISIBLE ') + (a.id || (a.closest('section') || {}).id || a.tagName); })()",
        );
        let at = at.as_str().unwrap_or_default().to_owned();
        if at.is_empty() {
            break;
        }
        seen.push(at);
    }
    let invisible: Vec<_> = seen
        .iter()
        .filter(|at| at.starts_with("INVISIBLE"))
        .collect();
    assert!(invisible.is_empty(), "{invisible:?}");
    for id in [
        "search", "theme", "treemap", "layers", "packages", "security", "todo",
    ] {
        assert!(seen.iter().any(|at| at == id), "{id} in {seen:?}");
    }
}

#[test]
fn browser_every_control_and_section_has_a_name() {
    let mut page = Page::sample();
    let nameless = page.value(
        "[...document.querySelectorAll('button, input, select, a, canvas, [role=region]')]
          .filter((e) => !(e.textContent || e.getAttribute('aria-label') || '').trim()).map((e) => e.outerHTML)",
    );
    assert_eq!(nameless, Value::Array(Vec::new()));
    let dangling = page.value(
        "[...document.querySelectorAll('section[aria-labelledby]:not([hidden])')]
          .filter((e) => !document.getElementById(e.getAttribute('aria-labelledby'))).map((e) => e.id)",
    );
    assert_eq!(dangling, Value::Array(Vec::new()));
}

#[test]
fn browser_tables_sort_and_filter() {
    let mut page = Page::sample();
    page.value("[...document.querySelectorAll('#packages th button')].find((b) => b.textContent === 'Bytes').click()");
    assert!(page.text("#packages tbody tr").contains("gcc-12"));
    page.value("[...document.querySelectorAll('#packages th button')].find((b) => b.textContent === 'Bytes').click()");
    assert!(!page.text("#packages tbody tr").contains("gcc-12"));
    page.value("(() => { const s = document.querySelector('#packages select'); s.value = 'npm'; s.dispatchEvent(new Event('change')); })()");
    assert_eq!(
        page.value("document.querySelectorAll('#packages tbody tr').length"),
        3
    );
    page.assert_quiet();
}

#[test]
fn browser_theme_follows_the_system_and_the_button() {
    let mut page = Page::sample();
    let background = "getComputedStyle(document.body).backgroundColor";
    page.browser.scheme("light").expect("light");
    let light = page.value(background);
    page.browser.scheme("dark").expect("dark");
    let dark = page.value(background);
    assert_ne!(light, dark);
    page.value("document.getElementById('theme').click()");
    assert_eq!(page.value(background), light);
    page.value("document.getElementById('theme').click()");
    page.browser.scheme("light").expect("light");
    assert_eq!(page.value(background), dark);
}

#[test]
fn browser_narrow_window_does_not_scroll_sideways() {
    let mut page = Page::sample();
    for width in [320, 400, 768] {
        page.browser.window(width, 800).expect("a narrow window");
        assert_eq!(
            page.value("document.documentElement.scrollWidth"),
            width,
            "{width}"
        );
    }
}

#[test]
fn browser_copes_with_100_000_files() {
    let mut xray = xray_sample::xray();
    let layers = xray.layers.len() as u32;
    (xray.contents.tree, xray.contents.by_layer) = xray_sample::big_tree(100_000, layers);
    let html = html(&xray);
    let mut page = Page::of(&html);
    let ready = page.value("Number(document.documentElement.dataset.ready)");
    let redraw = page.value(
        "(() => { const start = performance.now(); document.querySelector('#files .list button').click(); return performance.now() - start; })()",
    );
    page.search("file-99999.dat");
    let search = page.value(
        "(() => { const t = makeTree(DATA.tree); const start = performance.now(); t.search('/folder-3/file', 30); return performance.now() - start; })()",
    );
    page.press(&["Enter"]);
    assert!(page.text("#selected").contains("/file-99999.dat"));
    assert_eq!(
        page.value("document.querySelectorAll('tr').length < 2000"),
        true
    );
    page.assert_quiet();
    println!(
        "100,000 files: {:.1} MB of HTML, ready after {ready} ms, a directory opens in {redraw} ms, all paths are searched in {search} ms",
        html.len() as f64 / 1e6
    );
}

/// Where `MINIFIER_SCREENSHOTS` names a folder, pictures of the pages are put there, for people to look at.
#[test]
fn browser_pictures_can_be_taken() {
    let mut page = Page::sample();
    let folder = std::env::var_os("MINIFIER_SCREENSHOTS").map(PathBuf::from);
    for (name, scheme, width) in [
        ("light", "light", 1280),
        ("dark", "dark", 1280),
        ("narrow", "light", 400),
    ] {
        page.browser.scheme(scheme).expect("a scheme");
        page.browser.window(width, 900).expect("a window");
        let shot = page
            .browser
            .call(
                "Page.captureScreenshot",
                serde_json::json!({ "format": "png", "captureBeyondViewport": true }),
            )
            .expect("a picture");
        let data = shot["data"].as_str().expect("data");
        assert!(data.len() > 20_000, "{name} is empty");
        if let Some(folder) = &folder {
            fs::write(folder.join(format!("{name}.png.base64")), data).expect("it is written");
        }
    }
}
