//! XML as project files use it: elements that hold elements, elements that hold one text, and nothing else.
//!
//! A value that one reader takes for 0x9000 and another for 0x90000000 ends in keys of a closed part. So the shape is
//! checked before anything is read: no text beside elements, no value in pieces, no attribute, no name space, no entity.

use std::borrow::Cow;

use ironroot_codes::project;
use ironroot_layout::description::hidden;
use roxmltree::{Document, Node, ParsingOptions};

use crate::error::{Failure, Result};

/// The most elements of a file: ST's have 400.
const MAX_NODES: u32 = 20_000;
/// The deepest element counted from the root: Root, Obdata, File, Name.
const MAX_DEPTH: usize = 8;

/// The longest text of an element in bytes: ST's tool tips have 300.
const MAX_TEXT: usize = 1024;
/// The longest name of an element in bytes.
const MAX_NAME: usize = 64;
/// What holds elements, and no text beside them.
const CONTAINERS: [&str; 13] = [
    "Root",
    "Obdata",
    "Info",
    "Data",
    "List",
    "Bool",
    "File",
    "Permission",
    "Text",
    "Output",
    "McubootFormat",
    "GlobalParam",
    "Param",
];
/// What means something by being there, and holds nothing.
const MARKS: [&str; 2] = ["Hash", "DA"];

/// The content as text. ST's tool writes UTF-8, with or without a byte-order mark.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            let cause = format!("byte {} is not UTF-8", error.valid_up_to());
            Err(Failure::new(project::ST_FILE_NOT_XML, cause))
        }
    }
}

/// Parses the text. A document type is refused: entities are the only thing that it could be for.
pub fn document(text: &str) -> Result<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES };
    let document = Document::parse_with_options(text, options)
        // The library quotes names of any length.
        .map_err(|error| {
            Failure::new(project::ST_FILE_NOT_XML, format!("{}: {}", error.pos(), brief(&error.to_string())))
        })?;
    let too_deep = document.descendants().any(|node| node.ancestors().nth(MAX_DEPTH + 1).is_some());
    if too_deep {
        let cause = format!("elements are nested more than {MAX_DEPTH} deep");
        return Err(Failure::new(project::ST_FILE_NOT_XML, cause));
    }
    Ok(document)
}

/// An element, for reading fields by name with the place in the message.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d> {
    node: Node<'d, 'd>,
}

impl<'d> Element<'d> {
    /// The root, which has to be called `Root`, with everything in it in the shape of a project file.
    pub fn root(document: &'d Document<'d>) -> Result<Self> {
        let root = Element { node: document.root_element() };
        if root.name() != "Root" {
            let cause = format!("the outermost element is {}, not Root", brief(root.name()));
            return Err(Failure::new(project::ST_FILE_KIND, cause));
        }
        for node in root.node.descendants().filter(Node::is_element) {
            Element { node }.shape()?;
        }
        Ok(root)
    }

    /// Refuses what a reader could take in two ways.
    fn shape(self) -> Result {
        let (name, line) = (self.name(), self.line());
        let unknown =
            |what: String| Err(Failure::new(project::ST_FIELD_UNKNOWN, format!("line {line}: {what}")));
        if name.len() > MAX_NAME {
            return unknown(format!("an element with a name of {} bytes", name.len()));
        }
        if self.node.tag_name().namespace().is_some() {
            return unknown(format!("{name} is of a name space; project files have none"));
        }
        // The root names the schema by one.
        if self.node.parent_element().is_some()
            && let Some(attribute) = self.node.attributes().next()
        {
            return unknown(format!(
                "{name} has the attribute {}; fields have none",
                brief(attribute.name())
            ));
        }
        let holds_elements = CONTAINERS.contains(&name);
        if let Some(inner) = self.children().next().filter(|_| !holds_elements) {
            let inner_line = inner.line();
            let cause = format!("line {inner_line}: {} in {name} is not known", brief(inner.name()));
            return Err(Failure::new(project::ST_FIELD_UNKNOWN, cause));
        }
        let invalid = |cause: String| Err(self.refuse(project::ST_VALUE_INVALID, cause));
        let mut texts = self.texts();
        let Some(text) = texts.next() else { return Ok(()) };
        if holds_elements || MARKS.contains(&name) {
            return invalid(format!("the text {:?} is in no field", brief(text)));
        }
        if texts.next().is_some() {
            return invalid(format!("{name} is cut in pieces by a comment or an instruction"));
        }
        if text.len() > MAX_TEXT {
            return invalid(format!("{name} has {} bytes; a field has at most {MAX_TEXT}", text.len()));
        }
        Ok(())
    }

    /// Its texts without those that are white space.
    fn texts(self) -> impl Iterator<Item = &'d str> {
        let texts = self.node.children().filter(Node::is_text).filter_map(|node| node.text());
        texts.map(str::trim).filter(|text| !text.is_empty())
    }

    fn line(self) -> u32 {
        self.node.document().text_pos_at(self.node.range().start).row
    }

    /// The element's name.
    pub fn name(self) -> &'d str {
        self.node.tag_name().name()
    }

    /// `line 12: File "Encryption key"`: where a message is about.
    pub fn place(self) -> String {
        let (line, element) = (self.line(), brief(self.name()));
        match self.child("Name").map(Element::text) {
            Some(name) if !name.is_empty() => format!("line {line}: {element} {:?}", brief(name)),
            _ => format!("line {line}: {element}"),
        }
    }

    /// A refusal about this element.
    pub fn refuse(self, code: ironroot_codes::Code, cause: impl std::fmt::Display) -> Failure {
        Failure::new(code, format!("{}: {cause}", self.place()))
    }

    /// The elements in it, in order.
    pub fn children(self) -> impl Iterator<Item = Element<'d>> {
        self.node.children().filter(Node::is_element).map(|node| Element { node })
    }

    /// The first element of that name in it.
    pub fn child(self, name: &str) -> Option<Element<'d>> {
        self.children().find(|element| element.name() == name)
    }

    /// Its text without the white space around it; empty if there is none. There is at most one: see [`Self::root`].
    pub fn text(self) -> &'d str {
        self.texts().next().unwrap_or_default()
    }

    /// The text of the element of that name, if it is there.
    pub fn optional(self, name: &str) -> Option<&'d str> {
        self.child(name).map(Element::text)
    }

    /// The text of the element of that name, which has to be there and not empty.
    pub fn required(self, name: &str) -> Result<&'d str> {
        match self.optional(name) {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(self.refuse(project::ST_FIELD_MISSING, format_args!("{name} is empty"))),
            None => Err(self.refuse(project::ST_FIELD_MISSING, format_args!("there is no {name}"))),
        }
    }

    /// A number in the element of that name: decimal, or hexadecimal after 0x.
    pub fn number(self, name: &str) -> Result<u128> {
        let text = self.required(name)?;
        number(text).ok_or_else(|| {
            self.refuse(project::ST_VALUE_INVALID, format_args!("{name} is {text:?}, which is no number"))
        })
    }

    /// Refuses elements that are not in the list, and those of the list that are there twice (but for `many`).
    pub fn only(self, known: &[&str]) -> Result {
        self.only_with_many(known, &[])
    }

    /// As [`Self::only`]; the elements of `many` may be there more than once.
    pub fn only_with_many(self, known: &[&str], many: &[&str]) -> Result {
        let mut seen: Vec<&str> = Vec::new();
        for element in self.children() {
            let name = element.name();
            if many.contains(&name) {
                continue;
            }
            if !known.contains(&name) {
                let place = element.place();
                let cause = format!("{place} in {} is not known", self.name());
                return Err(Failure::new(project::ST_FIELD_UNKNOWN, cause));
            }
            if seen.contains(&name) {
                let cause = format_args!("{name} is there twice");
                return Err(self.refuse(project::ST_VALUE_INVALID, cause));
            }
            seen.push(name);
        }
        Ok(())
    }
}

/// The beginning of a text of the file, for messages and remarks: one line, and nothing in it that steers a terminal.
pub(crate) fn brief(text: &str) -> String {
    const MOST: usize = 80;
    let mut out: String = text.chars().take(MOST).map(|c| if hidden(c) { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        out.push('\u{2026}');
    }
    out
}

/// A number as project files have it.
pub fn number(text: &str) -> Option<u128> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The library's parser takes a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u128::from_str_radix(digits, radix).ok()
}
