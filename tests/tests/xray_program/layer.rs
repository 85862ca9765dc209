//! `--layer`: the files of one layer.

use minifier_tests::Minifier;

use super::{archive, layer};

/// Exit code, standard output and standard error of `minify xray --layer` on an image of two layers.
fn run(number: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (layers, ids): (Vec<_>, Vec<_>) = [
        layer(&[("etc/app.conf", b"one"), ("old", b"12345")]),
        layer(&[("etc/app.conf", b"other"), (".wh.old", b"")]),
    ]
    .into_iter()
    .unzip();
    let archive = archive(folder.path(), &layers, &ids);
    let minifier = Minifier::find().expect("the program is there");
    let out = minifier
        .command(folder.path())
        .args(["xray", "--quiet", "--layer", number, "--target"])
        .arg(format!("docker-archive:{}", archive.display()))
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn files_of_a_layer_are_listed_with_marks_and_sizes() {
    let (code, text, error) = run("1");
    assert_eq!(code, Some(0), "{error}");
    for line in ["  C        5 B  /etc/app.conf", "  R        5 B  /old"] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    let (_, text, _) = run("0");
    for line in ["  a        3 B  /etc/app.conf", "  a        5 B  /old"] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
}

#[test]
fn a_layer_that_the_image_does_not_have_is_bad_usage() {
    let (code, text, error) = run("2");
    assert_eq!((code, text.as_str()), (Some(2), ""), "{error}");
    assert!(error.contains("the image has 2 layers"), "{error}");
    assert!(error.contains("to 1"), "{error}");
}
