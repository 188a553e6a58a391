//! Random option-byte sequences: the documented way back works, or the dead end was called before.

use ironroot_prove::options;
use ironroot_prove::report::Config;

#[test]
fn every_random_sequence_ends_where_the_tool_said() {
    let reports = options::run(Config { full: false, seed: 1 });
    let total: u64 = reports.iter().map(|report| report.cases).sum();
    assert_eq!(total, 20_000);
    for report in &reports {
        assert_eq!(report.mismatches, 0, "{}: {:#?}", report.class, report.details);
        // A campaign that never meets an outlook proves nothing about it.
        assert!(report.cases > 20, "{} was met only {} times", report.class, report.cases);
    }
}
