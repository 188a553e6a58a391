//! An application that knows nothing of secure boot, moved under it with the tool alone: `app check`, `app adapt`, a build, `app
//! image`, `provision`, and a boot of the closed device; then updates.

use ironroot_tests::Scratch;
use ironroot_tests::journey::{Journey, Language};

/// A description of `examples/h7s`.
struct Case {
    example: &'static str,
    /// What `app check` finds in the application as it was.
    unaware: &'static [&'static str],
    /// The second stage, of a path that has one.
    second: Option<&'static str>,
    /// Where the application starts.
    vectors: u32,
    /// What the console has before the application, in order.
    stages: &'static [&'static str],
}

const OEMIROT: &[&str] = &["ironroot oemirot", "image: update installed", "verified: version 1.0.0+0"];

const CASES: [Case; 7] = [
    Case {
        example: "oemirot-external-ram",
        // Linked for the start of the very memory: only the header's room is missing.
        unaware: &["IR-1207"],
        second: None,
        vectors: 0x7000_0400,
        stages: OEMIROT,
    },
    Case {
        example: "stirot",
        // This one opens 12 KB of RAM, and the application had another.
        unaware: &["IR-1207", "IR-1215", "IR-1218"],
        second: None,
        vectors: 0x2400_0400,
        stages: &["ironroot stirot", "download accepted", "verified: version 1.0.0+0"],
    },
    Case {
        example: "stirot-oemurot",
        unaware: &["IR-1207"],
        second: Some("oemurot-external-flash-swap-hardware"),
        vectors: 0x9010_0400,
        stages: &[
            "ironroot stirot",
            "download accepted",
            "verified: version 1.0.0+0",
            "ironroot oemurot",
            "image: update installed",
            "verified: version 1.0.0+0",
        ],
    },
    Case {
        example: "oemirot-external-flash",
        unaware: &["IR-1207"],
        second: None,
        vectors: 0x9000_0400,
        stages: OEMIROT,
    },
    Case {
        example: "oemirot-internal-ram",
        unaware: &["IR-1207"],
        second: None,
        vectors: 0x2404_0400,
        stages: OEMIROT,
    },
    Case {
        example: "oemirot-swap",
        unaware: &["IR-1207"],
        second: None,
        vectors: 0x9000_0400,
        stages: OEMIROT,
    },
    Case { example: "h7r", unaware: &["IR-1207"], second: None, vectors: 0x9000_0400, stages: OEMIROT },
];

/// Asserts that these lines are there, each behind the one before.
#[track_caller]
fn says(console: &str, lines: &[&str]) {
    let mut rest = console;
    for line in lines {
        let at =
            rest.find(line).unwrap_or_else(|| panic!("`{line}` is not there, or not in order\n{console}"));
        rest = &rest[at + line.len()..];
    }
}

/// From the unaware application to one that runs on a closed device.
fn moved(case: &Case, language: Language, shared: &Scratch) -> Journey {
    let name = case.example;
    let mut journey = Journey::begin(name, language);
    let elf = journey.build("hello", shared);
    assert_eq!(journey.findings(elf), case.unaware, "{name} {language:?}");
    journey.dir.ironroot(&format!("app image {elf} -o app.hex --json")).refused("IR-1219", 3);
    assert!(!journey.dir.path("app.hex").exists());

    journey.adapt();
    let elf = journey.build("hello", shared);
    assert_eq!(journey.findings(elf), [""; 0], "{name} {language:?}");
    journey.dir.ironroot(&format!("app image {elf} -o app.hex")).ok();
    if let Some(file) = case.second {
        journey.stage_image(file);
    }
    journey.close();

    let (console, record) = journey.boot("");
    let hello = match language {
        Language::C => ["hello from h7rs-hello-c", "pi x 1000000 = 0x002fefd9", "done"],
        Language::Rust => ["hello from h7rs-hello", "tick 3", "done"],
    };
    says(&console, &[case.stages, &hello].concat());
    assert_eq!(record["status"], "booted", "{name} {language:?}");
    assert_eq!(record["vector_table"], case.vectors, "{name} {language:?}");
    assert_eq!(record["debug_closed"], true, "{name} {language:?}");
    journey
}

#[test]
fn an_application_in_c_is_moved_onto_every_boot_path() {
    let shared = Scratch::new();
    for case in &CASES {
        moved(case, Language::C, &shared);
    }
}

#[test]
fn an_application_in_rust_is_moved_onto_every_boot_path() {
    let shared = Scratch::new();
    // One of each path; the others differ in numbers only, and C has them.
    for case in &CASES[..3] {
        moved(case, Language::Rust, &shared);
    }
}

/// The version that runs, and what became of the last update.
fn standing(record: &serde_json::Value) -> (&str, &str, &serde_json::Value) {
    let update = &record["updates"][0];
    (
        record["version"].as_str().unwrap_or_default(),
        update["action"].as_str().unwrap_or_default(),
        &update["reverted"],
    )
}

#[test]
fn updates_are_confirmed_reverted_and_survive_wrong_bits_in_ram() {
    let shared = Scratch::new();
    for case in CASES.iter().filter(|case| ["oemirot-swap", "stirot-oemurot"].contains(&case.example)) {
        let journey = moved(case, Language::C, &shared);
        // Confirms itself by the flag and a reset.
        journey.download(journey.build("confirm", &shared), "1.1.0");
        let (console, record) = journey.boot("");
        says(
            &console,
            &[
                "image: update on trial",
                "verified: version 1.1.0+0",
                "on trial: confirmed, resetting",
                "confirmed",
                "verified: version 1.1.0+0",
                "done",
            ],
        );
        assert_eq!(standing(&record).0, "1.1.0");
        assert_eq!(record["updates"][0]["confirmed"], true);

        // Fails its own test, and says so to nobody but itself.
        journey.download(journey.build("never", &shared), "1.2.0");
        let (console, record) = journey.boot("");
        says(
            &console,
            &[
                "verified: version 1.2.0+0",
                "on trial: self test failed, resetting",
                "image: reverted: IR-3609",
                "verified: version 1.1.0+0",
                "done",
            ],
        );
        assert_eq!(standing(&record), ("1.1.0", "reverted", &"IR-3609".into()));

        // Two wrong bits before it has confirmed itself: the monitors that the stage handed over tell it, and it gives up.
        let watching = "--ram-error-after watching --ram-error 0x20004010";
        journey.download(journey.build("ecc", &shared), "1.3.0");
        let (console, record) = journey.boot(&format!("{watching}:double"));
        says(
            &console,
            &[
                "verified: version 1.3.0+0",
                "watching",
                "double RAM ECC error, address 0x00004010",
                "memory lost: resetting",
                "image: reverted: IR-3609",
                "verified: version 1.1.0+0",
                "done",
            ],
        );
        assert_eq!(standing(&record), ("1.1.0", "reverted", &"IR-3609".into()));

        // One wrong bit is put right and reported; the application goes on.
        journey.download(journey.build("ecc", &shared), "1.4.0");
        let (console, record) = journey.boot(watching);
        says(&console, &["verified: version 1.4.0+0", "single RAM ECC error, address 0x00004010", "done"]);
        assert_eq!(standing(&record).0, "1.4.0");

        // Nor can an error be put where nothing corrects it.
        let refused = journey.dir.ironroot("vdev run my.board --ram-error 0x24020000 --json");
        refused.refused("IR-1001", 2);
    }
}
