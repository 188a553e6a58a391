//! The words of a linker script with their places, so that a change touches nothing else.
//!
//! As GNU ld reads them (2.40, tried out): comments are `/* */` and `#` to the end of the line; `//` is one only after a
//! preprocessor. Inside the braces of SECTIONS words are file patterns, which may have `/*` in them: `lib/*.o`. In the
//! expressions there `/*` is a comment. Which of the two it is takes all of ld's grammar; [`Slash`] has both be read.

/// What `/*` directly behind a word of a file pattern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slash {
    /// The beginning of a comment.
    Comment,
    /// A part of the pattern.
    Pattern,
}

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Outside all braces.
    Top,
    /// Between the braces of MEMORY.
    Memory,
    /// Between other braces.
    Other,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, a number, a pattern.
    Word,
    /// Text in quotes; the token has it without them.
    Quoted,
    /// The file behind INCLUDE.
    File,
    /// An operator or another sign.
    Sign,
}

/// A word or sign of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a str,
    /// The first byte; of a quoted one, its quote.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Where it stands.
    pub place: Place,
}

impl Token<'_> {
    /// Whether it is this sign.
    pub fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// Whether it is this word.
    pub fn says(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

/// What is not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The byte.
    pub at: usize,
    /// In words.
    pub what: String,
}

/// Signs of more than one character, the longer first.
const SIGNS: [&str; 16] =
    ["<<=", ">>=", "<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "+=", "-=", "*=", "/=", "&=", "|="];

/// Whether a character belongs to names and numbers.
pub fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '~' | '\\')
}

fn in_pattern(c: char) -> bool {
    in_word(c) || matches!(c, '/' | '*' | '?' | '[' | ']' | '-' | '+' | ':' | '^' | '!')
}

fn in_file(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, ';' | '{' | '}' | '"' | '(' | ')')
}

/// The tokens of a script.
pub fn tokens(text: &str, slash: Slash) -> Result<Vec<Token<'_>>, Problem> {
    let mut found: Vec<Token<'_>> = Vec::new();
    // The braces that are open; what a word stands in follows from the outermost.
    let mut open = 0_u32;
    let mut place = Place::Top;
    let mut at = 0;
    let problem = |at, what: &str| Problem { at, what: what.to_owned() };
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if rest.starts_with("/*") {
            let end = rest.get(2..).and_then(|rest| rest.find("*/"));
            at += end.ok_or_else(|| problem(at, "a comment without an end"))? + 4;
            continue;
        }
        if rest.starts_with('#') || rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let includes = found.last().is_some_and(|last| last.says("INCLUDE"));
        let (kind, word, length) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').ok_or_else(|| problem(at, "a quote without an end"))?;
            let kind = if includes { Kind::File } else { Kind::Quoted };
            (kind, quoted.get(..end).unwrap_or_default(), end + 2)
        } else {
            let (kind, length) = if includes && in_file(first) {
                (Kind::File, run(rest, in_file))
            } else if place == Place::Other && in_pattern(first) {
                let length = run(rest, in_pattern);
                let comment = rest.get(..length).and_then(|word| word.find("/*"));
                (Kind::Word, comment.filter(|_| slash == Slash::Comment).unwrap_or(length))
            } else if in_word(first) {
                (Kind::Word, run(rest, in_word))
            } else {
                let long = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                (Kind::Sign, long.map_or(first.len_utf8(), |sign| sign.len()))
            };
            (kind, rest.get(..length).unwrap_or_default(), length)
        };
        if kind == Kind::Sign && word == "{" {
            let memory = place == Place::Top && found.last().is_some_and(|last| last.says("MEMORY"));
            match place {
                Place::Memory => return Err(problem(at, "a brace inside MEMORY")),
                Place::Top => place = if memory { Place::Memory } else { Place::Other },
                Place::Other => {}
            }
            open += 1;
        }
        found.push(Token { kind, text: word, start: at, end: at + length, place });
        if kind == Kind::Sign && word == "}" {
            open = open.checked_sub(1).ok_or_else(|| problem(at, "a closing brace too many"))?;
            if open == 0 {
                place = Place::Top;
            }
        }
        at += length;
    }
    if open > 0 { Err(problem(text.len(), "a closing brace is missing")) } else { Ok(found) }
}

/// The length of the longest beginning whose characters satisfy `belongs`.
fn run(text: &str, belongs: fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}
