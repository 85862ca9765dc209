//! Bounds how deeply the parser's tree can be nested before it is made.
//!
//! The parser itself gets more stack when it needs it, but a tree is walked and taken down by recursion. `1+1+1+…` is as
//! deep as it is long, so that counting brackets is not enough: every token counts that is not followed by a comma or
//! the end of its line.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::Mode;
use ruff_python_parser::lexer::lex;

/// Deepest nesting that is read. The largest expressions of 60,000 files of Debian and PyPI have a few hundred tokens
/// without a comma; sums of names in generated code have about a thousand.
pub(crate) const MAX_DEPTH: usize = 3_000;
/// Enough for a tree of [`MAX_DEPTH`] even if nothing is optimised: less than 10 KiB a level.
pub(crate) const STACK: usize = 64 << 20;

/// Whether no expression or block in a source can be nested more deeply than [`MAX_DEPTH`].
pub(crate) fn is_shallow(source: &str) -> bool {
    let mut lexer = lex(source, Mode::Module);
    // Tokens since the last comma, for each open bracket, and `lambda`s whose parameters have not ended: a comma there
    // ends nothing.
    let mut open = vec![(0_usize, 0_usize)];
    let mut total = 0_usize;
    let mut blocks = 0_usize;
    loop {
        let kind = lexer.next_token();
        match kind {
            TokenKind::EndOfFile => return true,
            TokenKind::Newline => {
                open = vec![(0, 0)];
                total = 0;
            }
            TokenKind::Comma => {
                if let Some((tokens, 0)) = open.last_mut() {
                    total -= std::mem::take(tokens);
                }
            }
            TokenKind::Indent => blocks += 1,
            TokenKind::Dedent => blocks = blocks.saturating_sub(1),
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                // A bracket too many is an error of syntax, and opens nothing.
                if open.len() > 1 {
                    total -= open.pop().unwrap_or_default().0;
                }
            }
            // Strings beside each other are one, and comments none.
            TokenKind::Comment
            | TokenKind::NonLogicalNewline
            | TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle => {}
            _ => {
                if let Some((tokens, lambdas)) = open.last_mut() {
                    *tokens += 1;
                    total += 1;
                    match kind {
                        TokenKind::Lambda => *lambdas += 1,
                        TokenKind::Colon => *lambdas = lambdas.saturating_sub(1),
                        _ => {}
                    }
                }
                if matches!(kind, TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace) {
                    open.push((0, 0));
                }
            }
        }
        if total + blocks > MAX_DEPTH {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_is_counted_and_what_is_long_is_not() {
        let deep = 100_000;
        for source in [
            format!("{}1{}", "(".repeat(deep), ")".repeat(deep)),
            "[".repeat(deep),
            format!("x = 1{}", "+1".repeat(deep)),
            format!("x = {}1", "-".repeat(deep)),
            format!("x = {}1", "lambda: ".repeat(deep)),
            format!("f{}", "()".repeat(deep)),
            format!("f{}", ".a".repeat(deep)),
            format!("x = {}1", "1 if 1 else ".repeat(deep)),
            format!("x = {}1", "lambda a, b: ".repeat(deep)),
            format!("x = {}1", "lambda a=lambda b, c: d, e: ".repeat(deep)),
            format!("x = {}", "(1, ".repeat(deep)),
            format!("x = {}", "{1: [2, ".repeat(deep)),
        ] {
            assert!(!is_shallow(&source), "{}", &source[..20]);
        }
        for source in [
            format!("x = [{}]", "-1, (2, 3), f(a.b), ".repeat(deep)),
            "x = f(1)\n".repeat(deep),
            format!("x = ({})", "'a'\n".repeat(deep)),
            "# ((((\n".repeat(deep),
        ] {
            assert!(is_shallow(&source), "{}", &source[..20]);
        }
    }

    /// Nothing but the stack bounds what the parser and the walk after it do.
    #[test]
    fn the_deepest_that_is_read_fits_on_the_stack() {
        let repeated = |start: &str, part: &str, end: &str| {
            let tokens = tokens(part);
            let count = (MAX_DEPTH - 50) / tokens;
            format!("{start}{}1{}\n", part.repeat(count), end.repeat(count))
        };
        let blocks: String = (0..300)
            .map(|depth| format!("{}if x:\n", " ".repeat(depth)))
            .collect();
        let sources = [
            repeated("x = ", "(", ")"),
            repeated("x = ", "[1, ", "]"),
            repeated("x = ", "1+", ""),
            repeated("x = ", "-", ""),
            repeated("x = ", "not ", ""),
            repeated("x = ", "lambda a, b: ", ""),
            repeated("x = ", "1 if 1 else ", ""),
            repeated("x = ", "f(", ")"),
            repeated("x = a", ".b", ""),
            repeated("x = a", "()", ""),
            repeated("x = ", "2 ** ", ""),
            format!("{blocks}{}pass\n", " ".repeat(300)),
        ];
        for source in sources {
            assert!(is_shallow(&source), "{}", &source[..20]);
            let thread = std::thread::Builder::new().stack_size(STACK);
            let parsed = thread.spawn(move || super::super::parse::parse(source.as_bytes()));
            parsed.unwrap().join().unwrap();
        }
    }

    fn tokens(part: &str) -> usize {
        let mut lexer = lex(part, Mode::Module);
        let mut count = 0;
        while !matches!(lexer.next_token(), TokenKind::EndOfFile) {
            count += 1;
        }
        count
    }
}
