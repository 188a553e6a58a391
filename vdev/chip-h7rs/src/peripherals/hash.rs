//! HASH: SHA-1, SHA-224, SHA-256, each also as HMAC. Every operation is complete with the write that starts it: BUSY is never seen
//! (silicon takes 66 to 82 cycles for a block, which the writes of the next one hide).
//!
//! Messages of whole bytes: NBLW counts bits on silicon; here bits beyond the last whole byte are dropped. Context swap (CSR) and DMA are
//! not modelled. The HMAC key is taken from the first key phase; with another key in the last phase there is no digest.

use hmac::{Hmac, KeyInit, Mac};
use ironroot_chip::peripherals::registers::Written;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256};

use super::aes_engine::swap;

const CR: u32 = 0x000;
const DIN: u32 = 0x004;
const STR: u32 = 0x008;
const HR: u32 = 0x00C;
const IMR: u32 = 0x020;
const SR: u32 = 0x024;
/// The digest again, with room for its longest form.
const DIGEST: u32 = 0x310;

const INIT: u32 = 1 << 2;
const DATATYPE_SHIFT: u32 = 4;
const MODE: u32 = 1 << 6;
const ALGO_SHIFT: u32 = 17;
/// DMAE, DATATYPE, MODE, MDMAT, LKEY, ALGO.
const CR_WRITABLE: u32 = 1 << 3 | 3 << DATATYPE_SHIFT | MODE | 1 << 13 | 1 << 16 | 0xF << ALGO_SHIFT;
const NBLW: u32 = 0x1F;
const DCAL: u32 = 1 << 8;

const DINIS: u32 = 1 << 0;
const DCIS: u32 = 1 << 1;
/// NBWE after reset: 17 words fit.
const NBWE: u32 = 0x11 << 16;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Key,
    Message,
    KeyAgain,
}

/// The HASH block.
#[derive(Clone, Debug, Hash)]
pub struct HashUnit {
    control: u32,
    last: u32,
    enabled: u32,
    status: u32,
    phase: Phase,
    /// Words since the last DCAL, as written.
    words: Vec<u32>,
    key: Vec<u8>,
    message: Vec<u8>,
    digest: [u32; 8],
}

impl Default for HashUnit {
    fn default() -> Self {
        HashUnit {
            control: 0,
            last: 0,
            enabled: 0,
            status: DINIS,
            phase: Phase::Message,
            words: Vec::new(),
            key: Vec::new(),
            message: Vec::new(),
            digest: [0; 8],
        }
    }
}

impl HashUnit {
    /// Reset state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reset state.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.status & self.enabled & (DINIS | DCIS) != 0
    }

    /// A register's value; `None` for an offset without a register.
    pub fn read(&self, offset: u32) -> Option<u32> {
        Some(match offset {
            CR => self.control,
            DIN => 0,
            STR => self.last,
            HR..=0x01C => self.word((offset - HR) / 4),
            IMR => self.enabled,
            SR => self.status | NBWE,
            DIGEST..=0x32C => self.word((offset - DIGEST) / 4),
            _ => return None,
        })
    }

    fn word(&self, index: u32) -> u32 {
        self.digest.get(index as usize).copied().unwrap_or(0)
    }

    /// Writes a register. False for an offset without a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        match offset {
            CR => {
                self.control = written.only(CR_WRITABLE).over(self.control);
                if written.value & INIT != 0 {
                    self.start();
                }
            }
            DIN => {
                self.words.push(written.value);
                self.status &= !DCIS;
            }
            STR => {
                self.last = written.only(NBLW).over(self.last);
                if written.value & DCAL != 0 {
                    self.complete();
                }
            }
            IMR => self.enabled = written.only(DINIS | DCIS).over(self.enabled),
            SR => self.status &= written.only(DINIS | DCIS).over(self.status) | !(DINIS | DCIS),
            HR..=0x01C | DIGEST..=0x32C => {}
            _ => return false,
        }
        true
    }

    fn start(&mut self) {
        self.words.clear();
        self.message.clear();
        self.key.clear();
        self.digest = [0; 8];
        self.status = DINIS;
        self.phase = if self.control & MODE != 0 { Phase::Key } else { Phase::Message };
    }

    /// The bytes since the last DCAL, in the order in which they are hashed; NBLW says how many bits of the last word count.
    fn take_bytes(&mut self) -> Vec<u8> {
        let kind = self.control >> DATATYPE_SHIFT & 3;
        let words = std::mem::take(&mut self.words);
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| swap(*word, kind).to_be_bytes()).collect();
        let valid = (self.last & NBLW) as usize / 8;
        if self.last & NBLW != 0 && !bytes.is_empty() {
            bytes.truncate(bytes.len() - 4 + valid);
        }
        bytes
    }

    fn complete(&mut self) {
        let bytes = self.take_bytes();
        match self.phase {
            Phase::Key => {
                self.key = bytes;
                self.phase = Phase::Message;
                self.status |= DINIS;
            }
            Phase::Message if self.control & MODE != 0 => {
                self.message = bytes;
                self.phase = Phase::KeyAgain;
                self.status |= DINIS;
            }
            Phase::Message => self.finish(hash(self.algorithm(), &bytes)),
            Phase::KeyAgain => {
                let digest =
                    if bytes == self.key { mac(self.algorithm(), &bytes, &self.message) } else { None };
                self.finish(digest);
            }
        }
    }

    fn algorithm(&self) -> Option<Algorithm> {
        match self.control >> ALGO_SHIFT & 0xF {
            0 => Some(Algorithm::Sha1),
            2 => Some(Algorithm::Sha224),
            3 => Some(Algorithm::Sha256),
            _ => None,
        }
    }

    fn finish(&mut self, digest: Option<Vec<u8>>) {
        self.phase = if self.control & MODE != 0 { Phase::Key } else { Phase::Message };
        let Some(digest) = digest else { return };
        self.digest = [0; 8];
        for (word, bytes) in self.digest.iter_mut().zip(digest.chunks_exact(4)) {
            *word = bytes.try_into().map_or(0, u32::from_be_bytes);
        }
        self.status |= DCIS | DINIS;
    }
}

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Sha1,
    Sha224,
    Sha256,
}

fn hash(algorithm: Option<Algorithm>, message: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm? {
        Algorithm::Sha1 => Sha1::digest(message).to_vec(),
        Algorithm::Sha224 => Sha224::digest(message).to_vec(),
        Algorithm::Sha256 => Sha256::digest(message).to_vec(),
    })
}

fn mac(algorithm: Option<Algorithm>, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm? {
        Algorithm::Sha1 => {
            Hmac::<Sha1>::new_from_slice(key).ok()?.chain_update(message).finalize().into_bytes().to_vec()
        }
        Algorithm::Sha224 => {
            Hmac::<Sha224>::new_from_slice(key).ok()?.chain_update(message).finalize().into_bytes().to_vec()
        }
        Algorithm::Sha256 => {
            Hmac::<Sha256>::new_from_slice(key).ok()?.chain_update(message).finalize().into_bytes().to_vec()
        }
    })
}
