//! Bit fields, byte order, extension and packing.

use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::exec::shift::Source;
use crate::insn::{ExtendOp, UnaryOp};
use crate::op::{Args, Flow};

/// MOVT: the top half of `d` becomes `imm` (already in place), the bottom half stays.
pub(crate) fn move_top<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.set(args.d, (core.reg(args.d) & 0xFFFF) | args.imm);
    Flow::Next
}

/// BFI: the bits of mask `imm` in `d` become those of `n`, moved up by `imm2`.
pub(crate) fn insert<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let field = core.reg(args.n).wrapping_shl(args.imm2) & args.imm;
    core.set(args.d, (core.reg(args.d) & !args.imm) | field);
    Flow::Next
}

/// UBFX: `imm2` is the mask of the field after moving it down by `imm`.
pub(crate) fn extract_unsigned<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    core.set(args.d, core.reg(args.n).wrapping_shr(args.imm) & args.imm2);
    Flow::Next
}

/// SBFX: up by `imm` to drop what is above the field, then down with sign by `imm2`.
pub(crate) fn extract_signed<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let top = core.reg(args.n).wrapping_shl(args.imm) as i32;
    core.set(args.d, top.wrapping_shr(args.imm2) as u32);
    Flow::Next
}

/// A function of one register.
trait Unary {
    fn apply(m: u32) -> u32;
}

macro_rules! unary {
    ($($name:ident = |$m:ident| $result:expr;)*) => {$(
        struct $name;
        impl Unary for $name {
            #[inline(always)]
            fn apply($m: u32) -> u32 {
                $result
            }
        }
    )*};
}

unary! {
    Rev = |m| m.swap_bytes();
    Rev16 = |m| m.swap_bytes().rotate_right(16);
    Revsh = |m| (m as u16).swap_bytes() as i16 as u32;
    Rbit = |m| m.reverse_bits();
    Clz = |m| m.leading_zeros();
}

fn run_unary<B: Bus, U: Unary>(core: &mut Core<B>, args: &Args) -> Flow {
    core.set(args.d, U::apply(core.reg(args.m)));
    Flow::Next
}

/// The function of a one-register operation.
pub(crate) fn select_unary<B: Bus>(op: UnaryOp) -> Run<B> {
    match op {
        UnaryOp::Rev => run_unary::<B, Rev>,
        UnaryOp::Rev16 => run_unary::<B, Rev16>,
        UnaryOp::Revsh => run_unary::<B, Revsh>,
        UnaryOp::Rbit => run_unary::<B, Rbit>,
        UnaryOp::Clz => run_unary::<B, Clz>,
    }
}

/// An extension, alone or added to a register.
trait Extend {
    fn extend(x: u32) -> u32;
    fn add(n: u32, extended: u32) -> u32 {
        n.wrapping_add(extended)
    }
}

struct Sxtb;
struct Sxth;
struct Uxtb;
struct Uxth;
struct Sxtb16;
struct Uxtb16;

impl Extend for Sxtb {
    #[inline(always)]
    fn extend(x: u32) -> u32 {
        x as i8 as u32
    }
}
impl Extend for Sxth {
    #[inline(always)]
    fn extend(x: u32) -> u32 {
        x as i16 as u32
    }
}
impl Extend for Uxtb {
    #[inline(always)]
    fn extend(x: u32) -> u32 {
        x & 0xFF
    }
}
impl Extend for Uxth {
    #[inline(always)]
    fn extend(x: u32) -> u32 {
        x & 0xFFFF
    }
}
impl Extend for Sxtb16 {
    #[inline(always)]
    fn extend(x: u32) -> u32 {
        u32::from(x as i8 as u16) | (((x >> 16) as i8 as u32) << 16)
    }
    #[inline(always)]
    fn add(n: u32, extended: u32) -> u32 {
        add_halves(n, extended)
    }
}
impl Extend for Uxtb16 {
    #[inline(always)]
    fn extend(x: u32) -> u32 {
        x & 0x00FF_00FF
    }
    #[inline(always)]
    fn add(n: u32, extended: u32) -> u32 {
        add_halves(n, extended)
    }
}

/// Two sums of 16 bits; no carry from one to the other.
pub(crate) fn add_halves(x: u32, y: u32) -> u32 {
    u32::from((x as u16).wrapping_add(y as u16)) | (((x >> 16).wrapping_add(y >> 16)) << 16)
}

fn run_extend<B: Bus, E: Extend, const ADD: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let extended = E::extend(core.reg(args.m).rotate_right(args.imm));
    core.set(args.d, if ADD { E::add(core.reg(args.n), extended) } else { extended });
    Flow::Next
}

fn with_extension<B: Bus, const ADD: bool>(op: ExtendOp) -> Run<B> {
    match op {
        ExtendOp::Sxtb => run_extend::<B, Sxtb, ADD>,
        ExtendOp::Sxth => run_extend::<B, Sxth, ADD>,
        ExtendOp::Uxtb => run_extend::<B, Uxtb, ADD>,
        ExtendOp::Uxth => run_extend::<B, Uxth, ADD>,
        ExtendOp::Sxtb16 => run_extend::<B, Sxtb16, ADD>,
        ExtendOp::Uxtb16 => run_extend::<B, Uxtb16, ADD>,
    }
}

/// The function of an extension (rotation in `args.imm`), with addition of `n` or without.
pub(crate) fn select_extend<B: Bus>(op: ExtendOp, add: bool) -> Run<B> {
    if add { with_extension::<B, true>(op) } else { with_extension::<B, false>(op) }
}

/// PKHBT: bottom of `n`, top of the second operand. PKHTB (`TOP`): the other way round.
pub(crate) fn pack<B: Bus, S: Source, const TOP: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let n = core.reg(args.n);
    let operand = S::value(core, args);
    let from_n = if TOP { 0xFFFF_0000 } else { 0x0000_FFFF };
    core.set(args.d, (n & from_n) | (operand & !from_n));
    Flow::Next
}
