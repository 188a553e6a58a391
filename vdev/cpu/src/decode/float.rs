//! FPv5-D16 (chapter A6): data processing, loads and stores, transfers. Coprocessors 10 and 11.

use super::{Found, bad, bit, bits, field, senseless, undefined};
use crate::insn::{Cond, CvtMode, FpOp, FpUnary, Insn, Precision, RintMode};

/// Decodes the FPU's part of the coprocessor space.
pub(super) fn decode(word: u32, in_it: bool) -> Found {
    let operation = bits(word, 25, 24) == 0b10;
    match (bit(word, 28), operation, bit(word, 4)) {
        (false, true, false) => data_processing(word),
        (false, true, true) => transfer(word),
        (false, false, _) if bits(word, 24, 21) == 0b0010 => transfer_two(word),
        (false, false, _) => load_store(word),
        (true, true, false) => unconditional(word, in_it),
        (true, _, _) => undefined(word),
    }
}

/// The precision, bit 8.
fn precision(word: u32) -> Precision {
    if bit(word, 8) { Precision::Double } else { Precision::Single }
}

/// A register number from its four bits at `low` and its single bit at `extra` (A6.3). None: D16 to D31, which the
/// D16 register bank does not have.
fn register(word: u32, precision: Precision, low: u32, extra: u32) -> Option<u8> {
    let (four, one) = (field(word, low + 3, low), field(word, extra, extra));
    match precision {
        Precision::Single => Some(four << 1 | one),
        Precision::Double => (one == 0).then_some(four),
    }
}

/// The destination, Vd.
fn destination(word: u32, precision: Precision) -> Option<u8> {
    register(word, precision, 12, 22)
}

/// The first operand, Vn.
fn first(word: u32, precision: Precision) -> Option<u8> {
    register(word, precision, 16, 7)
}

/// The second operand, Vm.
fn second(word: u32, precision: Precision) -> Option<u8> {
    register(word, precision, 0, 5)
}

/// A decoding that ends in UNDEFINED when a register does not exist.
fn or_undefined(word: u32, found: Option<Found>) -> Found {
    found.unwrap_or_else(|| undefined(word))
}

/// Data processing (A6.4).
fn data_processing(word: u32) -> Found {
    let negative = bit(word, 6);
    let choose = |clear, set| Some(if negative { set } else { clear });
    let op = match (bit(word, 23), bits(word, 21, 20)) {
        (false, 0) => choose(FpOp::Vmla, FpOp::Vmls),
        (false, 1) => choose(FpOp::Vnmls, FpOp::Vnmla),
        (false, 2) => choose(FpOp::Vmul, FpOp::Vnmul),
        (false, _) => choose(FpOp::Vadd, FpOp::Vsub),
        (true, 0) if negative => None,
        (true, 0) => Some(FpOp::Vdiv),
        (true, 1) => choose(FpOp::Vfnms, FpOp::Vfnma),
        (true, 2) => choose(FpOp::Vfma, FpOp::Vfms),
        (true, _) => return or_undefined(word, other_data_processing(word)),
    };
    or_undefined(word, op.and_then(|op| three_registers(word, op)))
}

/// An operation on Vd, Vn and Vm.
fn three_registers(word: u32, op: FpOp) -> Option<Found> {
    let precision = precision(word);
    let (fd, fn_, fm) = (destination(word, precision)?, first(word, precision)?, second(word, precision)?);
    Some((Insn::Fp { op, precision, fd, fn_, fm }, false))
}

/// VFPExpandImm (A6.4.1): sign, exponent pattern and four bits of fraction.
fn expand_immediate(imm8: u8, precision: Precision) -> u64 {
    let (sign, high) = (u64::from(imm8 >> 7), imm8 & 0x40 != 0);
    let low = u64::from(imm8 & 0x3F);
    match precision {
        Precision::Single => sign << 31 | if high { 0x1F << 25 } else { 1 << 30 } | low << 19,
        Precision::Double => sign << 63 | if high { 0xFF << 54 } else { 1 << 62 } | low << 48,
    }
}

/// One operand, constants, comparisons and conversions (A6.4, opc1 = 1x11).
fn other_data_processing(word: u32) -> Option<Found> {
    let precision = precision(word);
    let upper = bit(word, 7);
    if !bit(word, 6) {
        let imm8 = field(word, 19, 16) << 4 | field(word, 3, 0);
        let value = expand_immediate(imm8, precision);
        let fd = destination(word, precision)?;
        return Some((Insn::FpImm { precision, fd, value, imm8 }, upper || bit(word, 5)));
    }
    let unary = |op| {
        let (fd, fm) = (destination(word, precision)?, second(word, precision)?);
        Some((Insn::FpUnary { op, precision, fd, fm }, false))
    };
    match (bits(word, 19, 16), upper) {
        (0b0000, false) => unary(FpUnary::Vmov),
        (0b0000, true) => unary(FpUnary::Vabs),
        (0b0001, false) => unary(FpUnary::Vneg),
        (0b0001, true) => unary(FpUnary::Vsqrt),
        (0b0010 | 0b0011, top) => {
            // One side is half of a single register whatever the precision of the other.
            let to_half = bit(word, 16);
            let (to, from) =
                if to_half { (Precision::Single, precision) } else { (precision, Precision::Single) };
            let (fd, fm) = (destination(word, to)?, second(word, from)?);
            Some((Insn::FpConvertHalf { precision, to_half, top, fd, fm }, false))
        }
        (0b0100, signal) => {
            let (fd, fm) = (destination(word, precision)?, second(word, precision)?);
            Some((Insn::FpCompare { precision, signal, fd, fm: Some(fm) }, false))
        }
        (0b0101, signal) => {
            let reserved = bit(word, 5) || bits(word, 3, 0) != 0;
            let fd = destination(word, precision)?;
            Some((Insn::FpCompare { precision, signal, fd, fm: None }, reserved))
        }
        (0b0110, false) => unary(FpUnary::Vrint(RintMode::R)),
        (0b0110, true) => unary(FpUnary::Vrint(RintMode::Z)),
        (0b0111, false) => unary(FpUnary::Vrint(RintMode::X)),
        (0b0111, true) => {
            let to = match precision {
                Precision::Single => Precision::Double,
                Precision::Double => Precision::Single,
            };
            let (fd, fm) = (destination(word, to)?, second(word, precision)?);
            Some((Insn::FpConvertPrecision { to, fd, fm }, false))
        }
        (0b1000, signed) => {
            let (fd, fm) = (destination(word, precision)?, second(word, Precision::Single)?);
            Some((Insn::FpFromInt { precision, signed, fd, fm }, false))
        }
        (0b1100 | 0b1101, to_zero) => {
            let mode = if to_zero { CvtMode::Zero } else { CvtMode::Fpscr };
            to_integer(word, bit(word, 16), mode)
        }
        (0b1010 | 0b1011 | 0b1110 | 0b1111, _) => fixed_point(word),
        _ => None,
    }
}

/// Conversion to an integer in a single register.
fn to_integer(word: u32, signed: bool, mode: CvtMode) -> Option<Found> {
    let precision = precision(word);
    let (fd, fm) = (destination(word, Precision::Single)?, second(word, precision)?);
    Some((Insn::FpToInt { precision, signed, mode, fd, fm }, false))
}

/// VCVT with fixed point.
fn fixed_point(word: u32) -> Option<Found> {
    let precision = precision(word);
    let fd = destination(word, precision)?;
    let size: u8 = if bit(word, 7) { 32 } else { 16 };
    let imm5 = field(word, 3, 0) << 1 | field(word, 5, 5);
    let Some(frac) = size.checked_sub(imm5) else { return Some(senseless(word)) };
    let insn = Insn::FpFixed { precision, to_fixed: bit(word, 18), signed: !bit(word, 16), size, frac, fd };
    Some((insn, false))
}

/// The additions of FPv5, which have no condition: UNPREDICTABLE in an IT block.
fn unconditional(word: u32, in_it: bool) -> Found {
    let found = match (bit(word, 23), bits(word, 21, 20)) {
        (false, _) if !bit(word, 6) => select(word),
        (true, 0) => three_registers(word, if bit(word, 6) { FpOp::Vminnm } else { FpOp::Vmaxnm }),
        (true, 3) if bit(word, 6) => directed(word),
        _ => None,
    };
    let (insn, unpredictable) = or_undefined(word, found);
    (insn, unpredictable || (in_it && !matches!(insn, Insn::Undefined { .. })))
}

/// VSEL.
fn select(word: u32) -> Option<Found> {
    let precision = precision(word);
    let cond = match bits(word, 21, 20) {
        0 => Cond(0),
        1 => Cond(6),
        2 => Cond(10),
        _ => Cond(12),
    };
    let (fd, fn_, fm) = (destination(word, precision)?, first(word, precision)?, second(word, precision)?);
    Some((Insn::FpSelect { precision, cond, fd, fn_, fm }, false))
}

/// VRINT and VCVT with the rounding in the instruction.
fn directed(word: u32) -> Option<Found> {
    let precision = precision(word);
    let mode = bits(word, 17, 16);
    match (bits(word, 19, 18), bit(word, 7)) {
        (0b10, false) => {
            let mode = match mode {
                0 => RintMode::A,
                1 => RintMode::N,
                2 => RintMode::P,
                _ => RintMode::M,
            };
            let (fd, fm) = (destination(word, precision)?, second(word, precision)?);
            Some((Insn::FpUnary { op: FpUnary::Vrint(mode), precision, fd, fm }, false))
        }
        (0b11, signed) => {
            let mode = match mode {
                0 => CvtMode::A,
                1 => CvtMode::N,
                2 => CvtMode::P,
                _ => CvtMode::M,
            };
            to_integer(word, signed, mode)
        }
        _ => None,
    }
}

/// VLDR, VSTR, VLDM and VSTM (A6.5).
fn load_store(word: u32) -> Found {
    let (pre, up, writeback, load) = (bit(word, 24), bit(word, 23), bit(word, 21), bit(word, 20));
    let precision = precision(word);
    let Some(fd) = destination(word, precision) else { return undefined(word) };
    let rn = field(word, 19, 16);
    let imm8 = field(word, 7, 0);
    match (pre, up, writeback) {
        (true, _, false) => {
            let magnitude = i32::from(imm8) * 4;
            let (offset, subtract) = if up { (magnitude, false) } else { (-magnitude, true) };
            if load {
                (Insn::FpLoad { precision, fd, rn, offset, subtract }, false)
            } else {
                (Insn::FpStore { precision, fd, rn, offset, subtract }, rn == 15)
            }
        }
        (false, true, _) | (true, false, true) => {
            let (count, extra_word, bank) = match precision {
                Precision::Single => (imm8, false, 32),
                // An odd number of words is FLDMX or FSTMX: the last word is skipped.
                Precision::Double => (imm8 / 2, imm8 & 1 != 0, 16),
            };
            if count == 0 || u16::from(fd) + u16::from(count) > bank {
                return senseless(word);
            }
            let before = pre;
            let insn = if load {
                Insn::FpLoadMultiple { precision, fd, count, rn, writeback, before, extra_word }
            } else {
                Insn::FpStoreMultiple { precision, fd, count, rn, writeback, before, extra_word }
            };
            (insn, rn == 15)
        }
        _ => undefined(word),
    }
}

/// Between one core register and the FPU (A6.6).
fn transfer(word: u32) -> Found {
    let to_core = bit(word, 20);
    let rt = field(word, 15, 12);
    let zeros = bits(word, 3, 0) != 0;
    match (bit(word, 8), bits(word, 23, 21)) {
        (false, 0) => {
            let fn_ = field(word, 19, 16) << 1 | field(word, 7, 7);
            (Insn::FpMoveCore { to_core, rt, fn_ }, zeros || bad(rt) || bits(word, 6, 5) != 0)
        }
        // FPSCR is the only system register of the M profile's FPU that can be reached so.
        (false, 7) if bits(word, 19, 16) == 1 => {
            let reserved = zeros || bits(word, 7, 5) != 0;
            if to_core {
                (Insn::Vmrs { rt }, reserved || rt == 13)
            } else {
                (Insn::Vmsr { rt }, reserved || bad(rt))
            }
        }
        (true, high @ (0 | 1)) if bits(word, 6, 5) == 0 && !bit(word, 7) => {
            let insn = Insn::FpMoveScalar { to_core, rt, fd: field(word, 19, 16), high: high == 1 };
            (insn, zeros || bad(rt))
        }
        _ => undefined(word),
    }
}

/// Between two core registers and the FPU (A6.7).
fn transfer_two(word: u32) -> Found {
    // Bit 22 clear is the gap in the load and store space.
    if !bit(word, 22) || bits(word, 7, 6) != 0 || !bit(word, 4) {
        return undefined(word);
    }
    let precision = precision(word);
    let Some(fm) = second(word, precision) else { return undefined(word) };
    let (to_core, rt, rt2) = (bit(word, 20), field(word, 15, 12), field(word, 19, 16));
    let past_end = precision == Precision::Single && fm == 31;
    if past_end {
        return senseless(word);
    }
    let unpredictable = bad(rt) || bad(rt2) || (to_core && rt == rt2);
    (Insn::FpMoveCore2 { precision, to_core, rt, rt2, fm }, unpredictable)
}
