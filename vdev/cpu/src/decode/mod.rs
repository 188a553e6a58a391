//! The decoder: one or two halfwords to an [`Insn`] (DDI 0403E, chapters A5 to A7).
//!
//! 1. Every pair of halfwords has an answer; there is no input that panics.
//! 2. UNDEFINED is [`Insn::Undefined`]. UNPREDICTABLE is decoded as the fields say with `unpredictable` set, because
//!    that is what most cores do; only where the fields make no sense (a bit field that ends before it begins) is it
//!    `Undefined` with the flag.
//! 3. Should-be-zero and should-be-one bits, the manual's "(0)" and "(1)", count as UNPREDICTABLE when wrong.
//! 4. What depends on the place in the IT block beyond "inside or not" (branches anywhere but last) is not judged here:
//!    the decoder does not know the place.

mod branch;
mod dataproc;
mod float;
mod loadstore;
mod multiply;
mod thumb16;

use crate::insn::{Decoded, Insn};

/// An instruction, and whether its encoding is UNPREDICTABLE.
type Found = (Insn, bool);

/// Whether an instruction with this first halfword has a second one (A5.1).
#[must_use]
pub fn is_wide(first: u16) -> bool {
    first >= 0xE800
}

/// Decodes one instruction. `second` is ignored for 16-bit encodings; `in_it`: inside an IT block, where most 16-bit
/// encodings do not set the flags.
#[must_use]
pub fn decode(first: u16, second: u16, in_it: bool) -> Decoded {
    if is_wide(first) {
        let word = u32::from(first) << 16 | u32::from(second);
        let (insn, unpredictable) = wide(word, in_it);
        Decoded { insn, length: 4, unpredictable }
    } else {
        let (insn, unpredictable) = thumb16::decode(u32::from(first), in_it);
        Decoded { insn, length: 2, unpredictable }
    }
}

/// The 32-bit encodings (A5.3): `word` has the first halfword above the second.
fn wide(word: u32, in_it: bool) -> Found {
    match (bits(word, 28, 27), bits(word, 26, 25)) {
        (0b01, 0b00) if !bit(word, 22) => loadstore::multiple(word),
        (0b01, 0b00) => loadstore::dual_exclusive_table(word),
        (0b01, 0b01) => dataproc::shifted_register(word),
        (0b10, _) if bit(word, 15) => branch::decode(word, in_it),
        (0b10, 0b00 | 0b10) => dataproc::modified_immediate(word),
        (0b10, _) => dataproc::plain_immediate(word),
        (0b11, 0b00) => loadstore::single(word),
        (0b11, 0b01) if !bit(word, 24) => dataproc::register(word),
        (0b11, 0b01) if !bit(word, 23) => multiply::short(word),
        (0b11, 0b01) => multiply::long(word),
        _ => coprocessor(word, in_it),
    }
}

/// The coprocessor space (A5.3.18): the FPU is coprocessors 10 and 11, there are no others.
fn coprocessor(word: u32, in_it: bool) -> Found {
    let number = field(word, 11, 8);
    let op1 = bits(word, 25, 20);
    match (number, op1) {
        (_, 0b00_0000 | 0b00_0001 | 0b11_0000..=0b11_1111) => undefined(word),
        (10 | 11, _) => float::decode(word, in_it),
        _ => (Insn::Coprocessor { number, encoding: word }, false),
    }
}

/// No instruction of this architecture.
fn undefined(encoding: u32) -> Found {
    (Insn::Undefined { encoding }, false)
}

/// UNPREDICTABLE, with fields that allow no sensible execution.
fn senseless(encoding: u32) -> Found {
    (Insn::Undefined { encoding }, true)
}

/// Bits `high` to `low` of `word`, inclusive.
fn bits(word: u32, high: u32, low: u32) -> u32 {
    (word >> low) & (u32::MAX >> (31 - (high - low)))
}

/// As [`bits`], for fields of at most eight bits.
fn field(word: u32, high: u32, low: u32) -> u8 {
    (bits(word, high, low) & 0xFF) as u8
}

/// One bit.
fn bit(word: u32, at: u32) -> bool {
    (word >> at) & 1 != 0
}

/// Sign-extends the low `width` bits.
fn sign_extend(value: u32, width: u32) -> i32 {
    ((value << (32 - width)) as i32) >> (32 - width)
}

/// SP or PC: what most 32-bit encodings do not allow as an operand.
fn bad(register: u8) -> bool {
    register == 13 || register == 15
}

#[cfg(test)]
mod tests;
