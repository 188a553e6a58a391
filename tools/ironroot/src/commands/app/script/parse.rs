//! What a linker script says about memories and symbols: MEMORY to the last word, of the rest only what names them.
//!
//! An entry of MEMORY, by the manual of GNU ld: `NAME [(ATTRIBUTES)] : ORIGIN = EXPRESSION, LENGTH = EXPRESSION`, with `org` or `o`
//! and `len` or `l` for the two words. Entries follow each other on lines of their own or on one. MEMORY may be there more than
//! once; all of it counts.

use std::collections::HashMap;
use std::ops::Range;

use super::expression::{self, Names};
use super::lex::{Kind, Place, Problem, Slash, Token, tokens};

/// Signs that give a symbol a value.
const ASSIGN: [&str; 9] = ["=", "+=", "-=", "*=", "/=", "&=", "|=", "<<=", ">>="];
const ORIGIN: [&str; 3] = ["ORIGIN", "org", "o"];
const LENGTH: [&str; 3] = ["LENGTH", "len", "l"];

/// An expression and its place.
#[derive(Debug, Clone)]
pub struct Value {
    /// Its bytes.
    pub span: Range<usize>,
    tokens: Range<usize>,
}

/// An entry of MEMORY.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The memory's name.
    pub name: &'a str,
    /// Where it stands.
    pub at: usize,
    /// Where it begins.
    pub origin: Value,
    /// How long it is.
    pub length: Value,
}

/// A symbol that is given a value.
#[derive(Debug, Clone)]
pub struct Assignment<'a> {
    /// The symbol.
    pub name: &'a str,
    /// Where.
    pub at: usize,
    /// What value. `None` if that follows from more than an expression: inside SECTIONS, by PROVIDE, by `+=`.
    value: Option<Range<usize>>,
}

/// A script.
#[derive(Debug, Clone)]
pub struct Script<'a> {
    /// The first MEMORY.
    pub memory: Option<usize>,
    /// All entries, in their order.
    pub entries: Vec<Entry<'a>>,
    /// Where symbols get their values, in their order.
    pub assignments: Vec<Assignment<'a>>,
    /// Files that it includes outside all braces, and where.
    pub includes: Vec<(usize, &'a str)>,
    /// Files whose content belongs to MEMORY.
    pub included_memory: Vec<&'a str>,
    tokens: Vec<Token<'a>>,
}

/// Reads a script. What is not understood and would matter is a problem, never skipped.
pub fn read(text: &str) -> Result<Script<'_>, Problem> {
    let reading = |slash| tokens(text, slash).and_then(structure);
    // A pattern such as `lib/*.o` makes the one reading fail or the other differ; what both say is certain.
    match (reading(Slash::Pattern), reading(Slash::Comment)) {
        (Ok(script), Ok(other)) if script.shape() == other.shape() => Ok(script),
        (Ok(_), Ok(other)) => {
            let at = other.memory.unwrap_or(0);
            Err(Problem {
                at,
                what: "`/*` directly behind a word, which may be a pattern or a comment".into(),
            })
        }
        (Ok(script), Err(_)) | (Err(_), Ok(script)) => Ok(script),
        (Err(problem), Err(_)) => Err(problem),
    }
}

fn structure(tokens: Vec<Token<'_>>) -> Result<Script<'_>, Problem> {
    let mut script = Script {
        memory: None,
        entries: Vec::new(),
        assignments: Vec::new(),
        includes: Vec::new(),
        included_memory: Vec::new(),
        tokens: Vec::new(),
    };
    let mut at = 0;
    let mut parentheses = 0_u32;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        if token.place == Place::Memory {
            script.memory.get_or_insert(before.map_or(0, |keyword| keyword.start));
            at = memory(&tokens, at + 1, &mut script)?;
            continue;
        }
        if token.place == Place::Top {
            if token.is("(") {
                parentheses += 1;
            } else if token.is(")") {
                parentheses = parentheses.saturating_sub(1);
            } else if token.kind == Kind::File {
                script.includes.push((token.start, token.text));
            }
        }
        let named = before.filter(|name| matches!(name.kind, Kind::Word | Kind::Quoted));
        if token.kind == Kind::Sign
            && ASSIGN.contains(&token.text)
            && let Some(name) = named
        {
            let plain = token.place == Place::Top && parentheses == 0 && token.text == "=";
            let value = if plain { statement(&tokens, at + 1) } else { None };
            // In a file pattern the sign's first half is one more character of the word.
            let text = name.text.trim_end_matches(['+', '-', '*', '/', '&', '|']);
            script.assignments.push(Assignment { name: text, at: name.start, value });
        }
        at += 1;
    }
    script.tokens = tokens;
    Ok(script)
}

/// The tokens of an expression that ends with its statement.
fn statement(tokens: &[Token<'_>], at: usize) -> Option<Range<usize>> {
    let (_, end) = expression::read(tokens, at, &Names::default()).ok()?;
    tokens.get(end).filter(|token| token.is(";")).map(|_| at..end)
}

/// The entries from token `at` on; the token behind the closing brace.
fn memory<'a>(tokens: &[Token<'a>], mut at: usize, script: &mut Script<'a>) -> Result<usize, Problem> {
    let end = tokens.last().map_or(0, |last| last.end);
    loop {
        let Some(token) = tokens.get(at) else {
            return Err(Problem { at: end, what: "MEMORY has no end".into() });
        };
        if token.is("}") {
            return Ok(at + 1);
        }
        let file = tokens.get(at + 1).filter(|file| token.says("INCLUDE") && file.kind == Kind::File);
        if let Some(file) = file {
            script.included_memory.push(file.text);
            at += 2;
            continue;
        }
        let (entry, behind) = entry(tokens, at)?;
        if let Some(other) = script.entries.iter().find(|other| other.name == entry.name) {
            return Err(Problem { at: entry.at, what: format!("MEMORY has {} twice", other.name) });
        }
        script.entries.push(entry);
        // ld takes a comma between entries, too.
        at = if tokens.get(behind).is_some_and(|token| token.is(",")) { behind + 1 } else { behind };
    }
}

fn entry<'a>(tokens: &[Token<'a>], at: usize) -> Result<(Entry<'a>, usize), Problem> {
    let end = tokens.last().map_or(0, |last| last.end);
    let place = |at: usize| tokens.get(at).map_or(end, |token| token.start);
    let is = |at: usize, sign: &str| tokens.get(at).is_some_and(|token| token.is(sign));
    let expect = |at: usize, sign: &str, name: &str| match is(at, sign) {
        true => Ok(at + 1),
        false => {
            Err(Problem { at: place(at), what: format!("`{sign}` is missing in the entry {name} of MEMORY") })
        }
    };
    let name = tokens.get(at).filter(|token| {
        token.kind == Kind::Quoted
            || token.kind == Kind::Word && !token.text.starts_with(|c: char| c.is_ascii_digit() || c == '$')
    });
    let Some(name) = name else {
        return Err(Problem {
            at: place(at),
            what: "no name of a memory where MEMORY should have one".into(),
        });
    };
    let (start, name) = (name.start, name.text);
    let mut at = at + 1;
    if is(at, "(") {
        at += 1;
        while tokens.get(at).is_some_and(|token| token.kind == Kind::Word || token.is("!")) {
            at += 1;
        }
        at = expect(at, ")", name)?;
    }
    at = expect(at, ":", name)?;
    let value = |at: usize, words: &[&str; 3]| {
        if !tokens.get(at).is_some_and(|token| words.iter().any(|word| token.says(word))) {
            let what = format!("{} is missing in the entry {name} of MEMORY", words[0]);
            return Err(Problem { at: place(at), what });
        }
        let start = expect(at + 1, "=", name)?;
        let (_, end) = expression::read(tokens, start, &Names::default())?;
        let last = end.checked_sub(1).and_then(|last| tokens.get(last)).map_or(place(start), |last| last.end);
        Ok((Value { span: place(start)..last, tokens: start..end }, end))
    };
    let (origin, behind) = value(at, &ORIGIN)?;
    let (length, behind) = value(if is(behind, ",") { behind + 1 } else { behind }, &LENGTH)?;
    Ok((Entry { name, at: start, origin, length }, behind))
}

impl<'a> Script<'a> {
    /// What a reading has to say for a change of MEMORY.
    fn shape(&self) -> impl PartialEq {
        let entries: Vec<_> = self
            .entries
            .iter()
            .map(|entry| (entry.name.to_owned(), entry.origin.span.clone(), entry.length.span.clone()))
            .collect();
        let symbols: Vec<_> = self
            .assignments
            .iter()
            .map(|symbol| (symbol.name.to_owned(), symbol.at, symbol.value.is_some()))
            .collect();
        (self.memory, entries, symbols)
    }

    /// The value of an expression, if it follows from these names.
    pub fn value(&self, value: &Value, names: &Names<'a>) -> Option<u64> {
        self.evaluate(&value.tokens, names)
    }

    fn evaluate(&self, range: &Range<usize>, names: &Names<'a>) -> Option<u64> {
        expression::read(self.tokens.get(..range.end)?, range.start, names).ok()?.0
    }

    /// An expression without its comments, words apart by one blank.
    pub fn words(&self, value: &Value) -> String {
        let tokens = self.tokens.get(value.tokens.clone()).unwrap_or_default();
        tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    /// The symbols' values, as ld gives them: the last assignment decides. Those of `included` come in at `at`.
    pub fn symbols(&self, at: usize, included: &HashMap<&'a str, u64>) -> HashMap<&'a str, u64> {
        let mut names = Names::default();
        let (before, behind): (Vec<_>, Vec<_>) = self.assignments.iter().partition(|symbol| symbol.at < at);
        for (part, more) in [(before, Some(included)), (behind, None)] {
            for symbol in part {
                match symbol.value.as_ref().and_then(|value| self.evaluate(value, &names)) {
                    Some(value) => names.symbols.insert(symbol.name, value),
                    None => names.symbols.remove(symbol.name),
                };
            }
            names.symbols.extend(more.into_iter().flatten());
        }
        names.symbols
    }

    /// Where a memory is named outside of MEMORY.
    pub fn uses<'s>(&'s self, name: &'s str) -> impl Iterator<Item = usize> + 's {
        let outside = self.tokens.iter().filter(|token| token.place != Place::Memory);
        outside.filter(move |token| token.kind != Kind::Sign && token.text == name).map(|token| token.start)
    }
}
