//! From ST's project files to a product description: what it says, what it does not, and that it makes the same images.
//!
//! The files in `st` are those of STM32CubeH7RS v1.3.0 for the STM32H7S78-DK without their tool tips.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::support::Scratch;

/// Options without a value.
const FLAGS: [&str; 4] = ["--pad", "--pad-header", "--overwrite-only", "--primary-only"];

/// ST's projects, in a directory of their own.
fn projects() -> Scratch {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let from = entry.unwrap().path();
            let to = to.join(from.file_name().unwrap());
            if from.is_dir() { copy(&from, &to) } else { std::fs::copy(&from, &to).map(|_| ()).unwrap() }
        }
    }
    let dir = Scratch::new();
    copy(Path::new(&format!("{}/tests/cli/st", env!("CARGO_MANIFEST_DIR"))), &dir.path("."));
    dir
}

fn replace(dir: &Scratch, file: &str, from: &str, to: &str) {
    let text = String::from_utf8(dir.read(file)).unwrap();
    assert!(text.contains(from), "{file}: {from}");
    dir.write(file, text.replace(from, to).as_bytes());
}

/// Takes a parameter out of an image description.
fn without(dir: &Scratch, file: &str, name: &str) {
    let text = String::from_utf8(dir.read(file)).unwrap();
    let at = text.find(&format!("<Name>{name}</Name>")).unwrap_or_else(|| panic!("{file}: {name}"));
    let start = text[..at].rfind("<Param>").unwrap();
    let end = at + text[at..].find("</Param>").unwrap() + "</Param>".len();
    dir.write(file, format!("{}{}", &text[..start], &text[end..]).as_bytes());
}

fn plain(path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    plain
}

/// A value for comparison: numbers as numbers, paths without detours.
fn value(switch: &str, text: &str) -> String {
    if ["-k", "-E"].contains(&switch) {
        return plain(text).display().to_string();
    }
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).unwrap().to_string(),
        None => text.to_owned(),
    }
}

/// The image options of an image description.
fn by_xml(dir: &Scratch, file: &str) -> BTreeMap<String, String> {
    let said = dir.run(&format!("import tpc-xml {file} --json")).result();
    let options = said["options"].as_array().unwrap().iter().map(|option| {
        match (option["switch"].as_str().unwrap(), option["value"].as_str().unwrap_or_default()) {
            ("--dialect", "stirot-h7s") => ("-ma".to_owned(), value("-ma", "0xc1592ee9")),
            (switch, text) => (switch.to_owned(), value(switch, text)),
        }
    });
    options.filter(|(switch, _)| switch != "--dialect").collect()
}

/// The image options that follow from the description.
fn by_plan(dir: &Scratch, file: &str, image: &str) -> BTreeMap<String, String> {
    let plan = dir.run(&format!("boot plan --product {file} --json")).result();
    let images = plan["images"].as_array().unwrap();
    let image = images.iter().find(|row| row["image"] == image).unwrap();
    let mut words = image["imgtool"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let mut options = BTreeMap::new();
    while let Some(switch) = words.next() {
        let text = if FLAGS.contains(&switch) { "" } else { words.next().unwrap() };
        options.insert(switch.to_owned(), value(switch, text));
    }
    options
}

fn table(dir: &Scratch, file: &str) -> toml::Table {
    String::from_utf8(dir.read(file)).unwrap().parse().unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

const OEM: &str = "OEMiROT/Images/OEMiROT_Code_Image.xml";
const ST: &str = "STiROT/Image/STiROT_Code_Image.xml";
const UROT: &str = "STiROT_OEMuROT/Images/OEMuROT_Code_Image.xml";
const UROT_STAGE: &str = "STiROT_OEMuROT/Images/STiROT_Code_Image.xml";
const DA: &str = "DA/Config/DA_Config.xml";

#[test]
fn oemirot_s_project_makes_the_same_images() {
    let dir = projects();
    let said = dir.run(&format!("import tpc-xml {OEM} {DA} --description ironroot.toml --json")).result();
    assert_eq!(said["not_in_description"], serde_json::json!([]), "{said}");
    assert_eq!(by_plan(&dir, "ironroot.toml", "application"), by_xml(&dir, OEM));
    let made = table(&dir, "ironroot.toml");
    for (table, key, expected) in [
        ("product", "device", "stm32h7s7"),
        ("product", "boot", "oemirot"),
        ("product", "execute", "external-ram"),
        ("product", "update", "overwrite"),
        ("keys", "sign", "OEMiROT/Keys/OEMiROT_Authentication.pem"),
        ("keys", "encrypt", "OEMiROT/Keys/OEMiROT_Encryption.pem"),
        ("keys", "debug", "DA/Keys/key_1_root.pem"),
        ("protections", "debug", "certificate"),
    ] {
        assert_eq!(made[table][key].as_str(), Some(expected), "{table}.{key}");
    }
    assert_eq!(made["slots"]["download"]["offset"].as_integer(), Some(0x20_0000));
    assert_eq!(made["image"]["align"].as_integer(), Some(4));
    // What the files do not say is marked where it stands, and told.
    let text = String::from_utf8(dir.read("ironroot.toml")).unwrap();
    let told = texts(&said["not_in_xml"]);
    for entry in ["execute = ", "installed.offset = ", "state = ", "external-flash.size = ", "ram-ecc = "] {
        let at = text.find(&format!("\n{entry}")).unwrap_or_else(|| panic!("{entry}\n{text}"));
        let before = text[..at].lines().last().unwrap();
        assert!(before.starts_with("# not in the XML: "), "{entry}: {before}");
        assert!(told.iter().any(|line| line.contains(entry)), "{entry}: {told:?}");
    }
    for entry in ["boot = ", "download.offset = ", "sign = ", "version = ", "debug = "] {
        let at = text.find(&format!("\n{entry}")).unwrap();
        assert!(!text[..at].lines().last().unwrap().contains("not in the XML"), "{entry}");
    }
    // Given on the command line it is not a default.
    let run = format!("import tpc-xml {OEM} --description run.toml --execute external-flash --json");
    let said = dir.run(&run).result();
    assert!(!texts(&said["not_in_xml"]).iter().any(|line| line.contains("product.execute")));
    assert_eq!(table(&dir, "run.toml")["product"]["execute"].as_str(), Some("external-flash"));
    assert_eq!(by_plan(&dir, "run.toml", "application"), by_xml(&dir, OEM));
}

#[test]
fn stirot_s_project_makes_the_same_images_and_configuration() {
    let dir = projects();
    // The description may be anywhere: paths of keys are relative to it.
    std::fs::create_dir(dir.path("made")).unwrap();
    let said = dir.run(&format!("import tpc-xml {ST} --description made/st.toml --json")).result();
    // Nothing: the bytes of STiRoT's configuration are those of the XML too.
    assert_eq!(said["not_in_description"], serde_json::json!([]), "{said}");
    assert_eq!(by_plan(&dir, "made/st.toml", "application"), by_xml(&dir, ST));
    let made = table(&dir, "made/st.toml");
    assert_eq!(made["product"]["boot"].as_str(), Some("stirot"));
    assert_eq!(made["keys"]["sign"].as_str(), Some("../STiROT/Keys/STiROT_Authentication.pem"));
    assert_eq!(made["iloader"]["size"].as_integer(), Some(0x6000));
    assert_eq!(made["slots"]["installed"]["size"].as_integer(), Some(0x2_0000));
    assert_eq!(made["protections"]["state"].as_str(), Some("closed"));

    // A number of the configuration that no entry takes is told, and what one takes is taken.
    let config = "STiROT/Config/STiROT_Config.xml";
    replace(
        &dir,
        config,
        "<Value>0x01</Value>\n\t\t<Width>1</Width>\n\t\t<Hidden>1</Hidden>",
        "<Value>0x00</Value><Width>1</Width>",
    );
    replace(&dir, config, "<Value>0x6000</Value>", "<Value>0x8000</Value>");
    let run = dir.run(&format!("import tpc-xml {config} --description other.toml"));
    run.exit_ok();
    let warning = "STiROT_Config.xml: Clock selection is 0x0; the description makes 0x1";
    assert!(run.stderr.contains(warning) && !run.stderr.contains("iLoader"), "{}", run.stderr);
    assert!(String::from_utf8(dir.read("other.toml")).unwrap().contains(&format!("# - {warning}\n")));
    let made = table(&dir, "other.toml");
    assert_eq!(made["memories"]["ram-ecc"].as_bool(), Some(false), "the replaced fields are two");
    assert_eq!(made["iloader"]["size"].as_integer(), Some(0x8000));
}

#[test]
fn two_stages_make_the_same_images() {
    let dir = projects();
    let files = format!("{UROT} {UROT_STAGE} DA/Config/DA_ConfigWithPassword.xml");
    let said = dir.run(&format!("import tpc-xml {files} --description two.toml --json")).result();
    // The byte by which our STiRoT knows a second stage; ST reserves it.
    let lost = texts(&said["not_in_description"]);
    assert_eq!(lost, ["STiROT_Config.xml: Reserved2 is 0x0; the description makes 0x1"]);
    assert_eq!(by_plan(&dir, "two.toml", "application"), by_xml(&dir, UROT));
    assert_eq!(by_plan(&dir, "two.toml", "second stage"), by_xml(&dir, UROT_STAGE));
    let made = table(&dir, "two.toml");
    assert_eq!(made["product"]["boot"].as_str(), Some("stirot-oemurot"));
    assert_eq!(made["stage"]["installed"]["offset"].as_integer(), Some(0x41_0000));
    assert_eq!(made["keys"]["stage-sign"].as_str(), Some("STiROT_OEMuROT/Keys/STiROT_Authentication.pem"));
    assert_eq!(made["keys"]["sign"].as_str(), Some("STiROT_OEMuROT/Keys/OEMuROT_Authentication.pem"));
    assert_eq!(made["protections"]["debug"].as_str(), Some("password"));
    let text = String::from_utf8(dir.read("two.toml")).unwrap();
    assert!(!text.contains("0123456789012345") && !said.to_string().contains("0123456789012345"));

    // Swapped: the scratch area takes what is left between the slots and the second stage.
    without(&dir, UROT, "Write Option");
    dir.run(&format!("import tpc-xml {files} --description swap.toml")).exit_ok();
    assert_eq!(by_plan(&dir, "swap.toml", "application"), by_xml(&dir, UROT));
    let made = table(&dir, "swap.toml");
    assert_eq!(made["product"]["update"].as_str(), Some("swap"));
    assert_eq!(made["slots"]["scratch"]["offset"].as_integer(), Some(0x40_0000));
    assert_eq!(made["slots"]["scratch"]["size"].as_integer(), Some(0x1_0000));
}

#[test]
fn what_a_description_cannot_say_is_told_by_name() {
    let dir = projects();
    replace(&dir, OEM, "<Enable>0</Enable>", "<Enable>1</Enable>");
    replace(&dir, OEM, "<Value>33</Value>", "<Value>40</Value>");
    without(&dir, OEM, "Endianness");
    replace(&dir, DA, "4007</Value>", "4001</Value>");
    let run = dir.run(&format!("import tpc-xml {OEM} {DA} --description ironroot.toml"));
    run.exit_ok();
    let text = String::from_utf8(dir.read("ironroot.toml")).unwrap();
    for what in [
        "OEMiROT_Code_Image.xml: -d (1,1.0.0) (Dependency with other image); no entry takes it",
        "OEMiROT_Code_Image.xml: -M 40 (Number of scratch sectors); the description makes -M 33",
        "OEMiROT_Code_Image.xml has no -e; the description makes -e little",
        "DA_Config.xml: Permission is 0x80000000000000000000000000004001; the device gets 0x8",
    ] {
        assert!(run.stderr.contains(what), "{what}\n{}", run.stderr);
        assert!(text.contains(&format!("# - {what}")), "{what}\n{text}");
    }
    dir.run("boot plan").exit_ok();
    // A state that nothing leads out of follows from the file, and is said so.
    replace(&dir, "STiROT/Config/STiROT_Config.xml", "<Value>0x72</Value>", "<Value>0x5C</Value>");
    dir.run(&format!("import tpc-xml {ST} --description locked.toml")).exit_ok();
    assert_eq!(table(&dir, "locked.toml")["protections"]["state"].as_str(), Some("locked"));
    dir.run("boot plan --product locked.toml").exit_ok();
}

#[test]
fn files_that_make_no_product_are_refused() {
    let dir = projects();
    let line = |files: &str| format!("import tpc-xml {files} --description new.toml");
    let error = dir.refused(&line(UROT), "IR-8009", 2);
    assert!(error["fix"].as_str().unwrap().contains("STiROT_Config.xml"), "{error}");
    dir.refused(&line(DA), "IR-8009", 2);
    dir.refused(&line(&format!("{OEM} {ST}")), "IR-8010", 2);
    dir.refused(&line(&format!("{ST} {UROT_STAGE}")), "IR-8010", 2);
    // The same file twice, and the linked one named too, are no contradiction.
    dir.run(&format!(
        "import tpc-xml {OEM} OEMiROT/Config/OEMiROT_Config.xml {DA} {DA} --description a.toml"
    ))
    .exit_ok();

    dir.refused(&format!("import tpc-xml {OEM} --description a.toml"), "IR-1005", 2);
    dir.run(&format!("import tpc-xml {OEM} --description a.toml --force")).exit_ok();
    dir.refused(&format!("import tpc-xml {OEM} --description {OEM} --force"), "IR-1012", 2);
    dir.run("keys generate -o private.pem").exit_ok();
    dir.refused(&format!("import tpc-xml {OEM} --description private.pem --force"), "IR-1005", 2);
    dir.refused(&format!("import tpc-xml {OEM} --description nowhere/a.toml"), "IR-1004", 2);
    dir.refused(&format!("import tpc-xml {OEM} --device stm32h7s7"), "IR-1001", 2);
    dir.refused(&format!("import tpc-xml {OEM} --description b.toml --device stm32h7r7"), "IR-8010", 2);

    // Which part it is for is said by the files or by the user.
    replace(&dir, "OEMiROT/Config/OEMiROT_Config.xml", "<MCU>STM32H7S78</MCU>", "<MCU></MCU>");
    let error = dir.refused(&line(OEM), "IR-8003", 2);
    assert!(error["fix"].as_str().unwrap().contains("--device"), "{error}");
    dir.run(&format!("import tpc-xml {OEM} --description said.toml --device stm32h7s7")).exit_ok();

    // Another family has other boot paths; a description of it would be an invention.
    let h5 = String::from_utf8(dir.read("OEMiROT/Config/OEMiROT_Config.xml")).unwrap();
    dir.write("h5.xml", h5.replace("0x00000108", "0x0FFD0160").as_bytes());
    dir.refused(&line("h5.xml"), "IR-8009", 2);

    // What no MPU region can be is refused as in a description written by hand, with its line; --dry-run shows it all.
    replace(&dir, OEM, "<Value>0x200000</Value>", "<Value>0x2F0000</Value>");
    let line = format!("import tpc-xml {OEM} --description new.toml --device stm32h7s7");
    let error = dir.refused(&line, "IR-1920", 2);
    assert!(error["subject"].as_str().unwrap().starts_with("new.toml:"), "{error}");
    let shown = dir.run(&format!("{line} --dry-run"));
    assert!(shown.stdout.contains("installed.size = 0x2f0000"), "{}", shown.stdout);
    assert!(!dir.path("new.toml").exists());
}

#[test]
fn a_hostile_name_stays_in_its_line() {
    let dir = projects();
    let title = "x&#10;[keys]&#10;sign = \"evil\"\u{202e}";
    replace(&dir, OEM, "Firmware non secure image generation", title);
    replace(&dir, "OEMiROT/Config/OEMiROT_Config.xml", "OEMiROT_Encryption.pem", "a\"&#10;[x]\u{2066}.pem");
    dir.run(&format!("import tpc-xml {OEM} --description ironroot.toml")).exit_ok();
    let text = String::from_utf8(dir.read("ironroot.toml")).unwrap();
    assert!(!text.contains(['\u{202e}', '\u{2066}']), "{text}");
    let made = table(&dir, "ironroot.toml");
    assert_eq!(made["keys"]["encrypt"].as_str(), Some("OEMiROT/Keys/a\"\n[x]\u{2066}.pem"));
    assert_eq!(made.len(), text.lines().filter(|line| line.starts_with('[')).count());
    let run = dir.run(&format!("import tpc-xml {OEM} --dry-run"));
    assert!(!run.stdout.contains(['\u{202e}', '\u{2066}']), "{}", run.stdout);
}

/// Image descriptions without a linked configuration have their keys in them.
#[test]
fn an_image_description_alone_will_do() {
    let dir = projects();
    let key = "<Link></Link>\n\t\t<Type>File</Type>\n\t\t<Command>-k<";
    replace(&dir, OEM, key, &key.replace("<Link></Link>", "<Value>..\\Keys\\sign.pem</Value>"));
    let key = "<Link>GetPublic</Link>\n\t\t<Type>File</Type>\n\t\t<Command>-E<";
    replace(&dir, OEM, key, &key.replace("<Link>GetPublic</Link>", "<Value>../Keys/enc.pem</Value>"));
    replace(&dir, OEM, "<LinkedXML>../Config/OEMiROT_Config.xml</LinkedXML>", "<LinkedXML></LinkedXML>");
    dir.refused(&format!("import tpc-xml {OEM} --description a.toml"), "IR-8003", 2);
    dir.run(&format!("import tpc-xml {OEM} --description a.toml --device stm32h7s7")).exit_ok();
    assert_eq!(by_plan(&dir, "a.toml", "application"), by_xml(&dir, OEM));
    assert_eq!(table(&dir, "a.toml")["keys"]["sign"].as_str(), Some("OEMiROT/Keys/sign.pem"));
    // With a configuration beside it that says otherwise it is not one project.
    let files = format!("{OEM} OEMiROT/Config/OEMiROT_Config.xml");
    dir.refused(&format!("import tpc-xml {files} --description b.toml"), "IR-8010", 2);
}
