//! `ironroot demo`: the whole way, with the built-in application and with others; and what cannot be demonstrated.

use std::path::PathBuf;
use std::process::Command;

use ironroot_tests::{Scratch, firmware, root};
use serde_json::Value;

/// Builds a variant of the C example with `settings` for make, and returns its ELF file.
fn variant(dir: &Scratch, name: &str, settings: &[&str]) -> PathBuf {
    let status = Command::new("make")
        .args(["--silent", &format!("OUT={}", dir.path("").display()), &format!("NAME={name}")])
        .args(settings)
        .current_dir(root().join("firmware/apps/hello-c"))
        .status()
        .expect("make is installed");
    assert!(status.success(), "make {settings:?}");
    dir.path(&format!("{name}.elf"))
}

/// The `task_end` events by task.
fn step(events: &[Value], task: &str) -> Value {
    let found = events.iter().find(|e| e["event"] == "task_end" && e["task"] == task);
    found.unwrap_or_else(|| panic!("step `{task}` did not end: {events:?}")).clone()
}

#[test]
fn demo_of_the_built_in_application() {
    let dir = Scratch::new();
    let run = dir.ironroot("demo --dir out --json").ok();
    let events = run.events();
    let result = run.last("result");
    assert_eq!(result["checked"], true);
    assert!(result["sha256_mips"].as_f64().unwrap() > 0.0);
    assert_eq!(step(&events, "boot")["hand_off"]["status"], "booted");
    assert_eq!(step(&events, "boot")["hand_off"]["debug_closed"], true);
    assert_eq!(step(&events, "boot")["hand_off"]["version"], "1.0.0");
    assert_eq!(step(&events, "attack")["hand_off"]["status"], "refused");
    assert_eq!(step(&events, "attack")["hand_off"]["code"], "IR-2203");
    let said: Vec<&str> = events.iter().filter_map(|e| e["text"].as_str()).collect();
    for line in ["hello from hello-hal", "secure area reads 0x00000000, RDSERR 1", "refused: IR-2203"] {
        assert!(said.contains(&line), "{line} is missing in {said:?}");
    }
    let tries: Vec<&Value> =
        events.iter().filter(|e| e["task"] == "debugger" && e["event"] == "progress").collect();
    assert_eq!(tries.len(), 5);
    assert!(
        tries.iter().all(|t| t["code"] == "IR-5201" || (t["value"] == 0 && t["rdserr"] == true)),
        "{tries:?}"
    );
    // The image that it left verifies with the key that it left, for imgtool as well.
    dir.ironroot("image verify out/demo-app.bin -k out/demo-key.pem --device stm32h735").ok();
    dir.imgtool("verify -k out/demo-key.pem out/demo-app.bin").ok();
}

#[test]
fn demo_for_people_has_a_time_on_every_line_and_a_summary() {
    let run = Scratch::new().ironroot("demo").ok();
    let (story, summary) = run.stdout.split_once("\n\n").expect("an empty line before the summary");
    for line in story.lines() {
        assert!(line.contains(" instr  ") || line.trim_start().starts_with("host"), "{line}");
    }
    assert!(summary.starts_with("All 9 steps checked by read-back."), "{summary}");
    assert!(run.stderr.is_empty(), "warnings of the model: {}", run.stderr);
}

#[test]
fn demo_is_the_same_to_the_instruction_with_the_same_key() {
    let dir = Scratch::new();
    let trace = || -> Vec<(Value, Value, Value)> {
        let run = dir.ironroot("demo --dir out --json").ok();
        let fields = |e: Value| (e["task"].clone(), e["instructions"].clone(), e["virtual_ns"].clone());
        run.events().into_iter().map(fields).collect()
    };
    assert_eq!(trace(), trace());
}

#[test]
fn demo_with_applications_of_users() {
    let dir = Scratch::new();
    // GNU ld's default layout, whose first segment holds the ELF header below the vector table.
    let paged = variant(&dir, "paged", &["PAGED=1"]);
    for app in [firmware("hello-c"), paged] {
        let run = dir.ironroot(&format!("demo --app {} --json", app.display())).ok();
        let lines = step(&run.events(), "application")["lines"].clone();
        assert_eq!(lines[0], "hello from hello-c");
        assert_eq!(lines[1], "pi 3.14159 hypotenuse 5.00000");
    }
}

#[test]
fn demo_refuses_what_cannot_boot() {
    let dir = Scratch::new();
    let wrong = variant(&dir, "wrong-address", &["ORIGIN=0x08000000"]);
    let large = variant(&dir, "too-large", &["PADDING=1000000", "LENGTH=0x200000"]);
    dir.write("garbage.elf", &[0xA5; 10_000]);
    dir.write("cut.elf", &std::fs::read(firmware("hello-c")).unwrap()[..2000]);
    for (app, code) in [
        (wrong.as_path(), "IR-1207"),
        (large.as_path(), "IR-1208"),
        (&dir.path("garbage.elf"), "IR-1211"),
        (&dir.path("cut.elf"), "IR-1201"),
        (&dir.path("missing.elf"), "IR-1002"),
        (&firmware("secure-boot"), "IR-1207"),
        (&firmware("rss"), "IR-1212"),
    ] {
        let run = dir.ironroot(&format!("demo --app {} --dir out --json", app.display()));
        run.refused(code, 2);
        assert!(!dir.path("out/demo.board").exists(), "{code}: no board is made for it");
    }
}

#[test]
fn demo_does_not_touch_a_key_that_is_not_its_own() {
    let dir = Scratch::new();
    std::fs::create_dir(dir.path("out")).unwrap();
    dir.ironroot("keys generate -o out/demo-key.pem").ok();
    let before = dir.read("out/demo-key.pem");
    dir.ironroot("demo --dir out --json").refused("IR-1005", 2);
    assert_eq!(dir.read("out/demo-key.pem"), before);
}
