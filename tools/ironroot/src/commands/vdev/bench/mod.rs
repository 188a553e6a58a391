//! `ironroot vdev bench`: how fast this build simulates, on this machine.
//!
//! 1. Only what a program does between its marks is timed, after a run that warms the cache of decoded code up.
//! 2. Every timed run must end in the same state as the first one: a benchmark of a wrong result is worth nothing.
//! 3. Medians: the machine does other things too.

mod device;
mod programs;
mod qemu;
mod snapshots;

use clap::Args;
use ironroot_codes::input;
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::report::{BOLD, DIM, Reporter};

/// Measure how fast the virtual device runs: SHA-256, ECDSA, copies, interrupts, a secure boot, snapshots
#[derive(Args, Debug)]
#[command(after_help = "\
sha256, ecdsa, memcpy and interrupts are programs for a board that QEMU has too (mps2-an500). The names that begin with \
h735 are measured on a virtual STM32H735 in its secure boot, secure area and MPU in force; `hook` is with a function \
called before every instruction. --vs-qemu runs each program under qemu-system-arm in turn (A B A B); the time that QEMU \
takes for a program that exits at once is taken off, and the ratio is our speed to QEMU's.

Examples:
  ironroot vdev bench
  ironroot vdev bench --vs-qemu
  ironroot vdev bench --only ecdsa --runs 11
  ironroot vdev bench --json")]
pub struct Bench {
    /// Run the programs under qemu-system-arm as well, and show the ratio
    #[arg(long)]
    vs_qemu: bool,
    /// Only the benchmark of this name, or those whose name contains it
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Timed runs of each, after one to warm up; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
}

/// One line of the table.
struct Row {
    /// What was measured.
    benchmark: &'static str,
    /// How it came out.
    figure: Figure,
}

/// A measured value.
enum Figure {
    /// Simulated instructions in seconds (median), and QEMU's seconds for the same.
    Speed { instructions: u64, seconds: f64, qemu_seconds: Option<f64> },
    /// Seconds that an operation takes: median and 99th percentile of `count`.
    Latency { seconds: f64, p99_seconds: f64, count: usize },
    /// Bytes of memory that `count` things take.
    Memory { bytes: u64, count: usize },
}

/// Measures the benchmarks of these names and hands on a row for each.
type Measure = fn(&Bench, &[&'static str], &mut dyn FnMut(Row)) -> Result;

/// Names, and what measures those that are wanted.
struct Group {
    names: &'static [&'static str],
    run: Measure,
}

/// In the order of the table. The snapshots first: their memory is seen as growth of the process, which memory that others
/// gave back would hide.
const GROUPS: &[Group] = &[
    Group { names: snapshots::NAMES, run: snapshots::run },
    Group { names: programs::NAMES, run: programs::run },
    Group { names: device::NAMES, run: device::run },
];

/// Runs the command.
pub fn run(args: &Bench, report: &mut Reporter<'_>) -> Result {
    let all: Vec<&str> = GROUPS.iter().flat_map(|group| group.names).copied().collect();
    let exact = args.only.as_ref().is_some_and(|only| all.contains(&only.as_str()));
    let wanted = |name: &&'static str| {
        args.only.as_ref().is_none_or(|only| if exact { name == only } else { name.contains(only.as_str()) })
    };
    if !all.iter().any(wanted) {
        let cause =
            format!("--only {}: no benchmark has that in its name", args.only.as_deref().unwrap_or_default());
        return Err(Failure::new(input::USAGE, cause).fix(format!("There are {}.", all.join(", "))));
    }
    let qemu = if args.vs_qemu { Some(qemu::version()?) } else { None };
    report.task_begin("bench", "measuring");
    report.text(format!(
        "{BOLD}{:<22}{:>14}{:>12}{:>9}{}{BOLD:#}",
        "benchmark",
        "instructions",
        "seconds",
        "MIPS",
        if args.vs_qemu { "  QEMU seconds   ratio" } else { "" }
    ));
    let mut rows = 0u32;
    for group in GROUPS {
        let names: Vec<&'static str> = group.names.iter().copied().filter(wanted).collect();
        if !names.is_empty() {
            (group.run)(args, &names, &mut |row| {
                rows += 1;
                report.progress("bench", fields(&row));
                report.text(line(&row));
            })?;
        }
    }
    let about = match &qemu {
        Some(version) => format!("; {version}, its start-up taken off"),
        None => String::new(),
    };
    let text = format!("{DIM}medians of {} runs{about}{DIM:#}", args.runs);
    report.result("vdev bench", json!({ "benchmarks": rows, "runs": args.runs, "qemu": qemu }), text);
    Ok(())
}

/// A row as the members of an event.
fn fields(row: &Row) -> Value {
    match row.figure {
        Figure::Speed { instructions, seconds, qemu_seconds } => {
            let mut value = json!({
                "benchmark": row.benchmark,
                "instructions": instructions,
                "seconds": seconds,
                "mips": mips(instructions, seconds),
            });
            if let Some(theirs) = qemu_seconds {
                value["qemu_seconds"] = theirs.into();
                value["ratio"] = (theirs / seconds).into();
            }
            value
        }
        Figure::Latency { seconds, p99_seconds, count } => {
            json!({ "benchmark": row.benchmark, "seconds": seconds, "p99_seconds": p99_seconds, "count": count })
        }
        Figure::Memory { bytes, count } => {
            json!({ "benchmark": row.benchmark, "bytes": bytes, "count": count })
        }
    }
}

/// A row for a person.
fn line(row: &Row) -> String {
    let name = row.benchmark;
    match row.figure {
        Figure::Speed { instructions, seconds, qemu_seconds } => {
            let ours =
                format!("{name:<22}{instructions:>14}{seconds:>12.4}{:>9.1}", mips(instructions, seconds));
            match qemu_seconds {
                Some(theirs) => format!("{ours}{theirs:>14.4}{:>8.2}", theirs / seconds),
                None => ours,
            }
        }
        Figure::Latency { seconds, p99_seconds, count } => format!(
            "{name:<22}{:>14}{:>9.1} us  p99 {:.1} us, of {count}",
            "",
            seconds * 1e6,
            p99_seconds * 1e6
        ),
        Figure::Memory { bytes, count } => {
            format!("{name:<22}{:>14}{:>9.1} MB  for {count} snapshots of one boot", "", bytes as f64 / 1e6)
        }
    }
}

/// Million instructions a second.
fn mips(instructions: u64, seconds: f64) -> f64 {
    instructions as f64 / seconds.max(1e-9) / 1e6
}

/// The value below which `share` (0 to 1) of `samples` lie; 0.5 is the median. Zero without samples.
fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// The model came to another state when it ran the same code again.
fn contradiction(benchmark: &str) -> Failure {
    let cause = format!("two runs of `{benchmark}` ended in different states");
    Failure::new(ironroot_codes::internal::MODEL_CONTRADICTION, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_few_and_many() {
        assert_eq!(quantile(&mut [], 0.5), 0.0);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        let mut many: Vec<f64> = (0..101).rev().map(f64::from).collect();
        assert_eq!((quantile(&mut many, 0.5), quantile(&mut many, 0.99)), (50.0, 99.0));
    }

    #[test]
    fn a_line_of_json_has_what_was_asked_for() {
        let mut row = Row {
            benchmark: "x",
            figure: Figure::Speed { instructions: 2_000_000, seconds: 0.5, qemu_seconds: None },
        };
        assert_eq!(fields(&row)["mips"], 4.0);
        assert!(fields(&row).get("ratio").is_none());
        row.figure = Figure::Speed { instructions: 2_000_000, seconds: 0.5, qemu_seconds: Some(0.25) };
        assert_eq!((&fields(&row)["qemu_seconds"], &fields(&row)["ratio"]), (&json!(0.25), &json!(0.5)));
    }
}
