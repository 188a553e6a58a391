//! VLDR, VSTR, VLDM, VSTM and their kin (A7.7). Every access is of word-aligned words, for doubles too.
//!
//! A fault leaves base and floating-point registers as they were, so that the instruction can be run again.

use super::with_fp;
use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::insn::{FReg, Insn, Precision, Reg};
use crate::op::{Args, Flow, Op};

/// The base register; the PC reads as the instruction's address plus 4, word-aligned.
#[inline(always)]
fn base<B: Bus>(core: &Core<B>, args: &Args) -> u32 {
    if args.n == 15 { core.pc_of(args).wrapping_add(4) & !3 } else { core.reg(args.n) }
}

/// `d`: S register; `imm`: offset.
fn load_single<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let value = core.load_word_aligned(base(core, args).wrapping_add(args.imm), args)?;
        core.fp.set_single(args.d, value);
        Ok(())
    })
}

/// `d`: D register; `imm`: offset.
fn load_double<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let address = base(core, args).wrapping_add(args.imm);
        let low = core.load_word_aligned(address, args)?;
        let high = core.load_word_aligned(address.wrapping_add(4), args)?;
        core.fp.set_double(args.d, u64::from(low) | u64::from(high) << 32);
        Ok(())
    })
}

/// `d`: S register; `imm`: offset.
fn store_single<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let address = base(core, args).wrapping_add(args.imm);
        core.store_word_aligned(address, core.fp.single(args.d), args)
    })
}

/// `d`: D register; `imm`: offset.
fn store_double<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let address = base(core, args).wrapping_add(args.imm);
        let value = core.fp.double(args.d);
        core.store_word_aligned(address, value as u32, args)?;
        core.store_word_aligned(address.wrapping_add(4), (value >> 32) as u32, args)
    })
}

/// In `imm2` of the multiple forms: the base is updated.
const WRITEBACK: u32 = 1;
/// In `imm2` of the multiple forms: the transfer ends below the base instead of starting at it.
const BEFORE: u32 = 2;

/// Operands of the multiple forms: `d` first S register, `a` words, `n` base, `imm` bytes that the base moves by, `imm2`
/// [`WRITEBACK`] and [`BEFORE`]. Returns the first address and what the base becomes.
#[inline(always)]
fn range<B: Bus>(core: &Core<B>, args: &Args) -> (u32, u32) {
    let start = base(core, args);
    if args.imm2 & BEFORE != 0 {
        (start.wrapping_sub(args.imm), start.wrapping_sub(args.imm))
    } else {
        (start, start.wrapping_add(args.imm))
    }
}

#[inline(always)]
fn write_back<B: Bus>(core: &mut Core<B>, args: &Args, value: u32) {
    if args.imm2 & WRITEBACK != 0 && args.n != 15 {
        core.set_or_sp(args.n, value);
    }
}

/// Operands: see [`range`]. Registers change only when every word was read.
fn load_multiple<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let (mut address, after) = range(core, args);
        let mut words = [0; 32];
        for word in words.iter_mut().take(usize::from(args.a)) {
            *word = core.load_word_aligned(address, args)?;
            address = address.wrapping_add(4);
        }
        for (word, i) in words.iter().zip(0..args.a) {
            core.fp.set_single(args.d.wrapping_add(i), *word);
        }
        write_back(core, args, after);
        Ok(())
    })
}

/// Operands: see [`range`].
fn store_multiple<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let (mut address, after) = range(core, args);
        for i in 0..args.a {
            core.store_word_aligned(address, core.fp.single(args.d.wrapping_add(i)), args)?;
            address = address.wrapping_add(4);
        }
        write_back(core, args, after);
        Ok(())
    })
}

/// Operands of a register list (see [`range`]). `extra_word`: FLDMX and FSTMX move the base by a word that they do not transfer.
fn list(list: List, args: Args) -> Args {
    let (d, a) = match list.precision {
        Precision::Single => (list.fd & 31, list.count),
        Precision::Double => ((list.fd & 15) * 2, list.count.saturating_mul(2)),
    };
    let imm = (u32::from(a) + u32::from(list.extra_word)) * 4;
    let imm2 = if list.writeback { WRITEBACK } else { 0 } | if list.before { BEFORE } else { 0 };
    Args { d, a, n: list.rn, imm, imm2, ..args }
}

/// The fields that VLDM and VSTM share.
struct List {
    precision: Precision,
    fd: FReg,
    count: u8,
    rn: Reg,
    writeback: bool,
    before: bool,
    extra_word: bool,
}

/// The operations of this module.
pub(super) fn lower<B: Bus>(insn: &Insn, args: Args) -> Option<Op<B>> {
    let one = |rn: Reg, fd: FReg, offset: i32| Args { d: fd, n: rn, imm: offset as u32, ..args };
    let (run, args): (Run<B>, Args) = match *insn {
        Insn::FpLoad { precision: Precision::Single, fd, rn, offset, .. } => {
            (load_single, one(rn, fd, offset))
        }
        Insn::FpLoad { fd, rn, offset, .. } => (load_double, one(rn, fd, offset)),
        Insn::FpStore { precision: Precision::Single, fd, rn, offset, .. } => {
            (store_single, one(rn, fd, offset))
        }
        Insn::FpStore { fd, rn, offset, .. } => (store_double, one(rn, fd, offset)),
        Insn::FpLoadMultiple { precision, fd, count, rn, writeback, before, extra_word } => {
            (load_multiple, list(List { precision, fd, count, rn, writeback, before, extra_word }, args))
        }
        Insn::FpStoreMultiple { precision, fd, count, rn, writeback, before, extra_word } => {
            (store_multiple, list(List { precision, fd, count, rn, writeback, before, extra_word }, args))
        }
        _ => return None,
    };
    Some(Op { run, args })
}
