//! Random numbers.

use crate::rcc::{self, Block};
use crate::reg::{Ro, Rw};

const BASE: u32 = 0x4802_0000;
const CR: Rw = Rw::at(BASE);
const SR: Ro = Ro::at(BASE + 0x004);
const DR: Ro = Ro::at(BASE + 0x008);

const RNGEN: u32 = 1 << 2;
const CONDRST: u32 = 1 << 30;
const DRDY: u32 = 1 << 0;
/// Clock and seed errors, now or before.
const ERRORS: u32 = 0b11 << 1 | 0b11 << 5;
const PATIENCE: u32 = 1_000_000;

/// Switches it on, with its conditioning as after reset. PKA and SAES mask with its numbers.
pub fn start() {
    rcc::start_random_clock();
    rcc::enable(Block::Rng);
    if !CR.any(RNGEN) {
        CR.modify(0, CONDRST);
        CR.modify(CONDRST, RNGEN);
    }
}

/// As many random words; `None` if the source failed its own tests.
pub fn words<const N: usize>() -> Option<[u32; N]> {
    start();
    let mut words = [0; N];
    for word in &mut words {
        let mut looks = 0;
        while !SR.any(DRDY) {
            looks += 1;
            if looks > PATIENCE || SR.any(ERRORS) {
                return None;
            }
        }
        *word = DR.read();
        // Zero is what DR gives when there is nothing: one in four billion times a good number is given up.
        if *word == 0 || SR.any(ERRORS) {
            return None;
        }
    }
    Some(words)
}
