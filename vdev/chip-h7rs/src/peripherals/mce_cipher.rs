//! What MCE computes in this model. ST publishes none of it: ciphertext of silicon cannot be read here, nor the reverse. The page
//! `docs/mce-model.md` says byte by byte what follows.
//!
//! - Stream: the counter format of OTFDEC (which is known), with the cipher context's key, nonce and version. The context takes the
//!   place of the region.
//! - Block and fast block: XTS-AES-128 (IEEE 1619) with data units of 16 bytes, numbered by bus address / 16. Data key and tweak key
//!   come from the master key, so that the four engines (block and fast block of each cipher) never share a key stream.
//! - Noekeon: no kept library has it, and we write no cryptography: the same XTS-AES-128 with keys of its own. A deviation.

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use ironroot_chip::peripherals::otfdec;

/// Bytes of a cipher block.
pub const BLOCK: usize = 16;
/// One cipher block, in the order of addresses.
pub type Block = [u8; BLOCK];

/// The cipher of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES-128, with two contexts for the stream mode: MCE1.
    Aes,
    /// Noekeon: MCE2, MCE3.
    Noekeon,
}

/// XTS-AES-128 on one block in the first place of a data unit.
#[derive(Clone)]
pub struct Xts {
    data: Aes128,
    tweak: Aes128,
}

impl Xts {
    /// From both keys.
    pub fn new(data: Block, tweak: Block) -> Self {
        Xts { data: Aes128::new(&data.into()), tweak: Aes128::new(&tweak.into()) }
    }

    /// The keys of an engine: AES-128 of a domain label under the master key, whose bytes are those of MKEYR3 to MKEYR0, each
    /// big-endian (as OTFDEC has it).
    pub fn engine(cipher: Cipher, fast: bool, master: &[u32; 4]) -> Self {
        let key: Vec<u8> = master.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
        let key: Block = key.try_into().unwrap_or([0; BLOCK]);
        let derive = |purpose: &[u8; 4]| -> Block {
            let mut label = [0; BLOCK];
            label[..4].copy_from_slice(b"IRMC");
            label[4..8].copy_from_slice(purpose);
            label[8] = match cipher {
                Cipher::Aes => 1,
                Cipher::Noekeon => 2,
            };
            label[9] = u8::from(fast);
            let mut block = label.into();
            Aes128::new(&key.into()).encrypt_block(&mut block);
            block.into()
        };
        Xts::new(derive(b"DATA"), derive(b"TWEA"))
    }

    /// The tweak of a data unit: its number as 16 bytes, little-endian, encrypted.
    fn mask(&self, unit: u128) -> Block {
        let mut tweak = unit.to_le_bytes().into();
        self.tweak.encrypt_block(&mut tweak);
        tweak.into()
    }

    /// Encrypts the first block of data unit `unit`.
    pub fn encrypt(&self, unit: u128, plain: Block) -> Block {
        let mask = self.mask(unit);
        let mut block = xor(plain, mask).into();
        self.data.encrypt_block(&mut block);
        xor(block.into(), mask)
    }

    /// Decrypts the first block of data unit `unit`.
    pub fn decrypt(&self, unit: u128, stored: Block) -> Block {
        let mask = self.mask(unit);
        let mut block = xor(stored, mask).into();
        self.data.decrypt_block(&mut block);
        xor(block.into(), mask)
    }
}

/// The key stream of the stream mode for the 16 bytes at the bus address `block`. `context` is 1 or 2.
pub fn key_stream(key: &[u32; 4], nonce: &[u32; 2], version: u16, context: u32, block: u32) -> Block {
    otfdec::key_stream(key, nonce, version, context.wrapping_sub(1), block)
}

/// Byte by byte.
pub fn xor(a: Block, b: Block) -> Block {
    std::array::from_fn(|index| a[index] ^ b[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Block {
        u128::from_str_radix(text, 16).expect("hex").to_be_bytes()
    }

    #[test]
    fn xts_follows_ieee_1619() {
        // IEEE 1619-2007, annex B, vectors 1 to 3: the first block of each data unit.
        for (data, tweak, unit, plain, cipher) in [
            ("0", "0", 0_u128, "0", "917cf69ebd68b2ec9b9fe9a3eadda692"),
            (
                "11111111111111111111111111111111",
                "22222222222222222222222222222222",
                0x33_3333_3333,
                "44444444444444444444444444444444",
                "c454185e6a16936e39334038acef838b",
            ),
            (
                "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0",
                "22222222222222222222222222222222",
                0x33_3333_3333,
                "44444444444444444444444444444444",
                "af85336b597afc1a900b2eb21ec949d2",
            ),
        ] {
            let xts = Xts::new(hex(data), hex(tweak));
            assert_eq!(xts.encrypt(unit, hex(plain)), hex(cipher));
            assert_eq!(xts.decrypt(unit, hex(cipher)), hex(plain));
        }
    }

    #[test]
    fn engines_share_nothing() {
        let master = [1, 2, 3, 4];
        let mut seen = Vec::new();
        for cipher in [Cipher::Aes, Cipher::Noekeon] {
            for fast in [false, true] {
                for unit in [0, 1] {
                    seen.push(Xts::engine(cipher, fast, &master).encrypt(unit, [0; BLOCK]));
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 8);
    }
}
