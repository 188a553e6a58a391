//! The builds of secure boot against their gates, and against panics.

use ironroot_tests::size::{VARIANTS, calls, table};

#[test]
fn no_panic_is_linked() {
    for variant in VARIANTS {
        let panics = calls::panics(&variant.elf());
        assert!(panics.is_empty(), "{}: a panic can be reached:\n  {}", variant.name, panics.join("\n  "));
    }
}

#[test]
fn sizes_and_speeds_are_within_their_gates() {
    let report = table::report();
    assert!(report.exceeded.is_empty(), "{}\n{}", report.exceeded.join("\n"), report.page);
}

/// A gate stands at its goal, or is on its way there.
#[test]
fn gates_are_no_wishes() {
    for variant in VARIANTS {
        assert!(variant.gate >= variant.goal, "{}: a gate below its goal is a new goal", variant.name);
    }
}
