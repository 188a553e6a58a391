//! Branches and miscellaneous control, 32-bit (A5.3.4 to A5.3.6).

use super::{Found, bad, bit, bits, field, sign_extend, undefined};
use crate::insn::{Barrier, Cond, Hint, Insn};

/// Decodes the space of 11110 with bit 15 of the second halfword set.
pub(super) fn decode(word: u32, in_it: bool) -> Found {
    match (bit(word, 14), bit(word, 12)) {
        (false, true) => (Insn::Branch { cond: Cond::AL, offset: long_offset(word) }, false),
        (true, true) => (Insn::BranchLink { offset: long_offset(word) }, false),
        // BLX to A32, which no M-profile core has.
        (true, false) => undefined(word),
        (false, false) => conditional_or_control(word, in_it),
    }
}

/// The offset of B (encoding T4) and BL: I1 and I2 are J1 and J2, inverted when the sign is clear.
fn long_offset(word: u32) -> i32 {
    let sign = bits(word, 26, 26);
    let i1 = 1 ^ bits(word, 13, 13) ^ sign;
    let i2 = 1 ^ bits(word, 11, 11) ^ sign;
    let value = sign << 24 | i1 << 23 | i2 << 22 | bits(word, 25, 16) << 12 | bits(word, 10, 0) << 1;
    sign_extend(value, 25)
}

/// B (encoding T3), and what the conditions 14 and 15 leave room for.
fn conditional_or_control(word: u32, in_it: bool) -> Found {
    let cond = field(word, 25, 22);
    if cond < 14 {
        let value = bits(word, 26, 26) << 20
            | bits(word, 11, 11) << 19
            | bits(word, 13, 13) << 18
            | bits(word, 21, 16) << 12
            | bits(word, 10, 0) << 1;
        return (Insn::Branch { cond: Cond(cond), offset: sign_extend(value, 21) }, in_it);
    }
    // Bit 13 is (0) in all of the control instructions; in UDF it is what tells it from the space of SMC.
    let reserved = bit(word, 13);
    match bits(word, 26, 20) {
        0b011_1000 | 0b011_1001 => msr(word, reserved),
        0b011_1010 => hint(word, reserved),
        0b011_1011 => control(word, reserved),
        0b011_1110 | 0b011_1111 => {
            let (rd, sysm) = (field(word, 11, 8), field(word, 7, 0));
            let ones = bits(word, 19, 16) != 15 || bit(word, 20);
            (Insn::Mrs { rd, sysm }, reserved || ones || bad(rd) || !known_register(sysm))
        }
        0b111_1111 if reserved => {
            (Insn::Udf { imm: (bits(word, 19, 16) << 12 | bits(word, 11, 0)) as u16 }, false)
        }
        _ => undefined(word),
    }
}

/// Whether the special register number is one of this architecture (B5.1.1).
fn known_register(sysm: u8) -> bool {
    matches!(sysm, 0..=3 | 5..=9 | 16..=20)
}

/// MSR (B5.2.3).
fn msr(word: u32, reserved: bool) -> Found {
    let (rn, sysm, mask) = (field(word, 19, 16), field(word, 7, 0), field(word, 11, 10));
    // Only the APSR has parts to choose from.
    let bad_mask = mask == 0 || (mask != 0b10 && sysm > 3);
    let zeros = bit(word, 20) || bits(word, 9, 8) != 0;
    let unpredictable = reserved || zeros || bad(rn) || bad_mask || !known_register(sysm);
    (Insn::Msr { rn, sysm, mask }, unpredictable)
}

/// Hints (A5.3.5): the unallocated ones execute as NOP.
fn hint(word: u32, reserved: bool) -> Found {
    if bits(word, 10, 8) != 0 {
        return undefined(word);
    }
    let hint = match field(word, 7, 0) {
        0 => Hint::Nop,
        1 => Hint::Yield,
        2 => Hint::Wfe,
        3 => Hint::Wfi,
        4 => Hint::Sev,
        other @ 0xF0.. => Hint::Dbg(other & 15),
        other => Hint::Reserved(other),
    };
    (Insn::Hint(hint), reserved || bits(word, 19, 16) != 15 || bit(word, 11))
}

/// Miscellaneous control (A5.3.6): CLREX and the barriers.
fn control(word: u32, reserved: bool) -> Found {
    let option = field(word, 3, 0);
    let barrier = |kind| Insn::Barrier { kind, option };
    let (insn, bad_option) = match bits(word, 7, 4) {
        2 => (Insn::Clrex, option != 15),
        4 => (barrier(Barrier::Dsb), false),
        5 => (barrier(Barrier::Dmb), false),
        6 => (barrier(Barrier::Isb), false),
        _ => return undefined(word),
    };
    (insn, reserved || bad_option || bits(word, 19, 16) != 15 || bits(word, 11, 8) != 15)
}
