//! PKA: P-256. Verification of a signature, and the multiplication of a point by a secret number.
//!
//! Operands lie at fixed places of its RAM, least significant word first, with two zero words behind them.

use crate::rcc::{self, Block};
use crate::reg::{Ro, Rw, Wo};
use crate::{jump, scb};

const BASE: u32 = 0x4802_2000;
const CR: Rw = Rw::at(BASE);
const SR: Ro = Ro::at(BASE + 0x004);
const CLRFR: Wo = Wo::at(BASE + 0x008);

const EN: u32 = 1 << 0;
const START: u32 = 1 << 1;
const MODE_SHIFT: u32 = 8;
const INITOK: u32 = 1 << 0;
const PROCENDF: u32 = 1 << 17;
/// RAM, address and operation errors.
const ERRORS: u32 = 0b111 << 19;

/// CR: the same flags as interrupts.
const INTERRUPTS: u32 = PROCENDF | ERRORS;
/// Line in the NVIC.
const LINE: u32 = 35;

const VERIFY: u32 = 0x26;
const MULTIPLY: u32 = 0x20;
/// The block's word for "as it should be".
const OK: u32 = 0xD60D;

const BITS: u32 = 256;
/// The coefficient a is -3.
const NEGATIVE: u32 = 1;

type Number = [u8; 32];

/// SEC 2, 2.4.2, big-endian.
const P: Number = hex(b"FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF");
const N: Number = hex(b"FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
const B: Number = hex(b"5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B");
const GX: Number = hex(b"6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296");
const GY: Number = hex(b"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5");
/// 2^512 mod p: what the check of a point wants to have computed.
const MONTGOMERY: Number = hex(b"00000004FFFFFFFDFFFFFFFFFFFFFFFEFFFFFFFBFFFFFFFF0000000000000003");
/// |a|.
const A: Number = hex(b"0000000000000000000000000000000000000000000000000000000000000003");

const fn hex(text: &[u8; 64]) -> Number {
    const fn nibble(digit: u8) -> u8 {
        if digit <= b'9' { digit - b'0' } else { digit - b'A' + 10 }
    }
    let mut number = [0; 32];
    let mut at = 0;
    while at < 32 {
        number[at] = nibble(text[2 * at]) << 4 | nibble(text[2 * at + 1]);
        at += 1;
    }
    number
}

fn write(offset: u32, number: &Number) {
    let mut place = BASE + offset;
    for bytes in number.as_chunks::<4>().0.iter().rev() {
        Wo::at(place).write(u32::from_be_bytes(*bytes));
        place = place.wrapping_add(4);
    }
    Wo::at(place).write(0);
    Wo::at(place.wrapping_add(4)).write(0);
}

fn write_word(offset: u32, value: u32) {
    Wo::at(BASE + offset).write(value);
    Wo::at(BASE + offset + 4).write(0);
}

fn read(offset: u32) -> Number {
    let mut number = [0; 32];
    let mut place = BASE + offset;
    for bytes in number.as_chunks_mut::<4>().0.iter_mut().rev() {
        *bytes = Ro::at(place).read().to_be_bytes();
        place = place.wrapping_add(4);
    }
    number
}

/// Switches the block on; its RAM is erased meanwhile.
fn open(words: &[(u32, u32)], numbers: &[(u32, &Number)]) {
    rcc::enable(Block::Pka);
    crate::rng::start();
    CR.write(EN);
    while !SR.any(INITOK) {}
    for (offset, value) in words {
        write_word(*offset, *value);
    }
    for (offset, number) in numbers {
        write(*offset, number);
    }
}

/// Computes; `None` if the block itself reports an error.
fn run(mode: u32) -> Option<()> {
    CLRFR.write(PROCENDF | ERRORS);
    let mode = EN | mode << MODE_SHIFT | INTERRUPTS;
    scb::enable_line(LINE);
    CR.write(mode);
    CR.write(mode | START);
    // Asleep: some millions of cycles. Interrupts are masked in the core, so the line only wakes it.
    while !SR.any(PROCENDF | ERRORS) {
        jump::barrier();
        jump::wait();
    }
    let failed = SR.any(ERRORS);
    CLRFR.write(PROCENDF | ERRORS);
    scb::disable_line(LINE);
    (!failed).then_some(())
}

/// The reset erases the operands, among them a secret one.
fn close() {
    rcc::reset(Block::Pka);
}

/// Whether `(r, s)` is a signature of `key` (X, Y) over `digest`. The answer is the block's word, compared by the caller's
/// side of [`crate::crypto`]; here as a plain truth.
pub fn verify(key: (&Number, &Number), digest: &Number, r: &Number, s: &Number) -> bool {
    open(
        &[(0x408, BITS), (0x4C8, BITS), (0x468, NEGATIVE)],
        &[
            (0x470, &A),
            (0x4D0, &P),
            (0x678, &GX),
            (0x6D0, &GY),
            (0x12F8, key.0),
            (0x1350, key.1),
            (0x10E0, r),
            (0xC68, s),
            (0x13A8, digest),
            (0x1088, &N),
        ],
    );
    // Not the answer of an earlier one, should this one not be made.
    write_word(0x5D0, 0);
    let accepted = run(VERIFY).is_some() && Ro::at(BASE + 0x5D0).read() == OK;
    close();
    accepted
}

/// `scalar` times the point (X, Y); `None` if the point is none of the curve, or the scalar none of the group.
pub fn multiply(scalar: &Number, point: (&Number, &Number)) -> Option<(Number, Number)> {
    open(
        &[(0x400, BITS), (0x408, BITS), (0x410, NEGATIVE)],
        &[
            (0x418, &A),
            (0x520, &B),
            (0x1088, &P),
            (0x12A0, scalar),
            (0x578, point.0),
            (0x470, point.1),
            (0xF88, &N),
        ],
    );
    write_word(0x680, 0);
    let result = match run(MULTIPLY) {
        Some(()) if Ro::at(BASE + 0x680).read() == OK => Some((read(0x578), read(0x5D0))),
        _ => None,
    };
    close();
    result
}

const POINT_CHECK: u32 = 0x28;

/// Whether (X, Y) is a point of the curve. A key agreement must ask first: with a point of another curve its result tells
/// parts of the secret.
pub fn is_point(point: (&Number, &Number)) -> bool {
    open(
        &[(0x408, BITS), (0x410, NEGATIVE)],
        &[(0x418, &A), (0x520, &B), (0x470, &P), (0x4C8, &MONTGOMERY), (0x578, point.0), (0x5D0, point.1)],
    );
    write_word(0x680, 0);
    let is_point = run(POINT_CHECK).is_some() && Ro::at(BASE + 0x680).read() == OK;
    close();
    is_point
}
