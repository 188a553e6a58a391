//! `monitor` commands.

use gdbstub::target::Target;
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, outputln};

use super::target::Session;
use crate::port::{DebugPort, Refusal};

/// Each command and what it does.
const COMMANDS: [(&str, &str); 5] = [
    ("reset", "system reset by the reset pin; the core stands at its first instruction"),
    ("why", "why the last access was refused"),
    ("faults", "the fault status registers"),
    ("time", "instructions and cycles since power-on"),
    ("help", "this list"),
];

impl<B: DebugPort> MonitorCmd for Session<B> {
    fn handle_monitor_cmd(
        &mut self,
        cmd: &[u8],
        mut out: ConsoleOutput<'_>,
    ) -> Result<(), <Self as Target>::Error> {
        match std::str::from_utf8(cmd).map(str::trim) {
            Ok("reset" | "reset halt" | "reset init") => {
                self.machine.system_reset();
                outputln!(out, "The device is reset and stands at its first instruction.");
                outputln!(
                    out,
                    "GDB still shows what it read before: `maintenance flush register-cache` renews it."
                );
                if let Err(refusal) = self.machine.core.bus.gate() {
                    outputln!(out, "{refusal}");
                }
            }
            Ok("why") => match self.last_refusal() {
                Some(refusal) => explain(refusal, &mut out),
                None => outputln!(out, "Nothing was refused."),
            },
            Ok("time") => {
                let core = &self.machine.core;
                outputln!(out, "{} instructions, {} cycles", core.instructions, core.cycles);
            }
            Ok("faults") if self.note_if_closed() => {
                let scs = &self.machine.core.scs;
                outputln!(out, "CFSR {:#010x} HFSR {:#010x}", scs.cfsr, scs.hfsr);
                outputln!(out, "MMFAR {:#010x} BFAR {:#010x}", scs.mmfar, scs.bfar);
            }
            Ok("faults") => {
                if let Some(refusal) = self.last_refusal() {
                    outputln!(out, "{refusal}");
                }
            }
            Ok("help") => list(&mut out),
            _ => {
                outputln!(out, "Not a command of this server.");
                list(&mut out);
            }
        }
        Ok(())
    }
}

fn list(out: &mut ConsoleOutput<'_>) {
    for (name, meaning) in COMMANDS {
        outputln!(out, "monitor {name:<8} {meaning}");
    }
}

fn explain(refusal: &Refusal, out: &mut ConsoleOutput<'_>) {
    outputln!(out, "{refusal}");
    if let Some(entry) = refusal.code.entry() {
        outputln!(out, "  {}", entry.cause);
        outputln!(out, "  {}", entry.consequence);
        outputln!(out, "  {}", entry.remedy);
    }
}
