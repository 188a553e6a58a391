//! The embedded flash controller (RM0468 chapter 4): program, erase, option bytes, flags.

use crate::reg::{Ro, Rw, Wo};
use ironroot_layout::stm32h735::options::{Scar, SecureArea};

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
/// Execute-only area, in force.
pub const PRAR_CUR1: Ro = Ro::at(BASE + 0x028);
/// Execute-only area, staged.
pub const PRAR_PRG1: Rw = Rw::at(BASE + 0x02C);
/// Write protection of the sectors, in force: 0 protects.
pub const WPSN_CUR1: Ro = Ro::at(BASE + 0x038);
/// Write protection of the sectors, staged.
pub const WPSN_PRG1: Rw = Rw::at(BASE + 0x03C);
/// Secure area, in force.
pub const SCAR_CUR1: Ro = Ro::at(BASE + 0x030);
/// Secure area, staged.
pub const SCAR_PRG1: Rw = Rw::at(BASE + 0x034);
/// Boot addresses, in force.
pub const BOOT_CUR: Ro = Ro::at(BASE + 0x040);
/// Shared RAM and frequency boost in force.
pub const OPTSR2_CUR: Ro = Ro::at(BASE + 0x070);

/// Bits of CR1.
pub mod cr {
    /// The register is locked.
    pub const LOCK: u32 = 1 << 0;
    /// Writes to flash program it.
    pub const PG: u32 = 1 << 1;
    /// Sector erase selected.
    pub const SER: u32 = 1 << 2;
    /// Bank erase selected.
    pub const BER: u32 = 1 << 3;
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
    /// More wrong bits than ECC corrects.
    pub const DBECCERR: u32 = 1 << 26;
    /// All errors of reading that leave the data unknown.
    pub const READ_ERRORS: u32 = RDPERR | RDSERR | DBECCERR;
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
    /// OPTSR: position of the RDP byte.
    pub const RDP_SHIFT: u32 = 8;
    /// PRAR and SCAR: END before START, no area. The factory's way to say so.
    pub const NO_AREA: u32 = 0x0000_00FF;
    /// PRAR: the area may be erased and removed.
    pub const DMEP: u32 = 1 << 31;
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

/// Programs one flash word at `address` (32-aligned, in user flash, erased) and reports the error flags the controller
/// raised. The caller holds no slice over that flash: its content changes.
#[inline(always)]
pub fn program_word(address: u32, words: [u32; 8]) -> Result<(), FlashError> {
    wait_idle();
    clear_flags();
    unlock();
    CR1.modify(cr::SER, cr::PG);
    let mut place = address;
    for word in words {
        Wo::at(place).write(word);
        place = place.wrapping_add(4);
    }
    wait_idle();
    CR1.modify(cr::PG, 0);
    lock();
    result(flags() & sr::WRITE_ERRORS)
}

/// Changes the secure area: unlock the option bytes, stage, start, wait, read back.
///
/// For RSS and for the code in the area itself, which may change its own size; the hardware refuses everybody else.
///
/// # Errors
/// OPTCHANGEERR when the controller refused; 0 flags when it claimed success but the read-back differs.
#[inline(always)]
pub fn program_secure_area(scar: u32) -> Result<(), FlashError> {
    change_option(OptionChange { current: SCAR_CUR1, staged: SCAR_PRG1, value: scar })
}

/// An option register pair and the value that it is to have.
#[derive(Clone, Copy)]
pub struct OptionChange {
    current: Ro,
    staged: Rw,
    value: u32,
}

impl OptionChange {
    /// No execute-only area, with DMEP. The hardware lets RSS alone do that at level 0, and erases the area's sectors first.
    #[inline(always)]
    pub const fn no_pcrop_area() -> Self {
        OptionChange { current: PRAR_CUR1, staged: PRAR_PRG1, value: opt::NO_AREA | opt::DMEP }
    }

    /// Write protection: a bit that is 0 protects its sector.
    #[inline(always)]
    pub const fn write_protection(wpsn: u32) -> Self {
        OptionChange { current: WPSN_CUR1, staged: WPSN_PRG1, value: wpsn }
    }

    /// The RDP byte, all other bits of OPTSR as they are.
    #[inline(always)]
    pub fn read_protection(rdp: u32) -> Self {
        let others = OPTSR_CUR.read() & !(0xFF << opt::RDP_SHIFT | opt::OPTCHANGEERR | opt::BUSY);
        OptionChange { current: OPTSR_CUR, staged: OPTSR_PRG, value: others | rdp << opt::RDP_SHIFT }
    }
}

/// Changes an option: unlock the option bytes, stage, start, wait, read back.
///
/// # Errors
/// OPTCHANGEERR when the controller refused; 0 flags when it claimed success but the read-back differs.
#[inline(always)]
pub fn change_option(change: OptionChange) -> Result<(), FlashError> {
    wait_idle();
    if OPTCR.any(opt::OPTLOCK) {
        OPTKEYR.write(0x0819_2A3B);
        OPTKEYR.write(0x4C5D_6E7F);
    }
    OPTCCR.write(opt::OPTCHANGEERR);
    change.staged.write(change.value);
    OPTCR.modify(0, opt::OPTSTART);
    while OPTSR_CUR.any(opt::BUSY) {}
    let refused = OPTSR_CUR.read() & opt::OPTCHANGEERR;
    OPTCR.modify(0, opt::OPTLOCK);
    // Success is what reads back, not the absence of an error flag.
    if refused == 0 && change.current.read() == change.value { Ok(()) } else { Err(FlashError(refused)) }
}

/// The option registers of this part: offset of the staged one, which names it, in force, staged.
const OPTION_REGISTERS: [(u32, Ro, Rw); 6] = [
    (0x020, OPTSR_CUR, OPTSR_PRG),
    (0x02C, PRAR_CUR1, PRAR_PRG1),
    (0x034, SCAR_CUR1, SCAR_PRG1),
    (0x03C, WPSN_CUR1, WPSN_PRG1),
    (0x044, BOOT_CUR, Rw::at(BASE + 0x044)),
    (0x074, Ro::at(BASE + 0x070), Rw::at(BASE + 0x074)),
];

/// Changes several option registers in one step, which the rules of the flash see as one. Each is named by the offset of
/// its staged register, with the wanted bits and the mask of bits that are meant.
///
/// # Errors
/// OPTCHANGEERR when the controller refused; 0 flags for an unknown register, or when the read-back differs.
pub fn change_options(wanted: impl Iterator<Item = (u32, u32, u32)> + Clone) -> Result<(), FlashError> {
    let find = |offset| OPTION_REGISTERS.iter().find(|(staged, ..)| *staged == offset);
    wait_idle();
    if OPTCR.any(opt::OPTLOCK) {
        OPTKEYR.write(0x0819_2A3B);
        OPTKEYR.write(0x4C5D_6E7F);
    }
    OPTCCR.write(opt::OPTCHANGEERR);
    for (offset, value, mask) in wanted.clone() {
        let Some((_, current, staged)) = find(offset) else {
            OPTCR.modify(0, opt::OPTLOCK);
            return Err(FlashError(0));
        };
        staged.write(current.read() & !mask | value & mask);
    }
    OPTCR.modify(0, opt::OPTSTART);
    while OPTSR_CUR.any(opt::BUSY) {}
    let refused = OPTSR_CUR.read() & opt::OPTCHANGEERR;
    OPTCR.modify(0, opt::OPTLOCK);
    let as_asked = wanted.clone().all(|(offset, value, mask)| {
        find(offset).is_some_and(|(_, current, _)| (current.read() ^ value) & mask == 0)
    });
    if refused == 0 && as_asked { Ok(()) } else { Err(FlashError(refused)) }
}

/// Erases the whole bank and reports the error flags the controller raised.
#[inline(always)]
pub fn erase_bank() -> Result<(), FlashError> {
    wait_idle();
    clear_flags();
    unlock();
    CR1.modify(cr::PG | cr::SER, cr::BER);
    CR1.modify(0, cr::START);
    wait_idle();
    CR1.modify(cr::BER, 0);
    lock();
    result(flags() & sr::WRITE_ERRORS)
}

/// What the RDP option byte means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReadProtection {
    /// None.
    Level0,
    /// Flash is closed to debuggers and to code that was not booted from it.
    Level1,
    /// For ever.
    Level2,
}

/// The level in force.
#[inline(always)]
pub fn read_protection() -> ReadProtection {
    match OPTSR_CUR.read() >> opt::RDP_SHIFT & 0xFF {
        0xAA => ReadProtection::Level0,
        0xCC => ReadProtection::Level2,
        _ => ReadProtection::Level1,
    }
}

/// The execute-only area now in force; PRAR is encoded as SCAR is.
#[inline(always)]
pub fn pcrop_area() -> SecureArea {
    Scar::decode(PRAR_CUR1.read()).area
}

#[inline(always)]
fn result(errors: u32) -> Result<(), FlashError> {
    if errors == 0 { Ok(()) } else { Err(FlashError(errors)) }
}

/// The option bytes in force: OPTSR, PRAR, SCAR, WPSN, BOOT, OPTSR2.
#[inline(always)]
pub fn options() -> [u32; 6] {
    [OPTSR_CUR, PRAR_CUR1, SCAR_CUR1, WPSN_CUR1, BOOT_CUR, OPTSR2_CUR].map(|register| register.read())
}
