//! CRYP: AES-128 in counter mode.

use crate::rcc::{self, Block};
use crate::reg::{Ro, Rw, Wo};

const BASE: u32 = 0x4802_0800;
const CR: Rw = Rw::at(BASE);
const SR: Ro = Ro::at(BASE + 0x004);
const DIN: Wo = Wo::at(BASE + 0x008);
const DOUT: Ro = Ro::at(BASE + 0x00C);
/// K2LR: the most significant of the four words of a key of 128 bits.
const KEY: u32 = BASE + 0x030;
/// IV0LR: the most significant of the four words of the counter.
const COUNTER: u32 = BASE + 0x040;

const CTR: u32 = 6 << 3;
const BYTES: u32 = 2 << 6;
const FFLUSH: u32 = 1 << 14;
const CRYPEN: u32 = 1 << 15;
/// SR: output FIFO not empty.
const OFNE: u32 = 1 << 2;
/// SR: a block is in the core.
const BUSY: u32 = 1 << 4;

const BLOCK: usize = 16;

/// XORs `data` with AES-128 in counter mode as images have it: the counter block is the number of the block from the start of
/// the payload, big-endian; `offset` is that of `data` from there, of any alignment.
pub fn aes128_ctr(key: &[u8; 16], offset: u32, data: &mut [u8]) {
    rcc::enable(Block::Cryp);
    CR.write(CTR | BYTES);
    for (place, bytes) in (KEY..).step_by(4).zip(key.as_chunks::<4>().0) {
        Wo::at(place).write(u32::from_be_bytes(*bytes));
    }
    for (place, word) in (COUNTER..).step_by(4).zip([0, 0, 0, offset / BLOCK as u32]) {
        Wo::at(place).write(word);
    }
    CR.write(CTR | BYTES | FFLUSH);
    CR.write(CTR | BYTES | CRYPEN);
    // The part of the first block that is before `offset`.
    let skip = offset as usize % BLOCK;
    let first = if skip == 0 { 0 } else { (BLOCK - skip).min(data.len()) };
    let (head, tail) = data.split_at_mut_checked(first).unwrap_or_default();
    if !head.is_empty() {
        partial(head, skip);
    }
    let (blocks, rest) = tail.as_chunks_mut::<BLOCK>();
    for block in blocks {
        // Written out: the loop around a word costs as much as the word.
        let ([a, b, c, d], _) = block.as_chunks_mut::<4>() else { break };
        DIN.write(u32::from_le_bytes(*a));
        DIN.write(u32::from_le_bytes(*b));
        DIN.write(u32::from_le_bytes(*c));
        DIN.write(u32::from_le_bytes(*d));
        // One look for the block: all of it is there when the core is done.
        while SR.read() & (OFNE | BUSY) != OFNE {}
        *a = DOUT.read().to_le_bytes();
        *b = DOUT.read().to_le_bytes();
        *c = DOUT.read().to_le_bytes();
        *d = DOUT.read().to_le_bytes();
    }
    if !rest.is_empty() {
        partial(rest, 0);
    }
    // The reset erases the key.
    rcc::reset(Block::Cryp);
}

/// A part of a block, `skip` bytes behind its start.
#[inline(never)]
fn partial(data: &mut [u8], skip: usize) {
    let mut stream = [[0; 4]; 4];
    for _ in 0..stream.len() {
        DIN.write(0);
    }
    for word in &mut stream {
        while !SR.any(OFNE) {}
        *word = DOUT.read().to_le_bytes();
    }
    for (byte, stream) in data.iter_mut().zip(stream.iter().flatten().skip(skip)) {
        *byte ^= stream;
    }
}
