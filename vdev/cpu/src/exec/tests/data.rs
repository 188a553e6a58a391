//! Data processing, shifts and bit operations.

use super::value;
use crate::core::Flags;
use crate::exec::alu::{add_with_carry, subtract_with_borrow};
use crate::exec::bits::add_halves;
use crate::exec::testing::{PC, core, execute, execute_sized};
use crate::insn::{DpOp, ExtendOp, Insn, Operand, Shift, ShiftKind, UnaryOp};
use crate::op::Flow;
use proptest::prelude::*;

/// Shift_C of A2.2.1, bit by bit.
fn shift_c(kind: ShiftKind, value: u32, amount: u32, carry: bool) -> (u32, bool) {
    let (mut value, mut carry) = (value, carry);
    for _ in 0..amount {
        (value, carry) = match kind {
            ShiftKind::Lsl => (value << 1, value >> 31 != 0),
            ShiftKind::Lsr => (value >> 1, value & 1 != 0),
            ShiftKind::Asr => ((value as i32 >> 1) as u32, value & 1 != 0),
            ShiftKind::Ror => (value.rotate_right(1), value & 1 != 0),
            ShiftKind::Rrx => ((value >> 1) | (u32::from(carry) << 31), value & 1 != 0),
        };
    }
    (value, carry)
}

/// AddWithCarry of A2.2.1, with the integers it speaks of.
fn add_by_the_book(x: u32, y: u32, carry: bool) -> (u32, bool, bool) {
    let unsigned = u64::from(x) + u64::from(y) + u64::from(carry);
    let signed = i64::from(x as i32) + i64::from(y as i32) + i64::from(carry);
    let result = unsigned as u32;
    (result, u64::from(result) != unsigned, i64::from(result as i32) != signed)
}

/// The result and the flags after a data-processing instruction, as the manual's operation sections have it.
fn data_processing(op: DpOp, n: u32, operand: (u32, bool), before: Flags) -> (u32, Flags) {
    let (m, shifter_carry) = operand;
    let arithmetic = match op {
        DpOp::Add | DpOp::Cmn => Some(add_by_the_book(n, m, false)),
        DpOp::Adc => Some(add_by_the_book(n, m, before.c)),
        DpOp::Sub | DpOp::Cmp => Some(add_by_the_book(n, !m, true)),
        DpOp::Sbc => Some(add_by_the_book(n, !m, before.c)),
        DpOp::Rsb => Some(add_by_the_book(!n, m, true)),
        _ => None,
    };
    let (result, c, v) = arithmetic.unwrap_or_else(|| {
        let result = match op {
            DpOp::And | DpOp::Tst => n & m,
            DpOp::Bic => n & !m,
            DpOp::Orr => n | m,
            DpOp::Orn => n | !m,
            DpOp::Mov => m,
            DpOp::Mvn => !m,
            _ => n ^ m,
        };
        (result, shifter_carry, before.v)
    });
    (result, Flags { n: result, z: result, c, v, ..before })
}

fn op() -> impl Strategy<Value = DpOp> {
    use DpOp::*;
    prop::sample::select(vec![And, Bic, Orr, Orn, Eor, Add, Adc, Sub, Sbc, Rsb, Mov, Mvn, Tst, Teq, Cmp, Cmn])
}

fn constant_shift() -> impl Strategy<Value = Shift> {
    prop_oneof![
        (0..32u8).prop_map(|amount| Shift { kind: ShiftKind::Lsl, amount }),
        (1..33u8).prop_map(|amount| Shift { kind: ShiftKind::Lsr, amount }),
        (1..33u8).prop_map(|amount| Shift { kind: ShiftKind::Asr, amount }),
        (1..32u8).prop_map(|amount| Shift { kind: ShiftKind::Ror, amount }),
        Just(Shift { kind: ShiftKind::Rrx, amount: 1 }),
    ]
}

fn is_comparison(op: DpOp) -> bool {
    matches!(op, DpOp::Tst | DpOp::Teq | DpOp::Cmp | DpOp::Cmn)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn carry_and_overflow_are_those_of_the_integers(x in value(), y in value(), carry: bool) {
        prop_assert_eq!(add_with_carry(x, y, carry), add_by_the_book(x, y, carry));
        prop_assert_eq!(subtract_with_borrow(x, y, !carry), add_by_the_book(x, !y, carry));
    }

    #[test]
    fn data_processing_with_a_shifted_register(
        op in op(), setflags: bool, shift in constant_shift(), n in value(), m in value(), apsr: u32,
    ) {
        let mut core = core();
        core.flags = Flags::from_apsr(apsr);
        (core.r[1], core.r[2], core.r[3]) = (0xAAAA_5555, n, m);
        let insn = Insn::Dp { op, setflags, rd: 1, rn: 2, src: Operand::Reg { rm: 3, shift }, imm12: false };
        prop_assert_eq!(execute(&mut core, &insn), Flow::Next);
        let before = Flags::from_apsr(apsr);
        let operand = shift_c(shift.kind, m, shift.amount.into(), before.c);
        let (result, flags) = data_processing(op, n, operand, before);
        let flags = if setflags || is_comparison(op) { flags } else { before };
        prop_assert_eq!(core.r[1], if is_comparison(op) { 0xAAAA_5555 } else { result });
        prop_assert_eq!(core.flags.to_apsr(), flags.to_apsr());
    }

    #[test]
    fn data_processing_with_a_constant(
        op in op(), setflags: bool, n in value(), imm in value(), carry: Option<bool>, apsr: u32,
    ) {
        let mut core = core();
        core.flags = Flags::from_apsr(apsr);
        core.r[7] = n;
        let src = Operand::Imm { value: imm, carry };
        let insn = Insn::Dp { op, setflags, rd: 7, rn: 7, src, imm12: false };
        prop_assert_eq!(execute(&mut core, &insn), Flow::Next);
        let before = Flags::from_apsr(apsr);
        let (result, flags) = data_processing(op, n, (imm, carry.unwrap_or(before.c)), before);
        let flags = if setflags || is_comparison(op) { flags } else { before };
        prop_assert_eq!(core.r[7], if is_comparison(op) { n } else { result });
        prop_assert_eq!(core.flags.to_apsr(), flags.to_apsr());
    }

    #[test]
    fn shifts_by_a_register(
        kind in prop::sample::select(vec![ShiftKind::Lsl, ShiftKind::Lsr, ShiftKind::Asr, ShiftKind::Ror]),
        setflags: bool, n in value(), amount in prop_oneof![0..36u32, 0..256u32], above: u32, apsr: u32,
    ) {
        let mut core = core();
        core.flags = Flags::from_apsr(apsr);
        (core.r[4], core.r[5]) = (n, amount | (above << 8));
        let insn = Insn::ShiftReg { kind, setflags, rd: 4, rn: 4, rm: 5 };
        prop_assert_eq!(execute(&mut core, &insn), Flow::Next);
        let mut flags = Flags::from_apsr(apsr);
        let (result, carry) = shift_c(kind, n, amount, flags.c);
        if setflags {
            flags.set_nz(result);
            flags.c = carry;
        }
        prop_assert_eq!(core.r[4], result);
        prop_assert_eq!(core.flags.to_apsr(), flags.to_apsr());
    }

    #[test]
    fn bit_fields(n in value(), d in value(), lsb in 0..32u8, width in 1..33u8) {
        let width = width.min(32 - lsb);
        let mut core = core();
        let bit = |x: u32, i: u8| (x >> i) & 1;
        let field = |x: u32| (0..width).fold(0, |field, i| field | (bit(x, lsb + i) << i));
        core.r[2] = n;
        execute(&mut core, &Insn::Bfx { signed: false, rd: 1, rn: 2, lsb, width });
        prop_assert_eq!(core.r[1], field(n));
        execute(&mut core, &Insn::Bfx { signed: true, rd: 1, rn: 2, lsb, width });
        let sign = (width..32).fold(0, |sign, i| sign | (bit(n, lsb + width - 1) << i));
        prop_assert_eq!(core.r[1], field(n) | sign);
        core.r[1] = d;
        execute(&mut core, &Insn::Bfi { rd: 1, rn: 2, lsb, width });
        let inside = |i: u8| i >= lsb && i < lsb + width;
        let inserted = (0..32).fold(0, |x, i| x | (if inside(i) { bit(n, i - lsb) } else { bit(d, i) } << i));
        prop_assert_eq!(core.r[1], inserted);
        core.r[1] = d;
        execute(&mut core, &Insn::Bfc { rd: 1, lsb, width });
        let cleared = (0..32).fold(0, |x, i| x | (if inside(i) { 0 } else { bit(d, i) } << i));
        prop_assert_eq!(core.r[1], cleared);
    }

    #[test]
    fn bytes_change_places(m in value()) {
        let mut core = core();
        core.r[2] = m;
        let mut unary = |op| {
            execute(&mut core, &Insn::Unary { op, rd: 1, rm: 2 });
            core.r[1]
        };
        let [a, b, c, d] = m.to_be_bytes();
        prop_assert_eq!(unary(UnaryOp::Rev), u32::from_be_bytes([d, c, b, a]));
        prop_assert_eq!(unary(UnaryOp::Rev16), u32::from_be_bytes([b, a, d, c]));
        prop_assert_eq!(unary(UnaryOp::Revsh) as i32, i32::from(i16::from_be_bytes([d, c])));
        prop_assert_eq!(unary(UnaryOp::Rbit), (0..32).fold(0, |x, i| x | (((m >> i) & 1) << (31 - i))));
        let zeros = (0..32).rev().take_while(|i| (m >> i) & 1 == 0).count() as u32;
        prop_assert_eq!(unary(UnaryOp::Clz), zeros);
    }

    #[test]
    fn extensions(n in value(), m in value(), rotation in prop::sample::select(vec![0u8, 8, 16, 24])) {
        let mut core = core();
        (core.r[2], core.r[3]) = (n, m);
        let (rotated, _) = shift_c(ShiftKind::Ror, m, rotation.into(), false);
        let [a, b, c, _] = rotated.to_le_bytes();
        let halves = |low: i32, high: i32| (low as u32 & 0xFFFF) | ((high as u32) << 16);
        let cases = [
            (ExtendOp::Sxtb, i32::from(a as i8) as u32),
            (ExtendOp::Uxtb, u32::from(a)),
            (ExtendOp::Sxth, i32::from(i16::from_le_bytes([a, b])) as u32),
            (ExtendOp::Uxth, u32::from(u16::from_le_bytes([a, b]))),
            (ExtendOp::Sxtb16, halves(i32::from(a as i8), i32::from(c as i8))),
            (ExtendOp::Uxtb16, halves(a.into(), c.into())),
        ];
        for (op, extended) in cases {
            execute(&mut core, &Insn::Extend { op, rd: 1, rn: 15, rm: 3, rotation });
            prop_assert_eq!(core.r[1], extended, "{:?}", op);
            execute(&mut core, &Insn::Extend { op, rd: 1, rn: 2, rm: 3, rotation });
            let sum = match op {
                ExtendOp::Sxtb16 | ExtendOp::Uxtb16 => halves(
                    (n & 0xFFFF) as i32 + (extended & 0xFFFF) as i32,
                    (n >> 16) as i32 + (extended >> 16) as i32,
                ),
                _ => (u64::from(n) + u64::from(extended)) as u32,
            };
            prop_assert_eq!(core.r[1], sum, "{:?} with addition", op);
        }
    }

    #[test]
    fn packing(n in value(), m in value(), amount in 0..33u8) {
        let mut core = core();
        (core.r[2], core.r[3]) = (n, m);
        let left = Shift { kind: ShiftKind::Lsl, amount: amount.min(31) };
        execute(&mut core, &Insn::Pkh { top: false, rd: 1, rn: 2, rm: 3, shift: left });
        let (shifted, _) = shift_c(ShiftKind::Lsl, m, left.amount.into(), false);
        prop_assert_eq!(core.r[1], (n & 0xFFFF) | (shifted & 0xFFFF_0000));
        let right = Shift { kind: ShiftKind::Asr, amount: amount.max(1) };
        execute(&mut core, &Insn::Pkh { top: true, rd: 1, rn: 2, rm: 3, shift: right });
        let (shifted, _) = shift_c(ShiftKind::Asr, m, right.amount.into(), false);
        prop_assert_eq!(core.r[1], (n & 0xFFFF_0000) | (shifted & 0xFFFF));
    }
}

#[test]
fn halves_do_not_carry_into_each_other() {
    assert_eq!(add_halves(0x0001_FFFF, 0xFFFF_0001), 0);
}

#[test]
fn the_stack_pointer_stays_aligned_and_only_add_sub_and_mov_write_it() {
    let mut core = core();
    core.r[13] = 0x2000_1000;
    let imm = |op, value, rd, rn| Insn::Dp {
        op,
        setflags: false,
        rd,
        rn,
        src: Operand::Imm { value, carry: None },
        imm12: false,
    };
    assert_eq!(execute(&mut core, &imm(DpOp::Sub, 7, 13, 13)), Flow::Next);
    assert_eq!(core.r[13], 0x2000_0FF8);
    assert_eq!(execute(&mut core, &imm(DpOp::Add, 9, 13, 13)), Flow::Next);
    assert_eq!(core.r[13], 0x2000_1000);
    assert_eq!(execute(&mut core, &imm(DpOp::Add, 9, 2, 13)), Flow::Next);
    assert_eq!(core.r[2], 0x2000_1009);
    assert_eq!(execute(&mut core, &imm(DpOp::And, 9, 13, 13)), Flow::Fault);
    assert_eq!(core.r[13], 0x2000_1000);
}

#[test]
fn the_pc_as_an_operand_is_the_address_plus_four() {
    let mut core = core();
    let dp = |op, rd, rn, rm| Insn::Dp {
        op,
        setflags: false,
        rd,
        rn,
        src: Operand::Reg { rm, shift: Shift::NONE },
        imm12: false,
    };
    assert_eq!(execute_sized(&mut core, &dp(DpOp::Mov, 0, 0, 15), 2), Flow::Next);
    assert_eq!(core.r[0], PC + 4);
    assert_eq!(execute_sized(&mut core, &dp(DpOp::Add, 0, 0, 15), 2), Flow::Next);
    assert_eq!(core.r[0], 2 * (PC + 4));
    core.r[3] = 0x101;
    assert_eq!(execute_sized(&mut core, &dp(DpOp::Add, 15, 15, 3), 2), Flow::Branch);
    assert_eq!(core.r[15], (PC + 4 + 0x101) & !1);
    assert_eq!(execute_sized(&mut core, &dp(DpOp::Mov, 15, 0, 3), 2), Flow::Branch);
    assert_eq!((core.r[15], core.thumb), (0x100, true));
    assert_eq!(execute(&mut core, &Insn::Adr { rd: 1, offset: -8, subtract: true }), Flow::Next);
    assert_eq!(core.r[1], ((PC + 4) & !3) - 8);
}

#[test]
fn wide_moves() {
    let mut core = core();
    execute(&mut core, &Insn::Movw { rd: 6, imm: 0xBEEF });
    assert_eq!(core.r[6], 0xBEEF);
    execute(&mut core, &Insn::Movt { rd: 6, imm: 0xDEAD });
    assert_eq!(core.r[6], 0xDEAD_BEEF);
}
