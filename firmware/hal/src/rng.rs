//! The generator of random numbers (RM0468 chapter 34).
//!
//! Every word is taken only with DRDY and without an error of seed or clock, must not be 0 (what DR reads as when the
//! generator has just failed), and must differ from the one before (FIPS 140-2, 4.9.2: a stuck source). One doubt ends it all:
//! there is no second source, and a key that somebody could guess is worse than none.

use crate::rcc;
use crate::reg::{Ro, Rw};

const AHB2RSTR: Rw = Rw::at(0x5802_4484);
const AHB2ENR: Rw = Rw::at(0x5802_44DC);
/// RNG in both.
const RNG: u32 = 1 << 6;
const HSI48ON: u32 = 1 << 12;
const HSI48RDY: u32 = 1 << 13;
/// D2CCIP2R: 0 is HSI48.
const RNGSEL: u32 = 0b11 << 8;

const BASE: u32 = 0x4802_1800;
const CR: Rw = Rw::at(BASE);
const SR: Rw = Rw::at(BASE + 0x004);
const DR: Ro = Ro::at(BASE + 0x008);

/// CR.
const RNGEN: u32 = 1 << 2;
const CONDRST: u32 = 1 << 30;
/// SR.
const DRDY: u32 = 1 << 0;
/// CECS, SECS, CEIS, SEIS.
const ERRORS: u32 = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6;

/// Looks at a flag, of some ten cycles each: 2 ms at 64 MHz are some ten thousand.
const PATIENCE: u32 = 100_000;

/// There are no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

/// The generator, switched on.
pub struct Random {
    last: u32,
}

impl Random {
    /// Switches it on, with its conditioning begun anew.
    pub fn open() -> Result<Self, RandomError> {
        rcc::CR.modify(0, HSI48ON);
        wait(|| rcc::CR.any(HSI48RDY))?;
        rcc::D2CCIP2R.modify(RNGSEL, 0);
        AHB2ENR.modify(0, RNG);
        // As in `rcc::enable_console`.
        let _ = AHB2ENR.read();
        CR.modify(0, CONDRST | RNGEN);
        CR.modify(CONDRST, 0);
        wait(|| !CR.any(CONDRST))?;
        // The first word only serves to compare the next one with.
        let mut random = Self { last: 0 };
        random.word()?;
        Ok(random)
    }

    fn word(&mut self) -> Result<u32, RandomError> {
        wait(|| SR.any(DRDY | ERRORS))?;
        if SR.any(ERRORS) {
            return Err(RandomError);
        }
        let word = DR.read();
        if word == 0 || word == self.last {
            return Err(RandomError);
        }
        self.last = word;
        Ok(word)
    }

    /// Fills `into`; what is in it after an error must not be used.
    pub fn fill(&mut self, into: &mut [u8]) -> Result<(), RandomError> {
        for bytes in into.chunks_mut(4) {
            let word = self.word()?.to_le_bytes();
            for (place, byte) in bytes.iter_mut().zip(word) {
                *place = byte;
            }
        }
        Ok(())
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        AHB2RSTR.modify(0, RNG);
        AHB2RSTR.modify(RNG, 0);
        AHB2ENR.modify(RNG, 0);
        rcc::CR.modify(HSI48ON, 0);
    }
}

fn wait(done: impl Fn() -> bool) -> Result<(), RandomError> {
    for _ in 0..PATIENCE {
        if done() {
            return Ok(());
        }
    }
    Err(RandomError)
}
