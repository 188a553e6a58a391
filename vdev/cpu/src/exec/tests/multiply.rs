//! Multiplication and division, against integers wide enough never to overflow.

use super::value;
use crate::core::Fault;
use crate::exec::testing::{core, execute};
use crate::insn::{Insn, MulOp};
use crate::op::Flow;
use proptest::prelude::*;

fn half(x: u32, top: bool) -> i128 {
    i128::from(if top { (x >> 16) as u16 as i16 } else { x as u16 as i16 })
}

fn word(x: u32) -> i128 {
    i128::from(x as i32)
}

fn fits(x: i128) -> bool {
    x >= i32::MIN.into() && x <= i32::MAX.into()
}

fn ops() -> Vec<MulOp> {
    use MulOp::*;
    let mut ops = vec![Mul, Mla, Mls, Umull, Smull, Umlal, Smlal, Umaal, Usad8, Usada8];
    for x in [false, true] {
        ops.extend([Smlad { x }, Smlsd { x }, Smuad { x }, Smusd { x }, Smlald { x }, Smlsld { x }]);
        ops.extend([Smlaw { y: x }, Smulw { y: x }]);
        ops.extend([Smmla { round: x }, Smmls { round: x }, Smmul { round: x }]);
        for y in [false, true] {
            ops.extend([Smlaxy { x, y }, Smulxy { x, y }, Smlalxy { x, y }]);
        }
    }
    ops
}

enum Expected {
    /// Into `rd`, and whether Q is set.
    Short(i128, bool),
    /// Into RdHi:RdLo.
    Long(i128),
}

/// The operation sections of A7.7.
fn expected(op: MulOp, n: u32, m: u32, d: u32, a: u32) -> Expected {
    use Expected::{Long, Short};
    let unsigned = i128::from(n) * i128::from(m);
    let signed = word(n) * word(m);
    let pair = (i128::from(d) << 32) | i128::from(a);
    let dual = |x: bool| (half(n, false) * half(m, x), half(n, true) * half(m, !x));
    let rounding = |round: bool| if round { 0x8000_0000 } else { 0 };
    let differences = (0..4)
        .map(|i| (((n >> (8 * i)) & 0xFF) as i128 - ((m >> (8 * i)) & 0xFF) as i128).abs())
        .sum::<i128>();
    let accumulated = |x: i128| Short(x, !fits(x));
    match op {
        MulOp::Mul => Short(unsigned, false),
        MulOp::Mla => Short(unsigned + i128::from(a), false),
        MulOp::Mls => Short(i128::from(a) - unsigned, false),
        MulOp::Umull => Long(unsigned),
        MulOp::Smull => Long(signed),
        MulOp::Umlal => Long(unsigned + pair),
        MulOp::Smlal => Long(signed + pair),
        MulOp::Umaal => Long(unsigned + i128::from(d) + i128::from(a)),
        MulOp::Smlaxy { x, y } => accumulated(half(n, x) * half(m, y) + word(a)),
        MulOp::Smulxy { x, y } => Short(half(n, x) * half(m, y), false),
        MulOp::Smlalxy { x, y } => Long(half(n, x) * half(m, y) + pair),
        MulOp::Smlaw { y } => {
            let exact = (word(n) * half(m, y) + (word(a) << 16)) >> 16;
            accumulated(exact)
        }
        MulOp::Smulw { y } => Short((word(n) * half(m, y)) >> 16, false),
        MulOp::Smlad { x } => accumulated(dual(x).0 + dual(x).1 + word(a)),
        MulOp::Smlsd { x } => accumulated(dual(x).0 - dual(x).1 + word(a)),
        MulOp::Smuad { x } => accumulated(dual(x).0 + dual(x).1),
        MulOp::Smusd { x } => Short(dual(x).0 - dual(x).1, false),
        MulOp::Smlald { x } => Long(dual(x).0 + dual(x).1 + pair),
        MulOp::Smlsld { x } => Long(dual(x).0 - dual(x).1 + pair),
        MulOp::Smmla { round } => Short(((word(a) << 32) + signed + rounding(round)) >> 32, false),
        MulOp::Smmls { round } => Short(((word(a) << 32) - signed + rounding(round)) >> 32, false),
        MulOp::Smmul { round } => Short((signed + rounding(round)) >> 32, false),
        MulOp::Usad8 => Short(differences, false),
        MulOp::Usada8 => Short(differences + i128::from(a), false),
        MulOp::Sdiv | MulOp::Udiv => unreachable!("not a multiplication"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn every_multiplication(n in value(), m in value(), d in value(), a in value(), q: bool) {
        for op in ops() {
            let mut core = core();
            core.flags.q = q;
            (core.r[1], core.r[2], core.r[3], core.r[4]) = (d, n, m, a);
            let insn = Insn::Mul { op, setflags: false, rd: 1, rn: 2, rm: 3, ra: 4 };
            prop_assert_eq!(execute(&mut core, &insn), Flow::Next);
            let (result, sets_q) = match expected(op, n, m, d, a) {
                Expected::Short(result, sets_q) => {
                    prop_assert_eq!(core.r[4], a, "{:?}", op);
                    (u64::from(result as u32), sets_q)
                }
                Expected::Long(result) => (result as u64, false),
            };
            let got = match expected(op, n, m, d, a) {
                Expected::Short(..) => u64::from(core.r[1]),
                Expected::Long(_) => (u64::from(core.r[1]) << 32) | u64::from(core.r[4]),
            };
            prop_assert_eq!(got, result, "{:?}", op);
            prop_assert_eq!(core.flags.q, q || sets_q, "{:?}", op);
        }
    }

    #[test]
    fn division_rounds_towards_zero(n in value(), m in value()) {
        let mut core = core();
        (core.r[2], core.r[3]) = (n, m);
        for (op, quotient) in [
            (MulOp::Udiv, if m == 0 { 0 } else { i128::from(n) / i128::from(m) }),
            (MulOp::Sdiv, if m == 0 { 0 } else { word(n) / word(m) }),
        ] {
            let insn = Insn::Mul { op, setflags: false, rd: 1, rn: 2, rm: 3, ra: 15 };
            prop_assert_eq!(execute(&mut core, &insn), Flow::Next);
            prop_assert_eq!(core.r[1], quotient as u32);
        }
    }
}

#[test]
fn division_by_zero_traps_only_when_asked_to() {
    let mut core = core();
    (core.r[1], core.r[2], core.r[3]) = (7, 5, 0);
    let insn = Insn::Mul { op: MulOp::Sdiv, setflags: false, rd: 1, rn: 2, rm: 3, ra: 15 };
    core.scs.ccr |= 1 << 4;
    assert_eq!(execute(&mut core, &insn), Flow::Fault);
    assert_eq!((core.pending_fault, core.r[1]), (Fault::DivideByZero, 7));
    core.scs.ccr = 0;
    assert_eq!(execute(&mut core, &insn), Flow::Next);
    assert_eq!(core.r[1], 0);
}

#[test]
fn muls_leaves_carry_and_overflow() {
    let mut core = core();
    core.flags = crate::core::Flags::from_apsr(0x3000_0000);
    (core.r[1], core.r[2]) = (0x8000_0000, 1);
    let insn = Insn::Mul { op: MulOp::Mul, setflags: true, rd: 1, rn: 2, rm: 1, ra: 0 };
    assert_eq!(execute(&mut core, &insn), Flow::Next);
    assert_eq!((core.r[1], core.flags.to_apsr()), (0x8000_0000, 0xB000_0000));
}
