//! From an instruction to an executable operation: picks the function of [`crate::exec`] and folds everything known before
//! running into its operands (addresses relative to the PC, jump targets, masks, the carry of constants).
//!
//! Operands that the manual calls UNPREDICTABLE and that would break an invariant of the core (an SP not aligned to words, a
//! PC read inside a block) become UNDEFINED instructions, which the manual allows; all others do what they say.

mod data;
mod memory;

use crate::bus::Bus;
use crate::exec::{Run, branch, exclusive, system};
use crate::insn::{Barrier, Hint, Insn, Reg};
use crate::op::{Args, Op};

/// What the lowering of one group gives: a function with its operands, or nothing for refused operands.
type Lowered<B> = Option<(Run<B>, Args)>;

/// The operation for `insn` at address `pc`. `args` comes with `it`, `offset`, `index` and `length` set.
pub fn lower<B: Bus>(insn: &Insn, pc: u32, args: Args) -> Op<B> {
    if is_floating_point(insn) {
        return crate::exec::float::lower::<B>(insn, args);
    }
    let lowered = data::lower(insn, pc, args)
        .or_else(|| memory::lower(insn, pc, args))
        .or_else(|| control(insn, pc, args))
        .unwrap_or((system::undefined::<B>, args));
    Op { run: lowered.0, args: lowered.1 }
}

/// A register that may be written and is neither SP nor PC.
fn target(register: Reg) -> Option<Reg> {
    (register < 15 && register != 13).then_some(register)
}

/// A register that may be read: any but the PC.
fn operand(register: Reg) -> Option<Reg> {
    (register < 15).then_some(register)
}

/// What an instruction at `pc` reads as PC.
fn pc_value(pc: u32) -> u32 {
    pc.wrapping_add(4)
}

/// The word-aligned PC that literals are relative to.
fn literal_base(pc: u32) -> u32 {
    pc_value(pc) & !3
}

fn is_floating_point(insn: &Insn) -> bool {
    matches!(
        insn,
        Insn::Fp { .. }
            | Insn::FpUnary { .. }
            | Insn::FpImm { .. }
            | Insn::FpCompare { .. }
            | Insn::FpSelect { .. }
            | Insn::FpConvertPrecision { .. }
            | Insn::FpConvertHalf { .. }
            | Insn::FpToInt { .. }
            | Insn::FpFromInt { .. }
            | Insn::FpFixed { .. }
            | Insn::FpMoveCore { .. }
            | Insn::FpMoveScalar { .. }
            | Insn::FpMoveCore2 { .. }
            | Insn::FpLoad { .. }
            | Insn::FpStore { .. }
            | Insn::FpLoadMultiple { .. }
            | Insn::FpStoreMultiple { .. }
            | Insn::Vmrs { .. }
            | Insn::Vmsr { .. }
    )
}

/// Jumps and system instructions.
fn control<B: Bus>(insn: &Insn, pc: u32, args: Args) -> Lowered<B> {
    let next = pc.wrapping_add(u32::from(args.length));
    let jump = |offset: i32| pc_value(pc).wrapping_add_signed(offset) & !1;
    Some(match *insn {
        Insn::Branch { cond, offset } => {
            (branch::select(cond), Args { imm: jump(offset), imm2: next, ..args })
        }
        Insn::BranchLink { offset } => {
            (branch::link::<B> as Run<B>, Args { imm: jump(offset), imm2: next | 1, ..args })
        }
        Insn::Bx { rm: 15 } => (branch::exchange_constant::<B>, Args { imm: pc_value(pc), ..args }),
        Insn::Bx { rm } => (branch::exchange::<B>, Args { m: rm, ..args }),
        Insn::Blx { rm } => (branch::link_exchange::<B>, Args { m: operand(rm)?, imm2: next | 1, ..args }),
        Insn::CompareBranch { nonzero, rn, offset } => {
            let run = if nonzero { branch::compare::<B, true> } else { branch::compare::<B, false> };
            (run, Args { n: operand(rn)?, imm: jump(offset), imm2: next, ..args })
        }
        Insn::TableBranch { half, rn, rm } => {
            let run = branch::select_table(half, rn == 15);
            (run, Args { n: rn, m: operand(rm)?, imm: pc_value(pc), ..args })
        }
        Insn::It { .. } | Insn::Preload { .. } => (system::nothing::<B>, args),
        Insn::Hint(hint) => {
            let run = match hint {
                Hint::Wfe => system::wait_for_event::<B> as Run<B>,
                Hint::Wfi => system::wait_for_interrupt::<B>,
                Hint::Sev => system::send_event::<B>,
                Hint::Nop | Hint::Yield | Hint::Dbg(_) | Hint::Reserved(_) | Hint::Memory => {
                    system::nothing::<B>
                }
            };
            (run, args)
        }
        Insn::Barrier { kind, .. } => {
            let run = match kind {
                Barrier::Isb => system::synchronize::<B> as Run<B>,
                Barrier::Dmb | Barrier::Dsb => system::nothing::<B>,
            };
            (run, args)
        }
        Insn::Clrex => (exclusive::clear::<B>, args),
        Insn::Cps { disable, primask, faultmask } => {
            let masks = Args { imm: disable.into(), d: primask.into(), a: faultmask.into(), ..args };
            (system::change_processor_state::<B>, masks)
        }
        Insn::Mrs { rd, sysm } => {
            (system::read_special::<B>, Args { d: target(rd)?, imm: sysm.into(), ..args })
        }
        Insn::Msr { rn, sysm, mask } => {
            // 0 to 3 are the APSR and its combinations; writes to IPSR and EPSR are ignored.
            let run = if sysm < 4 { system::write_flags::<B> } else { system::write_special::<B> };
            (run, Args { n: operand(rn)?, imm: sysm.into(), imm2: mask.into(), ..args })
        }
        Insn::Svc { .. } => (system::supervisor_call::<B>, args),
        Insn::Bkpt { imm } => (system::breakpoint::<B>, Args { imm: imm.into(), ..args }),
        Insn::Coprocessor { .. } => (system::no_coprocessor::<B>, args),
        _ => return None,
    })
}
