//! The decoder agrees with objdump on every 16-bit encoding and a sample of the 32-bit ones.

use std::io::Write;

use ironroot_prove::decoder;

/// 32-bit encodings sampled when IRONROOT_DECODE_SAMPLES does not say otherwise.
const SAMPLES: usize = 200_000;

const SEED: u64 = 0x1207;

#[test]
fn decoder_agrees_with_objdump() {
    if std::env::var_os("IRONROOT_FULL").is_none() {
        // Written past the test harness's capture: not running must be seen.
        let line = "decoder_agrees_with_objdump: not run: needs objdump; run cargo xtask test";
        let _ = writeln!(std::io::stderr(), "{line}");
        return;
    }
    let samples = match std::env::var("IRONROOT_DECODE_SAMPLES") {
        Ok(text) => text.parse().expect("IRONROOT_DECODE_SAMPLES is a number"),
        Err(_) => SAMPLES,
    };
    let report = decoder::run(samples, SEED).unwrap_or_else(|error| panic!("nothing compared: {error}"));
    for (rule, used) in &report.rule_uses {
        println!("{used:>9} {rule}");
    }
    for mismatch in &report.mismatches {
        println!("{mismatch}");
    }
    assert_eq!(report.mismatch_count, 0, "decoder and objdump disagree, of {} encodings", report.cases);
    // The 16-bit ones outside an IT block, and inside one all but IT itself.
    let narrow = 0xE800 + 0xE800 - 16 * 15;
    assert_eq!(report.cases, narrow + samples as u64);
    // A third of the sample is made to be legal.
    assert!(report.instructions > 0xE000 + samples as u64 / 3);
}
