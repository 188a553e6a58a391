//! `ironroot vdev probe`.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args;
use ironroot_chip::Stm32h735;
use ironroot_chip::peripherals::usart::INSTANCES;
use ironroot_codes::transport;
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_debug::gdb::Watcher;
use ironroot_debug::port::Refusal;
use ironroot_debug::swj::{Probe as JtagProbe, serve_tcp_once};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::report::Reporter;
use crate::vdev::session::Session;
use crate::{number, vdev};

/// Power a virtual device on with a JTAG probe at its debug port, for OpenOCD
#[derive(Args, Debug)]
#[command(after_help = "\
The probe speaks OpenOCD's remote_bitbang protocol; OpenOCD does the rest with its own description of the chip. It gets \
what it would get of the chip: a secured device refuses it, and the reason is shown here. The device keeps its power and \
its state between two connections; what survives power-off is saved at the end of each, unless --dry-run.

OpenOCD 0.12 says `Translation from khz to adapter speed not implemented` at the first `reset init` or `program`: the \
protocol has no speed, and nothing is lost.

Examples:
  ironroot vdev probe my.board
  openocd -c 'adapter driver remote_bitbang; remote_bitbang host 127.0.0.1; remote_bitbang port 3335' \\
      -f target/stm32h7x.cfg -c init -c 'reset halt' -c 'flash info 0' -c shutdown")]
pub struct Probe {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// Address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3335")]
    listen: String,
    /// End with the first connection
    #[arg(long)]
    once: bool,
    /// Most instructions to run before the first connection
    #[arg(long, value_name = "N", default_value = "400M", value_parser = number::parse)]
    run: u32,
    /// Leave the board file as it is
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: &Probe, report: &mut Reporter<'_>) -> Result {
    let rom = vdev::system_flash()?;
    let held = vdev::load(&args.board)?;
    let listener = TcpListener::bind(&args.listen).map_err(|e| unavailable(&e, &args.listen))?;
    let place = listener.local_addr().map_err(|e| unavailable(&e, &args.listen))?;
    let mut session = Session::power_on(&held.board, &rom);
    let stop = session.machine.run(args.run.into());
    let mut probe = JtagProbe::new(session.machine);
    let mut watch = Watch { report };
    watch.report.text(match stop {
        Stop::Idle => "the device has booted and sleeps",
        Stop::Lockup => "the device has locked up",
        _ => "the device runs",
    });
    watch.report.progress("probe", json!({ "listen": place.to_string() }));
    watch.report.text(format_args!("waiting for OpenOCD: remote_bitbang port {}", place.port()));
    loop {
        serve_tcp_once(&listener, &mut probe, &mut watch).map_err(|e| unavailable(&e, &args.listen))?;
        if !args.dry_run {
            vdev::save(&probe.target.machine.core.bus.to_board(), &args.board)?;
        }
        if args.once {
            break;
        }
    }
    let machine = &probe.target.machine;
    let data = json!({
        "board": args.board.display().to_string(),
        "instructions": machine.core.instructions,
        "pc": machine.core.r[15],
        "halted": machine.core.is_halted(),
        "resets": machine.resets,
        "saved": !args.dry_run,
    });
    watch.report.result("vdev probe", data, "the session has ended");
    Ok(())
}

fn unavailable(error: &io::Error, place: &str) -> Failure {
    Failure::new(transport::PORT_UNAVAILABLE, error.to_string()).about(place)
}

/// Shows what happens at the probe's own terminal.
struct Watch<'a, 'b> {
    report: &'a mut Reporter<'b>,
}

impl Watcher<Stm32h735> for Watch<'_, '_> {
    fn connected(&mut self) {
        self.report.task_begin("probe", "a debugger has connected");
        self.report.text("a debugger has connected");
    }

    fn gone(&mut self) {
        self.report.task_end("probe", json!({}));
        self.report.text("the debugger has gone; the device is as it was left");
    }

    fn ran(&mut self, machine: &mut Machine<Stm32h735>) {
        let chip = &mut machine.core.bus;
        for instance in &INSTANCES {
            let bytes = chip.take_uart_output(instance.number);
            self.said(instance.name, &bytes);
        }
        let bytes = chip.take_console();
        self.said("console", &bytes);
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.report.progress("probe", json!({ "code": refusal.code.to_string(), "refused": refusal.text }));
        self.report.text(format_args!("refused {refusal}"));
    }
}

impl Watch<'_, '_> {
    fn said(&mut self, port: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.report.raw(bytes);
            let text = String::from_utf8_lossy(bytes);
            self.report.progress("probe", json!({ "port": port, "text": text }));
        }
    }
}
