//! A refusal with its place in the file.

use core::fmt;
use std::string::{String, ToString};
use std::vec::Vec;

use ironroot_codes::Code;

use crate::stm32h7rs::product::{Entry, Preset};

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

/// The most characters of a source line that a message shows, and of the message itself.
const MOST_SHOWN: usize = 160;
const MOST_MESSAGE: usize = 500;
/// In front of the mark: the rest of what is shown is for the mark and what follows it.
const BEFORE: usize = 60;
/// What stands for the rest of a line that was cut.
const CUT: char = '\u{2026}';

/// Whether a character does something other than show itself: control characters, what changes the direction of writing,
/// and what has no width. A file that is quoted must not rearrange the message around it.
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
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
    /// Where in it; `None` if what is to blame is not in the file.
    pub place: Option<Place>,
    /// That line of it; of a long one the part around the place.
    pub source: String,
    /// Characters of the line in front of `source`.
    skipped: usize,
    /// Other entries that have a part in it, and where they are; `None` for what has its value by default.
    pub with: Vec<(Entry, Option<Place>)>,
}

impl Problem {
    pub(super) fn new(file: &str, text: &str, place: Option<Place>, code: Code, mut message: String) -> Self {
        let line = place.and_then(|place| text.lines().nth(place.line.saturating_sub(1))).unwrap_or_default();
        // A line may be as long as the file.
        let skipped = match (place, line.chars().nth(MOST_SHOWN)) {
            (Some(place), Some(_)) => place.column.saturating_sub(1).saturating_sub(BEFORE),
            _ => 0,
        };
        let mut rest = line.chars().skip(skipped);
        // A tab would put the mark under another character.
        let mut source: String =
            rest.by_ref().take(MOST_SHOWN).map(|c| if hidden(c) { ' ' } else { c }).collect();
        if rest.next().is_some() {
            source.push(CUT);
        }
        if skipped != 0 {
            source.insert(0, CUT);
        }
        if let Some((at, _)) = message.char_indices().nth(MOST_MESSAGE) {
            message.truncate(at);
            message.push(CUT);
        }
        Self { code, message, hint: None, file: file.to_string(), place, source, skipped, with: Vec::new() }
    }

    pub(super) fn with(mut self, entry: Entry, place: Option<Place>) -> Self {
        self.with.push((entry, place));
        self
    }

    pub(super) fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// `ironroot.toml:12:8`, or the file alone.
    pub fn at(&self) -> String {
        match self.place {
            Some(place) => std::format!("{}:{}:{}", self.file, place.line, place.column),
            None => self.file.clone(),
        }
    }

    /// The line with the place marked under it, and the other entries; several lines, without the last line's end. Empty if
    /// there is nothing in the file to show.
    pub fn excerpt(&self) -> String {
        let mut lines = Vec::new();
        let mut margin = String::new();
        if let Some(place) = self.place {
            let number = place.line.to_string();
            margin = " ".repeat(number.len().saturating_add(1));
            let cut = usize::from(self.skipped != 0);
            let before = place.column.saturating_sub(1).saturating_sub(self.skipped).saturating_add(cut);
            let indent = " ".repeat(before);
            let room = self.source.chars().count().saturating_sub(before).max(1);
            let mark = "^".repeat(place.length.min(room));
            lines.push(std::format!("{number} | {}", self.source));
            lines.push(std::format!("{margin}| {indent}{mark}"));
        }
        for (entry, place) in &self.with {
            let path = entry.path();
            lines.push(match (place, entry.preset()) {
                (Some(place), _) => std::format!("{margin}= {path}: line {}", place.line),
                (None, Preset::Value(value) | Preset::Follows(value)) => {
                    std::format!("{margin}= {path}: not in the file, by default {value}")
                }
                (None, Preset::Required | Preset::Nothing) => {
                    std::format!("{margin}= {path}: not in the file")
                }
            });
        }
        lines.join("\n")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.at(), self.code, self.message)?;
        let excerpt = self.excerpt();
        if excerpt.is_empty() { Ok(()) } else { write!(f, "\n{excerpt}") }
    }
}

impl core::error::Error for Problem {}
