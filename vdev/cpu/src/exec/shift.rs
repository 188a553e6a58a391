//! Shifts (A2.2.1, A7.4.2): as the second operand of data processing, by a constant, and as instructions, by a register.

use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::insn::ShiftKind;
use crate::op::{Args, Flow};

/// A second operand: its value and the carry its making gives.
pub(crate) trait Source {
    fn value<B: Bus>(core: &Core<B>, args: &Args) -> u32;
    fn carry<B: Bus>(core: &Core<B>, args: &Args) -> bool;
}

/// Names a [`Source`]. The shifted ones are for amounts 1 to 31 (32 for `Lsr` and `Asr`), in `args.imm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// `args.imm`; carry unchanged.
    Imm,
    /// `args.imm`, carry in `args.imm2`.
    ImmCarry,
    /// Register `args.m`; carry unchanged.
    Plain,
    Lsl,
    Lsr,
    Asr,
    Ror,
    Rrx,
}

macro_rules! source {
    ($($name:ident: |$core:ident, $args:ident| $value:expr, $carry:expr;)*) => {$(
        pub(crate) struct $name;
        #[allow(unused_variables)] // not every operand needs the core
        impl Source for $name {
            #[inline(always)]
            fn value<B: Bus>($core: &Core<B>, $args: &Args) -> u32 {
                $value
            }
            #[inline(always)]
            fn carry<B: Bus>($core: &Core<B>, $args: &Args) -> bool {
                $carry
            }
        }
    )*};
}

// LSR and ASR reach 32: done in 64 bits, where that is no special case.
source! {
    Imm: |core, args| args.imm, core.flags.c;
    ImmCarry: |core, args| args.imm, args.imm2 != 0;
    Plain: |core, args| core.reg(args.m), core.flags.c;
    Lsl: |core, args| core.reg(args.m).wrapping_shl(args.imm),
        core.reg(args.m).wrapping_shr(32 - (args.imm & 31)) & 1 != 0;
    Lsr: |core, args| u64::from(core.reg(args.m)).wrapping_shr(args.imm) as u32,
        core.reg(args.m).wrapping_shr(args.imm.wrapping_sub(1)) & 1 != 0;
    Asr: |core, args| i64::from(core.reg(args.m) as i32).wrapping_shr(args.imm) as u32,
        core.reg(args.m).wrapping_shr(args.imm.wrapping_sub(1)) & 1 != 0;
    Ror: |core, args| core.reg(args.m).rotate_right(args.imm),
        core.reg(args.m).wrapping_shr(args.imm.wrapping_sub(1)) & 1 != 0;
    Rrx: |core, args| (u32::from(core.flags.c) << 31) | (core.reg(args.m) >> 1), core.reg(args.m) & 1 != 0;
}

/// Shift_C by an amount of 0 to 255, as the register-controlled shifts have it.
pub(crate) trait ByRegister {
    fn value(x: u32, amount: u32) -> u32;
    /// Carry out for an amount other than 0.
    fn carry(x: u32, amount: u32) -> bool;
}

impl ByRegister for Lsl {
    #[inline(always)]
    fn value(x: u32, amount: u32) -> u32 {
        x.checked_shl(amount).unwrap_or(0)
    }
    #[inline(always)]
    fn carry(x: u32, amount: u32) -> bool {
        (u64::from(x) << amount.min(33)) & (1 << 32) != 0
    }
}
impl ByRegister for Lsr {
    #[inline(always)]
    fn value(x: u32, amount: u32) -> u32 {
        x.checked_shr(amount).unwrap_or(0)
    }
    #[inline(always)]
    fn carry(x: u32, amount: u32) -> bool {
        ((u64::from(x) << 1) >> amount.min(33)) & 1 != 0
    }
}
impl ByRegister for Asr {
    #[inline(always)]
    fn value(x: u32, amount: u32) -> u32 {
        ((x as i32) >> amount.min(31)) as u32
    }
    #[inline(always)]
    fn carry(x: u32, amount: u32) -> bool {
        ((i64::from(x as i32) << 1) >> amount.min(33)) & 1 != 0
    }
}
impl ByRegister for Ror {
    #[inline(always)]
    fn value(x: u32, amount: u32) -> u32 {
        x.rotate_right(amount & 31)
    }
    #[inline(always)]
    fn carry(x: u32, amount: u32) -> bool {
        x.rotate_right(amount & 31) >> 31 != 0
    }
}

/// `d = n shifted by m[7:0]`.
fn by_register<B: Bus, K: ByRegister, const FLAGS: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let x = core.reg(args.n);
    let amount = core.reg(args.m) & 0xFF;
    let result = K::value(x, amount);
    if FLAGS {
        core.flags.set_nz(result);
        if amount != 0 {
            core.flags.c = K::carry(x, amount);
        }
    }
    core.set(args.d, result);
    Flow::Next
}

/// The function of a register-controlled shift; there is none for RRX.
pub(crate) fn select<B: Bus>(kind: ShiftKind, flags: bool) -> Option<Run<B>> {
    Some(match (kind, flags) {
        (ShiftKind::Lsl, false) => by_register::<B, Lsl, false>,
        (ShiftKind::Lsl, true) => by_register::<B, Lsl, true>,
        (ShiftKind::Lsr, false) => by_register::<B, Lsr, false>,
        (ShiftKind::Lsr, true) => by_register::<B, Lsr, true>,
        (ShiftKind::Asr, false) => by_register::<B, Asr, false>,
        (ShiftKind::Asr, true) => by_register::<B, Asr, true>,
        (ShiftKind::Ror, false) => by_register::<B, Ror, false>,
        (ShiftKind::Ror, true) => by_register::<B, Ror, true>,
        (ShiftKind::Rrx, _) => return None,
    })
}
