//! The text of a description: tables, entries, and remarks.

use std::fmt::Display;
use std::path::{Component, Path, PathBuf};

use ironroot_layout::description::hidden;
use ironroot_layout::stm32h7rs::product::Entry;

use super::super::xml::brief;

/// A description that is being written.
pub struct Toml {
    pub text: String,
    /// What the files do not say.
    pub defaults: Vec<String>,
    table: &'static str,
}

impl Toml {
    /// Begins one, with the files that it comes from.
    pub fn new(sources: &[String]) -> Self {
        let mut text = "# Made by `ironroot import tpc-xml --description` from:\n".to_owned();
        for source in sources {
            text.push_str(&format!("#   {}\n", remark(source)));
        }
        text.push_str(
            "# An entry without a remark is what these files say. \"not in the XML\" names what they do not say: look at it before\n\
             # a device is closed. What is no entry here has the value of ST's projects (docs/product-description.md).\n",
        );
        Self { text, defaults: Vec::new(), table: "" }
    }

    pub fn table(&mut self, name: &'static str) {
        self.table = name;
        self.text.push_str(&format!("\n[{name}]\n"));
    }

    /// An entry that the files say.
    pub fn said(&mut self, entry: Entry, value: impl Display) {
        let path = entry.path();
        let key = path.strip_prefix(self.table).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path);
        self.text.push_str(&format!("{key} = {value}\n"));
    }

    /// An entry that takes a name, said by the files.
    pub fn name(&mut self, entry: Entry, name: &str) {
        self.said(entry, quoted(name));
    }

    /// An entry that the files do not say.
    pub fn missing(&mut self, entry: Entry, value: impl Display, why: &str) {
        self.text.push_str(&format!("# not in the XML: {}\n", remark(why)));
        self.defaults.push(format!("{} = {value}: {why}", entry.path()));
        self.said(entry, value);
    }

    /// An entry that belongs to the one before, which the files do not say either.
    pub fn also(&mut self, entry: Entry, value: impl Display) {
        self.missing(entry, value, "goes with the entry above");
    }
}

/// A line of remarks. A comment ends with its line: what comes from a file may not begin the next one.
pub fn remark(text: &str) -> String {
    text.chars().map(|c| if hidden(c) { '\u{FFFD}' } else { c }).collect()
}

/// A basic string of TOML.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if hidden(c) => out.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A number of bytes or an address.
pub fn hex(number: u32) -> String {
    format!("{number:#x}")
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| brief(&path.display().to_string()), |name| name.to_string_lossy().into_owned())
}

/// `path` without `.` and, where something is in front of it, `..`.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain: Vec<Component<'_>> = Vec::new();
    for component in path.components() {
        match (component, plain.last()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            (component, _) => plain.push(component),
        }
    }
    plain.iter().collect()
}

/// `path` as it is called from `folder`.
pub fn relative(folder: &Path, path: &Path) -> String {
    let (folder, path) = (plain(folder), plain(path));
    let common = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(common)).collect();
    let text = relative.display().to_string();
    // Descriptions take URIs of keys too.
    if text.starts_with("pkcs11:") { format!("./{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_called_from_the_folder_of_the_description() {
        for (folder, path, called) in [
            ("/p/ROT", "/p/ROT/Config/./../Keys/a.pem", "Keys/a.pem"),
            ("/p/out", "/p/ROT/Keys/a.pem", "../ROT/Keys/a.pem"),
            ("/", "/k.pem", "k.pem"),
            ("", "Config/../../Keys/a.pem", "../Keys/a.pem"),
            ("/p", "/p/pkcs11:a", "./pkcs11:a"),
            ("/p", "/../../p/a", "a"),
        ] {
            assert_eq!(relative(Path::new(folder), Path::new(path)), called, "{folder} {path}");
        }
    }

    #[test]
    fn what_comes_from_a_file_stays_in_its_string_and_its_line() {
        let hostile = "a\"\n[keys]\nsign = \\\u{202e}'";
        let text = format!("# {}\nname = {}\n", remark(hostile), quoted(hostile));
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table.len(), 1);
        assert_eq!(table["name"].as_str(), Some(hostile));
        assert!(!text.contains('\u{202e}'));
    }
}
