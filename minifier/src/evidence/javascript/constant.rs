//! [`Constants`]: expressions whose value a reader can know without running anything: strings, and paths that begin at
//! the file's directory or at the working directory.

use std::collections::BTreeMap;

use oxc_ast::ast::{
    Argument, BinaryExpression, BinaryOperator, CallExpression, Expression, NewExpression,
    TemplateLiteral,
};

/// Calls in calls are followed this deep: `path.join(path.dirname(fileURLToPath(…)), …)` has three.
const MAX_DEPTH: usize = 16;
/// Terms of one sum, parts of one template, arguments of one call.
const MAX_PARTS: usize = 64;
/// Longer strings are no paths.
const MAX_LENGTH: usize = 4096;
/// Names whose values are remembered.
const MAX_BINDINGS: usize = 10_000;

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConstantBase {
    /// It is a string by itself.
    None,
    /// The file that is read: `__filename`, `import.meta.url`.
    File,
    /// Its directory: `__dirname`.
    Directory,
    /// The working directory: `process.cwd()`.
    Working,
}

/// A value that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constant {
    pub(crate) base: ConstantBase,
    pub(crate) text: String,
}

impl Constant {
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            base: ConstantBase::None,
            text: text.to_owned(),
        }
    }

    fn at(base: ConstantBase) -> Self {
        Self {
            base,
            text: String::new(),
        }
    }

    fn then(mut self, text: &str) -> Option<Self> {
        self.text.push_str(text);
        (self.text.len() <= MAX_LENGTH).then_some(self)
    }
}

/// What names stand for, as far as that is certain.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    /// `None` for names that were given several values.
    bound: BTreeMap<String, Option<Constant>>,
}

impl Constants {
    /// A declaration gave a name a value; one name with several values has none.
    pub(crate) fn bind(&mut self, name: &str, value: Option<Constant>) {
        if let Some(known) = self.bound.get_mut(name) {
            if *known != value {
                *known = None;
            }
        } else if self.bound.len() < MAX_BINDINGS {
            self.bound.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn value(&self, expression: &Expression<'_>) -> Option<Constant> {
        self.evaluate(expression, MAX_DEPTH)
    }

    pub(crate) fn call(&self, call: &CallExpression<'_>) -> Option<Constant> {
        self.evaluate_call(call, MAX_DEPTH)
    }

    pub(crate) fn new_url(&self, new: &NewExpression<'_>) -> Option<Constant> {
        self.evaluate_url(new, MAX_DEPTH)
    }

    pub(crate) fn template(&self, template: &TemplateLiteral<'_>) -> Option<Constant> {
        self.evaluate_template(template, MAX_DEPTH)
    }

    pub(crate) fn sum(&self, sum: &BinaryExpression<'_>) -> Option<Constant> {
        self.evaluate_sum(sum, MAX_DEPTH)
    }

    fn evaluate(&self, expression: &Expression<'_>, depth: usize) -> Option<Constant> {
        let depth = depth.checked_sub(1)?;
        match expression {
            Expression::StringLiteral(text) => {
                (text.value.len() <= MAX_LENGTH).then(|| Constant::plain(&text.value))
            }
            Expression::TemplateLiteral(template) => self.evaluate_template(template, depth),
            Expression::BinaryExpression(sum) => self.evaluate_sum(sum, depth),
            Expression::CallExpression(call) => self.evaluate_call(call, depth),
            Expression::NewExpression(new) => self.evaluate_url(new, depth),
            Expression::Identifier(name) => match name.name.as_str() {
                "__dirname" => Some(Constant::at(ConstantBase::Directory)),
                "__filename" => Some(Constant::at(ConstantBase::File)),
                name => self.bound.get(name)?.clone(),
            },
            Expression::StaticMemberExpression(member) => {
                let name = member.property.name.as_str();
                if is_import_meta(&member.object) {
                    return match name {
                        "url" | "filename" => Some(Constant::at(ConstantBase::File)),
                        "dirname" => Some(Constant::at(ConstantBase::Directory)),
                        _ => None,
                    };
                }
                // Of a URL.
                match name {
                    "pathname" | "href" => self.evaluate(&member.object, depth),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn evaluate_template(&self, template: &TemplateLiteral<'_>, depth: usize) -> Option<Constant> {
        if template.expressions.len() > MAX_PARTS {
            return None;
        }
        let mut whole = Constant::plain("");
        for (index, quasi) in template.quasis.iter().enumerate() {
            whole = whole.then(quasi.value.cooked.as_ref()?)?;
            if let Some(expression) = template.expressions.get(index) {
                whole = append(whole, self.evaluate(expression, depth)?)?;
            }
        }
        Some(whole)
    }

    /// A sum is a chain to the left.
    fn evaluate_sum(&self, sum: &BinaryExpression<'_>, depth: usize) -> Option<Constant> {
        let mut terms = Vec::new();
        let mut at = sum;
        let first = loop {
            if at.operator != BinaryOperator::Addition || terms.len() == MAX_PARTS {
                return None;
            }
            terms.push(&at.right);
            match &at.left {
                Expression::BinaryExpression(left) => at = left,
                left => break left,
            }
        };
        let mut whole = self.evaluate(first, depth)?;
        for term in terms.into_iter().rev() {
            whole = append(whole, self.evaluate(term, depth)?)?;
        }
        Some(whole)
    }

    fn evaluate_call(&self, call: &CallExpression<'_>, depth: usize) -> Option<Constant> {
        match callee_name(&call.callee)? {
            "join" => self.join(&call.arguments, false, depth),
            "resolve" => self.join(&call.arguments, true, depth),
            "dirname" => {
                let inner = self.single(&call.arguments, depth)?;
                let base = match inner.base {
                    ConstantBase::File if inner.text.is_empty() => {
                        return Some(Constant::at(ConstantBase::Directory));
                    }
                    base => base,
                };
                let text = format!("{}/..", inner.text);
                Some(Constant { base, text })
            }
            "fileURLToPath" | "pathToFileURL" | "normalize" | "realpathSync" | "String" => {
                self.single(&call.arguments, depth)
            }
            // `new URL(…).toString()`
            "toString" => match &call.callee {
                Expression::StaticMemberExpression(member) => self.evaluate(&member.object, depth),
                _ => None,
            },
            "cwd" if call.arguments.is_empty() => Some(Constant::at(ConstantBase::Working)),
            _ => None,
        }
    }

    fn single(&self, arguments: &[Argument<'_>], depth: usize) -> Option<Constant> {
        self.evaluate(arguments.first()?.as_expression()?, depth)
    }

    /// `path.join`, and `path.resolve` which begins at the working directory.
    fn join(&self, arguments: &[Argument<'_>], resolve: bool, depth: usize) -> Option<Constant> {
        if arguments.is_empty() || arguments.len() > MAX_PARTS {
            return None;
        }
        let mut whole: Option<Constant> = None;
        for argument in arguments {
            let part = self.evaluate(argument.as_expression()?, depth)?;
            whole = Some(match whole {
                // `path.resolve(a, __dirname, b)` begins at the last absolute one.
                Some(before)
                    if part.base == ConstantBase::None
                        && !(resolve && part.text.starts_with('/')) =>
                {
                    before.then("/")?.then(&part.text)?
                }
                Some(_) if !resolve => return None,
                _ => part,
            });
        }
        let mut whole = whole?;
        if resolve && whole.base == ConstantBase::None && !whole.text.starts_with('/') {
            whole.base = ConstantBase::Working;
        }
        // `join(__filename, '..', 'x')`
        if whole.base == ConstantBase::File {
            whole.base = ConstantBase::Directory;
            whole.text = whole.text.strip_prefix("/..")?.to_owned();
        }
        Some(whole)
    }

    /// `new URL('x', import.meta.url)`
    fn evaluate_url(&self, new: &NewExpression<'_>, depth: usize) -> Option<Constant> {
        if callee_name(&new.callee)? != "URL" || new.arguments.len() != 2 {
            return None;
        }
        let mut arguments = new.arguments.iter().map(Argument::as_expression);
        let (relative, base) = (arguments.next()??, arguments.next()??);
        let relative = self.evaluate(relative, depth)?;
        let base = self.evaluate(base, depth)?;
        let is_path = relative.base == ConstantBase::None && !relative.text.contains(':');
        if !is_path || base.base != ConstantBase::File || !base.text.is_empty() {
            return None;
        }
        let path = relative.text.split(['?', '#']).next().unwrap_or_default();
        Constant::at(ConstantBase::Directory).then(path)
    }
}

fn append(whole: Constant, part: Constant) -> Option<Constant> {
    match part.base {
        ConstantBase::None => whole.then(&part.text),
        // `'' + __dirname`, `file://${__dirname}`
        _ if whole.base == ConstantBase::None && matches!(whole.text.as_str(), "" | "file://") => {
            Some(part)
        }
        _ => None,
    }
}

/// The last name of what is called: `join` of `path.join` and of `join`.
pub(crate) fn callee_name<'e>(callee: &'e Expression<'_>) -> Option<&'e str> {
    match callee {
        Expression::Identifier(name) => Some(name.name.as_str()),
        Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
        // `(0, path_1.join)(…)`, as compilers write it.
        Expression::SequenceExpression(sequence) => match sequence.expressions.last()? {
            Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
            _ => None,
        },
        _ => None,
    }
}

/// `import.meta`
pub(crate) fn is_import_meta(expression: &Expression<'_>) -> bool {
    matches!(expression, Expression::ImportMeta(_))
}
