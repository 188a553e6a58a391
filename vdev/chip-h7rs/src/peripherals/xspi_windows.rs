//! The windows of the external memories: XSPI and MCE between the bus and the chips on the board.
//!
//! A read goes to the memory, then through MCE; a write the other way. In the block modes a narrower write than 16 bytes changes the whole
//! stored block: of a RAM it is read, changed and written back at once; for a flash, whose cells cannot be written twice, MCE holds
//! the block until its 16 bytes are there, or until something else comes (then the rest is what the memory had).

use ironroot_chip::peripherals::octospi::Effect;
use ironroot_chip::peripherals::registers::Written;
use ironroot_chip::supply::Supply;
use ironroot_cpu::bus::{Access, BusFault};

use super::mce::{Mce, Writes};
use super::mce_cipher::{BLOCK, Block, Cipher};
use super::xspi::{ExternalMemory, Xspi, Xspim};

/// Where the windows are, by number: XSPI1, XSPI2.
pub const WINDOWS: [u32; 2] = [0x9000_0000, 0x7000_0000];
const OFFSET: u32 = 0x0FFF_FFFF;

/// A block on its way through MCE to a flash.
#[derive(Clone, Debug)]
struct Pending {
    block: u32,
    plain: Block,
    /// Which of its bytes are there.
    given: u16,
    access: Access,
    core_hz: u64,
}

/// The external memories with everything in front of them. Index 0 is XSPI1 with MCE1, 1 is XSPI2 with MCE2; MCE3 is that of FMC, where
/// nothing is modelled.
#[derive(Clone, Debug)]
pub struct ExternalBus {
    /// The interfaces.
    pub xspi: [Xspi; 2],
    /// The port manager.
    pub xspim: Xspim,
    /// The cipher engines.
    pub mce: [Mce; 3],
    /// The memories.
    pub memory: [ExternalMemory; 2],
    has_mce: bool,
    pending: [Option<Pending>; 2],
}

impl ExternalBus {
    /// Everything in reset state. `has_mce`: false for the STM32H7R, where the windows are always plain.
    pub fn new(memory: [ExternalMemory; 2], has_mce: bool) -> Self {
        ExternalBus {
            xspi: Default::default(),
            xspim: Xspim::default(),
            mce: [Mce::new(Cipher::Aes), Mce::new(Cipher::Noekeon), Mce::new(Cipher::Noekeon)],
            memory,
            has_mce,
            pending: [None, None],
        }
    }

    /// A system reset: the registers. What is on its way is lost; what the memories are doing goes on.
    pub fn reset(&mut self) {
        self.xspi.iter_mut().for_each(Xspi::reset);
        self.xspim.reset();
        self.mce.iter_mut().for_each(Mce::reset);
        self.pending = [None, None];
    }

    /// Power goes and comes back; `seed` decides what running operations leave and what RAM holds.
    pub fn power_on(&mut self, seed: u64) {
        self.reset();
        for (number, memory) in (0..).zip(&mut self.memory) {
            memory.power_on(seed.wrapping_add(number));
        }
    }

    /// Number of the window at an address.
    pub fn locate(address: u32) -> Option<usize> {
        WINDOWS.iter().position(|window| address & !OFFSET == *window)
    }

    /// An XSPI's register; `None` for an offset without a register. `width` is that of the access: DR gives so many bytes.
    pub fn read_xspi(&mut self, number: usize, offset: u32, width: u32) -> Option<u32> {
        self.xspi.get_mut(number)?.read(offset, width, self.memory.get(number)?)
    }

    /// Writes an XSPI's register.
    pub fn write_xspi(
        &mut self,
        number: usize,
        offset: u32,
        written: Written,
        now: u64,
        core_hz: u64,
    ) -> Effect {
        self.flush(number, now);
        match (self.xspi.get_mut(number), self.memory.get_mut(number)) {
            (Some(xspi), Some(memory)) => xspi.write(offset, written, memory, now, core_hz),
            _ => Effect::Unknown,
        }
    }

    /// An MCE's register; `None` for an offset without a register and on parts without MCE.
    pub fn read_mce(&self, number: usize, offset: u32, privileged: bool) -> Option<u32> {
        self.mce.get(number).filter(|_| self.has_mce)?.read(offset, privileged)
    }

    /// Writes an MCE's register. False for an offset without a register and on parts without MCE.
    pub fn write_mce(&mut self, number: usize, offset: u32, written: Written, access: &Access) -> bool {
        // What was written before goes by what was set before.
        self.flush(number, access.now);
        let mce = self.mce.get_mut(number).filter(|_| self.has_mce);
        mce.is_some_and(|mce| mce.write(offset, written, access.privileged))
    }

    /// Virtual time at which a memory ends an operation; `u64::MAX` for none.
    pub fn next_event(&self) -> u64 {
        self.memory.iter().map(ExternalMemory::next_event).min().unwrap_or(u64::MAX)
    }

    /// Ends the operations that are due.
    pub fn advance(&mut self, now: u64, supply: &mut Supply) {
        for ((memory, xspi), window) in self.memory.iter_mut().zip(&mut self.xspi).zip(WINDOWS) {
            if memory.next_event() <= now {
                memory.advance(window, now, supply);
                xspi.poll(memory);
            }
        }
    }

    /// Reads or fetches at a bus address in a window. A fault if its interface does not answer.
    pub fn read_window(&mut self, address: u32, access: &Access) -> Result<u32, BusFault> {
        let number = Self::locate(address).ok_or(BusFault)?;
        self.flush(number, access.now);
        let (Some(xspi), Some(memory), Some(mce)) =
            (self.xspi.get_mut(number), self.memory.get_mut(number), self.mce.get_mut(number))
        else {
            return Err(BusFault);
        };
        if !xspi.take_mapped(address & OFFSET) {
            return Err(BusFault);
        }
        let through = mce.read_through(address, access, |block| {
            let mut bytes = [0; BLOCK];
            xspi.read_mapped(block & OFFSET, &mut bytes, memory, access.now);
            bytes
        });
        Ok(through.unwrap_or_else(|| {
            let mut bytes = [0; 4];
            if let Some(bytes) = bytes.get_mut(..access.size.bytes() as usize) {
                xspi.read_mapped(address & OFFSET, bytes, memory, access.now);
            }
            u32::from_le_bytes(bytes)
        }))
    }

    /// Writes at a bus address in a window. False: the bytes are lost, because WIR is no command that writes or MCE refuses. A fault
    /// if its interface does not answer.
    pub fn write_window(
        &mut self,
        address: u32,
        value: u32,
        access: &Access,
        core_hz: u64,
    ) -> Result<bool, BusFault> {
        let number = Self::locate(address).ok_or(BusFault)?;
        let (Some(xspi), Some(mce)) = (self.xspi.get_mut(number), self.mce.get_mut(number)) else {
            return Err(BusFault);
        };
        if !xspi.take_mapped(address & OFFSET) {
            return Err(BusFault);
        }
        let value = value.to_le_bytes();
        let bytes = value.get(..access.size.bytes() as usize).unwrap_or(&value);
        let block = address & !(BLOCK as u32 - 1);
        let place = (address - block) as usize..(address - block) as usize + bytes.len();
        Ok(match mce.admit_write(address, access) {
            None => false,
            Some(Writes::Plain) => self.store(number, address, bytes, access.now, core_hz),
            Some(Writes::Stream) => {
                let mut plain = [0; BLOCK];
                if let Some(room) = plain.get_mut(place.clone()) {
                    room.copy_from_slice(bytes);
                }
                let stored = mce.encrypt(block, access, plain);
                let stored = stored.get(place).unwrap_or(&[]);
                self.store(number, address, stored, access.now, core_hz)
            }
            Some(Writes::Block) => self.store_in_block(number, block, place, bytes, access, core_hz),
        })
    }

    /// A write in a block mode.
    fn store_in_block(
        &mut self,
        number: usize,
        block: u32,
        place: std::ops::Range<usize>,
        bytes: &[u8],
        access: &Access,
        core_hz: u64,
    ) -> bool {
        let held = matches!(self.pending.get(number), Some(Some(pending)) if pending.block == block);
        if !held {
            self.flush(number, access.now);
        }
        let Some(slot) = self.pending.get_mut(number) else { return false };
        let pending = slot.get_or_insert_with(|| Pending {
            block,
            plain: [0; BLOCK],
            given: 0,
            access: *access,
            core_hz,
        });
        if let Some(room) = pending.plain.get_mut(place.clone()) {
            room.copy_from_slice(bytes);
        }
        pending.given |= place.fold(0, |bits, index| bits | 1 << index);
        let holds = matches!(self.memory.get(number), Some(ExternalMemory::Nor { .. }));
        if pending.given == u16::MAX || !holds { self.flush(number, access.now) } else { true }
    }

    /// Sends the block that MCE holds to its memory. False if the bytes are lost.
    fn flush(&mut self, number: usize, now: u64) -> bool {
        let Some(pending) = self.pending.get_mut(number).and_then(Option::take) else { return true };
        let (Some(mce), Some(memory)) = (self.mce.get_mut(number), self.memory.get(number)) else {
            return false;
        };
        let mut plain = pending.plain;
        if pending.given != u16::MAX {
            let mut stored = [0; BLOCK];
            memory.read_mapped(pending.block & OFFSET, &mut stored);
            let before = mce.decrypt(pending.block, &pending.access, stored);
            for (index, (byte, before)) in plain.iter_mut().zip(before).enumerate() {
                if pending.given >> index & 1 == 0 {
                    *byte = before;
                }
            }
        }
        let stored = mce.encrypt(pending.block, &pending.access, plain);
        self.store(number, pending.block, &stored, now, pending.core_hz)
    }

    /// Bytes to the memory, as they are.
    fn store(&mut self, number: usize, address: u32, bytes: &[u8], now: u64, core_hz: u64) -> bool {
        match (self.xspi.get_mut(number), self.memory.get_mut(number)) {
            (Some(xspi), Some(memory)) => xspi.write_mapped(address & OFFSET, bytes, memory, now, core_hz),
            _ => false,
        }
    }
}
