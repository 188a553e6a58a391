//! Parallel arithmetic, selection and saturation.

use super::value;
use crate::core::Flags;
use crate::exec::simd::{ge_mask, signed_saturate, unsigned_saturate};
use crate::exec::testing::{core, execute};
use crate::insn::{Insn, ParallelKind, ParallelOp, SatOp, Shift, ShiftKind};
use crate::op::Flow;
use proptest::prelude::*;

fn saturate(value: i64, low: i64, high: i64) -> (i64, bool) {
    if value > high {
        (high, true)
    } else if value < low {
        (low, true)
    } else {
        (value, false)
    }
}

/// One lane of `bits` bits: what is written, and GE.
fn lane(kind: ParallelKind, subtract: bool, bits: u32, x: u32, y: u32) -> (u32, bool) {
    let signed = matches!(kind, ParallelKind::S | ParallelKind::Q | ParallelKind::Sh);
    let half = 1_i64 << (bits - 1);
    let number = |x: u32| {
        let x = i64::from(x);
        if signed && x >= half { x - 2 * half } else { x }
    };
    let exact = if subtract { number(x) - number(y) } else { number(x) + number(y) };
    let (result, ge) = match kind {
        ParallelKind::S => (exact, exact >= 0),
        ParallelKind::U if subtract => (exact, exact >= 0),
        ParallelKind::U => (exact, exact >= 2 * half),
        ParallelKind::Q => (saturate(exact, -half, half - 1).0, false),
        ParallelKind::Uq => (saturate(exact, 0, 2 * half - 1).0, false),
        ParallelKind::Sh | ParallelKind::Uh => (exact.div_euclid(2), false),
    };
    (result.rem_euclid(2 * half) as u32, ge)
}

fn parallel(kind: ParallelKind, op: ParallelOp, n: u32, m: u32) -> (u32, u8) {
    let byte = |x: u32, i: u32| (x >> (8 * i)) & 0xFF;
    let (low, high) = (|x: u32| x & 0xFFFF, |x: u32| x >> 16);
    let halves = |first: (u32, bool), second: (u32, bool)| {
        (first.0 | (second.0 << 16), if first.1 { 3 } else { 0 } | if second.1 { 12 } else { 0 })
    };
    let half = |subtract, x, y| lane(kind, subtract, 16, x, y);
    match op {
        ParallelOp::Add16 => halves(half(false, low(n), low(m)), half(false, high(n), high(m))),
        ParallelOp::Sub16 => halves(half(true, low(n), low(m)), half(true, high(n), high(m))),
        ParallelOp::Asx => halves(half(true, low(n), high(m)), half(false, high(n), low(m))),
        ParallelOp::Sax => halves(half(false, low(n), high(m)), half(true, high(n), low(m))),
        ParallelOp::Add8 | ParallelOp::Sub8 => (0..4).fold((0, 0), |(result, flags), i| {
            let (x, ge) = lane(kind, op == ParallelOp::Sub8, 8, byte(n, i), byte(m, i));
            (result | (x << (8 * i)), flags | (u8::from(ge) << i))
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn parallel_addition_and_subtraction(
        kind in prop::sample::select(vec![
            ParallelKind::S, ParallelKind::Q, ParallelKind::Sh, ParallelKind::U, ParallelKind::Uq, ParallelKind::Uh,
        ]),
        op in prop::sample::select(vec![
            ParallelOp::Add16, ParallelOp::Asx, ParallelOp::Sax, ParallelOp::Sub16, ParallelOp::Add8, ParallelOp::Sub8,
        ]),
        n in value(), m in value(), ge in 0..16u8,
    ) {
        let mut core = core();
        core.flags.ge = ge;
        (core.r[2], core.r[3]) = (n, m);
        prop_assert_eq!(execute(&mut core, &Insn::Parallel { kind, op, rd: 1, rn: 2, rm: 3 }), Flow::Next);
        let (result, new) = parallel(kind, op, n, m);
        let sets = matches!(kind, ParallelKind::S | ParallelKind::U);
        prop_assert_eq!(core.r[1], result);
        prop_assert_eq!(core.flags, Flags { ge: if sets { new } else { ge }, ..Flags::CLEAR });
    }

    #[test]
    fn saturating_addition_and_subtraction(n in value(), m in value(), q: bool) {
        let to_word = |x: i64| saturate(x, i32::MIN.into(), i32::MAX.into());
        let (signed_n, signed_m) = (i64::from(n as i32), i64::from(m as i32));
        let (doubled, lost) = to_word(2 * signed_n);
        let cases = [
            (SatOp::Qadd, to_word(signed_m + signed_n), false),
            (SatOp::Qsub, to_word(signed_m - signed_n), false),
            (SatOp::Qdadd, to_word(signed_m + doubled), lost),
            (SatOp::Qdsub, to_word(signed_m - doubled), lost),
        ];
        for (op, (result, saturated), lost) in cases {
            let mut core = core();
            core.flags.q = q;
            (core.r[2], core.r[3]) = (n, m);
            execute(&mut core, &Insn::Sat2 { op, rd: 1, rn: 2, rm: 3 });
            prop_assert_eq!(i64::from(core.r[1] as i32), result, "{:?}", op);
            prop_assert_eq!(core.flags.q, q || saturated || lost, "{:?}", op);
        }
    }

    #[test]
    fn saturation(n in value(), left: bool, amount in 0..33u8, signed: bool, bits in 1..33u8) {
        let bits = if signed { bits } else { bits - 1 };
        let shift = match (left, amount) {
            (true, amount) => Shift { kind: ShiftKind::Lsl, amount: amount.min(31) },
            (false, amount) => Shift { kind: ShiftKind::Asr, amount: amount.max(1) },
        };
        let mut core = core();
        core.r[2] = n;
        execute(&mut core, &Insn::Saturate { signed, rd: 1, bits, rn: 2, shift });
        let operand = if left { i64::from((n << shift.amount) as i32) } else { i64::from(n as i32) >> shift.amount };
        let one = 1_i64;
        let range = if signed { (-(one << (bits - 1)), (one << (bits - 1)) - 1) } else { (0, (one << bits) - 1) };
        let (result, saturated) = saturate(operand, range.0, range.1);
        prop_assert_eq!(core.r[1], result as u32);
        prop_assert_eq!(core.flags.q, saturated);
        let pure = if signed { signed_saturate } else { unsigned_saturate };
        prop_assert_eq!(pure(operand, bits.into()), (result as u32, saturated));
    }

    #[test]
    fn saturation_of_halves(n in value(), signed: bool, bits in 1..17u8) {
        let bits = if signed { bits } else { bits - 1 };
        let mut core = core();
        core.r[2] = n;
        execute(&mut core, &Insn::Saturate16 { signed, rd: 1, bits, rn: 2 });
        let one = 1_i64;
        let range = if signed { (-(one << (bits - 1)), (one << (bits - 1)) - 1) } else { (0, (one << bits) - 1) };
        let (low, a) = saturate(i64::from(n as u16 as i16), range.0, range.1);
        let (high, b) = saturate(i64::from((n >> 16) as u16 as i16), range.0, range.1);
        prop_assert_eq!(core.r[1], (low as u32 & 0xFFFF) | ((high as u32) << 16));
        prop_assert_eq!(core.flags.q, a || b);
    }

    #[test]
    fn selection_by_ge(n in value(), m in value(), ge in 0..16u8) {
        let mut core = core();
        core.flags.ge = ge;
        (core.r[2], core.r[3]) = (n, m);
        execute(&mut core, &Insn::Sel { rd: 1, rn: 2, rm: 3 });
        let bytes = [0, 1, 2, 3].map(|i| {
            let source = if ge & (1 << i) != 0 { n } else { m };
            (source >> (8 * i)) as u8
        });
        prop_assert_eq!(core.r[1], u32::from_le_bytes(bytes));
    }
}

#[test]
fn the_mask_of_every_ge() {
    for ge in 0..16u8 {
        let bytes = [0, 1, 2, 3].map(|i| if ge & (1 << i) != 0 { 0xFF } else { 0 });
        assert_eq!(ge_mask(ge), u32::from_le_bytes(bytes));
    }
}
