//! A result with distance.

use core::fmt;

/// Whether a check passed, as a word instead of a bit.
///
/// A glitch that clears, sets or flips a few bits of a `bool` turns a refusal into an acceptance. The accepting word
/// differs from the refusing one in every bit, and from the words that faults usually produce (zero, all ones, a small
/// number) in many. Everything but the one accepting word is a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict(u32);

impl Verdict {
    /// The check passed.
    pub const ACCEPTED: Self = Self(0x5A3C_C3A6);
    /// The check failed.
    pub const REFUSED: Self = Self(!Self::ACCEPTED.0);

    /// The verdict of a plain comparison.
    pub const fn from_bool(passed: bool) -> Self {
        if passed { Self::ACCEPTED } else { Self::REFUSED }
    }

    /// True only for the one accepting word.
    pub const fn is_accepted(self) -> bool {
        self.0 == Self::ACCEPTED.0
    }

    /// The word, to be combined with others: see the verifier.
    pub const fn word(self) -> u32 {
        self.0
    }

    /// Compares two byte strings without an early exit, and counts the bytes that it compared: a loop that a fault ended
    /// early is a refusal, not a match of the part that was seen.
    pub fn of_equal(left: &[u8], right: &[u8]) -> Self {
        let mut difference = 0;
        let mut compared = 0_usize;
        for (a, b) in left.iter().zip(right) {
            difference |= a ^ b;
            compared = compared.wrapping_add(1);
        }
        Self::from_bool(
            core::hint::black_box(difference) == 0 && compared == left.len() && compared == right.len(),
        )
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ACCEPTED => f.write_str("Accepted"),
            Self::REFUSED => f.write_str("Refused"),
            Self(word) => write!(f, "Invalid({word:#010x})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_word_accepts() {
        assert!(Verdict::ACCEPTED.is_accepted());
        for word in [0, 1, u32::MAX, Verdict::REFUSED.0] {
            assert!(!Verdict(word).is_accepted());
            assert!((word ^ Verdict::ACCEPTED.0).count_ones() >= 14);
        }
        for bit in 0..32 {
            assert!(!Verdict(Verdict::ACCEPTED.0 ^ (1 << bit)).is_accepted());
        }
    }

    #[test]
    fn equality_needs_equal_length() {
        assert!(Verdict::of_equal(b"abc", b"abc").is_accepted());
        for other in [&b"abd"[..], b"bbc", b"ab", b"abcd", b""] {
            assert!(!Verdict::of_equal(b"abc", other).is_accepted());
            assert!(!Verdict::of_equal(other, b"abc").is_accepted());
        }
    }
}
