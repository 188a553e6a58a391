//! `ironroot vdev trace`.

use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use ironroot_codes::input;
use ironroot_cpu::machine::Stop;
use ironroot_debug::trace::{Filter, Tracer};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::report::{DIM, Reporter};
use crate::vdev::names::{parse_range, symbols};
use crate::vdev::session::Session;
use crate::{number, vdev};

/// Power a virtual device on and write down every instruction
#[derive(Args, Debug)]
#[command(after_help = "\
A trace does not change the run: the device does what it does without one. The board file is only read. Function names \
are known of the firmware that this tool carries; --symbols adds those of an application. With --json every instruction, \
access and exception is one line: event `instruction`, `access` or `exception`.

Examples:
  ironroot vdev trace my.board --limit 200
  ironroot vdev trace my.board --range 0x08020000..0x08100000 --symbols app.elf --accesses
  ironroot vdev trace my.board --json | grep '\"exception\"'")]
pub struct Trace {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// Most instructions to write
    #[arg(long, value_name = "N", default_value = "100000", value_parser = number::parse)]
    limit: u32,
    /// Only instructions at these addresses; either end may be left out
    #[arg(long, value_name = "FROM..TO", value_parser = parse_range)]
    range: Option<Range<u64>>,
    /// Data accesses too
    #[arg(long)]
    accesses: bool,
    /// ELF file with the names of an application's functions; may be given more than once
    #[arg(long, value_name = "ELF")]
    symbols: Vec<PathBuf>,
    /// Most instructions to run, written or not
    #[arg(long, value_name = "N", default_value = "1000M", value_parser = number::parse)]
    instructions: u32,
}

/// Runs the command.
pub fn run(args: &Trace, report: &mut Reporter<'_>) -> Result {
    let rom = vdev::system_flash()?;
    let symbols = symbols(&args.symbols)?;
    let held = vdev::load(&args.board)?;
    let mut session = Session::power_on(&held.board, &rom);
    let filter = Filter {
        range: args.range.clone().unwrap_or(Filter::default().range),
        accesses: args.accesses,
        most: args.limit.into(),
    };
    let json = report.is_json();
    let mut tracer = Tracer::new(BufWriter::new(report.writer()), json, filter, &symbols);
    let stop = session.run_hooked(args.instructions.into(), &mut tracer);
    let written = match tracer.finish() {
        Ok(written) => written,
        // `| head` is no failure of the command.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => return Err(Failure::new(input::FILE_UNWRITABLE, error.to_string()).about("the trace")),
    };
    let end = match stop? {
        Stop::Hook => "limit",
        Stop::Limit => "instructions",
        Stop::Idle => "asleep",
        Stop::Lockup => "lockup",
        _ => "stopped",
    };
    let ran = session.now().instructions;
    let pc = session.machine.core.r[15];
    let data = json!({
        "board": args.board.display().to_string(),
        "end": end,
        "pc": pc,
        "written": written,
        "instructions": ran,
    });
    report.result(
        "vdev trace",
        data,
        format!("{DIM}ended: {end} at {pc:#010x}, {written} of {ran} instructions written{DIM:#}"),
    );
    Ok(())
}
