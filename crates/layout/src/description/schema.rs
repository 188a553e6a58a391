//! The JSON schema for editors, from the same table as the reader.

use core::fmt::Write;
use std::string::String;
use std::vec::Vec;

use crate::stm32h7rs::product::{Entry, Kind};

/// The schema of `ironroot.toml`, JSON Schema draft 2020-12.
pub fn schema() -> String {
    let mut out = String::from(
        "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"Ironroot product description (ironroot.toml)\",\n",
    );
    let entries: Vec<(Entry, &str)> = Entry::ALL.iter().map(|entry| (*entry, entry.path())).collect();
    object(&mut out, &entries, 1);
    out.push_str("}\n");
    out
}

/// Members of an object for these entries, whose paths are relative to it.
fn object(out: &mut String, entries: &[(Entry, &str)], depth: usize) {
    let pad = "  ".repeat(depth);
    let mut names: Vec<&str> = Vec::new();
    for (_, path) in entries {
        let name = path.split('.').next().unwrap_or(path);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{pad}\"type\": \"object\",\n{pad}\"additionalProperties\": false,");
    let needed: Vec<String> = names
        .iter()
        .filter(|name| {
            entries.iter().any(|(entry, path)| entry.is_required() && path.split('.').next() == Some(**name))
        })
        .map(|name| std::format!("\"{name}\""))
        .collect();
    if !needed.is_empty() {
        let _ = writeln!(out, "{pad}\"required\": [{}],", needed.join(", "));
    }
    let _ = writeln!(out, "{pad}\"properties\": {{");
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 == names.len() { "" } else { "," };
        let inner: Vec<(Entry, &str)> = entries
            .iter()
            .filter_map(|(entry, path)| Some((*entry, path.strip_prefix(*name)?.strip_prefix('.')?)))
            .collect();
        let _ = writeln!(out, "{pad}  \"{name}\": {{");
        match entries.iter().find(|(_, path)| path == name) {
            Some((entry, _)) => leaf(out, *entry, depth + 2),
            None => object(out, &inner, depth + 2),
        }
        let _ = writeln!(out, "{pad}  }}{comma}");
    }
    let _ = writeln!(out, "{pad}}}");
}

fn leaf(out: &mut String, entry: Entry, depth: usize) {
    let pad = "  ".repeat(depth);
    let _ = writeln!(out, "{pad}\"description\": \"{}\",", entry.help());
    let number = "{ \"type\": \"integer\", \"minimum\": 0, \"maximum\": 4294967295 }";
    let _ = match entry.kind() {
        Kind::Text => writeln!(out, "{pad}\"type\": \"string\",\n{pad}\"pattern\": \"[^ \\\\t\\\\r\\\\n]\""),
        Kind::Choice(names) => {
            let names: Vec<String> = names.iter().map(|name| std::format!("\"{name}\"")).collect();
            writeln!(out, "{pad}\"enum\": [{}]", names.join(", "))
        }
        Kind::Number(least, most) => {
            writeln!(out, "{pad}\"type\": \"integer\",\n{pad}\"minimum\": {least},\n{pad}\"maximum\": {most}")
        }
        Kind::Size => {
            let text = "{ \"type\": \"string\", \"pattern\": \"^(0x[0-9A-Fa-f_]+|[0-9_]+)[KkMm]?$\" }";
            writeln!(out, "{pad}\"anyOf\": [{number}, {text}]")
        }
        Kind::Bool => writeln!(out, "{pad}\"type\": \"boolean\""),
        Kind::Version => {
            let pattern = "^[0-9]+\\\\.[0-9]+\\\\.[0-9]+(\\\\+[0-9]+)?$";
            writeln!(out, "{pad}\"type\": \"string\",\n{pad}\"pattern\": \"{pattern}\"")
        }
        Kind::Counter => writeln!(out, "{pad}\"anyOf\": [{{ \"const\": \"auto\" }}, {number}]"),
    };
}
