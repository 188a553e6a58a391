//! The inner loop: operations of one block, one after the other, and the state that must be true when it ends.

use crate::bus::Bus;
use crate::core::Core;
use crate::machine::{Action, Hook, Stop};
use crate::op::{Flow, Op};

/// What ended a run of operations early, besides a branch.
pub(crate) enum Outcome {
    /// An exception was taken.
    Exception,
    /// The machine stops.
    Stop(Stop),
}

/// Runs operations one after the other; leaves the core's PC, IT state, time and instruction count true.
#[inline(always)]
pub(crate) fn execute<B: Bus, H: Hook<B>>(
    core: &mut Core<B>,
    ops: &[Op<B>],
    pc: u32,
    end_pc: u32,
    end_it: u8,
    hook: &mut H,
) -> Option<Outcome> {
    core.block_pc = pc;
    core.block_cycles = core.cycles;
    core.it = 0;
    let mut last = None;
    for op in ops {
        if H::ACTIVE {
            let at = pc.wrapping_add(u32::from(op.args.offset));
            match hook.before(core, at, &op.args) {
                Action::Run => {}
                Action::Skip => continue,
                Action::Stop => {
                    retire(core, u64::from(op.args.index));
                    (core.r[15], core.it) = (at, op.args.it);
                    return Some(Outcome::Stop(Stop::Hook));
                }
            }
        }
        if op.args.it & 0xF != 0 && !core.flags.passes(op.args.it >> 4) {
            continue;
        }
        let flow = (op.run)(core, &op.args);
        if flow != Flow::Next {
            last = Some((flow, op));
            break;
        }
    }
    let Some((flow, op)) = last else {
        retire(core, ops.len() as u64);
        (core.r[15], core.it) = (end_pc, end_it);
        return None;
    };
    let at = pc.wrapping_add(u32::from(op.args.offset));
    let after = at.wrapping_add(u32::from(op.args.length));
    retire(core, u64::from(op.args.index) + 1);
    match flow {
        Flow::Next | Flow::Sync | Flow::Sleep => {
            (core.r[15], core.it) = (after, Core::<B>::it_advance(op.args.it));
            core.sync = true;
            None
        }
        Flow::Branch => None,
        Flow::BranchSync => {
            core.sync = true;
            None
        }
        Flow::Return => {
            core.exception_return(core.r[15]);
            None
        }
        Flow::Fault => {
            core.it = op.args.it;
            core.take_fault(core.pending_fault, at);
            core.sync = true;
            Some(Outcome::Exception)
        }
        Flow::Supervisor => {
            core.it = Core::<B>::it_advance(op.args.it);
            core.take_fault(core.pending_fault, after);
            core.sync = true;
            Some(Outcome::Exception)
        }
        Flow::Halt => {
            retire_back(core);
            (core.r[15], core.it) = (at, op.args.it);
            core.sync = true;
            Some(Outcome::Stop(Stop::Bkpt { pc: at, imm: op.args.imm as u8 }))
        }
    }
}

/// Counts `instructions` of the running block; its start may have been moved by waits.
#[inline(always)]
fn retire<B: Bus>(core: &mut Core<B>, instructions: u64) {
    core.cycles = core.block_cycles + instructions;
    core.instructions += instructions;
}

/// Takes back the last instruction: a breakpoint has not completed.
fn retire_back<B: Bus>(core: &mut Core<B>) {
    core.cycles -= 1;
    core.instructions -= 1;
}
