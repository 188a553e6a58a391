//! `ironroot vdev gdb`.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args;
use ironroot_chip::Stm32h735;
use ironroot_chip_h7rs::Stm32h7rs;
use ironroot_codes::transport;
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_debug::gdb::{Session as Debug, Watcher, serve_stream, serve_tcp_once};
use ironroot_debug::port::{DebugPort, Refusal};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::report::Reporter;
use crate::vdev::chip::{AnyBoard, Chip};
use crate::vdev::session::Session;
use crate::{number, vdev};

/// Power a virtual device on and let GDB debug it
#[derive(Args, Debug)]
#[command(after_help = "\
GDB gets what a debug probe on the chip would get: a secured device refuses it, and the reason is shown, there and here. \
`monitor help` in GDB lists what the server can do besides. The device keeps its state while no debugger is connected; \
`kill` in GDB ends the server, `detach` does not. The board file is saved at the end, unless --dry-run.

Without --halted the device first runs until it sleeps, or for --run instructions. With --stdio GDB starts the server \
itself, and shows what it says about a refused access as it happens.

Examples:
  ironroot vdev gdb my.board
  ironroot vdev gdb my.board --halted --listen 127.0.0.1:4444
  gdb-multiarch app.elf -ex 'target remote 127.0.0.1:3333'
  gdb-multiarch app.elf -ex 'target remote | ironroot vdev gdb my.board --stdio'")]
pub struct Gdb {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// Address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3333", conflicts_with = "stdio")]
    listen: String,
    /// Talk to GDB on standard input and output, for `target remote | ...`
    #[arg(long)]
    stdio: bool,
    /// Stand at the first instruction after power-on
    #[arg(long)]
    halted: bool,
    /// Most instructions to run before the first debugger connects
    #[arg(long, value_name = "N", default_value = "400M", conflicts_with = "halted", value_parser = number::parse)]
    run: u32,
    /// Leave the board file as it is
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: &Gdb, report: &mut Reporter<'_>) -> Result {
    if args.stdio && report.is_json() {
        let cause = "--stdio gives standard output to GDB: --json has no place to go";
        return Err(Failure::new(ironroot_codes::input::USAGE, cause));
    }
    let held = vdev::load_any(&args.board)?;
    match &held.board {
        AnyBoard::H735(board) => debug::<Stm32h735>(args, board, report),
        AnyBoard::H7rs(board) => debug::<Stm32h7rs>(args, board, report),
    }
}

fn debug<C: Chip + DebugPort>(args: &Gdb, board: &C::Board, report: &mut Reporter<'_>) -> Result {
    let rom = C::system_flash()?;
    let listener = match args.stdio {
        true => None,
        false => Some(TcpListener::bind(&args.listen).map_err(|e| unavailable(&e, &args.listen))?),
    };
    let mut session = Session::<C>::on(board, &rom);
    let stop = if args.halted { Stop::Limit } else { session.machine.run(args.run.into()) };
    let debug = Debug::new(session.machine);
    let mut watch = Watch { report, stdio: args.stdio };
    watch.ran_first(args.halted, stop);
    let machine = match listener {
        Some(listener) => {
            let place = listener.local_addr().map_err(|e| unavailable(&e, &args.listen))?;
            watch.listens(&place.to_string());
            serve(&listener, debug, &mut watch).map_err(|e| unavailable(&e, &args.listen))?
        }
        None => serve_stream(io::stdin(), io::stdout(), debug, &mut watch).0.into_machine(),
    };
    if !args.dry_run {
        vdev::save(&machine.core.bus.to_board(), &args.board)?;
    }
    if args.stdio {
        return Ok(());
    }
    let data = json!({
        "board": args.board.display().to_string(),
        "instructions": machine.core.instructions,
        "pc": machine.core.r[15],
        "resets": machine.resets,
        "saved": !args.dry_run,
    });
    watch.report.result("vdev gdb", data, "the debugger ended the session");
    Ok(())
}

fn serve<C: Chip + DebugPort>(
    listener: &TcpListener,
    mut debug: Debug<C>,
    watch: &mut Watch<'_, '_>,
) -> io::Result<Machine<C>> {
    loop {
        let (back, killed) = serve_tcp_once(listener, debug, watch)?;
        debug = back;
        if killed {
            return Ok(debug.into_machine());
        }
    }
}

fn unavailable(error: &io::Error, place: &str) -> Failure {
    Failure::new(transport::PORT_UNAVAILABLE, error.to_string()).about(place)
}

/// Shows what happens at the server's own terminal.
struct Watch<'a, 'b> {
    report: &'a mut Reporter<'b>,
    stdio: bool,
}

impl Watch<'_, '_> {
    /// With --stdio standard output is GDB's; it shows what comes on standard error.
    fn say(&mut self, text: &str) {
        match self.stdio {
            true => {
                let _ = writeln!(io::stderr(), "{text}");
            }
            false => self.report.text(text),
        }
    }

    fn ran_first(&mut self, halted: bool, stop: Stop) {
        let text = match stop {
            _ if halted => "the device stands at its first instruction",
            Stop::Idle => "the device has booted and sleeps",
            Stop::Lockup => "the device has locked up",
            _ => "the device stands where it got in the time it was given (--run)",
        };
        self.say(text);
    }

    fn listens(&mut self, place: &str) {
        self.report.progress("gdb", json!({ "listen": place }));
        self.say(&format!("waiting for GDB: target remote {place}"));
    }
}

impl<C: Chip + DebugPort> Watcher<C> for Watch<'_, '_> {
    fn connected(&mut self) {
        self.report.task_begin("gdb", "a debugger has connected");
        if !self.stdio {
            self.say("a debugger has connected");
        }
    }

    fn gone(&mut self) {
        self.report.task_end("gdb", json!({}));
        if !self.stdio {
            self.say("the debugger has gone; the device is as it was left");
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.report.progress("gdb", json!({ "code": refusal.code.to_string(), "refused": refusal.text }));
        self.say(&refusal.to_string());
    }

    fn ran(&mut self, machine: &mut Machine<C>) {
        let chip = &mut machine.core.bus;
        for (number, port) in C::ports() {
            let bytes = chip.take_uart_output(number);
            self.said(port, &bytes);
        }
        let bytes = chip.take_console();
        self.said("console", &bytes);
    }
}

impl Watch<'_, '_> {
    fn said(&mut self, port: &str, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.stdio {
            true => {
                let _ = io::stderr().write_all(bytes);
            }
            false => {
                self.report.raw(bytes);
                let text = String::from_utf8_lossy(bytes);
                self.report.progress("gdb", json!({ "port": port, "text": text }));
            }
        }
    }
}
