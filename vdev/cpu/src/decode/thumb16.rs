//! The 16-bit encodings (A5.2).

use super::{Found, bit, bits, field, sign_extend, undefined};
use crate::insn::{
    Address, Cond, DpOp, ExtendOp, Hint, Insn, MulOp, Operand, Shift, ShiftKind, UnaryOp, Width,
};

/// Decodes a 16-bit encoding.
pub(super) fn decode(word: u32, in_it: bool) -> Found {
    match bits(word, 15, 10) {
        0b00_0000..=0b00_1111 => (shift_add_compare(word, in_it), false),
        0b01_0000 => (data_processing(word, in_it), false),
        0b01_0001 => special_data(word),
        0b01_0010 | 0b01_0011 => {
            let address = Address::Literal { offset: scaled(word, 7, 0, 4), subtract: false };
            (Insn::Load { width: Width::Word, rt: field(word, 10, 8), address }, false)
        }
        0b01_0100..=0b10_0111 => (load_store(word), false),
        0b10_1000 | 0b10_1001 => {
            (Insn::Adr { rd: field(word, 10, 8), offset: scaled(word, 7, 0, 4), subtract: false }, false)
        }
        0b10_1010 | 0b10_1011 => {
            (immediate(DpOp::Add, false, field(word, 10, 8), 13, bits(word, 7, 0) * 4), false)
        }
        0b10_1100..=0b10_1111 => miscellaneous(word, in_it),
        0b11_0000..=0b11_0011 => multiple(word),
        0b11_0100..=0b11_0111 => conditional(word, in_it),
        _ => (Insn::Branch { cond: Cond::AL, offset: sign_extend(bits(word, 10, 0), 11) * 2 }, false),
    }
}

/// A field times the access size.
fn scaled(word: u32, high: u32, low: u32, size: u32) -> i32 {
    (bits(word, high, low) * size) as i32
}

/// Data processing with a constant that leaves the carry alone.
fn immediate(op: DpOp, setflags: bool, rd: u8, rn: u8, value: u32) -> Insn {
    Insn::Dp { op, setflags, rd, rn, src: Operand::Imm { value, carry: None }, imm12: false }
}

/// Data processing with a register.
fn register(op: DpOp, setflags: bool, rd: u8, rn: u8, rm: u8, shift: Shift) -> Insn {
    Insn::Dp { op, setflags, rd, rn, src: Operand::Reg { rm, shift }, imm12: false }
}

/// Shift by constant, add, subtract, move and compare (A5.2.1).
fn shift_add_compare(word: u32, in_it: bool) -> Insn {
    let flags = !in_it;
    let (low, middle) = (field(word, 2, 0), field(word, 5, 3));
    let (rdn, imm8) = (field(word, 10, 8), bits(word, 7, 0));
    match bits(word, 13, 11) {
        kind @ 0..=2 => {
            let imm5 = field(word, 10, 6);
            let shift = match (kind, imm5) {
                (0, amount) => Shift { kind: ShiftKind::Lsl, amount },
                (1, 0) => Shift { kind: ShiftKind::Lsr, amount: 32 },
                (1, amount) => Shift { kind: ShiftKind::Lsr, amount },
                (_, 0) => Shift { kind: ShiftKind::Asr, amount: 32 },
                (_, amount) => Shift { kind: ShiftKind::Asr, amount },
            };
            register(DpOp::Mov, flags, low, 15, middle, shift)
        }
        3 => {
            let op = if bit(word, 9) { DpOp::Sub } else { DpOp::Add };
            if bit(word, 10) {
                immediate(op, flags, low, middle, bits(word, 8, 6))
            } else {
                register(op, flags, low, middle, field(word, 8, 6), Shift::NONE)
            }
        }
        4 => immediate(DpOp::Mov, flags, rdn, 15, imm8),
        5 => immediate(DpOp::Cmp, true, 15, rdn, imm8),
        6 => immediate(DpOp::Add, flags, rdn, rdn, imm8),
        _ => immediate(DpOp::Sub, flags, rdn, rdn, imm8),
    }
}

/// Data processing on two low registers (A5.2.2).
fn data_processing(word: u32, in_it: bool) -> Insn {
    let flags = !in_it;
    let (rdn, rm) = (field(word, 2, 0), field(word, 5, 3));
    let dp = |op| register(op, flags, rdn, rdn, rm, Shift::NONE);
    let test = |op| register(op, true, 15, rdn, rm, Shift::NONE);
    let shift = |kind| Insn::ShiftReg { kind, setflags: flags, rd: rdn, rn: rdn, rm };
    match bits(word, 9, 6) {
        0 => dp(DpOp::And),
        1 => dp(DpOp::Eor),
        2 => shift(ShiftKind::Lsl),
        3 => shift(ShiftKind::Lsr),
        4 => shift(ShiftKind::Asr),
        5 => dp(DpOp::Adc),
        6 => dp(DpOp::Sbc),
        7 => shift(ShiftKind::Ror),
        8 => test(DpOp::Tst),
        9 => immediate(DpOp::Rsb, flags, rdn, rm, 0),
        10 => test(DpOp::Cmp),
        11 => test(DpOp::Cmn),
        12 => dp(DpOp::Orr),
        13 => Insn::Mul { op: MulOp::Mul, setflags: flags, rd: rdn, rn: rm, rm: rdn, ra: 15 },
        14 => dp(DpOp::Bic),
        _ => register(DpOp::Mvn, flags, rdn, 15, rm, Shift::NONE),
    }
}

/// Special data instructions, branch and exchange (A5.2.3): the ones that reach the high registers.
fn special_data(word: u32) -> Found {
    let rm = field(word, 6, 3);
    let rdn = field(word, 2, 0) | (field(word, 7, 7) << 3);
    match bits(word, 9, 8) {
        0 => (register(DpOp::Add, false, rdn, rdn, rm, Shift::NONE), rdn == 15 && rm == 15),
        1 => {
            let unpredictable = (rdn < 8 && rm < 8) || rdn == 15 || rm == 15;
            (register(DpOp::Cmp, true, 15, rdn, rm, Shift::NONE), unpredictable)
        }
        2 => (register(DpOp::Mov, false, rdn, 15, rm, Shift::NONE), false),
        _ => {
            let zeros = bits(word, 2, 0) != 0;
            if bit(word, 7) { (Insn::Blx { rm }, zeros || rm == 15) } else { (Insn::Bx { rm }, zeros) }
        }
    }
}

/// Load and store of a single item (A5.2.4).
fn load_store(word: u32) -> Insn {
    let (rt, rn) = (field(word, 2, 0), field(word, 5, 3));
    let by_register = Address::Reg { rn, rm: field(word, 8, 6), shift: 0 };
    let by_constant = |size| plain(rn, scaled(word, 10, 6, size));
    let stack = plain(13, scaled(word, 7, 0, 4));
    match bits(word, 15, 11) {
        0b01010 | 0b01011 => match bits(word, 11, 9) {
            0 => Insn::Store { width: Width::Word, rt, address: by_register },
            1 => Insn::Store { width: Width::Half, rt, address: by_register },
            2 => Insn::Store { width: Width::Byte, rt, address: by_register },
            3 => Insn::Load { width: Width::SignedByte, rt, address: by_register },
            4 => Insn::Load { width: Width::Word, rt, address: by_register },
            5 => Insn::Load { width: Width::Half, rt, address: by_register },
            6 => Insn::Load { width: Width::Byte, rt, address: by_register },
            _ => Insn::Load { width: Width::SignedHalf, rt, address: by_register },
        },
        0b01100 => Insn::Store { width: Width::Word, rt, address: by_constant(4) },
        0b01101 => Insn::Load { width: Width::Word, rt, address: by_constant(4) },
        0b01110 => Insn::Store { width: Width::Byte, rt, address: by_constant(1) },
        0b01111 => Insn::Load { width: Width::Byte, rt, address: by_constant(1) },
        0b10000 => Insn::Store { width: Width::Half, rt, address: by_constant(2) },
        0b10001 => Insn::Load { width: Width::Half, rt, address: by_constant(2) },
        0b10010 => Insn::Store { width: Width::Word, rt: field(word, 10, 8), address: stack },
        _ => Insn::Load { width: Width::Word, rt: field(word, 10, 8), address: stack },
    }
}

/// `[rn, #offset]` without writeback.
fn plain(rn: u8, offset: i32) -> Address {
    Address::Imm { rn, offset, index: true, writeback: false, subtract: false }
}

/// Miscellaneous (A5.2.5).
fn miscellaneous(word: u32, in_it: bool) -> Found {
    let (rd, rm) = (field(word, 2, 0), field(word, 5, 3));
    let extend = |op| (Insn::Extend { op, rd, rn: 15, rm, rotation: 0 }, false);
    let unary = |op| (Insn::Unary { op, rd, rm }, false);
    let list = bits(word, 7, 0) as u16;
    match bits(word, 11, 5) {
        0b000_0000..=0b000_0011 => (immediate(DpOp::Add, false, 13, 13, bits(word, 6, 0) * 4), false),
        0b000_0100..=0b000_0111 => (immediate(DpOp::Sub, false, 13, 13, bits(word, 6, 0) * 4), false),
        0b000_1000..=0b000_1111
        | 0b001_1000..=0b001_1111
        | 0b100_1000..=0b100_1111
        | 0b101_1000..=0b101_1111 => {
            let offset = scaled(word, 7, 3, 2) | (i32::from(bit(word, 9)) << 6);
            (Insn::CompareBranch { nonzero: bit(word, 11), rn: rd, offset }, in_it)
        }
        0b001_0000 | 0b001_0001 => extend(ExtendOp::Sxth),
        0b001_0010 | 0b001_0011 => extend(ExtendOp::Sxtb),
        0b001_0100 | 0b001_0101 => extend(ExtendOp::Uxth),
        0b001_0110 | 0b001_0111 => extend(ExtendOp::Uxtb),
        0b010_0000..=0b010_1111 => {
            let registers = list | (u16::from(bit(word, 8)) << 14);
            (Insn::StoreMultiple { rn: 13, registers, writeback: true, before: true }, registers == 0)
        }
        0b011_0011 => {
            let (primask, faultmask) = (bit(word, 1), bit(word, 0));
            let unpredictable = bits(word, 3, 2) != 0 || !(primask || faultmask) || in_it;
            (Insn::Cps { disable: bit(word, 4), primask, faultmask }, unpredictable)
        }
        0b101_0000 | 0b101_0001 => unary(UnaryOp::Rev),
        0b101_0010 | 0b101_0011 => unary(UnaryOp::Rev16),
        0b101_0110 | 0b101_0111 => unary(UnaryOp::Revsh),
        0b110_0000..=0b110_1111 => {
            let registers = list | (u16::from(bit(word, 8)) << 15);
            (Insn::LoadMultiple { rn: 13, registers, writeback: true, before: false }, registers == 0)
        }
        0b111_0000..=0b111_0111 => (Insn::Bkpt { imm: field(word, 7, 0) }, false),
        0b111_1000..=0b111_1111 => if_then_and_hints(word, in_it),
        _ => undefined(word),
    }
}

/// IT and the 16-bit hints (A5.2.5).
fn if_then_and_hints(word: u32, in_it: bool) -> Found {
    let (first, mask) = (field(word, 7, 4), field(word, 3, 0));
    if mask != 0 {
        // "Always" has no opposite, so only then-slots may follow it.
        let unpredictable = first == 15 || (first == 14 && mask.count_ones() != 1) || in_it;
        return (Insn::It { first: Cond(first), mask }, unpredictable);
    }
    let hint = match first {
        0 => Hint::Nop,
        1 => Hint::Yield,
        2 => Hint::Wfe,
        3 => Hint::Wfi,
        4 => Hint::Sev,
        other => Hint::Reserved(other),
    };
    (Insn::Hint(hint), false)
}

/// LDM and STM of low registers.
fn multiple(word: u32) -> Found {
    let (rn, registers) = (field(word, 10, 8), bits(word, 7, 0) as u16);
    let base_listed = (registers >> rn) & 1 != 0;
    if bit(word, 11) {
        (Insn::LoadMultiple { rn, registers, writeback: !base_listed, before: false }, registers == 0)
    } else {
        // The base may be stored, if it is the first one: its value is not yet changed then.
        let base_not_first = base_listed && registers.trailing_zeros() != u32::from(rn);
        (
            Insn::StoreMultiple { rn, registers, writeback: true, before: false },
            registers == 0 || base_not_first,
        )
    }
}

/// Conditional branch, UDF and SVC (A5.2.6).
fn conditional(word: u32, in_it: bool) -> Found {
    let imm = field(word, 7, 0);
    match field(word, 11, 8) {
        14 => (Insn::Udf { imm: u16::from(imm) }, false),
        15 => (Insn::Svc { imm }, false),
        cond => (Insn::Branch { cond: Cond(cond), offset: sign_extend(bits(word, 7, 0), 8) * 2 }, in_it),
    }
}
