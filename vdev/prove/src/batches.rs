//! Random batches: legal instructions of one class from random states, the whole state compared at the end of each batch.
//!
//! A mismatching batch is cut down to the one instruction (or IT block) behind which the states first differ: all its
//! beginnings run as batches of their own, in one more run of both sides.

pub mod effects;
pub mod generate;
pub mod image;
pub mod values;

use std::fmt::Write;

use ironroot_cpu::decode::{decode, is_wide};
use ironroot_cpu::disasm::disassemble;

use crate::report::{Config, Error, Report};
use crate::rng::Rng;
use effects::Class;
use generate::{Batch, Unit, batch};
use image::{MAX_BATCHES, Outcome, Stage, word_name};

/// Instructions of each class: full, modest.
const FULL: u64 = 1_000_000;
const MODEST: u64 = 100_000;
/// Longest batch. Short ones leave results where they can be seen; long ones let states meet.
const LONGEST: usize = 24;
/// Mismatching batches cut down in one run.
const BISECTED: usize = 8;

/// Runs one class.
pub fn run_class(class: Class, config: Config) -> Result<Report, Error> {
    let stage = Stage::new()?;
    let mut rng = Rng::new(config.seed ^ (class as u64 + 1) << 32);
    let mut report = Report::new(format!("batches {}", class.name()));
    let target = config.pick(FULL, MODEST);
    while report.cases < target {
        let mut batches = Vec::new();
        let mut instructions = 0;
        while batches.len() < MAX_BATCHES && report.cases + instructions < target {
            let count = 1 + rng.below(LONGEST);
            let made = batch(class, count, &mut rng);
            instructions += made.units.iter().map(|unit| unit.instructions).sum::<u64>();
            batches.push(made);
        }
        let (ours, theirs) = stage.run(&batches)?;
        report.cases += instructions;
        let mut bisected = 0;
        for (batch, _) in batches.iter().zip(ours.iter().zip(&theirs)).filter(|(_, (a, b))| a != b) {
            if bisected < BISECTED {
                bisected += 1;
                report.mismatch(bisect(&stage, batch)?);
            } else {
                report.mismatch("not cut down");
            }
        }
    }
    Ok(report)
}

/// Finds the unit behind which the states first differ, and describes it.
fn bisect(stage: &Stage, batch: &Batch) -> Result<String, Error> {
    let beginnings: Vec<Batch> = (0..=batch.units.len())
        .map(|length| Batch { units: batch.units.iter().take(length).cloned().collect(), ..batch.clone() })
        .collect();
    let (ours, theirs) = stage.run(&beginnings)?;
    let differs = |n: &usize| ours.get(*n) != theirs.get(*n);
    let Some(first) = (0..beginnings.len()).find(differs) else {
        return Ok(format!("differs only at its place in the image: {}", listing(&batch.units)));
    };
    let empty = || Outcome([0; 56]);
    let before = first.checked_sub(1).and_then(|n| ours.get(n).cloned()).unwrap_or_else(empty);
    let (ours, theirs) =
        (ours.get(first).cloned().unwrap_or_else(empty), theirs.get(first).cloned().unwrap_or_else(empty));
    let culprit: Vec<Unit> = batch.units.iter().take(first).skip(first.saturating_sub(1)).cloned().collect();
    let mut text = format!("{} (traps {:#x})\n", listing(&culprit), batch.traps);
    for (n, ((before, ours), theirs)) in before.0.iter().zip(&ours.0).zip(&theirs.0).enumerate() {
        if ours != theirs {
            let _ = writeln!(
                text,
                "  {:<12} before {before:08x} ours {ours:08x} qemu {theirs:08x}",
                word_name(n)
            );
        }
    }
    let _ = write!(text, "  before: xPSR {:08x} FPSCR {:08x}", before.0[3], before.0[19]);
    for n in (4..19).chain(20..52) {
        let _ =
            write!(text, "{} {}={:08x}", if n % 8 == 4 { "\n   " } else { "" }, word_name(n), before.0[n]);
    }
    Ok(text)
}

/// Instructions in words.
fn listing(units: &[Unit]) -> String {
    let mut lines = Vec::new();
    for unit in units {
        let mut halves = unit.code.iter().copied();
        while let Some(first) = halves.next() {
            let second = if is_wide(first) { halves.next().unwrap_or(0) } else { 0 };
            // Flags apart, an instruction prints the same inside and outside of an IT block.
            let text = disassemble(&decode(first, second, false), 0, None).replace('\t', " ");
            lines.push(if is_wide(first) {
                format!("{first:04x} {second:04x} {text}")
            } else {
                format!("{first:04x} {text}")
            });
        }
    }
    lines.join("; ")
}
