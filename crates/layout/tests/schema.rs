//! The JSON schema for editors and the tables for people: both are the generated ones, and agree with the reader.

use boon::{Compiler, SchemaIndex, Schemas};
use ironroot_layout::description::{Description, reference, schema};
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::product::{BootPath, Entry, Place, Preset, Product, UpdateMode};
use serde_json::Value;

fn root(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn compiled() -> (Schemas, SchemaIndex) {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    let value: Value = serde_json::from_str(&schema()).expect("the schema is JSON");
    compiler.add_resource("ironroot.schema.json", value).expect("a resource");
    let index = compiler.compile("ironroot.schema.json", &mut schemas).expect("a schema");
    (schemas, index)
}

fn json(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

/// `UPDATE=1 cargo test` writes the file anew.
#[test]
fn the_file_is_the_generated_one() {
    let path = root("docs/ironroot.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, schema()).expect("the file can be written");
    }
    assert_eq!(std::fs::read_to_string(path).expect("the file"), schema(), "UPDATE=1 writes it anew");
}

/// What stands between these lines of docs/product-description.md is generated.
const MARKS: [&str; 2] = [
    "<!-- from the table of entries, crates/layout/src/stm32h7rs/product/entry.rs; UPDATE=1 cargo test -p ironroot-layout writes it -->\n",
    "<!-- end of the table of entries -->\n",
];

/// `UPDATE=1 cargo test` writes the tables anew.
#[test]
fn the_tables_of_the_documentation_are_the_generated_ones() {
    let path = root("docs/product-description.md");
    let text = std::fs::read_to_string(&path).expect("the file");
    let (before, rest) = text.split_once(MARKS[0]).expect("the first mark");
    let (_, after) = rest.split_once(MARKS[1]).expect("the second mark");
    let wanted = [before, MARKS[0], &reference(), "\n", MARKS[1], after].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("the file can be written");
    } else {
        assert!(text == wanted, "UPDATE=1 writes it anew");
    }
    for entry in Entry::ALL {
        assert!(wanted.contains(&format!("| `{}` |", entry.path())), "{}", entry.path());
    }
}

/// A default that is written down is the one that counts: saying it changes nothing.
#[test]
fn a_default_that_is_said_changes_nothing() {
    let read = |path: BootPath, place: Place, update: UpdateMode, more: &str| {
        let text = format!(
            "[product]\ndevice = \"stm32h7s7\"\nboot = \"{}\"\nexecute = \"{}\"\nupdate = \"{}\"\n[keys]\nsign = \"a\"\nencrypt = \"b\"\ndebug = \"c\"\n{}{more}\n",
            path.name(),
            place.name(),
            update.name(),
            if path == BootPath::StirotOemurot { "stage-sign = \"d\"\nstage-encrypt = \"e\"\n" } else { "" },
        );
        let plan =
            Description::read("x", &text).expect(&text).plan().unwrap_or_else(|e| panic!("{e}\n{text}"));
        // What was said and what was left out are two products; what follows from them is the same.
        let mut plan = plan;
        plan.product = Product::new(Part::Stm32h7s7, path, place, update);
        plan
    };
    let mut said = 0;
    for (path, place, update) in [
        (BootPath::Oemirot, Place::ExternalFlash, UpdateMode::Swap),
        (BootPath::Oemirot, Place::InternalRam, UpdateMode::Overwrite),
        (BootPath::Stirot, Place::InternalRam, UpdateMode::Overwrite),
        (BootPath::StirotOemurot, Place::ExternalFlash, UpdateMode::Swap),
    ] {
        let bare = read(path, place, update, "");
        for entry in Entry::ALL {
            let value = match entry.preset() {
                Preset::Value(value) => value.to_owned(),
                Preset::Follows(text) => match follows(*entry, text, path, place) {
                    Some(value) => value,
                    None => continue,
                },
                Preset::Required | Preset::Nothing => continue,
            };
            // What has no meaning on this path.
            let own = path != BootPath::Stirot;
            let second = path == BootPath::StirotOemurot;
            let name = entry.path();
            if name.starts_with("slots.scratch") && update != UpdateMode::Swap
                || matches!(entry, Entry::Trailer | Entry::CodeRoom) && !own
                || (name.starts_with("stage.installed") || name.starts_with("stage.download")) && !second
                || name.starts_with("iloader") && path == BootPath::Oemirot
            {
                continue;
            }
            said += 1;
            let (table, key) = name.split_once('.').expect("a table");
            assert!(
                read(path, place, update, &format!("[{table}]\n{key} = {value}")) == bare,
                "{path:?} {name} = {value}"
            );
        }
    }
    assert!(said > 80, "{said}");
}

/// The value that the words of a default mean for a path and a place.
fn follows(entry: Entry, words: &str, path: BootPath, place: Place) -> Option<String> {
    use Entry as E;
    let mut parts = words.split("; ");
    let mut value = parts.next()?.to_owned();
    let mut more = None;
    for part in parts {
        let (other, with) = part.rsplit_once(" with ")?;
        let holds = [path.name(), place.name(), "stm32h7s7"].contains(&with);
        match other.strip_suffix(" more") {
            _ if !holds => {}
            Some(other) => more = Some(other.to_owned()),
            None => value = other.to_owned(),
        }
    }
    let bytes = |text: &str| match text.strip_suffix(['M', 'K']) {
        Some(digits) => digits.parse::<u32>().ok().map(|n| n << if text.ends_with('M') { 20 } else { 10 }),
        None => text.parse().ok(),
    };
    match entry {
        E::InstalledOffset | E::InstalledSize | E::DownloadOffset | E::DownloadSize | E::ScratchOffset => {
            let more = more.as_deref().map_or(Some(0), bytes)?;
            Some((bytes(&value)? + more).to_string())
        }
        E::FlashWindow | E::Align => Some(value),
        E::Hide => Some((path == BootPath::Oemirot).to_string()),
        E::ApplicationClock => Some("380".to_owned()),
        _ => None,
    }
}

#[test]
fn the_examples_are_valid() {
    let (schemas, index) = compiled();
    for entry in std::fs::read_dir(root("examples/h7s")).expect("the examples") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        schemas.validate(&json(&text), index).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// What the reader refuses for its form, the schema refuses too.
#[test]
fn schema_and_reader_refuse_the_same() {
    const BASE: &str = "[product]\ndevice = \"stm32h7s7\"\nboot = \"oemirot\"\nexecute = \"external-flash\"\nupdate = \"overwrite\"\n";
    let (schemas, index) = compiled();
    let agree = |text: &str, fine: bool| {
        assert_eq!(Description::read("x", text).is_ok(), fine, "reader: {text}");
        assert_eq!(schemas.validate(&json(text), index).is_ok(), fine, "schema: {text}");
    };
    agree(BASE, true);
    agree("[product]\ndevice = \"stm32h7s7\"\n", false);
    agree("[slots]\ntrailer = 1\n", false);
    for (added, fine) in [
        ("[slots]\ntrailer = 0x2000\n", true),
        ("[slots]\ntrailer = \"8K\"\n", true),
        ("[slots]\ntrailer = \"8G\"\n", false),
        ("[slots]\ntrailer = true\n", false),
        ("[slots]\ntrailer = -1\n", false),
        ("[slots]\ntrailler = 1\n", false),
        ("[slots]\ninstalled = 1\n", false),
        ("[slots]\ninstalled = { offset = 0, size = \"2M\", at = 1 }\n", false),
        ("[image]\nversion = \"1.2.3+4\"\ncounter = \"auto\"\n", true),
        ("[image]\ncounter = 7\nalign = 8\n", true),
        ("[image]\ncounter = \"never\"\n", false),
        ("[image]\nversion = \"1.2\"\n", false),
        ("[image]\nalign = 64\n", false),
        ("[clocks]\ncore = 601\n", false),
        ("[keys]\nsign = \"  \"\n", false),
        ("[protections]\nstate = \"shut\"\n", false),
        ("[memories]\nram-ecc = 1\n", false),
        ("[options]\nBOR_LEVEL = 3\n", true),
        ("[options]\nBOR_LEVEL = 4\n", false),
        ("[options]\nbor_level = 3\n", false),
    ] {
        agree(&format!("{BASE}{added}"), fine);
    }
}
