//! Start values that arithmetic turns on.

use crate::rng::Rng;

/// Special values of core registers: what saturation, shifts, division and address arithmetic turn on.
const WORDS: &[u32] = &[
    0,
    1,
    2,
    31,
    32,
    33,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0x8000_0001,
    0xFFFF_FFFF,
    0xFFFF_FFFE,
    0x8000_8000,
    0x7FFF_7FFF,
    0x7FFF_8000,
    0x8000_7FFF,
    0x8080_8080,
    0x7F7F_7F7F,
    0x0001_FFFF,
    0xFFFF_0000,
    0xFF00_FF00,
    0x5555_5555,
    0xAAAA_AAAA,
];

/// Special single-precision values: zeros, denormals, limits, ties, infinities, quiet and signalling NaNs, and pairs of halves.
const SINGLES: &[u32] = &[
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007F_FFFF,
    0x807F_FFFF,
    0x0080_0000,
    0x8080_0000,
    0x0080_0001,
    0x3F80_0000,
    0xBF80_0000,
    0x3F00_0000,
    0x3FC0_0000,
    0x4020_0000,
    0xC020_0000,
    0x4B7F_FFFF,
    0x4B00_0001,
    0x4EFF_FFFF,
    0x4F00_0000,
    0xCF00_0000,
    0xCF00_0001,
    0x4F7F_FFFF,
    0x4F80_0000,
    0x7F7F_FFFF,
    0xFF7F_FFFF,
    0x7F80_0000,
    0xFF80_0000,
    0x7FC0_0000,
    0xFFC0_1234,
    0x7F80_0001,
    0xFFA5_5A5A,
    0x3F7F_FFFF,
    0x3F80_0001,
    0x3340_0000,
    0x477F_E000,
    0x477F_F000,
    0x3880_0000,
    0x3380_0000,
    0x3300_0000,
    0x7C00_FC00,
    0x7E01_7D01,
    0x0001_83FF,
    0x7BFF_FBFF,
    0x3C00_3555,
];

/// High words of special double-precision values (the low word is random, zero, or all ones).
const DOUBLES: &[u32] = &[
    0,
    0x8000_0000,
    0x000F_FFFF,
    0x0010_0000,
    0x3FF0_0000,
    0xBFF0_0000,
    0x3FE0_0000,
    0x3FF8_0000,
    0x4004_0000,
    0x41DF_FFFF,
    0x41E0_0000,
    0xC1E0_0000,
    0xC1E0_0000,
    0x41EF_FFFF,
    0x41F0_0000,
    0x4330_0000,
    0x433F_FFFF,
    0x7FEF_FFFF,
    0xFFEF_FFFF,
    0x7FF0_0000,
    0xFFF0_0000,
    0x7FF8_0000,
    0xFFF8_1234,
    0x7FF4_0000,
    0x3690_0000,
    0x3810_0000,
    0x380F_FFFF,
    0x47EF_FFFF,
    0x47F0_0000,
    0x3F10_0000,
    0x40EF_FC00,
    0x3E70_0000,
];

/// A core register's value, special half of the time.
pub fn special_word(rng: &mut Rng) -> u32 {
    match rng.below(4) {
        0 | 1 => *rng.pick(WORDS),
        2 => rng.word() >> rng.below(32),
        _ => rng.word(),
    }
}

/// S0 to S31: half of them as doubles, half as singles.
pub fn float_registers(rng: &mut Rng) -> [u32; 32] {
    let mut s = [0; 32];
    for pair in s.chunks_exact_mut(2) {
        let [low, high] = pair else { continue };
        if rng.one_in(2) {
            [*low, *high] = double(rng);
        } else {
            (*low, *high) = (single(rng), single(rng));
        }
    }
    s
}

/// A double, low word first: special, anything, or near one. The near ones have few significant bits half of the time, so
/// that sums and products fall on ties between two results.
fn double(rng: &mut Rng) -> [u32; 2] {
    let low = match rng.below(4) {
        0 => 0,
        1 => *rng.pick(&[1, u32::MAX, 0x8000_0000]),
        _ => rng.word(),
    };
    match rng.below(4) {
        0 => [low, *rng.pick(DOUBLES)],
        1 => [rng.word(), rng.word()],
        2 => [low, near_one(rng, 1023, 8) << 20 | rng.word() & 0x800F_FFFF],
        _ => [0, near_one(rng, 1023, 60) << 20 | rng.word() & 0x800F_8000],
    }
}

/// A single, likewise.
fn single(rng: &mut Rng) -> u32 {
    match rng.below(4) {
        0 => *rng.pick(SINGLES),
        1 => rng.word(),
        2 => near_one(rng, 127, 4) << 23 | rng.word() & 0x807F_FFFF,
        _ => near_one(rng, 127, 28) << 23 | rng.word() & 0x807F_F000,
    }
}

/// A biased exponent at most half of `spread` from that of one.
fn near_one(rng: &mut Rng, bias: u32, spread: usize) -> u32 {
    bias + rng.below(spread) as u32 - spread as u32 / 2
}
