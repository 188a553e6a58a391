//! Loads and stores, 32-bit: single, dual, exclusive and multiple, with the table branches (A5.3.5 to A5.3.10).

use super::{Found, bad, bit, bits, field, undefined};
use crate::insn::{Address, ExclusiveSize, Hint, Insn, Width};

/// LDM, STM and their decrementing forms (A5.3.7).
pub(super) fn multiple(word: u32) -> Found {
    let before = match bits(word, 24, 23) {
        0b01 => false,
        0b10 => true,
        // SRS and RFE of the other profiles.
        _ => return undefined(word),
    };
    let (rn, registers, writeback) = (field(word, 19, 16), bits(word, 15, 0) as u16, bit(word, 21));
    let base_listed = writeback && (registers >> rn) & 1 != 0;
    let common = rn == 15 || registers.count_ones() < 2 || base_listed || registers & 0x2000 != 0;
    if bit(word, 20) {
        let both_pc_and_lr = registers & 0xC000 == 0xC000;
        (Insn::LoadMultiple { rn, registers, writeback, before }, common || both_pc_and_lr)
    } else {
        let pc_listed = registers & 0x8000 != 0;
        (Insn::StoreMultiple { rn, registers, writeback, before }, common || pc_listed)
    }
}

/// Two words, exclusive accesses and table branches (A5.3.8).
pub(super) fn dual_exclusive_table(word: u32) -> Found {
    match (bits(word, 24, 23), bits(word, 21, 20)) {
        (0b00, 0b00 | 0b01) => exclusive_word(word),
        (0b01, 0b00 | 0b01) => exclusive_small_or_table(word),
        _ => dual(word),
    }
}

/// LDRD and STRD.
fn dual(word: u32) -> Found {
    let (rn, rt, rt2) = (field(word, 19, 16), field(word, 15, 12), field(word, 11, 8));
    let (index, subtract, writeback) = (bit(word, 24), !bit(word, 23), bit(word, 21));
    let magnitude = bits(word, 7, 0) as i32 * 4;
    let offset = if subtract { -magnitude } else { magnitude };
    let common = bad(rt) || bad(rt2) || (writeback && (rn == rt || rn == rt2 || rn == 15));
    if bit(word, 20) {
        (Insn::LoadDual { rt, rt2, rn, offset, index, writeback, subtract }, common || rt == rt2)
    } else {
        (Insn::StoreDual { rt, rt2, rn, offset, index, writeback, subtract }, common || rn == 15)
    }
}

/// LDREX and STREX.
fn exclusive_word(word: u32) -> Found {
    let (rn, rt, rd) = (field(word, 19, 16), field(word, 15, 12), field(word, 11, 8));
    let offset = bits(word, 7, 0) as u16 * 4;
    let size = ExclusiveSize::Word;
    if bit(word, 20) {
        (Insn::LoadExclusive { size, rt, rn, offset }, bad(rt) || rn == 15 || rd != 15)
    } else {
        let unpredictable = bad(rd) || bad(rt) || rn == 15 || rd == rn || rd == rt;
        (Insn::StoreExclusive { size, rd, rt, rn, offset }, unpredictable)
    }
}

/// LDREXB, LDREXH, STREXB, STREXH, TBB and TBH.
fn exclusive_small_or_table(word: u32) -> Found {
    let (rn, rt, rm) = (field(word, 19, 16), field(word, 15, 12), field(word, 3, 0));
    let middle = bits(word, 11, 8);
    let load = bit(word, 20);
    let size = match bits(word, 7, 4) {
        half @ (0 | 1) if load => {
            let unpredictable = rn == 13 || bad(rm) || rt != 15 || middle != 0;
            return (Insn::TableBranch { half: half == 1, rn, rm }, unpredictable);
        }
        4 => ExclusiveSize::Byte,
        5 => ExclusiveSize::Half,
        _ => return undefined(word),
    };
    if load {
        let unpredictable = bad(rt) || rn == 15 || rm != 15 || middle != 15;
        (Insn::LoadExclusive { size, rt, rn, offset: 0 }, unpredictable)
    } else {
        let unpredictable = bad(rm) || bad(rt) || rn == 15 || rm == rn || rm == rt || middle != 15;
        (Insn::StoreExclusive { size, rd: rm, rt, rn, offset: 0 }, unpredictable)
    }
}

/// Loads, stores and memory hints of a single item (A5.3.9, A5.3.10).
pub(super) fn single(word: u32) -> Found {
    let (load, signed) = (bit(word, 20), bit(word, 24));
    let width = match (bits(word, 22, 21), load, signed) {
        (0, _, false) => Width::Byte,
        (0, true, true) => Width::SignedByte,
        (1, _, false) => Width::Half,
        (1, true, true) => Width::SignedHalf,
        (2, _, false) => Width::Word,
        _ => return undefined(word),
    };
    let Some((address, bad_address)) = address(word, load) else { return undefined(word) };
    let rt = field(word, 15, 12);
    if !load {
        let bad_source = if width == Width::Word { rt == 15 } else { bad(rt) };
        return (Insn::Store { width, rt, address }, bad_address || bad_source);
    }
    if rt == 15 && width != Width::Word && is_hint(address) {
        let insn = match width {
            Width::Byte => Insn::Preload { instruction: false, address },
            Width::SignedByte => Insn::Preload { instruction: true, address },
            _ => Insn::Hint(Hint::Memory),
        };
        return (insn, bad_address);
    }
    let unprivileged = matches!(address, Address::Unprivileged { .. });
    let bad_target = bad(rt) && (width != Width::Word || unprivileged);
    (Insn::Load { width, rt, address }, bad_address || bad_target)
}

/// Whether an address is of the form that makes a small load into the PC a memory hint. The others are loads into the
/// PC, UNPREDICTABLE.
fn is_hint(address: Address) -> bool {
    match address {
        Address::Literal { .. } | Address::Reg { .. } => true,
        Address::Imm { writeback, .. } => !writeback,
        Address::Unprivileged { .. } => false,
    }
}

/// The addressing forms, and whether the form is UNPREDICTABLE with its registers. None: UNDEFINED.
fn address(word: u32, load: bool) -> Option<(Address, bool)> {
    let (rn, rt) = (field(word, 19, 16), field(word, 15, 12));
    let (imm12, imm8) = (bits(word, 11, 0) as i32, bits(word, 7, 0) as i32);
    let up = bit(word, 23);
    if rn == 15 {
        let offset = if up { imm12 } else { -imm12 };
        return load.then_some((Address::Literal { offset, subtract: !up }, false));
    }
    if up {
        let offset = imm12;
        return Some((Address::Imm { rn, offset, index: true, writeback: false, subtract: false }, false));
    }
    if bits(word, 11, 6) == 0 {
        let rm = field(word, 3, 0);
        return Some((Address::Reg { rn, rm, shift: field(word, 5, 4) }, bad(rm)));
    }
    let (index, subtract, writeback) = (bit(word, 10), !bit(word, 9), bit(word, 8));
    if !bit(word, 11) || !(index || writeback) {
        return None;
    }
    if index && !subtract && !writeback {
        return Some((Address::Unprivileged { rn, offset: field(word, 7, 0) }, false));
    }
    let offset = if subtract { -imm8 } else { imm8 };
    Some((Address::Imm { rn, offset, index, writeback, subtract }, writeback && rn == rt))
}
