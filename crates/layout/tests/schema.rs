//! The JSON schema for editors: the file is the generated one, and agrees with the reader.

use boon::{Compiler, SchemaIndex, Schemas};
use ironroot_layout::description::{Description, schema};
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
