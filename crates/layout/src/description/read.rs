//! From TOML to entries with places.

use core::ops::Range;
use std::borrow::ToOwned;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use ironroot_codes::{Code, product as codes};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};
use super::value;
use crate::stm32h7rs::product::{Counter, Entry, Kind, Version};

/// The value of an entry, in its kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(u32),
    Bool(bool),
    Version(Version),
    Counter(Counter),
}

/// All entries of a file.
#[derive(Clone, Debug)]
pub(super) struct Document {
    file: String,
    text: String,
    entries: Vec<(Entry, Value, Range<usize>)>,
    tables: Vec<(String, Range<usize>)>,
}

impl Document {
    pub fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        let mut document =
            Self { file: file.to_owned(), text: text.to_owned(), entries: Vec::new(), tables: Vec::new() };
        let root = DeTable::parse(text).map_err(|error| {
            let range = error.span().unwrap_or(0..0);
            document.at(range, codes::PRODUCT_SYNTAX, error.message().to_string())
        })?;
        document.table("", root.get_ref())?;
        Ok(document)
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), Problem> {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            if let Some(entry) = Entry::from_path(&path) {
                let read = self.value(entry, value)?;
                self.entries.push((entry, read, value.span()));
            } else if tables().any(|known| known == path) {
                let DeValue::Table(inner) = value.get_ref() else {
                    let message =
                        format!("{path} is a table of entries, not a {}", value.get_ref().type_str());
                    return Err(self.at(value.span(), codes::PRODUCT_WRONG_TYPE, message));
                };
                self.tables.push((path.clone(), key.span()));
                self.table(&path, inner)?;
            } else {
                let problem =
                    self.at(key.span(), codes::PRODUCT_UNKNOWN_ENTRY, format!("there is no entry {path}"));
                return Err(match nearest(&path) {
                    Some(near) => problem.hint(format!("Did you mean {near}?")),
                    None => problem,
                });
            }
        }
        Ok(())
    }

    fn value(&self, entry: Entry, value: &Spanned<DeValue<'_>>) -> Result<Value, Problem> {
        let wrong = |what: &str| {
            let message =
                format!("{} takes {what}, and this is a TOML {}", entry.path(), value.get_ref().type_str());
            self.at(value.span(), codes::PRODUCT_WRONG_TYPE, message)
        };
        let bad = |how: String| {
            self.at(value.span(), codes::PRODUCT_BAD_VALUE, format!("{} takes {how}", entry.path()))
        };
        let (text, integer) = match value.get_ref() {
            DeValue::String(text) => (Some(text.as_ref()), None),
            DeValue::Integer(integer) => (None, Some(integer)),
            _ => (None, None),
        };
        let number = integer.map(|integer| u32::from_str_radix(integer.as_str(), integer.radix()).ok());
        match entry.kind() {
            Kind::Text => match text {
                None => Err(wrong("a text")),
                Some(text) if text.trim().is_empty() => Err(bad("a text that is not empty".into())),
                Some(text) => Ok(Value::Text(text.to_owned())),
            },
            Kind::Choice(names) => match text {
                None => Err(wrong("a text")),
                Some(text) if names.contains(&text) => Ok(Value::Text(text.to_owned())),
                Some(_) => Err(bad(format!("one of: {}", names.join(", ")))),
            },
            Kind::Number(least, most) => match number {
                None => Err(wrong("a number")),
                Some(Some(number)) if (least..=most).contains(&number) => Ok(Value::Number(number)),
                Some(_) => Err(bad(format!("a number from {least} to {most}"))),
            },
            Kind::Size => match (number, text) {
                (Some(Some(number)), _) => Ok(Value::Number(number)),
                (None, Some(text)) => {
                    value::size(text).map(Value::Number).ok_or_else(|| bad(value::SIZE.to_owned()))
                }
                (Some(None), _) => Err(bad(value::SIZE.to_owned())),
                (None, None) => Err(wrong("a number of bytes")),
            },
            Kind::Bool => match value.get_ref() {
                DeValue::Boolean(on) => Ok(Value::Bool(*on)),
                _ => Err(wrong("true or false")),
            },
            Kind::Version => match text {
                None => Err(wrong("a version as a text")),
                Some(text) => value::version(text)
                    .map(Value::Version)
                    .ok_or_else(|| bad("a version like \"1.2.3\" or \"1.2.3+4\"".into())),
            },
            Kind::Counter => match (number, text) {
                (Some(Some(number)), _) => Ok(Value::Counter(Counter::Value(number))),
                (_, Some("auto")) => Ok(Value::Counter(Counter::Auto)),
                (None, None) => Err(wrong("\"auto\" or a number")),
                _ => Err(bad("\"auto\", or a number below 2^32".into())),
            },
        }
    }

    fn at(&self, range: Range<usize>, code: Code, message: String) -> Problem {
        Problem::new(&self.file, &self.text, Some(Place::of(&self.text, range)), code, message)
    }

    /// A problem with an entry: with its value, or with its absence from the table around it.
    pub fn problem(&self, entry: Entry, code: Code, message: String) -> Problem {
        self.problem_at(self.place(entry), code, message)
    }

    /// A problem at a place, if it has one.
    pub fn problem_at(&self, place: Option<Place>, code: Code, message: String) -> Problem {
        Problem::new(&self.file, &self.text, place, code, message)
    }

    /// Where the value of an entry is; `None` if it is not in the file.
    pub fn given(&self, entry: Entry) -> Option<Place> {
        let own = self.entries.iter().find(|(known, ..)| *known == entry);
        own.map(|(.., range)| Place::of(&self.text, range.clone()))
    }

    /// See [`super::Description::place`].
    pub fn place(&self, entry: Entry) -> Option<Place> {
        // `slots.installed` before `slots`.
        let around = || {
            let inside =
                |path: &str| entry.path().strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
            let tables = self.tables.iter().filter(|(path, _)| inside(path));
            let nearest = tables.max_by_key(|(path, _)| path.len());
            nearest.map(|(_, range)| Place::of(&self.text, range.clone()))
        };
        self.given(entry).or_else(around)
    }

    fn get(&self, entry: Entry) -> Option<&Value> {
        self.entries.iter().find(|(known, ..)| *known == entry).map(|(_, value, _)| value)
    }

    pub fn text(&self, entry: Entry) -> Option<&str> {
        match self.get(entry)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self, entry: Entry) -> Option<u32> {
        match self.get(entry)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn bool(&self, entry: Entry) -> Option<bool> {
        match self.get(entry)? {
            Value::Bool(on) => Some(*on),
            _ => None,
        }
    }

    pub fn version(&self) -> Option<Version> {
        match self.get(Entry::Version)? {
            Value::Version(version) => Some(*version),
            _ => None,
        }
    }

    pub fn counter(&self) -> Option<Counter> {
        match self.get(Entry::Counter)? {
            Value::Counter(counter) => Some(*counter),
            _ => None,
        }
    }
}

/// Every table, by its dotted path; some more than once.
fn tables() -> impl Iterator<Item = &'static str> {
    Entry::ALL.iter().flat_map(|entry| {
        let path = entry.path();
        path.match_indices('.').filter_map(|(at, _)| path.get(..at)).collect::<Vec<_>>()
    })
}

/// More than the longest path of an entry has.
const LONGEST_PATH: usize = 32;

/// The path that `wanted` is a slip of: near as a whole, or with the right last name in another table.
fn nearest(wanted: &str) -> Option<&'static str> {
    // No slip of any of them; and the distance to a path of megabytes would take minutes.
    if wanted.len() > 2 * LONGEST_PATH {
        return None;
    }
    let names: Vec<&'static str> = Entry::ALL.iter().map(|entry| entry.path()).chain(tables()).collect();
    let scored = names.iter().map(|name| (distance(wanted.as_bytes(), name.as_bytes()), *name));
    if let Some((_, name)) = scored.min().filter(|(far, name)| *far <= (name.len() / 4).max(2)) {
        return Some(name);
    }
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let own = wanted.rsplit('.').next().unwrap_or(wanted);
    let mut same = names.into_iter().filter(|name| last(name) == own);
    match (same.next(), same.next()) {
        (Some(name), None) => Some(name),
        _ => None,
    }
}

/// Edit distance: insertions, deletions and replacements.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for (pair, y) in row.windows(2).zip(b) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(a.len())
}
