//! On-the-fly decryption: four regions of an OCTOSPI window, AES-128 in counter mode, keys that can be written and not read
//! (facts otfdec-mce 1 to 6, whose cipher rule reproduces ST's published example).
//!
//! Nothing that was decrypted is kept anywhere but in the value of the read itself: the window is never mapped into the
//! core's fast path, and what is cached here is key stream, dropped with every write to a region's registers.

use std::hash::{Hash, Hasher};

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use ironroot_cpu::bus::{Kind, Size};

use super::registers::Written;

/// CR.
pub const CR: u32 = 0x000;
const REGIONS: u32 = 0x020;
const STRIDE: u32 = 0x030;
const COUNT: u32 = 4;
const ISR: u32 = 0x300;
const ICR: u32 = 0x304;
const IER: u32 = 0x308;

/// CR: encryption instead of decryption.
const ENC: u32 = 1 << 0;
/// ISR: a write to something locked.
pub const SEIF: u32 = 1 << 0;
/// ISR: data access to an execute-only region, or a fetch where nothing may be executed.
pub const XONEIF: u32 = 1 << 1;
/// ISR: a region's key is not valid, or its registers were written out of order.
pub const KEIF: u32 = 1 << 2;
const FLAGS: u32 = SEIF | XONEIF | KEIF;

/// RxCFGR bits.
const REG_EN: u32 = 1 << 0;
const CONFIGLOCK: u32 = 1 << 1;
const KEYLOCK: u32 = 1 << 2;
const MODE: u32 = 3 << 4;
const VERSION: u32 = 0xFFFF << 16;

/// Region bounds count pages of this size: lower address bits are not compared.
const PAGE_BITS: u32 = 0xFFF;
/// Key stream blocks kept.
const CACHE: usize = 256;
const BLOCK: u32 = 16;

/// What a region applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Instructions,
    Data,
    Both,
    Enhanced,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Region {
    /// RxCFGR without KEYCRC.
    config: u32,
    start: u32,
    end: u32,
    nonce: [u32; 2],
    key: [u32; 4],
    /// Key words written in order since the last KEYR0; 4 makes the key valid.
    progress: usize,
}

impl Region {
    fn mode(&self) -> Mode {
        match (self.config & MODE) >> 4 {
            0 => Mode::Instructions,
            1 => Mode::Data,
            2 => Mode::Both,
            _ => Mode::Enhanced,
        }
    }

    fn key_valid(&self) -> bool {
        self.progress == self.key.len()
    }

    fn covers(&self, address: u32) -> bool {
        let page = address & !PAGE_BITS;
        self.config & REG_EN != 0 && page >= self.start & !PAGE_BITS && page <= self.end & !PAGE_BITS
    }

    fn forget_key(&mut self) {
        self.key = [0; 4];
        self.progress = 0;
    }

    fn read(&self, register: u32) -> Option<u32> {
        Some(match register {
            0x00 => {
                let crc = if self.key_valid() { key_crc(&self.key) } else { 0 };
                self.config | u32::from(crc) << 8
            }
            0x04 => self.start,
            0x08 => self.end,
            0x0C => self.nonce[0],
            0x10 => self.nonce[1],
            // The keys: write-only.
            0x14..=0x20 => 0,
            _ => return None,
        })
    }

    /// Flags to raise, or `None` for an offset without a register.
    fn write(&mut self, register: u32, written: Written) -> Option<u32> {
        let frozen = self.config & CONFIGLOCK != 0;
        match register {
            0x00..=0x10 if frozen => return Some(SEIF),
            0x00 => return Some(self.configure(written)),
            0x04 => self.start = written.over(self.start),
            0x08 => self.end = written.over(self.end),
            0x0C => self.nonce[0] = written.over(self.nonce[0]),
            0x10 => self.nonce[1] = written.over(self.nonce[1]),
            0x14..=0x20 => return Some(self.write_key((register as usize - 0x14) / 4, written)),
            _ => return None,
        }
        Some(0)
    }

    fn configure(&mut self, written: Written) -> u32 {
        let wanted = written.only(REG_EN | CONFIGLOCK | KEYLOCK | MODE | VERSION).over(self.config);
        let locks = self.config & (CONFIGLOCK | KEYLOCK);
        let mut flags = 0;
        let mut next = wanted | locks;
        if (wanted ^ self.config) & MODE != 0 {
            if locks & KEYLOCK != 0 {
                // A change of mode would change the key (below), which is locked.
                next = next & !MODE | self.config & MODE;
                flags = SEIF;
            } else {
                // Else a key that was loaded for "execute only" could be used to read its code as data.
                self.forget_key();
            }
        }
        self.config = next;
        flags
    }

    fn write_key(&mut self, index: usize, written: Written) -> u32 {
        if self.config & KEYLOCK != 0 {
            return SEIF;
        }
        let Some(word) = self.key.get_mut(index) else { return 0 };
        // Only whole words: there is no old value to merge with.
        *word = written.value;
        if index == 0 {
            self.progress = 1;
        } else if index == self.progress {
            self.progress += 1;
        } else {
            self.progress = 0;
            return KEIF;
        }
        0
    }

    /// The key stream for the 16 bytes at `block`, in memory order.
    fn key_stream(&self, index: u32, block: u32) -> [u8; 16] {
        key_stream(&self.key, &self.nonce, (self.config >> 16) as u16, index, block)
    }
}

/// The key stream for the 16 bytes at the bus address `block`, in memory order (facts otfdec-mce 4). `key`, `nonce` and `version`
/// are what the registers hold; `index` is the region's (0 to 3).
pub fn key_stream(key: &[u32; 4], nonce: &[u32; 2], version: u16, index: u32, block: u32) -> [u8; 16] {
    let reversed = |words: &[u32]| -> Vec<u8> { words.iter().rev().flat_map(|w| w.to_be_bytes()).collect() };
    let key: [u8; 16] = reversed(key).try_into().unwrap_or([0; 16]);
    let place = (index & 3) << 28 | (block / BLOCK);
    let counter: [u8; 16] =
        reversed(&[place, u32::from(version), nonce[0], nonce[1]]).try_into().unwrap_or([0; 16]);
    let mut stream = counter.into();
    Aes128::new(&key.into()).encrypt_block(&mut stream);
    let mut stream: [u8; 16] = stream.into();
    stream.reverse();
    stream
}

/// KEYCRC of the four key words (facts otfdec-mce 6).
pub fn key_crc(key: &[u32; 4]) -> u8 {
    const STROBES: [u32; 4] = [0xAA55_AA55, 0x03, 0x18, 0xC0];
    let mut crc = 0_u8;
    for (index, (word, strobe)) in key.iter().zip(STROBES).enumerate() {
        let seed = u32::from(crc);
        let mask = if index == 0 { strobe } else { strobe << 24 | seed << 16 | strobe << 8 | seed };
        let value = word ^ mask;
        crc = 0;
        for bit in (0..32).rev() {
            let carry = crc >> 7 ^ (value >> bit & 1) as u8;
            crc = crc << 1 ^ if carry != 0 { 0x07 } else { 0 };
        }
        crc ^= 0x55;
    }
    crc
}

/// What came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// What the reader gets.
    pub value: u32,
    /// Offset of RxCFGR of a region in the enhanced mode, whose cipher is not public: the value is not decrypted.
    pub enhanced: Option<u32>,
}

/// One OTFDEC.
#[derive(Clone, Debug, Default)]
pub struct Otfdec {
    regions: [Region; COUNT as usize],
    encrypting: bool,
    flags: u32,
    enabled: u32,
    /// The last word written through a region in encryption mode, by address.
    plain: Option<(u32, u32)>,
    cache: Vec<Option<(u32, [u8; 16])>>,
}

impl Hash for Otfdec {
    /// Without the cache: it changes no answer.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.regions, self.encrypting, self.flags, self.enabled, self.plain).hash(state);
    }
}

impl Otfdec {
    /// Reset state: locks are open, keys are gone.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// All keys are lost (regression of the read protection); the locks stay.
    pub fn erase_keys(&mut self) {
        self.regions.iter_mut().for_each(Region::forget_key);
        self.cache.clear();
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.flags & self.enabled != 0
    }

    fn place(offset: u32) -> Option<(usize, u32)> {
        let at = offset.checked_sub(REGIONS)?;
        (at < STRIDE * COUNT).then_some(((at / STRIDE) as usize, at % STRIDE))
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        match offset {
            CR => Some(u32::from(self.encrypting) * ENC),
            ISR => Some(self.flags),
            ICR => Some(0),
            IER => Some(self.enabled),
            _ => {
                let (index, register) = Self::place(offset)?;
                self.regions.get(index)?.read(register)
            }
        }
    }

    /// Writes a register. `from_rss`: by code of the open RSS, the only one that may encrypt on this part. False for an
    /// offset without a register.
    pub fn write(&mut self, offset: u32, written: Written, from_rss: bool) -> bool {
        match offset {
            CR => {
                if from_rss && written.mask & ENC != 0 {
                    self.encrypting = written.value & ENC != 0;
                    self.plain = None;
                }
            }
            ISR => {}
            ICR => self.flags &= !written.value,
            IER => self.enabled = written.only(FLAGS).over(self.enabled),
            _ => {
                let Some((index, register)) = Self::place(offset) else { return false };
                let Some(region) = self.regions.get_mut(index) else { return false };
                let Some(flags) = region.write(register, written) else { return false };
                self.flags |= flags;
                self.cache.clear();
            }
        }
        true
    }

    /// The region at an address: the first that covers it (overlapping regions are unverified).
    fn region_at(&self, address: u32) -> Option<(u32, &Region)> {
        (0..).zip(&self.regions).find(|(_, region)| region.covers(address))
    }

    fn key_stream(&mut self, address: u32, size: Size) -> u32 {
        let block = address & !(BLOCK - 1);
        let slot = (block / BLOCK) as usize % CACHE;
        let stream = match self.cache.get(slot) {
            Some(&Some((at, stream))) if at == block => stream,
            _ => {
                let Some((index, region)) = self.region_at(address) else { return 0 };
                let stream = region.key_stream(index, block);
                self.cache.resize(CACHE, None);
                if let Some(entry) = self.cache.get_mut(slot) {
                    *entry = Some((block, stream));
                }
                stream
            }
        };
        u128::from_le_bytes(stream).wrapping_shr((address - block) * 8) as u32 & size.mask()
    }

    /// A read of `stored` at `address` (aligned to `size`), on its way from the memory to the reader.
    pub fn pass(&mut self, address: u32, size: Size, kind: Kind, stored: u32) -> Passed {
        let plain = |value| Passed { value, enhanced: None };
        let Some((index, region)) = self.region_at(address) else { return plain(stored) };
        let fetch = kind == Kind::Fetch;
        let (mode, key_valid) = (region.mode(), region.key_valid());
        if self.encrypting {
            if fetch {
                self.flags |= XONEIF;
                return plain(0);
            }
            return plain(match self.plain {
                Some((at, word)) if at == address && key_valid && mode != Mode::Enhanced => {
                    (word ^ self.key_stream(address, Size::Word)) & size.mask()
                }
                _ => 0,
            });
        }
        match (mode, fetch) {
            (Mode::Instructions | Mode::Enhanced, false) => {
                self.flags |= XONEIF;
                plain(0)
            }
            (Mode::Data, true) => {
                self.flags |= XONEIF;
                plain(stored)
            }
            (Mode::Enhanced, true) => Passed { value: stored, enhanced: Some(REGIONS + STRIDE * index) },
            _ if !key_valid => {
                self.flags |= KEIF;
                plain(0)
            }
            _ => plain(stored ^ self.key_stream(address, size)),
        }
    }

    /// A write to the window. True if this unit takes it, to encrypt it: then it does not go to the memory.
    pub fn take_write(&mut self, address: u32, size: Size, value: u32) -> bool {
        if !self.encrypting || self.region_at(address).is_none() {
            return false;
        }
        self.plain = (size == Size::Word).then_some((address, value));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_A: [u32; 4] = [0xEDCB_A987, 0x6543_210F, 0xEDCB_A987, 0x6543_210F];
    const KEY_B: [u32; 4] = [0x7123_4567, 0x89AB_CDEF, 0x7123_4567, 0x89AB_CDEF];
    const NONCE: [u32; 2] = [0xA5A5_A5A5, 0xC3C3_C3C3];
    const BASE: u32 = 0x9000_0000;

    fn write(unit: &mut Otfdec, region: u32, register: u32, value: u32) {
        assert!(unit.write(REGIONS + STRIDE * region + register, Written::word(value), false));
    }

    fn config(unit: &Otfdec, region: u32) -> u32 {
        unit.read(REGIONS + STRIDE * region).expect("RxCFGR")
    }

    /// A unit with one region, set up in the order of the vendor's driver.
    fn with_region(index: u32, mode: u32, version: u32, key: [u32; 4]) -> Otfdec {
        let mut unit = Otfdec::default();
        write(&mut unit, index, 0x00, mode << 4);
        for (offset, word) in (0x14..).step_by(4).zip(key) {
            write(&mut unit, index, offset, word);
        }
        write(&mut unit, index, 0x0C, NONCE[0]);
        write(&mut unit, index, 0x10, NONCE[1]);
        write(&mut unit, index, 0x04, BASE);
        write(&mut unit, index, 0x08, BASE + 0x3FF);
        write(&mut unit, index, 0x00, mode << 4 | version << 16);
        write(&mut unit, index, 0x00, mode << 4 | version << 16 | REG_EN);
        unit
    }

    fn read(unit: &mut Otfdec, address: u32, stored: u32) -> u32 {
        unit.pass(address, Size::Word, Kind::Read, stored).value
    }

    fn fetch(unit: &mut Otfdec, address: u32, stored: u32) -> u32 {
        unit.pass(address, Size::Half, Kind::Fetch, stored).value
    }

    #[test]
    fn vector_a_of_the_facts_is_code() {
        let mut unit = with_region(1, 2, 0xABCD, KEY_A);
        assert_eq!(read(&mut unit, 0x9000_0400, 0x82BC_10D8), 0x300F_1808);
        assert_eq!(read(&mut unit, 0x9000_0404, 0xF714_0591), 0x0000_4770);
        assert_eq!(fetch(&mut unit, 0x9000_0400, 0x10D8), 0x1808);
        assert_eq!(fetch(&mut unit, 0x9000_0402, 0x82BC), 0x300F);
        let stream: Vec<u8> =
            (0..16).map(|i| unit.pass(0x9000_0400 + i, Size::Byte, Kind::Read, 0).value as u8).collect();
        assert_eq!(
            u128::from_be_bytes(stream.try_into().unwrap()),
            0xd008_b3b2_e142_14f7_0c77_6760_2e96_ebda
        );
    }

    #[test]
    fn vector_b_of_the_facts_is_data() {
        let mut unit = with_region(0, 1, 0xABBA, KEY_B);
        let cipher = [
            0x202c_765c,
            0xd199_0c43,
            0x8a6a_8ab2,
            0xb7f8_2fad,
            0xcb01_e7ad,
            0xbcb7_2471,
            0x39f8_d614,
            0x88da_f396,
        ];
        for ((address, stored), plain) in (BASE..).step_by(4).zip(cipher).zip((0..).step_by(0x11)) {
            assert_eq!(read(&mut unit, address, stored), plain);
        }
        assert_eq!(unit.read(ISR), Some(0));
    }

    #[test]
    fn key_crc_follows_the_vectors_of_the_facts() {
        for (key, crc) in [(KEY_A, 0x37), (KEY_B, 0x71), ([0; 4], 0x7E), ([u32::MAX; 4], 0x1B)] {
            assert_eq!(key_crc(&key), crc);
            assert_eq!(config(&with_region(2, 0, 0, key), 2) >> 8 & 0xFF, u32::from(crc));
        }
    }

    #[test]
    fn each_mode_lets_its_kind_of_access_through() {
        const STORED: u32 = 0x10D8;
        for (mode, fetched, data, flags) in [
            (0, 0x1808, Some(0), XONEIF),
            (1, STORED, None, XONEIF),
            (2, 0x1808, None, 0),
            (3, STORED, Some(0), XONEIF),
        ] {
            let mut unit = with_region(1, mode, 0xABCD, KEY_A);
            assert_eq!(fetch(&mut unit, 0x9000_0400, STORED), fetched, "mode {mode}");
            let value = read(&mut unit, 0x9000_0400, 0x82BC_10D8);
            assert_eq!(value, data.unwrap_or(0x300F_1808), "mode {mode}");
            assert_eq!(unit.read(ISR), Some(flags), "mode {mode}");
        }
    }

    #[test]
    fn the_enhanced_mode_is_said_to_be_unknown() {
        let mut unit = with_region(3, 3, 0, KEY_A);
        let passed = unit.pass(BASE, Size::Half, Kind::Fetch, 0x1234);
        assert_eq!(passed, Passed { value: 0x1234, enhanced: Some(0xB0) });
    }

    #[test]
    fn pages_of_4_kb_belong_to_the_region_as_a_whole() {
        let mut unit = with_region(0, 2, 0, KEY_B);
        assert_ne!(read(&mut unit, BASE + 0xFFC, 0), 0, "END is 0x3FF: bits 11:0 are not compared");
        assert_eq!(read(&mut unit, BASE + 0x1000, 0), 0);
        assert_eq!(read(&mut unit, BASE - 4, 7), 7);
    }

    #[test]
    fn keys_never_read_back() {
        let unit = with_region(0, 2, 0, KEY_B);
        for offset in 0x34..=0x40 {
            assert_eq!(unit.read(offset & !3), Some(0));
        }
    }

    #[test]
    fn keys_out_of_order_are_no_key() {
        for order in [[1, 0, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2], [3, 2, 1, 0]] {
            let mut unit = with_region(0, 2, 0, KEY_B);
            for index in order {
                write(&mut unit, 0, 0x14 + 4 * index, 1);
            }
            assert_eq!(unit.read(ISR), Some(KEIF), "{order:?}");
            unit.write(ICR, Written::word(KEIF), false);
            assert_eq!((read(&mut unit, BASE, 0x55), unit.read(ISR)), (0, Some(KEIF)));
            assert_eq!(config(&unit, 0) >> 8 & 0xFF, 0, "no CRC without a key");
        }
    }

    #[test]
    fn a_change_of_mode_takes_the_key_with_it() {
        let mut unit = with_region(0, 0, 0, KEY_B);
        write(&mut unit, 0, 0x00, 2 << 4 | REG_EN);
        assert_eq!((read(&mut unit, BASE, 0x202c_765c), unit.read(ISR)), (0, Some(KEIF)));
    }

    #[test]
    fn keylock_freezes_the_key_and_the_mode() {
        let mut unit = with_region(0, 0, 0, KEY_B);
        write(&mut unit, 0, 0x00, REG_EN | KEYLOCK);
        let before = unit.regions[0].clone();
        write(&mut unit, 0, 0x14, 1);
        assert_eq!(unit.read(ISR), Some(SEIF));
        unit.write(ICR, Written::word(SEIF), false);
        write(&mut unit, 0, 0x00, 2 << 4 | REG_EN);
        assert_eq!(
            (unit.read(ISR), &unit.regions[0]),
            (Some(SEIF), &before),
            "and KEYLOCK cannot be cleared"
        );
    }

    #[test]
    fn configlock_freezes_everything_but_the_key() {
        let mut unit = with_region(0, 2, 7, KEY_B);
        write(&mut unit, 0, 0x00, 2 << 4 | 7 << 16 | REG_EN | CONFIGLOCK);
        let before = unit.regions[0].clone();
        for register in [0x00, 0x04, 0x08, 0x0C, 0x10] {
            write(&mut unit, 0, register, 0xFFFF_FFFF);
            assert_eq!(unit.read(ISR), Some(SEIF), "{register:#x}");
            unit.write(ICR, Written::word(SEIF), false);
        }
        assert_eq!(unit.regions[0], before);
        write(&mut unit, 0, 0x14, 1);
        assert_eq!(unit.read(ISR), Some(0));
    }

    #[test]
    fn encryption_gives_back_what_decryption_undoes() {
        let mut unit = with_region(1, 0, 0xABCD, KEY_A);
        unit.write(CR, Written::word(ENC), false);
        assert_eq!(unit.read(CR), Some(0), "only RSS encrypts on this part");
        unit.write(CR, Written::word(ENC), true);
        assert!(unit.take_write(0x9000_0400, Size::Word, 0x300F_1808));
        assert_eq!(read(&mut unit, 0x9000_0400, 0), 0x82BC_10D8);
        assert_eq!(read(&mut unit, 0x9000_0404, 0), 0, "only what was written there");
        assert_eq!((fetch(&mut unit, 0x9000_0400, 0), unit.read(ISR)), (0, Some(XONEIF)));
        assert!(!unit.take_write(0x9000_1400, Size::Word, 1), "outside the region");
        unit.write(CR, Written::word(0), true);
        assert!(!unit.take_write(0x9000_0400, Size::Word, 1));
    }

    #[test]
    fn flags_raise_the_line_only_when_enabled() {
        let mut unit = with_region(0, 0, 0, KEY_B);
        read(&mut unit, BASE, 0);
        assert!(!unit.raised());
        unit.write(IER, Written::word(XONEIF), false);
        assert!(unit.raised());
        unit.write(ICR, Written::word(XONEIF), false);
        assert!(!unit.raised());
    }

    #[test]
    fn erased_keys_read_zero_and_leave_the_locks() {
        let mut unit = with_region(0, 2, 0, KEY_B);
        write(&mut unit, 0, 0x00, 2 << 4 | REG_EN | KEYLOCK);
        assert_ne!(read(&mut unit, BASE, 0), 0);
        unit.erase_keys();
        assert_eq!((read(&mut unit, BASE, 0), unit.read(ISR)), (0, Some(KEIF)));
        assert_ne!(config(&unit, 0) & KEYLOCK, 0);
    }
}
