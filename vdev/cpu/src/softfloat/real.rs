//! Exact values: an integer times a power of two. Where a value has more bits than fit, bit 0 is sticky: set when anything
//! below it was lost. At least two more bits than any format's precision are kept, so rounding cannot tell the difference.

use rustc_apfloat::ieee::Quad;
use rustc_apfloat::{Float, Round, Status};

/// ±`sig` × 2^`exp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Real {
    pub sign: bool,
    pub exp: i32,
    /// 0 is zero, whatever `exp` is.
    pub sig: u128,
}

/// Fraction bits of binary128.
const QUAD_FRAC: i32 = 112;
/// Exponent bias of binary128.
const QUAD_BIAS: i32 = 16383;

impl Real {
    /// Position of the leading one, counted from 1; 0 for zero.
    #[inline(always)]
    pub fn bits(self) -> i32 {
        128 - self.sig.leading_zeros() as i32
    }

    /// Product of two significands of at most 64 bits: always exact.
    #[inline(always)]
    pub fn mul(self, other: Real) -> Real {
        Real { sign: self.sign != other.sign, exp: self.exp + other.exp, sig: self.sig * other.sig }
    }

    /// Sum. The sign of an exact zero is for the caller to decide.
    #[inline(always)]
    pub fn add(self, other: Real) -> Real {
        let low = self.exp.min(other.exp);
        let high = (self.exp + self.bits()).max(other.exp + other.bits());
        if high - low > 126 {
            return self.add_wide(other);
        }
        let a = self.sig << (self.exp - low);
        let b = other.sig << (other.exp - low);
        let (sign, sig) = if self.sign == other.sign {
            (self.sign, a + b)
        } else if a >= b {
            (self.sign, a - b)
        } else {
            (other.sign, b - a)
        };
        Real { sign, exp: low, sig }
    }

    /// Sum of values far apart, by the library: binary128, truncated, with a sticky bit. Its 15-bit exponent holds every sum
    /// and product of doubles.
    #[cold]
    pub fn add_wide(self, other: Real) -> Real {
        Self::from_quad(self.to_quad().add_r(other.to_quad(), Round::TowardZero))
    }

    /// As a binary128, exactly: not zero, at most 113 significant bits.
    pub fn to_quad(self) -> Quad {
        let bits = self.bits();
        let exponent = (self.exp + bits - 1 + QUAD_BIAS) as u128;
        let aligned = self.sig << (QUAD_FRAC + 1 - bits).max(0);
        let frac = aligned & ((1 << QUAD_FRAC) - 1);
        Quad::from_bits((u128::from(self.sign) << 127) | (exponent << QUAD_FRAC) | frac)
    }

    /// From a truncated normal binary128 result: inexact becomes the sticky bit.
    pub fn from_quad(result: rustc_apfloat::StatusAnd<Quad>) -> Real {
        let bits = result.value.to_bits();
        if result.value.is_zero() {
            return Real { sign: bits >> 127 != 0, exp: 0, sig: 0 };
        }
        let exponent = ((bits >> QUAD_FRAC) & 0x7FFF) as i32;
        let sig = (bits & ((1 << QUAD_FRAC) - 1)) | (1 << QUAD_FRAC);
        let sticky = result.status.contains(Status::INEXACT);
        Real { sign: bits >> 127 != 0, exp: exponent - QUAD_BIAS - QUAD_FRAC, sig: sig | u128::from(sticky) }
    }

    /// Quotient of two significands with leading ones at the same bit, at most bit 52: 63 bits or more and a sticky bit.
    #[inline(always)]
    pub fn div(self, other: Real) -> Real {
        let dividend = self.sig << 64;
        let quotient = dividend / other.sig;
        // One division: the remainder follows from the quotient.
        let sticky = quotient * other.sig != dividend;
        Real {
            sign: self.sign != other.sign,
            exp: self.exp - other.exp - 64,
            sig: quotient | u128::from(sticky),
        }
    }

    /// As [`Real::div`] for significands with the leading one at most at bit 23: 39 bits or more and a sticky bit.
    #[inline(always)]
    pub fn div_narrow(self, other: Real) -> Real {
        let dividend = (self.sig as u64) << 40;
        let divisor = other.sig as u64;
        let quotient = dividend / divisor;
        let sticky = quotient * divisor != dividend;
        Real {
            sign: self.sign != other.sign,
            exp: self.exp - other.exp - 40,
            sig: u128::from(quotient | u64::from(sticky)),
        }
    }

    /// Square root of a positive value whose significand has at most 64 bits.
    ///
    /// The significand is scaled by an even power of two, such that exponent is even and the integer root has 62 bits or more.
    /// The floor of the root is then the truncated significand; the remainder says whether anything was cut off.
    pub fn sqrt(self) -> Real {
        let mut shift = 126 - self.bits();
        if (self.exp - shift) & 1 != 0 {
            shift -= 1;
        }
        let scaled = self.sig << shift;
        let root = scaled.isqrt();
        let sticky = root * root != scaled;
        Real { sign: false, exp: (self.exp - shift) / 2 - 1, sig: (root << 1) | u128::from(sticky) }
    }
}
