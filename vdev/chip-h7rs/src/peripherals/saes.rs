//! Secure AES: ECB, CBC and CTR with 128 and 256 bits, and keys that software uses without seeing them.
//!
//! Keys by KEYSEL: the key registers (0), DHUK (1), BHK (2), AHK (3), DHUK ^ BHK (4), DHUK ^ AHK (5). DHUK is ST's secret: here it is
//! SHA-256 of a label, the board's device key, the HDPL and KMOD, so a key that one level wrapped is nothing to another, and what
//! was wrapped in wrapped-key mode (KMOD 1) cannot be decrypted in normal mode and read. With 128 bits its first half is used.
//!
//! In wrapped and shared mode (KMOD 1, 2) decryption never reaches DOUTR: the result becomes the key in the key registers, or goes
//! to CRYP. GCM and CCM are not modelled: data written in these modes raise WRERR.
//!
//! Time is virtual: CCF comes [`CYCLES_128`] or [`CYCLES_256`] SAES cycles (half the core clock) after the last word of a block or the
//! start of a key preparation, and BUSY stands until then. KEYVALID of a hardware key takes [`CYCLES_KEY`]. Not as on silicon:
//! ECB or CBC decryption without a key preparation gives zeros and KEIF instead of nonsense; EN is refused with
//! KEIF as long as KEYVALID is 0.

use std::collections::VecDeque;

use ironroot_chip::peripherals::registers::Written;
use sha2::{Digest, Sha256};

use super::aes_engine::{Block, Chaining, key_bytes, process, swap};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const DINR: u32 = 0x008;
const DOUTR: u32 = 0x00C;
const IVR0: u32 = 0x020;
const IER: u32 = 0x300;
const ISR: u32 = 0x304;
const ICR: u32 = 0x308;

const EN: u32 = 1 << 0;
const DATATYPE_SHIFT: u32 = 1;
const MODE: u32 = 3 << 3;
const ENCRYPT: u32 = 0 << 3;
const PREPARE: u32 = 1 << 3;
const DECRYPT: u32 = 2 << 3;
const CHMOD: u32 = 1 << 16 | 3 << 5;
const KEYSIZE: u32 = 1 << 18;
const KMOD_SHIFT: u32 = 24;
const KMOD: u32 = 3 << KMOD_SHIFT;
const KSHAREID_SHIFT: u32 = 26;
const KEYSEL_SHIFT: u32 = 28;
const KEYSEL: u32 = 7 << KEYSEL_SHIFT;
const IPRST: u32 = 1 << 31;
/// EN, DATATYPE, MODE, CHMOD, DMAINEN, DMAOUTEN, GCMPH, KEYSIZE, NPBLB, KMOD, KSHAREID, KEYSEL, IPRST.
const CR_WRITABLE: u32 = 0xFFF5_787F;
/// What can be written while EN is set: EN, DMAINEN, DMAOUTEN, GCMPH, NPBLB, IPRST.
const CR_RUNNING: u32 = EN | 3 << 11 | 3 << 13 | 0xF << 20 | IPRST;

const CCF: u32 = 1 << 0;
const RDERR: u32 = 1 << 1;
const WRERR: u32 = 1 << 2;
const BUSY: u32 = 1 << 3;
const KEYVALID: u32 = 1 << 7;
/// ISR: read or write at the wrong time.
const RWEIF: u32 = 1 << 1;
/// ISR: a key could not be loaded.
const KEIF: u32 = 1 << 2;
const FLAGS: u32 = 0xF;

/// SAES cycles for a block or key preparation with 128 bits (the manual's figure for ECB).
pub const CYCLES_128: u64 = 480;
/// The same with 256 bits.
pub const CYCLES_256: u64 = 680;
/// SAES cycles until a hardware key is there: a model's choice.
pub const CYCLES_KEY: u64 = 100;
/// Core cycles of a SAES cycle: the bus of the crypto blocks runs at half the core clock.
const CORE: u64 = 2;

const WRAPPED: u32 = 1;
const SHARED: u32 = 2;

/// A key on its way from SAES to CRYP.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SharedKey {
    /// 16 or 32 bytes.
    pub(super) key: Vec<u8>,
}

impl std::fmt::Debug for SharedKey {
    /// Only its length: it is a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedKey({} bytes)", self.key.len())
    }
}

/// The SAES.
#[derive(Clone, Debug, Hash)]
pub struct Saes {
    device_key: [u8; 32],
    boot_key: Option<[u32; 8]>,
    application_key: Option<Vec<u8>>,
    level: u8,
    control: u32,
    /// KEYR0 to KEYR7.
    keys: [u32; 8],
    /// Which of them were written since the last key.
    written: u8,
    key_ready: u64,
    prepared: bool,
    vector: Block,
    suspend: [u32; 8],
    input: Vec<u32>,
    output: VecDeque<u32>,
    unwrapped: Vec<u32>,
    shared: Option<SharedKey>,
    /// When CCF comes or came, while it stands.
    complete: Option<u64>,
    /// RDERR, WRERR.
    errors: u32,
    /// RWEIF, KEIF.
    flags: u32,
    enabled: u32,
}

impl Saes {
    /// Reset state. `device_key` makes the DHUK: a secret of the board.
    pub fn new(device_key: [u8; 32]) -> Self {
        Saes {
            device_key,
            boot_key: None,
            application_key: None,
            level: 0,
            control: 0,
            keys: [0; 8],
            written: 0,
            key_ready: 0,
            prepared: false,
            vector: [0; 4],
            suspend: [0; 8],
            input: Vec::new(),
            output: VecDeque::new(),
            unwrapped: Vec::new(),
            shared: None,
            complete: None,
            errors: 0,
            flags: 0,
            enabled: 0,
        }
    }

    /// Reset state of the registers. The level is not theirs: whoever could lower it by a reset of the block would have the DHUK of
    /// RSS. The boot key lives in the backup registers, and is set by their owner.
    pub fn reset(&mut self) {
        *self = Saes { level: self.level, boot_key: self.boot_key, ..Saes::new(self.device_key) };
    }

    /// The HDPL: another level has another DHUK, and nothing of the keys that were loaded before.
    pub fn set_hdpl(&mut self, level: u8) {
        if level != self.level {
            self.level = level;
            self.application_key = None;
            self.forget_keys();
        }
    }

    /// AHK, from a read of a write-only option-byte key: 16 or 32 bytes. `None` or another length takes it away.
    pub fn load_application_key(&mut self, key: Option<&[u8]>) {
        self.application_key = key.filter(|key| matches!(key.len(), 16 | 32)).map(<[u8]>::to_vec);
    }

    /// BHK: backup registers 0 to 7.
    pub fn set_boot_key(&mut self, key: [u32; 8]) {
        self.boot_key = Some(key);
    }

    /// All keys but the DHUK are lost (tamper).
    pub fn erase_keys(&mut self) {
        self.application_key = None;
        self.boot_key = None;
        self.forget_keys();
    }

    /// What KMOD = shared unwrapped for CRYP.
    pub fn take_shared_key(&mut self) -> Option<SharedKey> {
        self.shared.take()
    }

    fn forget_keys(&mut self) {
        self.keys = [0; 8];
        self.written = 0;
        self.prepared = false;
        self.unwrapped.clear();
        self.shared = None;
    }

    fn key_length(&self) -> usize {
        if self.control & KEYSIZE != 0 { 32 } else { 16 }
    }

    fn key_mode(&self) -> u32 {
        (self.control & KMOD) >> KMOD_SHIFT
    }

    fn device_unique_key(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(b"ironroot model of DHUK\0");
        hash.update(self.device_key);
        hash.update([self.level, self.key_mode() as u8]);
        hash.finalize().to_vec()
    }

    /// The key that KEYSEL names, if it is there.
    fn key(&self) -> Option<Vec<u8>> {
        let length = self.key_length();
        let device = || self.device_unique_key();
        let boot = || self.boot_key.map(|key| key_bytes(key.into_iter().rev()));
        // A key of another size is not the key that was provisioned.
        let application = || self.application_key.clone().filter(|key| key.len() == length);
        let both = |a: Vec<u8>, b: Vec<u8>| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
        let mut key = match self.control >> KEYSEL_SHIFT & 7 {
            0 => {
                let needed = if length == 32 { 0xFF } else { 0x0F };
                if self.written & needed != needed {
                    return None;
                }
                return Some(key_bytes(self.keys.iter().take(length / 4).rev().copied()));
            }
            1 => device(),
            2 => boot()?,
            3 => application()?,
            4 => both(device(), boot()?),
            5 => both(device(), application()?),
            _ => return None,
        };
        key.truncate(length);
        Some(key)
    }

    fn chaining(&self) -> Option<Chaining> {
        match self.control & CHMOD {
            0 => Some(Chaining::Ecb),
            0x20 => Some(Chaining::Cbc),
            0x40 => Some(Chaining::Ctr),
            _ => None,
        }
    }

    fn is_busy(&self, now: u64) -> bool {
        self.complete.is_some_and(|time| now < time) || self.waits_for_key(now)
    }

    fn is_complete(&self, now: u64) -> bool {
        self.complete.is_some_and(|time| now >= time)
    }

    fn flags_at(&self, now: u64) -> u32 {
        self.flags | (u32::from(self.is_complete(now)) * CCF)
    }

    /// The interrupt line.
    pub fn raised(&self, now: u64) -> bool {
        self.flags_at(now) & self.enabled != 0
    }

    /// When the interrupt line may change; `u64::MAX` for never. Asked after an access at `now`, it may lie in the past.
    pub fn next_event(&self) -> u64 {
        if self.enabled & CCF != 0 { self.complete.unwrap_or(u64::MAX) } else { u64::MAX }
    }

    /// A register's value; `None` for an offset without a register. DOUTR gives the next word of a result.
    pub fn read(&mut self, offset: u32, now: u64) -> Option<u32> {
        Some(match offset {
            CR => self.control,
            SR => {
                (u32::from(self.is_complete(now)) * CCF)
                    | self.errors
                    | (u32::from(self.is_busy(now)) * BUSY)
                    | (u32::from(!self.waits_for_key(now) && self.key().is_some()) * KEYVALID)
            }
            DINR => 0,
            DOUTR => self.read_data(now),
            0x010..=0x01C | 0x030..=0x03C => 0,
            IVR0..=0x02C => self.vector[3 - (offset - IVR0) as usize / 4],
            0x040..=0x05C => self.suspend[(offset - 0x040) as usize / 4],
            IER => self.enabled,
            ISR => self.flags_at(now),
            ICR => 0,
            _ => return None,
        })
    }

    fn read_data(&mut self, now: u64) -> u32 {
        match self.output.front() {
            Some(&word) if !self.is_busy(now) => {
                self.output.pop_front();
                swap(word, self.control >> DATATYPE_SHIFT)
            }
            _ => {
                self.errors |= RDERR;
                self.flags |= RWEIF;
                0
            }
        }
    }

    /// Writes a register. False for an offset without a register.
    pub fn write(&mut self, offset: u32, written: Written, now: u64) -> bool {
        let running = self.control & EN != 0;
        match offset {
            CR => self.write_control(written, now),
            SR | DOUTR | ISR => {}
            DINR => self.write_data(written.value, now),
            0x010..=0x01C => self.write_key((offset - 0x010) as usize / 4, written),
            0x030..=0x03C => self.write_key((offset - 0x030) as usize / 4 + 4, written),
            IVR0..=0x02C if !running => {
                let slot = &mut self.vector[3 - (offset - IVR0) as usize / 4];
                *slot = written.over(*slot);
            }
            IVR0..=0x02C => {}
            0x040..=0x05C => {
                let slot = &mut self.suspend[(offset - 0x040) as usize / 4];
                *slot = written.over(*slot);
            }
            IER => self.enabled = written.only(FLAGS).over(self.enabled),
            ICR => {
                if written.value & CCF != 0 && self.is_complete(now) {
                    self.complete = None;
                }
                self.flags &= !written.value;
                if written.value & RWEIF != 0 {
                    self.errors = 0;
                }
            }
            _ => return false,
        }
        true
    }

    fn write_key(&mut self, index: usize, written: Written) {
        if self.control & EN != 0 || self.control & KEYSEL != 0 {
            return;
        }
        // A complete key is not changed word by word: the first word of another one ends it.
        if self.key().is_some() {
            self.forget_keys();
        }
        if let Some(word) = self.keys.get_mut(index) {
            *word = written.value;
            self.written |= 1 << index;
        }
    }

    fn write_control(&mut self, written: Written, now: u64) {
        let old = self.control;
        let wanted = written.only(CR_WRITABLE).over(old);
        if wanted & IPRST != 0 {
            let application_key = self.application_key.take();
            self.reset();
            self.application_key = application_key;
            self.control = IPRST;
            return;
        }
        let running = old & EN != 0 && wanted & EN != 0;
        self.control = if running { wanted & CR_RUNNING | old & !CR_RUNNING } else { wanted };
        let changed = old ^ self.control;
        if changed & KEYSIZE != 0 {
            self.forget_keys();
        }
        if changed & (KEYSEL | KMOD | KEYSIZE) != 0 {
            self.prepared = false;
            if self.control & KEYSEL != 0 {
                self.key_ready = now + CORE * CYCLES_KEY;
                if self.key().is_none() {
                    self.flags |= KEIF;
                }
            }
        }
        if changed & EN != 0 {
            self.input.clear();
            self.unwrapped.clear();
            if self.control & EN != 0 {
                self.start(now);
            }
        }
    }

    fn finish_at(&mut self, now: u64) {
        let cycles = if self.key_length() == 32 { CYCLES_256 } else { CYCLES_128 };
        self.complete = Some(now + CORE * cycles);
    }

    fn waits_for_key(&self, now: u64) -> bool {
        self.control & KEYSEL != 0 && now < self.key_ready
    }

    /// EN was set.
    fn start(&mut self, now: u64) {
        self.output.clear();
        if self.key().is_none() || self.waits_for_key(now) {
            self.flags |= KEIF;
            self.control &= !EN;
        } else if self.control & MODE == PREPARE {
            self.prepared = true;
            self.finish_at(now);
            self.control &= !EN;
        }
    }

    fn write_data(&mut self, value: u32, now: u64) {
        if self.control & EN == 0 {
            return;
        }
        let Some(chaining) = self.chaining() else { return self.refuse_write() };
        if self.is_busy(now) {
            return self.refuse_write();
        }
        self.input.push(swap(value, self.control >> DATATYPE_SHIFT));
        let Some(&input) = self.input.first_chunk::<4>() else { return };
        self.input.clear();
        let decrypt = match self.control & MODE {
            ENCRYPT => false,
            DECRYPT => true,
            _ => return self.refuse_write(),
        };
        let result = if decrypt && chaining.inverts() && !self.prepared {
            self.flags |= KEIF;
            None
        } else {
            self.key().and_then(|key| process(&key, chaining, decrypt, &mut self.vector, input))
        };
        self.finish_at(now);
        self.output.clear();
        match self.key_mode() {
            WRAPPED | SHARED if decrypt => self.unwrap(result),
            _ => self.output.extend(result.unwrap_or([0; 4])),
        }
    }

    fn refuse_write(&mut self) {
        self.errors |= WRERR;
        self.flags |= RWEIF;
    }

    /// A block of a key was decrypted: when the key is complete, it goes where KMOD says.
    fn unwrap(&mut self, result: Option<Block>) {
        let Some(block) = result else { return };
        self.unwrapped.extend(block);
        if self.unwrapped.len() * 4 < self.key_length() {
            return;
        }
        let words = std::mem::take(&mut self.unwrapped);
        if self.key_mode() == SHARED {
            // KSHAREID 0 is CRYP; there is no other peripheral to share with.
            if self.control >> KSHAREID_SHIFT & 3 == 0 {
                self.shared = Some(SharedKey { key: key_bytes(words) });
            }
            return;
        }
        self.keys = [0; 8];
        for (slot, word) in self.keys.iter_mut().zip(words.iter().rev()) {
            *slot = *word;
        }
        self.written = if words.len() == 8 { 0xFF } else { 0x0F };
    }
}
