//! Booting the demo's device, and trying its closed secure area.

use ironroot_chip::flash::registers::sr;
use ironroot_chip::{Board, Mode};
use ironroot_codes::{input, vdev as codes};
use ironroot_cpu::bus::Size;
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h735::{KEY_STORE, SECURE_AREA, SLOT};
use serde_json::json;

use super::Bench;
use super::story::Story;
use crate::error::{Failure, Result};
use crate::vdev::session::{End, Lines, Output, Session};

/// More than any boot takes: it ends with a refusal instead of running for ever.
const BOOT_LIMIT: u64 = 200_000_000;

/// A device that stands before the first instruction of its application.
pub struct Booted {
    /// The device.
    pub session: Session,
}

/// Powers `board` on and runs until the application's first instruction.
pub fn to_application(bench: &Bench, board: &Board, story: &mut Story<'_, '_>) -> Result<Booted> {
    let mut session = Session::power_on(board, &bench.rom);
    story.check("device mode", &session.chip().mode(), &Mode::SecureAccess)?;
    until_application(bench, &mut session, story)?;
    Ok(Booted { session })
}

/// Runs until the application's first instruction; anything else is a failure.
pub fn until_application(bench: &Bench, session: &mut Session, story: &mut Story<'_, '_>) -> Result {
    let entry = bench.signed.placed.reset & !1;
    session.machine.set_breakpoints([entry]);
    let (stop, lines) = run(session, BOOT_LIMIT, story);
    session.machine.set_breakpoints([]);
    if stop == Stop::Breakpoint(entry) {
        return Ok(());
    }
    let core = &session.machine.core;
    let cause = format!(
        "the application's first instruction at {entry:#010x} was not reached: {stop:?} at {:#010x}; the device said {:?}",
        core.r[15],
        lines.last().map_or("nothing", String::as_str)
    );
    Err(Failure::new(codes::BOOT_NOT_AS_EXPECTED, cause))
}

/// Powers `board` on; the boot must end without the application's first instruction.
pub fn to_refusal(bench: &Bench, board: &Board, story: &mut Story<'_, '_>) -> Result<Session> {
    let mut session = Session::power_on(board, &bench.rom);
    let entry = bench.signed.placed.reset & !1;
    session.machine.set_breakpoints([entry]);
    let (stop, lines) = run(&mut session, BOOT_LIMIT, story);
    session.machine.set_breakpoints([]);
    story.check("how the core ended", &stop, &Stop::Idle)?;
    let said = lines.iter().any(|line| line.starts_with("refused: IR-2203"));
    story.check("the refusal on the serial port", &said, &true)?;
    Ok(session)
}

/// Runs the application until it sleeps for good, or for `limit` instructions.
pub fn run_application(session: &mut Session, limit: u64, story: &mut Story<'_, '_>) -> Result<Vec<String>> {
    let (stop, lines) = run(session, limit, story);
    match stop {
        Stop::Idle | Stop::Limit => Ok(lines),
        Stop::Lockup => {
            let cause = format!("the application locked up at {:#010x}", session.machine.core.r[15]);
            Err(Failure::new(codes::LOCKUP, cause))
        }
        other => Err(Failure::new(input::DEMO_STEP_FAILED, format!("the application ended with {other:?}"))),
    }
}

/// Runs and tells every line; returns why it ended, and the lines.
fn run(session: &mut Session, limit: u64, story: &mut Story<'_, '_>) -> (Stop, Vec<String>) {
    let mut all = Vec::new();
    let mut pending = Lines::default();
    let mut tell = |_: &mut Session, output: Output| {
        for line in pending.add(&output.bytes) {
            story.said(output.port, &line, output.at);
            all.push(line);
        }
        true
    };
    let end = session.run(limit, &mut tell);
    if let Some(rest) = pending.rest() {
        story.said("…", &rest, session.now());
        all.push(rest);
    }
    for warning in session.chip().take_warnings() {
        story.warn(&warning.to_string());
    }
    match end {
        End::Stopped(stop) => (stop, all),
        End::Asked | End::Interrupted | End::Exited(_) => (Stop::Hook, all),
    }
}

/// After the exit: a debugger asks for the secure area, then code of the application does.
pub fn try_secure_area(bench: &Bench, session: &mut Session, story: &mut Story<'_, '_>) -> Result {
    story.begin("debugger", "a debugger connects after the exit and asks for the secure area");
    story.at(session.now());
    for (what, address) in [
        ("secure boot", SECURE_AREA.start().value()),
        ("key store", KEY_STORE.start().value()),
        ("application", SLOT.region.start().value()),
    ] {
        let answer = session.chip().debugger_read(address, Size::Word);
        let text = match &answer {
            Ok(value) => format!("{value:#010x}"),
            Err(refusal) => format!("nothing: {} {refusal}", refusal.code()),
        };
        story.note(
            &format!("debugger reads {address:#010x} ({what}): {text}"),
            json!({
                "address": address,
                "value": answer.as_ref().ok(),
                "code": answer.as_ref().err().map(|r| r.code().to_string()),
            }),
        );
        story.check(what, &answer.map_err(|r| r.code()), &Err(codes::DEBUG_CLOSED))?;
    }
    let pc = bench.signed.placed.reset & !1;
    for (what, address) in
        [("secure boot", SECURE_AREA.start().value()), ("key store", KEY_STORE.start().value())]
    {
        let value = session.read_as_core(address, pc);
        let flagged = session.flash_status(pc).is_some_and(|status| status & sr::RDSERR != 0);
        story.note(
            &format!(
                "application reads {address:#010x} ({what}): {}, RDSERR {}",
                shown(value),
                u8::from(flagged)
            ),
            json!({ "address": address, "value": value, "rdserr": flagged }),
        );
        story.check(what, &value, &Some(0))?;
        story.check("RDSERR", &flagged, &true)?;
    }
    // Not zero because the area were empty: the board has the bytes.
    let board = session.chip().to_board();
    story.check(
        "the secure area of the board holds code",
        &board.flash().iter().take(64).any(|b| *b != 0 && *b != 0xff),
        &true,
    )?;
    story.done(
        "the debugger got nothing; code of the application reads zeros, and the flash flags each try",
        json!({}),
    );
    Ok(())
}

fn shown(value: Option<u32>) -> String {
    value.map_or("bus error".to_owned(), |v| format!("{v:#010x}"))
}
