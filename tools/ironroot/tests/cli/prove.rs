//! `prove power-loss`, `prove replay`, `prove merge` as a user and a CI machine meet them.

use serde_json::Value;

use crate::support::{Run, Scratch};

/// Small enough for a test, large enough to have every effect.
const SMALL: &str =
    "prove power-loss --mode overwrite-only --layout l4 --encryption none --scenario permanent";

fn lines<'a>(events: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == wanted).collect()
}

fn summary(run: &Run) -> Value {
    let events = run.events();
    let last = events.iter().rfind(|event| event["event"] == "result").expect("a summary");
    assert_eq!(last["type"], "summary");
    last.clone()
}

#[test]
fn a_row_for_each_mode_and_layout_and_a_summary_last() {
    let dir = Scratch::new();
    let run = dir.run(&format!("{SMALL} --mode swap-offset --json"));
    run.exit_ok();
    let events = run.events();
    let rows = lines(&events, "row");
    let names: Vec<_> = rows.iter().map(|row| (row["mode"].as_str(), row["layout"].as_str())).collect();
    assert_eq!(names, [(Some("overwrite-only"), Some("l4")), (Some("swap-offset"), Some("l4"))]);
    let cases: u64 = rows.iter().filter_map(|row| row["cases"].as_u64()).sum();
    let summary = summary(&run);
    assert_eq!(summary["cases"], cases);
    assert_eq!(summary["failures"], 0);
    assert!(cases > 200 && summary["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert_eq!(events.last().map(|event| &event["type"]), Some(&Value::from("summary")));
}

/// A boot stage of the STM32H7R/S has rows in its own modes only, in its own encryption.
#[test]
fn a_boot_stage_is_tried_as_it_is_built() {
    let dir = Scratch::new();
    let run = dir.run(
        "prove power-loss --layout h7s7-ram --layout stirot --scenario confirm --scenario revert --json",
    );
    run.exit_ok();
    let events = run.events();
    let rows = lines(&events, "row");
    let names: Vec<_> = rows.iter().map(|row| (row["mode"].as_str(), row["layout"].as_str())).collect();
    let row = |mode, layout| (Some(mode), Some(layout));
    let expected =
        [row("overwrite-only", "h7s7-ram"), row("overwrite-only", "stirot"), row("swap-scratch", "h7s7-ram")];
    assert_eq!(names, expected);
    for row in rows {
        assert_eq!(row["failures"], 0, "{row}");
        assert!(row["encryptions"]["p256-aes128"].as_u64().is_some_and(|cases| cases > 40), "{row}");
    }
    dir.refused("prove power-loss --layout stirot --mode swap-scratch", "IR-1701", 2);
}

#[test]
fn table_page_and_picture() {
    let dir = Scratch::new();
    let run = dir.run(&format!("{SMALL} --layout smaller --mode swap-scratch --html map.html --svg map.svg"));
    run.exit_ok();
    assert!(run.stdout.contains("none fails"), "{}", run.stdout);
    // Slots of different sizes cannot be swapped through a scratch area, and the engine says so.
    assert!(run.stdout.contains("- IR-"), "{}", run.stdout);
    let page = String::from_utf8(dir.read("map.html")).unwrap();
    assert!(page.contains("none fails") && page.contains("<svg") && !page.contains("<script"));
    assert!(String::from_utf8(dir.read("map.svg")).unwrap().starts_with("<svg xmlns="));
}

#[test]
fn parts_are_joined_only_if_they_are_a_whole() {
    let dir = Scratch::new();
    let whole = dir.run(&format!("{SMALL} --json"));
    whole.exit_ok();
    for index in 1..=2 {
        let part = dir.run(&format!("{SMALL} --shard {index}/2 --threads 1 --json"));
        part.exit_ok();
        dir.write(&format!("{index}.jsonl"), part.stdout.as_bytes());
    }
    let merged = dir.run("prove merge 2.jsonl 1.jsonl --json");
    merged.exit_ok();
    let (one, other) = (whole.events(), merged.events());
    let (one, other) = (lines(&one, "row")[0], lines(&other, "row")[0]);
    for field in ["points", "tried", "failures", "heat", "devices"] {
        assert_eq!(one[field], other[field], "{field}");
    }
    // The play without a cut belongs to every part.
    let cases = |row: &Value| row["cases"].as_u64();
    assert_eq!(cases(one).map(|cases| cases + 1), cases(other));
    assert_eq!(summary(&merged)["failures"], 0);

    dir.refused("prove merge 1.jsonl", "IR-1702", 2);
    dir.refused("prove merge 1.jsonl 1.jsonl", "IR-1702", 2);
    let other = dir.run(&format!("{SMALL} --seed 2 --shard 2/2 --json"));
    dir.write("other.jsonl", other.stdout.as_bytes());
    dir.refused("prove merge 1.jsonl other.jsonl", "IR-1702", 2);
    let short: String = whole.stdout.lines().take(1).collect();
    dir.write("short.jsonl", short.as_bytes());
    dir.refused("prove merge short.jsonl", "IR-1703", 2);
    dir.write("noise.jsonl", &[0xFF, 0]);
    dir.refused("prove merge noise.jsonl", "IR-1703", 2);
    dir.refused("prove merge none.jsonl", "IR-1002", 2);
    dir.refused("prove merge 1.jsonl 2.jsonl --html 1.jsonl", "IR-1012", 2);
}

#[test]
fn a_case_is_played_again_with_its_cuts() {
    let dir = Scratch::new();
    let run = dir.run("prove replay overwrite-only/l4/none/permanent/grow/1/14t+3e");
    run.exit_ok();
    for words in ["power is cut at operation 14: torn", "power is cut at operation 3: ecc-broken", "holds"] {
        assert!(run.stdout.contains(words), "{words}:\n{}", run.stdout);
    }
    let run = dir.run("prove replay overwrite-only/l4/none/permanent/grow/1/14t --json");
    assert_eq!(run.result()["holds"], true);
    assert!(!lines(&run.events(), "operation").is_empty());
}

#[test]
fn what_cannot_be_tried_is_refused() {
    let dir = Scratch::new();
    for line in [
        "prove replay nonsense",
        "prove replay overwrite-only/l4/none/permanent/grow/1/14x",
        "prove replay overwrite-only/moon/none/permanent/grow/1/14t",
        "prove replay swap-scratch/smaller/none/permanent/grow/1/-",
        "prove replay overwrite-only/l4/none/permanent/grow/1/99999b",
        "prove power-loss --mode sideways",
        "prove power-loss --layout moon",
        "prove power-loss --mode overwrite-only --scenario revert",
    ] {
        dir.refused(line, "IR-1701", 2);
    }
    for line in
        ["prove power-loss --shard 3/2", "prove power-loss --shard 0/2", "prove power-loss --sample 0"]
    {
        assert_eq!(dir.run(line).exit, 2, "{line}");
    }
}
