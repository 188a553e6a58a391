//! RAM ECC monitors, and the handle that the application takes them over by.
//!
//! The handle is an array of five structures of ST's HAL (RAMECC_HandleTypeDef: instance, state, error code), so that an
//! application built on it finds its monitors initialised; they must be set up in one place only.

use crate::memory::RAM_ECC;
use crate::reg::{Rw, Wo};

/// Control registers of the monitors, in the order of the handles: AXI SRAM1, both halves of DTCM, AXI SRAM3, backup SRAM.
pub const MONITORS: [u32; 5] = [0x5200_9020, 0x5200_9060, 0x5200_9080, 0x5200_90A0, 0x5802_7040];

const ECCELEN: u32 = 1 << 5;
const READY: u32 = 1;
/// Words of a handle.
const HANDLE: u32 = 3;

/// Makes the monitors keep where an error was, with no error pending, and fills the handles.
pub fn start() {
    for (number, monitor) in (0..).zip(MONITORS) {
        Wo::at(monitor + 4).write(0);
        Rw::at(monitor).modify(0, ECCELEN);
        RAM_ECC.write(HANDLE * number, monitor);
        RAM_ECC.write(HANDLE * number + 1, READY);
        RAM_ECC.write(HANDLE * number + 2, 0);
    }
    RAM_ECC.write(15, 0);
}
