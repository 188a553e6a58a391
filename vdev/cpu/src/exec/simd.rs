//! Parallel additions and subtractions, selection, and saturation (A7.7: QADD to USUB8, SEL, SSAT, USAT).

use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::exec::shift::{Asr, Lsl, Plain, Source};
use crate::insn::{ParallelKind, ParallelOp, SatOp, ShiftKind};
use crate::op::{Args, Flow};

/// SignedSatQ (A2.2.1): `value` brought into `bits` signed bits (1 to 32), and whether that changed it.
#[inline(always)]
pub(crate) fn signed_saturate(value: i64, bits: u32) -> (u32, bool) {
    let limit = 1_i64 << (bits.wrapping_sub(1) & 31);
    let result = value.clamp(-limit, limit - 1);
    (result as u32, result != value)
}

/// UnsignedSatQ (A2.2.1): `value` brought into `bits` unsigned bits (0 to 31), and whether that changed it.
#[inline(always)]
pub(crate) fn unsigned_saturate(value: i64, bits: u32) -> (u32, bool) {
    let result = value.clamp(0, (1_i64 << (bits & 31)) - 1);
    (result as u32, result != value)
}

/// How the exact sum or difference of two lanes becomes a lane of the result.
trait Arithmetic {
    /// The lanes are signed.
    const SIGNED: bool;
    /// GE is written.
    const SETS_GE: bool;
    /// The lane, its upper bits not yet dropped.
    fn finish(exact: i32, bits: u32) -> i32;
    /// The lane's GE flag.
    fn ge(exact: i32, bits: u32, subtract: bool) -> bool;
}

struct SignedModulo;
struct SignedSaturating;
struct SignedHalving;
struct UnsignedModulo;
struct UnsignedSaturating;
struct UnsignedHalving;

impl Arithmetic for SignedModulo {
    const SIGNED: bool = true;
    const SETS_GE: bool = true;
    #[inline(always)]
    fn finish(exact: i32, _: u32) -> i32 {
        exact
    }
    #[inline(always)]
    fn ge(exact: i32, _: u32, _: bool) -> bool {
        exact >= 0
    }
}
impl Arithmetic for UnsignedModulo {
    const SIGNED: bool = false;
    const SETS_GE: bool = true;
    #[inline(always)]
    fn finish(exact: i32, _: u32) -> i32 {
        exact
    }
    #[inline(always)]
    fn ge(exact: i32, bits: u32, subtract: bool) -> bool {
        exact >= if subtract { 0 } else { 1 << bits }
    }
}

macro_rules! without_ge {
    ($($name:ident, $signed:literal, |$exact:ident, $bits:pat_param| $result:expr;)*) => {$(
        impl Arithmetic for $name {
            const SIGNED: bool = $signed;
            const SETS_GE: bool = false;
            #[inline(always)]
            fn finish($exact: i32, $bits: u32) -> i32 {
                $result
            }
            #[inline(always)]
            fn ge(_: i32, _: u32, _: bool) -> bool {
                false
            }
        }
    )*};
}

without_ge! {
    SignedSaturating, true, |exact, bits| exact.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
    SignedHalving, true, |exact, _| exact >> 1;
    UnsignedSaturating, false, |exact, bits| exact.clamp(0, (1 << bits) - 1);
    UnsignedHalving, false, |exact, _| exact >> 1;
}

/// Which lanes are combined, and how.
trait Lanes {
    const BITS: u32;
    /// The halves of `rm` change places first.
    const EXCHANGE: bool;
    /// Lane 0 is a difference.
    const SUBTRACT_FIRST: bool;
    /// The other lanes are differences.
    const SUBTRACT_REST: bool;
}

macro_rules! lanes {
    ($($name:ident: $bits:literal, $exchange:literal, $first:literal, $rest:literal;)*) => {$(
        struct $name;
        impl Lanes for $name {
            const BITS: u32 = $bits;
            const EXCHANGE: bool = $exchange;
            const SUBTRACT_FIRST: bool = $first;
            const SUBTRACT_REST: bool = $rest;
        }
    )*};
}

lanes! {
    Add16: 16, false, false, false;
    Asx: 16, true, true, false;
    Sax: 16, true, false, true;
    Sub16: 16, false, true, true;
    Add8: 8, false, false, false;
    Sub8: 8, false, true, true;
}

/// The result and the GE flags.
#[inline(always)]
fn combine<A: Arithmetic, L: Lanes>(n: u32, m: u32) -> (u32, u8) {
    let m = if L::EXCHANGE { m.rotate_right(16) } else { m };
    let mask = (1_u32 << L::BITS) - 1;
    let lane = |x: u32, at: u32| {
        let x = (x >> at) & mask;
        if A::SIGNED { ((x << (32 - L::BITS)) as i32) >> (32 - L::BITS) } else { x as i32 }
    };
    let mut result = 0;
    let mut flags = 0;
    let mut at = 0;
    while at < 32 {
        let subtract = if at == 0 { L::SUBTRACT_FIRST } else { L::SUBTRACT_REST };
        let (x, y) = (lane(n, at), lane(m, at));
        let exact = if subtract { x - y } else { x + y };
        result |= (A::finish(exact, L::BITS) as u32 & mask) << at;
        if A::ge(exact, L::BITS, subtract) {
            flags |= ((1_u32 << (L::BITS / 8)) - 1) << (at / 8);
        }
        at += L::BITS;
    }
    (result, flags as u8)
}

fn run_parallel<B: Bus, A: Arithmetic, L: Lanes>(core: &mut Core<B>, args: &Args) -> Flow {
    let (result, ge) = combine::<A, L>(core.reg(args.n), core.reg(args.m));
    core.set(args.d, result);
    if A::SETS_GE {
        core.flags.ge = ge;
    }
    Flow::Next
}

fn with_lanes<B: Bus, A: Arithmetic>(op: ParallelOp) -> Run<B> {
    match op {
        ParallelOp::Add16 => run_parallel::<B, A, Add16>,
        ParallelOp::Asx => run_parallel::<B, A, Asx>,
        ParallelOp::Sax => run_parallel::<B, A, Sax>,
        ParallelOp::Sub16 => run_parallel::<B, A, Sub16>,
        ParallelOp::Add8 => run_parallel::<B, A, Add8>,
        ParallelOp::Sub8 => run_parallel::<B, A, Sub8>,
    }
}

/// The function of a parallel addition or subtraction.
pub(crate) fn select_parallel<B: Bus>(kind: ParallelKind, op: ParallelOp) -> Run<B> {
    match kind {
        ParallelKind::S => with_lanes::<B, SignedModulo>(op),
        ParallelKind::Q => with_lanes::<B, SignedSaturating>(op),
        ParallelKind::Sh => with_lanes::<B, SignedHalving>(op),
        ParallelKind::U => with_lanes::<B, UnsignedModulo>(op),
        ParallelKind::Uq => with_lanes::<B, UnsignedSaturating>(op),
        ParallelKind::Uh => with_lanes::<B, UnsignedHalving>(op),
    }
}

/// SEL: each byte from `n` where its GE flag is set, else from `m`.
pub(crate) fn select_bytes<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let mask = ge_mask(core.flags.ge);
    core.set(args.d, (core.reg(args.n) & mask) | (core.reg(args.m) & !mask));
    Flow::Next
}

/// 0xFF in each byte whose GE flag is set.
#[inline(always)]
pub(crate) fn ge_mask(ge: u8) -> u32 {
    let ge = u32::from(ge & 15);
    // Bit i to bit 8i, then each of them to a whole byte.
    ((ge | (ge << 7) | (ge << 14) | (ge << 21)) & 0x0101_0101) * 0xFF
}

/// QADD and kin: `rm op rn`, saturated to 32 bits; for the doubling ones `rn` is doubled and saturated first.
fn run_saturating<B: Bus, const SUBTRACT: bool, const DOUBLE: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let m = core.reg(args.m) as i32;
    let mut n = core.reg(args.n) as i32;
    let mut saturated = false;
    if DOUBLE {
        saturated = n.checked_mul(2).is_none();
        n = n.saturating_mul(2);
    }
    let exact = if SUBTRACT { m.checked_sub(n) } else { m.checked_add(n) };
    saturated |= exact.is_none();
    let result = if SUBTRACT { m.saturating_sub(n) } else { m.saturating_add(n) };
    core.set(args.d, result as u32);
    core.flags.q |= saturated;
    Flow::Next
}

/// The function of a saturating addition or subtraction.
pub(crate) fn select_saturating<B: Bus>(op: SatOp) -> Run<B> {
    match op {
        SatOp::Qadd => run_saturating::<B, false, false>,
        SatOp::Qsub => run_saturating::<B, true, false>,
        SatOp::Qdadd => run_saturating::<B, false, true>,
        SatOp::Qdsub => run_saturating::<B, true, true>,
    }
}

/// SSAT and USAT: the shifted register, into `imm2` bits.
fn run_saturate<B: Bus, S: Source, const SIGNED: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let operand = i64::from(S::value(core, args) as i32);
    let saturate = if SIGNED { signed_saturate } else { unsigned_saturate };
    let (result, saturated) = saturate(operand, args.imm2);
    core.set(args.d, result);
    core.flags.q |= saturated;
    Flow::Next
}

/// The function of SSAT or USAT; `args.m` is the register, `args.imm` the amount of the shift, `args.imm2` the bits.
pub(crate) fn select_saturate<B: Bus>(signed: bool, kind: ShiftKind, amount: u8) -> Option<Run<B>> {
    Some(match (kind, amount, signed) {
        (ShiftKind::Lsl, 0, true) => run_saturate::<B, Plain, true>,
        (ShiftKind::Lsl, 0, false) => run_saturate::<B, Plain, false>,
        (ShiftKind::Lsl, _, true) => run_saturate::<B, Lsl, true>,
        (ShiftKind::Lsl, _, false) => run_saturate::<B, Lsl, false>,
        (ShiftKind::Asr, _, true) => run_saturate::<B, Asr, true>,
        (ShiftKind::Asr, _, false) => run_saturate::<B, Asr, false>,
        _ => return None,
    })
}

/// SSAT16 and USAT16: both signed halves of `n`, into `imm2` bits.
pub(crate) fn saturate_halves<B: Bus, const SIGNED: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let n = core.reg(args.n);
    let saturate = if SIGNED { signed_saturate } else { unsigned_saturate };
    let (low, low_saturated) = saturate(i64::from(n as i16), args.imm2);
    let (high, high_saturated) = saturate(i64::from((n >> 16) as i16), args.imm2);
    core.set(args.d, (low & 0xFFFF) | (high << 16));
    core.flags.q |= low_saturated | high_saturated;
    Flow::Next
}
