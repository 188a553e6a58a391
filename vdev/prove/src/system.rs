//! System programs: one small program for each rule about exceptions, faults, protection and system registers, run on both
//! sides, their result words compared one by one.
//!
//! The programs are in `system/*.s`; each begins with a line `@@ name: the rule`. Where QEMU is known to depart from the
//! architecture the difference is in [`known`], with the section that decides.

mod known;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ironroot_cpu::machine::Stop;
use ironroot_mps2::{End, Program, run as run_program};

use crate::batches::image;
use crate::qemu;
use crate::report::{Config, Error, Report};
pub use known::{Difference, KNOWN};

/// The programs, by what they are about.
const FILES: &[(&str, &str)] = &[
    ("exceptions", include_str!("system/exceptions.s")),
    ("faults", include_str!("system/faults.s")),
    ("returns", include_str!("system/returns.s")),
    ("float context", include_str!("system/float.s")),
    ("MPU", include_str!("system/mpu.s")),
    ("combinations", include_str!("system/combinations.s")),
];
/// Programs that must lock up. QEMU aborts at lockup: only our machine runs them.
const LOCKUP: &str = include_str!("system/lockup.s");
const PRELUDE: &str = include_str!("system/prelude.inc");

const RESULTS: u32 = 0x2010_0000;
const LOG: u32 = 0x2000_0000;
/// Instructions and time that a program may take.
const BUDGET: u64 = 200_000;
const QEMU_TIME: Duration = Duration::from_secs(20);

/// One program.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its name.
    pub name: &'a str,
    /// The rule it is about.
    pub rule: &'a str,
    source: &'a str,
}

/// The programs of one file.
pub fn cases(file: &str) -> Vec<Case<'_>> {
    file.split("@@ ")
        .skip(1)
        .filter_map(|part| {
            let (title, source) = part.split_once('\n')?;
            let (name, rule) = title.split_once(": ")?;
            Some(Case { name, rule, source })
        })
        .collect()
}

/// Runs all programs. There is one size.
pub fn run(_config: Config) -> Result<Vec<Report>, Error> {
    let mut reports = Vec::new();
    for (class, file) in FILES {
        let mut report = Report::new(format!("system {class}"));
        for case in cases(file) {
            compare(case, &mut report)?;
        }
        reports.push(report);
    }
    reports.push(lockup()?);
    Ok(reports)
}

/// Assembles a program into `directory`.
fn assemble(case: Case<'_>, directory: &Path) -> Result<(PathBuf, Program), Error> {
    let text = format!("{PRELUDE}{}\n        .ltorg\n", case.source);
    image::assemble(&text, directory)
        .map_err(|error| Error::new(format!("system program {}", case.name), error))
}

/// The result words that a program wrote on our machine, and how it ended.
fn run_ours(program: &Program) -> Result<(Vec<u32>, End), Error> {
    let mut machine = program.machine().map_err(|error| Error::new("program.elf", error))?;
    let end = run_program(&mut machine, BUDGET);
    let bus = &machine.core.bus;
    let next = words(bus.bytes_at(LOG, 4)).first().copied().unwrap_or(RESULTS);
    let length = (next.wrapping_sub(RESULTS) as usize).min(1 << 16);
    Ok((words(bus.bytes_at(RESULTS, length)), end))
}

/// QEMU's result words; None if it did not get to the end (it aborts at lockup).
fn run_theirs(elf: &Path, directory: &Path) -> Result<Option<Vec<u32>>, Error> {
    if !qemu::run_to_end(&mut qemu::command(elf, directory), QEMU_TIME)? {
        return Ok(None);
    }
    Ok(std::fs::read(directory.join("results")).ok().map(|bytes| words(&bytes)))
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|raw| raw.first_chunk().map(|raw| u32::from_le_bytes(*raw))).collect()
}

fn compare(case: Case<'_>, report: &mut Report) -> Result<(), Error> {
    let directory = tempfile::tempdir().map_err(|error| Error::new("temporary directory", error))?;
    let (elf, program) = assemble(case, directory.path())?;
    let theirs = run_theirs(&elf, directory.path())?;
    let (ours, end) = run_ours(&program)?;
    report.cases += 1;
    if end != End::Exit(true) {
        report.mismatch(format!(
            "{} ({}): we ended with {end:?} after words {ours:08x?}",
            case.name, case.rule
        ));
        return Ok(());
    }
    let Some(theirs) = theirs else {
        if KNOWN.iter().any(|known| known.program == case.name && known.qemu_fails()) {
            report.listed += 1;
        } else {
            report.mismatch(format!("{} ({}): QEMU did not end; ours {ours:08x?}", case.name, case.rule));
        }
        return Ok(());
    };
    let mut unlisted = Vec::new();
    let mut listed = false;
    for n in 0..ours.len().max(theirs.len()) {
        let (a, b) = (ours.get(n).copied(), theirs.get(n).copied());
        if a == b {
            continue;
        }
        if KNOWN.iter().any(|known| known.covers(case.name, n, a, b)) {
            listed = true;
        } else {
            unlisted.push(n);
        }
    }
    if !unlisted.is_empty() {
        report.mismatch(format!(
            "{} ({}): words {unlisted:?} differ\n  ours {ours:08x?}\n  qemu {theirs:08x?}",
            case.name, case.rule
        ));
    } else if listed {
        report.listed += 1;
    }
    Ok(())
}

fn lockup() -> Result<Report, Error> {
    let mut report = Report::new("system lockup (ours only)");
    for case in cases(LOCKUP) {
        let directory = tempfile::tempdir().map_err(|error| Error::new("temporary directory", error))?;
        let (_, program) = assemble(case, directory.path())?;
        let (_, end) = run_ours(&program)?;
        report.cases += 1;
        if end != End::Stop(Stop::Lockup) {
            report.mismatch(format!("{} ({}): ended with {end:?}, not in lockup", case.name, case.rule));
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_name_of_its_own_and_every_known_difference_a_program() {
        let all: Vec<_> = FILES.iter().flat_map(|(_, file)| cases(file)).map(|case| case.name).collect();
        for (i, name) in all.iter().enumerate() {
            assert!(!all[..i].contains(name), "{name} is there twice");
        }
        for known in KNOWN {
            assert!(all.contains(&known.program), "{} is no program", known.program);
        }
    }
}
