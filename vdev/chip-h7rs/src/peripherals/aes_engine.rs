//! What SAES and CRYP have in common: an AES key, a chaining mode with its initialisation vector, and the word order of their registers.
//!
//! Blocks and keys are big-endian sequences of words. Only the chaining (one XOR a block, a 32-bit counter) is written here, as the
//! registers show it block by block; AES is the library's.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};

/// Four words, the most significant first.
pub type Block = [u32; 4];

/// DATATYPE: 0 words as they are, 1 half words, 2 bytes, 3 bits swapped.
pub fn swap(word: u32, kind: u32) -> u32 {
    match kind & 3 {
        0 => word,
        1 => word.rotate_left(16),
        2 => word.swap_bytes(),
        _ => word.reverse_bits(),
    }
}

/// How blocks are chained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chaining {
    /// Electronic code book.
    Ecb,
    /// Cipher block chaining.
    Cbc,
    /// Counter; the counter is the last word.
    Ctr,
}

impl Chaining {
    /// Whether decryption runs AES backwards, for which the key has to be prepared.
    pub fn inverts(self) -> bool {
        self != Chaining::Ctr
    }
}

/// Encrypts or decrypts one block and moves `vector` on. `key`: 16, 24 or 32 bytes; `None` for another length.
pub fn process(
    key: &[u8],
    chaining: Chaining,
    decrypt: bool,
    vector: &mut Block,
    input: Block,
) -> Option<Block> {
    Some(match (chaining, decrypt) {
        (Chaining::Ecb, _) => aes(key, input, decrypt)?,
        (Chaining::Cbc, false) => {
            *vector = aes(key, xor(input, *vector), false)?;
            *vector
        }
        (Chaining::Cbc, true) => {
            let plain = xor(aes(key, input, true)?, *vector);
            *vector = input;
            plain
        }
        (Chaining::Ctr, _) => {
            let stream = aes(key, *vector, false)?;
            vector[3] = vector[3].wrapping_add(1);
            xor(input, stream)
        }
    })
}

fn xor(a: Block, b: Block) -> Block {
    std::array::from_fn(|index| a[index] ^ b[index])
}

fn aes(key: &[u8], input: Block, decrypt: bool) -> Option<Block> {
    let mut bytes = [0; 16];
    for (place, word) in bytes.chunks_exact_mut(4).zip(input) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    let mut block = bytes.into();
    macro_rules! with {
        ($cipher:ty) => {{
            let cipher = <$cipher>::new_from_slice(key).ok()?;
            if decrypt { cipher.decrypt_block(&mut block) } else { cipher.encrypt_block(&mut block) }
        }};
    }
    match key.len() {
        16 => with!(Aes128),
        24 => with!(Aes192),
        32 => with!(Aes256),
        _ => return None,
    }
    let bytes: [u8; 16] = block.into();
    let mut output = [0; 4];
    for (word, place) in output.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = place.try_into().map_or(0, u32::from_be_bytes);
    }
    Some(output)
}

/// A key's bytes from its words, the most significant first.
pub fn key_bytes(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}
