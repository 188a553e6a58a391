//! The monitors of the RAMs' error correction, and errors that a test puts into RAM.
//!
//! Which monitor watches which memory is what ST's boot code sets up (LL_RAMECC of OEMiROT); that AXI SRAM1, AXI SRAM3, both
//! TCMs and backup SRAM have monitors, and nothing else has, follows from it. A bus fault at a double error, the unit of FAR
//! (bytes from the memory's start), FECR (always 0), and that ECC of all of them hangs on ECC_ON_SRAM are unverified.

use std::collections::BTreeMap;

use ironroot_chip::peripherals::registers::Written;
use ironroot_cpu::bus::Size;

use crate::map::Storage;

/// Interrupt line of both blocks.
pub const LINE: u8 = 9;

/// What is wrong with a word of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RamError {
    /// One bit: reads give the right data.
    Single,
    /// Two bits: reads are bus errors.
    Double,
}

impl RamError {
    /// The wrong bits, in the word.
    pub const fn bits(self) -> u64 {
        match self {
            RamError::Single => 1 << 3,
            RamError::Double => 1 << 3 | 1 << 11,
        }
    }
}

const SEDCF: u32 = 1 << 0;
const DEDF: u32 = 1 << 1;
const DEBWDF: u32 = 1 << 2;
/// ECCELEN: the place of an error is noted.
const LATCH: u32 = 1 << 5;
/// An enable bit of CR lies so far above its flag, one of IER so far.
const CR_SHIFT: u32 = 2;
const IER_SHIFT: u32 = 1;
/// GIE.
const GLOBAL: u32 = 1;

/// Number of monitors: five of RAMECC1, and RAMECC2's monitor 1.
const MONITORS: usize = 6;

/// Block and offset of each monitor.
const PLACES: [(u8, u32); MONITORS] = [(0, 0x20), (0, 0x40), (0, 0x60), (0, 0x80), (0, 0xA0), (1, 0x40)];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Monitor {
    control: u32,
    status: u32,
    address: u32,
    data: [u32; 2],
}

/// A word with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Faulty {
    error: RamError,
    /// Bytes that were written since: when all are, the error is gone.
    rewritten: u8,
}

/// Both blocks.
#[derive(Clone, Debug, Default, Hash)]
pub struct RamEcc {
    enable: [u32; 2],
    monitors: [Monitor; MONITORS],
    /// By arena offset of the word.
    faulty: BTreeMap<u32, Faulty>,
}

/// Monitor and word size of a memory; the two halves of DTCM are interleaved by words.
fn watched(storage: Storage, address: u32) -> Option<(usize, u32)> {
    Some(match storage {
        Storage::AxiSram1 => (0, 8),
        Storage::Itcm | Storage::ItcmShared => (1, 8),
        Storage::Dtcm | Storage::DtcmShared if address & 4 == 0 => (2, 4),
        Storage::Dtcm | Storage::DtcmShared => (3, 4),
        Storage::AxiSram3 => (4, 8),
        Storage::BackupSram => (5, 4),
        _ => return None,
    })
}

/// A read met an error that cannot be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncorrectable;

impl RamEcc {
    /// A system reset: the registers. The cells keep what they have.
    pub fn reset(&mut self) {
        self.enable = [0; 2];
        self.monitors = Default::default();
    }

    /// Power-on: RAM is written anew.
    pub fn power_on(&mut self) {
        *self = RamEcc::default();
    }

    /// Puts an error into the word at an address, which lies at `offset` in the arena. False if nothing watches the memory.
    pub fn inject(&mut self, storage: Storage, address: u32, offset: u32, error: RamError) -> bool {
        let Some((_, size)) = watched(storage, address) else { return false };
        self.faulty.insert(offset & !(size - 1), Faulty { error, rewritten: 0 });
        true
    }

    /// True if any word of the 1 KiB page at an arena offset has an error.
    pub fn touches_page(&self, offset: u32) -> bool {
        !self.faulty.is_empty() && self.faulty.range(offset..offset + 1024).next().is_some()
    }

    /// True if there is an error anywhere.
    pub fn any(&self) -> bool {
        !self.faulty.is_empty()
    }

    /// A read at an arena offset; `word` is what the memory's cells should hold there, by arena offset of the word.
    pub fn read(
        &mut self,
        storage: Storage,
        address: u32,
        offset: u32,
        word: impl Fn(u32) -> u64,
    ) -> Result<(), Uncorrectable> {
        let Some((monitor, size)) = watched(storage, address) else { return Ok(()) };
        let place = offset & !(size - 1);
        let Some(faulty) = self.faulty.get(&place) else { return Ok(()) };
        let error = faulty.error;
        let flag = match error {
            RamError::Single => SEDCF,
            RamError::Double => DEDF,
        };
        self.note(monitor, flag, address & !(size - 1), word(place) ^ error.bits());
        if error == RamError::Double { Err(Uncorrectable) } else { Ok(()) }
    }

    /// A write. A word that is written whole is sound again.
    pub fn write(
        &mut self,
        storage: Storage,
        address: u32,
        offset: u32,
        size: Size,
        old: impl Fn(u32) -> u64,
    ) {
        let Some((monitor, word)) = watched(storage, address) else { return };
        let place = offset & !(word - 1);
        let Some(faulty) = self.faulty.get_mut(&place) else { return };
        let bytes = ((1_u16 << size.bytes()) - 1) as u8;
        faulty.rewritten |= bytes << (offset - place);
        let whole = faulty.rewritten == ((1_u16 << word) - 1) as u8;
        let error = faulty.error;
        // A narrow write reads the word first: one wrong bit is put right by that, two are not.
        if whole || (error == RamError::Single && size != Size::Word) {
            self.faulty.remove(&place);
        }
        if !whole && size != Size::Word {
            let flag = if error == RamError::Double { DEBWDF } else { SEDCF };
            self.note(monitor, flag, address & !(word - 1), old(place) ^ error.bits());
        }
    }

    fn note(&mut self, monitor: usize, flag: u32, address: u32, data: u64) {
        let Some(monitor) = self.monitors.get_mut(monitor) else { return };
        if monitor.status == 0 && monitor.control & LATCH != 0 {
            // Every watched memory begins at a multiple of 128 KB.
            monitor.address = address & 0x1_FFFF;
            monitor.data = [data as u32, (data >> 32) as u32];
        }
        monitor.status |= flag;
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.monitors.iter().zip(PLACES).any(|(monitor, (block, _))| {
            let global = self.enable.get(usize::from(block)).copied().unwrap_or(0);
            let global = if global & GLOBAL != 0 { global >> IER_SHIFT } else { 0 };
            monitor.status & (monitor.control >> CR_SHIFT | global) & 7 != 0
        })
    }

    fn place(block: u8, offset: u32) -> Option<(usize, u32)> {
        let index = PLACES.iter().position(|place| *place == (block, offset & !0x1F))?;
        Some((index, offset & 0x1F))
    }

    /// A register's value.
    pub fn read_register(&self, block: u8, offset: u32) -> Option<u32> {
        if offset == 0 {
            return self.enable.get(usize::from(block)).copied();
        }
        let (index, register) = Self::place(block, offset)?;
        let monitor = self.monitors.get(index)?;
        Some(match register {
            0x00 => monitor.control,
            0x04 => monitor.status,
            0x08 => monitor.address,
            0x0C => monitor.data[0],
            0x10 => monitor.data[1],
            0x14 => 0,
            _ => return None,
        })
    }

    /// Writes a register.
    pub fn write_register(&mut self, block: u8, offset: u32, written: Written) -> bool {
        if offset == 0 {
            if let Some(enable) = self.enable.get_mut(usize::from(block)) {
                *enable = written.only(0xF).over(*enable);
            }
            return true;
        }
        let Some((index, register)) = Self::place(block, offset) else { return false };
        let Some(monitor) = self.monitors.get_mut(index) else { return false };
        match register {
            0x00 => monitor.control = written.only(0x3C).over(monitor.control),
            // Zeros clear.
            0x04 => monitor.status &= written.over(monitor.status),
            0x08..=0x14 => {}
            _ => return false,
        }
        true
    }
}
