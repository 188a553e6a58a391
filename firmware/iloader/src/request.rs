//! The request, read once and checked: what does not hold is no request.

use ironroot_hal::nor;
use ironroot_hal::reg::RamWindow;
use ironroot_hal::window::Window;
use ironroot_layout::stm32h7rs::chip::{AXI_SRAM, Part};
use ironroot_layout::stm32h7rs::iloader::{Operation, erase, save, word};
use ironroot_layout::{Address, Region, Size};

/// The slot that code is in; data is not supported.
const CODE: u32 = 0;
const STEPS: u32 = save(CODE) | erase(CODE);

/// Whole subsectors of the external flash, by their offset.
pub struct Area {
    /// From the start of the memory.
    pub start: u32,
    /// Bytes.
    pub size: u32,
}

impl Area {
    fn at(address: u32, size: u32) -> Option<Self> {
        let window = Part::Stm32h7s7.external_flash();
        let region = Region::checked(Address::new(address), Size::new(size))?;
        let start = address.checked_sub(window.start().value())?;
        let end = start.checked_add(size)?;
        let whole =
            start.is_multiple_of(nor::SUBSECTOR.bytes()) && size.is_multiple_of(nor::SUBSECTOR.bytes());
        (window.contains_region(region) && end <= 1 << nor::BITS && whole).then_some(Self { start, size })
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.start.saturating_add(other.size)
            && other.start < self.start.saturating_add(self.size)
    }
}

/// What STiRoT asks for.
pub enum Request {
    /// Copy an image to RAM.
    Load {
        /// Where to.
        ram: Window,
        /// The installed image.
        primary: Area,
        /// The download.
        secondary: Area,
    },
    /// Install what is in RAM.
    Update {
        /// Where the image is.
        ram: Window,
        /// Where it goes.
        primary: Area,
        /// The download.
        secondary: Area,
        /// Whether it goes there.
        save: bool,
        /// Whether the download is erased.
        erase: bool,
    },
}

impl Request {
    /// From the shared structure. `None` if it is no request, or one for what lies elsewhere.
    pub fn read(shared: RamWindow) -> Option<Self> {
        let get = |index: usize| shared.read(index as u32);
        let (operation, steps) = (get(word::OPERATION), get(word::SUB_OPERATIONS));
        let (ram, size) = (get(word::RAM_START), get(word::SIZE));
        let (primary, secondary) = (get(word::PRIMARY), get(word::SECONDARY));

        let ram = Region::checked(Address::new(ram), Size::new(size))?;
        if size == 0 || !AXI_SRAM.contains_region(ram) || !ram.start().is_aligned(Size::new(4)) {
            return None;
        }
        let ram = Window::new(ram)?;
        let (primary, secondary) = (Area::at(primary, size)?, Area::at(secondary, size)?);
        if primary.overlaps(&secondary) {
            return None;
        }
        if operation == Operation::Load as u32 {
            Some(Self::Load { ram, primary, secondary })
        } else if operation == Operation::Update as u32 && steps & STEPS != 0 && steps & !STEPS == 0 {
            let (save, erase) = (steps & save(CODE) != 0, steps & erase(CODE) != 0);
            Some(Self::Update { ram, primary, secondary, save, erase })
        } else {
            None
        }
    }
}
