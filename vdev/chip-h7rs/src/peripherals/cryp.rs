//! CRYP: the fast AES, with a FIFO of eight words in each direction, and a key from its registers or from SAES.
//!
//! ECB, CBC and CTR with 128, 192 and 256 bits; the key preparation of ECB and CBC decryption. GCM, CCM, DES and DMA are not modelled: in
//! these modes words stay in the input FIFO. Everything is complete with the write that starts it (silicon takes 14 to 18 cycles for
//! a block, which its eight accesses hide); BUSY is never seen. Decryption without a key preparation gives zeros and KERF.

use std::collections::VecDeque;

use ironroot_chip::peripherals::registers::Written;

use super::aes_engine::{Block, Chaining, key_bytes, process, swap};
use super::saes::SharedKey;

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const DIN: u32 = 0x008;
const DOUT: u32 = 0x00C;
const DMACR: u32 = 0x010;
const IMSCR: u32 = 0x014;
const RISR: u32 = 0x018;
const MISR: u32 = 0x01C;
const KEYS: u32 = 0x020;
const VECTOR: u32 = 0x040;

const ALGODIR: u32 = 1 << 2;
const ALGOMODE: u32 = 1 << 19 | 7 << 3;
const DATATYPE_SHIFT: u32 = 6;
const KEYSIZE_SHIFT: u32 = 8;
const KEYSIZE: u32 = 3 << KEYSIZE_SHIFT;
const FFLUSH: u32 = 1 << 14;
const CRYPEN: u32 = 1 << 15;
const KMOD: u32 = 3 << 24;
const KMOD_SHARED: u32 = 2 << 24;
const IPRST: u32 = 1 << 31;
/// ALGODIR, ALGOMODE, DATATYPE, KEYSIZE, CRYPEN, GCM_CCMPH, NPBLB, KMOD.
const CR_WRITABLE: u32 =
    ALGODIR | ALGOMODE | 3 << DATATYPE_SHIFT | KEYSIZE | CRYPEN | 3 << 16 | 0xF << 20 | KMOD;
const PREPARE: u32 = 7 << 3;

const IFEM: u32 = 1 << 0;
const IFNF: u32 = 1 << 1;
const OFNE: u32 = 1 << 2;
const OFFU: u32 = 1 << 3;
const KERF: u32 = 1 << 6;
const KEYVALID: u32 = 1 << 7;
const INRIS: u32 = 1 << 0;
const OUTRIS: u32 = 1 << 1;

/// Words of each FIFO.
const DEPTH: usize = 8;

/// The CRYP.
#[derive(Clone, Debug, Default, Hash)]
pub struct Cryp {
    control: u32,
    dma: u32,
    enabled: u32,
    /// K0L, K0R, … K3R: the most significant first.
    keys: [u32; 8],
    written: u8,
    shared: Option<SharedKey>,
    prepared: bool,
    error: bool,
    vector: Block,
    input: VecDeque<u32>,
    output: VecDeque<u32>,
}

impl Cryp {
    /// Reset state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reset state; a shared key is lost.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// A key from SAES.
    pub fn share_key(&mut self, key: SharedKey) {
        self.shared = Some(key);
        self.prepared = false;
    }

    fn key_length(&self) -> usize {
        match self.control >> KEYSIZE_SHIFT & 3 {
            0 => 16,
            1 => 24,
            _ => 32,
        }
    }

    fn key(&self) -> Option<Vec<u8>> {
        let length = self.key_length();
        if self.control & KMOD == KMOD_SHARED {
            return self.shared.as_ref().map(|shared| shared.key.clone()).filter(|key| key.len() == length);
        }
        let words = length / 4;
        // The key sits at the end of the registers: K3RR is its last word.
        let needed = 0xFF_u8 << (8 - words);
        (self.written & needed == needed).then(|| key_bytes(self.keys.iter().skip(8 - words).copied()))
    }

    fn chaining(&self) -> Option<Chaining> {
        match (self.control & ALGOMODE) >> 3 {
            4 => Some(Chaining::Ecb),
            5 => Some(Chaining::Cbc),
            6 => Some(Chaining::Ctr),
            _ => None,
        }
    }

    fn raw_interrupts(&self) -> u32 {
        (u32::from(self.input.len() < DEPTH) * INRIS) | (u32::from(!self.output.is_empty()) * OUTRIS)
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.control & CRYPEN != 0 && self.raw_interrupts() & self.enabled != 0
    }

    /// A register's value; `None` for an offset without a register. DOUT gives the next word of a result.
    pub fn read(&mut self, offset: u32) -> Option<u32> {
        Some(match offset {
            CR => self.control,
            SR => {
                (u32::from(self.input.is_empty()) * IFEM)
                    | (u32::from(self.input.len() < DEPTH) * IFNF)
                    | (u32::from(!self.output.is_empty()) * OFNE)
                    | (u32::from(self.output.len() >= DEPTH) * OFFU)
                    | (u32::from(self.error) * KERF)
                    | (u32::from(self.key().is_some()) * KEYVALID)
            }
            DIN => 0,
            DOUT => {
                let word = self.output.pop_front().unwrap_or(0);
                let word = swap(word, self.control >> DATATYPE_SHIFT);
                self.work();
                word
            }
            DMACR => self.dma,
            IMSCR => self.enabled,
            RISR => self.raw_interrupts(),
            MISR => self.raw_interrupts() & self.enabled,
            KEYS..=0x03C => 0,
            VECTOR..=0x04C => self.vector[(offset - VECTOR) as usize / 4],
            _ => return None,
        })
    }

    /// Writes a register. False for an offset without a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        let running = self.control & CRYPEN != 0;
        match offset {
            CR => self.write_control(written),
            SR | DOUT | RISR | MISR => {}
            DIN => {
                if self.input.len() < DEPTH {
                    self.input.push_back(swap(written.value, self.control >> DATATYPE_SHIFT));
                }
                self.work();
            }
            DMACR => self.dma = written.only(3).over(self.dma),
            IMSCR => self.enabled = written.only(INRIS | OUTRIS).over(self.enabled),
            KEYS..=0x03C if !running => {
                // A complete key is not changed word by word: the first word of another one ends it.
                if self.control & KMOD == 0 && self.key().is_some() {
                    self.keys = [0; 8];
                    self.written = 0;
                }
                let index = (offset - KEYS) as usize / 4;
                self.keys[index] = written.value;
                self.written |= 1 << index;
                self.prepared = false;
            }
            VECTOR..=0x04C if !running => {
                let slot = &mut self.vector[(offset - VECTOR) as usize / 4];
                *slot = written.over(*slot);
            }
            KEYS..=0x03C | VECTOR..=0x04C => {}
            _ => return false,
        }
        true
    }

    fn write_control(&mut self, written: Written) {
        if written.value & IPRST != 0 {
            self.reset();
            self.control = IPRST;
            return;
        }
        let old = self.control;
        let wanted = written.only(CR_WRITABLE).over(old & !IPRST);
        // The mode stands while the unit runs.
        self.control = if old & wanted & CRYPEN != 0 { old } else { wanted };
        if (old ^ self.control) & (KEYSIZE | KMOD) != 0 {
            self.prepared = false;
        }
        if written.value & FFLUSH != 0 && self.control & CRYPEN == 0 {
            self.input.clear();
            self.output.clear();
        }
        if old & CRYPEN == 0 && self.control & CRYPEN != 0 {
            self.error = self.key().is_none();
            if self.error {
                self.control &= !CRYPEN;
            } else if self.control & ALGOMODE == PREPARE {
                self.prepared = true;
                self.control &= !CRYPEN;
            }
        }
        self.work();
    }

    /// Blocks go through as long as there is one and room for its result.
    fn work(&mut self) {
        while self.control & CRYPEN != 0 && self.input.len() >= 4 && self.output.len() + 4 <= DEPTH {
            let (Some(chaining), Some(key)) = (self.chaining(), self.key()) else { return };
            let mut input = [0; 4];
            for (slot, word) in input.iter_mut().zip(self.input.drain(..4)) {
                *slot = word;
            }
            let decrypt = self.control & ALGODIR != 0;
            let result = if decrypt && chaining.inverts() && !self.prepared {
                self.error = true;
                None
            } else {
                process(&key, chaining, decrypt, &mut self.vector, input)
            };
            self.output.extend(result.unwrap_or([0; 4]));
        }
    }
}
