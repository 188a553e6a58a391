//! `ironroot vdev profile`.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::vdev as codes;
use ironroot_cpu::machine::Stop;
use ironroot_debug::profile::Profiler;
use serde_json::{Value, json};

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::report::{BOLD, DIM, Reporter, printable};
use crate::vdev::names::symbols;
use crate::vdev::session::Session;
use crate::{files, number, vdev};

/// Rows of the table; --json has all.
const ROWS: usize = 30;

/// Power a virtual device on and count where its instructions go
#[derive(Args, Debug)]
#[command(after_help = "\
Every instruction is counted, none is sampled, and counting does not change the run. The board file is only read. The run \
ends when the core sleeps for good, locks up, or at --limit. Function names are known of the firmware that this tool \
carries; --symbols adds those of an application.

Examples:
  ironroot vdev profile my.board
  ironroot vdev profile my.board --svg boot.svg
  ironroot vdev profile my.board --limit 50M --symbols app.elf --json")]
pub struct Profile {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// Most instructions to run
    #[arg(long, value_name = "N", default_value = "1000M", value_parser = number::parse)]
    limit: u32,
    /// Write a flame graph: width is instructions, depth is calls
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// ELF file with the names of an application's functions; may be given more than once
    #[arg(long, value_name = "ELF")]
    symbols: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Profile, report: &mut Reporter<'_>) -> Result {
    if let Some(svg) = &args.svg {
        files::not_an_input(svg, args.symbols.iter().chain([&args.board]).map(PathBuf::as_path))?;
    }
    let rom = vdev::system_flash()?;
    let symbols = symbols(&args.symbols)?;
    let held = vdev::load(&args.board)?;
    let mut session = Session::power_on(&held.board, &rom);
    let mut profiler = Profiler::new(&symbols);
    report.task_begin("profile", "running the device");
    let stop = session.run_hooked(args.limit.into(), &mut profiler)?;
    report.task_end("profile", json!({ "instructions": session.now().instructions }));
    if let Some(path) = &args.svg {
        atomic::write(path, profiler.flame_graph().as_bytes(), Access::Public, Existing::Replace)
            .map_err(|e| Failure::write(path, &e))?;
    }
    let total = profiler.total();
    let share = |count: u64| 100.0 * count as f64 / total.max(1) as f64;
    let functions = profiler.by_function();
    let mut text = format!("{BOLD}{:>12} {:>7}  function{BOLD:#}\n", "instructions", "share");
    for (name, count) in functions.iter().take(ROWS) {
        text.push_str(&format!("{count:>12} {:>6.2}%  {}\n", share(*count), printable(name)));
    }
    if let Some(rest) = functions.get(ROWS..).filter(|rest| !rest.is_empty()) {
        let count = rest.iter().map(|(_, count)| count).sum();
        text.push_str(&format!(
            "{count:>12} {:>6.2}%  {DIM}{} more functions{DIM:#}\n",
            share(count),
            rest.len()
        ));
    }
    text.push_str(&format!("{total:>12}          {DIM}total{DIM:#}"));
    if let Some(path) = &args.svg {
        text.push_str(&format!("\nflame graph in {}", printable(&path.display().to_string())));
    }
    let rows: Vec<Value> = functions
        .iter()
        .map(|(name, count)| json!({ "function": name, "instructions": count, "percent": share(*count) }))
        .collect();
    let data = json!({
        "board": args.board.display().to_string(),
        "instructions": total,
        "functions": rows,
        "svg": args.svg.as_ref().map(|path| path.display().to_string()),
    });
    report.result("vdev profile", data, text);
    match stop {
        Stop::Lockup => {
            let pc = session.machine.core.r[15];
            Err(Failure::new(codes::LOCKUP, format!("the core locked up at {pc:#010x}"))
                .about(args.board.display()))
        }
        _ => Ok(()),
    }
}
