//! The embedded flash controller (RM0468 chapter 4): program, erase, option bytes, flags.

use crate::reg::{Ro, Rw, Wo};
use ironroot_layout::stm32h735::options::Scar;

const BASE: u32 = 0x5200_2000;
/// Access control: wait states.
pub const ACR: Rw = Rw::at(BASE);
/// Key register of CR1.
pub const KEYR1: Wo = Wo::at(BASE + 0x004);
/// Key register of the option bytes.
pub const OPTKEYR: Wo = Wo::at(BASE + 0x008);
/// Control.
pub const CR1: Rw = Rw::at(BASE + 0x00C);
/// Status.
pub const SR1: Ro = Ro::at(BASE + 0x010);
/// Clears the flag of the same bit in SR1.
pub const CCR1: Wo = Wo::at(BASE + 0x014);
/// Option control.
pub const OPTCR: Rw = Rw::at(BASE + 0x018);
/// Option status, in force.
pub const OPTSR_CUR: Ro = Ro::at(BASE + 0x01C);
/// Option status, staged.
pub const OPTSR_PRG: Rw = Rw::at(BASE + 0x020);
/// Clears OPTCHANGEERR.
pub const OPTCCR: Wo = Wo::at(BASE + 0x024);
/// Secure area, in force.
pub const SCAR_CUR1: Ro = Ro::at(BASE + 0x030);
/// Secure area, staged.
pub const SCAR_PRG1: Rw = Rw::at(BASE + 0x034);
/// Boot addresses, in force.
pub const BOOT_CUR: Ro = Ro::at(BASE + 0x040);

/// Bits of CR1.
pub mod cr {
    /// The register is locked.
    pub const LOCK: u32 = 1 << 0;
    /// Writes to flash program it.
    pub const PG: u32 = 1 << 1;
    /// Sector erase selected.
    pub const SER: u32 = 1 << 2;
    /// Starts the erase.
    pub const START: u32 = 1 << 7;
    /// Position of the sector number.
    pub const SNB_SHIFT: u32 = 8;
    /// Mask of the sector number.
    pub const SNB: u32 = 0b111 << SNB_SHIFT;
}

/// Bits of SR1 (and of CCR1, from 16 up).
pub mod sr {
    /// The memory is being modified.
    pub const BSY: u32 = 1 << 0;
    /// An operation is queued or running.
    pub const QW: u32 = 1 << 2;
    /// End of program or erase.
    pub const EOP: u32 = 1 << 16;
    /// Write to protected flash.
    pub const WRPERR: u32 = 1 << 17;
    /// Programming sequence wrong.
    pub const PGSERR: u32 = 1 << 18;
    /// A byte was written twice.
    pub const STRBERR: u32 = 1 << 19;
    /// A second word was begun before the first was complete.
    pub const INCERR: u32 = 1 << 21;
    /// The memory reported a failed operation.
    pub const OPERR: u32 = 1 << 22;
    /// Read of execute-only flash.
    pub const RDPERR: u32 = 1 << 23;
    /// Access to the closed secure area.
    pub const RDSERR: u32 = 1 << 24;
    /// All errors of writing.
    pub const WRITE_ERRORS: u32 = WRPERR | PGSERR | STRBERR | INCERR | OPERR;
    /// All flags that CCR1 can clear (bits 16 to 28 but the reserved bit 20).
    pub const CLEARABLE: u32 = 0x1FEF_0000;
}

/// Bits of the option registers.
pub mod opt {
    /// OPTCR: locked.
    pub const OPTLOCK: u32 = 1 << 0;
    /// OPTCR: starts the change.
    pub const OPTSTART: u32 = 1 << 1;
    /// OPTSR_CUR: a change is running.
    pub const BUSY: u32 = 1 << 0;
    /// OPTSR: Secure access mode.
    pub const SECURITY: u32 = 1 << 21;
    /// OPTSR_CUR: the last change broke a rule and was dropped (also its clear bit in OPTCCR).
    pub const OPTCHANGEERR: u32 = 1 << 30;
}

/// Why a flash operation failed: the raw SR1 error flags ([`sr`]), or OPTCHANGEERR for option bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashError(pub u32);

/// The secure-area option now in force.
#[inline(always)]
pub fn secure_area() -> Scar {
    Scar::decode(SCAR_CUR1.read())
}

/// Whether the device is in Secure access mode (SECURITY option bit in force).
#[inline(always)]
pub fn secure_mode() -> bool {
    OPTSR_CUR.any(opt::SECURITY)
}

/// The boot address that BOOT_ADD0 (`boot0` false) or BOOT_ADD1 names.
#[inline(always)]
pub fn boot_address(boot0: bool) -> u32 {
    let both = BOOT_CUR.read();
    if boot0 { both & 0xFFFF_0000 } else { both << 16 }
}

/// Error and end flags of SR1.
#[inline(always)]
pub fn flags() -> u32 {
    SR1.read() & sr::CLEARABLE
}

/// Clears all error and end flags.
#[inline(always)]
pub fn clear_flags() {
    CCR1.write(sr::CLEARABLE);
}

/// Waits until no operation is queued or running.
#[inline(always)]
fn wait_idle() {
    while SR1.any(sr::BSY | sr::QW) {}
}

/// Unlocks CR1. A key written while unlocked would lock the register until the next reset, hence the check.
#[inline(always)]
pub fn unlock() {
    if CR1.any(cr::LOCK) {
        KEYR1.write(0x4567_0123);
        KEYR1.write(0xCDEF_89AB);
    }
}

/// Locks CR1.
#[inline(always)]
pub fn lock() {
    CR1.write(cr::LOCK);
}

/// Erases sector `number` (0 to 7) and reports the error flags the controller raised.
#[inline(always)]
pub fn erase_sector(number: u32) -> Result<(), FlashError> {
    wait_idle();
    clear_flags();
    unlock();
    let select = cr::SER | (number << cr::SNB_SHIFT) & cr::SNB;
    CR1.modify(cr::SNB | cr::PG, select);
    CR1.modify(0, cr::START);
    wait_idle();
    CR1.modify(cr::SER | cr::SNB, 0);
    lock();
    result(flags() & sr::WRITE_ERRORS)
}

/// Changes the secure area: unlock the option bytes, stage, start, wait, read back.
///
/// Used by RSS alone; the hardware refuses everybody else.
///
/// # Errors
/// OPTCHANGEERR when the controller refused; 0 flags when it claimed success but the read-back differs.
#[inline(always)]
pub fn program_secure_area(scar: u32) -> Result<(), FlashError> {
    wait_idle();
    if OPTCR.any(opt::OPTLOCK) {
        OPTKEYR.write(0x0819_2A3B);
        OPTKEYR.write(0x4C5D_6E7F);
    }
    OPTCCR.write(opt::OPTCHANGEERR);
    SCAR_PRG1.write(scar);
    OPTCR.modify(0, opt::OPTSTART);
    while OPTSR_CUR.any(opt::BUSY) {}
    let refused = OPTSR_CUR.read() & opt::OPTCHANGEERR;
    OPTCR.modify(0, opt::OPTLOCK);
    // Success is what reads back, not the absence of an error flag.
    if refused == 0 && SCAR_CUR1.read() == scar { Ok(()) } else { Err(FlashError(refused)) }
}

#[inline(always)]
fn result(errors: u32) -> Result<(), FlashError> {
    if errors == 0 { Ok(()) } else { Err(FlashError(errors)) }
}
