//! The STM32H735's connector (debug.md 2 to 4).

use ironroot_chip::{DebugRefusal, Stm32h735};

use super::SwjPort;

/// IDCODE of the boundary-scan TAP: part 0x483 with ST's manufacturer code (the upper digits are unverified).
const BOUNDARY_SCAN: u32 = 0x0648_3041;
/// The debug peripheral bus as access port 2 sees it, and as the system bus does.
const DEBUG_BUS: u32 = 0xE00E_0000;
const SYSTEM_BUS: u32 = 0x5C00_0000;
const DEBUG_BUS_SIZE: u32 = 0x2_0000;

impl SwjPort for Stm32h735 {
    fn is_jtag_dead(&self) -> bool {
        matches!(self.debug_state(), Err(DebugRefusal::Disabled))
    }

    fn is_debug_open(&self) -> bool {
        self.debug_state().is_ok()
    }

    fn boundary_scan_id(&self) -> u32 {
        BOUNDARY_SCAN
    }

    fn debug_bus_address(&self, address: u32) -> Option<u32> {
        let offset = address.checked_sub(DEBUG_BUS).filter(|offset| *offset < DEBUG_BUS_SIZE)?;
        Some(SYSTEM_BUS + offset)
    }
}
