//! A serial RAM (PSRAM) behind an XSPI: what is written is there at once, and gone without power.
//!
//! Commands are those of the octal PSRAMs of ST's boards (reads 0x00, 0x20, 0x40; writes 0x80, 0xA0, 0xC0; reset 0xFF) and those of
//! quad PSRAMs (0x03, 0x0B, 0xEB, 0x02, 0x38). Mode registers are not kept: writing them has no effect and they read 0.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ironroot_chip::nor::{Does, SerialMemory};
use ironroot_chip::supply::SplitMix;

/// Bytes of the RAM on the boards that the model knows: 32 MB.
pub const SIZE: u32 = 32 * 1024 * 1024;
/// What is kept, shared and copied in one piece.
const BLOCK: usize = 4096;

type Block = Arc<[u8; BLOCK]>;

/// The RAM. Blocks that were never written take no room; copies share their blocks.
#[derive(Clone, Debug)]
pub struct ExternalRam {
    blocks: Vec<Option<Block>>,
    /// Decides what blocks hold that were not written since power came.
    seed: u64,
}

impl Hash for ExternalRam {
    /// Block numbers and bytes of what was written.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.seed.hash(state);
        for (number, block) in self.blocks.iter().enumerate() {
            if let Some(block) = block {
                (number, block).hash(state);
            }
        }
    }
}

/// (opcode, what it does). The address always has 4 bytes (octal) or 3 (quad); that is not checked.
const OPCODES: &[(u32, Does)] = &[
    (0x00, Does::ReadData),
    (0x02, Does::Store),
    (0x03, Does::ReadData),
    (0x0B, Does::ReadData),
    (0x20, Does::ReadData),
    (0x38, Does::Store),
    (0x40, Does::ReadId),
    (0x66, Does::Nothing),
    (0x80, Does::Store),
    (0x99, Does::Nothing),
    (0xA0, Does::Store),
    (0xC0, Does::Nothing),
    (0xEB, Does::ReadData),
    (0xFF, Does::Nothing),
];

impl ExternalRam {
    /// A RAM of `size` bytes, rounded up to whole blocks of 4 KB.
    pub fn new(size: u32) -> Self {
        ExternalRam { blocks: vec![None; (size as usize).div_ceil(BLOCK)], seed: 0 }
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// Power went and came back: the content is random, by `seed`.
    pub fn power_on(&mut self, seed: u64) {
        self.blocks.fill(None);
        self.seed = seed;
    }

    /// What a block holds that was never written: silicon holds noise, and a stage that relies on zeros must fail here too.
    fn noise(&self, block: usize) -> [u8; BLOCK] {
        let mut random = SplitMix(self.seed ^ (block as u64).rotate_left(32));
        let mut bytes = [0; BLOCK];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&random.next().to_le_bytes());
        }
        bytes
    }

    /// Fills `bytes` from `offset` on. Addresses wrap at the end of the RAM.
    pub fn read(&self, offset: u32, bytes: &mut [u8]) {
        let mut at = offset as usize;
        let mut left = bytes;
        while !left.is_empty() && !self.blocks.is_empty() {
            at %= self.size();
            let count = left.len().min(BLOCK - at % BLOCK);
            let (now, later) = left.split_at_mut(count);
            let place = at % BLOCK..at % BLOCK + count;
            match self.blocks.get(at / BLOCK) {
                Some(Some(block)) => now.copy_from_slice(block.get(place).unwrap_or(&[])),
                _ => now.copy_from_slice(self.noise(at / BLOCK).get(place).unwrap_or(&[])),
            }
            at += count;
            left = later;
        }
    }

    /// Stores bytes from `offset` on. Addresses wrap at the end of the RAM.
    pub fn write(&mut self, offset: u32, bytes: &[u8]) {
        let (mut at, mut left) = (offset as usize, bytes);
        while !left.is_empty() && !self.blocks.is_empty() {
            at %= self.size();
            let (now, later) = left.split_at(left.len().min(BLOCK - at % BLOCK));
            let place = at % BLOCK..at % BLOCK + now.len();
            if matches!(self.blocks.get(at / BLOCK), Some(None)) {
                let noise = Arc::new(self.noise(at / BLOCK));
                if let Some(block) = self.blocks.get_mut(at / BLOCK) {
                    *block = Some(noise);
                }
            }
            if let Some(Some(block)) = self.blocks.get_mut(at / BLOCK)
                && let Some(room) = Arc::make_mut(block).get_mut(place)
            {
                room.copy_from_slice(now);
            }
            at += now.len();
            left = later;
        }
    }
}

impl SerialMemory for ExternalRam {
    fn meaning(&self, code: u32, _address: u32) -> Option<Does> {
        // Octal memories take an instruction of two bytes, twice the same.
        let code = if code >> 8 == code & 0xFF { code & 0xFF } else { code };
        OPCODES.iter().find(|(known, _)| *known == code).map(|(_, does)| *does)
    }

    fn status(&self) -> u8 {
        0
    }

    fn take(&mut self, does: Does, address: u32, data: &[u8], _now: u64, _core_hz: u64) {
        if does == Does::Store {
            self.write(address, data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_crosses_blocks_and_wraps_at_the_end() {
        let mut ram = ExternalRam::new(2 * BLOCK as u32);
        ram.write(2 * BLOCK as u32 - 2, &[1, 2, 3, 4]);
        let mut read = [0; 4];
        ram.read(2 * BLOCK as u32 - 2, &mut read);
        assert_eq!(read, [1, 2, 3, 4]);
        ram.read(0, &mut read[..2]);
        assert_eq!(read[..2], [3, 4]);
    }

    #[test]
    fn power_takes_the_content_and_leaves_noise() {
        let mut ram = ExternalRam::new(SIZE);
        ram.write(0x1000, &[0; 64]);
        let copy = ram.clone();
        ram.power_on(7);
        let mut read = [0; 64];
        ram.read(0x1000, &mut read);
        assert!(read.iter().any(|byte| *byte != 0));
        let mut again = [0; 64];
        ram.read(0x1000, &mut again);
        assert_eq!(read, again, "noise does not change between reads");
        copy.read(0x1000, &mut again);
        assert_eq!(again, [0; 64], "a copy keeps its own");
    }
}
