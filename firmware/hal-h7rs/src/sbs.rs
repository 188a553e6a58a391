//! System configuration: hide protection level, and the word between STiRoT and iLoader that survives a reset.

use crate::flash;
use crate::reg::{Ro, Rw, Wo};
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};

const BASE: u32 = 0x5800_0400;
const BOOTSR: Ro = Ro::at(BASE);
const HDPLCR: Wo = Wo::at(BASE + 0x010);
const HDPLSR: Ro = Ro::at(BASE + 0x014);
const DBGCR: Ro = Ro::at(BASE + 0x020);
const RSSCMDR: Rw = Rw::at(BASE + 0x034);

/// The level now. What is no level counts as the highest.
#[inline(always)]
pub fn level() -> Hdpl {
    Hdpl::from_bits(HDPLSR.read() as u8)
}

/// Raises the level by one. What the level hides is gone with the next access: the caller must not lie in it.
#[inline(always)]
pub fn raise_level() {
    HDPLCR.write(Hdpl::INCREMENT as u32);
}

/// The vector address that the boot used last.
#[inline(always)]
pub fn boot_vectors() -> u32 {
    BOOTSR.read()
}

/// AP_UNLOCK and DBG_UNLOCK of DBGCR, each of which must have this value for an open port.
pub const UNLOCKED: u8 = 0xB4;

/// Whether no debugger reaches this device: its state closes the port, and nobody opened it since by debug authentication.
pub fn debug_is_closed() -> bool {
    let [port, debug, ..] = DBGCR.read().to_le_bytes();
    let closes = matches!(flash::product_state(), ProductState::Closed | ProductState::Locked);
    closes && !(port == UNLOCKED && debug == UNLOCKED)
}

/// What STiRoT and iLoader tell each other.
#[inline(always)]
pub fn command() -> u16 {
    RSSCMDR.read() as u16
}

/// Sets it.
#[inline(always)]
pub fn set_command(value: u16) {
    RSSCMDR.write(u32::from(value));
}
