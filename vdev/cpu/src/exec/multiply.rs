//! Multiplication, accumulation and division (A7.7: MUL to UMULL, A4.4.3).

use crate::bus::Bus;
use crate::core::{Core, Fault};
use crate::exec::Run;
use crate::insn::MulOp;
use crate::op::{Args, Flow};

/// `args.imm`: the top half of `rn` (or, for the dual ones, exchanged halves of `rm`).
pub(crate) const X: u32 = 1;
/// `args.imm`: the top half of `rm`.
pub(crate) const Y: u32 = 2;

#[inline(always)]
fn bottom(x: u32) -> i64 {
    i64::from(x as i16)
}

#[inline(always)]
fn top(x: u32) -> i64 {
    i64::from((x >> 16) as i16)
}

/// The signed half that the syntax's B or T picks.
#[inline(always)]
fn half(x: u32, is_top: bool) -> i64 {
    if is_top { top(x) } else { bottom(x) }
}

#[inline(always)]
fn signed(x: u32) -> i64 {
    i64::from(x as i32)
}

/// The low 32 bits, and whether the value is more than they can say.
#[inline(always)]
fn truncated(x: i64) -> (u32, bool) {
    (x as u32, x != i64::from(x as i32))
}

/// The two 16-bit products of the dual multiplications.
#[inline(always)]
fn dual(n: u32, m: u32, select: u32) -> (i64, i64) {
    let m = if select & X != 0 { m.rotate_right(16) } else { m };
    (bottom(n) * bottom(m), top(n) * top(m))
}

/// Sum of absolute differences of the four bytes.
pub(crate) fn absolute_differences(n: u32, m: u32) -> u32 {
    n.to_le_bytes().into_iter().zip(m.to_le_bytes()).map(|(x, y)| u32::from(x.abs_diff(y))).sum()
}

/// A multiplication into 32 bits. The second value is what it does to Q.
pub(crate) trait Short {
    fn compute(n: u32, m: u32, a: u32, select: u32) -> (u32, bool);
}

macro_rules! short {
    ($($name:ident = |$n:ident, $m:ident, $a:pat_param, $select:pat_param| $result:expr;)*) => {$(
        pub(crate) struct $name;
        impl Short for $name {
            #[inline(always)]
            fn compute($n: u32, $m: u32, $a: u32, $select: u32) -> (u32, bool) {
                $result
            }
        }
    )*};
}

/// Added before the low half is dropped, to round.
const HALF_UNIT: i64 = 0x8000_0000;

/// Bits 63:32 of a 64-bit result that may have wrapped.
#[inline(always)]
fn most_significant(x: i64) -> (u32, bool) {
    ((x >> 32) as u32, false)
}

short! {
    Mul = |n, m, _, _| (n.wrapping_mul(m), false);
    Mla = |n, m, a, _| (a.wrapping_add(n.wrapping_mul(m)), false);
    Mls = |n, m, a, _| (a.wrapping_sub(n.wrapping_mul(m)), false);
    Smlaxy = |n, m, a, select| truncated(half(n, select & X != 0) * half(m, select & Y != 0) + signed(a));
    Smulxy = |n, m, _, select| ((half(n, select & X != 0) * half(m, select & Y != 0)) as u32, false);
    Smlaw = |n, m, a, select| truncated(((signed(n) * half(m, select & Y != 0)) >> 16) + signed(a));
    Smulw = |n, m, _, select| (((signed(n) * half(m, select & Y != 0)) >> 16) as u32, false);
    Smlad = |n, m, a, select| { let (p, q) = dual(n, m, select); truncated(p + q + signed(a)) };
    Smlsd = |n, m, a, select| { let (p, q) = dual(n, m, select); truncated(p - q + signed(a)) };
    Smuad = |n, m, _, select| { let (p, q) = dual(n, m, select); truncated(p + q) };
    Smusd = |n, m, _, select| { let (p, q) = dual(n, m, select); ((p - q) as u32, false) };
    Smmla = |n, m, a, _| most_significant((signed(a) << 32).wrapping_add(signed(n) * signed(m)));
    SmmlaR = |n, m, a, _| {
        most_significant((signed(a) << 32).wrapping_add(signed(n) * signed(m)).wrapping_add(HALF_UNIT))
    };
    Smmls = |n, m, a, _| most_significant((signed(a) << 32).wrapping_sub(signed(n) * signed(m)));
    SmmlsR = |n, m, a, _| {
        most_significant((signed(a) << 32).wrapping_sub(signed(n) * signed(m)).wrapping_add(HALF_UNIT))
    };
    Smmul = |n, m, _, _| most_significant(signed(n) * signed(m));
    SmmulR = |n, m, _, _| most_significant(signed(n) * signed(m) + HALF_UNIT);
    Usad8 = |n, m, _, _| (absolute_differences(n, m), false);
    Usada8 = |n, m, a, _| (a.wrapping_add(absolute_differences(n, m)), false);
}

/// A multiplication into 64 bits; `accumulator` is RdHi:RdLo before.
pub(crate) trait Long {
    fn compute(n: u32, m: u32, accumulator: u64, select: u32) -> u64;
}

macro_rules! long {
    ($($name:ident = |$n:ident, $m:ident, $accumulator:pat_param, $select:pat_param| $result:expr;)*) => {$(
        pub(crate) struct $name;
        impl Long for $name {
            #[inline(always)]
            fn compute($n: u32, $m: u32, $accumulator: u64, $select: u32) -> u64 {
                $result
            }
        }
    )*};
}

long! {
    Umull = |n, m, _, _| u64::from(n) * u64::from(m);
    Smull = |n, m, _, _| (signed(n) * signed(m)) as u64;
    Umlal = |n, m, accumulator, _| accumulator.wrapping_add(u64::from(n) * u64::from(m));
    Smlal = |n, m, accumulator, _| accumulator.wrapping_add((signed(n) * signed(m)) as u64);
    // Cannot overflow: (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
    Umaal = |n, m, accumulator, _| {
        (u64::from(n) * u64::from(m)).wrapping_add(accumulator >> 32).wrapping_add(accumulator & 0xFFFF_FFFF)
    };
    Smlalxy = |n, m, accumulator, select| {
        accumulator.wrapping_add((half(n, select & X != 0) * half(m, select & Y != 0)) as u64)
    };
    Smlald = |n, m, accumulator, select| {
        let (p, q) = dual(n, m, select);
        accumulator.wrapping_add((p + q) as u64)
    };
    Smlsld = |n, m, accumulator, select| {
        let (p, q) = dual(n, m, select);
        accumulator.wrapping_add((p - q) as u64)
    };
}

fn run_short<B: Bus, M: Short>(core: &mut Core<B>, args: &Args) -> Flow {
    let (result, saturated) = M::compute(core.reg(args.n), core.reg(args.m), core.reg(args.a), args.imm);
    core.set(args.d, result);
    core.flags.q |= saturated;
    Flow::Next
}

/// MULS: N and Z only.
fn run_flagged<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    let result = core.reg(args.n).wrapping_mul(core.reg(args.m));
    core.set(args.d, result);
    core.flags.set_nz(result);
    Flow::Next
}

fn run_long<B: Bus, M: Long>(core: &mut Core<B>, args: &Args) -> Flow {
    let accumulator = (u64::from(core.reg(args.d)) << 32) | u64::from(core.reg(args.a));
    let result = M::compute(core.reg(args.n), core.reg(args.m), accumulator, args.imm);
    core.set(args.a, result as u32);
    core.set(args.d, (result >> 32) as u32);
    Flow::Next
}

/// SDIV and UDIV. By zero: 0, or a UsageFault when CCR.DIV_0_TRP says so. The one signed overflow wraps (A7.7.127).
fn divide<B: Bus, const SIGNED: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let (n, m) = (core.reg(args.n), core.reg(args.m));
    if m == 0 && core.scs.div_by_zero_traps() {
        return core.raise(Fault::DivideByZero);
    }
    let quotient = if m == 0 {
        0
    } else if SIGNED {
        (n as i32).wrapping_div(m as i32) as u32
    } else {
        n / m
    };
    core.set(args.d, quotient);
    Flow::Next
}

/// Whether the operation writes RdHi:RdLo (`rd`, `ra`).
pub(crate) fn is_long(op: MulOp) -> bool {
    use MulOp::*;
    matches!(op, Umull | Smull | Umlal | Smlal | Umaal | Smlalxy { .. } | Smlald { .. } | Smlsld { .. })
}

/// Whether the operation reads `ra`.
pub(crate) fn accumulates(op: MulOp) -> bool {
    use MulOp::*;
    matches!(
        op,
        Mla | Mls
            | Smlaxy { .. }
            | Smlaw { .. }
            | Smlad { .. }
            | Smlsd { .. }
            | Smmla { .. }
            | Smmls { .. }
            | Usada8
    )
}

/// The function of a multiplication, and its `args.imm`.
pub(crate) fn select<B: Bus>(op: MulOp, flags: bool) -> (Run<B>, u32) {
    let halves = |x: bool, y: bool| if x { X } else { 0 } | if y { Y } else { 0 };
    match op {
        MulOp::Mul if flags => (run_flagged::<B>, 0),
        MulOp::Mul => (run_short::<B, Mul>, 0),
        MulOp::Mla => (run_short::<B, Mla>, 0),
        MulOp::Mls => (run_short::<B, Mls>, 0),
        MulOp::Umull => (run_long::<B, Umull>, 0),
        MulOp::Smull => (run_long::<B, Smull>, 0),
        MulOp::Umlal => (run_long::<B, Umlal>, 0),
        MulOp::Smlal => (run_long::<B, Smlal>, 0),
        MulOp::Umaal => (run_long::<B, Umaal>, 0),
        MulOp::Smlaxy { x, y } => (run_short::<B, Smlaxy>, halves(x, y)),
        MulOp::Smulxy { x, y } => (run_short::<B, Smulxy>, halves(x, y)),
        MulOp::Smlalxy { x, y } => (run_long::<B, Smlalxy>, halves(x, y)),
        MulOp::Smlaw { y } => (run_short::<B, Smlaw>, halves(false, y)),
        MulOp::Smulw { y } => (run_short::<B, Smulw>, halves(false, y)),
        MulOp::Smlad { x } => (run_short::<B, Smlad>, halves(x, false)),
        MulOp::Smlsd { x } => (run_short::<B, Smlsd>, halves(x, false)),
        MulOp::Smuad { x } => (run_short::<B, Smuad>, halves(x, false)),
        MulOp::Smusd { x } => (run_short::<B, Smusd>, halves(x, false)),
        MulOp::Smlald { x } => (run_long::<B, Smlald>, halves(x, false)),
        MulOp::Smlsld { x } => (run_long::<B, Smlsld>, halves(x, false)),
        MulOp::Smmla { round: false } => (run_short::<B, Smmla>, 0),
        MulOp::Smmla { round: true } => (run_short::<B, SmmlaR>, 0),
        MulOp::Smmls { round: false } => (run_short::<B, Smmls>, 0),
        MulOp::Smmls { round: true } => (run_short::<B, SmmlsR>, 0),
        MulOp::Smmul { round: false } => (run_short::<B, Smmul>, 0),
        MulOp::Smmul { round: true } => (run_short::<B, SmmulR>, 0),
        MulOp::Usad8 => (run_short::<B, Usad8>, 0),
        MulOp::Usada8 => (run_short::<B, Usada8>, 0),
        MulOp::Sdiv => (divide::<B, true>, 0),
        MulOp::Udiv => (divide::<B, false>, 0),
    }
}
