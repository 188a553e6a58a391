//! A refusal with its place in the file.

use core::fmt;
use std::string::{String, ToString};

use ironroot_codes::Code;

/// A place in a text: line and column from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// Characters that are meant, at least 1, all on that line.
    pub length: usize,
}

impl Place {
    /// Of a byte range; what is no place in the text is its beginning.
    pub(super) fn of(text: &str, range: core::ops::Range<usize>) -> Self {
        let before = text.get(..range.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let meant = text.get(range).unwrap_or_default().lines().next().unwrap_or_default();
        Self {
            line: before.matches('\n').count().saturating_add(1),
            column: before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1),
            length: meant.chars().count().max(1),
        }
    }
}

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub code: Code,
    /// What is wrong, with names and numbers.
    pub message: String,
    /// What to do in this case, if there is more to say than the code's own remedy.
    pub hint: Option<String>,
    /// The file.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// That line of it.
    pub source: String,
    /// Another entry that has a part in it, and where it is.
    pub with: Option<(&'static str, Place)>,
}

impl Problem {
    pub(super) fn new(file: &str, text: &str, place: Place, code: Code, message: String) -> Self {
        let source = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        // A tab would put the mark under another character.
        let source = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { code, message, hint: None, file: file.to_string(), place, source, with: None }
    }

    pub(super) fn with(mut self, path: &'static str, place: Place) -> Self {
        self.with = Some((path, place));
        self
    }

    pub(super) fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// `ironroot.toml:12:8`
    pub fn at(&self) -> String {
        std::format!("{}:{}:{}", self.file, self.place.line, self.place.column)
    }

    /// The line with the place marked under it, and the other entry; several lines, without the last line's end.
    pub fn excerpt(&self) -> String {
        let number = self.place.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(self.place.column.saturating_sub(1));
        let mark = "^".repeat(self.place.length);
        let mut text = std::format!("{number} | {}\n{margin} | {indent}{mark}", self.source);
        if let Some((path, place)) = self.with {
            text.push_str(&std::format!("\n{margin} = {path}: line {}", place.line));
        }
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}\n{}", self.at(), self.code, self.message, self.excerpt())
    }
}

impl core::error::Error for Problem {}
