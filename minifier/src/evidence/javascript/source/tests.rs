//! What is read of JavaScript, and what is refused.

use super::*;

/// On a stack of its own, as files are read.
fn read(text: &str, dialect: SourceDialect) -> Result<SourceText, Unread> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let reading = thread.spawn_scoped(scope, || read_source(text.as_bytes(), dialect));
        reading.expect("a thread").join().expect("no panic")
    })
}

fn found(text: &str) -> Vec<(u32, ReferenceTarget, bool)> {
    let source = read(text, SourceDialect::JavaScript).expect("it parses");
    let references = source.references.into_iter();
    references
        .map(|reference| (reference.line, reference.target, reference.at_load))
        .collect()
}

fn module(form: ModuleForm, name: &str) -> ReferenceTarget {
    ReferenceTarget::Module(form, name.to_owned())
}

#[test]
fn modules_are_named_by_statements_and_calls() {
    let text = "import a from 'a';\nexport * from 'b';\nexport { c } from 'c';\nimport 'd';\n\
        const e = () => import('e');\nimport.meta.resolve('f');\nawait import(`g`);";
    let import = |line, name, at_load| (line, module(ModuleForm::Import, name), at_load);
    assert_eq!(
        found(text),
        [
            import(1, "a", true),
            import(2, "b", true),
            import(3, "c", true),
            import(4, "d", true),
            import(5, "e", false),
            import(6, "f", true),
            import(7, "g", false),
        ]
    );
    let text = "const a = require('a');\nfunction b() { return require('b'); }\n\
        require.resolve('c');\nreturn require('d' + '/x');";
    let require = |line, name, at_load| (line, module(ModuleForm::Require, name), at_load);
    assert_eq!(
        found(text),
        [
            require(1, "a", true),
            require(2, "b", false),
            require(3, "c", true),
            require(4, "d/x", true),
        ]
    );
}

#[test]
fn types_are_no_modules() {
    let text = "import type { A } from 'a';\nexport type { B } from 'b';\nimport c = require('c');";
    let source = read(text, SourceDialect::TypeScript).expect("it parses");
    let targets: Vec<_> = source.references.into_iter().map(|r| r.target).collect();
    assert_eq!(targets, [module(ModuleForm::Require, "c")]);
}

#[test]
fn constant_paths_begin_at_the_file_or_the_working_directory() {
    let beside = |path: &str| ReferenceTarget::Beside(path.to_owned());
    for (text, expected) in [
        (
            "new URL('./lib/w.mjs', import.meta.url)",
            beside("././lib/w.mjs"),
        ),
        (
            "fs.readFile(path.join(__dirname, 'a', 'b.txt'))",
            beside(".//a/b.txt"),
        ),
        ("x(__dirname + '/a')", beside(".//a")),
        ("x(`${__dirname}/a/${'b'}`)", beside(".//a/b")),
        ("x(import.meta.dirname + '/a')", beside(".//a")),
        ("(0, path_1.join)(__dirname, '..', 'a')", beside(".//../a")),
        (
            "x(join(dirname(fileURLToPath(import.meta.url)), 'a'))",
            beside(".//a"),
        ),
        (
            "const root = path.resolve(__dirname, '..'); x(path.join(root, 'a'))",
            beside(".//../a"),
        ),
        (
            "path.join(process.cwd(), 'a')",
            ReferenceTarget::Working(".//a".to_owned()),
        ),
        (
            "path.resolve('a')",
            ReferenceTarget::Working("./a".to_owned()),
        ),
        (
            "express.static('public')",
            ReferenceTarget::Perhaps("public".to_owned()),
        ),
        (
            "app.set('views', 'v')",
            ReferenceTarget::Perhaps("v".to_owned()),
        ),
        ("response.render('home')", ReferenceTarget::View),
    ] {
        let targets: Vec<_> = found(text).into_iter().map(|found| found.1).collect();
        assert!(targets.contains(&expected), "{text}: {targets:?}");
    }
    for text in [
        "x(__dirname)",
        "path.join(__dirname, name)",
        "let a = 'x'; { let a = 'y'; fs.readFile(__dirname + a) }",
        "new URL('https://example.com/x', import.meta.url)",
    ] {
        let targets = found(text);
        assert!(targets.is_empty(), "{text}: {targets:?}");
    }
}

#[test]
fn computed_names_are_counted_and_not_guessed() {
    let source = read(
        "require(x);\nimport(`./${y}.js`);",
        SourceDialect::JavaScript,
    )
    .expect("it parses");
    assert_eq!(source.computed, [1, 2]);
    assert!(source.references.is_empty());
}

#[test]
fn what_does_not_parse_is_reported() {
    assert_eq!(
        read("import from", SourceDialect::JavaScript),
        Err(Unread::Syntax)
    );
    assert_eq!(
        read(&"(".repeat(100_000), SourceDialect::JavaScript),
        Err(Unread::Nesting)
    );
}

#[test]
fn the_deepest_files_that_are_read_fit_the_stack() {
    for (unit, closer) in [
        ("(", ")"),
        ("[", "]"),
        ("a[", "]"),
        ("f(", ")"),
        ("(a=", ")"),
        ("({a:", "})"),
        ("(a)=>(", ")"),
        ("!", ""),
        ("a=", ""),
        ("a=>", ""),
        ("a?b:", ""),
        ("new ", ""),
        ("if(a)", ""),
        ("if(a)b;else ", ""),
        ("for(;;)", ""),
        ("b:", ""),
        ("a+", ""),
        ("a**", ""),
        ("a.b.", ""),
        ("`${", "}`"),
        ("function a(){", "}"),
        ("async()=>{", "}"),
        ("class extends ", ""),
        ("(class{a=", "})"),
        ("{", "}"),
        ("'a'+", ""),
        ("await ", ""),
    ] {
        let source = |count: usize| unit.repeat(count) + "x" + &closer.repeat(count);
        let fits = |count: usize| {
            let depth = nesting(source(count).as_bytes(), false);
            depth.is_some_and(|depth| depth <= MAX_NESTING)
        };
        // The largest number that is let through.
        let (mut fitting, mut too_many) = (1, MAX_NESTING + 1);
        while too_many - fitting > 1 {
            let middle = (fitting + too_many) / 2;
            if fits(middle) {
                fitting = middle;
            } else {
                too_many = middle;
            }
        }
        // Whether it is an error does not matter; that it comes back does.
        let _ = read(&source(fitting), SourceDialect::JavaScript);
        let _ = read(&source(fitting), SourceDialect::TypeScript);
    }
    // Too short for the counter to matter.
    let _ = read(
        &("{}/'/;".to_owned() + &"(".repeat(MAX_NESTING - 10)),
        SourceDialect::JavaScript,
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in r#"([a-z ]|[(){}\[\]`$'"/.=+;,:\n]|import|require|__dirname|=>|new URL|export \* from){0,40}"#) {
        let _ = read(&text, SourceDialect::JavaScript);
        let _ = read(&text, SourceDialect::TypeScript);
    }

    #[test]
    fn any_bytes_are_read(bytes: Vec<u8>) {
        let _ = read_source(&bytes, SourceDialect::JavaScript);
    }
}
