//! The generator of random numbers (RM0468 chapter 34): CR, SR, DR and HTCR; four words a time, errors of seed and clock.
//!
//! What comes out is not random: it is AES-128 over a counter, under a key made of the unique id and the identity of the device.
//! So a run can be repeated, two boards differ, and because the counter is part of the board file, no board gives the same
//! number twice, whatever happens to its power. The analogue source, its conditioning and its health tests are not there;
//! their errors are set by the test ([`Rng::fail`]). Reset values of CR and HTCR are unverified.

use std::hash::{Hash, Hasher};

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

use super::registers::{Register, Registers, Written, register};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const DR: u32 = 0x008;

/// CR.
const RNGEN: u32 = 1 << 2;
const IE: u32 = 1 << 3;
/// Clock error detection is off.
const CED: u32 = 1 << 5;
const CONDRST: u32 = 1 << 30;
const CONFIGLOCK: u32 = 1 << 31;
/// What changes only together with CONDRST.
const CONFIG: u32 = 0x03FF_FF00 | CED;

/// SR.
const DRDY: u32 = 1 << 0;
const CECS: u32 = 1 << 1;
const SECS: u32 = 1 << 2;
const CEIS: u32 = 1 << 5;
const SEIS: u32 = 1 << 6;

/// Words that are ready at once.
const WORDS: usize = 4;
/// Kernel-clock cycles for as many: the manual's figure for the conditioned output.
const CYCLES: u64 = 412;
/// The kernel clock where it is HSI48.
const KERNEL_HZ: u64 = 48_000_000;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR", 0x0080_0D00, RNGEN | IE | CONFIG | CONDRST | CONFIGLOCK),
    register(0x004, "SR", 0, 0),
    register(0x008, "DR", 0, 0),
    register(0x010, "HTCR", 0, u32::MAX),
];

/// What is wrong with the generator, for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RngFault {
    /// The source does not give what a source gives.
    Seed,
    /// The kernel clock is too slow, or stands.
    Clock,
    /// The same word again and again: what no flag tells.
    Stuck,
}

/// The RNG block.
#[derive(Clone)]
pub struct Rng {
    registers: Registers,
    cipher: Aes128,
    /// Blocks of four words that were ever made: survives power-off.
    blocks: u64,
    words: [u32; WORDS],
    /// Words of them that are still to be read.
    left: usize,
    /// Virtual time from which on the next ones are there; `u64::MAX` while the generator is off.
    ready_at: u64,
    fault: Option<RngFault>,
}

impl Rng {
    /// A generator of a board, in reset state. `blocks` is where the board's last one ended.
    pub fn new(uid: &[u8; 12], identity: Option<&[u8; 32]>, blocks: u64) -> Self {
        let mut key = [0; 16];
        for (index, byte) in key.iter_mut().enumerate() {
            let name = uid.iter().chain(b"IRNG").nth(index).copied().unwrap_or(0);
            *byte = name ^ identity.and_then(|key| key.get(index)).copied().unwrap_or(0);
        }
        Rng {
            registers: Registers::new(TABLE),
            cipher: Aes128::new(&key.into()),
            blocks,
            words: [0; WORDS],
            left: 0,
            ready_at: u64::MAX,
            fault: None,
        }
    }

    /// Blocks that were ever made.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Breaks the generator, or repairs it.
    pub fn fail(&mut self, fault: Option<RngFault>) {
        self.fault = fault;
    }

    /// Reset state. What was made and not read is thrown away.
    pub fn reset(&mut self) {
        self.registers.reset();
        (self.left, self.ready_at) = (0, u64::MAX);
    }

    fn is_on(&self) -> bool {
        self.registers.get(CR) & (RNGEN | CONDRST) == RNGEN
    }

    fn has_failed(&self) -> bool {
        self.registers.get(SR) & (CECS | SECS) != 0
    }

    /// Brings flags and words up to date. `clocked`: the selected kernel clock runs.
    fn advance(&mut self, now: u64, clocked: bool) {
        if !self.is_on() {
            return;
        }
        let mut status = self.registers.get(SR);
        let detects = self.registers.get(CR) & CED == 0;
        if (!clocked || self.fault == Some(RngFault::Clock)) && detects {
            status |= CECS | CEIS;
        }
        if self.fault == Some(RngFault::Seed) {
            status |= SECS | SEIS;
        }
        self.registers.set(SR, status);
        if self.left == 0 && clocked && !self.has_failed() && now >= self.ready_at {
            self.words = self.block();
            self.left = WORDS;
        }
    }

    fn block(&mut self) -> [u32; WORDS] {
        let mut block = [0; 16];
        block[..8].copy_from_slice(&self.blocks.to_le_bytes());
        if self.fault != Some(RngFault::Stuck) {
            self.blocks = self.blocks.wrapping_add(1);
        }
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        if self.fault == Some(RngFault::Stuck) {
            words = [words[0]; WORDS];
        }
        words
    }

    /// A register's value. Reading DR takes the word.
    pub fn read(&mut self, offset: u32, now: u64, core_hz: u64, clocked: bool) -> Option<u32> {
        self.advance(now, clocked);
        let ready = self.left != 0 && !self.has_failed();
        match offset {
            SR => Some(self.registers.get(SR) | if ready { DRDY } else { 0 }),
            DR if ready => {
                let word = self.words.get(WORDS - self.left).copied();
                self.left -= 1;
                if self.left == 0 {
                    self.ready_at = now.saturating_add(delay(core_hz));
                }
                word
            }
            DR => Some(0),
            _ => self.registers.read(offset),
        }
    }

    /// Writes a register. False for an offset that has none.
    pub fn write(&mut self, offset: u32, written: Written, now: u64, core_hz: u64) -> bool {
        match offset {
            CR => {
                let before = self.registers.get(CR);
                let mut allowed = RNGEN | IE | CONDRST | CONFIGLOCK;
                if written.value & CONDRST != 0 {
                    allowed |= CONFIG;
                }
                if before & CONFIGLOCK != 0 {
                    allowed = RNGEN | IE;
                }
                self.registers.write(CR, written.only(allowed));
                let after = self.registers.get(CR);
                if after & CONDRST != 0 {
                    // The conditioning begins anew: old words and errors are gone.
                    self.left = 0;
                    self.registers.set(SR, 0);
                }
                if self.is_on() && (before & (RNGEN | CONDRST) != RNGEN) {
                    self.ready_at = now.saturating_add(delay(core_hz));
                } else if !self.is_on() {
                    (self.left, self.ready_at) = (0, u64::MAX);
                }
                true
            }
            SR => {
                // The latched flags are cleared by writing 0, the current ones by what caused them.
                let keep = written.value | !written.mask | !(CEIS | SEIS);
                let status = self.registers.get(SR) & keep;
                self.registers.set(SR, status);
                true
            }
            DR => true,
            _ => self.registers.write(offset, written),
        }
    }

    /// Whether the interrupt line is raised.
    pub fn raised(&self, now: u64) -> bool {
        let ready = self.left != 0 || self.is_on() && now >= self.ready_at;
        self.registers.get(CR) & IE != 0
            && (ready && !self.has_failed() || self.registers.get(SR) & (CEIS | SEIS) != 0)
    }

    /// Virtual time of the next change that somebody waits for; `u64::MAX` for none.
    pub fn next_event(&self, now: u64) -> u64 {
        let waits = self.registers.get(CR) & IE != 0 && self.is_on() && self.ready_at > now;
        if waits { self.ready_at } else { u64::MAX }
    }
}

/// Core cycles until the next words.
fn delay(core_hz: u64) -> u64 {
    CYCLES.saturating_mul(core_hz) / KERNEL_HZ
}

impl Hash for Rng {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.registers.hash(state);
        (self.blocks, self.words, self.left, self.ready_at, self.fault).hash(state);
    }
}

impl std::fmt::Debug for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rng({} blocks)", self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 64_000_000;

    fn started(mut rng: Rng, now: u64) -> Rng {
        rng.write(CR, Written::word(CONDRST | RNGEN), now, HZ);
        rng.write(CR, Written::word(RNGEN), now, HZ);
        rng
    }

    fn words(rng: &mut Rng, now: &mut u64, count: usize) -> Vec<u32> {
        let mut words = Vec::new();
        while words.len() < count {
            *now += 100;
            if rng.read(SR, *now, HZ, true) == Some(DRDY) {
                words.extend(rng.read(DR, *now, HZ, true));
            }
        }
        words
    }

    #[test]
    fn words_come_by_four_after_a_time_and_never_again() {
        let mut rng = started(Rng::new(&[1; 12], None, 0), 0);
        assert_eq!((rng.read(SR, 0, HZ, true), rng.read(DR, 0, HZ, true)), (Some(0), Some(0)));
        let mut now = 0;
        let first = words(&mut rng, &mut now, 8);
        let blocks = rng.blocks();
        assert_eq!(blocks, 2);
        assert!(now > 2 * delay(HZ), "each four take their time");
        // The same board after power-off goes on; another board, or the same with another identity, differs.
        let mut later = started(Rng::new(&[1; 12], None, blocks), 0);
        let later = words(&mut later, &mut 0, 8);
        assert!(first.iter().all(|word| !later.contains(word)));
        for other in [Rng::new(&[2; 12], None, 0), Rng::new(&[1; 12], Some(&[3; 32]), 0)] {
            assert_ne!(words(&mut started(other, 0), &mut 0, 8), first);
        }
        let again = words(&mut started(Rng::new(&[1; 12], None, 0), 0), &mut 0, 8);
        assert_eq!(again, first, "a run can be repeated");
    }

    #[test]
    fn errors_stop_it_until_it_is_conditioned_anew() {
        for (fault, clocked, flags) in [
            (Some(RngFault::Seed), true, SECS | SEIS),
            (Some(RngFault::Clock), true, CECS | CEIS),
            (None, false, CECS | CEIS),
        ] {
            let mut rng = started(Rng::new(&[1; 12], None, 0), 0);
            rng.fail(fault);
            assert_eq!(rng.read(SR, 10_000, HZ, clocked), Some(flags), "{fault:?}");
            assert_eq!(rng.read(DR, 10_000, HZ, clocked), Some(0));
            rng.fail(None);
            rng.write(SR, Written::word(0), 10_000, HZ);
            assert_eq!(rng.read(SR, 10_000, HZ, true), Some(flags & (CECS | SECS)));
            let mut rng = started(rng, 10_000);
            assert_eq!(words(&mut rng, &mut 10_000, 4).len(), 4);
        }
        let mut stuck = Rng::new(&[1; 12], None, 0);
        stuck.fail(Some(RngFault::Stuck));
        let same = words(&mut started(stuck, 0), &mut 0, 8);
        assert!(same.iter().all(|word| *word == same[0]));
    }

    #[test]
    fn the_configuration_changes_only_with_condrst_and_not_when_locked() {
        let mut rng = Rng::new(&[1; 12], None, 0);
        let config = |rng: &mut Rng| rng.read(CR, 0, HZ, true).map(|cr| cr & CONFIG);
        rng.write(CR, Written::word(0x0010_0000), 0, HZ);
        assert_eq!(config(&mut rng), Some(0x0080_0D00));
        rng.write(CR, Written::word(CONDRST | 0x0010_0000), 0, HZ);
        assert_eq!(config(&mut rng), Some(0x0010_0000));
        rng.write(CR, Written::word(CONFIGLOCK), 0, HZ);
        rng.write(CR, Written::word(CONDRST), 0, HZ);
        assert_eq!(config(&mut rng), Some(0x0010_0000));
    }

    #[test]
    fn the_line_is_raised_when_words_wait() {
        let mut rng = started(Rng::new(&[1; 12], None, 0), 0);
        assert_eq!((rng.raised(100_000), rng.next_event(0)), (false, u64::MAX));
        rng.write(CR, Written::word(RNGEN | IE), 0, HZ);
        let event = rng.next_event(0);
        assert!(event == delay(HZ) && !rng.raised(event - 1) && rng.raised(event));
    }
}
