//! Markdown: tables that hold, markup of the image that is text, and a bound.

use minifier::report::xray::{MARKDOWN_LIMIT, markdown, markdown_comparison};
use minifier_tests::xray_sample;

fn both() -> [String; 2] {
    [
        markdown(&xray_sample::xray()),
        markdown_comparison(&xray_sample::comparison()),
    ]
}

#[test]
fn report_as_markdown() {
    insta::assert_snapshot!(markdown(&xray_sample::xray()));
}

#[test]
fn comparison_as_markdown() {
    insta::assert_snapshot!(markdown_comparison(&xray_sample::comparison()));
}

#[test]
fn nothing_of_an_image_is_an_element() {
    let known = ["details", "summary", "code", "br"];
    for text in both() {
        // What is in a fence is no markup.
        let outside: String = text.split("```").step_by(2).collect();
        for tag in outside.split('<').skip(1) {
            let name: String = tag
                .trim_start_matches('/')
                .chars()
                .take_while(char::is_ascii_alphabetic)
                .collect();
            assert!(known.contains(&name.as_str()), "<{tag}");
        }
    }
}

#[test]
fn every_row_of_a_table_has_as_many_cells_as_its_header() {
    for text in both() {
        let mut columns = None;
        for line in text.lines() {
            if !line.starts_with('|') {
                columns = None;
                continue;
            }
            let cells = line.matches('|').count();
            assert_eq!(*columns.get_or_insert(cells), cells, "{line}");
        }
    }
}

#[test]
fn a_huge_image_stays_within_the_bound() {
    let mut xray = xray_sample::xray();
    let packages = xray.packages.packages.clone();
    xray.packages.packages = packages.into_iter().cycle().take(50_000).collect();
    let text = markdown(&xray);
    assert!(text.len() <= MARKDOWN_LIMIT, "{}", text.len());
    assert!(text.len() > MARKDOWN_LIMIT / 2, "{}", text.len());
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert!(text.contains("This summary is cut"));
}
