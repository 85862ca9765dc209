//! [`SourceText`]: what a file of JavaScript refers to. Takes bytes, gives names and constant paths with their lines.

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, BinaryExpression, BinaryOperator, BindingPattern, CallExpression,
    ExportAllDeclaration, ExportFromDeclaration, Expression, Function, ImportDeclaration,
    ImportExpression, NewExpression, StringLiteral, TSExternalModuleReference, TemplateLiteral,
    VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::{SourceType, Span};
use oxc_syntax::scope::ScopeFlags;

use super::constant::{Constant, ConstantBase, Constants, callee_name, is_import_meta};
use super::nesting::nesting;
use super::package::ModuleForm;

/// Longer files are not read. Bundles of servers have up to 5 MB; what is longer is data, or made for browsers.
pub(crate) const MAX_SOURCE: u64 = 8 << 20;
/// Levels that the parser may descend; the deepest of eleven thousand files of npm packages has 1,800.
pub(crate) const MAX_NESTING: usize = 6_000;
/// The parser's stack: what [`MAX_NESTING`] levels take in a debug build, and half as much again. Pages that are not
/// reached cost nothing.
pub(crate) const STACK: usize = 128 << 20;
/// References of one file that are looked at; more come from a file that was made to have them.
const MAX_REFERENCES: usize = 50_000;
/// Longer names and paths lead nowhere.
const MAX_TEXT: usize = 4096;

/// Functions that take a path.
const TAKE_PATHS: [&str; 31] = [
    "Worker",
    "access",
    "accessSync",
    "createReadStream",
    "download",
    "existsSync",
    "fork",
    "glob",
    "globSync",
    "loadEnvFile",
    "open",
    "openSync",
    "opendir",
    "opendirSync",
    "readFile",
    "readFileSync",
    "readJSON",
    "readJSONSync",
    "readJson",
    "readJsonSync",
    "readdir",
    "readdirSync",
    "renderFile",
    "sendFile",
    "sendfile",
    "serveStatic",
    "stat",
    "statSync",
    "static",
    "staticFiles",
    "useStaticAssets",
];

/// Packages that look for native code beside the file that calls them.
const FIND_NATIVE: [&str; 5] = [
    "node-gyp-build",
    "node-gyp-build-optional-packages",
    "bindings",
    "node-pre-gyp",
    "@mapbox/node-pre-gyp",
];

/// How a reference leads to a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReferenceTarget {
    /// A name for Node's resolution.
    Module(ModuleForm, String),
    /// A path from the file's own directory.
    Beside(String),
    /// A path from the working directory, or an absolute one.
    Working(String),
    /// A string that may be a path: from the file's own directory, from the working directory, or absolute.
    Perhaps(String),
    /// A name of a view.
    View,
    /// The native code of the package that the file belongs to.
    Native,
}

/// A place in a file that refers to another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// From 1.
    pub(crate) line: u32,
    pub(crate) target: ReferenceTarget,
    /// When the file is loaded, and not by a function that may never be called.
    pub(crate) at_load: bool,
}

/// What a file refers to, in the order of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceText {
    pub(crate) references: Vec<Reference>,
    /// Lines in which a name is computed.
    pub(crate) computed: Vec<u32>,
}

/// Why a file was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    #[error("is not valid UTF-8")]
    Encoding,
    #[error(
        "is nested too deeply, or its nesting cannot be determined: imports in it are not read"
    )]
    Nesting,
    #[error("does not parse as JavaScript: imports in it are not read")]
    Syntax,
    #[error("is longer than {} MB: imports in it are not read", MAX_SOURCE >> 20)]
    Long,
}

/// How a file is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceDialect {
    /// A module or a script, as its statements say.
    JavaScript,
    TypeScript,
}

/// Reads a file. The stack has to be [`STACK`] bytes.
pub(crate) fn read_source(bytes: &[u8], dialect: SourceDialect) -> Result<SourceText, Unread> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unread::Encoding)?;
    match nesting(bytes, dialect == SourceDialect::TypeScript) {
        Some(depth) if depth <= MAX_NESTING => {}
        // A short file cannot be deep, whatever its tokens mean.
        None if bytes.len() <= MAX_NESTING => {}
        _ => return Err(Unread::Nesting),
    }
    let kind = match dialect {
        SourceDialect::JavaScript => SourceType::unambiguous(),
        SourceDialect::TypeScript => SourceType::ts(),
    };
    let allocator = Allocator::default();
    let options = ParseOptions {
        // A CommonJS module is the body of a function.
        allow_return_outside_function: true,
        preserve_parens: false,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(&allocator, text, kind)
        .with_options(options)
        .parse();
    if parsed.panicked {
        return Err(Unread::Syntax);
    }
    let mut collector = Collector {
        lines: Lines::new(text),
        constants: Constants::default(),
        functions: 0,
        source: SourceText::default(),
    };
    collector.visit_program(&parsed.program);
    let mut source = collector.source;
    source.references.sort();
    source.references.dedup();
    source.computed.sort_unstable();
    source.computed.dedup();
    Ok(source)
}

/// Where each line begins.
struct Lines(Vec<u32>);

impl Lines {
    fn new(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        Self(ends.map(|at| at as u32).collect())
    }

    fn of(&self, span: Span) -> u32 {
        self.0.partition_point(|&end| end < span.start) as u32 + 1
    }
}

struct Collector {
    lines: Lines,
    constants: Constants,
    /// Functions around the current place.
    functions: usize,
    source: SourceText,
}

impl Collector {
    fn add(&mut self, span: Span, target: ReferenceTarget) {
        let text = match &target {
            ReferenceTarget::Module(_, text)
            | ReferenceTarget::Beside(text)
            | ReferenceTarget::Working(text)
            | ReferenceTarget::Perhaps(text) => text,
            ReferenceTarget::View | ReferenceTarget::Native => "-",
        };
        let fits = !text.is_empty() && text.len() <= MAX_TEXT && !text.contains('\0');
        if fits && self.source.references.len() < MAX_REFERENCES {
            self.source.references.push(Reference {
                line: self.lines.of(span),
                target,
                at_load: self.functions == 0,
            });
        }
    }

    fn computed(&mut self, span: Span) {
        if self.source.computed.len() < MAX_REFERENCES {
            self.source.computed.push(self.lines.of(span));
        }
    }

    /// A name that `require` or `import` gets.
    fn module(&mut self, span: Span, form: ModuleForm, constant: Option<Constant>) {
        match constant {
            Some(Constant {
                base: ConstantBase::None,
                text,
            }) => {
                if FIND_NATIVE.contains(&text.as_str()) {
                    self.add(span, ReferenceTarget::Native);
                }
                self.add(span, ReferenceTarget::Module(form, text));
            }
            Some(based) => self.path(span, based),
            None => self.computed(span),
        }
    }

    fn path(&mut self, span: Span, constant: Constant) {
        let Constant { base, text } = constant;
        match base {
            // The directory of the file alone names nothing in it.
            ConstantBase::Directory if !text.trim_matches(['/', '.']).is_empty() => {
                self.add(span, ReferenceTarget::Beside(format!("./{text}")));
            }
            ConstantBase::Working if !text.trim_matches(['/', '.']).is_empty() => {
                self.add(span, ReferenceTarget::Working(format!("./{text}")));
            }
            _ => {}
        }
    }

    /// A path that an expression is, if it is a constant one that begins at a directory.
    fn based(&mut self, span: Span, constant: Option<Constant>) -> bool {
        match constant {
            Some(constant) if constant.base != ConstantBase::None => {
                self.path(span, constant);
                true
            }
            _ => false,
        }
    }

    /// The arguments of a function that takes paths.
    fn arguments(&mut self, name: &str, arguments: &[Argument<'_>]) {
        for argument in arguments {
            let Some(expression) = argument.as_expression() else {
                continue;
            };
            let Some(Constant { base, text }) = self.constants.value(expression) else {
                continue;
            };
            let span = oxc_span::GetSpan::span(expression);
            match (name, base) {
                // `app.set('views', './views')`
                ("set", _) if arguments.len() != 2 => {}
                ("render", ConstantBase::None) => self.add(span, ReferenceTarget::View),
                (_, ConstantBase::None) => self.add(span, ReferenceTarget::Perhaps(text)),
                _ => {}
            }
        }
    }

    /// `require(x)`, `require.resolve(x)`, `import.meta.resolve(x)`; false for other calls.
    fn loads(&mut self, call: &CallExpression<'_>) -> bool {
        let form = match &call.callee {
            Expression::Identifier(name) if name.name == "require" => ModuleForm::Require,
            Expression::StaticMemberExpression(member) if member.property.name == "resolve" => {
                match &member.object {
                    Expression::Identifier(name) if name.name == "require" => ModuleForm::Require,
                    object if is_import_meta(object) => ModuleForm::Import,
                    _ => return false,
                }
            }
            // `module.require(x)`, `nonWebpackRequire(x)`
            Expression::StaticMemberExpression(member) if member.property.name == "require" => {
                ModuleForm::Require
            }
            Expression::Identifier(name) if name.name == "__non_webpack_require__" => {
                ModuleForm::Require
            }
            _ => return false,
        };
        let Some(argument) = call.arguments.first().and_then(Argument::as_expression) else {
            return false;
        };
        let value = self.constants.value(argument);
        self.module(call.span, form, value);
        true
    }
}

impl<'a> Visit<'a> for Collector {
    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        self.functions += 1;
        walk::walk_function(self, it, flags);
        self.functions -= 1;
    }

    fn visit_arrow_function_expression(&mut self, it: &oxc_ast::ast::ArrowFunctionExpression<'a>) {
        self.functions += 1;
        walk::walk_arrow_function_expression(self, it);
        self.functions -= 1;
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        if !it.import_kind.is_type() {
            let constant = Constant::plain(&it.source.value);
            self.module(it.span, ModuleForm::Import, Some(constant));
        }
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        if !it.export_kind.is_type() {
            let constant = Constant::plain(&it.source.value);
            self.module(it.span, ModuleForm::Import, Some(constant));
        }
    }

    fn visit_ts_external_module_reference(&mut self, it: &TSExternalModuleReference<'a>) {
        let constant = Constant::plain(&it.expression.value);
        self.module(it.span, ModuleForm::Require, Some(constant));
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        if !it.export_kind.is_type() {
            let constant = Constant::plain(&it.source.value);
            self.module(it.span, ModuleForm::Import, Some(constant));
        }
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        let value = self.constants.value(&it.source);
        // It runs later than what is loaded, even outside of functions.
        self.functions += 1;
        self.module(it.span, ModuleForm::Import, value);
        self.functions -= 1;
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if self.loads(it) {
            // `require(path.join(__dirname, 'x'))` was read as one.
            walk::walk_expression(self, &it.callee);
            return;
        }
        if self.based(it.span, self.constants.call(it)) {
            return;
        }
        if let Some(name) = callee_name(&it.callee)
            && (TAKE_PATHS.contains(&name) || matches!(name, "set" | "render"))
        {
            self.arguments(name, &it.arguments);
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        if self.based(it.span, self.constants.new_url(it)) {
            return;
        }
        if let Some(name) = callee_name(&it.callee)
            && TAKE_PATHS.contains(&name)
        {
            self.arguments(name, &it.arguments);
        }
        walk::walk_new_expression(self, it);
    }

    fn visit_template_literal(&mut self, it: &TemplateLiteral<'a>) {
        if !self.based(it.span, self.constants.template(it)) {
            walk::walk_template_literal(self, it);
        }
    }

    fn visit_binary_expression(&mut self, it: &BinaryExpression<'a>) {
        if it.operator != BinaryOperator::Addition {
            walk::walk_binary_expression(self, it);
            return;
        }
        if self.based(it.span, self.constants.sum(it)) {
            return;
        }
        // A sum of many terms is one long chain to the left: each term is looked at once.
        let mut sum = it;
        loop {
            self.visit_expression(&sum.right);
            match &sum.left {
                Expression::BinaryExpression(left) if left.operator == BinaryOperator::Addition => {
                    sum = left;
                }
                left => return self.visit_expression(left),
            }
        }
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if let (BindingPattern::BindingIdentifier(name), Some(init)) = (&it.id, &it.init) {
            let value = self.constants.value(init);
            self.constants.bind(&name.name, value);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_string_literal(&mut self, it: &StringLiteral<'a>) {
        let text = it.value.as_str();
        let is_path = text.starts_with("./") || text.starts_with("../") || text.starts_with('/');
        if is_path && text.len() > 2 {
            self.add(it.span, ReferenceTarget::Perhaps(text.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests;
