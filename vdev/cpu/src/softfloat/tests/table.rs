//! Cases worked out by hand from the manual: what separates Arm's rules from a library's.

use super::super::{
    Fpscr, Rounding, add, chained, compare, div, double_to_single, from_fixed, from_half, max_num, min_num,
    mul, mul_add, neg, round_to_integral, single_to_double, sqrt, sub, to_fixed, to_half,
};
use super::{D, S, mode};

const IOC: u32 = Fpscr::IOC;
const DZC: u32 = Fpscr::DZC;
const OFC: u32 = Fpscr::OFC;
const UFC: u32 = Fpscr::UFC;
const IXC: u32 = Fpscr::IXC;
const IDC: u32 = Fpscr::IDC;
const FZ: u32 = Fpscr::FZ;
const DN: u32 = Fpscr::DN;
const AHP: u32 = Fpscr::AHP;
const RN: u32 = 0;
const RP: u32 = 1 << 22;
const RM: u32 = 2 << 22;
const RZ: u32 = 3 << 22;

const ONE: u64 = 0x3F80_0000;
const MAX: u64 = 0x7F7F_FFFF;
const INF: u64 = 0x7F80_0000;
const NINF: u64 = 0xFF80_0000;
const MIN_NORMAL: u64 = 0x0080_0000;
const NZERO: u64 = 0x8000_0000;
const DEFAULT: u64 = 0x7FC0_0000;
const SNAN: u64 = 0x7F80_0001;
const QNAN: u64 = 0xFFC0_0002;

type Two = fn(u64, u64, &mut Fpscr) -> u64;

/// Checks rows of operands, control bits, result and flags.
fn rows(name: &str, op: Two, table: &[(u64, u64, u32, u64, u32)]) {
    for &(a, b, control, result, flags) in table {
        let mut env = Fpscr(control);
        let got = op(a, b, &mut env);
        assert_eq!((got, env.0), (result, control | flags), "{name} {a:08x} {b:08x} FPSCR {control:08x}");
    }
}

#[test]
fn modes_are_fields_of_fpscr() {
    assert_eq!([mode(1), mode(2), mode(3)], [RP, RM, RZ]);
}

#[test]
fn addition() {
    let table = [
        (ONE, ONE, RN, 0x4000_0000, 0),
        (MAX, MAX, RN, INF, OFC | IXC),
        (MAX, MAX, RZ, MAX, OFC | IXC),
        (MAX, MAX, RM, MAX, OFC | IXC),
        // Less than half a unit above the largest number: no overflow when truncating, but upwards.
        (MAX, ONE, RZ, MAX, IXC),
        (MAX, ONE, RN, MAX, IXC),
        (MAX, ONE, RP, INF, OFC | IXC),
        // A tie, 1 + 2^-24.
        (ONE, 0x3380_0000, RN, ONE, IXC),
        (ONE, 0x3380_0000, RP, 0x3F80_0001, IXC),
        (ONE, 0x3380_0001, RN, 0x3F80_0001, IXC),
        // Zeros.
        (ONE, 0xBF80_0000, RN, 0, 0),
        (ONE, 0xBF80_0000, RM, NZERO, 0),
        (NZERO, NZERO, RN, NZERO, 0),
        (0, NZERO, RN, 0, 0),
        (0, NZERO, RM, NZERO, 0),
        // Infinities.
        (INF, NINF, RN, DEFAULT, IOC),
        (INF, ONE, RN, INF, 0),
        // NaNs: a signalling one first, whichever side.
        (SNAN, QNAN, RN, 0x7FC0_0001, IOC),
        (QNAN, SNAN, RN, 0x7FC0_0001, IOC),
        (QNAN, 0x7FC0_0003, RN, QNAN, 0),
        (ONE, QNAN, RN, QNAN, 0),
        (ONE, QNAN, DN, DEFAULT, 0),
        (SNAN, ONE, DN, DEFAULT, IOC),
        // Denormals.
        (1, 0, RN, 1, 0),
        (1, 0, FZ, 0, IDC),
        (0x8000_0001, 0x8000_0000, FZ, NZERO, IDC),
        (ONE, 1, FZ, ONE, IDC),
        (ONE, 1, RN, ONE, IXC),
    ];
    rows("add", add::<S>, &table);
    let table = [
        // An exact denormal result raises nothing; flushed, it is underflow and not inexact.
        (MIN_NORMAL, 1, RN, 0x007F_FFFF, 0),
        (MIN_NORMAL, MIN_NORMAL + 1, RN, 0x8000_0001, 0),
        (MIN_NORMAL, MIN_NORMAL + 1, FZ, NZERO, UFC),
        // A subtracted NaN keeps its sign.
        (ONE, QNAN, RN, QNAN, 0),
    ];
    rows("sub", sub::<S>, &table);
}

#[test]
fn multiplication_and_division() {
    let table = [
        // 2^-126 (1 - 2^-24): tiny before rounding, although it rounds to the smallest normal number.
        (0x3F7F_FFFF, MIN_NORMAL, RN, MIN_NORMAL, UFC | IXC),
        (0x3F7F_FFFF, MIN_NORMAL, RZ, 0x007F_FFFF, UFC | IXC),
        (0x3F7F_FFFF, MIN_NORMAL, FZ, 0, UFC),
        (0xBF7F_FFFF, MIN_NORMAL, FZ, NZERO, UFC),
        (1, 1, RN, 0, UFC | IXC),
        (1, 1, RP, 1, UFC | IXC),
        (1, 0x8000_0001, RP, NZERO, UFC | IXC),
        (1, 0x8000_0001, RM, 0x8000_0001, UFC | IXC),
        (1, 1, FZ, 0, IDC),
        (0, INF, RN, DEFAULT, IOC),
        (1, INF, FZ, DEFAULT, IOC | IDC),
        (NINF, ONE, RN, NINF, 0),
        (0, 0xBF80_0000, RN, NZERO, 0),
        (MAX, 0xC000_0000, RP, 0xFF7F_FFFF, OFC | IXC),
    ];
    rows("mul", mul::<S>, &table);
    let table = [
        (ONE, 0x4040_0000, RN, 0x3EAA_AAAB, IXC),
        (ONE, 0x4040_0000, RZ, 0x3EAA_AAAA, IXC),
        (ONE, 0, RN, INF, DZC),
        (ONE, NZERO, RN, NINF, DZC),
        (ONE, 1, FZ, INF, DZC | IDC),
        (0, 0, RN, DEFAULT, IOC),
        (1, 0, FZ, DEFAULT, IOC | IDC),
        (INF, NINF, RN, DEFAULT, IOC),
        (INF, 0, RN, INF, 0),
        (ONE, NINF, RN, NZERO, 0),
        (MIN_NORMAL, 0x4000_0000, RN, 0x0040_0000, 0),
        (MIN_NORMAL, 0x4000_0000, FZ, 0, UFC),
        (SNAN, 0, RN, 0x7FC0_0001, IOC),
    ];
    rows("div", div::<S>, &table);
    let third = [(0x3FF0_0000_0000_0000, 0x4008_0000_0000_0000, RN, 0x3FD5_5555_5555_5555, IXC)];
    rows("div", div::<D>, &third);
}

#[test]
fn square_roots() {
    let table = [
        (0x4000_0000, 0, RN, 0x3FB5_04F3, IXC),
        (0x4000_0000, 0, RP, 0x3FB5_04F4, IXC),
        (0x4080_0000, 0, RN, 0x4000_0000, 0),
        (1, 0, RN, 0x1A35_04F3, IXC),
        (1, 0, FZ, 0, IDC),
        (NZERO, 0, RN, NZERO, 0),
        (0xBF80_0000, 0, RN, DEFAULT, IOC),
        (NINF, 0, RN, DEFAULT, IOC),
        (0x8000_0001, 0, RN, DEFAULT, IOC),
        (0x8000_0001, 0, FZ, NZERO, IDC),
        (INF, 0, RN, INF, 0),
        (QNAN, 0, RN, QNAN, 0),
        (SNAN, 0, RN, 0x7FC0_0001, IOC),
    ];
    rows("sqrt", |a, _, env| sqrt::<S>(a, env), &table);
}

#[test]
fn fused_and_chained_multiplication() {
    // (1 + 2^-23)² - (1 + 2^-22) is 2^-46; with two roundings nothing is left.
    let (a, c) = (0x3F80_0001, 0xBF80_0002);
    let mut env = Fpscr(0);
    assert_eq!((mul_add::<S>(c, a, a, &mut env), env.0), (0x2880_0000, 0));
    assert_eq!((chained::<S>(c, a, a, false, false, &mut env), env.0), (0, IXC));
    // The product overflows on its own, and the sum is invalid on top.
    let mut env = Fpscr(0);
    assert_eq!((chained::<S>(NINF, MAX, MAX, false, false, &mut env), env.0), (DEFAULT, OFC | IXC | IOC));
    let mut env = Fpscr(0);
    assert_eq!((mul_add::<S>(NINF, MAX, MAX, &mut env), env.0), (NINF, 0));
    // NaNs: addend first among equals; infinity times zero beats a quiet addend but not a signalling one.
    for (addend, x, y, control, result, flags) in [
        (QNAN, INF, 0, RN, DEFAULT, IOC),
        (SNAN, INF, 0, RN, 0x7FC0_0001, IOC),
        (QNAN, ONE, SNAN, RN, 0x7FC0_0001, IOC),
        (QNAN, 0x7FC0_0009, ONE, RN, QNAN, 0),
        (ONE, 0x7FC0_0009, QNAN, RN, 0x7FC0_0009, 0),
        (ONE, QNAN, 0, DN, DEFAULT, 0),
        (INF, INF, 0xBF80_0000, RN, DEFAULT, IOC),
        (0, 0, NZERO, RN, 0, 0),
        (NZERO, 0, NZERO, RN, NZERO, 0),
        (0, 0, NZERO, RM, NZERO, 0),
        // The flushed addend leaves the product.
        (1, ONE, ONE, FZ, ONE, IDC),
        // Far apart: the library's way of adding.
        (0x7F00_0000, 0x0080_0000, 0x0080_0000, RN, 0x7F00_0000, IXC),
        (0x7F00_0000, 0x8080_0000, 0x0080_0000, RZ, 0x7EFF_FFFF, IXC),
    ] {
        let mut env = Fpscr(control);
        let got = mul_add::<S>(addend, x, y, &mut env);
        assert_eq!((got, env.0), (result, control | flags), "{addend:x} {x:x} {y:x} {control:x}");
    }
}

#[test]
fn maximum_and_minimum() {
    let table = [
        (QNAN, ONE, RN, ONE, 0),
        (ONE, QNAN, DN, ONE, 0),
        (SNAN, ONE, RN, 0x7FC0_0001, IOC),
        (QNAN, SNAN, RN, 0x7FC0_0001, IOC),
        (QNAN, 0x7FC0_0003, RN, QNAN, 0),
        (QNAN, 0x7FC0_0003, DN, DEFAULT, 0),
        (NZERO, 0, RN, 0, 0),
        (0x8000_0001, 1, FZ, 0, IDC),
        (0x8000_0001, 1, RN, 1, 0),
        (QNAN, NINF, RN, NINF, 0),
    ];
    rows("maxnm", max_num::<S>, &table);
    let table = [
        (NZERO, 0, RN, NZERO, 0),
        (0, NZERO, RN, NZERO, 0),
        (1, 0x8000_0001, FZ, NZERO, IDC),
        (ONE, 0x4000_0000, RN, ONE, 0),
        (0xC000_0000, ONE, RN, 0xC000_0000, 0),
    ];
    rows("minnm", min_num::<S>, &table);
}

#[test]
fn comparison() {
    for (a, b, signal, control, nzcv, flags) in [
        (ONE, ONE, false, 0, 0b0110, 0),
        (0, NZERO, true, 0, 0b0110, 0),
        (NZERO, ONE, false, 0, 0b1000, 0),
        (ONE, 0xBF80_0000, false, 0, 0b0010, 0),
        (NINF, 0xFF7F_FFFF, false, 0, 0b1000, 0),
        (1, 0, false, 0, 0b0010, 0),
        (1, 0, false, FZ, 0b0110, IDC),
        (QNAN, ONE, false, 0, 0b0011, 0),
        (QNAN, ONE, true, 0, 0b0011, IOC),
        (ONE, SNAN, false, 0, 0b0011, IOC),
    ] {
        let mut env = Fpscr(control);
        assert_eq!((compare::<S>(a, b, signal, &mut env), env.0), (nzcv, control | flags), "{a:x} {b:x}");
    }
    let mut env = Fpscr(0xF000_0001);
    env.set_nzcv(0b0110);
    assert_eq!(env.0, 0x6000_0001);
}

#[test]
fn half_precision() {
    let to = |bits: u32, control| {
        let mut env = Fpscr(control);
        let half = to_half::<S>(u64::from(bits), &mut env);
        (half, env.0 & 0xFF)
    };
    assert_eq!(to(65504f32.to_bits(), RN), (0x7BFF, 0));
    assert_eq!(to(65519f32.to_bits(), RN), (0x7BFF, IXC));
    assert_eq!(to(65520f32.to_bits(), RN), (0x7C00, OFC | IXC));
    assert_eq!(to(65520f32.to_bits(), RZ), (0x7BFF, IXC));
    assert_eq!(to(65536f32.to_bits(), RZ), (0x7BFF, OFC | IXC));
    // The alternative format: 2^16 and more are numbers; infinities and NaNs are not there.
    assert_eq!(to(65536f32.to_bits(), AHP), (0x7C00, 0));
    assert_eq!(to(131_008f32.to_bits(), AHP), (0x7FFF, 0));
    assert_eq!(to((-131_072f32).to_bits(), AHP), (0xFFFF, IOC));
    assert_eq!(to(INF as u32, AHP), (0x7FFF, IOC));
    assert_eq!(to(QNAN as u32, AHP), (0x8000, IOC));
    assert_eq!(to(SNAN as u32, AHP | DN), (0, IOC));
    // NaNs keep the leading payload bits.
    assert_eq!(to(0xFFAB_C000, RN), (0xFF5E, IOC));
    assert_eq!(to(0xFFEB_C000, RN), (0xFF5E, 0));
    assert_eq!(to(0xFFEB_C000, DN), (0x7E00, 0));
    assert_eq!(to(SNAN as u32, RN), (0x7E00, IOC));
    // Half denormals are made and read whatever FZ says; 2^-25 is a tie with zero.
    assert_eq!(to(0x3300_0000, RN), (0, UFC | IXC));
    assert_eq!(to(0x3300_0001, FZ), (1, UFC | IXC));
    assert_eq!(to(0x3380_0000, FZ), (1, 0));
    assert_eq!(to(1, FZ), (0, IDC));
    assert_eq!(to(1, RP), (1, UFC | IXC));
    let from = |bits, control| {
        let mut env = Fpscr(control);
        (from_half::<S>(bits, &mut env), env.0 & 0xFF)
    };
    assert_eq!(from(1, FZ), (0x3380_0000, 0));
    assert_eq!(from(0x7C00, RN), (INF, 0));
    assert_eq!(from(0x7C00, AHP), (0x4780_0000, 0));
    assert_eq!(from(0xFFFF, AHP), (u64::from((-131_008f32).to_bits()), 0));
    assert_eq!(from(0xFC01, RN), (0xFFC0_2000, IOC));
    assert_eq!(from(0xFE01, DN), (DEFAULT, 0));
    // From double directly: by way of single this would be a tie.
    let mut env = Fpscr(0);
    assert_eq!((to_half::<D>(0x3FF0_0200_0000_1000, &mut env), env.0), (0x3C01, IXC));
}

#[test]
fn between_single_and_double() {
    let mut env = Fpscr(0);
    assert_eq!((single_to_double(SNAN, &mut env), env.0), (0x7FF8_0000_2000_0000, IOC));
    let mut env = Fpscr(0);
    assert_eq!((single_to_double(1, &mut env), env.0), (0x36A0_0000_0000_0000, 0));
    let mut env = Fpscr(FZ);
    assert_eq!((single_to_double(0x8000_0001, &mut env), env.0), (0x8000_0000_0000_0000, FZ | IDC));
    // A payload that does not reach into single's fraction leaves a quiet NaN, not infinity.
    let mut env = Fpscr(0);
    assert_eq!((double_to_single(0xFFF0_0000_0000_0001, &mut env), env.0), (0xFFC0_0000, IOC));
    // 2^-126 (1 - 2^-30).
    let mut env = Fpscr(0);
    assert_eq!((double_to_single(0x380F_FFFF_FF80_0000, &mut env), env.0), (MIN_NORMAL, UFC | IXC));
    let mut env = Fpscr(FZ);
    assert_eq!((double_to_single(0x380F_FFFF_FF80_0000, &mut env), env.0), (0, FZ | UFC));
}

#[test]
fn to_integers_and_fixed_point() {
    let to = |x: f32, size, frac, signed, rounding| {
        let mut env = Fpscr(0);
        (to_fixed::<S>(u64::from(x.to_bits()), size, frac, signed, rounding, &mut env), env.0)
    };
    let zero = Rounding::Zero;
    assert_eq!(to(2_147_483_648.0, 32, 0, true, zero), (0x7FFF_FFFF, IOC));
    assert_eq!(to(-2_147_483_648.0, 32, 0, true, zero), (0xFFFF_FFFF_8000_0000, 0));
    assert_eq!(to(4_294_967_040.0, 32, 0, false, zero), (0xFFFF_FF00, 0));
    assert_eq!(to(f32::NAN, 32, 0, true, zero), (0, IOC));
    assert_eq!(to(f32::INFINITY, 32, 0, false, zero), (0xFFFF_FFFF, IOC));
    assert_eq!(to(f32::NEG_INFINITY, 32, 0, true, zero), (0xFFFF_FFFF_8000_0000, IOC));
    assert_eq!(to(-0.5, 32, 0, false, zero), (0, IXC));
    assert_eq!(to(-0.5, 32, 0, false, Rounding::Down), (0, IOC));
    assert_eq!(to(-1.0, 32, 0, false, zero), (0, IOC));
    assert_eq!(to(0.5, 32, 0, true, Rounding::NearestEven), (0, IXC));
    assert_eq!(to(0.5, 32, 0, true, Rounding::NearestAway), (1, IXC));
    assert_eq!(to(2.5, 32, 0, true, Rounding::NearestEven), (2, IXC));
    assert_eq!(to(f32::MIN_POSITIVE, 32, 32, true, Rounding::Up), (1, IXC));
    assert_eq!(to(1.5, 16, 16, true, zero), (0x7FFF, IOC));
    assert_eq!(to(1.5, 16, 14, true, zero), (0x6000, 0));
    assert_eq!(to(-1.0, 16, 0, true, zero), (0xFFFF_FFFF_FFFF_FFFF, 0));
    assert_eq!(to(65535.5, 16, 0, false, zero), (65535, IXC));
    assert_eq!(to(65536.0, 16, 0, false, zero), (65535, IOC));
    let from = |bits, size, frac, signed, rounding| {
        let mut env = Fpscr(0);
        (from_fixed::<S>(bits, size, frac, signed, rounding, &mut env), env.0)
    };
    assert_eq!(from(0xFFFF_FFFF, 32, 0, false, Rounding::NearestEven), (0x4F80_0000, IXC));
    assert_eq!(from(0xFFFF_FFFF, 32, 0, false, zero), (0x4F7F_FFFF, IXC));
    assert_eq!(from(0xFFFF_FFFF, 32, 0, true, zero), (0xBF80_0000, 0));
    assert_eq!(from(0x1234_8000, 16, 15, true, zero), (0xBF80_0000, 0));
    assert_eq!(from(0x1234_8000, 16, 16, false, zero), (0x3F00_0000, 0));
    assert_eq!(from(0xABCD_0000, 16, 3, true, Rounding::Down), (0, 0));
}

#[test]
fn integral_values() {
    let rint = |x: f32, rounding, exact| {
        let mut env = Fpscr(0);
        let result = round_to_integral::<S>(u64::from(x.to_bits()), rounding, exact, &mut env);
        (f32::from_bits(result as u32).to_bits(), env.0)
    };
    assert_eq!(rint(1.5, Rounding::NearestEven, true), (2f32.to_bits(), IXC));
    assert_eq!(rint(1.5, Rounding::NearestEven, false), (2f32.to_bits(), 0));
    assert_eq!(rint(2.5, Rounding::NearestAway, false), (3f32.to_bits(), 0));
    assert_eq!(rint(-0.3, Rounding::NearestEven, true), (NZERO as u32, IXC));
    assert_eq!(rint(-0.3, Rounding::Down, true), ((-1f32).to_bits(), IXC));
    assert_eq!(rint(16_777_217.0, Rounding::Up, true), (16_777_217f32.to_bits(), 0));
    let mut env = Fpscr(FZ);
    assert_eq!((round_to_integral::<S>(1, Rounding::Up, true, &mut env), env.0), (0, FZ | IDC));
    let mut env = Fpscr(0);
    assert_eq!((round_to_integral::<S>(SNAN, Rounding::Up, false, &mut env), env.0), (0x7FC0_0001, IOC));
    assert_eq!(neg::<S>(QNAN), 0x7FC0_0002);
}
