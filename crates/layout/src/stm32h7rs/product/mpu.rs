//! MPU tables of the stages: which areas, with which rights, encoded to RBAR and RASR (ARMv7-M B3.5).
//!
//! 1. The numbers of the regions are those of ST's OEMiRoT, but for OTP and unique id at the hand-off, which leave the highest to
//!    code; a higher number wins where two overlap.
//! 2. The background map stays off (PRIVDEFENA = 0): what no region names is a fault, for privileged code too.
//! 3. An area is covered exactly, with eighths left out if need be, or refused: a region that is rounded up opens what must
//!    stay closed.

use core::fmt;

use super::choices::Open;
use crate::stm32h7rs::chip::{AHB_SRAM2, DTCM, FLASH, MPU_REGIONS, OTP, SYSTEM_FLASH};
use crate::stm32h7rs::contract::{HAND_OFF, MPU_REGION_APPLICATION, NO_INIT, RESERVED};
use crate::stm32h7rs::rsslib;
use crate::{Address, Region, Size};

/// Who may do what with a region's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody anything.
    None,
    /// Privileged code reads and writes.
    PrivilegedReadWrite,
    /// All code reads and writes.
    ReadWrite,
    /// Privileged code reads.
    PrivilegedReadOnly,
}

impl Access {
    /// RASR.AP.
    pub const fn bits(self) -> u32 {
        match self {
            Self::None => 0b000,
            Self::PrivilegedReadWrite => 0b001,
            Self::ReadWrite => 0b011,
            Self::PrivilegedReadOnly => 0b101,
        }
    }

    /// `rw`, `r` or `-`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::PrivilegedReadWrite | Self::ReadWrite => "rw",
            Self::PrivilegedReadOnly => "r",
        }
    }
}

/// How the bus and the caches treat a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// Registers: in order, never cached.
    Device,
    /// Memory, cached with write-through once the application enables its caches.
    WriteThrough,
    /// Memory that is never cached.
    NonCacheable,
}

impl Attributes {
    /// RASR.TEX, S, C and B in place.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Device => 1 << 18 | 1 << 16,
            Self::WriteThrough => 1 << 17,
            Self::NonCacheable => 1 << 19,
        }
    }

    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::WriteThrough => "write-through",
            Self::NonCacheable => "not cached",
        }
    }
}

/// A region of the MPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpuRegion {
    /// 0 to 15.
    pub number: u8,
    /// What it is for.
    pub name: &'static str,
    /// What it covers, exactly.
    pub area: Region,
    /// Rights to data.
    pub access: Access,
    /// Whether code may run there (with a right to read).
    pub execute: bool,
    /// Kind of memory.
    pub attributes: Attributes,
    /// Switched on with the table; the application's code is not, RSSLIB does that.
    pub enabled: bool,
    base: u32,
    log2: u8,
    left_out: u8,
}

/// An area that is no region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpressible {
    /// The region that it was to be.
    pub number: u8,
    /// The area.
    pub area: Region,
    /// The least larger area that is one, if there is any.
    pub larger: Option<Region>,
}

impl fmt::Display for Unexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) is no MPU region", self.area, self.area.size())?;
        match self.larger {
            Some(larger) => write!(f, "; {larger} ({}) would be", larger.size()),
            None => Ok(()),
        }
    }
}

/// Base, logarithm of the size, and the eighths left out.
struct Block {
    base: u32,
    log2: u8,
    left_out: u8,
}

/// The smallest block that covers `area` exactly, or the nearest larger area that can be covered.
fn block(area: Region) -> Result<Block, Option<Region>> {
    let (start, end) = (u64::from(area.start().value()), u64::from(area.end().value()));
    if start >= end {
        return Err(None);
    }
    let mut larger = None;
    for log2 in 5u8..=32 {
        let size = 1u64 << log2;
        let base = start & !(size - 1);
        if end > base + size {
            continue;
        }
        let (Ok(base32), exact) = (u32::try_from(base), base == start && base + size == end) else {
            break;
        };
        if exact {
            return Ok(Block { base: base32, log2, left_out: 0 });
        }
        // Regions below 256 bytes have no eighths.
        if log2 < 8 {
            continue;
        }
        // Masks rather than divisions: a stage in system flash has this code too.
        let mask = (size >> 3) - 1;
        if (start | end) & mask == 0 {
            let eighths = |address: u64| (address - base) >> (log2 - 3);
            let (first, last) = (eighths(start), eighths(end));
            let mut left_out = 0u8;
            for index in 0..8u8 {
                if !(first..last).contains(&u64::from(index)) {
                    left_out |= 1 << index;
                }
            }
            return Ok(Block { base: base32, log2, left_out });
        }
        if larger.is_none() {
            let (low, high) = (start & !mask, (end + mask) & !mask);
            larger = match (u32::try_from(low), u32::try_from(high - low)) {
                (Ok(low), Ok(size)) => Region::checked(Address::new(low), Size::new(size)),
                _ => None,
            };
        }
    }
    Err(larger)
}

impl MpuRegion {
    /// Region `number` over exactly `area`.
    fn cover(number: u8, area: Region, rights: Rights) -> Result<Option<Self>, Unexpressible> {
        let Block { base, log2, left_out } =
            block(area).map_err(|larger| Unexpressible { number, area, larger })?;
        let Rights { name, access, execute, attributes } = rights;
        Ok(Some(Self {
            number,
            name,
            area,
            access,
            execute,
            attributes,
            enabled: true,
            base,
            log2,
            left_out,
        }))
    }

    /// MPU_RBAR, with the number and VALID.
    pub const fn rbar(&self) -> u32 {
        self.base | 1 << 4 | (self.number & 0xF) as u32
    }

    /// MPU_RASR.
    pub const fn rasr(&self) -> u32 {
        let never = if self.execute { 0 } else { 1 << 28 };
        never
            | self.access.bits() << 24
            | self.attributes.bits()
            | (self.left_out as u32) << 8
            | (self.log2 as u32 - 1) << 1
            | self.enabled as u32
    }

    /// The eighths that are left out: RASR.SRD.
    pub const fn left_out(&self) -> u8 {
        self.left_out
    }
}

/// A whole table, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpuTable {
    regions: [Option<MpuRegion>; MPU_REGIONS as usize],
}

impl MpuTable {
    /// The regions in use, by number.
    pub fn iter(&self) -> impl Iterator<Item = &MpuRegion> {
        self.regions.iter().flatten()
    }

    /// The region with this number.
    pub fn get(&self, number: u8) -> Option<&MpuRegion> {
        self.regions.get(usize::from(number)).and_then(Option::as_ref)
    }

    /// RBAR and RASR of all sixteen, in order; RASR 0 for those that are off.
    pub fn registers(&self) -> [(u32, u32); MPU_REGIONS as usize] {
        let mut registers = [(0, 0); MPU_REGIONS as usize];
        for ((slot, region), number) in registers.iter_mut().zip(&self.regions).zip(0u32..) {
            *slot = match region {
                Some(region) => (region.rbar(), region.rasr()),
                None => (1 << 4 | number, 0),
            };
        }
        registers
    }

    /// The same as rows whose order in memory is certain: RBAR, RASR.
    pub fn rows(&self) -> super::Rows {
        self.registers().map(|(rbar, rasr)| [rbar, rasr])
    }
}

struct Rights {
    name: &'static str,
    access: Access,
    execute: bool,
    attributes: Attributes,
}

const fn data(name: &'static str, attributes: Attributes) -> Rights {
    Rights { name, access: Access::PrivilegedReadWrite, execute: false, attributes }
}

const fn open_data(name: &'static str, attributes: Attributes) -> Rights {
    Rights { name, access: Access::ReadWrite, execute: false, attributes }
}

const fn constant(name: &'static str) -> Rights {
    Rights { name, access: Access::PrivilegedReadOnly, execute: false, attributes: Attributes::NonCacheable }
}

const fn code(name: &'static str) -> Rights {
    Rights { name, access: Access::PrivilegedReadOnly, execute: true, attributes: Attributes::WriteThrough }
}

/// All peripherals.
pub const fn peripheral_window() -> Region {
    Region::between(0x4000_0000, 0x6000_0000)
}

/// The registers of HPDMA1: a second way to all memories.
const HPDMA: Region = Region::between(0x5200_0000, 0x5200_1000);
/// One-time programmable words and unique id.
const IDENTITY: Region = Region::between(0x08FF_F000, 0x0900_0000);
/// What stage and application share, and the memory in front of it that no start-up code initialises.
const SHARED: Region = Region::between(0x3000_7F80, 0x3000_8000);
/// What is open of AHB SRAM2 beside [`SHARED`] and the boot record: the older and stricter of ST's two defaults.
pub(super) const OPEN_AHB_SRAM2: Region = Region::between(0x3000_4000, 0x3000_7000);
/// What is open with [`Open::Sram`].
pub(super) const OPEN_SRAM: Region = Region::between(0x2000_0000, 0x4000_0000);

const _: () = {
    assert!(IDENTITY.contains_region(OTP));
    assert!(RESERVED.contains_region(SHARED) && SHARED.contains_region(NO_INIT));
    assert!(AHB_SRAM2.contains_region(OPEN_AHB_SRAM2) && !OPEN_AHB_SRAM2.overlaps(RESERVED));
};

impl Open {
    /// The area.
    pub const fn area(self) -> Region {
        match self {
            Self::AhbSram2 => OPEN_AHB_SRAM2,
            Self::Sram => OPEN_SRAM,
        }
    }
}

/// What a hand-over to an application depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// Where the application runs: becomes executable, and read-only.
    pub run: Region,
    /// The external flash, if its interface is left on.
    pub flash: Option<Region>,
    /// The external RAM, if its interface is left on.
    pub ram: Option<Region>,
    /// What is open of the internal RAM.
    pub open: Open,
}

/// The table with which a stage calls JumpHDPLvl3. The application's region is off; RSSLIB switches it on.
///
/// The application's region is the whole area that it may run from. Only the device knows how far the verified image reaches:
/// there the stage makes the region end with it, by [`super::confine`].
///
/// The stage's own code and DTCM are closed already. So the stage switches this table on in a handler with FAULTMASK set,
/// which lifts the MPU (CTRL.HFNMIENA = 0, ARMv7-M B3.5.1), and its return from the handler is the call of RSSLIB. The stack
/// must then lie in the opened area: [`super::Stage::exit_stack`].
///
/// # Errors
/// An area that is no region; its number tells which (14 run, 1 flash, 2 RAM).
pub fn hand_off_table(of: &HandOff) -> Result<MpuTable, Unexpressible> {
    let optional = |number, area: Option<Region>, rights: Rights| match area {
        Some(area) => MpuRegion::cover(number, area, rights),
        None => Ok(None),
    };
    use Attributes::{Device, NonCacheable, WriteThrough};
    let mut application = MpuRegion::cover(MPU_REGION_APPLICATION, of.run, code("application"))?;
    if let Some(region) = &mut application {
        region.enabled = false;
    }
    let record = Rights { access: Access::PrivilegedReadOnly, ..data("boot record", NonCacheable) };
    let closed = Rights { access: Access::None, ..data("HPDMA1", Device) };
    // RSSLIB looks at the vector table before it switches the application's region on.
    let readable =
        [of.flash, of.ram, Some(of.open.area())].iter().flatten().any(|area| area.contains_region(of.run));
    let vectors = if readable { None } else { Some(of.run) };
    Ok(MpuTable {
        regions: [
            None,
            optional(1, of.flash, open_data("external flash", WriteThrough))?,
            optional(2, of.ram, open_data("external RAM", WriteThrough))?,
            MpuRegion::cover(3, IDENTITY, constant("OTP and unique id"))?,
            optional(4, vectors, constant("application, before it starts"))?,
            MpuRegion::cover(5, of.open.area(), open_data("application RAM", NonCacheable))?,
            None,
            None,
            MpuRegion::cover(8, peripheral_window(), data("peripherals", Device))?,
            MpuRegion::cover(9, HAND_OFF, record)?,
            MpuRegion::cover(10, SYSTEM_FLASH, constant("system flash"))?,
            MpuRegion::cover(11, rsslib::LIBRARY, code("RSSLIB"))?,
            MpuRegion::cover(12, HPDMA, closed)?,
            MpuRegion::cover(13, SHARED, data("shared with the application", NonCacheable))?,
            application,
            // 15, 7, 6 and what else is free and not hidden by another: the rest of the image, see [`super::confine`].
            None,
        ],
    })
}

/// The table with which STiRoT starts a second stage: that of the hand-off to an application that gets the least, and DTCM, where
/// the stage has stack and data until it has put its own table in force.
///
/// # Errors
/// As [`hand_off_table`].
pub fn second_stage_table(run: Region) -> Result<MpuTable, Unexpressible> {
    let mut table = hand_off_table(&HandOff { run, flash: None, ram: None, open: Open::AhbSram2 })?;
    let [first, ..] = &mut table.regions;
    *first = MpuRegion::cover(0, DTCM, data("DTCM: data and stack", Attributes::WriteThrough))?;
    Ok(table)
}

/// What a stage of the product works with.
pub(super) struct Working {
    /// Its code.
    pub stage: Region,
    /// The scratch area.
    pub scratch: Option<Region>,
    /// The application's slots.
    pub installed: Region,
    pub download: Region,
    /// The data image's slots.
    pub data: Option<(Region, Region)>,
    /// Where it loads the application, if not run in its slot.
    pub load: Option<Region>,
}

/// The table that a stage of the product switches on first.
pub(super) fn init_table(of: &Working) -> Result<MpuTable, Unexpressible> {
    use Attributes::{Device, NonCacheable, WriteThrough};
    let optional = |number, area: Option<Region>, name| match area {
        Some(area) => MpuRegion::cover(number, area, data(name, NonCacheable)),
        None => Ok(None),
    };
    let closed = Rights { access: Access::None, ..data("HPDMA1", Device) };
    Ok(MpuTable {
        regions: [
            MpuRegion::cover(0, DTCM, data("DTCM: data and stack", WriteThrough))?,
            optional(1, of.scratch, "scratch area")?,
            optional(2, Some(of.installed), "installed image")?,
            optional(3, Some(of.download), "download")?,
            optional(4, of.data.map(|(installed, _)| installed), "installed data image")?,
            optional(5, Some(HAND_OFF), "boot record")?,
            MpuRegion::cover(6, of.stage, code("boot stage"))?,
            optional(7, of.data.map(|(_, download)| download), "download of the data image")?,
            MpuRegion::cover(8, peripheral_window(), data("peripherals", Device))?,
            optional(9, Some(OPEN_AHB_SRAM2), "exit stack")?,
            MpuRegion::cover(10, SYSTEM_FLASH, constant("system flash"))?,
            MpuRegion::cover(11, rsslib::LIBRARY, code("RSSLIB"))?,
            MpuRegion::cover(12, HPDMA, closed)?,
            optional(13, Some(SHARED), "shared with the application")?,
            optional(14, of.load, "application, being loaded")?,
            MpuRegion::cover(15, IDENTITY, constant("OTP and unique id"))?,
        ],
    })
}

/// The code of a first stage: all of user flash, as ST's table has it.
pub(super) const STAGE_IN_FLASH: Region = FLASH;
