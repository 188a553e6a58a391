//! MCE: memory encryption in front of an XSPI, in block mode with the position as tweak.
//!
//! Block and not stream mode: an update is written over an older image at the same addresses, and two texts under one key
//! stream would give away their difference. Blocks are 16 bytes and are written whole.

use crate::reg::{Ro, Rw, Wo};
use ironroot_layout::{Region, Size};

const BASE: u32 = 0x5200_B800;
const STRIDE: u32 = 0x400;
const BREN: u32 = 1 << 0;
const BLOCK_CIPHER: u32 = 2 << 14;
const WREN: u32 = 1 << 16;
const GLOCK: u32 = 1 << 0;
const MKVALID: u32 = 1 << 0;
const ENCDIS: u32 = 1 << 4;
const PATIENCE: u32 = 100_000;

/// Unit in which regions begin and end.
pub const PAGE: Size = Size::kib(4);
/// What is encrypted as one.
pub const BLOCK: usize = 16;

/// One of the engines.
#[derive(Clone, Copy)]
pub struct Mce(u32);

impl Mce {
    /// The engine in front of XSPI `number`, 0 or 1.
    pub const fn of_xspi(number: usize) -> Self {
        Self(if number == 0 { BASE } else { BASE + STRIDE })
    }

    /// Sets the key and the one region that is encrypted: whole pages of the window. `None` if the engine does not take the
    /// key, or is not there.
    pub fn protect(self, region: Region, key: [u32; 4]) -> Option<()> {
        if !region.start().is_aligned(PAGE) || !region.size().is_multiple_of(PAGE) {
            return None;
        }
        let at = |offset| self.0 + offset;
        Wo::at(at(0x40)).write(0);
        for (offset, word) in (0..).step_by(4).zip(key) {
            Wo::at(at(0x200 + offset)).write(word);
        }
        let status = Ro::at(at(0x004));
        let mut looks = 0;
        while !status.any(MKVALID) {
            looks += 1;
            if looks > PATIENCE {
                return None;
            }
        }
        if status.any(ENCDIS) {
            return None;
        }
        let (start, last) = (region.start().value(), region.end().value().wrapping_sub(1));
        Wo::at(at(0x44)).write(start);
        Wo::at(at(0x48)).write(last);
        Wo::at(at(0x4C)).write(WREN);
        let control = Rw::at(at(0x40));
        control.write(BREN | BLOCK_CIPHER);
        (control.read() & (BREN | 0b11 << 14) == BREN | BLOCK_CIPHER).then_some(())
    }

    /// Forbids writes: the application may run from there, and updates are made by boot stages.
    pub fn forbid_writes(self) {
        Wo::at(self.0 + 0x4C).write(0);
    }

    /// Freezes everything until reset.
    pub fn lock(self) {
        Wo::at(self.0).write(GLOCK);
    }
}
