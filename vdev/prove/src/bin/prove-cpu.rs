//! `prove-cpu`: runs the campaigns and prints the table; `cargo xtask prove-cpu` starts it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ironroot_prove::campaign::CAMPAIGNS;
use ironroot_prove::report::{Config, Report};
use serde_json::json;

/// Exit code for a mismatch, as the `ironroot` tool has it for a proof that found a counter-example.
const COUNTER_EXAMPLE: u8 = 9;

/// Compares the virtual device's core with objdump, with QEMU and with itself.
#[derive(Parser)]
struct Options {
    /// The size that a release needs (minutes) instead of a quick look.
    #[arg(long)]
    full: bool,
    /// One JSON object a line; the last one has "type":"summary".
    #[arg(long)]
    json: bool,
    /// Only campaigns whose name contains this (decoder, system, batches, lockstep, consistency, fuzz, gdb-fuzz).
    #[arg(long, value_name = "CLASS")]
    only: Option<String>,
    /// Start of every random choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let config = Config { full: options.full, seed: options.seed };
    let begin = Instant::now();
    let (mut cases, mut mismatches, mut ran, mut failed) = (0, 0, 0, false);
    if !options.json {
        print(&format!("{:<34} {:>12} {:>10} {:>8}", "class", "cases", "mismatches", "listed"));
    }
    for campaign in CAMPAIGNS {
        if options.only.as_ref().is_some_and(|only| !campaign.name.contains(only.as_str())) {
            continue;
        }
        ran += 1;
        let outcome = (campaign.run)(config, &mut |report: Report| {
            cases += report.cases;
            mismatches += report.mismatches;
            show(&report, options.json);
        });
        if let Err(error) = outcome {
            failed = true;
            eprintln!("{} could not run, nothing is proved by it: {error}", campaign.name);
        }
    }
    if ran == 0 {
        eprintln!("no campaign has that name; there are:");
        for campaign in CAMPAIGNS {
            eprintln!("  {:<12} {}", campaign.name, campaign.about);
        }
        return ExitCode::from(2);
    }
    let seconds = (begin.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    if options.json {
        let summary = json!({
            "type": "summary", "cases": cases, "mismatches": mismatches, "seconds": seconds, "complete": !failed,
        });
        print(&summary.to_string());
    } else {
        print(&format!("{:<34} {cases:>12} {mismatches:>10}   in {seconds} s", "all"));
    }
    match (mismatches, failed) {
        (0, false) => ExitCode::SUCCESS,
        (0, true) => ExitCode::FAILURE,
        _ => ExitCode::from(COUNTER_EXAMPLE),
    }
}

fn show(report: &Report, json: bool) {
    if json {
        let mut line = json!(report);
        line["type"] = "class".into();
        print(&line.to_string());
        return;
    }
    print(&format!(
        "{:<34} {:>12} {:>10} {:>8}",
        report.class, report.cases, report.mismatches, report.listed
    ));
    for detail in &report.details {
        print(&format!("  {}", detail.replace('\n', "\n  ")));
    }
}

/// A line on standard output; a reader that went away ends the program quietly.
fn print(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(1);
    }
}
