//! One number, name, cause, consequence and remedy for every refusal.
//!
//! 1. Every refusal of the product has exactly one [`Code`], shown as `IR-2003`, and every code has exactly one meaning:
//!    a number is never reused, a text may be improved.
//! 2. Number, name and texts are written once, in the table of their range (one file a range); the constant, the kebab-case
//!    name and the entry in [`ALL`] are derived from that line.
//! 3. The device knows only numbers: a build that never calls [`Code::entry`] carries no text.
//!
//! | range | module | who refuses |
//! |---|---|---|
//! | IR-1xxx | [`input`] | the tools: arguments, files, keys, applications, board files |
//! | IR-19xx | [`product`] | the description of a product, before anything is built from it |
//! | IR-2xxx | [`image`] | the image parser and verifier, on host and device |
//! | IR-3xxx | [`boot`] | the boot decision on the device |
//! | IR-4xxx | [`rss`], [`install`], [`h7rs`] | the root security services; secure firmware install; system flash of the STM32H7RS |
//! | IR-5xxx | [`vdev`] | the virtual device, and read-back against it |
//! | IR-6xxx | [`licence`] | the licence server |
//! | IR-7xxx | [`transport`] | the link between host and device |
//! | IR-8xxx | [`project`] | project files of other tools; provisioning |
//! | IR-9xxx | [`internal`] | Ironroot itself: a fault of ours |
#![no_std]
#![forbid(unsafe_code)]

mod table;

pub mod boot;
pub mod h7rs;
pub mod image;
pub mod input;
pub mod install;
pub mod internal;
pub mod licence;
pub mod product;
pub mod project;
pub mod rss;
pub mod transport;
pub mod vdev;

use core::fmt;
use core::str::FromStr;

pub use table::ALL;

/// The number of a refusal. Displayed as `IR-2003`; parsed from `IR-2003`, `ir-2003` or `2003`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// A code from its number, whether or not this version knows it: a newer device may report codes that an older tool
    /// can only show.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The number, 2003 for `IR-2003`.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What the code means, or `None` if this version does not know it.
    pub fn entry(self) -> Option<&'static Entry> {
        ALL.binary_search_by_key(&self, |entry| entry.code).ok().and_then(|index| ALL.get(index))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IR-{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a code: not four digits, with or without `IR-` before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCodeError;

impl fmt::Display for ParseCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code is written IR-2003 or 2003")
    }
}

impl core::error::Error for ParseCodeError {}

impl FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        let digits = match text.split_at_checked(3) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("IR-") => rest,
            _ => text,
        };
        // `u16::from_str` would also take a sign.
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseCodeError);
        }
        digits.parse().map(Self).map_err(|_| ParseCodeError)
    }
}

/// What a code means, for people. Sentences without a final full stop are headings, the others are whole sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number.
    pub code: Code,
    /// The name in kebab-case, unique over all ranges: what scripts and `--json` may match on.
    pub name: &'static str,
    /// One line that says what was refused.
    pub summary: &'static str,
    /// Which check failed, and what usually makes it fail.
    pub cause: &'static str,
    /// What did and did not happen because of it.
    pub consequence: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// The exit code of a command that ends with this refusal.
    pub exit: Exit,
}

/// The exit codes of the tool: one table for all commands. Exit code 0 is success and has no refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done, and read back where something was written.
    Ok = 0,
    /// A fault of the tool itself.
    Internal = 1,
    /// The command line or an input file cannot be used.
    Usage = 2,
    /// A verification failed: the thing is complete but not what it should be.
    Verification = 3,
    /// The device refused, or is locked against what was asked.
    Device = 4,
    /// An irreversible step was not confirmed.
    NotConfirmed = 5,
    /// A licence or quota was refused.
    Licence = 6,
    /// The link to the device failed.
    Transport = 7,
    /// Interrupted; the same command resumes.
    Interrupted = 8,
    /// A proof found a counter-example.
    CounterExample = 9,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        self as u8
    }
}
