//! How deep a parser of JavaScript goes into a file: an upper bound, found without recursion.
//!
//! The parser descends for each bracket, prefix and right-associative operator, and a file of an image can hold a
//! million of them in a row. Here each token counts as one level until something ends it for certain. What is a
//! string, a template, a comment or a regular expression has to be known for that. Where it depends on more than the
//! tokens before (a slash behind a brace, or at the start of a line), there is no bound.

/// A bracket makes the parser go through every level of precedence.
const BRACKET: usize = 8;

/// Words before an expression: a slash behind them begins a regular expression.
const BEFORE_EXPRESSION: [&[u8]; 13] = [
    b"return",
    b"typeof",
    b"case",
    b"do",
    b"else",
    b"in",
    b"instanceof",
    b"new",
    b"void",
    b"delete",
    b"throw",
    b"extends",
    b"default",
];
/// Words that are a name in one place and more in another, or that end a statement with the line.
const UNCERTAIN: [&[u8]; 9] = [
    b"yield",
    b"await",
    b"of",
    b"let",
    b"async",
    b"break",
    b"continue",
    b"debugger",
    b"static",
];
/// Words that begin a statement if they stand behind a closing brace.
const STATEMENTS: [&[u8]; 13] = [
    b"function",
    b"var",
    b"let",
    b"const",
    b"return",
    b"class",
    b"if",
    b"for",
    b"try",
    b"switch",
    b"throw",
    b"export",
    b"import",
];
/// Words that begin a statement, and no expression, at the start of a line too.
const LINE_STATEMENTS: [&[u8]; 6] = [
    b"function",
    b"var",
    b"const",
    b"return",
    b"export",
    b"import",
];

/// What stands before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A value ended: a slash divides.
    Operand,
    /// A value is to come: a slash begins a regular expression.
    Operator,
    /// Either.
    Uncertain,
    /// The brace that ended a block or an object.
    Brace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    /// Inside of it there are no statements: `(`, `[`, an object.
    Expressions,
    /// `(` behind `if`, `while`, `for`, `with`.
    Head,
    /// Between backquotes.
    Template,
    /// `${`
    Substitution,
}

struct BracketLevel {
    kind: Kind,
    opener: u8,
    /// Tokens of the statement or expression so far.
    tokens: usize,
    /// The tokens before the last end of a statement: `else` continues that.
    ended: usize,
    /// The tokens before the current list of expressions, which a comma ends.
    list: Option<usize>,
}

struct BracketLexer<'a> {
    source: &'a [u8],
    at: usize,
    levels: Vec<BracketLevel>,
    /// Tokens of all open levels.
    depth: usize,
    deepest: usize,
    before: Before,
    /// The byte before, if it was punctuation; 0 otherwise.
    sign: u8,
    /// The word before, if it was one and no member.
    word: &'a [u8],
    newline: bool,
    typescript: bool,
}

/// The bound of a source text; `None` if there is none, or if its brackets and quotes do not match.
pub(crate) fn nesting(source: &[u8], typescript: bool) -> Option<usize> {
    let mut lexer = BracketLexer {
        source,
        at: 0,
        levels: Vec::new(),
        depth: 0,
        deepest: 0,
        before: Before::Operator,
        sign: b';',
        word: b"",
        newline: true,
        typescript,
    };
    if source.starts_with(b"#!") {
        lexer.line();
    }
    lexer.push(Kind::Block, 0);
    while lexer.at < source.len() {
        lexer.token()?;
    }
    (lexer.levels.len() == 1).then_some(lexer.deepest)
}

impl<'a> BracketLexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.source.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn token(&mut self) -> Option<()> {
        if self.levels.last()?.kind == Kind::Template {
            return self.template();
        }
        let byte = self.peek(0);
        match byte {
            b'\n' | b'\r' => {
                self.newline = true;
                self.at += 1;
            }
            b' ' | b'\t' | 0x0b | 0x0c => self.at += 1,
            b'/' if self.peek(1) == b'/' => self.line(),
            b'/' if self.peek(1) == b'*' => self.comment()?,
            b'/' => self.slash()?,
            b'"' | b'\'' => {
                self.count(1);
                self.string(byte)?;
                self.set(Before::Operand, 0, b"");
            }
            b'`' => {
                self.at += 1;
                self.push(Kind::Template, b'`');
            }
            b'(' => {
                let is_head = matches!(self.word, b"if" | b"while" | b"for" | b"with");
                let kind = if is_head {
                    Kind::Head
                } else {
                    Kind::Expressions
                };
                self.open(kind, byte);
            }
            b'[' => self.open(Kind::Expressions, byte),
            b'{' => {
                let kind = if self.is_object() {
                    Kind::Expressions
                } else {
                    Kind::Block
                };
                self.open(kind, byte);
            }
            b')' | b']' | b'}' => self.close(byte)?,
            b';' => {
                self.end_statement();
                self.at += 1;
                self.set(Before::Operator, b';', b"");
            }
            b',' => {
                let level = self.levels.last_mut()?;
                let keep = match level.kind {
                    Kind::Block => level.list.unwrap_or(level.tokens),
                    _ => 0,
                };
                self.depth -= level.tokens - keep.min(level.tokens);
                level.tokens = keep.min(level.tokens);
                self.count(1);
                self.at += 1;
                self.set(Before::Operator, b',', b"");
            }
            b'+' | b'-' if self.peek(1) == byte => {
                // `a++ / b` divides, and `++/x/` is nonsense that some parser may go on from.
                self.count(1);
                self.at += 2;
                self.set(Before::Uncertain, byte, b"");
            }
            _ if is_word(byte) => self.word(),
            _ => {
                // Comments of HTML end with the line, and only in scripts.
                let rest = &self.source[self.at..];
                if rest.starts_with(b"<!--") || rest.starts_with(b"-->") {
                    return None;
                }
                if byte == b':' {
                    self.levels.last_mut()?.list = None;
                }
                self.count(1);
                self.at += 1;
                let is_type = self.typescript && matches!(byte, b'!' | b'>');
                let before = if is_type {
                    Before::Uncertain
                } else {
                    Before::Operator
                };
                self.set(before, byte, b"");
            }
        }
        Some(())
    }

    fn set(&mut self, before: Before, sign: u8, word: &'a [u8]) {
        self.before = before;
        self.sign = sign;
        self.word = word;
        self.newline = false;
    }

    fn count(&mut self, tokens: usize) {
        if let Some(level) = self.levels.last_mut() {
            level.tokens += tokens;
            self.depth += tokens;
            self.deepest = self.deepest.max(self.depth);
        }
    }

    fn end_statement(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.depth -= level.tokens;
            level.ended = level.tokens;
            level.tokens = 0;
            level.list = None;
        }
    }

    fn open(&mut self, kind: Kind, byte: u8) {
        self.at += 1;
        self.push(kind, byte);
        self.set(Before::Operator, byte, b"");
    }

    fn push(&mut self, kind: Kind, opener: u8) {
        self.levels.push(BracketLevel {
            kind,
            opener,
            tokens: 0,
            ended: 0,
            list: None,
        });
        self.count(BRACKET);
        // They stay for as long as the level is open.
        if let Some(level) = self.levels.last_mut() {
            level.tokens = 0;
        }
    }

    fn pop(&mut self) -> Option<BracketLevel> {
        // The outermost level has no bracket.
        if self.levels.len() < 2 {
            return None;
        }
        let level = self.levels.pop()?;
        self.depth -= level.tokens + BRACKET;
        self.count(1);
        Some(level)
    }

    fn close(&mut self, byte: u8) -> Option<()> {
        let level = self.pop()?;
        let expected = match level.opener {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        if byte != expected {
            return None;
        }
        self.at += 1;
        if level.kind == Kind::Substitution {
            // Back in the template, which goes on behind the brace.
            return Some(());
        }
        let before = match (byte, level.kind) {
            (b')', Kind::Head) => Before::Operator,
            (b'}', _) => Before::Brace,
            _ => Before::Operand,
        };
        self.set(before, byte, b"");
        Some(())
    }

    /// Whether a brace begins an object: where a value is to come, and no statement.
    fn is_object(&self) -> bool {
        let inside = self.levels.last().map(|level| level.kind);
        match self.sign {
            b'(' | b'[' | b',' | b'=' | b'?' | b'&' | b'|' => self.before == Before::Operator,
            b':' => matches!(
                inside,
                Some(Kind::Expressions | Kind::Head | Kind::Substitution)
            ),
            0 => self.word == b"return" && !self.newline,
            _ => false,
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let is_number = self.peek(0).is_ascii_digit();
        while is_word(self.peek(0)) || (is_number && self.peek(0) == b'.') {
            self.at += 1;
        }
        let word = &self.source[start..self.at];
        let is_member = self.sign == b'.';
        let plain = word.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
        if !is_member {
            self.statement(word);
        }
        self.count(1);
        let uncertain_before = UNCERTAIN.contains(&self.word);
        let before = if !plain || (uncertain_before && !is_number) {
            Before::Uncertain
        } else if is_member {
            Before::Operand
        } else if BEFORE_EXPRESSION.contains(&word) {
            Before::Operator
        } else if UNCERTAIN.contains(&word) {
            Before::Uncertain
        } else {
            Before::Operand
        };
        // `for await (…)` has the head of a `for`.
        let word = match word {
            b"await" if self.word == b"for" => b"for",
            word => word,
        };
        self.set(before, 0, if is_member { b"" } else { word });
    }

    /// What a word says about where statements begin and end.
    fn statement(&mut self, word: &[u8]) {
        let after_end = self.sign == b';';
        if self.before == Before::Brace && STATEMENTS.contains(&word)
            || self.newline && LINE_STATEMENTS.contains(&word)
        {
            self.end_statement();
        }
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        if after_end && matches!(word, b"else" | b"while") {
            // The statement before was only a part of this one.
            level.tokens += level.ended;
            self.depth += level.ended;
            level.ended = 0;
        }
        let begins = level.tokens == 0
            && !matches!(
                word,
                b"if" | b"for" | b"while" | b"do" | b"with" | b"else" | b"switch" | b"try"
            );
        if begins || matches!(word, b"var" | b"let" | b"const" | b"return") {
            level.list = Some(level.tokens);
        }
    }

    fn slash(&mut self) -> Option<()> {
        match self.before {
            Before::Operator => {
                self.count(1);
                self.regular_expression()?;
                self.set(Before::Operand, 0, b"");
            }
            // Between brackets no statement ends with the line.
            Before::Operand if !self.newline || self.levels.last()?.kind != Kind::Block => {
                self.count(1);
                self.at += 1;
                self.set(Before::Operator, b'/', b"");
            }
            _ => return None,
        }
        Some(())
    }

    fn regular_expression(&mut self) -> Option<()> {
        self.at += 1;
        let mut in_class = false;
        loop {
            match self.source.get(self.at)? {
                b'\n' | b'\r' => return None,
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.at += 1;
                    while is_word(self.peek(0)) {
                        self.at += 1;
                    }
                    return Some(());
                }
                // A line can end with U+2028 and U+2029 too.
                0xe2 if self.peek(1) == 0x80 && matches!(self.peek(2), 0xa8 | 0xa9) => {
                    return None;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            match *self.source.get(self.at)? {
                b'\n' | b'\r' => return None,
                b'\\' => {
                    self.at += 1;
                    if self.peek(0) == b'\r' && self.peek(1) == b'\n' {
                        self.at += 1;
                    }
                }
                byte if byte == quote => {
                    self.at += 1;
                    return Some(());
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Text between backquotes, up to a substitution or the end.
    fn template(&mut self) -> Option<()> {
        loop {
            match *self.source.get(self.at)? {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    self.pop()?;
                    self.set(Before::Operand, 0, b"");
                    return Some(());
                }
                b'$' if self.peek(1) == b'{' => {
                    self.at += 1;
                    self.open(Kind::Substitution, b'{');
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }

    fn line(&mut self) {
        while self.at < self.source.len() && !matches!(self.peek(0), b'\n' | b'\r') {
            // U+2028 and U+2029 end a line, and with it the comment.
            if self.peek(0) == 0xe2 && self.peek(1) == 0x80 && matches!(self.peek(2), 0xa8 | 0xa9) {
                self.at += 3;
                self.newline = true;
                return;
            }
            self.at += 1;
        }
    }

    fn comment(&mut self) -> Option<()> {
        let rest = &self.source[self.at + 2..];
        let length = memchr::memmem::find(rest, b"*/")?;
        self.newline |= rest[..length]
            .iter()
            .any(|byte| matches!(byte, b'\n' | b'\r' | 0xe2));
        self.at += 2 + length + 2;
        Some(())
    }
}

/// Letters, digits and what else names consist of; blanks outside of ASCII too, which makes them uncertain.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | b'\\' | 0x80..)
}

#[cfg(test)]
mod tests;
