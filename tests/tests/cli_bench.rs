//! `ironroot vdev bench`: what it prints, not how fast it is.

use ironroot_tests::Scratch;
use serde_json::Value;

/// The lines of a run with `--json` that are about a benchmark.
fn rows(line: &str) -> Vec<Value> {
    let run = Scratch::new().ironroot(&format!("vdev bench --json --runs 1 {line}")).ok();
    run.events().into_iter().filter(|event| event.get("benchmark").is_some()).collect()
}

fn number(row: &Value, field: &str) -> f64 {
    row[field].as_f64().unwrap_or_else(|| panic!("no number `{field}` in {row}"))
}

#[test]
fn vdev_bench_of_a_program_beside_qemu() {
    let rows = rows("--only interrupts --vs-qemu");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row["benchmark"], "interrupts");
    assert!(number(row, "instructions") > 1e6);
    let mips = number(row, "instructions") / number(row, "seconds") / 1e6;
    assert!((number(row, "mips") / mips - 1.0).abs() < 1e-6, "{row}");
    let ratio = number(row, "qemu_seconds") / number(row, "seconds");
    assert!((number(row, "ratio") / ratio - 1.0).abs() < 1e-6, "{row}");
}

#[test]
fn vdev_bench_of_the_secure_boot() {
    let rows = rows("--only h735-sha");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["benchmark"].as_str()).collect();
    assert_eq!(names, ["h735-sha256", "h735-sha256-hook"]);
    // The hook watches; it changes nothing.
    assert_eq!(rows[0]["instructions"], rows[1]["instructions"]);
    assert!(rows[0].get("ratio").is_none());
}

#[test]
fn vdev_bench_of_a_thousand_snapshots_stays_small() {
    let rows = rows("--only snapshot-memory");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row["count"], 1000);
    assert!(number(row, "bytes") < 1e9, "{row}");
}

#[test]
fn vdev_bench_refuses_a_name_that_nothing_has() {
    Scratch::new().ironroot("vdev bench --only nonsense --json").refused("IR-1001", 2);
    Scratch::new().ironroot("vdev bench --runs 0 --json").refused("IR-1001", 2);
}
