//! `ironroot boot`: what follows from product descriptions, and where a bad one is wrong.

use serde_json::Value;

use crate::support::Scratch;

const EXAMPLES: [&str; 7] = [
    "stirot",
    "oemirot-external-flash",
    "oemirot-external-ram",
    "oemirot-internal-ram",
    "oemirot-swap",
    "stirot-oemurot",
    "h7r",
];

/// A directory with the example as `ironroot.toml`.
fn with(example: &str) -> Scratch {
    let path = format!("{}/../../examples/h7s/{example}.toml", env!("CARGO_MANIFEST_DIR"));
    let scratch = Scratch::new();
    scratch.write("ironroot.toml", &std::fs::read(path).unwrap());
    scratch
}

fn replaced(example: &str, from: &str, to: &str) -> Scratch {
    let scratch = with(example);
    let text = String::from_utf8(scratch.read("ironroot.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    scratch.write("ironroot.toml", text.replace(from, to).as_bytes());
    scratch
}

fn named<'a>(rows: &'a Value, key: &str, name: &str) -> &'a Value {
    let rows = rows.as_array().unwrap();
    rows.iter().find(|row| row[key] == name).unwrap_or_else(|| panic!("{name} is not in {rows:?}"))
}

#[test]
fn the_plan_has_every_table() {
    let scratch = with("oemirot-external-ram");
    let run = scratch.run("boot plan");
    run.exit_ok();
    for line in [
        "load and run from external RAM: stm32h7s7, oemirot, runs from external-ram, overwrite",
        "  installed image                0x9000_0000..0x9020_0000    2048 KB",
        "  boot stage, code               0x0800_0000..0x0800_C000      48 KB",
        "  application, code              0x7000_0400..0x701F_E000    2039 KB",
        "  PARTITION_START 0x70000000  CODE_OFFSET 0x0  CODE_SIZE 0x1fdc00  IMAGE_HEADER_SIZE 0x400",
        "-M 33 -e little --pad -S 0x200000 -H 0x400 --pad-header -v 1.0.0 -s auto --align 4 -x 0x90200000 --overwrite-only",
        "after the images  WRPSRP   0x5200221c  mask 0x000000ff  value 0x000000c0",
        "  OEMiROT_Config         0x00000108  level 1, keys from  8  224 bytes  encrypted by RSS",
        "  14 0x7000_0000..0x7020_0000  r  x",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("cannot be undone"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_undone_is_marked() {
    let scratch = replaced(
        "oemirot-external-ram",
        "state = \"closed\"\ndebug = \"certificate\"",
        "state = \"locked\"\ndebug = \"locked\"",
    );
    let text = String::from_utf8(scratch.read("ironroot.toml")).unwrap();
    scratch.write("ironroot.toml", text.replace("debug = \"keys/debug-root.pem\"\n", "").as_bytes());
    let run = scratch.run("boot plan");
    run.exit_ok();
    assert_eq!(run.stdout.matches("cannot be undone").count(), 3, "{}", run.stdout);
    let result = scratch.run("boot plan --json").result();
    let irreversible: Vec<&Value> =
        result["options"].as_array().unwrap().iter().filter(|step| step["irreversible"] == true).collect();
    assert_eq!(irreversible.len(), 3);
    assert_eq!(irreversible[2]["register"], "NVSRP");
}

#[test]
fn the_numbers_for_programs_are_those_for_people() {
    for example in EXAMPLES {
        let scratch = with(example);
        let plan = scratch.run("boot plan --json").result();
        assert_eq!(plan["command"], "boot plan");
        assert_eq!(plan["board"], "STM32H7S78-DK");
        let text = scratch.run("boot plan").stdout;
        for row in plan["mpu_hand_off"].as_array().unwrap() {
            let rasr = row["rasr"].as_str().unwrap();
            assert!(text.contains(rasr), "{example}: {rasr}\n{text}");
        }
        let map = scratch.run("boot map --json").result();
        let ahb = named(&map["memories"], "memory", "AHB SRAM2");
        assert_eq!(named(&ahb["parts"], "name", "RAM-ECC handle")["start"], "0x30007fc0", "{example}");
        let flow = scratch.run("boot flow --json").result();
        let stages = flow["stages"].as_array().unwrap();
        assert_eq!(stages.first().unwrap()["stage"], "RSS", "{example}");
        assert_eq!(stages.last().unwrap()["stage"], "application", "{example}");
        assert_eq!(stages.last().unwrap()["level"], 3, "{example}");
        // Whoever hands the application over has verified it.
        let before = &stages[stages.len() - 2];
        assert_eq!(before["verifies"].as_array().unwrap().len(), 4, "{example}");
    }
}

#[test]
fn the_sequence_tells_what_each_stage_verifies_and_hides() {
    let stages = |example: &str| -> Vec<String> {
        let flow = with(example).run("boot flow --json").result();
        let rows = flow["stages"].as_array().unwrap().clone();
        rows.iter().map(|row| format!("{} {}", row["level"], row["stage"].as_str().unwrap())).collect()
    };
    assert_eq!(stages("oemirot-swap"), ["0 RSS", "1 OEMiRoT", "3 application"]);
    assert_eq!(
        stages("stirot-oemurot"),
        [
            "0 RSS",
            "1 STiRoT, first pass",
            "3 iLoader",
            "1 STiRoT, after the reset",
            "2 OEMuRoT",
            "3 application"
        ]
    );
    let text = with("oemirot-swap").run("boot flow").stdout;
    for line in [
        "HDPL 1  OEMiRoT  0x0800_0000..0x0800_C000",
        "  verifies ECDSA P-256 signature against verification key in the OBKeys of this level",
        "  hides    its code (hidden area of user flash)",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn pictures_are_well_formed_and_written_whole() {
    for example in EXAMPLES {
        let scratch = with(example);
        for command in ["map", "flow"] {
            scratch.run(&format!("boot {command} --svg picture.svg")).exit_ok();
            let svg = String::from_utf8(scratch.read("picture.svg")).unwrap();
            let document =
                roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{example} {command}: {e}"));
            let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
            let expected = if command == "map" { "confirmation flag" } else { "application" };
            assert!(texts.iter().any(|text| text.contains(expected)), "{example} {command}: {texts:?}");
            // Nothing is drawn outside of the picture.
            let height: f64 = document.root_element().attribute("height").unwrap().parse().unwrap();
            for node in document.descendants() {
                let y: Option<f64> = node.attribute("y").and_then(|y| y.parse().ok());
                assert!(y.is_none_or(|y| (0.0..=height).contains(&y)), "{example} {command}");
            }
        }
    }
}

#[test]
fn a_bad_description_is_refused_with_its_line() {
    for (from, to, code, place) in [
        ("offset = \"2M\"", "offset = \"1M\"", "IR-1912", "ironroot.toml:21:23"),
        ("ram-ecc = true", "ram-eec = true", "IR-1902", "ironroot.toml:15:1"),
        ("\"oemirot\"", "\"stirot\"", "IR-1908", "ironroot.toml:8:11"),
        ("version = \"1.0.0\"", "version = 1", "IR-1903", "ironroot.toml:29:11"),
        ("[keys] ", "[keys ", "IR-1901", "ironroot.toml:23:"),
        ("STM32H7S78-DK", "NUCLEO-H7S3L9", "IR-8110", "ironroot.toml:12:8"),
        ("STM32H7S78-DK", "NUCLEO-H7S3L8", "IR-8110", "ironroot.toml:16:23"),
    ] {
        let scratch = replaced("oemirot-external-ram", from, to);
        for command in ["boot plan", "boot map --svg x.svg", "boot flow --svg x.svg"] {
            let error = scratch.refused(command, code, 2);
            let subject = error["subject"].as_str().unwrap();
            assert!(subject.starts_with(place), "{command}: {subject}, {place}");
        }
    }
    let scratch = replaced("oemirot-external-ram", "ram-ecc = true", "ram-eec = true");
    assert_eq!(scratch.refused("boot plan", "IR-1902", 2)["fix"], "Did you mean memories.ram-ecc?");
    let scratch = Scratch::new();
    scratch.refused("boot plan", "IR-1002", 2);
    scratch.write("ironroot.toml", b"\xff\xfe");
    scratch.refused("boot map", "IR-1901", 2);
}

#[test]
fn a_picture_never_takes_the_place_of_the_description() {
    let scratch = with("stirot");
    for command in ["map", "flow"] {
        scratch.refused(&format!("boot {command} --svg ironroot.toml"), "IR-1012", 2);
    }
}
