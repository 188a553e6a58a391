//! Hints, barriers, special registers, and the instructions that exist to raise an exception.

use crate::bus::Bus;
use crate::core::{Core, Fault, Sleep};
use crate::op::{Args, Flow};

/// What BKPT's immediate says for a semihosting call.
const SEMIHOSTING: u32 = 0xAB;

/// Nothing: NOP, IT (whose effect is in each operation's `args.it`), preloads, DMB and DSB (accesses happen in order).
pub(crate) fn nothing<B: Bus>(_: &mut Core<B>, _: &Args) -> Flow {
    Flow::Next
}

/// ISB: what was written to control registers counts from the next instruction on.
pub(crate) fn synchronize<B: Bus>(_: &mut Core<B>, _: &Args) -> Flow {
    Flow::Sync
}

/// WFI.
pub(crate) fn wait_for_interrupt<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    core.sleep = Sleep::Interrupt;
    Flow::Sleep
}

/// WFE: takes the event if there is one, else sleeps.
pub(crate) fn wait_for_event<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    if core.event {
        core.event = false;
        return Flow::Next;
    }
    core.sleep = Sleep::Event;
    Flow::Sleep
}

/// SEV.
pub(crate) fn send_event<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    core.event = true;
    Flow::Next
}

/// CPS: `imm` disable, `d` PRIMASK, `a` FAULTMASK.
pub(crate) fn change_processor_state<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.change_mask(args.imm != 0, args.d != 0, args.a != 0);
    Flow::Sync
}

/// MRS: register `imm` into `d`.
pub(crate) fn read_special<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let value = core.read_special(args.imm as u8);
    core.set(args.d, value);
    Flow::Next
}

/// MSR: `n` into register `imm`, fields `imm2`.
pub(crate) fn write_special<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.write_special(args.imm as u8, args.imm2 as u8, core.reg(args.n));
    Flow::Sync
}

/// MSR to the flags alone, after which no interrupt need be looked at.
pub(crate) fn write_flags<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.write_special(args.imm as u8, args.imm2 as u8, core.reg(args.n));
    Flow::Next
}

/// SVC.
pub(crate) fn supervisor_call<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    core.pending_fault = Fault::Svc;
    Flow::Supervisor
}

/// BKPT `imm`: to the host when a debugger listens or it is a semihosting call, else an exception.
pub(crate) fn breakpoint<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let debugged = core.halting_debug && core.bus.debug_halt_allowed(core.pc_of(args));
    if debugged || (core.semihosting && args.imm == SEMIHOSTING) {
        return Flow::Halt;
    }
    core.raise(Fault::Breakpoint)
}

/// No instruction, UDF, or UNPREDICTABLE operands.
pub(crate) fn undefined<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    core.raise(Fault::Undefined)
}

/// An instruction of a coprocessor that does not exist.
pub(crate) fn no_coprocessor<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    core.raise(Fault::NoCoprocessor)
}
