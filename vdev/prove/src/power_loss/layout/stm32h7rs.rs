//! The boot stages of the STM32H7R/S, from the layout that firmware, linker scripts and tools are made from.
//!
//! 1. OEMiRoT and OEMuRoT (`firmware/oemirot`): both slots and the scratch area in external NOR, of which 64 KB are erased and
//!    256 bytes programmed at a time. On the STM32H7S the memory cipher engine encrypts the installed image again, all of the
//!    slot but the room of the trailer. The engine's configuration is that of `firmware/oemirot/src/slots.rs`.
//! 2. Where the application runs from external RAM nothing is different for the flash from where it runs in its slot; for
//!    internal RAM the slots are small. The application's flag in RAM becomes a mark in the trailer in the boot that follows,
//!    before the engine looks: for the flash that is the application's confirmation and then a boot.
//! 3. Under STiRoT the second stage's slots lie elsewhere in the flash and are the same (a test says so). STiRoT installs in
//!    its own way: see `loader::stirot`.
//!
//! Sectors are scaled down, and the trailer, which cannot be, takes more of the last one; their number and the images'
//! reach into the trailer's sector stay. What the model has not: counters in option-byte keys (here they are the log in
//! flash that the other layouts have, in cells of the user flash), and the boot's decision behind the engine.

use ironroot_boot::update::Mode;
use ironroot_image::trailer::{SavedKeys, TrailerLayout};
use ironroot_layout::Size;
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::chip;
use ironroot_layout::stm32h7rs::product::{BootPath, ImageSlots, Place, Plan, Product, UpdateMode};

use super::reference::NOR;
use super::{Depth, Device, Layout, Stage};
use crate::power_loss::encryption::Encryption;
use crate::power_loss::flash::CellKind;

/// Alignment of the trailer's fields, and what the stage's driver programs at least (`firmware/hal-h7rs/src/area.rs`).
const ALIGN: u32 = 8;
/// The external flash as that driver shows it.
const EXTERNAL: CellKind = CellKind { unit: ALIGN, ..NOR };
/// User flash, in whose kind of cells option-byte keys are: words with ECC.
const INTERNAL: CellKind =
    CellKind { unit: chip::FLASH_WORD.bytes(), erased: chip::ERASED, write_once: true, ecc: true, page: 0 };
const ENGINE: &[Mode] = &[Mode::OverwriteOnly, Mode::SwapScratch];
const STIROT: &[Mode] = &[Mode::OverwriteOnly];

/// What is tried: name, text, part, boot path, place, and by how much sectors are scaled down.
type Row = (&'static str, &'static str, Part, BootPath, Place, u32);

const ROWS: [Row; 6] = [
    (
        "h7s7",
        "STM32H7S7, OEMiRoT: 2 MB slots, 64 KB sectors (1/32), installed image behind MCE",
        Part::Stm32h7s7,
        BootPath::Oemirot,
        Place::ExternalFlash,
        32,
    ),
    (
        "h7s7-ram",
        "STM32H7S7, OEMiRoT, application in internal RAM: 128 KB slots, 64 KB sectors (1/16), MCE",
        Part::Stm32h7s7,
        BootPath::Oemirot,
        Place::InternalRam,
        16,
    ),
    (
        "h7r7",
        "STM32H7R7, OEMiRoT: 2 MB slots, 64 KB sectors (1/32)",
        Part::Stm32h7r7,
        BootPath::Oemirot,
        Place::ExternalFlash,
        32,
    ),
    (
        "h7r7-ram",
        "STM32H7R7, OEMiRoT, application in internal RAM: 128 KB slots, 64 KB sectors (1/16)",
        Part::Stm32h7r7,
        BootPath::Oemirot,
        Place::InternalRam,
        16,
    ),
    (
        "h7s7-urot",
        "STM32H7S7, OEMuRoT under STiRoT, application in internal RAM: as h7s7-ram",
        Part::Stm32h7s7,
        BootPath::StirotOemurot,
        Place::InternalRam,
        16,
    ),
    (
        "stirot",
        "STM32H7S7, STiRoT with its iLoader, whatever it loads: 128 KB slots, 64 KB sectors (1/16)",
        Part::Stm32h7s7,
        BootPath::Stirot,
        Place::InternalRam,
        16,
    ),
];

/// All of them.
pub(super) fn layouts() -> impl Iterator<Item = Layout> {
    ROWS.into_iter().map(layout)
}

/// The plan of ST's projects for these choices.
fn plan(part: Part, boot: BootPath, place: Place) -> Plan {
    // The driver erases 64 KB in either mode; the description says so where images are swapped.
    let update = if boot == BootPath::Stirot { UpdateMode::Overwrite } else { UpdateMode::Swap };
    match Plan::resolve(&Product::new(part, boot, place, update)) {
        Ok(plan) => plan,
        Err(refusal) => panic!("the layout refuses its own defaults: {refusal:?}"),
    }
}

fn layout((name, about, part, boot, place, scale): Row) -> Layout {
    let plan = plan(part, boot, place);
    let stage = if boot == BootPath::Stirot { Stage::Stirot } else { Stage::Engine };
    let slots = match stage {
        Stage::Engine => plan.slots,
        Stage::Stirot => plan.stirot_slots.unwrap_or(plan.slots),
    };
    let sector = sector(&slots, stage);
    let sectors = |size: Size| vec![sector / scale; (size.bytes() / sector) as usize];
    let slot = sectors(slots.installed.size());
    let size: u32 = slot.iter().sum();
    let trailer_room = (slots.trailer.bytes() / scale).max(room(stage, slots.max_sectors));
    let room = size - trailer_room;
    let run = plan.application.run.size().bytes() / scale;
    let sealed = stage == Stage::Engine && part.has_crypto();
    Layout {
        name,
        about,
        primary: (EXTERNAL, slot.clone().into()),
        secondary: (EXTERNAL, slot.into()),
        // The sector of the slots, where there is no scratch area.
        scratch: (
            EXTERNAL,
            sectors(slots.scratch.map_or(Size::new(sector), |scratch| scratch.size())).into(),
        ),
        max_align: ALIGN as u16,
        max_sectors: slots.max_sectors as u16,
        depth: Depth::Triples,
        device: Some(Device {
            stage,
            modes: if stage == Stage::Engine { ENGINE } else { STIROT },
            sealed: if sealed { room } else { 0 },
            trailer_room,
            max_image: room.min(run),
            counters: INTERNAL,
        }),
    }
}

/// What is erased at a time. The iLoader takes the larger erase command wherever it fits.
fn sector(slots: &ImageSlots, stage: Stage) -> u32 {
    match stage {
        Stage::Engine => slots.sector.bytes(),
        Stage::Stirot => plan(Part::Stm32h7s7, BootPath::Oemirot, Place::InternalRam).slots.sector.bytes(),
    }
}

/// The least room for what is behind an image, not scaled: the trailer of a swap, in whole pages; of STiRoT the magic, which
/// nobody here writes.
fn room(stage: Stage, max_sectors: u32) -> u32 {
    let keys = Encryption::P256_AES128.saved_keys();
    let trailer = TrailerLayout::new(Mode::SwapScratch, ALIGN, ALIGN, max_sectors, keys);
    match stage {
        Stage::Engine => trailer.map_or(0, |trailer| trailer.size().next_multiple_of(NOR.page)),
        Stage::Stirot => 16,
    }
}

/// What the trailer keeps of the keys, as the stage is built.
pub fn saved_keys(mode: Mode) -> SavedKeys {
    if mode == Mode::SwapScratch { Encryption::P256_AES128.saved_keys() } else { SavedKeys::None }
}

#[cfg(test)]
mod tests {
    use ironroot_layout::stm32h7rs::{contract, map};

    use super::*;

    /// The plans that are tried stand for the others: same sizes, other places.
    #[test]
    fn the_slots_are_those_of_the_contract() {
        let shape = |slots: &ImageSlots| {
            (slots.installed.size(), slots.download.size(), slots.scratch.map(|scratch| scratch.size()))
        };
        for part in Part::ALL {
            let (installed, download, scratch) = contract::default_slots(part);
            let oemirot = plan(part, BootPath::Oemirot, Place::ExternalFlash).slots;
            assert_eq!(shape(&oemirot), (installed.size(), download.size(), Some(scratch.size())));
            let ram = plan(part, BootPath::Oemirot, Place::ExternalRam).slots;
            assert_eq!(shape(&ram), shape(&oemirot));
            let (installed, download, scratch) = map::slots(part, true, false);
            let small = plan(part, BootPath::Oemirot, Place::InternalRam).slots;
            assert_eq!(shape(&small), (installed.size(), download.size(), Some(scratch.size())));
        }
        for place in [Place::ExternalFlash, Place::ExternalRam, Place::InternalRam] {
            let first = plan(Part::Stm32h7s7, BootPath::Oemirot, place).slots;
            let second = plan(Part::Stm32h7s7, BootPath::StirotOemurot, place);
            assert_eq!(shape(&first), shape(&second.slots), "{place:?}");
            let alone = plan(Part::Stm32h7s7, BootPath::Stirot, Place::InternalRam);
            let sizes = |slots: Option<ImageSlots>| slots.map(|slots| slots.installed.size());
            assert_eq!(sizes(second.stirot_slots), sizes(alone.stirot_slots));
        }
    }

    #[test]
    fn numbers_of_sectors_are_the_parts_own() {
        let sectors = |name: &str| layouts().find(|layout| layout.name == name).map(|l| l.primary.1.len());
        assert_eq!(sectors("h7s7"), Some(32));
        assert_eq!(sectors("h7r7"), Some(32));
        assert_eq!(sectors("h7s7-ram"), Some(2));
        assert_eq!(sectors("stirot"), Some(2));
        for layout in layouts() {
            let device = layout.device.expect("a stage fixes it");
            let size: u32 = layout.primary.1.iter().sum();
            assert!(device.sealed == 0 || device.sealed == size - device.trailer_room, "{}", layout.name);
            assert!(device.sealed.is_multiple_of(16) && device.max_image <= size - device.trailer_room);
            // The largest image shares a sector with the trailer.
            assert!(device.trailer_room < layout.primary.1[0], "{}", layout.name);
        }
    }
}
