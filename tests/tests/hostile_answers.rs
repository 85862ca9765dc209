//! Hostile answers over HTTP: whatever a container serves, reading it takes neither much memory nor long.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xtask::command::wait_with_peak;

/// As much of a body as is looked at.
const BODY: usize = 1 << 20;
const MEMORY: u64 = 200 << 20;
/// With all checks, on a loaded machine.
const TIME: Duration = Duration::from_secs(20);

fn repeated(unit: &str) -> String {
    unit.repeat(BODY / unit.len())
}

fn numbered(unit: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let more = unit(number);
        if text.len() + more.len() > BODY {
            break;
        }
        text.push_str(&more);
    }
    text
}

fn bodies() -> Vec<(&'static str, String)> {
    let long = "x".repeat(BODY - 20);
    vec![
        ("elements in elements", repeated("<b>")),
        // A browser opens each of them again in each paragraph: with a tree, 460 kB took 8 GiB and more than ten minutes.
        (
            "different elements that go on in each paragraph",
            numbered(|i| format!("<i x={i}><p>")),
        ),
        (
            "elements that are closed in the wrong order",
            repeated("<a><p><b></a>"),
        ),
        ("tables in tables", repeated("<table><td>")),
        (
            "one element with all different attributes",
            format!("<a {}", numbered(|i| format!("a{i}=1 "))),
        ),
        (
            "one element with all equal attributes",
            format!("<a {}>", repeated("href=x ")),
        ),
        ("one long attribute", format!("<a href=\"{long}\">")),
        ("one long name", format!("<a{long}>")),
        ("one long comment", format!("<!--{long}")),
        (
            "one attribute of character references",
            format!("<a href=\"{}\">", repeated("&NotEqualTilde;")),
        ),
        ("different links", numbered(|i| format!("<a href={i}>"))),
        (
            "a long base and many links",
            format!(
                "<base href=/{}/>{}",
                "b".repeat(8000),
                repeated("<a href=x>")
            ),
        ),
        (
            "a long base and many different links",
            format!(
                "<base href=/{}/>{}",
                "b".repeat(8000),
                numbered(|i| format!("<a href={i}>"))
            ),
        ),
        ("links that go up", format!("<a href={}>", repeated("../"))),
        (
            "styles in a page",
            format!("<style>{}", numbered(|i| format!("url({i})"))),
        ),
        ("style elements", repeated("<style>url(x)</style>")),
        ("a style sheet", repeated("url(x)")),
        ("a style sheet that never ends a string", repeated("url('")),
        ("lists in lists", repeated("[")),
        ("a list of numbers", format!("[{}0]", repeated("0,"))),
        ("a list of lists", format!("[{}0]", repeated("[0],"))),
        (
            "an interface with many routes",
            format!(
                "{{\"openapi\":\"3\",\"paths\":{{{}\"/\":{{}}}}}}",
                numbered(|i| format!("\"/{i}\":{{\"get\":{{}}}},"))
            ),
        ),
        (
            "an interface of references to itself",
            format!(
                "{{\"openapi\":\"3\",\"paths\":{{\"/a\":{{\"get\":{{\"parameters\":[{}0]}}}}}}}}",
                repeated("{\"$ref\":\"#\"},")
            ),
        ),
    ]
}

#[test]
fn hostile_answers_take_neither_much_memory_nor_long() {
    let mut failed = Vec::new();
    for (name, body) in bodies() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&body.as_bytes()[..body.len().min(BODY)])
            .unwrap();
        let begin = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_read-answer"))
            .arg(file.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (status, peak) = wait_with_peak(&mut child).unwrap();
        let took = begin.elapsed();
        println!("{name}: {} MiB, {took:?}", peak >> 20);
        if !status.success() || peak > MEMORY || took > TIME {
            failed.push(format!("{name}: {status}, {} MiB, {took:?}", peak >> 20));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
