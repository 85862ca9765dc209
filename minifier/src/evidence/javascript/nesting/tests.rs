//! The bound on nesting: never below what a parser meets, and close to it for ordinary code.

use super::*;

fn bound(source: &str) -> Option<usize> {
    nesting(source.as_bytes(), false)
}

#[test]
fn what_a_parser_descends_into_counts() {
    for (unit, closer) in [
        ("(", ")"),
        ("[", "]"),
        ("!", ""),
        ("a=", ""),
        ("a=>", ""),
        ("a?b:", ""),
        ("new ", ""),
        ("if(a)", ""),
        ("a:", ""),
        ("for(;;)", ""),
        ("do ", ""),
        ("a+", ""),
        ("a?.b.", ""),
        ("`${", "}`"),
        ("if(a)if(b)c;else ", ""),
        ("do do x;while(function(){", "})"),
        ("if(a)x,function(){", "}"),
        ("(\")\"+", ")"),
        ("(/[/)]/.x+", ")"),
        ("('\\')'+`)`+(", "))"),
    ] {
        let source = unit.repeat(1000) + "x" + &closer.repeat(1000);
        let bound = bound(&source).unwrap_or_else(|| panic!("{unit}: no bound"));
        assert!(bound >= 1000, "{unit}: {bound}");
    }
}

#[test]
fn long_files_are_not_deep() {
    for unit in [
        "a('x');",
        "function f(a){return a/2}",
        "const a = `x${b + `y${c}`}z`\n",
        "if (a) { b() } else { c() }\n;",
        "/[/*\"'(]/.test(a) && b();",
        "// it's (\n/* \" */a();",
        "class A { b() {} }",
        "a(b\n / c);",
    ] {
        let bound = bound(&unit.repeat(5000)).unwrap_or_else(|| panic!("{unit}: no bound"));
        assert!(bound < 200, "{unit}: {bound}");
    }
    let table = format!(
        "var a={{{}}},{};",
        "b:{c:1},".repeat(5000),
        "d=2,".repeat(5000) + "e"
    );
    assert!(bound(&table).is_some_and(|bound| bound < 200));
}

#[test]
fn what_depends_on_more_than_tokens_has_no_bound() {
    for source in [
        "{}/'/;(", "a\n/'/;b", "await/'/", "a++/'/", "<!-- '\n", "(]", "'\n'", "`",
    ] {
        assert_eq!(bound(source), None, "{source}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read(bytes: Vec<u8>) {
        nesting(&bytes, false);
    }
}
