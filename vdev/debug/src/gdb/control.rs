//! Running the device for the debugger, and why it stopped.

use gdbstub::common::Signal;
use gdbstub::stub::SingleThreadStopReason;
use ironroot_cpu::machine::Stop;

use super::target::{BreakKind, Mode, Session};
use crate::port::DebugPort;

/// What a slice of running came to.
pub(super) enum Progress {
    /// The device goes on.
    Runs,
    /// The core sleeps, and only something from outside can wake it.
    Sleeps,
    /// The debugger is to be told.
    Stopped(SingleThreadStopReason<u32>),
}

impl<B: DebugPort> Session<B> {
    /// Runs at most `limit` instructions, one when stepping. Through a closed port nothing of this can be steered: the
    /// comparators are not armed, BKPT is what it is without a debugger, and a step does not happen.
    pub(super) fn advance(&mut self, limit: u64) -> Progress {
        let stepping = self.mode == Mode::Step;
        if stepping && !self.note_if_closed() {
            return Progress::Stopped(SingleThreadStopReason::DoneStep);
        }
        let after_watch = self.after_watch.take() == Some(self.machine.core.r[15]);
        if stepping && after_watch && !self.has_watchpoints() {
            // GDB takes it that an Arm core stops before the watched access, takes the watchpoints out and steps over it. Here
            // the access is made already, as on every Cortex-M: running one more instruction would lose what that one touches.
            return Progress::Stopped(SingleThreadStopReason::DoneStep);
        }
        let mut stop = self.machine.run(if stepping { 1 } else { limit });
        if stepping && matches!(stop, Stop::Breakpoint(_)) {
            // The breakpoint is where the step begins: its instruction is the one to run.
            stop = self.machine.run(1);
        }
        let steered = matches!(stop, Stop::Breakpoint(_) | Stop::Watchpoint(_) | Stop::Bkpt { .. });
        if steered && self.machine.core.bus.gate().is_err() {
            if matches!(stop, Stop::Bkpt { .. }) {
                self.machine.core.halting_debug = false;
                self.machine.run(1);
                self.machine.core.halting_debug = true;
            }
            return Progress::Runs;
        }
        // Debug events in code that may be executed but not read are ignored; a step into it ends behind it.
        let stepped = stepping && matches!(stop, Stop::Limit);
        if (steered || stepped) && !self.machine.core.bus.debug_halt_allowed(self.machine.core.r[15]) {
            return Progress::Runs;
        }
        Progress::Stopped(match stop {
            // A debugger's halt ends a sleep, so a step over WFI is a step.
            Stop::Limit | Stop::Idle if stepping => SingleThreadStopReason::DoneStep,
            Stop::Limit => return Progress::Runs,
            Stop::Idle => return Progress::Sleeps,
            Stop::Breakpoint(at) => match self.break_kind(at) {
                BreakKind::Software => SingleThreadStopReason::SwBreak(()),
                BreakKind::Hardware => SingleThreadStopReason::HwBreak(()),
            },
            Stop::Watchpoint(hit) => {
                self.after_watch = Some(self.machine.core.r[15]);
                let (kind, addr) = self.watched(hit);
                SingleThreadStopReason::Watch { tid: (), kind, addr }
            }
            Stop::Bkpt { .. } | Stop::Halted | Stop::Chip(_) | Stop::Hook => {
                SingleThreadStopReason::Signal(Signal::SIGTRAP)
            }
            Stop::Lockup => SingleThreadStopReason::Signal(Signal::SIGSEGV),
        })
    }
}
