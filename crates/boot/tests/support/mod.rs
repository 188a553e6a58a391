//! Flash in RAM that forgets nothing it should not: write-once units, units that cannot be read, and a power cut at any
//! operation.
#![allow(dead_code)] // each test file uses its part

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ironroot_boot::update::{
    self, CounterError, Counters, Flash, FlashError, ImageConfig, ImageSlots, Mode, Sector, System,
    UpdateError, Updated,
};
use ironroot_crypto::{
    ContentKeys, Crypto, P256PublicKey, PublicKey, Sha256Digest, SigningKey, Software, Verdict,
};

/// Power: counts operations and goes off at one of them.
#[derive(Default)]
pub struct Power {
    pub operations: u32,
    cut: Option<(u32, Cut)>,
    fail: Option<u32>,
    failed: bool,
    off: bool,
    seed: u64,
}

/// What becomes of the operation that is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It did not begin.
    Before,
    /// The unit, or each unit of the sector, is unreadable.
    Broken,
    /// Some bits, or some units: each old, new or unreadable.
    Mixed,
    /// The same, without unreadable ones.
    Torn,
    /// It was complete.
    After,
}

pub const CUTS: [Cut; 5] = [Cut::Before, Cut::Broken, Cut::Mixed, Cut::Torn, Cut::After];

impl Power {
    pub fn on() -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self::default()))
    }

    /// From here on, operation `at` (from 0) is the last one.
    pub fn cut_at(&mut self, at: u32, cut: Cut, seed: u64) {
        self.operations = 0;
        self.off = false;
        self.cut = Some((at, cut));
        self.seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    }

    /// Back on, for good.
    pub fn restore(&mut self) {
        self.operations = 0;
        self.off = false;
        self.cut = None;
        self.fail = None;
        self.failed = false;
    }

    /// Operation `at` (from 0) fails, with the power on. Another one after it in the same boot is a fault of the engine.
    #[allow(dead_code, reason = "not every test has flash that fails")]
    pub fn fail_at(&mut self, at: u32) {
        self.restore();
        self.fail = Some(at);
    }

    pub fn is_off(&self) -> bool {
        self.off
    }

    fn random(&mut self) -> u32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 32) as u32
    }

    /// The next operation: `None` to make it, or how it is cut short.
    fn next(&mut self) -> Result<Option<Cut>, FlashError> {
        if self.off {
            return Err(FlashError::Failed);
        }
        assert!(!self.failed, "an operation after one that failed");
        let this = self.operations;
        self.operations += 1;
        if self.fail == Some(this) {
            self.failed = true;
            return Err(FlashError::Failed);
        }
        match self.cut {
            Some((at, cut)) if at == this => {
                self.off = true;
                Ok(Some(cut))
            }
            _ => Ok(None),
        }
    }
}

#[derive(Clone)]
pub struct Ram {
    pub bytes: Vec<u8>,
    broken: Vec<bool>,
    written: Vec<bool>,
    sectors: Vec<Sector>,
    unit: usize,
    erased: u8,
    power: Rc<RefCell<Power>>,
}

impl Ram {
    pub fn new(sectors: &[u32], unit: u32, erased: u8, power: &Rc<RefCell<Power>>) -> Self {
        let mut offset = 0;
        let sectors: Vec<Sector> = sectors
            .iter()
            .map(|size| {
                offset += size;
                Sector { offset: offset - size, size: *size }
            })
            .collect();
        let units = offset as usize / unit as usize;
        Self {
            bytes: vec![erased; offset as usize],
            broken: vec![false; units],
            written: vec![false; units],
            sectors,
            unit: unit as usize,
            erased,
            power: power.clone(),
        }
    }

    /// Puts bytes there, as a programmer would.
    pub fn put(&mut self, offset: usize, data: &[u8]) {
        self.bytes[offset..offset + data.len()].copy_from_slice(data);
        for unit in offset / self.unit..(offset + data.len()).div_ceil(self.unit) {
            self.written[unit] = true;
            self.broken[unit] = false;
        }
    }

    pub fn wipe(&mut self) {
        self.bytes.fill(self.erased);
        self.broken.fill(false);
        self.written.fill(false);
    }

    /// Where the last sector begins.
    pub fn last_sector(&self) -> usize {
        self.sectors.last().map_or(0, |sector| sector.offset as usize)
    }

    /// Makes these units erased ones.
    pub fn blank(&mut self, range: std::ops::Range<usize>) {
        for unit in range.start / self.unit..range.end.div_ceil(self.unit) {
            self.bytes[unit * self.unit..(unit + 1) * self.unit].fill(self.erased);
            self.broken[unit] = false;
            self.written[unit] = false;
        }
    }

    /// Makes the unit of this offset unreadable.
    pub fn damage(&mut self, offset: usize) {
        self.broken[offset / self.unit] = true;
        self.written[offset / self.unit] = true;
    }
}

impl Flash for Ram {
    fn size(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn write_size(&self) -> u32 {
        self.unit as u32
    }

    fn erased_value(&self) -> u8 {
        self.erased
    }

    fn sector_count(&self) -> u32 {
        self.sectors.len() as u32
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        self.sectors.get(index as usize).copied()
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        let (start, end) = (offset as usize, offset as usize + buffer.len());
        let bytes = self.bytes.get(start..end).ok_or(FlashError::OutOfBounds)?;
        if !buffer.is_empty() && self.broken[start / self.unit..end.div_ceil(self.unit)].contains(&true) {
            buffer.fill(0xEE);
            return Err(FlashError::Unreadable);
        }
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let start = offset as usize;
        assert!(
            start.is_multiple_of(self.unit) && data.len().is_multiple_of(self.unit),
            "unaligned write at {start:#x}"
        );
        assert!(start + data.len() <= self.bytes.len(), "write outside");
        for (index, piece) in data.chunks(self.unit).enumerate() {
            let unit = start / self.unit + index;
            let cut = self.power.borrow_mut().next()?;
            if cut == Some(Cut::Before) {
                return Err(FlashError::Failed);
            }
            assert!(!self.written[unit], "unit {:#x} written twice", unit * self.unit);
            self.written[unit] = true;
            let place = unit * self.unit;
            let mut power = self.power.borrow_mut();
            match cut {
                Some(Cut::Broken | Cut::Mixed) => self.broken[unit] = true,
                Some(Cut::Torn) => {
                    let mut any = false;
                    for (at, byte) in piece.iter().enumerate() {
                        let old = self.bytes[place + at];
                        let done = power.random() as u8;
                        self.bytes[place + at] = old ^ ((old ^ byte) & done);
                        any |= self.bytes[place + at] != old;
                    }
                    // No bit was programmed yet: the unit is as good as new.
                    self.written[unit] = any;
                }
                _ => self.bytes[place..place + piece.len()].copy_from_slice(piece),
            }
            if cut.is_some() {
                return Err(FlashError::Failed);
            }
        }
        Ok(())
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let Sector { offset, size } = self.sectors[sector as usize];
        let cut = self.power.borrow_mut().next()?;
        let mut power = self.power.borrow_mut();
        for unit in offset as usize / self.unit..(offset + size) as usize / self.unit {
            let choice = match (cut, power.random() % 3) {
                (Some(Cut::Before), _) | (Some(Cut::Mixed), 0) => 0,
                (Some(Cut::Broken), _) | (Some(Cut::Mixed), 1) => 1,
                (Some(Cut::Torn), dice) if dice != 2 => 0,
                _ => 2,
            };
            match choice {
                0 => {}
                1 => {
                    self.broken[unit] = true;
                    self.written[unit] = true;
                }
                _ => {
                    self.bytes[unit * self.unit..(unit + 1) * self.unit].fill(self.erased);
                    self.broken[unit] = false;
                    self.written[unit] = false;
                }
            }
        }
        if cut.is_some() { Err(FlashError::Failed) } else { Ok(()) }
    }
}

thread_local! {
    static VERDICTS: RefCell<HashMap<(Sha256Digest, Vec<u8>), Verdict>> = RefCell::default();
}

/// The software backend, with a memory for signatures: a campaign verifies the same few images ten thousand times.
#[derive(Clone, Copy)]
pub struct Remembering;

impl Crypto for Remembering {
    type Sha256 = <Software as Crypto>::Sha256;

    fn sha256(&mut self) -> Self::Sha256 {
        Software.sha256()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        VERDICTS.with_borrow_mut(|verdicts| {
            *verdicts
                .entry((*digest, signature.to_vec()))
                .or_insert_with(|| Software.verify_p256(key, digest, signature))
        })
    }
}

/// Counters in RAM; `raise` is an operation that power can be cut at.
#[derive(Clone)]
pub struct RamCounters {
    pub values: [u32; 4],
    power: Rc<RefCell<Power>>,
}

impl RamCounters {
    pub fn new(power: &Rc<RefCell<Power>>) -> Self {
        Self { values: [0; 4], power: power.clone() }
    }
}

impl Counters for RamCounters {
    fn get(&self, image: u8) -> Result<u32, CounterError> {
        Ok(self.values[usize::from(image)])
    }

    fn raise(&mut self, image: u8, to: u32) -> Result<(), CounterError> {
        let cut = self.power.borrow_mut().next().map_err(|_| CounterError::Failed)?;
        assert!(to > self.values[usize::from(image)], "a counter goes up");
        if !matches!(cut, Some(Cut::Before | Cut::Broken | Cut::Mixed | Cut::Torn)) {
            self.values[usize::from(image)] = to;
        }
        if cut.is_some() { Err(CounterError::Failed) } else { Ok(()) }
    }
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_scalar(&[1; 32]).expect("a valid number")
}

pub fn trusted() -> PublicKey {
    thread_local!(static KEY: PublicKey = signing_key().public_key().into());
    KEY.with(Clone::clone)
}

/// Everything of one device.
#[derive(Clone)]
pub struct Device {
    pub slots: Vec<(Ram, Ram, ImageConfig)>,
    pub scratch: Option<Ram>,
    pub counters: RamCounters,
    pub power: Rc<RefCell<Power>>,
}

impl Device {
    pub fn boot(&mut self) -> Result<Updated, UpdateError> {
        self.boot_with(&ironroot_crypto::NoContentKeys)
    }

    pub fn boot_with(&mut self, keys: &dyn ContentKeys) -> Result<Updated, UpdateError> {
        let mut images: Vec<ImageSlots<'_>> = self
            .slots
            .iter_mut()
            .map(|(primary, secondary, config)| ImageSlots { primary, secondary, config: *config })
            .collect();
        let trusted = [trusted()];
        let mut buffer = [0; 256];
        let mut system = System::new(&mut images, &trusted, &mut self.counters, &mut buffer);
        system.scratch = self.scratch.as_mut().map(|scratch| scratch as &mut dyn Flash);
        system.content_keys = keys;
        update::update(&mut system, &mut Remembering)
    }

    /// A copy with memory of its own, that shares the power switch.
    pub fn trailer(&self, image: usize) -> ironroot_boot::update::TrailerLayout {
        let (primary, secondary, config) = &self.slots[image];
        let (mut primary, mut secondary) = (primary.clone(), secondary.clone());
        let slots = ImageSlots { primary: &mut primary, secondary: &mut secondary, config: *config };
        slots.check(self.scratch.as_ref().map(|scratch| scratch as &dyn Flash)).expect("the layout fits").0
    }

    pub fn max_size(&self, image: usize) -> u32 {
        let (primary, secondary, config) = &self.slots[image];
        let (mut primary, mut secondary) = (primary.clone(), secondary.clone());
        let slots = ImageSlots { primary: &mut primary, secondary: &mut secondary, config: *config };
        slots
            .check(self.scratch.as_ref().map(|scratch| scratch as &dyn Flash))
            .expect("the layout fits")
            .1
            .max_size
    }

    /// Where an update is written in the secondary slot.
    pub fn update_offset(&self, image: usize) -> usize {
        match self.slots[image].2.mode {
            Mode::SwapOffset => {
                let (primary, secondary, _) = &self.slots[image];
                let largest = |ram: &Ram| ram.sectors.iter().map(|sector| sector.size).max().unwrap_or(0);
                largest(primary).max(largest(secondary)) as usize
            }
            _ => 0,
        }
    }
}
