//! A product on this part, described once, and everything that follows from the description.
//!
//! 1. [`Product`] is what is wanted: a few choices, sizes and places, with ST's values as defaults. [`Plan`] is what follows:
//!    slots, linker regions and symbols of both sides, MPU tables, option bytes, key contents, image options, boot flow.
//! 2. [`Plan::resolve`] is pure and holds every rule. What it returns can be built; what cannot be built is a [`Refusal`]
//!    with a code, the entry to blame and the numbers. Nothing is rounded, corrected or silently left out.
//! 3. An [`Entry`] is the name of a place in `ironroot.toml`: the reader of the file, the schema and the refusals use the
//!    same table, so that a refusal can point at a line.
//!
//! Sources of the numbers: STM32CubeH7RS v1.3.0 (OEMiROT_Boot, iLoader, provisioning), ARMv7-M for the regions.

mod choices;
mod confine;
mod entry;
mod flow;
mod image;
mod keys;
mod mpu;
mod options;
mod plan;
mod refusal;
mod rules;

pub use choices::{BootPath, Open, Place, UpdateMode};
pub use confine::{Rows, confine};
pub use entry::{Entry, Kind, Preset};
pub use flow::{FlowStage, Verified};
pub use image::{Counter, ImageFor, ImageOptions, Version};
pub use keys::{KeyContent, KeyFormat, STIROT_CONFIG_HEAD, stirot_config_head};
pub use mpu::{
    Access, Attributes, HandOff, MpuRegion, MpuTable, Unexpressible, hand_off_table, peripheral_window,
    second_stage_table,
};
pub use options::{Actor, Guarded, OptionField, OptionRegister, OptionStep, Phase, Undo};
pub use plan::{Application, ImageSlots, Note, Plan, Stage, Symbols};
pub use refusal::{Cause, Refusal};

use super::chip::Part;
use super::state::{DebugAuthentication, ProductState};
use super::{contract, map};
use crate::{Address, Region, Size};

/// A stretch of a memory, by its distance from the memory's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes from the start of the memory.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

impl Extent {
    /// From numbers.
    pub const fn new(offset: u32, size: u32) -> Self {
        Self { offset, size }
    }
}

/// A memory behind an XSPI interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalMemory {
    /// Where the interface has its window.
    pub window: u32,
    /// Bytes of the memory, from the start of the window.
    pub size: u32,
}

/// The two places of one image in external flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPair {
    /// The image that is used.
    pub installed: Extent,
    /// Where an update is put.
    pub download: Extent,
}

/// What protects the product in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protections {
    /// User flash with boot code cannot be programmed or erased.
    pub write_protect: bool,
    /// Boot code is hidden from HDPL 2 on; by default where the boot code runs at HDPL 1.
    pub hide: Option<bool>,
    /// The state that the product is brought into.
    pub state: ProductState,
    /// How a closed product can be opened for debugging and regression.
    pub debug: DebugAuthentication,
}

/// Clocks and what they depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Of the core under the boot stage and at hand-off, in MHz.
    pub core_mhz: u32,
    /// The most that the application will set by PLL1, in MHz.
    pub application_mhz: u32,
    /// The core is supplied by the internal regulator.
    pub regulator: bool,
}

/// What is wanted. Plain numbers: [`Plan::resolve`] decides whether they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// The part.
    pub part: Part,
    /// Which stages verify.
    pub boot: BootPath,
    /// Where the application runs.
    pub place: Place,
    /// How an update gets in.
    pub update: UpdateMode,
    /// The external flash.
    pub flash: ExternalMemory,
    /// The external RAM, if the board has one.
    pub ram: Option<ExternalMemory>,
    /// ECC on the internal RAM: the one place that says so.
    pub ram_ecc: bool,
    /// Slots of the application.
    pub slots: SlotPair,
    /// Scratch area of the swap; `None` takes the default behind the default slots.
    pub scratch: Option<Extent>,
    /// Trailer room at the end of a slot; `None` takes the contract's.
    pub trailer: Option<u32>,
    /// Slots of a data image of the application.
    pub data: Option<SlotPair>,
    /// Room for the code of OEMiRoT or OEMuRoT; `None` takes 48 KB.
    pub code_room: Option<u32>,
    /// Slots of the second stage's image (STiRoT + OEMuRoT); `None` takes the default.
    pub stage_slots: Option<SlotPair>,
    /// The iLoader in user flash (paths with STiRoT); `None` takes the first 24 KB.
    pub iloader: Option<Extent>,
    /// Image header; `None` takes the contract's.
    pub header: Option<u32>,
    /// Alignment of images; `None` takes the boot path's.
    pub align: Option<u32>,
    /// Images are encrypted.
    pub encrypt: bool,
    /// Version of the application's image.
    pub version: Version,
    /// Security counter of the application's image.
    pub counter: Counter,
    /// Protections.
    pub protections: Protections,
    /// Clocks.
    pub clocks: Clocks,
    /// RAM that the application's linker may use when it starts; `None` takes what `open` opens.
    pub application_ram: Option<ExternalMemory>,
    /// What the hand-off opens of the internal RAM.
    pub open: Open,
    /// Option fields set by hand, in the order of [`OptionField::ALL`].
    pub options: [Option<u32>; OptionField::COUNT],
}

impl Product {
    /// What ST's projects have for these choices: everything else as shipped, on ST's board for the part.
    pub const fn new(part: Part, boot: BootPath, place: Place, update: UpdateMode) -> Self {
        Self {
            part,
            boot,
            place,
            update,
            flash: ExternalMemory { window: part.external_flash().start().value(), size: 128 * 1024 * 1024 },
            ram: Some(ExternalMemory { window: part.external_ram().start().value(), size: 32 * 1024 * 1024 }),
            ram_ecc: true,
            slots: Self::default_slots(part, boot, place),
            scratch: None,
            trailer: None,
            data: None,
            code_room: None,
            stage_slots: None,
            iloader: None,
            header: None,
            align: None,
            encrypt: true,
            version: Version { major: 1, minor: 0, revision: 0, build: 0 },
            counter: Counter::Auto,
            protections: Protections {
                write_protect: true,
                hide: None,
                state: ProductState::Closed,
                debug: DebugAuthentication::Ecdsa,
            },
            clocks: Clocks {
                core_mhz: contract::CORE_CLOCK_MHZ,
                application_mhz: contract::CORE_CLOCK_MHZ,
                regulator: true,
            },
            application_ram: None,
            open: Open::AhbSram2,
            options: [None; OptionField::COUNT],
        }
    }

    /// The slots where nothing else is said: those of ST's projects, 2 MB each, or 128 KB each where the image is loaded
    /// into internal RAM.
    pub const fn default_slots(part: Part, boot: BootPath, place: Place) -> SlotPair {
        let (installed, download, _) = default_areas(part, boot, place);
        SlotPair { installed, download }
    }

    /// The scratch area where nothing else is said: behind the download slot.
    pub const fn default_scratch(&self) -> Extent {
        let (_, _, scratch) = default_areas(self.part, self.boot, self.place);
        scratch
    }

    /// The slots of the second stage's image, in front of the application's.
    pub const fn default_stage_slots() -> SlotPair {
        let size = map::OEMUROT_CODE.size().bytes();
        SlotPair { installed: Extent::new(0, size), download: Extent::new(size, size) }
    }
}

/// Installed image, download and scratch area, from the start of the external flash.
const fn default_areas(part: Part, boot: BootPath, place: Place) -> (Extent, Extent, Extent) {
    let second = matches!(boot, BootPath::StirotOemurot);
    let (installed, download, scratch) = map::slots(part, matches!(place, Place::InternalRam), second);
    let base = part.external_flash().start().value();
    (extent(installed, base), extent(download, base), extent(scratch, base))
}

const fn extent(region: Region, base: u32) -> Extent {
    Extent::new(region.start().value() - base, region.size().bytes())
}

/// The region of a memory that an extent names; `None` if its end does not fit the address space.
const fn region(memory: u32, extent: Extent) -> Option<Region> {
    match memory.checked_add(extent.offset) {
        Some(start) => Region::checked(Address::new(start), Size::new(extent.size)),
        None => None,
    }
}
