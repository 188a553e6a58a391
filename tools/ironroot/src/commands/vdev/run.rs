//! `ironroot vdev run`.

use std::path::PathBuf;

use clap::Args;
use ironroot_boot::HandOffError;
use ironroot_chip::supply::POWER_CUT;
use ironroot_chip::{CutEffect, FlashOperation, PowerCut, Stm32h735};
use ironroot_chip_h7rs::Stm32h7rs;
use ironroot_codes::{input, vdev as codes};
use ironroot_cpu::machine::Stop;
use ironroot_cpu::semihosting;
use serde_json::json;

use crate::console::{self, Console};
use crate::error::{Context, Failure, Result};
use crate::report::{BOLD, DIM, Reporter, printable};
use crate::vdev::chip::{AnyBoard, Chip, RamFault};
use crate::vdev::fault::Fault;
use crate::vdev::session::{End, Lines, Moment, Output, Session};
use crate::{interrupt, number, vdev};

/// Power a virtual device on and run it
#[derive(Args, Debug)]
#[command(after_help = "\
The run ends when the core sleeps for good, locks up, or when --until or --instructions says so; then what survives \
power-off is saved to the board file. Without --until and --instructions a device that never sleeps runs until Ctrl-C, \
which leaves the board file as it was before.

Examples:
  ironroot vdev run my.board
  ironroot vdev run my.board --until done
  ironroot vdev run my.board --instructions 50000000 --json
  ironroot vdev run my.board --cut-at 7:broken
  ironroot vdev run my.board --uart pty
  ironroot vdev run my.board --uart tcp:127.0.0.1:5555
Of an STM32H7R/7S alone, whose RAM has error correction:
  ironroot vdev run my.board --ram-error 0x20004010:double --ram-error-after watching")]
pub struct Run {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// End with success when the device has written this text; it is a failure if it never does
    #[arg(long, value_name = "TEXT")]
    until: Option<String>,
    /// Most instructions to run
    #[arg(long, value_name = "N", value_parser = parse_count)]
    instructions: Option<u64>,
    /// Where the serial ports go: stdout, pty, or tcp:ADDRESS:PORT to listen on
    #[arg(long, value_name = "DEST", default_value = "stdout")]
    uart: String,
    /// USART that input from pty or tcp goes to; 0 is LPUART1 [default: 3; 4 on an STM32H7R/7S]
    #[arg(long, value_name = "N")]
    uart_input: Option<u8>,
    /// Level of the BOOT0 pin for this and later runs
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=1))]
    boot0: Option<u8>,
    /// Product id that the system bootloader reports, for this and later runs: stm32flash 0.7 knows 0x450; 0x483 is the
    /// part's own
    #[arg(long, value_name = "PID", value_parser = number::parse_pid)]
    bootloader_pid: Option<u16>,
    /// Serve BKPT 0xAB as semihosting: text goes where the serial ports go, SYS_EXIT ends the run
    #[arg(long)]
    semihosting: bool,
    /// Cut the power at the Nth flash operation (word or page programmed, sector erased, option bytes changed); EFFECT is
    /// what it leaves: before, after, torn (a mix of bits that reads), broken (a mix that fails ECC), half (of an erase)
    #[arg(long, value_name = "N[:EFFECT[:SEED]]", value_parser = parse_cut)]
    cut_at: Option<PowerCut>,
    /// Put an error into the word of RAM at ADDRESS: single (one bit, corrected) or double (lost), of parts whose RAM has error
    /// correction
    #[arg(long, value_name = "ADDRESS[:KIND]", value_parser = parse_ram_error)]
    ram_error: Option<RamFault>,
    /// Do so when the device has written this text [default: at once]
    #[arg(long, value_name = "TEXT", requires = "ram_error")]
    ram_error_after: Option<String>,
    /// Leave the board file as it is
    #[arg(long)]
    dry_run: bool,
}

/// `0x20004010`, `0x20004010:double`.
fn parse_ram_error(text: &str) -> std::result::Result<RamFault, String> {
    let (address, kind) = text.split_once(':').unwrap_or((text, "single"));
    let address = number::parse(address)?;
    match kind {
        "single" => Ok(RamFault { address, double: false }),
        "double" => Ok(RamFault { address, double: true }),
        _ => Err(format!("`{kind}` is no kind of error; there are single, double")),
    }
}

/// `7`, `7:torn`, `7:torn:42`.
fn parse_cut(text: &str) -> std::result::Result<PowerCut, String> {
    let mut parts = text.splitn(3, ':');
    let operation = parse_count(parts.next().unwrap_or_default())?;
    if operation == 0 {
        return Err("operations are counted from 1".to_owned());
    }
    let effect = match parts.next() {
        None => CutEffect::Broken,
        Some(name) => name.parse().map_err(|_| {
            let names: Vec<&str> = CutEffect::ALL.iter().map(|effect| effect.name()).collect();
            format!("`{name}` is no effect; there are {}", names.join(", "))
        })?,
    };
    let seed = parts.next().map_or(Ok(0), parse_count)?;
    Ok(PowerCut { operation, effect, seed })
}

/// Plain counts go beyond 32 bits; the other forms are those of all numbers.
fn parse_count(text: &str) -> std::result::Result<u64, String> {
    match text.replace('_', "").parse() {
        Ok(count) => Ok(count),
        Err(_) => number::parse(text).map(u64::from),
    }
}

/// Looks for a text in what the device writes.
#[derive(Default)]
struct Seek {
    text: Vec<u8>,
    /// The end of each port's output, long enough to find the text across two pieces. Ports are few.
    tails: Vec<(&'static str, Vec<u8>)>,
}

impl Seek {
    fn of(text: Option<&String>) -> Self {
        Seek { text: text.map(|text| text.clone().into_bytes()).unwrap_or_default(), tails: Vec::new() }
    }

    fn found(&mut self, output: &Output) -> bool {
        if self.text.is_empty() {
            return false;
        }
        let index = match self.tails.iter().position(|(port, _)| *port == output.port) {
            Some(index) => index,
            None => {
                self.tails.push((output.port, Vec::new()));
                self.tails.len() - 1
            }
        };
        let Some((_, tail)) = self.tails.get_mut(index) else { return false };
        tail.extend_from_slice(&output.bytes);
        let found = tail.windows(self.text.len()).any(|window| window == self.text);
        let keep = tail.len().saturating_sub(self.text.len());
        tail.drain(..keep);
        found
    }
}

/// Watches the output: passes it on and looks for texts.
struct Watch<'a, 'r> {
    report: &'a mut Reporter<'r>,
    console: Console,
    until: Seek,
    /// An error of RAM that is still to come, and the text behind which it comes.
    ram_error: Option<(RamFault, Seek)>,
    /// The line that each port has begun: an event of `--json` holds a whole line.
    lines: Vec<(&'static str, Lines)>,
    failure: Option<Failure>,
    input: u8,
}

impl Watch<'_, '_> {
    /// False to end the run.
    fn output<C: Chip>(&mut self, session: &mut Session<C>, output: &Output) -> bool {
        if self.report.is_json() {
            self.report_lines(output);
        } else {
            self.report.raw(&output.bytes);
        }
        let passed = self.console.write(&output.bytes).and_then(|()| self.take_input(session));
        if let Err(failure) = passed {
            self.failure = Some(failure);
            return false;
        }
        if self.ram_error.as_mut().is_some_and(|(_, after)| after.found(output)) {
            self.spoil(session);
        }
        self.failure.is_none() && !self.until.found(output)
    }

    /// Puts the error into RAM.
    fn spoil<C: Chip>(&mut self, session: &mut Session<C>) {
        let Some((fault, _)) = self.ram_error.take() else { return };
        if session.chip().inject_ram_error(fault) {
            session.machine.poke();
        } else {
            let cause = format!("the RAM at {:#010x} has no error correction", fault.address);
            let failure = Failure::new(input::USAGE, cause);
            self.failure = Some(failure.fix("Name an address in a RAM that has it: AXI SRAM1, AXI SRAM3, ITCM, DTCM or backup SRAM of an STM32H7R/7S."));
        }
    }

    fn report_lines(&mut self, output: &Output) {
        let index = self.lines.iter().position(|(port, _)| *port == output.port).unwrap_or_else(|| {
            self.lines.push((output.port, Lines::default()));
            self.lines.len() - 1
        });
        let complete =
            self.lines.get_mut(index).map(|(_, lines)| lines.add(&output.bytes)).unwrap_or_default();
        for line in complete {
            self.report.progress("run", said(output.port, &line, output.at));
        }
    }

    /// What no line end came for any more.
    fn report_rest(&mut self, at: Moment) {
        for (port, lines) in std::mem::take(&mut self.lines) {
            if let Some(rest) = lines.rest() {
                self.report.progress("run", said(port, &rest, at));
            }
        }
    }

    /// True if there was something.
    fn take_input<C: Chip>(&mut self, session: &mut Session<C>) -> Result<bool> {
        let typed = self.console.read()?;
        if !typed.is_empty() {
            session.chip().feed_uart_input(self.input, &typed);
            session.machine.poke();
        }
        Ok(!typed.is_empty())
    }
}

fn said(port: &str, text: &str, at: Moment) -> serde_json::Value {
    json!({ "port": port, "text": text, "instructions": at.instructions, "virtual_ns": at.nanoseconds })
}

/// Runs the command.
pub fn run(args: &Run, report: &mut Reporter<'_>) -> Result {
    let held = vdev::load_any(&args.board)?;
    match held.board.clone() {
        AnyBoard::H735(mut board) => {
            if let Some(level) = args.boot0 {
                board.set_boot0(level == 1);
            }
            if let Some(pid) = args.bootloader_pid {
                board.set_bootloader_pid(Some(pid));
            }
            run_on::<Stm32h735>(args, &board, report)
        }
        AnyBoard::H7rs(mut board) => {
            if let Some(level) = args.boot0 {
                board.set_boot0(level == 1);
            }
            if args.bootloader_pid.is_some() {
                let cause =
                    "--bootloader-pid is for the STM32H735: the bootloader of this part has no other id";
                return Err(Failure::new(input::USAGE, cause).about(args.board.display()));
            }
            run_on::<Stm32h7rs>(args, &board, report)
        }
    }
}

fn run_on<C: Chip>(args: &Run, board: &C::Board, report: &mut Reporter<'_>) -> Result {
    let destination = console::parse(&args.uart)?;
    let rom = C::system_flash()?;
    let console = console::open(&destination, &mut |place| report.console_open(place))?;
    report.task_begin("run", "running the device");
    let mut session = Session::<C>::on(board, &rom);
    session.machine.core.semihosting = args.semihosting;
    session.chip().cut_power_at(args.cut_at);
    session.chip().record_flash_operations(args.cut_at.is_some());
    let mut watch = Watch {
        report,
        console,
        until: Seek::of(args.until.as_ref()),
        ram_error: args.ram_error.map(|fault| (fault, Seek::of(args.ram_error_after.as_ref()))),
        lines: Vec::new(),
        failure: None,
        input: args.uart_input.unwrap_or(C::CONSOLE),
    };
    if args.ram_error_after.is_none() {
        watch.spoil(&mut session);
    }
    if let Some(failure) = watch.failure.take() {
        return Err(failure);
    }
    let end = drive(&mut session, args.instructions, &mut watch);
    watch.report_rest(session.now());
    if end == End::Interrupted {
        return Err(interrupt::failure());
    }
    let failure = watch.failure.take();
    // What was asked for and did not happen would be believed to have been survived.
    if let Some((_, after)) = watch.ram_error.take() {
        let text = String::from_utf8_lossy(&after.text);
        watch.report.warning(&format!("no error was put into RAM: the device did not write `{text}`"));
    }
    for warning in session.chip().take_warnings() {
        report.warning(&warning.to_string());
    }
    // The flash is what it is, however the run ended: a device keeps what it wrote before it crashed.
    if !args.dry_run {
        vdev::save(&session.chip().to_board(), &args.board)?;
    }
    finish(args, &mut session, end, report).about(args.board.display())?;
    failure.map_or(Ok(()), Err)
}

/// Runs to the end; between two pieces input is taken even if the device says nothing.
fn drive<C: Chip>(session: &mut Session<C>, limit: Option<u64>, watch: &mut Watch<'_, '_>) -> End {
    /// Instructions between two looks at the input.
    const PIECE: u64 = 200_000;
    let mut left = limit.unwrap_or(u64::MAX);
    loop {
        let piece = left.min(PIECE);
        let end = session.run(piece, &mut |session, output| watch.output(session, &output));
        left -= piece;
        let waits = match end {
            End::Stopped(Stop::Limit) => left > 0,
            // It sleeps until somebody types. With the terminal of this command nobody can.
            End::Stopped(Stop::Idle) => {
                watch.until.text.is_empty() && !matches!(watch.console, Console::Stdout)
            }
            _ => false,
        };
        if !waits {
            return end;
        }
        let typed = match watch.take_input(session) {
            Ok(typed) => typed,
            Err(failure) => {
                watch.failure = Some(failure);
                return End::Asked;
            }
        };
        if !typed && end == End::Stopped(Stop::Idle) {
            // Virtual time stands while the device sleeps; the host need not be busy with it.
            watch.console.wait(std::time::Duration::from_millis(5));
        }
    }
}

/// The core stands, and it neither sleeps nor has it used its instructions up.
fn stopped(stop: Stop, pc: u32) -> Failure {
    let cause = match stop {
        Stop::Breakpoint(at) => format!("a breakpoint at {at:#010x}"),
        Stop::Watchpoint(_) => format!("a watched access before {pc:#010x}"),
        Stop::Bkpt { pc, imm } => format!("BKPT {imm:#04x} at {pc:#010x}"),
        Stop::Halted => format!("the debug port holds the core at {pc:#010x}"),
        Stop::Chip(reason) => format!("the chip stopped with reason {reason} at {pc:#010x}"),
        Stop::Lockup | Stop::Idle | Stop::Limit | Stop::Hook => format!("the core stands at {pc:#010x}"),
    };
    let failure = Failure::new(codes::RUN_STOPPED, cause);
    match stop {
        Stop::Bkpt { imm: semihosting::CALL, .. } => {
            failure.fix("This is a semihosting call: repeat the command with --semihosting.")
        }
        _ => failure,
    }
}

/// The outcome: what the run was asked for, and the hand-off record.
fn finish<C: Chip>(args: &Run, session: &mut Session<C>, end: End, report: &mut Reporter<'_>) -> Result {
    let now = session.now();
    let record = session.hand_off();
    let pc = session.machine.core.r[15];
    let fault = if C::HAS_CONTRACT { Fault::of(session) } else { None };
    let reason = match end {
        End::Asked => "until",
        End::Exited(_) => "exit",
        End::Stopped(Stop::Idle) => "asleep",
        End::Stopped(Stop::Limit) => "instructions",
        End::Stopped(Stop::Lockup) => "lockup",
        End::Stopped(Stop::Chip(POWER_CUT)) => "power-cut",
        End::Stopped(_) => "stopped",
        End::Interrupted => "interrupted",
    };
    report.task_end(
        "run",
        json!({ "end": reason, "instructions": now.instructions, "virtual_ns": now.nanoseconds }),
    );
    match (end, &args.until) {
        (End::Exited(false), _) => {
            return Err(Failure::new(
                codes::PROGRAM_FAILED,
                "SYS_EXIT with another reason than application exit",
            ));
        }
        (End::Stopped(Stop::Lockup), _) => {
            let failure = Failure::new(codes::LOCKUP, format!("the core locked up at {pc:#010x}"));
            return Err(match fault {
                Some(fault) => failure.fix(format!("`{}` says what it was not allowed.", fault.command())),
                None => failure,
            });
        }
        (End::Stopped(Stop::Limit), Some(text)) => {
            let cause = format!(
                "`{text}` was not written within {} instructions; the core is at {pc:#010x}",
                now.instructions
            );
            return Err(Failure::new(codes::BUDGET, cause));
        }
        (End::Stopped(Stop::Idle), Some(text)) => {
            let cause = format!("`{text}` was not written before the core went to sleep at {pc:#010x}");
            return Err(Failure::new(codes::OUTPUT_MISMATCH, cause).fix(
                "Compare with what the device wrote above; `ironroot vdev show` tells how its boot ends.",
            ));
        }
        (End::Stopped(Stop::Chip(POWER_CUT)), _) => {}
        (End::Stopped(stop), _) if !matches!(stop, Stop::Idle | Stop::Limit) => {
            return Err(stopped(stop, pc));
        }
        _ => {}
    }
    let hand_off = match &record {
        Ok(record) => vdev::record::line(record),
        Err(HandOffError::Missing) => "none".to_owned(),
        Err(other) => format!("not usable: {}", other.code()),
    };
    let operations = session.chip().take_flash_operations();
    let cut = (end == End::Stopped(Stop::Chip(POWER_CUT))).then(|| operations.last().copied()).flatten();
    let data = json!({
        "board": args.board.display().to_string(),
        "end": reason,
        "flash_operations": session.chip().flash_operations(),
        "cut": cut.map(|operation| operation.to_string()),
        "pc": pc,
        "instructions": now.instructions,
        "virtual_ns": now.nanoseconds,
        "resets": session.machine.resets,
        "hand_off": record.as_ref().ok().map(vdev::record::fields),
        "saved": !args.dry_run,
        "fault": fault.map(|fault| fault.fields()),
        "fault_code": fault.map(|_| codes::IN_FAULT_HANDLER.to_string()),
    });
    let text = format!(
        "{}{}{DIM}ended: {reason} at {pc:#010x} after {} instructions, {:.3} ms of virtual time{DIM:#}\n{BOLD}hand-off{BOLD:#} {}",
        fault_line(fault),
        cut_line(args.cut_at, cut, operations.len()),
        now.instructions,
        now.nanoseconds as f64 / 1e6,
        printable(&hand_off),
    );
    report.result("vdev run", data, text);
    Ok(())
}

/// How to learn what the fault means in whose handler the core is; empty without one.
fn fault_line(fault: Option<Fault>) -> String {
    let code = codes::IN_FAULT_HANDLER;
    fault.map_or(String::new(), |fault| format!("{BOLD}fault{BOLD:#} {code}: {}\n", fault.command()))
}

/// What became of `--cut-at`; empty without it.
fn cut_line(wanted: Option<PowerCut>, cut: Option<FlashOperation>, operations: usize) -> String {
    match (wanted, cut) {
        (None, _) => String::new(),
        (Some(PowerCut { operation, effect, .. }), Some(what)) => {
            format!("{BOLD}power cut{BOLD:#} at flash operation {operation}, {what}: {effect}\n")
        }
        (Some(PowerCut { operation, .. }), None) => {
            format!(
                "{BOLD}power not cut{BOLD:#}: {operation} was asked for, {operations} flash operations came\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_cuts_are_written_as_operation_effect_and_seed() {
        let cut = |operation, effect, seed| Ok(PowerCut { operation, effect, seed });
        assert_eq!(parse_cut("7"), cut(7, CutEffect::Broken, 0));
        assert_eq!(parse_cut("1_000:torn"), cut(1000, CutEffect::Torn, 0));
        assert_eq!(parse_cut("3:half:0x10"), cut(3, CutEffect::Half, 16));
        for bad in ["", "0", "x", "1:", "1:sideways", "1:torn:x"] {
            assert!(parse_cut(bad).is_err(), "{bad}");
        }
        assert!(
            parse_cut("1:sideways").is_err_and(|text| text.contains("before, after, torn, broken, half"))
        );
    }

    #[test]
    fn a_core_that_stopped_is_no_success_and_says_why() {
        let bkpt = stopped(Stop::Bkpt { pc: 0x0800_0010, imm: 0xAB }, 0x0800_0010);
        assert_eq!((bkpt.code, bkpt.exit()), (codes::RUN_STOPPED, ironroot_codes::Exit::Device));
        assert!(bkpt.cause.contains("BKPT 0xab at 0x08000010") && bkpt.remedy().contains("--semihosting"));
        let halted = stopped(Stop::Halted, 0x0800_0010);
        assert!(halted.cause.contains("debug port") && !halted.remedy().contains("--semihosting"));
    }
}
