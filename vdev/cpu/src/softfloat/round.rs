//! FPRound: from an exact value to a format, with every flag; and rounding to integers.

use super::real::Real;
use super::{Format, Fpscr, sign_bit};

/// A rounding direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To nearest, ties to even (RN).
    NearestEven,
    /// Towards plus infinity (RP).
    Up,
    /// Towards minus infinity (RM).
    Down,
    /// Towards zero (RZ).
    Zero,
    /// To nearest, ties away from zero: only for rounding to integers.
    NearestAway,
}

impl Rounding {
    /// Whether a magnitude is rounded up, given what was cut off.
    #[inline(always)]
    fn away(self, sign: bool, odd: bool, rest: Rest) -> bool {
        match self {
            Rounding::NearestEven => rest == Rest::Above || (rest == Rest::Half && odd),
            Rounding::NearestAway => rest >= Rest::Half,
            Rounding::Up => rest != Rest::Nothing && !sign,
            Rounding::Down => rest != Rest::Nothing && sign,
            Rounding::Zero => false,
        }
    }
}

/// What was cut off, in units of the last place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rest {
    Nothing,
    Below,
    Half,
    Above,
}

/// Cuts the low `shift` bits off. With `shift` negative, shifts left (the caller knows that it fits).
#[inline(always)]
fn cut(sig: u128, shift: i32) -> (u128, Rest) {
    if shift <= 0 {
        return (sig << -shift, Rest::Nothing);
    }
    if shift > 127 {
        // Values have at most 127 bits, so this is less than half a unit.
        return (0, if sig == 0 { Rest::Nothing } else { Rest::Below });
    }
    let rest = sig & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    let rest = match rest.cmp(&half) {
        _ if rest == 0 => Rest::Nothing,
        std::cmp::Ordering::Less => Rest::Below,
        std::cmp::Ordering::Equal => Rest::Half,
        std::cmp::Ordering::Greater => Rest::Above,
    };
    (sig >> shift, rest)
}

/// FPRound with FPSCR's rounding mode. `value` is not zero.
#[inline(always)]
pub(super) fn round<F: Format>(value: Real, env: &mut Fpscr) -> u64 {
    let rounding = env.rounding();
    round_in::<F>(value, rounding, env)
}

/// FPRound in a given direction. `value` is not zero.
#[inline(always)]
pub(super) fn round_in<F: Format>(value: Real, rounding: Rounding, env: &mut Fpscr) -> u64 {
    let sign = sign_bit::<F>(value.sign);
    let exponent = value.exp + value.bits() - 1;
    let tiny = exponent < F::MIN_EXP;
    if tiny && F::BITS != 16 && env.flush_to_zero() {
        env.flag(Fpscr::UFC);
        return sign;
    }
    let mut biased = if tiny { 0 } else { exponent - F::MIN_EXP + 1 };
    let unit = exponent.max(F::MIN_EXP) - F::FRAC as i32;
    let (mantissa, rest) = cut(value.sig, unit - value.exp);
    let mut mantissa = mantissa as u64;
    if tiny && rest != Rest::Nothing {
        env.flag(Fpscr::UFC);
    }
    if rounding.away(value.sign, mantissa & 1 != 0, rest) {
        mantissa += 1;
        if mantissa == 1 << F::FRAC {
            biased = 1;
        }
        if mantissa == 1 << (F::FRAC + 1) {
            biased += 1;
            mantissa >>= 1;
        }
    }
    let alternative = F::BITS == 16 && env.alternative_half();
    if biased as u64 >= F::EXP_ONES && (!alternative || biased as u64 > F::EXP_ONES) {
        return overflow::<F>(value.sign, rounding, env);
    }
    if rest != Rest::Nothing {
        env.flag(Fpscr::IXC);
    }
    sign | ((biased as u64) << F::FRAC) | (mantissa & F::FRAC_MASK)
}

/// The result of FPRound when the exponent is too large.
#[cold]
fn overflow<F: Format>(sign: bool, rounding: Rounding, env: &mut Fpscr) -> u64 {
    if F::BITS == 16 && env.alternative_half() {
        env.flag(Fpscr::IOC);
        return sign_bit::<F>(sign) | (F::SIGN - 1);
    }
    env.flag(Fpscr::OFC | Fpscr::IXC);
    let to_infinity = match rounding {
        Rounding::NearestEven | Rounding::NearestAway => true,
        Rounding::Up => !sign,
        Rounding::Down => sign,
        Rounding::Zero => false,
    };
    sign_bit::<F>(sign) | if to_infinity { F::INFINITY } else { F::INFINITY - 1 }
}

/// Rounds to an integer: its magnitude, and whether anything was lost. Magnitudes of 2^100 and more come back as 2^100,
/// larger than any destination.
#[inline(always)]
pub(super) fn round_to_integer(value: Real, rounding: Rounding) -> (u128, bool) {
    if value.exp + value.bits() > 100 {
        return (1 << 100, false);
    }
    let (integer, rest) = cut(value.sig, -value.exp);
    let away = rounding.away(value.sign, integer & 1 != 0, rest);
    (integer + u128::from(away), rest != Rest::Nothing)
}
