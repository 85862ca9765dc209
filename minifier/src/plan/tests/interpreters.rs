//! Interpreters that `--include-bin` names come with their standard library, wherever a distribution puts it.

use super::helper::{kept, planned, trace};
use crate::analyze::testing::TestImage;
use crate::plan::{Reason, Rules};
use crate::rootfs::ImagePath;

/// The paths of `files` that stay besides directories if `--include-bin` names `program`.
fn with(program: &str, image: TestImage) -> Vec<String> {
    let rules = Rules {
        include_bins: vec![program.to_owned()],
        ..Rules::default()
    };
    let built = image.build();
    let plan = planned(&built, &trace([]), &rules);
    let rule = format!("--include-bin {program}");
    let included = Reason::Included { rule };
    let mut paths = kept(&plan);
    paths.retain(|path| {
        let node = built.rootfs.get(&ImagePath::from_text(path)).unwrap();
        !node.is_dir()
    });
    for path in &paths {
        let reasons = plan.keep.reasons(&ImagePath::from_text(path)).unwrap();
        let by_link = |reason: &Reason| matches!(reason, Reason::LinkTo { .. });
        let by_script = |reason: &Reason| matches!(reason, Reason::ScriptInterpreter { .. });
        assert!(
            reasons.contains(&included) || reasons.iter().any(|r| by_link(r) || by_script(r)),
            "{path}: {reasons:?}"
        );
    }
    paths
}

#[test]
fn python_comes_with_its_modules_and_without_packages_tests_and_other_versions() {
    let debian = TestImage::new()
        .link("/usr/bin/python3", "python3.11")
        .program("/usr/bin/python3.11", "x")
        .program("/usr/bin/python3.9", "x")
        .file("/usr/lib/python3.11/os.py", "x")
        .file("/usr/lib/python3.11/encodings/utf_8.py", "x")
        .file("/usr/lib/python3.11/lib-dynload/_json.so", "x")
        .file("/usr/lib/python3.11/test/test_os.py", "x")
        .file("/usr/lib/python3.11/config-3.11-x86_64/libpython.a", "x")
        .link(
            "/usr/lib/python3.11/sitecustomize.py",
            "/etc/python3.11/sitecustomize.py",
        )
        .file("/etc/python3.11/sitecustomize.py", "x")
        .file("/usr/lib/python3/dist-packages/yaml.py", "x")
        .file("/usr/lib/python3.9/os.py", "x")
        .file("/usr/lib/python3.9/encodings/utf_8.py", "x")
        .file("/srv/lib/eventlet/green/os.py", "x");
    assert_eq!(
        with("python3", debian),
        [
            "/etc/python3.11/sitecustomize.py",
            "/usr/bin/python3",
            "/usr/bin/python3.11",
            "/usr/lib/python3.11/encodings/utf_8.py",
            "/usr/lib/python3.11/lib-dynload/_json.so",
            "/usr/lib/python3.11/os.py",
            "/usr/lib/python3.11/sitecustomize.py",
        ]
    );
}

#[test]
fn the_interpreter_of_a_script_comes_with_its_library() {
    let image = TestImage::new()
        .program(
            "/usr/local/bin/pip",
            "#!/usr/local/bin/python3.12\nimport pip\n",
        )
        .program("/usr/local/bin/python3.12", "x")
        .file("/usr/local/lib/python3.12/os.py", "x")
        .file("/usr/local/lib/python3.12/encodings/utf_8.py", "x")
        .file("/usr/local/lib/python3.12/site-packages/pip.py", "x");
    assert_eq!(
        with("pip", image),
        [
            "/usr/local/bin/pip",
            "/usr/local/bin/python3.12",
            "/usr/local/lib/python3.12/encodings/utf_8.py",
            "/usr/local/lib/python3.12/os.py",
        ]
    );
}

#[test]
fn perl_comes_with_all_directories_where_it_looks_for_its_modules() {
    let debian = TestImage::new()
        .program("/usr/bin/perl", "x")
        .file("/usr/lib/x86_64-linux-gnu/perl-base/strict.pm", "x")
        .file("/usr/lib/x86_64-linux-gnu/perl/5.36.0/POSIX.pm", "x")
        .file(
            "/usr/lib/x86_64-linux-gnu/perl/5.36.0/auto/POSIX/POSIX.so",
            "x",
        )
        .link("/usr/lib/x86_64-linux-gnu/perl/5.36", "5.36.0")
        .file("/usr/share/perl/5.36.0/strict.pm", "x")
        .link("/usr/share/perl/5.36", "5.36.0")
        .file("/usr/share/perl5/Debconf/Log.pm", "x");
    assert_eq!(
        with("perl", debian),
        [
            "/usr/bin/perl",
            "/usr/lib/x86_64-linux-gnu/perl/5.36",
            "/usr/lib/x86_64-linux-gnu/perl/5.36.0/POSIX.pm",
            "/usr/lib/x86_64-linux-gnu/perl/5.36.0/auto/POSIX/POSIX.so",
            "/usr/lib/x86_64-linux-gnu/perl-base/strict.pm",
            "/usr/share/perl/5.36",
            "/usr/share/perl/5.36.0/strict.pm",
        ]
    );
    let fedora = TestImage::new()
        .program("/usr/bin/perl", "x")
        .file("/usr/share/perl5/strict.pm", "x")
        .file("/usr/share/perl5/vendor_perl/YAML.pm", "x");
    assert_eq!(
        with("perl", fedora),
        ["/usr/bin/perl", "/usr/share/perl5/strict.pm"]
    );
}

#[test]
fn ruby_comes_with_rubygems_and_the_gems_that_belong_to_it() {
    let debian = TestImage::new()
        .link("/usr/bin/ruby", "ruby3.1")
        .program("/usr/bin/ruby3.1", "x")
        .file("/usr/lib/ruby/3.1.0/English.rb", "x")
        .file("/usr/lib/x86_64-linux-gnu/ruby/3.1.0/rbconfig.rb", "x")
        .file(
            "/usr/lib/ruby/gems/3.1.0/specifications/default/json.gemspec",
            "x",
        )
        .file("/usr/lib/ruby/gems/3.1.0/gems/rake/rake.rb", "x")
        .file("/usr/lib/ruby/vendor_ruby/rubygems.rb", "x")
        .file("/usr/lib/ruby/vendor_ruby/rubygems/version.rb", "x")
        .file("/usr/lib/ruby/vendor_ruby/rack.rb", "x");
    assert_eq!(
        with("ruby", debian),
        [
            "/usr/bin/ruby",
            "/usr/bin/ruby3.1",
            "/usr/lib/ruby/3.1.0/English.rb",
            "/usr/lib/ruby/gems/3.1.0/specifications/default/json.gemspec",
            "/usr/lib/ruby/vendor_ruby/rubygems/version.rb",
            "/usr/lib/ruby/vendor_ruby/rubygems.rb",
            "/usr/lib/x86_64-linux-gnu/ruby/3.1.0/rbconfig.rb",
        ]
    );
}

#[test]
fn java_comes_with_its_home_and_the_configuration_that_links_lead_to() {
    let debian = TestImage::new()
        .link("/usr/bin/java", "/etc/alternatives/java")
        .link("/etc/alternatives/java", "/usr/lib/jvm/java-17/bin/java")
        .program("/usr/lib/jvm/java-17/bin/java", "x")
        .file("/usr/lib/jvm/java-17/bin/keytool", "x")
        .file("/usr/lib/jvm/java-17/lib/modules", "x")
        .file("/usr/lib/jvm/java-17/lib/src.zip", "x")
        .file("/usr/lib/jvm/java-17/jmods/java.base.jmod", "x")
        .link("/usr/lib/jvm/java-17/conf", "/etc/java-17")
        .file("/etc/java-17/security/java.security", "x");
    assert_eq!(
        with("java", debian),
        [
            "/etc/alternatives/java",
            "/etc/java-17/security/java.security",
            "/usr/bin/java",
            "/usr/lib/jvm/java-17/bin/java",
            "/usr/lib/jvm/java-17/conf",
            "/usr/lib/jvm/java-17/lib/modules",
        ]
    );
}

#[test]
fn node_php_and_tcl_come_with_what_is_outside_of_the_program() {
    let node = TestImage::new()
        .program("/usr/bin/node", "x")
        .file("/usr/share/nodejs/undici/index.js", "x")
        .file("/usr/share/nodejs/express/index.js", "x");
    assert_eq!(
        with("node", node),
        ["/usr/bin/node", "/usr/share/nodejs/undici/index.js"]
    );
    let php = TestImage::new()
        .program("/usr/bin/php8.2", "x")
        .file("/usr/lib/php/20220829/pdo.so", "x")
        .file("/usr/lib/php/other", "x")
        .file("/etc/php/8.2/cli/php.ini", "x");
    assert_eq!(
        with("php8.2", php),
        [
            "/etc/php/8.2/cli/php.ini",
            "/usr/bin/php8.2",
            "/usr/lib/php/20220829/pdo.so",
        ]
    );
    let tcl = TestImage::new()
        .program("/usr/bin/tclsh8.6", "x")
        .file("/usr/share/tcltk/tcl8.6/init.tcl", "x")
        .file("/usr/share/tcltk/tcl8.6/tclIndex", "x")
        .file("/usr/share/tcltk/tcllib/json.tcl", "x");
    assert_eq!(
        with("tclsh8.6", tcl),
        [
            "/usr/bin/tclsh8.6",
            "/usr/share/tcltk/tcl8.6/init.tcl",
            "/usr/share/tcltk/tcl8.6/tclIndex",
        ]
    );
}

#[test]
fn a_link_out_of_a_library_to_a_directory_around_it_keeps_nothing_more() {
    let image = TestImage::new()
        .program("/usr/bin/python3.11", "x")
        .file("/usr/lib/python3.11/os.py", "x")
        .file("/usr/lib/python3.11/encodings/utf_8.py", "x")
        .link("/usr/lib/python3.11/all", "/")
        .link("/usr/lib/python3.11/up", "..")
        .file("/usr/lib/other", "x")
        .program("/usr/bin/tool", "x");
    let paths = with("python3.11", image);
    assert!(
        !paths
            .iter()
            .any(|path| path.contains("other") || path.contains("tool")),
        "{paths:?}"
    );
}
