//! What single expressions say: constants, parts of names, conditions that are settled before the program runs.

use ruff_python_ast::{CmpOp, ExceptHandler, Expr, InterpolatedStringElement, Operator, UnaryOp};

/// Parts of a name that is put together.
pub(crate) const MAX_PARTS: usize = 8;

/// The name of a function, or the attribute by which it is reached.
pub(crate) fn last_name(func: &Expr) -> Option<&str> {
    match func {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

/// A string that is written out.
pub(crate) fn constant(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringLiteral(literal) => Some(literal.value.to_str()),
        _ => None,
    }
}

/// The constant parts of `"a." + b`, `"a.%s" % b`, `"a.{}".format(b)`, `f"a.{b}"`; `None` if there is none.
pub(crate) fn parts(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::StringLiteral(literal) => {
            let text = literal.value.to_str().replace("{}", "%s");
            Some(text.split("%s").map(str::to_owned).collect())
        }
        Expr::FString(literal) => {
            let mut parts = vec![String::new()];
            for element in literal.value.elements() {
                match element {
                    InterpolatedStringElement::Literal(text) => {
                        parts.last_mut()?.push_str(&text.value);
                    }
                    InterpolatedStringElement::Interpolation(_) => parts.push(String::new()),
                }
            }
            Some(parts)
        }
        Expr::BinOp(sum) if sum.op == Operator::Mod => parts(&sum.left),
        Expr::BinOp(sum) if sum.op == Operator::Add => {
            // `a + b + c` is `(a + b) + c`.
            let unknown = || vec![String::new(), String::new()];
            let (left, right) = (parts(&sum.left), parts(&sum.right));
            if left.is_none() && right.is_none() {
                return None;
            }
            let mut all = left.unwrap_or_else(unknown);
            let mut rest = right.unwrap_or_else(unknown).into_iter();
            let first = rest.next().unwrap_or_default();
            all.last_mut()?.push_str(&first);
            all.extend(rest);
            all.truncate(MAX_PARTS + 1);
            Some(all)
        }
        Expr::Call(call) if last_name(&call.func) == Some("format") => match &*call.func {
            Expr::Attribute(attribute) => parts(&attribute.value),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a constant part can stand in a name.
pub(crate) fn is_part(part: &str) -> bool {
    part.len() <= 200
        && part
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

/// `Some(true)` for a branch that is not taken on Linux at run time, `Some(false)` for one that always is.
pub(crate) fn is_never(test: &Expr) -> Option<bool> {
    match test {
        Expr::UnaryOp(not) if not.op == UnaryOp::Not => is_never(&not.operand).map(|never| !never),
        Expr::Name(_) | Expr::Attribute(_) if last_name(test) == Some("TYPE_CHECKING") => {
            Some(true)
        }
        Expr::Compare(compare) if compare.ops.len() == 1 => {
            let names = match last_name(&compare.left)? {
                "platform" => ["linux"].as_slice(),
                "name" if is_attribute_of(&compare.left, "os") => ["posix"].as_slice(),
                _ => return None,
            };
            let value = constant(compare.comparators.first()?)?;
            let same = names.contains(&value);
            match compare.ops.first()? {
                CmpOp::Eq => Some(!same),
                CmpOp::NotEq => Some(same),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_attribute_of(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Attribute(attribute) => last_name(&attribute.value) == Some(name),
        _ => false,
    }
}

/// `__name__ == "__main__"`
pub(crate) fn is_main(test: &Expr) -> bool {
    match test {
        Expr::Compare(compare) => {
            last_name(&compare.left) == Some("__name__")
                && compare.comparators.first().and_then(constant) == Some("__main__")
        }
        _ => false,
    }
}

/// Whether a handler catches that an import fails.
pub(crate) fn catches_import_error(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    let named = |expr: &Expr| {
        matches!(
            last_name(expr),
            Some("ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException")
        )
    };
    match handler.type_.as_deref() {
        None => true,
        Some(Expr::Tuple(tuple)) => tuple.elts.iter().any(named),
        Some(expr) => named(expr),
    }
}
