//! `ironroot device diagnose`: what state a device is in, seen from outside, and what is still possible.

use std::fmt::Write;

use clap::Args;
use ironroot_chip::reach::Outlook;
use ironroot_chip::{Board, DebugRefusal};
use ironroot_codes::input;
use serde_json::{Value, json};

use crate::commands::ob;
use crate::commands::ob::probe::{Probe, rom_for};
use crate::error::{Failure, Result};
use crate::report::{BOLD, DIM, Reporter};
use crate::vdev::session::Session;

/// Say from outside what state a device is in, and what is still possible
#[derive(Args, Debug)]
#[command(after_help = "\
Only what somebody without the firmware's help can see is used: the debug port at power-on and after a boot, the system \
bootloader's answer with BOOT0 high, and whether anything is said on a serial port. The board file is not changed.

Examples:
  ironroot device diagnose --device vdev:my.board
  ironroot device diagnose --device vdev:my.board --json")]
pub struct Diagnose;

/// Instructions until the bootloader listens, and until it has answered.
const BOOTLOADER_LIMIT: u64 = 8_000_000;
/// The serial ports of the bootloader.
const BOOTLOADER_PORTS: [u8; 3] = [1, 2, 3];
/// AN3155: the host's first byte, and the answer.
const SYNCHRONISE: u8 = 0x7F;
const ACKNOWLEDGE: u8 = 0x79;

/// What was seen.
struct Seen {
    gate: std::result::Result<(), DebugRefusal>,
    opened_by_code: bool,
    bootloader: bool,
    says_something: bool,
}

/// A finding: when it holds, its name, what it means, what is possible.
struct Finding {
    holds: fn(&Seen) -> bool,
    name: &'static str,
    meaning: &'static str,
    possible: &'static str,
}

/// The first that holds is the diagnosis.
const FINDINGS: &[Finding] = &[
    Finding {
        holds: |seen| seen.gate.is_ok() && !seen.opened_by_code,
        name: "open",
        meaning: "The debug port is open from power-on: Standard mode, RDP level 0 or 1.",
        possible: "Everything: `ironroot ob plan` shows the way to any options.",
    },
    Finding {
        holds: |seen| seen.gate.is_ok(),
        name: "opened-by-code",
        meaning: "Secure access mode; the code that boots opens the debug port (exitSecureArea with the JTAG magic).",
        possible: "Everything as long as that code boots: do not reset in the middle, do not erase it first.",
    },
    Finding {
        holds: |seen| seen.gate == Err(DebugRefusal::Disabled),
        name: "level-2",
        meaning: "RDP level 2: the debug port is off for ever.",
        possible: "Nothing from outside. What the installed code offers is all there will be.",
    },
    Finding {
        holds: |seen| seen.bootloader,
        name: "bootloader",
        meaning: "Secure access mode without a secure area; the debug port is closed and the system bootloader answers.",
        possible: "With BOOT0 high load a program into RAM through the bootloader, and let it clear SECURITY.",
    },
    Finding {
        holds: |seen| seen.says_something,
        name: "own-code",
        meaning: "Secure access mode; code runs, the debug port stays closed, and the bootloader is not reachable.",
        possible: "Only the code that runs leads back: an update through it, or its exit with the JTAG magic.",
    },
    Finding {
        holds: |_| true,
        name: "silent",
        meaning: "Secure access mode; the debug port is closed, the bootloader is not reachable, and nothing is said.",
        possible: "If the code is there but silent, only it leads back; if the secure area is empty, nothing does.",
    },
];

/// Runs the command.
pub fn run(device: Option<&str>, report: &mut Reporter<'_>) -> Result {
    let device = device
        .ok_or_else(|| Failure::new(input::USAGE, "no device was given").fix("Write --device vdev:FILE."))?;
    let mut probe = Probe::power_on(device)?;
    // Nothing is written: the diagnosis may boot the board as often as it likes.
    let board = probe.board().clone();
    let says_something = probe.gate.is_err() && !probe.session.take_output().is_empty();
    let bootloader = probe.gate.is_err() && bootloader_answers(&board)?;
    let seen = Seen { gate: probe.gate, opened_by_code: probe.opened_by_code, bootloader, says_something };
    let Some(finding) = FINDINGS.iter().find(|finding| (finding.holds)(&seen)) else {
        return Ok(());
    };
    let mut text = format!("{BOLD}{}{BOLD:#}  {}\n  {}\n", finding.name, finding.meaning, finding.possible);
    let debug = match &seen.gate {
        Ok(()) if seen.opened_by_code => "opened by the code that boots".to_owned(),
        Ok(()) => "open".to_owned(),
        Err(refusal) => refusal.to_string(),
    };
    let _ = writeln!(text, "  {DIM}debug port: {debug}{DIM:#}");
    if seen.gate.is_err() {
        let answer = if bootloader { "answers" } else { "does not answer" };
        let _ = writeln!(text, "  {DIM}bootloader with BOOT0 high: {answer}{DIM:#}");
    }
    let outlook = if seen.gate.is_ok() { outlook(&mut probe, &mut text)? } else { Value::Null };
    let data = json!({
        "device": device,
        "state": finding.name,
        "meaning": finding.meaning,
        "possible": finding.possible,
        "debug_port": debug,
        "bootloader": bootloader,
        "outlook": outlook,
    });
    report.result("device diagnose", data, text.trim_end());
    Ok(())
}

/// What can be read through the port.
fn outlook(probe: &mut Probe, text: &mut String) -> Result<Value> {
    let (options, uid) = (probe.options()?, probe.unique_id()?);
    let known = probe.known(&[options])?;
    let outlook = known.with(|content| Outlook::of(&options, content, 0));
    let _ = writeln!(text, "  {DIM}unique id {uid}, RDP {:#04x}{DIM:#}", options.rdp_byte());
    ob::write_outlook(text, "outlook", &outlook, &options);
    Ok(ob::outlook_value(&outlook, &options))
}

/// Powers a copy of the board on with BOOT0 high and knocks.
fn bootloader_answers(board: &Board) -> Result<bool> {
    let mut board = board.clone();
    board.set_boot0(true);
    let mut session = Session::power_on(&board, &rom_for(&board)?);
    session.machine.run(BOOTLOADER_LIMIT);
    session.take_output();
    for port in BOOTLOADER_PORTS {
        session.chip().feed_uart_input(port, &[SYNCHRONISE]);
        session.machine.run(BOOTLOADER_LIMIT);
        if session.take_output().iter().any(|output| output.bytes == [ACKNOWLEDGE]) {
            return Ok(true);
        }
    }
    Ok(false)
}
