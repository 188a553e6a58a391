//! Memory cipher engine: four regions of a window that are decrypted on reads and encrypted on writes, keys that can be written and not
//! read, locks that only a reset opens (facts otfdec-mce 8). What it computes is in [`super::mce_cipher`], and not ST's.
//!
//! As of silicon where it is known: a write to a key word of a valid key throws that key away and is not a word of the next one; after
//! GLOCK only IACR and IAIER take writes; CCLOCK freezes a context's configuration and nonce, KEYLOCK its key, MKLOCK both master keys.
//! Model, because the manual's text is not known: an encrypted region whose key is missing reads 0, drops writes, and raises IAEF;
//! regions that overlap: the first; a refused configuration access raises CAEF.

use std::hash::{Hash, Hasher};

use ironroot_chip::peripherals::otfdec::key_crc;
use ironroot_chip::peripherals::registers::Written;
use ironroot_cpu::bus::{Access, Kind};

use super::mce_cipher::{BLOCK, Block, Cipher, Xts, key_stream, xor};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const IASR: u32 = 0x008;
const IACR: u32 = 0x00C;
const IAIER: u32 = 0x010;
const PRIVCFGR: u32 = 0x01C;
const IAESR: u32 = 0x020;
const IADDR: u32 = 0x024;
const REGIONS: u32 = 0x040;
const REGION_STRIDE: u32 = 0x010;
const MKEYR: u32 = 0x200;
const FMKEYR: u32 = 0x220;
const CONTEXTS: u32 = 0x240;
const CONTEXT_STRIDE: u32 = 0x030;

const GLOCK: u32 = 1 << 0;
const MKLOCK: u32 = 1 << 1;
const MKVALID: u32 = 1 << 0;
const FMKVALID: u32 = 1 << 2;
/// IASR: a configuration register refused an access.
pub const CAEF: u32 = 1 << 0;
/// IASR: an access to a region was refused; IADDR and IAESR tell about the first.
pub const IAEF: u32 = 1 << 1;
const IAPRIV: u32 = 1 << 4;
const IANRW: u32 = 1 << 7;
const PRIV: u32 = 1 << 0;

const BREN: u32 = 1 << 0;
const CTXID_SHIFT: u32 = 9;
const ENC_SHIFT: u32 = 14;
const REGION_PRIV: u32 = 1 << 16;
const REGCR: u32 = BREN | 3 << CTXID_SHIFT | 3 << ENC_SHIFT | REGION_PRIV;
const WREN: u32 = 1 << 16;
const PAGE_BITS: u32 = 0xFFF;

const CCEN: u32 = 1 << 0;
const CCLOCK: u32 = 1 << 1;
const KEYLOCK: u32 = 1 << 2;
const VERSION: u32 = 0xFFFF << 16;

/// Blocks kept.
const CACHE: usize = 512;

/// Four words that become a key when all of them were written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Key {
    words: [u32; 4],
    written: u8,
}

impl Key {
    fn valid(&self) -> Option<&[u32; 4]> {
        (self.written == 0b1111).then_some(&self.words)
    }

    fn write(&mut self, index: usize, value: u32) {
        if self.valid().is_some() {
            // The vendor's driver relies on it: a write to a valid key only throws it away. Else one word after the other could be
            // replaced, and each tried alone.
            *self = Key::default();
            return;
        }
        if let Some(word) = self.words.get_mut(index) {
            *word = value;
            self.written |= 1 << index;
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Region {
    control: u32,
    start: u32,
    end: u32,
    attributes: u32,
}

impl Region {
    fn covers(&self, address: u32) -> bool {
        let page = address & !PAGE_BITS;
        self.control & BREN != 0 && page >= self.start && page <= self.end
    }

    fn slot(&mut self, register: u32) -> Option<(&mut u32, u32)> {
        Some(match register {
            0x0 => (&mut self.control, REGCR),
            0x4 => (&mut self.start, !PAGE_BITS),
            0x8 => (&mut self.end, !PAGE_BITS),
            0xC => (&mut self.attributes, WREN),
            _ => return None,
        })
    }

    fn read(&self, register: u32) -> Option<u32> {
        Some(match register {
            0x0 => self.control,
            0x4 => self.start,
            0x8 => self.end,
            0xC => self.attributes,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Context {
    /// CCCFGR without KEYCRC.
    config: u32,
    nonce: [u32; 2],
    key: Key,
}

impl Context {
    fn read(&self, register: u32) -> Option<u32> {
        Some(match register {
            0x00 => self.config | self.key.valid().map_or(0, |key| u32::from(key_crc(key)) << 8),
            0x04 => self.nonce[0],
            0x08 => self.nonce[1],
            0x0C..=0x18 => 0,
            _ => return None,
        })
    }

    /// Whether the write was taken; `None` for an offset without a register.
    fn write(&mut self, register: u32, written: Written) -> Option<bool> {
        let open = self.config & CCLOCK == 0;
        match register {
            0x00 if open => {
                let locks = self.config & KEYLOCK;
                self.config = written.only(CCEN | CCLOCK | KEYLOCK | VERSION).over(self.config) | locks;
            }
            0x04 if open => self.nonce[0] = written.over(self.nonce[0]),
            0x08 if open => self.nonce[1] = written.over(self.nonce[1]),
            0x00..=0x08 => return Some(false),
            0x0C..=0x18 if self.config & KEYLOCK != 0 => return Some(false),
            0x0C..=0x18 => self.key.write((register as usize - 0x0C) / 4, written.value),
            _ => return None,
        }
        Some(true)
    }
}

/// How an access at an address passes.
enum Way {
    /// As it is.
    Plain,
    /// Refused.
    Refused,
    /// By key stream: context (1, 2).
    Stream(u32),
    /// By blocks; true: the fast master key.
    Block(bool),
}

/// One MCE.
#[derive(Clone, Debug)]
pub struct Mce {
    cipher: Cipher,
    control: u32,
    flags: u32,
    enabled: u32,
    privileged: u32,
    status: u32,
    address: u32,
    regions: [Region; 4],
    master: Key,
    fast: Key,
    contexts: [Context; 2],
    /// Stored and plain content of blocks, by address.
    cache: Vec<Option<(u32, Block, Block)>>,
}

impl Hash for Mce {
    /// Without the cache: it changes no answer.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.cipher, self.control, self.flags, self.enabled, self.privileged, self.status).hash(state);
        (self.address, &self.regions, &self.master, &self.fast, &self.contexts).hash(state);
    }
}

impl Mce {
    /// Reset state.
    pub fn new(cipher: Cipher) -> Self {
        Mce {
            cipher,
            control: 0,
            flags: 0,
            enabled: 0,
            privileged: 0,
            status: 0,
            address: 0,
            regions: Default::default(),
            master: Key::default(),
            fast: Key::default(),
            contexts: Default::default(),
            cache: Vec::new(),
        }
    }

    /// Reset state: locks are open, keys are gone.
    pub fn reset(&mut self) {
        *self = Mce::new(self.cipher);
    }

    /// All keys are lost (tamper, regression); the locks stay.
    pub fn erase_keys(&mut self) {
        self.master = Key::default();
        self.fast = Key::default();
        self.contexts.iter_mut().for_each(|context| context.key = Key::default());
        self.cache.clear();
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.flags & self.enabled != 0
    }

    fn place(offset: u32, base: u32, stride: u32, count: u32) -> Option<(usize, u32)> {
        let at = offset.checked_sub(base)?;
        (at < stride * count).then_some(((at / stride) as usize, at % stride))
    }

    fn contexts(&self) -> u32 {
        match self.cipher {
            Cipher::Aes => 2,
            Cipher::Noekeon => 0,
        }
    }

    /// A register's value; `None` for an offset without a register. With PRIV set, unprivileged code reads 0.
    pub fn read(&self, offset: u32, privileged: bool) -> Option<u32> {
        let value = match offset {
            CR => self.control,
            SR => {
                (u32::from(self.master.valid().is_some()) * MKVALID)
                    | (u32::from(self.fast.valid().is_some()) * FMKVALID)
            }
            IASR => self.flags,
            IACR => 0,
            IAIER => self.enabled,
            PRIVCFGR => self.privileged,
            IAESR => self.status,
            IADDR => self.address,
            0x200..=0x20C | 0x220..=0x22C => 0,
            _ => {
                if let Some((index, register)) = Self::place(offset, REGIONS, REGION_STRIDE, 4) {
                    self.regions.get(index)?.read(register)?
                } else {
                    let (index, register) = Self::place(offset, CONTEXTS, CONTEXT_STRIDE, self.contexts())?;
                    self.contexts.get(index)?.read(register)?
                }
            }
        };
        Some(if self.privileged & PRIV != 0 && !privileged { 0 } else { value })
    }

    /// Writes a register. False for an offset without a register.
    pub fn write(&mut self, offset: u32, written: Written, privileged: bool) -> bool {
        if self.privileged & PRIV != 0 && !privileged {
            let known = self.read(offset, true).is_some();
            self.flags |= u32::from(known) * CAEF;
            return known;
        }
        match offset {
            IACR => self.flags &= !written.value,
            IAIER => self.enabled = written.only(CAEF | IAEF).over(self.enabled),
            SR | IASR | IAESR | IADDR => {}
            _ if self.control & GLOCK != 0 => {
                let known = self.read(offset, true).is_some();
                self.flags |= u32::from(known) * CAEF;
                return known;
            }
            CR => self.control |= written.only(GLOCK | MKLOCK).value,
            PRIVCFGR => self.privileged = written.only(PRIV).over(self.privileged),
            _ => match self.configure(offset, written) {
                Some(true) => {}
                Some(false) => self.flags |= CAEF,
                None => return false,
            },
        }
        true
    }

    /// Whether a write to keys, regions or contexts was taken; `None` for an offset without a register.
    fn configure(&mut self, offset: u32, written: Written) -> Option<bool> {
        let taken = match offset {
            0x200..=0x20C | 0x220..=0x22C => {
                let open = self.control & MKLOCK == 0;
                if open {
                    let (key, base) =
                        if offset < FMKEYR { (&mut self.master, MKEYR) } else { (&mut self.fast, FMKEYR) };
                    // Only whole words: there is no old value to merge with.
                    key.write(((offset - base) / 4) as usize, written.value);
                }
                open
            }
            _ => {
                if let Some((index, register)) = Self::place(offset, REGIONS, REGION_STRIDE, 4) {
                    let (slot, writable) = self.regions.get_mut(index)?.slot(register)?;
                    *slot = written.only(writable).over(*slot);
                    true
                } else {
                    let (index, register) = Self::place(offset, CONTEXTS, CONTEXT_STRIDE, self.contexts())?;
                    self.contexts.get_mut(index)?.write(register, written)?
                }
            }
        };
        self.cache.clear();
        Some(taken)
    }

    fn context(&self, id: u32) -> Option<(&Context, &[u32; 4])> {
        let context = self.contexts.get(id.checked_sub(1)? as usize)?;
        let ready = self.cipher == Cipher::Aes && context.config & CCEN != 0;
        Some((context, context.key.valid().filter(|_| ready)?))
    }

    /// How an access passes, and whether it raised flags.
    fn way(&mut self, address: u32, access: &Access) -> Way {
        let Some(region) = self.regions.iter().find(|region| region.covers(address)) else {
            return Way::Plain;
        };
        let write = access.kind == Kind::Write;
        let allowed = (region.control & REGION_PRIV == 0 || access.privileged)
            && (!write || region.attributes & WREN != 0);
        let context = region.control >> CTXID_SHIFT & 3;
        let way = match region.control >> ENC_SHIFT & 3 {
            0 => Some(Way::Plain),
            1 => self.context(context).map(|_| Way::Stream(context)),
            2 => self.master.valid().map(|_| Way::Block(false)),
            _ => self.fast.valid().map(|_| Way::Block(true)),
        };
        match way {
            Some(way) if allowed => way,
            _ => {
                // The first one counts until it is cleared.
                if self.flags & IAEF == 0 {
                    self.address = address;
                    self.status = (u32::from(access.privileged) * IAPRIV) | (u32::from(write) * IANRW);
                }
                self.flags |= IAEF;
                Way::Refused
            }
        }
    }

    /// One block: what is stored from what is plain, or the reverse.
    fn transform(&self, way: &Way, block: u32, content: Block, encrypt: bool) -> Block {
        match way {
            Way::Plain => content,
            Way::Refused => [0; BLOCK],
            Way::Stream(id) => match self.context(*id) {
                Some((context, key)) => {
                    let version = (context.config >> 16) as u16;
                    xor(content, key_stream(key, &context.nonce, version, *id, block))
                }
                None => [0; BLOCK],
            },
            Way::Block(fast) => {
                let key = if *fast { &self.fast } else { &self.master };
                let xts = Xts::engine(self.cipher, *fast, &key.words);
                let unit = u128::from(block / BLOCK as u32);
                if encrypt { xts.encrypt(unit, content) } else { xts.decrypt(unit, content) }
            }
        }
    }

    /// A read at bus address `address` on its way to the reader. `stored` gives the 16 bytes that the memory holds at an aligned bus
    /// address. `None`: not through the cipher, the memory's bytes are what the reader gets.
    pub fn read_through(
        &mut self,
        address: u32,
        access: &Access,
        stored: impl FnOnce(u32) -> Block,
    ) -> Option<u32> {
        let way = self.way(address, access);
        match way {
            Way::Plain => return None,
            Way::Refused => return Some(0),
            Way::Stream(_) | Way::Block(_) => {}
        }
        let block = address & !(BLOCK as u32 - 1);
        let content = stored(block);
        let slot = block as usize / BLOCK % CACHE;
        let plain = match self.cache.get(slot) {
            Some(Some((at, known, plain))) if *at == block && *known == content => *plain,
            _ => {
                let plain = self.transform(&way, block, content, false);
                self.cache.resize(CACHE, None);
                if let Some(entry) = self.cache.get_mut(slot) {
                    *entry = Some((block, content, plain));
                }
                plain
            }
        };
        let shift = (address - block) * 8;
        Some(u128::from_le_bytes(plain).wrapping_shr(shift) as u32 & access.size.mask())
    }

    /// Whether a write passes, and how: what is not plain through [`Mce::encrypt`] and
    /// [`Mce::decrypt`]; `None`: it is refused.
    pub fn admit_write(&mut self, address: u32, access: &Access) -> Option<Writes> {
        match self.way(address, access) {
            Way::Plain => Some(Writes::Plain),
            Way::Refused => None,
            Way::Stream(_) => Some(Writes::Stream),
            Way::Block(_) => Some(Writes::Block),
        }
    }

    /// What has to be stored at the aligned bus address `block` for this plain content.
    pub fn encrypt(&mut self, block: u32, access: &Access, plain: Block) -> Block {
        let way = self.way(block, access);
        self.transform(&way, block, plain, true)
    }

    /// What stored content of the aligned bus address `block` means.
    pub fn decrypt(&mut self, block: u32, access: &Access, stored: Block) -> Block {
        let way = self.way(block, access);
        self.transform(&way, block, stored, false)
    }
}

/// How an admitted write is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// As it is.
    Plain,
    /// Encrypted byte by byte: a write of any width.
    Stream,
    /// Encrypted in blocks of 16 bytes: a narrower write changes the whole block.
    Block,
}
