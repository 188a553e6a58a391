//! The external RAM: a serial PSRAM in its window. What encrypts it is the stage's business.

use crate::window::Window;
use crate::xspi::Xspi;
use ironroot_layout::Region;

/// 2 to the power of this is the part of it that 24-bit addresses reach.
pub const BITS: u32 = 24;
const READ: u32 = 0x03;
const WRITE: u32 = 0x02;

/// Words that a bus without memory does not show by itself.
const PATTERN: [u8; 8] = [0x3C, 0xA5, 0x5A, 0xC3, 0x96, 0x69, 0xF0, 0x0F];

/// Opens the window of the RAM at interface `number` (0: XSPI1), and leaves it open. `None` if the first and the last bytes of
/// `region`, a part of it, do not keep what is written.
pub fn open(number: usize, region: Region) -> Option<()> {
    let window = Window::new(region)?;
    Xspi::open(number, BITS, READ, WRITE)?.map();
    let last = region.size().bytes().checked_sub(PATTERN.len() as u32)?;
    for offset in [0, last] {
        window.write(offset, &PATTERN)?;
    }
    for offset in [0, last] {
        let mut found = [0; PATTERN.len()];
        window.read(offset, &mut found)?;
        if found != PATTERN {
            return None;
        }
    }
    Some(())
}
