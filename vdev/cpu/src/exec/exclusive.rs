//! Exclusive accesses and the local monitor (A3.4).
//!
//! The monitor tags the exact address of the last load-exclusive. A store-exclusive passes only to that address (A3.4.1 leaves
//! that to the implementation; software that relies on less is wrong) and always leaves the monitor open. There is no
//! global monitor: one core, and DMA does not take part.

use crate::bus::Bus;
use crate::core::Core;
use crate::exec::load_store::{Byte, Cell, Half, Word, require_alignment};
use crate::exec::{Run, attempt};
use crate::insn::ExclusiveSize;
use crate::op::{Args, Flow};

/// LDREX and kin: `d = [n + imm]`.
fn load<B: Bus, C: Cell>(core: &mut Core<B>, args: &Args) -> Flow {
    let address = core.reg(args.n).wrapping_add(args.imm);
    attempt!(require_alignment::<B, C>(core, address));
    let value = attempt!(C::load(core, address, args));
    core.exclusive = Some(address);
    core.set(args.d, value);
    core.done()
}

/// STREX and kin: `[n + imm] = a` if the monitor allows; `d` is 0 if it did, else 1.
fn store<B: Bus, C: Cell>(core: &mut Core<B>, args: &Args) -> Flow {
    let address = core.reg(args.n).wrapping_add(args.imm);
    attempt!(require_alignment::<B, C>(core, address));
    if core.exclusive != Some(address) {
        core.exclusive = None;
        core.set(args.d, 1);
        return Flow::Next;
    }
    attempt!(C::store(core, address, core.reg(args.a), args));
    core.exclusive = None;
    core.set(args.d, 0);
    core.done()
}

/// CLREX.
pub(crate) fn clear<B: Bus>(core: &mut Core<B>, _: &Args) -> Flow {
    core.exclusive = None;
    Flow::Next
}

/// The function of a load-exclusive.
pub(crate) fn select_load<B: Bus>(size: ExclusiveSize) -> Run<B> {
    match size {
        ExclusiveSize::Word => load::<B, Word>,
        ExclusiveSize::Half => load::<B, Half>,
        ExclusiveSize::Byte => load::<B, Byte>,
    }
}

/// The function of a store-exclusive.
pub(crate) fn select_store<B: Bus>(size: ExclusiveSize) -> Run<B> {
    match size {
        ExclusiveSize::Word => store::<B, Word>,
        ExclusiveSize::Half => store::<B, Half>,
        ExclusiveSize::Byte => store::<B, Byte>,
    }
}
