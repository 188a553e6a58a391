//! RSS control: how our ROM talks to the protection hardware.
//!
//! ST does not publish how its ROM closes areas. This block is Ironroot's model of it: four registers at a free
//! address of the flash interface's space, honoured only for instructions that lie inside the open RSS part
//! or RSS library (others read 0, and their writes are ignored). The virtual chip implements it; on silicon the
//! ROM is ST's and this block does not exist.

use crate::reg::{Ro, Wo};
use ironroot_layout::stm32h735::rss::JTAG_ENABLE;

const BASE: u32 = 0x5200_2F00;
const BOOTR: Ro = Ro::at(BASE);
const HANDOVER: Wo = Wo::at(BASE + 0x04);
const EXIT: Wo = Wo::at(BASE + 0x08);
const DEBUG: Wo = Wo::at(BASE + 0x0C);

/// "RSSH": the value that arms the closing of the RSS part.
const HANDOVER_KEY: u32 = 0x4852_5353;
/// "TIXE": the value that closes the secure user area.
const EXIT_KEY: u32 = 0x4558_4954;

/// Level of the BOOT0 pin.
const BOOT0: u32 = 1 << 0;
/// A power-on reset happened: RAM holds nothing.
const POWER_ON: u32 = 1 << 1;

/// What a reset tells RSS.
#[derive(Clone, Copy)]
pub struct BootState {
    /// BOOT0 pin is high.
    pub boot0: bool,
    /// RAM contents did not survive.
    pub power_on: bool,
}

/// Reads the state of the boot pin and the kind of reset.
#[inline(always)]
pub fn boot_state() -> BootState {
    let bits = BOOTR.read();
    BootState { boot0: bits & BOOT0 != 0, power_on: bits & POWER_ON != 0 }
}

/// Arms the closing of the RSS part: it closes with the first instruction fetched outside of it.
#[inline(always)]
pub fn arm_handover() {
    HANDOVER.write(HANDOVER_KEY);
}

/// Closes the secure user area at once, and the RSS library with the first instruction fetched outside of it.
#[inline(always)]
pub fn exit_area() {
    EXIT.write(EXIT_KEY);
}

/// Opens debug access until the next reset. Honoured only after [`exit_area`] in the same run of library code.
#[inline(always)]
pub fn open_debug() {
    DEBUG.write(JTAG_ENABLE);
}
