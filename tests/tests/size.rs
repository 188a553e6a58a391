//! The builds of our boot code against their gates, and against panics.

use ironroot_tests::size::{VARIANTS, calls, h7rs, table};

/// None but the checks of libraries that `tests/src/size/unreachable.rs` lists, each with its proof.
#[test]
fn no_panic_can_be_reached() {
    let secure_boot = VARIANTS.iter().map(|variant| (variant.name, calls::panics(&variant.elf())));
    for (name, panics) in secure_boot {
        assert_no_panic(name, &panics);
        // The libraries have some: a look that finds none does not look.
        assert!(!panics.unreachable.is_empty(), "{name}: no bounds check at all");
    }
    for program in h7rs::programs() {
        assert_no_panic(&program.name, &program.panics);
        let software = program.name.ends_with("-software");
        assert_eq!(
            !program.panics.unreachable.is_empty(),
            software || program.name == "rss-h7rs",
            "{}",
            program.name
        );
    }
}

#[track_caller]
fn assert_no_panic(name: &str, panics: &calls::Panics) {
    let list: Vec<_> = panics.reachable.iter().map(String::as_str).collect();
    assert!(list.is_empty(), "{name}: a panic can be reached:\n  {}", list.join("\n  "));
}

#[test]
fn every_configuration_of_the_boot_stage_is_within_its_gate() {
    let stages = h7rs::programs().iter().filter(|program| program.name.starts_with("oem"));
    assert_eq!(stages.clone().count(), 18);
    for program in h7rs::programs() {
        assert!(program.size <= program.gate, "{}: {} of {}", program.name, program.size, program.gate);
        assert!(program.size > 1024, "{}: {} bytes are no such program", program.name, program.size);
    }
    assert!(stages.clone().all(|program| program.gate == 49_152));
}

#[test]
fn sizes_and_speeds_are_within_their_gates() {
    let report = table::report();
    assert!(report.exceeded.is_empty(), "{}\n{}", report.exceeded.join("\n"), report.page);
}
