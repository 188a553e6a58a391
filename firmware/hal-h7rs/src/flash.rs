//! The embedded flash controller: program, erase, option words.

use crate::reg::{Ro, Rw, Wo};
use ironroot_layout::stm32h7rs::chip::{FLASH, FLASH_WORD, SECTOR_COUNT};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};

const BASE: u32 = 0x5200_2000;
const KEYR: Wo = Wo::at(BASE + 0x004);
const CR: Rw = Rw::at(BASE + 0x010);
const SR: Ro = Ro::at(BASE + 0x014);
const ISR: Ro = Ro::at(BASE + 0x024);
const ICR: Wo = Wo::at(BASE + 0x028);
const OPTKEYR: Wo = Wo::at(BASE + 0x100);
pub(crate) const OPTCR: Rw = Rw::at(BASE + 0x104);
pub(crate) const OPTISR: Ro = Ro::at(BASE + 0x108);
pub(crate) const OPTICR: Wo = Wo::at(BASE + 0x10C);

/// CR.
const LOCK: u32 = 1 << 0;
const PG: u32 = 1 << 1;
const SER: u32 = 1 << 2;
const BER: u32 = 1 << 3;
const START: u32 = 1 << 5;
const SSN_SHIFT: u32 = 6;
const SSN: u32 = 0b111 << SSN_SHIFT;
/// SR: BUSY, write buffer not empty, queue.
const WORKING: u32 = 0b111;
/// ISR and ICR.
const WRPERR: u32 = 1 << 17;
const PGSERR: u32 = 1 << 18;
const STRBERR: u32 = 1 << 19;
const INCERR: u32 = 1 << 21;
/// A read that the protections refused.
pub const RDSERR: u32 = 1 << 24;
const WRITE_ERRORS: u32 = WRPERR | PGSERR | STRBERR | INCERR;
const CLEARABLE: u32 = 0x1F3F_0000;
/// OPTCR, OPTISR.
const OPTLOCK: u32 = 1 << 0;
pub(crate) const PG_OPT: u32 = 1 << 1;
const OPTERR: u32 = 1 << 30;

/// Why an operation failed: the controller's error flags; 0 if it said nothing and the value is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(pub u32);

/// Waits until nothing is queued or running.
#[inline(always)]
pub(crate) fn wait_idle() {
    while SR.any(WORKING) {}
}

/// The error flags.
#[inline(always)]
pub fn errors() -> u32 {
    ISR.read() & CLEARABLE
}

/// Clears them.
#[inline(always)]
pub fn clear_errors() {
    ICR.write(CLEARABLE);
}

fn open() {
    wait_idle();
    clear_errors();
    if CR.any(LOCK) {
        KEYR.write(0x4567_0123);
        KEYR.write(0xCDEF_89AB);
    }
}

fn close(clear: u32) -> Result<(), Failed> {
    wait_idle();
    CR.modify(clear, 0);
    CR.modify(0, LOCK);
    let errors = errors() & WRITE_ERRORS;
    if errors == 0 { Ok(()) } else { Err(Failed(errors)) }
}

/// Erases a sector of user flash.
pub fn erase_sector(number: u32) -> Result<(), Failed> {
    if number >= SECTOR_COUNT {
        return Err(Failed(0));
    }
    open();
    CR.modify(SSN | PG | BER, SER | number << SSN_SHIFT);
    CR.modify(0, START);
    close(SER | SSN)
}

/// Erases all of user flash.
pub fn erase_bank() -> Result<(), Failed> {
    open();
    CR.modify(PG | SER, BER);
    CR.modify(0, START);
    close(BER)
}

/// Programs one flash word of 16 bytes.
pub fn program_word(address: u32, words: [u32; 4]) -> Result<(), Failed> {
    let end = address.checked_add(FLASH_WORD.bytes());
    let inside = address >= FLASH.start().value() && end.is_some_and(|end| end <= FLASH.end().value());
    if !inside || !address.is_multiple_of(FLASH_WORD.bytes()) {
        return Err(Failed(0));
    }
    open();
    CR.modify(SER | BER, PG);
    let mut place = address;
    for word in words {
        Wo::at(place).write(word);
        place = place.wrapping_add(4);
    }
    close(PG)
}

/// An option word: in force, and to be programmed.
#[derive(Clone, Copy)]
pub struct Word {
    current: Ro,
    staged: Rw,
}

const fn word(offset: u32) -> Word {
    Word { current: Ro::at(BASE + offset), staged: Rw::at(BASE + offset + 4) }
}

/// NVSTATE.
pub const NVS: Word = word(0x200);
/// OEM_PROVD, DBG_AUTH, IROT_SELECT.
pub const ROTS: Word = word(0x208);
/// Write protection of the sectors: 0 protects.
pub const WRPS: Word = word(0x218);
/// Hidden area.
pub const HDPS: Word = word(0x230);
/// Monotonic counter.
pub const EPOCHS: Word = word(0x250);
/// User options 1.
pub const OBW1: Word = word(0x260);
/// User options 2.
pub const OBW2: Word = word(0x268);

/// The value in force of the option word at `address`, its xxxSR register.
pub fn option(address: u32) -> u32 {
    Ro::at(BASE + 0x200 + (address & 0x7C)).read()
}

impl Word {
    /// The value in force.
    #[inline(always)]
    pub fn read(self) -> u32 {
        self.current.read()
    }

    /// Programs the word and compares.
    pub fn change(self, value: u32) -> Result<(), Failed> {
        unlock_options();
        OPTICR.write(OPTERR);
        OPTCR.modify(0, PG_OPT);
        self.staged.write(value);
        wait_idle();
        let refused = OPTISR.read() & OPTERR;
        lock_options();
        // Success is what reads back, not the absence of an error flag.
        if refused == 0 && self.read() == value { Ok(()) } else { Err(Failed(refused)) }
    }
}

/// Unlocks option words and OBKeys.
pub(crate) fn unlock_options() {
    wait_idle();
    if OPTCR.any(OPTLOCK) {
        OPTKEYR.write(0x0819_2A3B);
        OPTKEYR.write(0x4C5D_6E7F);
    }
}

/// Locks them.
pub(crate) fn lock_options() {
    OPTCR.modify(PG_OPT, 0);
    OPTCR.modify(0, OPTLOCK);
}

/// The product state that the option words mean.
pub fn product_state() -> ProductState {
    let [provisioned, debug, ..] = ROTS.read().to_le_bytes();
    ProductState::of(NVS.read() as u8, provisioned, DebugAuthentication::from_bits(debug))
}
