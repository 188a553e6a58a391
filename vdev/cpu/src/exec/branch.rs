//! Jumps. Every function here sets the PC, taken or not, so that a block ends the same way in both cases.

use crate::bus::Bus;
use crate::core::Core;
use crate::exec::load_store::{Byte, Cell, Half};
use crate::exec::{Run, attempt};
use crate::insn::Cond;
use crate::op::{Args, Flow};

/// B to `imm`.
fn always<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.r[15] = args.imm;
    Flow::Branch
}

/// B<cond>: to `imm`, or on to `imm2`.
fn conditional<B: Bus, const COND: u8>(core: &mut Core<B>, args: &Args) -> Flow {
    core.r[15] = if core.flags.passes(COND) { args.imm } else { args.imm2 };
    Flow::Branch
}

/// The function of B<cond>.
pub(crate) fn select<B: Bus>(cond: Cond) -> Run<B> {
    match cond.0 {
        0 => conditional::<B, 0>,
        1 => conditional::<B, 1>,
        2 => conditional::<B, 2>,
        3 => conditional::<B, 3>,
        4 => conditional::<B, 4>,
        5 => conditional::<B, 5>,
        6 => conditional::<B, 6>,
        7 => conditional::<B, 7>,
        8 => conditional::<B, 8>,
        9 => conditional::<B, 9>,
        10 => conditional::<B, 10>,
        11 => conditional::<B, 11>,
        12 => conditional::<B, 12>,
        13 => conditional::<B, 13>,
        _ => always::<B>,
    }
}

/// CBZ, CBNZ: to `imm`, or on to `imm2`.
pub(crate) fn compare<B: Bus, const NONZERO: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let taken = (core.reg(args.n) != 0) == NONZERO;
    core.r[15] = if taken { args.imm } else { args.imm2 };
    Flow::Branch
}

/// BL to `imm`; LR becomes `imm2`.
pub(crate) fn link<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.r[14] = args.imm2;
    core.r[15] = args.imm;
    Flow::Branch
}

/// BX to register `m`.
pub(crate) fn exchange<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.branch_exchange(core.reg(args.m))
}

/// BX to `imm` (BX PC).
pub(crate) fn exchange_constant<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.branch_exchange(args.imm)
}

/// BLX to register `m`, which may be LR itself; LR becomes `imm2`.
pub(crate) fn link_exchange<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let target = core.reg(args.m);
    core.r[14] = args.imm2;
    core.branch_link_exchange(target)
}

/// TBB and TBH: forward from `imm` (the PC) by twice the entry `m` of the table at `n`, or at the PC.
fn table<B: Bus, C: Cell, const AT_PC: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let base = if AT_PC { args.imm } else { core.reg(args.n) };
    let address = base.wrapping_add(core.reg(args.m).wrapping_mul(C::SIZE.bytes()));
    let entry = attempt!(C::load(core, address, args));
    let flow = core.branch(args.imm.wrapping_add(entry << 1));
    core.done_branch(flow)
}

/// The function of TBB or TBH.
pub(crate) fn select_table<B: Bus>(half: bool, at_pc: bool) -> Run<B> {
    match (half, at_pc) {
        (false, false) => table::<B, Byte, false>,
        (false, true) => table::<B, Byte, true>,
        (true, false) => table::<B, Half, false>,
        (true, true) => table::<B, Half, true>,
    }
}
