//! The builds of secure boot against their gates, and against panics.

use ironroot_tests::size::{VARIANTS, calls, table};

/// None but the checks of libraries that `tests/src/size/unreachable.rs` lists, each with its proof.
#[test]
fn no_panic_can_be_reached() {
    for variant in VARIANTS {
        let panics = calls::panics(&variant.elf());
        let list: Vec<_> = panics.reachable.into_iter().collect();
        assert!(list.is_empty(), "{}: a panic can be reached:\n  {}", variant.name, list.join("\n  "));
        // The libraries have some: a look that finds none does not look.
        assert!(!panics.unreachable.is_empty(), "{}: no bounds check at all", variant.name);
    }
}

#[test]
fn sizes_and_speeds_are_within_their_gates() {
    let report = table::report();
    assert!(report.exceeded.is_empty(), "{}\n{}", report.exceeded.join("\n"), report.page);
}
