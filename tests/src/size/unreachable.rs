//! The bounds checks of libraries that our boot code links (secure boot, the boot stages with cryptography in software, RSS) and
//! that no input reaches, each with the reason.
//!
//! The compiler cannot see these reasons, so it keeps the checks; the libraries are used as they are. A place is a line of
//! one version of a library: with another version the proof has to be made again, and until then the test fails. Should a
//! fault lead there all the same, the boot refuses as it does for every panic (`IR-9001`), and nothing is started.

/// Checks that have one reason.
pub struct Check {
    /// How the path of the source file ends, with the version of the library.
    pub file: &'static str,
    /// The lines.
    pub lines: &'static [u32],
    /// Whether the compiler made one check of two of these lines and says of neither which it is (line `?`). Only where every
    /// check of the file is on the list.
    pub merged: bool,
    /// Why no input reaches it.
    pub why: &'static str,
}

const P256_CM4: &str = "/p256-cm4-0.4.0/src/lib.rs";
const HMAC_SHA256: &str = "/hmac-sha256-1.1.15/src/lib.rs";

/// All of them.
pub const UNREACHABLE: &[Check] = &[
    Check {
        file: HMAC_SHA256,
        lines: &[50, 51, 253, 263],
        merged: false,
        why: "`State::blocks` loads sixteen words of a block and goes on behind it. `inlen` begins as the length of `input` and both \
              lose 64 each time, so in the loop, whose condition is inlen >= 64, there are 64 bytes.",
    },
    Check {
        file: HMAC_SHA256,
        lines: &[313],
        merged: false,
        why: "`Hash::_update` fills its buffer. r < 64 between calls: it begins as 0, becomes 0 when it reaches 64 (line 319), or \
              becomes what `blocks` left, which is less than 64. tc <= 64 - r and tc <= n: r + tc <= 64, and both sides have tc \
              bytes.",
    },
    Check {
        file: HMAC_SHA256,
        lines: &[322, 324],
        merged: false,
        why: "`Hash::_update` hashes what is behind the buffer, and keeps the rest. pos = tc <= the length; pos + n is the length; \
              `blocks` returns rb <= n and rb < 64, so both sides have rb bytes.",
    },
    Check {
        file: HMAC_SHA256,
        lines: &[359, 360, 364, 366],
        merged: false,
        why: "`Hash::finalize` pads: r < 64, as above, in a buffer of 128; the length ends at 64 or 128.",
    },
    Check {
        file: HMAC_SHA256,
        lines: &[733, 738, 743],
        merged: false,
        why: "`HKDF::expand` makes 48 bytes here, in two steps: i is 0 or 32, and what a step writes or reads again ends at 48.",
    },
    Check {
        file: P256_CM4,
        lines: &[808, 823],
        merged: true,
        why: "`verify` takes half of a digit of `slide_257` as the index into a table of eight. A digit is odd or 0 (a bit, to which \
              only even numbers are added), and line 698 and line 701 keep it between -15 and 15: half of it is at most 7.",
    },
    Check {
        file: P256_CM4,
        lines: &[704, 706, 707],
        merged: false,
        why: "`slide_257` carries into the next entry that is 0. Entry 256, the last, is 0 until a carry ends there. After that all \
              entries between the current one and the last are 0: those before the carry began were taken in, those behind were \
              cleared by it. A carry begins at an entry that is not 0 and before the last, so there is no second one.",
    },
    Check {
        file: P256_CM4,
        lines: &[253, 762],
        merged: false,
        why: "`copy_within(7..8, i)` in an array of eight, with i from 1 to 7.",
    },
    Check {
        file: P256_CM4,
        lines: &[269],
        merged: false,
        why: "`scalarmult_variable_base` takes half of the top digit of the scalar: four bits with the lowest set, and nothing is \
              subtracted from the last of the digits (line 242 changes the one before). At most 15: half of it is at most 7.",
    },
];
