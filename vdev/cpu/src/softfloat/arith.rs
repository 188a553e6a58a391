//! Arithmetic and comparison.

use super::real::Real;
use super::round::{Rounding, round};
use super::{Class, Format, Fpscr, Unpacked, invalid, neg, process_nan, process_nans, sign_bit, unpack};

/// An exact zero sum of values that are not zero: negative only when rounding towards minus infinity.
#[inline(always)]
fn round_sum<F: Format>(sum: Real, env: &mut Fpscr) -> u64 {
    if sum.sig == 0 {
        return sign_bit::<F>(env.rounding() == Rounding::Down);
    }
    round::<F>(sum, env)
}

/// FPAdd.
#[inline]
pub fn add<F: Format>(a: u64, b: u64, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(a, env);
    let y = unpack::<F>(b, env);
    if x.is(Class::Finite) && y.is(Class::Finite) {
        return round_sum::<F>(x.real().add(y.real()), env);
    }
    add_special::<F>((x, a), (y, b), env)
}

fn add_special<F: Format>((x, a): (Unpacked, u64), (y, b): (Unpacked, u64), env: &mut Fpscr) -> u64 {
    if x.is_nan() || y.is_nan() {
        return process_nans::<F>(&[(x, a), (y, b)], env);
    }
    match (x.class, y.class) {
        (Class::Infinity, Class::Infinity) if x.sign != y.sign => invalid::<F>(env),
        (Class::Infinity, _) => sign_bit::<F>(x.sign) | F::INFINITY,
        (_, Class::Infinity) => sign_bit::<F>(y.sign) | F::INFINITY,
        (Class::Zero, Class::Zero) if x.sign == y.sign => sign_bit::<F>(x.sign),
        (Class::Zero, Class::Zero) => sign_bit::<F>(env.rounding() == Rounding::Down),
        (Class::Zero, _) => round::<F>(y.real(), env),
        (_, _) => round::<F>(x.real(), env),
    }
}

/// FPSub. Not `add` of the negation: a NaN keeps its sign.
#[inline]
pub fn sub<F: Format>(a: u64, b: u64, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(a, env);
    let mut y = unpack::<F>(b, env);
    y.sign = !y.sign;
    if x.is(Class::Finite) && y.is(Class::Finite) {
        return round_sum::<F>(x.real().add(y.real()), env);
    }
    add_special::<F>((x, a), (y, b), env)
}

/// FPMul.
#[inline]
pub fn mul<F: Format>(a: u64, b: u64, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(a, env);
    let y = unpack::<F>(b, env);
    if x.is(Class::Finite) && y.is(Class::Finite) {
        return round::<F>(x.real().mul(y.real()), env);
    }
    if x.is_nan() || y.is_nan() {
        return process_nans::<F>(&[(x, a), (y, b)], env);
    }
    let sign = sign_bit::<F>(x.sign != y.sign);
    match (x.class, y.class) {
        (Class::Infinity, Class::Zero) | (Class::Zero, Class::Infinity) => invalid::<F>(env),
        (Class::Infinity, _) | (_, Class::Infinity) => sign | F::INFINITY,
        _ => sign,
    }
}

/// FPDiv.
#[inline]
pub fn div<F: Format>(a: u64, b: u64, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(a, env);
    let y = unpack::<F>(b, env);
    if x.is(Class::Finite) && y.is(Class::Finite) {
        let (x, y) = (x.real(), y.real());
        return round::<F>(if F::BITS == 64 { x.div(y) } else { x.div_narrow(y) }, env);
    }
    if x.is_nan() || y.is_nan() {
        return process_nans::<F>(&[(x, a), (y, b)], env);
    }
    let sign = sign_bit::<F>(x.sign != y.sign);
    match (x.class, y.class) {
        (Class::Infinity, Class::Infinity) | (Class::Zero, Class::Zero) => invalid::<F>(env),
        (Class::Infinity, _) => sign | F::INFINITY,
        (_, Class::Zero) => {
            env.flag(Fpscr::DZC);
            sign | F::INFINITY
        }
        _ => sign,
    }
}

/// FPMulAdd: `addend + a * b`, rounded once.
#[inline]
pub fn mul_add<F: Format>(addend: u64, a: u64, b: u64, env: &mut Fpscr) -> u64 {
    let z = unpack::<F>(addend, env);
    let x = unpack::<F>(a, env);
    let y = unpack::<F>(b, env);
    if x.is(Class::Finite) && y.is(Class::Finite) && z.is(Class::Finite) {
        return round_sum::<F>(x.real().mul(y.real()).add(z.real()), env);
    }
    let no_product =
        matches!((x.class, y.class), (Class::Infinity, Class::Zero) | (Class::Zero, Class::Infinity));
    if x.is_nan() || y.is_nan() || z.is_nan() {
        let result = process_nans::<F>(&[(z, addend), (x, a), (y, b)], env);
        // Infinity times zero is invalid even beside a quiet NaN, and then the NaN is lost.
        return if z.is(Class::Quiet) && no_product { invalid::<F>(env) } else { result };
    }
    let sign = x.sign != y.sign;
    let infinite = x.is(Class::Infinity) || y.is(Class::Infinity);
    let zero = x.is(Class::Zero) || y.is(Class::Zero);
    if no_product || (infinite && z.is(Class::Infinity) && z.sign != sign) {
        return invalid::<F>(env);
    }
    match z.class {
        Class::Infinity => sign_bit::<F>(z.sign) | F::INFINITY,
        _ if infinite => sign_bit::<F>(sign) | F::INFINITY,
        Class::Zero if zero && z.sign == sign => sign_bit::<F>(sign),
        Class::Zero if zero => sign_bit::<F>(env.rounding() == Rounding::Down),
        Class::Zero => round::<F>(x.real().mul(y.real()), env),
        _ => round::<F>(z.real(), env),
    }
}

/// FPSqrt.
pub fn sqrt<F: Format>(a: u64, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(a, env);
    match x.class {
        Class::Quiet | Class::Signalling => process_nan::<F>(x.class, a, env),
        Class::Zero => sign_bit::<F>(x.sign),
        _ if x.sign => invalid::<F>(env),
        Class::Infinity => F::INFINITY,
        Class::Finite => round::<F>(x.real().sqrt(), env),
    }
}

/// FPMaxNum: a quiet NaN loses against a number.
pub fn max_num<F: Format>(a: u64, b: u64, env: &mut Fpscr) -> u64 {
    extreme_num::<F>(a, b, false, env)
}

/// FPMinNum: a quiet NaN loses against a number.
pub fn min_num<F: Format>(a: u64, b: u64, env: &mut Fpscr) -> u64 {
    extreme_num::<F>(a, b, true, env)
}

fn extreme_num<F: Format>(a: u64, b: u64, minimum: bool, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(a, env);
    let y = unpack::<F>(b, env);
    match (x.class, y.class) {
        (Class::Signalling, _) | (_, Class::Signalling) | (Class::Quiet, Class::Quiet) => {
            return process_nans::<F>(&[(x, a), (y, b)], env);
        }
        (Class::Quiet, _) => return canonical::<F>(y, b),
        (_, Class::Quiet) => return canonical::<F>(x, a),
        (Class::Zero, Class::Zero) => {
            return sign_bit::<F>(if minimum { x.sign || y.sign } else { x.sign && y.sign });
        }
        _ => {}
    }
    let (first, second) = (canonical::<F>(x, a), canonical::<F>(y, b));
    let less = key::<F>(first) < key::<F>(second);
    if less == minimum { first } else { second }
}

/// The operand as the operation saw it: a flushed denormal is a zero.
fn canonical<F: Format>(x: Unpacked, bits: u64) -> u64 {
    if x.is(Class::Zero) { bits & F::SIGN } else { bits }
}

/// An integer that orders values that are no NaNs as the numbers are; both zeros are 0.
#[inline(always)]
fn key<F: Format>(bits: u64) -> i64 {
    let magnitude = (bits & (F::SIGN - 1)) as i64;
    if bits & F::SIGN != 0 { -magnitude } else { magnitude }
}

/// FPCompare: N, Z, C, V as bits 3:0. `signal`: quiet NaNs are invalid too (VCMPE).
#[inline]
pub fn compare<F: Format>(a: u64, b: u64, signal: bool, env: &mut Fpscr) -> u32 {
    let x = unpack::<F>(a, env);
    let y = unpack::<F>(b, env);
    if x.is_nan() || y.is_nan() {
        if signal || x.is(Class::Signalling) || y.is(Class::Signalling) {
            env.flag(Fpscr::IOC);
        }
        return 0b0011;
    }
    match key::<F>(canonical::<F>(x, a)).cmp(&key::<F>(canonical::<F>(y, b))) {
        std::cmp::Ordering::Equal => 0b0110,
        std::cmp::Ordering::Less => 0b1000,
        std::cmp::Ordering::Greater => 0b0010,
    }
}

/// The product and the sum of VMLA and kin: two roundings. `negate_addend`, `negate_product` as the mnemonic says.
#[inline]
pub fn chained<F: Format>(
    addend: u64,
    a: u64,
    b: u64,
    negate_addend: bool,
    negate_product: bool,
    env: &mut Fpscr,
) -> u64 {
    let product = mul::<F>(a, b, env);
    let product = if negate_product { neg::<F>(product) } else { product };
    let addend = if negate_addend { neg::<F>(addend) } else { addend };
    add::<F>(addend, product, env)
}
