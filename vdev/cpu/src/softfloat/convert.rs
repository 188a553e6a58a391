//! Conversions between formats, to and from integers and fixed point, and rounding to integral values.

use super::real::Real;
use super::round::{Rounding, round, round_in, round_to_integer};
use super::{Class, Double, Format, Fpscr, Half, Single, invalid, process_nan, sign_bit, unpack};

/// A NaN carried to another format: sign and the leading payload bits stay, the result is quiet.
#[cold]
fn convert_nan<From: Format, To: Format>(class: Class, bits: u64, env: &mut Fpscr) -> u64 {
    if class == Class::Signalling {
        env.flag(Fpscr::IOC);
    }
    if env.default_nan() {
        return To::DEFAULT_NAN;
    }
    let payload = bits & From::FRAC_MASK;
    let payload = if To::FRAC < From::FRAC {
        payload >> (From::FRAC - To::FRAC)
    } else {
        payload << (To::FRAC - From::FRAC)
    };
    sign_bit::<To>(bits & From::SIGN != 0) | To::DEFAULT_NAN | payload
}

#[inline(always)]
fn convert<From: Format, To: Format>(bits: u64, env: &mut Fpscr) -> u64 {
    let x = unpack::<From>(bits, env);
    match x.class {
        Class::Finite => round::<To>(x.real(), env),
        Class::Zero => sign_bit::<To>(x.sign),
        Class::Infinity => sign_bit::<To>(x.sign) | To::INFINITY,
        Class::Quiet | Class::Signalling => convert_nan::<From, To>(x.class, bits, env),
    }
}

/// FPDoubleToSingle.
pub fn double_to_single(bits: u64, env: &mut Fpscr) -> u64 {
    convert::<Double, Single>(bits, env)
}

/// FPSingleToDouble.
pub fn single_to_double(bits: u64, env: &mut Fpscr) -> u64 {
    convert::<Single, Double>(bits, env)
}

/// FPHalfToSingle, FPHalfToDouble.
pub fn from_half<To: Format>(bits: u64, env: &mut Fpscr) -> u64 {
    convert::<Half, To>(bits, env)
}

/// FPSingleToHalf, FPDoubleToHalf. The alternative format has neither NaNs nor infinities: both are invalid, and become zero
/// and the largest magnitude.
pub fn to_half<From: Format>(bits: u64, env: &mut Fpscr) -> u64 {
    if env.alternative_half() {
        let x = unpack::<From>(bits, env);
        let special = match x.class {
            Class::Infinity => Half::SIGN - 1,
            Class::Quiet | Class::Signalling => 0,
            _ => return convert::<From, Half>(bits, env),
        };
        env.flag(Fpscr::IOC);
        return sign_bit::<Half>(x.sign) | special;
    }
    convert::<From, Half>(bits, env)
}

/// FPRoundInt: to an integral value in the same format. `exact`: losing a fraction raises inexact (VRINTX).
pub fn round_to_integral<F: Format>(bits: u64, rounding: Rounding, exact: bool, env: &mut Fpscr) -> u64 {
    let x = unpack::<F>(bits, env);
    match x.class {
        Class::Quiet | Class::Signalling => return process_nan::<F>(x.class, bits, env),
        Class::Zero => return sign_bit::<F>(x.sign),
        Class::Infinity => return bits,
        Class::Finite if x.exp >= 0 => return bits,
        Class::Finite => {}
    }
    let (integer, lost) = round_to_integer(x.real(), rounding);
    if lost && exact {
        env.flag(Fpscr::IXC);
    }
    if integer == 0 {
        return sign_bit::<F>(x.sign);
    }
    round_in::<F>(Real { sign: x.sign, exp: 0, sig: integer }, Rounding::Zero, env)
}

/// FPToFixed: to an integer of `size` (at most 32) bits with `frac` fraction bits, saturating. The result is the low `size`
/// bits of the return value, sign- or zero-extended to 64.
pub fn to_fixed<F: Format>(
    bits: u64,
    size: u32,
    frac: u32,
    signed: bool,
    rounding: Rounding,
    env: &mut Fpscr,
) -> u64 {
    let x = unpack::<F>(bits, env);
    let (magnitude, lost) = match x.class {
        Class::Zero => (0, false),
        Class::Quiet | Class::Signalling => {
            invalid::<F>(env);
            return 0;
        }
        Class::Infinity => (1 << 100, false),
        Class::Finite => round_to_integer(Real { exp: x.exp + frac as i32, ..x.real() }, rounding),
    };
    let value = if x.sign { -(magnitude as i128) } else { magnitude as i128 };
    let (least, most) =
        if signed { (-(1i128 << (size - 1)), (1i128 << (size - 1)) - 1) } else { (0, (1i128 << size) - 1) };
    let saturated = value.clamp(least, most);
    if saturated != value {
        env.flag(Fpscr::IOC);
    } else if lost {
        env.flag(Fpscr::IXC);
    }
    saturated as u64
}

/// FixedToFP: from the low `size` bits of `bits`, which have `frac` fraction bits.
pub fn from_fixed<F: Format>(
    bits: u64,
    size: u32,
    frac: u32,
    signed: bool,
    rounding: Rounding,
    env: &mut Fpscr,
) -> u64 {
    let unused = 64 - size.clamp(1, 64);
    let high = bits << unused;
    let (sign, magnitude) = if signed {
        let value = (high as i64) >> unused;
        (value < 0, value.unsigned_abs())
    } else {
        (false, high >> unused)
    };
    if magnitude == 0 {
        return 0;
    }
    round_in::<F>(Real { sign, exp: -(frac as i32), sig: u128::from(magnitude) }, rounding, env)
}
