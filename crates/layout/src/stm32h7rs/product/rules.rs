//! The rules: from a description to a plan, or to the first refusal.

use super::entry::Entry as E;
use super::image::{ImageOptions, ST_MAX_SECTORS};
use super::mpu::{self, HandOff, STAGE_IN_FLASH, Unexpressible, Working};
use super::options::OptionField;
use super::plan::{Application, ImageSlots, Plan, Stage, Symbols};
use super::refusal::{Cause, Refusal};
use super::{BootPath, Extent, Open, Place, Product, SlotPair, UpdateMode, keys, options, region};
use crate::stm32h7rs::chip::{
    AHB_SRAM1, AHB_SRAM2, AXI_SRAM, DTCM, FLASH, SECTOR, VECTOR_TABLE_ALIGNMENT, XSPI1, XSPI2,
};
use crate::stm32h7rs::contract::{
    BOOT_CODE_GATE, BOOT_CODE_MAX, CORE_CLOCK_MAX_MHZ, CORE_CLOCK_MHZ, IMAGE_HEADER, OEMIROT_LOAD, RESERVED,
    STIROT_LOAD, STIROT_TRAILER, TRAILER,
};
use crate::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use crate::stm32h7rs::{iloader, map};
use crate::{Region, Size};

/// The erase unit of the serial NOR, and its block: what a swap moves at a time if it can.
const ERASE_UNIT: Size = Size::kib(4);
const BLOCK: Size = Size::kib(64);
/// TLVs of the largest kind: two hashes, signature, sealed key, counter, boot record, ids.
const TLV_ROOM: u32 = 0x200;
/// The trailer beside the status of a swap: magic, four flags of 8 bytes, two sealed keys of 113 bytes in cells of 8.
const TRAILER_INFO: u32 = 16 + 4 * 8 + 2 * 120;
/// What the iLoader needs if nothing else is said.
const LOADER: Extent = Extent::new(0, iloader::CODE_MAX.size().bytes());

type Checked<T = ()> = Result<T, Refusal>;

pub(super) fn resolve(product: &Product) -> Checked<Plan> {
    set_once(product)?;
    choices(product)?;
    unused(product)?;
    let (flash, ram) = memories(product)?;
    clocks(product)?;
    protections(product)?;
    image(product)?;
    let iloader = loader(product)?;
    let slots = Slots::of(product, flash)?;
    let (stage, load) = stage(product, &slots)?;
    let run = run(product, ram, &slots, load)?;
    let application = application(product, run, ram, &slots)?;
    let own = product.boot.has_own_stage();
    let hand_off =
        HandOff { run, flash: own.then_some(flash), ram: if own { ram } else { None }, open: product.open };
    let mpu_hand_off = mpu::hand_off_table(&hand_off).map_err(|what| blame(what, product, true))?;
    let mpu_init = match &stage {
        None => None,
        Some(stage) => {
            let working = Working {
                stage: executable(product, stage),
                scratch: slots.application.scratch,
                installed: slots.application.installed,
                download: slots.application.download,
                data: slots.data.map(|data| (data.installed, data.download)),
                load: (product.place != Place::ExternalFlash).then_some(run),
            };
            Some(mpu::init_table(&working).map_err(|what| blame(what, product, false))?)
        }
    };
    let mpu_second_stage = match (product.boot, load) {
        (BootPath::StirotOemurot, Some(load)) => {
            let table = mpu::second_stage_table(load);
            Some(table.map_err(|what| Refusal::of(E::StageInstalledSize, Cause::Mpu(what)))?)
        }
        _ => None,
    };
    let (image, stirot_image) = images(product, &slots, run, load);
    let header = slots.application.header;
    Ok(Plan {
        product: *product,
        flash,
        ram,
        stage,
        iloader,
        slots: slots.application,
        data: slots.data,
        stirot_slots: slots.stirot,
        application,
        symbols: Symbols {
            partition_start: run.start().value(),
            code_offset: 0,
            code_size: application.code.size().bytes(),
            image_header_size: header.bytes(),
        },
        image,
        stirot_image,
        mpu_init,
        mpu_second_stage,
        mpu_hand_off,
        options: options::steps(product, iloader.or(stage.map(|stage| stage.room)).unwrap_or(FLASH)),
        keys: keys::contents(product),
    })
}

fn refuse<T>(entry: E, cause: Cause) -> Checked<T> {
    Err(Refusal::of(entry, cause))
}

fn refuse_with<T>(entry: E, with: E, cause: Cause) -> Checked<T> {
    Err(Refusal::between(entry, with, cause))
}

/// An option field that follows from another entry is not set by hand.
fn set_once(product: &Product) -> Checked {
    for (field, set) in OptionField::ALL.into_iter().zip(product.options) {
        if let (Some(_), Some(from)) = (set, field.follows_from()) {
            return refuse_with(field.entry(), from, Cause::SaidTwice);
        }
    }
    Ok(())
}

/// Which choices go together.
fn choices(product: &Product) -> Checked {
    if product.boot.begins_with_stirot() && !product.part.has_crypto() {
        return refuse_with(E::Boot, E::Device, Cause::NoStirot);
    }
    if product.boot == BootPath::Stirot && product.place != Place::InternalRam {
        return refuse_with(E::Execute, E::Boot, Cause::NotThere);
    }
    if product.boot == BootPath::Stirot && product.update == UpdateMode::Swap {
        return refuse_with(E::Update, E::Boot, Cause::NotSo);
    }
    if product.place == Place::ExternalRam && product.ram.is_none() {
        return refuse_with(E::Execute, E::RamSize, Cause::NoMemory);
    }
    Ok(())
}

/// Entries that would be believed and do nothing.
fn unused(product: &Product) -> Checked {
    let own = product.boot.has_own_stage();
    let table = [
        (product.scratch.is_some(), product.update == UpdateMode::Swap, E::ScratchSize, E::Update),
        (product.trailer.is_some(), own, E::Trailer, E::Boot),
        (product.data.is_some(), own, E::DataInstalledSize, E::Boot),
        (product.code_room.is_some(), own, E::CodeRoom, E::Boot),
        (
            product.stage_slots.is_some(),
            product.boot == BootPath::StirotOemurot,
            E::StageInstalledSize,
            E::Boot,
        ),
        (product.iloader.is_some(), product.boot.begins_with_stirot(), E::LoaderSize, E::Boot),
    ];
    match table.into_iter().find(|(given, has_meaning, ..)| *given && !has_meaning) {
        Some((_, _, entry, choice)) => refuse_with(entry, choice, Cause::Unused),
        None => Ok(()),
    }
}

/// The external memories, inside their windows.
fn memories(product: &Product) -> Checked<(Region, Option<Region>)> {
    let windows = [XSPI1, XSPI2];
    let place = |window: u32, size: u32, (window_entry, size_entry): (E, E)| {
        let Some(found) = windows.into_iter().find(|known| known.start().value() == window) else {
            return refuse(window_entry, Cause::NoWindow(window));
        };
        match region(window, Extent::new(0, size)) {
            Some(area) if size != 0 && found.contains_region(area) => Ok(area),
            area => refuse(size_entry, Cause::Outside(area, found)),
        }
    };
    let flash = place(product.flash.window, product.flash.size, (E::FlashWindow, E::FlashSize))?;
    let ram = match product.ram {
        Some(ram) => Some(place(ram.window, ram.size, (E::RamWindow, E::RamSize))?),
        None => None,
    };
    match ram {
        Some(ram) if ram.overlaps(flash) => {
            refuse_with(E::RamWindow, E::FlashWindow, Cause::Overlap(ram, flash))
        }
        _ => Ok((flash, ram)),
    }
}

/// What a clock above the hand-off's default needs.
fn clocks(product: &Product) -> Checked {
    let clocks = product.clocks;
    for (entry, mhz) in [(E::Core, clocks.core_mhz), (E::ApplicationClock, clocks.application_mhz)] {
        if mhz > CORE_CLOCK_MAX_MHZ {
            return refuse_with(entry, E::Device, Cause::Clock(mhz, CORE_CLOCK_MAX_MHZ));
        }
        if mhz > CORE_CLOCK_MHZ && product.ram_ecc {
            return refuse_with(entry, E::RamEcc, Cause::Clock(mhz, CORE_CLOCK_MHZ));
        }
        if mhz > CORE_CLOCK_MHZ && !clocks.regulator {
            return refuse_with(entry, E::Regulator, Cause::Clock(mhz, CORE_CLOCK_MHZ));
        }
    }
    Ok(())
}

/// A closed product has a way back, and protects the code that verifies it.
fn protections(product: &Product) -> Checked {
    let protections = product.protections;
    let locks_debug = protections.debug == DebugAuthentication::Locked;
    let contradict = match protections.state {
        ProductState::Locked => !locks_debug,
        ProductState::Closed => {
            !matches!(protections.debug, DebugAuthentication::Ecdsa | DebugAuthentication::Password)
        }
        ProductState::Open | ProductState::Provisioning => locks_debug,
    };
    if contradict {
        return refuse_with(E::Debug, E::State, Cause::NoWayBack);
    }
    if product.boot.begins_with_stirot() && protections.hide == Some(true) {
        return refuse_with(E::Hide, E::Boot, Cause::LoaderHidden);
    }
    if matches!(protections.state, ProductState::Closed | ProductState::Locked) {
        if !protections.write_protect {
            return refuse_with(E::WriteProtect, E::State, Cause::Unprotected);
        }
        if product.boot == BootPath::Oemirot && protections.hide == Some(false) {
            return refuse_with(E::Hide, E::State, Cause::Unprotected);
        }
    }
    Ok(())
}

/// Header, alignment and encryption of the application's image.
fn image(product: &Product) -> Checked {
    let (header, align) = (product.header(), product.align());
    if product.boot == BootPath::Stirot {
        if header != IMAGE_HEADER.bytes() {
            return refuse_with(E::Header, E::Boot, Cause::HeaderSize(Size::new(header), IMAGE_HEADER));
        }
        if !product.encrypt {
            return refuse_with(E::Encrypt, E::Boot, Cause::NotEncrypted);
        }
        if align != 16 {
            return refuse_with(E::Align, E::Boot, Cause::Align(align, 16));
        }
        return Ok(());
    }
    if !matches!(align, 1 | 2 | 4 | 8) {
        return refuse_with(E::Align, E::Boot, Cause::Align(align, 8));
    }
    if header == 0 {
        return refuse_with(E::Header, E::Boot, Cause::HeaderSize(Size::new(header), IMAGE_HEADER));
    }
    multiple(E::Header, header, VECTOR_TABLE_ALIGNMENT)
}

/// The iLoader in user flash.
fn loader(product: &Product) -> Checked<Option<Region>> {
    if !product.boot.begins_with_stirot() {
        return Ok(None);
    }
    let extent = product.iloader.unwrap_or(LOADER);
    multiple(E::LoaderOffset, extent.offset, SECTOR)?;
    multiple(E::LoaderSize, extent.size, SECTOR)?;
    inside(extent, FLASH, E::LoaderSize).map(Some)
}

fn multiple(entry: E, value: u32, unit: Size) -> Checked {
    if Size::new(value).is_multiple_of(unit) {
        Ok(())
    } else {
        refuse(entry, Cause::NotMultiple(value, unit))
    }
}

/// The region of an extent that lies in `memory`, and is not empty.
fn inside(extent: Extent, memory: Region, entry: E) -> Checked<Region> {
    match region(memory.start().value(), extent) {
        Some(area) if extent.size != 0 && memory.contains_region(area) => Ok(area),
        area => refuse(entry, Cause::Outside(area, memory)),
    }
}

/// Entries of a pair of slots: offsets and sizes, installed first.
type PairEntries = [E; 4];

const APPLICATION: PairEntries = [E::InstalledOffset, E::InstalledSize, E::DownloadOffset, E::DownloadSize];
const DATA: PairEntries =
    [E::DataInstalledOffset, E::DataInstalledSize, E::DataDownloadOffset, E::DataDownloadSize];
const STAGE: PairEntries =
    [E::StageInstalledOffset, E::StageInstalledSize, E::StageDownloadOffset, E::StageDownloadSize];

/// All slots, checked against memory and each other.
struct Slots {
    application: ImageSlots,
    data: Option<ImageSlots>,
    /// The second stage's.
    second: Option<ImageSlots>,
    /// What STiRoT loads.
    stirot: Option<ImageSlots>,
}

impl Slots {
    fn of(product: &Product, flash: Region) -> Checked<Self> {
        let own = product.boot.has_own_stage();
        let scratch = match product.update {
            UpdateMode::Swap => Some(product.scratch.unwrap_or_else(|| product.default_scratch())),
            UpdateMode::Overwrite => None,
        };
        let sector = swap_sector(product, scratch);
        let header = Size::new(product.header());
        let trailer = match (own, product.trailer) {
            (true, Some(trailer)) => Size::new(trailer),
            (true, None) => TRAILER,
            (false, _) => STIROT_TRAILER,
        };
        let swaps = scratch.is_some();
        let shape = Shape { flash, header, trailer, sector, swaps };
        let application = shape.pair(product.slots, APPLICATION)?;
        let data = match product.data {
            Some(pair) => Some(shape.pair(pair, DATA)?),
            None => None,
        };
        let second = match product.boot {
            BootPath::StirotOemurot => {
                let pair = product.stage_slots.unwrap_or(Product::default_stage_slots());
                let shape = Shape {
                    flash,
                    header: IMAGE_HEADER,
                    trailer: STIROT_TRAILER,
                    sector: ERASE_UNIT,
                    swaps: false,
                };
                Some(shape.pair(pair, STAGE)?)
            }
            _ => None,
        };
        let scratch = match scratch {
            Some(extent) => Some(shape.area(extent, E::ScratchOffset, E::ScratchSize)?),
            None => None,
        };
        let stirot = if own { second } else { Some(application) };
        let slots = Self { application: ImageSlots { scratch, ..application }, data, second, stirot };
        slots.apart()?;
        if own {
            slots.trailer(product)?;
        }
        Ok(slots)
    }

    /// No two areas share a byte.
    fn apart(&self) -> Checked {
        let pair = |slots: Option<ImageSlots>, [installed, _, download, _]: PairEntries| {
            [(installed, slots.map(|s| s.installed)), (download, slots.map(|s| s.download))]
        };
        let [a, b] = pair(Some(self.application), APPLICATION);
        let [c, d] = pair(self.data, DATA);
        let [e, f] = pair(self.second, STAGE);
        let areas = [e, f, a, b, (E::ScratchOffset, self.application.scratch), c, d];
        for (index, (entry, area)) in areas.iter().enumerate() {
            for (other_entry, other) in areas.iter().take(index) {
                if let (Some(area), Some(other)) = (area, other)
                    && area.overlaps(*other)
                {
                    return refuse_with(*entry, *other_entry, Cause::Overlap(*area, *other));
                }
            }
        }
        Ok(())
    }

    /// The trailer holds the status of a swap beside the TLVs.
    fn trailer(&self, product: &Product) -> Checked {
        let slots = &self.application;
        let status = match product.update {
            UpdateMode::Swap => {
                slots.max_sectors.checked_mul(3).and_then(|entries| entries.checked_mul(product.align()))
            }
            UpdateMode::Overwrite => Some(0),
        };
        let least = status.and_then(|status| status.checked_add(TRAILER_INFO + TLV_ROOM)).unwrap_or(u32::MAX);
        if slots.trailer.bytes() < least {
            return refuse(E::Trailer, Cause::TrailerTooSmall(slots.trailer, Size::new(least)));
        }
        multiple(E::Trailer, slots.trailer.bytes(), Size::new(16))
    }
}

/// What all slots of a kind have in common.
struct Shape {
    flash: Region,
    header: Size,
    trailer: Size,
    sector: Size,
    swaps: bool,
}

impl Shape {
    fn area(&self, extent: Extent, offset: E, size: E) -> Checked<Region> {
        multiple(offset, extent.offset, self.sector)?;
        multiple(size, extent.size, self.sector)?;
        inside(extent, self.flash, size)
    }

    /// The entry that asks for so much of a slot that nothing fits any more, where something would with the defaults.
    fn greedy(&self, slot: Size) -> Option<(E, Size)> {
        let usual = IMAGE_HEADER.bytes() + TRAILER.bytes() + ERASE_UNIT.bytes();
        let beyond = |size: Size, usual: Size| size.bytes().saturating_sub(usual.bytes());
        let (header, trailer) = (beyond(self.header, IMAGE_HEADER), beyond(self.trailer, TRAILER));
        match (slot.bytes() >= usual, header.max(trailer)) {
            (false, _) | (true, 0) => None,
            (true, most) if most == header => Some((E::Header, self.header)),
            (true, _) => Some((E::Trailer, self.trailer)),
        }
    }

    fn pair(&self, pair: SlotPair, entries: PairEntries) -> Checked<ImageSlots> {
        let [installed_offset, installed_size, download_offset, download_size] = entries;
        let installed = self.area(pair.installed, installed_offset, installed_size)?;
        let download = self.area(pair.download, download_offset, download_size)?;
        let (one, other) = (installed.size(), download.size());
        if one != other {
            return refuse_with(download_size, installed_size, Cause::SizesDiffer(other, one));
        }
        let least = self.header.checked_add(self.trailer).and_then(|size| size.checked_add(ERASE_UNIT));
        let least = least.unwrap_or(Size::new(u32::MAX));
        if one < least {
            if let Some((entry, taken)) = self.greedy(one) {
                return refuse_with(entry, installed_size, Cause::NoRoom(taken, one));
            }
            let cause = match installed_size {
                E::DataInstalledSize => Cause::DataTooSmall(one, least),
                _ => Cause::TooSmall(one, least),
            };
            return refuse(installed_size, cause);
        }
        // ST's projects say 33 wherever it is not more; it only counts where images are swapped.
        let sectors = one.bytes().checked_div(self.sector.bytes()).unwrap_or(0).saturating_add(1);
        let max_sectors = if self.swaps { sectors.max(ST_MAX_SECTORS) } else { ST_MAX_SECTORS };
        Ok(ImageSlots {
            installed,
            download,
            scratch: None,
            header: self.header,
            trailer: self.trailer,
            sector: self.sector,
            max_sectors,
        })
    }
}

/// What a swap moves at a time: a 64 KB block of the NOR if scratch area and slots consist of such, else 4 KB.
fn swap_sector(product: &Product, scratch: Option<Extent>) -> Size {
    let Some(scratch) = scratch else { return ERASE_UNIT };
    let SlotPair { installed, download } = product.slots;
    let blocks = [scratch, installed, download].iter().all(|area| {
        Size::new(area.size).is_multiple_of(BLOCK) && Size::new(area.offset).is_multiple_of(BLOCK)
    });
    if blocks { BLOCK } else { ERASE_UNIT }
}

/// The product's own stage, and where STiRoT loads what it loads.
fn stage(product: &Product, slots: &Slots) -> Checked<(Option<Stage>, Option<Region>)> {
    let loaded = |slots: ImageSlots, entry: E| {
        let size = slots.installed.size();
        match region(STIROT_LOAD.start().value(), Extent::new(0, size.bytes())) {
            Some(area) if STIROT_LOAD.contains_region(area) => Ok(area),
            _ => refuse(entry, Cause::InternalRam(size, STIROT_LOAD.size())),
        }
    };
    let code_room = product.code_room.map_or(BOOT_CODE_GATE, Size::new);
    if code_room > BOOT_CODE_MAX {
        return refuse(E::CodeRoom, Cause::StageTooLarge(code_room, BOOT_CODE_MAX));
    }
    multiple(E::CodeRoom, code_room.bytes(), SECTOR)?;
    if code_room.bytes() == 0 {
        return refuse(E::CodeRoom, Cause::StageTooLarge(code_room, BOOT_CODE_MAX));
    }
    let ram = map::STAGE_RAM;
    let exit_stack = mpu::OPEN_AHB_SRAM2.end();
    match (product.boot, slots.second) {
        (BootPath::Stirot, _) => Ok((None, Some(loaded(slots.application, E::InstalledSize)?))),
        (BootPath::StirotOemurot, Some(second)) => {
            let room = loaded(second, E::StageInstalledSize)?;
            let needed =
                code_room.checked_add(IMAGE_HEADER).and_then(|size| size.checked_add(STIROT_TRAILER));
            let code = room.skip(IMAGE_HEADER).and_then(|rest| Region::checked(rest.start(), code_room));
            match (needed, code) {
                (Some(needed), Some(code)) if needed <= room.size() => {
                    Ok((Some(Stage { level: Hdpl::Level2, room, code, ram, exit_stack }), Some(room)))
                }
                (needed, _) => {
                    let needed = needed.unwrap_or(code_room);
                    refuse_with(E::StageInstalledSize, E::CodeRoom, Cause::TooSmall(room.size(), needed))
                }
            }
        }
        _ => {
            let room = inside(Extent::new(0, code_room.bytes()), FLASH, E::CodeRoom)?;
            Ok((Some(Stage { level: Hdpl::Level1, room, code: room, ram, exit_stack }), None))
        }
    }
}

/// Where the application runs, header included.
fn run(product: &Product, ram: Option<Region>, slots: &Slots, load: Option<Region>) -> Checked<Region> {
    let installed = slots.application.installed;
    let size = installed.size();
    let whole = Extent::new(0, size.bytes());
    match (product.boot, product.place) {
        (BootPath::Stirot, _) => Ok(load.unwrap_or(STIROT_LOAD)),
        (_, Place::ExternalFlash) => Ok(installed),
        (_, Place::ExternalRam) => match ram {
            Some(ram) => inside(whole, ram, E::InstalledSize),
            None => refuse_with(E::Execute, E::RamSize, Cause::NoMemory),
        },
        (_, Place::InternalRam) => {
            let area = match region(OEMIROT_LOAD.start().value(), whole) {
                Some(area) if OEMIROT_LOAD.contains_region(area) => area,
                _ => return refuse(E::InstalledSize, Cause::InternalRam(size, OEMIROT_LOAD.size())),
            };
            match load {
                Some(stage) if stage.overlaps(area) => {
                    refuse_with(E::StageInstalledSize, E::InstalledSize, Cause::Overlap(stage, area))
                }
                _ => Ok(area),
            }
        }
    }
}

/// What the application's linker gets.
fn application(product: &Product, run: Region, ram: Option<Region>, slots: &Slots) -> Checked<Application> {
    let ImageSlots { header, trailer, .. } = slots.application;
    let code = run.skip(header).and_then(|rest| {
        let size = rest.size().checked_sub(trailer)?;
        Region::checked(rest.start(), size)
    });
    let Some(code) = code else {
        return refuse(E::InstalledSize, Cause::TooSmall(run.size(), header));
    };
    let area = match product.application_ram {
        None if product.open == Open::Sram && !run.overlaps(map::APPLICATION_RAM) => map::APPLICATION_RAM,
        None if product.open == Open::Sram => DTCM,
        None => product.open.area(),
        Some(wanted) => {
            multiple(E::ApplicationRamStart, wanted.window, Size::new(8))?;
            multiple(E::ApplicationRamSize, wanted.size, Size::new(8))?;
            let area = region(wanted.window, Extent::new(0, wanted.size));
            let ahb = Region::between(AHB_SRAM1.start().value(), AHB_SRAM2.end().value());
            let memories = [Some(DTCM), Some(AXI_SRAM), Some(ahb), ram];
            let found = |area: &Region| {
                area.size().bytes() != 0
                    && memories.iter().flatten().any(|memory| memory.contains_region(*area))
            };
            match area.filter(found) {
                Some(area) => area,
                None => {
                    return refuse(E::ApplicationRamSize, Cause::Outside(area, nearest(wanted.window, ram)));
                }
            }
        }
    };
    if area.overlaps(RESERVED) {
        return refuse(E::ApplicationRamSize, Cause::Reserved(area, RESERVED));
    }
    if area.overlaps(run) {
        return refuse_with(E::ApplicationRamStart, E::Execute, Cause::Overlap(area, run));
    }
    let opened = product.open.area();
    let external = if product.boot.has_own_stage() { ram } else { None };
    let is_open = opened.contains_region(area) || external.is_some_and(|ram| ram.contains_region(area));
    if !is_open {
        return refuse_with(E::ApplicationRamStart, E::ApplicationOpen, Cause::Closed(area, opened));
    }
    Ok(Application { run, code, ram: area })
}

/// The memory that an address is meant to be in.
fn nearest(address: u32, ram: Option<Region>) -> Region {
    let address = crate::Address::new(address);
    let ahb = Region::between(AHB_SRAM1.start().value(), AHB_SRAM2.end().value());
    let memories = [Some(DTCM), Some(AXI_SRAM), Some(ahb), ram];
    memories.into_iter().flatten().find(|memory| memory.contains(address)).unwrap_or(DTCM)
}

fn images(
    product: &Product,
    slots: &Slots,
    run: Region,
    load: Option<Region>,
) -> (ImageOptions, Option<ImageOptions>) {
    let stirot = match (slots.stirot, load) {
        (Some(slots), Some(load)) => Some(ImageOptions::stirot(product, load, slots.download)),
        _ => None,
    };
    let application = &slots.application;
    let own = ImageOptions::own(product, run, application.download, application.max_sectors);
    match stirot {
        Some(image) if product.boot == BootPath::Stirot => (image, stirot),
        _ => (own, stirot),
    }
}

/// The code of the stage as the MPU sees it: all of user flash as in ST's table, or where the second stage was loaded.
const fn executable(product: &Product, stage: &Stage) -> Region {
    match product.boot {
        BootPath::Oemirot => STAGE_IN_FLASH,
        _ => stage.room,
    }
}

/// The entry that an MPU region comes from.
fn blame(what: Unexpressible, product: &Product, hand_off: bool) -> Refusal {
    let entry = match (what.number, hand_off) {
        (1, true) => E::FlashSize,
        (1, false) => E::ScratchSize,
        (2, true) => E::RamSize,
        (3, _) => E::DownloadSize,
        (4, _) => E::DataInstalledSize,
        (6, _) => match product.boot {
            BootPath::Oemirot => E::CodeRoom,
            _ => E::StageInstalledSize,
        },
        (7, _) => E::DataDownloadSize,
        _ => E::InstalledSize,
    };
    Refusal::of(entry, Cause::Mpu(what))
}

const _: () = {
    assert!(BLOCK.is_multiple_of(ERASE_UNIT));
};
