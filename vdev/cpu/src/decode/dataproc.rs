//! Data processing, 32-bit: modified and plain immediates, shifted registers, registers with SIMD (A5.3.1 to A5.3.15).

use super::{Found, bad, bit, bits, field, senseless, undefined};
use crate::insn::{
    DpOp, ExtendOp, Insn, Operand, ParallelKind, ParallelOp, SatOp, Shift, ShiftKind, UnaryOp,
};

/// The operation of the 4-bit field that both forms with two operands share; `rn` or `rd` 15 selects the forms with
/// one operand or without a result. None: UNDEFINED.
fn operation(word: u32) -> Option<DpOp> {
    let setflags = bit(word, 20);
    let no_operand = bits(word, 19, 16) == 15;
    let no_result = bits(word, 11, 8) == 15 && setflags;
    let choose = |condition, yes, no| Some(if condition { yes } else { no });
    match bits(word, 24, 21) {
        0b0000 => choose(no_result, DpOp::Tst, DpOp::And),
        0b0001 => Some(DpOp::Bic),
        0b0010 => choose(no_operand, DpOp::Mov, DpOp::Orr),
        0b0011 => choose(no_operand, DpOp::Mvn, DpOp::Orn),
        0b0100 => choose(no_result, DpOp::Teq, DpOp::Eor),
        0b1000 => choose(no_result, DpOp::Cmn, DpOp::Add),
        0b1010 => Some(DpOp::Adc),
        0b1011 => Some(DpOp::Sbc),
        0b1101 => choose(no_result, DpOp::Cmp, DpOp::Sub),
        0b1110 => Some(DpOp::Rsb),
        _ => None,
    }
}

/// Whether `rd` and `rn` are UNPREDICTABLE for `op` (the rules at each instruction in A7.7). Addition and subtraction
/// from SP are instructions of their own, with SP as an allowed result.
fn bad_registers(op: DpOp, rd: u8, rn: u8) -> bool {
    match op {
        DpOp::Mov | DpOp::Mvn => bad(rd),
        DpOp::Tst | DpOp::Teq => bad(rn),
        DpOp::Cmp | DpOp::Cmn => rn == 15,
        DpOp::Orr | DpOp::Orn => bad(rd) || rn == 13,
        DpOp::Add | DpOp::Sub => rd == 15 || rn == 15 || (rd == 13 && rn != 13),
        DpOp::And | DpOp::Bic | DpOp::Eor | DpOp::Adc | DpOp::Sbc | DpOp::Rsb => bad(rd) || bad(rn),
    }
}

/// ThumbExpandImm_C (A5.3.2): the value, the carry, and whether the pattern is UNPREDICTABLE.
fn expand_immediate(word: u32) -> (u32, Option<bool>, bool) {
    let imm12 = bits(word, 26, 26) << 11 | bits(word, 14, 12) << 8 | bits(word, 7, 0);
    let imm8 = imm12 & 0xFF;
    match imm12 >> 8 {
        0 => (imm8, None, false),
        1 => (imm8 << 16 | imm8, None, imm8 == 0),
        2 => (imm8 << 24 | imm8 << 8, None, imm8 == 0),
        3 => (imm8 * 0x0101_0101, None, imm8 == 0),
        _ => {
            let value = (0x80 | (imm12 & 0x7F)).rotate_right(imm12 >> 7);
            (value, Some(value >> 31 != 0), false)
        }
    }
}

/// Modified immediate (A5.3.1).
pub(super) fn modified_immediate(word: u32) -> Found {
    let Some(op) = operation(word) else { return undefined(word) };
    let (rd, rn) = (field(word, 11, 8), field(word, 19, 16));
    let (value, carry, zero_pattern) = expand_immediate(word);
    let src = Operand::Imm { value, carry };
    (
        Insn::Dp { op, setflags: bit(word, 20), rd, rn, src, imm12: false },
        bad_registers(op, rd, rn) || zero_pattern,
    )
}

/// Plain immediate (A5.3.3).
pub(super) fn plain_immediate(word: u32) -> Found {
    let (rd, rn) = (field(word, 11, 8), field(word, 19, 16));
    let imm12 = bits(word, 26, 26) << 11 | bits(word, 14, 12) << 8 | bits(word, 7, 0);
    let imm16 = (bits(word, 19, 16) << 12 | imm12) as u16;
    let add_subtract = |op, subtract| {
        if rn == 15 {
            let offset = if subtract { -(imm12 as i32) } else { imm12 as i32 };
            return (Insn::Adr { rd, offset, subtract }, bad(rd));
        }
        let src = Operand::Imm { value: imm12, carry: None };
        let unpredictable = rd == 15 || (rd == 13 && rn != 13);
        (Insn::Dp { op, setflags: false, rd, rn, src, imm12: true }, unpredictable)
    };
    match bits(word, 24, 20) {
        0b00000 => add_subtract(DpOp::Add, false),
        0b01010 => add_subtract(DpOp::Sub, true),
        0b00100 => (Insn::Movw { rd, imm: imm16 }, bad(rd)),
        0b01100 => (Insn::Movt { rd, imm: imm16 }, bad(rd)),
        0b10000 | 0b10010 | 0b11000 | 0b11010 => saturate(word, rd, rn),
        0b10100 | 0b11100 | 0b10110 => bit_field(word, rd, rn),
        _ => undefined(word),
    }
}

/// SSAT, USAT and their 16-bit forms.
fn saturate(word: u32, rd: u8, rn: u8) -> Found {
    let signed = !bit(word, 23);
    let amount = field(word, 14, 12) << 2 | field(word, 7, 6);
    let unpredictable = bad(rd) || bad(rn) || bit(word, 26) || bit(word, 5);
    let bits_of = |width: u8| if signed { width + 1 } else { width };
    if bit(word, 21) && amount == 0 {
        let insn = Insn::Saturate16 { signed, rd, bits: bits_of(field(word, 3, 0)), rn };
        return (insn, unpredictable || bit(word, 4));
    }
    let kind = if bit(word, 21) { ShiftKind::Asr } else { ShiftKind::Lsl };
    let shift = Shift { kind, amount };
    (Insn::Saturate { signed, rd, bits: bits_of(field(word, 4, 0)), rn, shift }, unpredictable)
}

/// SBFX, UBFX, BFI and BFC.
fn bit_field(word: u32, rd: u8, rn: u8) -> Found {
    let lsb = field(word, 14, 12) << 2 | field(word, 7, 6);
    let last = field(word, 4, 0);
    let reserved = bit(word, 26) || bit(word, 5);
    if bits(word, 24, 20) != 0b10110 {
        if lsb + last > 31 {
            return senseless(word);
        }
        let insn = Insn::Bfx { signed: !bit(word, 23), rd, rn, lsb, width: last + 1 };
        return (insn, bad(rd) || bad(rn) || reserved);
    }
    if last < lsb {
        return senseless(word);
    }
    let width = last - lsb + 1;
    if rn == 15 {
        (Insn::Bfc { rd, lsb, width }, bad(rd) || reserved)
    } else {
        (Insn::Bfi { rd, rn, lsb, width }, bad(rd) || rn == 13 || reserved)
    }
}

/// DecodeImmShift (A7.4.2).
fn immediate_shift(kind: u32, amount: u8) -> Shift {
    match (kind, amount) {
        (0, _) => Shift { kind: ShiftKind::Lsl, amount },
        (1, 0) => Shift { kind: ShiftKind::Lsr, amount: 32 },
        (1, _) => Shift { kind: ShiftKind::Lsr, amount },
        (2, 0) => Shift { kind: ShiftKind::Asr, amount: 32 },
        (2, _) => Shift { kind: ShiftKind::Asr, amount },
        (_, 0) => Shift { kind: ShiftKind::Rrx, amount: 1 },
        (_, _) => Shift { kind: ShiftKind::Ror, amount },
    }
}

/// Shifted register (A5.3.11).
pub(super) fn shifted_register(word: u32) -> Found {
    let (rd, rn, rm) = (field(word, 11, 8), field(word, 19, 16), field(word, 3, 0));
    let setflags = bit(word, 20);
    let amount = field(word, 14, 12) << 2 | field(word, 7, 6);
    let reserved = bit(word, 15);
    if bits(word, 24, 21) == 0b0110 {
        if setflags || bit(word, 4) {
            return undefined(word);
        }
        let top = bit(word, 5);
        let shift = immediate_shift(if top { 2 } else { 0 }, amount);
        return (Insn::Pkh { top, rd, rn, rm, shift }, reserved || bad(rd) || bad(rn) || bad(rm));
    }
    let Some(op) = operation(word) else { return undefined(word) };
    let shift = immediate_shift(bits(word, 5, 4), amount);
    let unpredictable = match op {
        // A plain move is the one 32-bit register operation that reaches SP.
        DpOp::Mov if shift == Shift::NONE && !setflags => rd == 15 || rm == 15 || (rd == 13 && rm == 13),
        DpOp::Add | DpOp::Sub if rd == 13 && rn == 13 => {
            bad(rm) || shift.kind != ShiftKind::Lsl || shift.amount > 3
        }
        _ => bad_registers(op, rd, rn) || bad(rm),
    };
    let src = Operand::Reg { rm, shift };
    (Insn::Dp { op, setflags, rd, rn, src, imm12: false }, unpredictable || reserved)
}

/// Register operands: shifts, extensions, parallel and miscellaneous (A5.3.12 to A5.3.15).
pub(super) fn register(word: u32) -> Found {
    let (rd, rn, rm) = (field(word, 11, 8), field(word, 19, 16), field(word, 3, 0));
    if bits(word, 15, 12) != 15 {
        return undefined(word);
    }
    let unpredictable = bad(rd) || bad(rn) || bad(rm);
    match (bits(word, 23, 20), bits(word, 7, 4)) {
        (op @ 0..=7, 0) => {
            let kind = match op >> 1 {
                0 => ShiftKind::Lsl,
                1 => ShiftKind::Lsr,
                2 => ShiftKind::Asr,
                _ => ShiftKind::Ror,
            };
            (Insn::ShiftReg { kind, setflags: op & 1 != 0, rd, rn, rm }, unpredictable)
        }
        (op @ 0..=5, 8..=15) => {
            let op = match op {
                0 => ExtendOp::Sxth,
                1 => ExtendOp::Uxth,
                2 => ExtendOp::Sxtb16,
                3 => ExtendOp::Uxtb16,
                4 => ExtendOp::Sxtb,
                _ => ExtendOp::Uxtb,
            };
            let rotation = field(word, 5, 4) * 8;
            (Insn::Extend { op, rd, rn, rm, rotation }, bad(rd) || rn == 13 || bad(rm) || bit(word, 6))
        }
        (8..=15, 0..=7) => match parallel(word) {
            Some((kind, op)) => (Insn::Parallel { kind, op, rd, rn, rm }, unpredictable),
            None => undefined(word),
        },
        (op @ 8..=11, 8..=11) => {
            let sat = |op| (Insn::Sat2 { op, rd, rn, rm }, unpredictable);
            // The operand is encoded twice.
            let unary = |op| (Insn::Unary { op, rd, rm }, bad(rd) || bad(rm) || rn != rm);
            match (op & 3, bits(word, 5, 4)) {
                (0, 0) => sat(SatOp::Qadd),
                (0, 1) => sat(SatOp::Qdadd),
                (0, 2) => sat(SatOp::Qsub),
                (0, 3) => sat(SatOp::Qdsub),
                (1, 0) => unary(UnaryOp::Rev),
                (1, 1) => unary(UnaryOp::Rev16),
                (1, 2) => unary(UnaryOp::Rbit),
                (1, 3) => unary(UnaryOp::Revsh),
                (2, 0) => (Insn::Sel { rd, rn, rm }, unpredictable),
                (3, 0) => unary(UnaryOp::Clz),
                _ => undefined(word),
            }
        }
        _ => undefined(word),
    }
}

/// Parallel addition and subtraction (A5.3.13, A5.3.14).
fn parallel(word: u32) -> Option<(ParallelKind, ParallelOp)> {
    let op = match bits(word, 22, 20) {
        0 => ParallelOp::Add8,
        1 => ParallelOp::Add16,
        2 => ParallelOp::Asx,
        4 => ParallelOp::Sub8,
        5 => ParallelOp::Sub16,
        6 => ParallelOp::Sax,
        _ => return None,
    };
    let kind = match bits(word, 6, 4) {
        0 => ParallelKind::S,
        1 => ParallelKind::Q,
        2 => ParallelKind::Sh,
        4 => ParallelKind::U,
        5 => ParallelKind::Uq,
        6 => ParallelKind::Uh,
        _ => return None,
    };
    Some((kind, op))
}
