//! Floating point as the FPv5 unit computes it: bits and FPSCR in, bits and FPSCR out; nothing of the host's arithmetic.
//!
//! The structure is the manual's (DDI 0403E, A2.5 and the pseudocode of chapter D6): operands are unpacked, special cases are
//! decided, the exact value is computed, and `FPRound` makes the result and every flag.
//!
//! 1. Exact values are integers times a power of two ([`real`]). A sum whose exact form does not fit in 127 bits is made by
//!    `rustc_apfloat` in binary128, truncated with a sticky bit: 113 bits are more than twice 53 plus two, so rounding that to
//!    double or single gives what rounding the exact value gives.
//! 2. Rounding is done here and not by the library because Arm's flags are not the library's: underflow is decided before
//!    rounding, overflow is flagged in the directed modes too, and flush-to-zero looks at the unrounded exponent.
//! 3. Results depend on the operands and FPSCR only.

mod arith;
mod convert;
mod real;
mod round;
#[cfg(test)]
mod tests;

pub use arith::{add, chained, compare, div, max_num, min_num, mul, mul_add, sqrt, sub};
pub use convert::{
    double_to_single, from_fixed, from_half, round_to_integral, single_to_double, to_fixed, to_half,
};
pub use round::Rounding;

use real::Real;

/// FPSCR: modes and cumulative exception flags (A2.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fpscr(pub u32);

impl Fpscr {
    /// Invalid operation.
    pub const IOC: u32 = 1 << 0;
    /// Division by zero.
    pub const DZC: u32 = 1 << 1;
    /// Overflow.
    pub const OFC: u32 = 1 << 2;
    /// Underflow.
    pub const UFC: u32 = 1 << 3;
    /// Inexact.
    pub const IXC: u32 = 1 << 4;
    /// Input denormal.
    pub const IDC: u32 = 1 << 7;
    /// Flush-to-zero.
    pub const FZ: u32 = 1 << 24;
    /// Default NaN.
    pub const DN: u32 = 1 << 25;
    /// Alternative half precision.
    pub const AHP: u32 = 1 << 26;
    /// The bits that exist; the others read as zero.
    pub const MASK: u32 = 0xF7C0_009F;

    /// Flush-to-zero mode.
    #[inline(always)]
    pub fn flush_to_zero(self) -> bool {
        self.0 & Self::FZ != 0
    }
    /// Default-NaN mode.
    #[inline(always)]
    pub fn default_nan(self) -> bool {
        self.0 & Self::DN != 0
    }
    /// Alternative half precision.
    #[inline(always)]
    pub fn alternative_half(self) -> bool {
        self.0 & Self::AHP != 0
    }
    /// The rounding mode of RMode.
    #[inline(always)]
    pub fn rounding(self) -> Rounding {
        match (self.0 >> 22) & 3 {
            0 => Rounding::NearestEven,
            1 => Rounding::Up,
            2 => Rounding::Down,
            _ => Rounding::Zero,
        }
    }
    /// Accumulates an exception flag.
    #[inline(always)]
    pub fn flag(&mut self, flags: u32) {
        self.0 |= flags;
    }
    /// Sets N, Z, C and V (bits 3:0 of `nzcv`).
    #[inline(always)]
    pub fn set_nzcv(&mut self, nzcv: u32) {
        self.0 = (self.0 & 0x0FFF_FFFF) | (nzcv << 28);
    }
}

/// An IEEE 754 binary interchange format; its values travel in the low bits of a `u64`.
pub trait Format: Copy + 'static {
    /// Width in bits.
    const BITS: u32;
    /// Bits of the fraction.
    const FRAC: u32;
    /// Bits of the exponent.
    const EXP: u32 = Self::BITS - 1 - Self::FRAC;
    /// The exponent of the smallest normal number.
    const MIN_EXP: i32 = 2 - (1 << (Self::EXP - 1));
    /// The exponent field of infinities and NaNs.
    const EXP_ONES: u64 = (1 << Self::EXP) - 1;
    /// The sign bit.
    const SIGN: u64 = 1 << (Self::BITS - 1);
    /// The fraction.
    const FRAC_MASK: u64 = (1 << Self::FRAC) - 1;
    /// Positive infinity.
    const INFINITY: u64 = Self::EXP_ONES << Self::FRAC;
    /// The bit that tells a quiet NaN from a signalling one.
    const QUIET: u64 = 1 << (Self::FRAC - 1);
    /// FPDefaultNaN.
    const DEFAULT_NAN: u64 = Self::INFINITY | Self::QUIET;
}

/// binary16.
#[derive(Clone, Copy, Debug)]
pub struct Half;
/// binary32.
#[derive(Clone, Copy, Debug)]
pub struct Single;
/// binary64.
#[derive(Clone, Copy, Debug)]
pub struct Double;

impl Format for Half {
    const BITS: u32 = 16;
    const FRAC: u32 = 10;
}
impl Format for Single {
    const BITS: u32 = 32;
    const FRAC: u32 = 23;
}
impl Format for Double {
    const BITS: u32 = 64;
    const FRAC: u32 = 52;
}

/// FPType, with the value of a finite number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Zero,
    /// Not zero; `value.sig` has its leading one at bit `FRAC`, denormals too.
    Finite,
    Infinity,
    Quiet,
    Signalling,
}

/// An unpacked operand.
#[derive(Clone, Copy)]
struct Unpacked {
    class: Class,
    sign: bool,
    /// Of a `Finite`; else meaningless.
    exp: i32,
    /// Of a `Finite`; else meaningless.
    sig: u64,
}

impl Unpacked {
    #[inline(always)]
    fn real(self) -> Real {
        Real { sign: self.sign, exp: self.exp, sig: u128::from(self.sig) }
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        matches!(self.class, Class::Quiet | Class::Signalling)
    }
    #[inline(always)]
    fn is(self, class: Class) -> bool {
        self.class == class
    }
}

/// FPUnpack: takes a value apart. Flushes denormals in flush-to-zero mode, except half-precision ones.
#[inline(always)]
fn unpack<F: Format>(bits: u64, env: &mut Fpscr) -> Unpacked {
    let sign = bits & F::SIGN != 0;
    let exp = (bits >> F::FRAC) & F::EXP_ONES;
    let frac = bits & F::FRAC_MASK;
    let alternative = F::BITS == 16 && env.alternative_half();
    if exp == F::EXP_ONES && !alternative {
        let class = match (frac, frac & F::QUIET) {
            (0, _) => Class::Infinity,
            (_, 0) => Class::Signalling,
            _ => Class::Quiet,
        };
        return Unpacked { class, sign, exp: 0, sig: 0 };
    }
    if exp != 0 {
        let exp = exp as i32 - 1 + F::MIN_EXP - F::FRAC as i32;
        return Unpacked { class: Class::Finite, sign, exp, sig: frac | (1 << F::FRAC) };
    }
    if frac == 0 {
        return Unpacked { class: Class::Zero, sign, exp: 0, sig: 0 };
    }
    if F::BITS != 16 && env.flush_to_zero() {
        env.flag(Fpscr::IDC);
        return Unpacked { class: Class::Zero, sign, exp: 0, sig: 0 };
    }
    let shift = frac.leading_zeros() - (63 - F::FRAC);
    let exp = F::MIN_EXP - F::FRAC as i32 - shift as i32;
    Unpacked { class: Class::Finite, sign, exp, sig: frac << shift }
}

/// The sign bit of a format.
#[inline(always)]
fn sign_bit<F: Format>(sign: bool) -> u64 {
    if sign { F::SIGN } else { 0 }
}

/// FPNeg: changes the sign, of NaNs too.
#[inline(always)]
pub fn neg<F: Format>(bits: u64) -> u64 {
    bits ^ F::SIGN
}

/// FPAbs: clears the sign, of NaNs too.
#[inline(always)]
pub fn abs<F: Format>(bits: u64) -> u64 {
    bits & !F::SIGN
}

/// FPProcessNaN: the operand made quiet, or the default NaN.
#[cold]
fn process_nan<F: Format>(class: Class, bits: u64, env: &mut Fpscr) -> u64 {
    if class == Class::Signalling {
        env.flag(Fpscr::IOC);
    }
    if env.default_nan() { F::DEFAULT_NAN } else { bits | F::QUIET }
}

/// FPProcessNaNs and FPProcessNaNs3: the first signalling NaN decides, else the first quiet one.
#[cold]
fn process_nans<F: Format>(operands: &[(Unpacked, u64)], env: &mut Fpscr) -> u64 {
    for class in [Class::Signalling, Class::Quiet] {
        if let Some(&(_, bits)) = operands.iter().find(|(operand, _)| operand.class == class) {
            return process_nan::<F>(class, bits, env);
        }
    }
    F::DEFAULT_NAN
}

/// The answer to an operation without meaning: invalid operation and the default NaN.
#[cold]
fn invalid<F: Format>(env: &mut Fpscr) -> u64 {
    env.flag(Fpscr::IOC);
    F::DEFAULT_NAN
}
