//! The terminal: order, width, safety.

use minifier::report::xray::{Details, terminal, terminal_comparison, terminal_layer};
use minifier_tests::xray_sample;

const ALL: [Details; 3] = [Details::Brief, Details::Normal, Details::Full];

#[test]
fn report_for_80_columns() {
    insta::assert_snapshot!(terminal(&xray_sample::xray(), 80, Details::Normal));
}

#[test]
fn full_report_for_120_columns() {
    insta::assert_snapshot!(terminal(&xray_sample::xray(), 120, Details::Full));
}

#[test]
fn files_of_a_layer_for_80_columns() {
    let text = |layer| terminal_layer(&xray_sample::xray(), layer, 80, Details::Normal);
    insta::assert_snapshot!(text(1).expect("the sample has it"));
    assert_eq!(text(4), None);
}

#[test]
fn files_of_a_layer_are_the_largest_and_all_with_details() {
    let mut xray = xray_sample::xray();
    (xray.contents.tree, xray.contents.by_layer) = xray_sample::big_tree(4000, 4);
    let text = |details| terminal_layer(&xray, 2, 80, details).expect("the layer is there");
    let normal = text(Details::Normal);
    assert!(normal.contains("\n1000 PATHS\n"), "{normal}");
    assert!(
        normal.ends_with("  and 900 more paths (--details)\n"),
        "{normal}"
    );
    let full = text(Details::Full);
    let paths = full.lines().filter(|line| line.starts_with("  A  "));
    assert_eq!(paths.count(), 1000);
    assert!(full.starts_with(normal.rsplit_once("  and ").expect("it is there").0));
}

#[test]
fn comparison_for_80_columns() {
    insta::assert_snapshot!(terminal_comparison(
        &xray_sample::comparison(),
        80,
        Details::Normal
    ));
}

#[test]
fn a_clean_image_has_no_section_about_faults() {
    let text = terminal(&xray_sample::clean(), 80, Details::Normal);
    for word in [
        "WHAT TO DO",
        "SHOULD NOT SHIP",
        "SECURITY",
        "HIDDEN",
        "NOT ANALYSED",
        "GATE",
    ] {
        assert!(!text.contains(word), "{word} in:\n{text}");
    }
    assert!(text.contains("findings   none"), "{text}");
}

#[test]
fn nothing_of_an_image_acts_on_the_terminal() {
    for details in ALL {
        for text in [
            terminal(&xray_sample::xray(), 80, details),
            terminal_comparison(&xray_sample::comparison(), 80, details),
            terminal_layer(&xray_sample::xray(), 3, 80, details).expect("the sample has it"),
        ] {
            let bad = text
                .chars()
                .find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}' || c == '\u{2028}'));
            assert_eq!(bad, None, "{details:?}");
        }
    }
}

#[test]
fn lines_fit_the_terminal_but_for_what_is_to_be_copied() {
    for width in [60, 80, 133] {
        for details in ALL {
            let text = terminal(&xray_sample::xray(), width, details);
            for line in text.lines().filter(|line| !line.starts_with("       ")) {
                assert!(unicode_width(line) <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn any_width_is_survived() {
    for width in [0, 1, 7, 79, usize::MAX] {
        assert!(terminal(&xray_sample::xray(), width, Details::Full).len() > 1000);
    }
}

/// Columns, counting East Asian wide characters of the sample as two.
fn unicode_width(line: &str) -> usize {
    line.chars()
        .map(|c| {
            if ('\u{2e80}'..'\u{ffff}').contains(&c) {
                2
            } else {
                1
            }
        })
        .sum()
}
