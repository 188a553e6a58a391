//! AES-128 in counter mode as images have it, by the crate `aes` (bit-sliced: no table, so nothing for a cache to tell).

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};

/// XORs `data` with the key stream; `offset` is that of `data` from the start of the payload, of any alignment. The counter
/// block is the number of the block, big-endian, beginning with zero.
pub fn aes128_ctr(key: &[u8; 16], offset: u32, data: &mut [u8]) {
    let cipher = Aes128::new(&(*key).into());
    let mut counter = offset / 16;
    let mut skip = offset as usize % 16;
    let mut rest = data.iter_mut();
    while rest.len() != 0 {
        // Two at a time: the bit-sliced form always computes two.
        let mut blocks = [Block::default(); 2];
        for block in &mut blocks {
            for (to, from) in block.iter_mut().skip(12).zip(counter.to_be_bytes()) {
                *to = from;
            }
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(&mut blocks);
        // The stream first: a `zip` takes from its first side before it knows whether the second has something.
        for (stream, byte) in blocks.iter().flatten().skip(skip).zip(&mut rest) {
            *byte ^= stream;
        }
        skip = 0;
    }
}
