//! Python source → [`Facts`].

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Arguments, Expr, Stmt, StmtIf, StmtTry};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;

use super::depth::is_shallow;
use super::expressions::{
    MAX_PARTS, catches_import_error, constant, is_main, is_never, is_part, last_name, parts,
};
use super::facts::{Computed, Facts, Import, When, is_dotted};

/// Longer sources are not read. The largest module of Debian's and of the hundred most used distributions has 2.5 MB,
/// and is a table.
pub(crate) const MAX_SOURCE: u64 = 4 << 20;
/// Imports, strings and computed names of one module that are taken; more are generated.
const MAX_FINDINGS: usize = 10_000;

/// Functions that import the module their first argument names, by their last name.
const IMPORTERS: [&str; 8] = [
    "import_module",
    "__import__",
    "import_string",
    "import_optional_dependency",
    "importorskip",
    "load_module",
    "lazy_import",
    "find_spec",
];
/// Functions whose arguments look like names of modules and import none.
const NAMERS: [&str; 2] = ["getLogger", "get_logger"];

/// Reads a source; whatever the bytes are. Only on a thread with a stack of [`super::depth::STACK`].
pub(crate) fn parse(source: &[u8]) -> Facts {
    let source = match std::str::from_utf8(source) {
        Ok(text) => std::borrow::Cow::Borrowed(text),
        // Another encoding, declared in its first lines. Names of modules are ASCII nearly always, and characters of
        // eight bits become one that is allowed in strings and comments.
        Err(_) => String::from_utf8_lossy(source),
    };
    if !is_shallow(&source) {
        return Facts {
            broken: Some("it is nested too deeply".to_owned()),
            ..Facts::default()
        };
    }
    let parsed = parse_unchecked(&source, ParseOptions::from(Mode::Module));
    let mut reader = FactsReader {
        lines: newlines(&source),
        facts: Facts::default(),
        in_function: false,
        tried: None,
        instead: None,
        tries: 0,
    };
    if let Some(module) = parsed.try_into_module() {
        // What stands before and after an error of syntax is read all the same: Python would not load the module, but
        // a newer one than the parser knows might.
        if let Some(error) = module.errors().first() {
            let line = reader.line(error.location.start().to_usize());
            reader.facts.broken = Some(format!("line {line}: {}", error.error));
        }
        reader.visit_body(module.suite());
    }
    reader.facts
}

fn newlines(source: &str) -> Vec<usize> {
    memchr::memchr_iter(b'\n', source.as_bytes()).collect()
}

struct FactsReader {
    /// Offsets of newlines.
    lines: Vec<usize>,
    facts: Facts,
    in_function: bool,
    /// The innermost `try` that catches failed imports, in its body.
    tried: Option<u32>,
    /// The same, in its handlers.
    instead: Option<u32>,
    tries: u32,
}

impl FactsReader {
    fn line(&self, offset: usize) -> u32 {
        self.lines.partition_point(|&at| at < offset) as u32 + 1
    }

    fn line_of(&self, node: &impl Ranged) -> u32 {
        self.line(node.start().to_usize())
    }

    fn import(&mut self, level: u32, module: &str, names: Vec<String>, line: u32) {
        if self.facts.imports.len() >= MAX_FINDINGS {
            return;
        }
        let when = match (self.in_function, self.instead) {
            (true, _) => When::Call,
            (false, Some(number)) => When::Instead(number),
            (false, None) => When::Load,
        };
        self.facts.imports.push(Import {
            level,
            module: module.to_owned(),
            names,
            when,
            tried: self.tried,
            line,
        });
    }

    /// `import_module("name", "package")` and its like.
    fn importer(&mut self, arguments: &Arguments, line: u32) {
        let Some(first) = arguments.args.first() else {
            return;
        };
        match constant(first) {
            Some(name) => {
                let dots = name.chars().take_while(|&c| c == '.').count();
                let rest = &name[dots..];
                if !is_dotted(rest, 0) {
                    return;
                }
                // Relative to the second argument: a constant, or `__name__` and `__package__`.
                match (dots, arguments.args.get(1).and_then(constant)) {
                    (0, _) => self.import(0, rest, Vec::new(), line),
                    (1, Some(package)) => {
                        self.import(0, &format!("{package}.{rest}"), Vec::new(), line);
                    }
                    (_, None) => self.import(dots as u32, rest, Vec::new(), line),
                    _ => {}
                }
            }
            None => {
                if !self.computed(first, line) && self.facts.unknown.len() < MAX_FINDINGS {
                    self.facts.unknown.push(line);
                }
            }
        }
    }

    /// Takes down a name of which a part is constant.
    fn computed(&mut self, expr: &Expr, line: u32) -> bool {
        let Some(parts) = parts(expr) else {
            return false;
        };
        let says_something = parts.len() > 1
            && parts.len() <= MAX_PARTS
            && parts.iter().any(|part| part.len() > 2)
            && parts.iter().any(|part| part.contains('.'))
            && parts.iter().all(|part| is_part(part));
        let computed = Computed { parts, line };
        // The argument of an importing function is met once more as an expression.
        let is_new = self.facts.computed.last() != Some(&computed);
        if says_something && is_new && self.facts.computed.len() < MAX_FINDINGS {
            self.facts.computed.push(computed);
        }
        says_something
    }

    fn words(&mut self, elements: &[Expr]) {
        for element in elements {
            if let Some(word) = constant(element)
                && is_dotted(word, 0)
                && !word.contains('.')
                && self.facts.strings.len() < MAX_FINDINGS
            {
                let line = self.line_of(element);
                self.facts.strings.push((word.to_owned(), line));
            }
        }
    }

    fn branch(&mut self, statement: &StmtIf) {
        let mut never = is_never(&statement.test);
        self.visit_expr(&statement.test);
        let main = is_main(&statement.test);
        let before = self.in_function;
        self.in_function |= main;
        if never != Some(true) {
            self.visit_body(&statement.body);
        }
        self.in_function = before;
        for clause in &statement.elif_else_clauses {
            // Behind a branch that is always taken there is nothing.
            if never == Some(false) {
                break;
            }
            if let Some(test) = &clause.test {
                self.visit_expr(test);
            }
            never = clause.test.as_ref().and_then(is_never);
            if never != Some(true) {
                self.visit_body(&clause.body);
            }
        }
    }

    fn attempt(&mut self, statement: &StmtTry) {
        let catches = statement.handlers.iter().any(catches_import_error);
        let (tried, instead) = (self.tried, self.instead);
        self.tries += u32::from(catches);
        let number = self.tries;
        if catches {
            self.tried = Some(number);
        }
        self.visit_body(&statement.body);
        self.tried = tried;
        if catches {
            self.instead = Some(number);
        }
        for handler in &statement.handlers {
            self.visit_except_handler(handler);
        }
        self.instead = instead;
        self.visit_body(&statement.orelse);
        self.visit_body(&statement.finalbody);
    }
}

impl<'a> Visitor<'a> for FactsReader {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(statement) => {
                let line = self.line_of(statement);
                for alias in &statement.names {
                    self.import(0, alias.name.as_str(), Vec::new(), line);
                }
            }
            Stmt::ImportFrom(statement) => {
                let line = self.line_of(statement);
                let module = statement.module.as_ref().map_or("", |name| name.as_str());
                let names = statement.names.iter();
                let names = names.map(|alias| alias.name.as_str().to_owned()).collect();
                self.import(statement.level, module, names, line);
            }
            Stmt::If(statement) => self.branch(statement),
            Stmt::Try(statement) => self.attempt(statement),
            Stmt::FunctionDef(function) => {
                for decorator in &function.decorator_list {
                    self.visit_decorator(decorator);
                }
                self.visit_parameters(&function.parameters);
                let (before, tried) = (self.in_function, self.tried.take());
                self.in_function = true;
                self.visit_body(&function.body);
                (self.in_function, self.tried) = (before, tried);
            }
            _ => walk_stmt(self, stmt),
        }
    }

    /// Annotations name types.
    fn visit_annotation(&mut self, _expr: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => {
                let name = last_name(&call.func).unwrap_or_default();
                let line = self.line_of(call);
                if IMPORTERS.contains(&name) {
                    self.importer(&call.arguments, line);
                }
                if name == "format" {
                    self.computed(expr, line);
                }
                if NAMERS.contains(&name) {
                    self.visit_expr(&call.func);
                    return;
                }
            }
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                let module = text.split_once(':').map_or(text, |(module, _)| module);
                let dots = usize::from(module.len() == text.len());
                if is_dotted(module, dots) && self.facts.strings.len() < MAX_FINDINGS {
                    let line = self.line_of(literal);
                    self.facts.strings.push((text.to_owned(), line));
                } else if text.contains("%s") || text.contains("{}") {
                    let line = self.line_of(literal);
                    self.computed(expr, line);
                }
            }
            // `INSTALLED_APPS = ['shop']`
            Expr::List(list) => self.words(&list.elts),
            Expr::Tuple(tuple) => self.words(&tuple.elts),
            Expr::FString(literal) => {
                let line = self.line_of(literal);
                self.computed(expr, line);
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(source: &str) -> Vec<(u32, String, When)> {
        let facts = parse(source.as_bytes());
        assert_eq!(facts.broken, None);
        let imports = facts.imports.into_iter();
        let named = |import: &Import| {
            let dots = ".".repeat(import.level as usize);
            if import.names.is_empty() {
                format!("{dots}{}", import.module)
            } else {
                format!("{dots}{}/{}", import.module, import.names.join(","))
            }
        };
        imports
            .map(|import| (import.line, named(&import), import.when))
            .collect()
    }

    #[test]
    fn imports_are_found_wherever_they_stand() {
        let source = "\
import a.b as c, d
from . import e
from ..f import g, h as i
class C:
    import j
    def m(self):
        import k
if x:
    import l
for y in z:
    with u:
        import m
async def f():
    from n import *
";
        let expected = [
            (1, "a.b", When::Load),
            (1, "d", When::Load),
            (2, "./e", When::Load),
            (3, "..f/g,h", When::Load),
            (5, "j", When::Load),
            (7, "k", When::Call),
            (9, "l", When::Load),
            (12, "m", When::Load),
            (14, "n/*", When::Call),
        ];
        let expected = expected.map(|(line, name, when)| (line, name.to_owned(), when));
        assert_eq!(imports(source), expected);
    }

    #[test]
    fn branches_for_type_checkers_and_other_systems_are_left_out() {
        let source = "\
if TYPE_CHECKING:
    import a
else:
    import b
if typing.TYPE_CHECKING: import c
if not TYPE_CHECKING: import d
else: import e
if sys.platform == 'win32': import f
elif sys.platform == 'linux': import g
else: import h
if os.name != 'nt': import i
if name == 'nt': import j
if __name__ == '__main__': import k
";
        let names: Vec<_> = imports(source)
            .into_iter()
            .map(|(_, name, when)| (name, when))
            .collect();
        let expected = [
            ("b", When::Load),
            ("d", When::Load),
            ("g", When::Load),
            ("i", When::Load),
            ("j", When::Load),
            ("k", When::Call),
        ];
        assert_eq!(names, expected.map(|(name, when)| (name.to_owned(), when)));
    }

    #[test]
    fn alternatives_belong_to_the_import_that_is_tried_first() {
        let source = "\
try:
    import a
except ImportError:
    try:
        import b
    except (ValueError, ModuleNotFoundError):
        import c
try: import d
except KeyError: import e
";
        let facts = parse(source.as_bytes());
        let found: Vec<_> = facts
            .imports
            .iter()
            .map(|import| (import.module.as_str(), import.when, import.tried))
            .collect();
        let expected = [
            ("a", When::Load, Some(1)),
            ("b", When::Instead(1), Some(2)),
            ("c", When::Instead(2), None),
            ("d", When::Load, None),
            ("e", When::Load, None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn constant_names_of_importing_functions_are_imports() {
        let source = "\
importlib.import_module('a.b')
x = __import__('c')
import_module('.d', 'e.f')
import_module('.g', __package__)
import_module(name)
import_module(f'hhh.{i}')
import_module('jjj.' + k + '.l')
import_module('%s.m.%s' % (n, o))
";
        let facts = parse(source.as_bytes());
        let names: Vec<_> = facts
            .imports
            .iter()
            .map(|import| (import.level, import.module.as_str()))
            .collect();
        assert_eq!(names, [(0, "a.b"), (0, "c"), (0, "e.f.d"), (1, "g")]);
        assert_eq!(facts.unknown, [5]);
        let computed: Vec<_> = facts.computed.iter().map(|c| (c.line, &c.parts)).collect();
        let parts = |parts: &[&str]| parts.iter().map(|&p| p.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            computed,
            [
                (6, &parts(&["hhh.", ""])),
                (7, &parts(&["jjj.", ".l"])),
                (8, &parts(&["", ".m.", ""])),
            ]
        );
    }

    #[test]
    fn dotted_strings_are_kept_but_for_names_of_loggers() {
        let source = "A = ['a.b', 'c', 'd e.f', 'g:h']\nlogging.getLogger('i.j')\n'''k.l'''\n";
        let facts = parse(source.as_bytes());
        let strings: Vec<_> = facts
            .strings
            .iter()
            .map(|(s, l)| (s.as_str(), *l))
            .collect();
        assert_eq!(strings, [("c", 1), ("a.b", 1), ("g:h", 1), ("k.l", 3)]);
    }

    #[test]
    fn what_stands_around_an_error_is_read() {
        let facts = parse(b"import a\nx = = 1\nimport b\n");
        assert!(facts.broken.unwrap().starts_with("line 2: "));
        let names: Vec<_> = facts.imports.iter().map(|i| i.module.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn sources_that_are_nested_too_deeply_are_not_read() {
        let facts = parse(format!("import a\n{}", "(".repeat(100_000)).as_bytes());
        assert_eq!(facts.broken.as_deref(), Some("it is nested too deeply"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, like in "([a-z.:()\\[\\]{}'\"%=,\\\\ \t\n]|import |from |if |try:|except:|def |class |f'){0,60}") {
            parse(&bytes);
            parse(like.as_bytes());
        }
    }
}
