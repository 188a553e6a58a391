//! External flash at the two OCTOSPI windows: the memory on the board, and the way of an access through OCTOSPI and OTFDEC.
//!
//! These windows are never mapped into the core's fast path ([`crate::map::Regions`] does not know them): what a read gives
//! depends on its kind and on registers, and no decrypted byte may stay where another access finds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironroot_cpu::bus::{Access, BusFault};
use ironroot_layout::stm32h735::{ERASED, OCTOSPI1, OCTOSPI2};
use ironroot_layout::{Address, Region};

use crate::chip::Stm32h735;
use crate::map::block_at;
use crate::nor::{self, SerialNor};
use crate::warnings::Reason;

/// Bytes of each external flash.
pub const SIZE: u32 = 16 * 1024 * 1024;
/// What is kept in one piece.
pub const BLOCK: usize = 4096;

/// A window: where it is, and the register blocks of its interface and of its decryption.
pub(crate) struct Window {
    pub region: Region,
    pub octospi: u32,
    pub otfdec: u32,
}

/// The windows, by number.
pub(crate) const WINDOWS: [Window; 2] = [
    Window { region: OCTOSPI1, octospi: 0x5200_5000, otfdec: 0x5200_B800 },
    Window { region: OCTOSPI2, octospi: 0x5200_A000, otfdec: 0x5200_BC00 },
];

/// Number and offset of an address in a window.
pub(crate) fn locate(address: u32) -> Option<(usize, u32)> {
    // Both windows, and nothing else of this part, begin with these.
    if !matches!(address >> 28, 7 | 9) {
        return None;
    }
    let window = WINDOWS.iter().position(|window| window.region.contains(Address::new(address)))?;
    Some((window, address & 0x0FFF_FFFF))
}

/// A flash memory chip. Erased blocks take no room; copies share their blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExternalFlash {
    blocks: Arc<BTreeMap<u32, Arc<Vec<u8>>>>,
}

impl ExternalFlash {
    /// The byte at `offset`; erased beyond the end.
    pub fn byte(&self, offset: u32) -> u8 {
        let place = offset as usize;
        let block = self.blocks.get(&((place / BLOCK) as u32));
        block.and_then(|block| block.get(place % BLOCK)).copied().unwrap_or(ERASED)
    }

    /// Fills `bytes` with what is stored from `offset` on; erased beyond the end.
    pub fn read(&self, offset: u32, bytes: &mut [u8]) {
        let place = offset as usize;
        // Bus accesses and cipher blocks lie in one block: one look-up.
        if place % BLOCK + bytes.len() <= BLOCK {
            match self.blocks.get(&((place / BLOCK) as u32)) {
                Some(block) => {
                    if let Some(stored) = block.get(place % BLOCK..place % BLOCK + bytes.len()) {
                        bytes.copy_from_slice(stored);
                    }
                }
                None => bytes.fill(ERASED),
            }
            return;
        }
        for (at, byte) in (offset..).zip(bytes) {
            *byte = self.byte(at);
        }
    }

    /// Replaces bytes, as a programmer for the bare chip does. False if they do not fit.
    pub fn load(&mut self, offset: u32, bytes: &[u8]) -> bool {
        let end = (offset as usize).checked_add(bytes.len());
        if end.is_none_or(|end| end > SIZE as usize) {
            return false;
        }
        let mut left = bytes.iter();
        self.change(offset, bytes.len() as u32, |old| left.next().copied().unwrap_or(old));
        true
    }

    /// Programs bytes, each at its offset: bits can be cleared, not set. What lies beyond the end is ignored.
    pub fn program(&mut self, bytes: impl IntoIterator<Item = (u32, u8)>) {
        for (offset, byte) in bytes {
            self.change(offset, 1, |old| old & byte);
        }
    }

    /// Erases a range.
    pub fn erase(&mut self, offset: u32, size: u32) {
        self.change(offset, size, |_| ERASED);
    }

    /// Replaces each byte of a range by what `new` makes of it. What lies beyond the end is ignored.
    pub fn change(&mut self, offset: u32, size: u32, mut new: impl FnMut(u8) -> u8) {
        let (mut at, end) = (offset as usize, (offset.saturating_add(size) as usize).min(SIZE as usize));
        while at < end {
            let index = (at / BLOCK) as u32;
            let piece = at % BLOCK..BLOCK.min(at % BLOCK + (end - at));
            at += piece.len();
            let blocks = Arc::make_mut(&mut self.blocks);
            let block = blocks.entry(index).or_insert_with(|| Arc::new(vec![ERASED; BLOCK]));
            if let Some(piece) = Arc::make_mut(block).get_mut(piece) {
                piece.iter_mut().for_each(|byte| *byte = new(*byte));
            }
            // One content, one form: boards are compared.
            if block.iter().all(|&byte| byte == ERASED) {
                blocks.remove(&index);
            }
        }
    }

    /// Blocks that are not erased: number and [`BLOCK`] bytes.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = (u32, &[u8])> {
        self.blocks.iter().map(|(&index, block)| (index, block.as_slice()))
    }
}

impl Stm32h735 {
    /// The external flash at the window of `address`, for hosts that look into the model.
    pub fn external_flash(&self, address: u32) -> Option<&ExternalFlash> {
        self.external.get(locate(address)?.0)
    }

    /// Whether the interface of a window answers at an offset.
    fn check_window(&mut self, number: usize, offset: u32) -> Result<(), BusFault> {
        let window = WINDOWS.get(number).ok_or(BusFault)?;
        let clocked = block_at(window.octospi).is_some_and(|block| self.is_alive(block));
        let octospi = self.octospi.get_mut(number).ok_or(BusFault)?;
        if clocked && octospi.take_mapped(offset) {
            return Ok(());
        }
        octospi.transfer_error();
        self.settle();
        Err(BusFault)
    }

    /// Reads or fetches through a window.
    pub(crate) fn read_window(
        &mut self,
        (number, offset): (usize, u32),
        address: u32,
        access: &Access,
    ) -> Result<u32, BusFault> {
        self.check_window(number, offset)?;
        let (Some(flash), Some(otfdec)) = (self.external.get(number), self.otfdec.get_mut(number)) else {
            return Err(BusFault);
        };
        // A memory that is busy, or is asked with another command than a read, leaves the line high.
        let deaf = self.nor.get(number).is_some_and(SerialNor::is_busy)
            || self.octospi.get(number).is_some_and(|unit| nor::is_no_read(unit.instruction()));
        let mut stored = 0;
        for index in 0..access.size.bytes() {
            let byte = if deaf { ERASED } else { flash.byte(offset + index) };
            stored |= u32::from(byte) << (8 * index);
        }
        let before = otfdec.raised();
        let passed = otfdec.pass(address, access.size, access.kind, stored);
        let moved = otfdec.raised() != before;
        if let (Some(register), Some(window)) = (passed.enhanced, WINDOWS.get(number)) {
            let place = window.otfdec + register;
            let name = block_at(place).map(|block| block.name);
            self.warnings.add(place, access, name, Reason::EnhancedCipher);
        }
        // A read raises flags; code that runs from here fetches millions of times without.
        if moved {
            self.settle();
        }
        Ok(passed.value)
    }

    /// Writes through a window: only OTFDEC in encryption mode takes that.
    pub(crate) fn write_window(
        &mut self,
        (number, offset): (usize, u32),
        address: u32,
        value: u32,
        access: &Access,
    ) -> Result<(), BusFault> {
        self.check_window(number, offset)?;
        let taken =
            self.otfdec.get_mut(number).is_some_and(|otfdec| otfdec.take_write(address, access.size, value));
        if let (false, Some(window)) = (taken, WINDOWS.get(number)) {
            // One warning a window: the address would make one for each word.
            let base = window.region.start().value();
            self.warnings.add(base, access, Some("the external flash"), Reason::NotModelled);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erased_blocks_take_no_room_and_bounds_hold() {
        let mut flash = ExternalFlash::default();
        assert!(flash.load(BLOCK as u32 - 2, &[1, 2, 3, 4]));
        assert_eq!((flash.byte(BLOCK as u32), flash.byte(7), flash.blocks().len()), (3, ERASED, 2));
        assert!(flash.load(BLOCK as u32 - 2, &[ERASED; 4]));
        assert_eq!(flash, ExternalFlash::default());
        assert!(!flash.load(SIZE - 1, &[0, 0]) && !flash.load(u32::MAX, &[0]));
        assert_eq!(flash.byte(u32::MAX), ERASED);
    }

    #[test]
    fn the_windows_are_those_of_the_layout() {
        assert_eq!(locate(0x9000_0010), Some((0, 0x10)));
        assert_eq!(locate(0x7FFF_FFFF), Some((1, 0x0FFF_FFFF)));
        for address in [0x6FFF_FFFF, 0x8000_0000, 0x8FFF_FFFF, 0xA000_0000, 0] {
            assert_eq!(locate(address), None);
        }
    }
}
