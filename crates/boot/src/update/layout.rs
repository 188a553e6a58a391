//! Whether slots suit a mode, and how large an image may be in them.

use ironroot_image::trailer::{Mode, TrailerLayout};

use super::ImageConfig;
use super::flash::{Flash, MAX_WRITE_SIZE, sector_of};

/// What follows from the sector maps of a pair of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub layout: TrailerLayout,
    /// Bytes that one step of swap-move and swap-offset handles: the largest sector.
    pub unit: u32,
    /// The largest image, TLVs included.
    pub max_size: u32,
}

impl Geometry {
    /// How many units `size` bytes reach into.
    pub fn units(&self, size: u32) -> u32 {
        let last = size.saturating_sub(1).checked_div(self.unit).unwrap_or(0);
        if size == 0 { 0 } else { last.saturating_add(1) }
    }
}

/// The geometry of a pair of slots, or `None` if they do not suit the mode.
pub(crate) fn geometry(
    primary: &dyn Flash,
    secondary: &dyn Flash,
    scratch: Option<&dyn Flash>,
    config: &ImageConfig,
) -> Option<Geometry> {
    let mode = config.mode;
    let scratch = scratch.filter(|_| mode == Mode::SwapScratch);
    // The scratch area holds status entries only where there is a swap through it.
    let entry = match (mode, scratch) {
        (Mode::SwapScratch, Some(scratch)) => primary.write_size().max(scratch.write_size()),
        (Mode::SwapScratch, None) => return None,
        _ => primary.write_size(),
    };
    let layout = TrailerLayout::new(mode, entry, config.max_align, config.max_sectors, config.saved_keys)?;
    for flash in [Some(primary), Some(secondary), scratch].into_iter().flatten() {
        // A field is one cell of max_align; units of another field in it would be written twice.
        let write_size = flash.write_size();
        let aligned = flash.size().is_multiple_of(config.max_align) && write_size.is_power_of_two();
        if !aligned || write_size > config.max_align || write_size > MAX_WRITE_SIZE {
            return None;
        }
    }
    let sizes = (primary.size(), secondary.size());
    let room = sizes.0.min(sizes.1).checked_sub(layout.size())?;
    let (unit, max_size) = match mode {
        Mode::OverwriteOnly | Mode::RamLoad => (0, room),
        Mode::SwapMove | Mode::SwapOffset if cfg!(any(feature = "swap-move", feature = "swap-offset")) => {
            let unit = unit(primary, secondary)?;
            // Neither slot's trailer may share a unit with what is moved.
            let (first, second) =
                (free_units(primary, &layout, unit)?, free_units(secondary, &layout, unit)?);
            // One more unit of the primary, or of the secondary slot, is where the other half of the pair is moved to.
            let units = match mode {
                Mode::SwapMove => first.checked_sub(1)?.min(second),
                _ => first.min(second.checked_sub(1)?),
            };
            // The status has room for so many.
            (unit, units.min(config.max_sectors).checked_mul(unit)?)
        }
        Mode::SwapScratch if cfg!(feature = "swap-scratch") => {
            (0, scratch_max(primary, secondary, scratch?.size(), &layout, room)?)
        }
        Mode::SwapMove | Mode::SwapOffset | Mode::SwapScratch => return None,
    };
    let max_size = max_size.min(config.max_size.unwrap_or(u32::MAX));
    // Less than a header is no slot.
    (max_size > 32).then_some(Geometry { layout, unit, max_size })
}

/// The largest sector of both slots, if its multiples are boundaries of sectors in both.
fn unit(primary: &dyn Flash, secondary: &dyn Flash) -> Option<u32> {
    let mut unit = 0;
    for flash in [primary, secondary] {
        for index in 0..flash.sector_count() {
            unit = unit.max(flash.sector(index)?.size);
        }
    }
    // A sector that lies in one unit from end to end; as sectors have no gaps, every multiple is then a boundary.
    let regular = |flash: &dyn Flash| {
        flash.size().is_multiple_of(unit)
            && (0..flash.sector_count()).filter_map(|index| flash.sector(index)).all(|sector| {
                let last = sector.end().saturating_sub(1);
                sector.size != 0 && sector.offset.checked_div(unit) == last.checked_div(unit)
            })
    };
    (unit != 0 && regular(primary) && regular(secondary)).then_some(unit)
}

/// Whether a sector begins at `offset`, or the area ends there.
pub(crate) fn is_boundary(flash: &dyn Flash, offset: u32) -> bool {
    offset == flash.size() || super::flash::sector_at(flash, offset).is_some()
}

/// How many units of a slot are free of its trailer.
fn free_units(flash: &dyn Flash, layout: &TrailerLayout, unit: u32) -> Option<u32> {
    flash.size().checked_sub(layout.size())?.checked_div(unit)
}

/// Where the first sector begins that has a byte of the trailer in it.
pub(crate) fn trailer_start(flash: &dyn Flash, layout: &TrailerLayout) -> Option<u32> {
    let offset = flash.size().checked_sub(layout.size())?;
    Some(flash.sector(sector_of(flash, offset)?)?.offset)
}

/// The largest image of swap-scratch: up to the trailer if one step moves everything that shares sectors with it, else up
/// to its first sector.
fn scratch_max(
    primary: &dyn Flash,
    secondary: &dyn Flash,
    scratch: u32,
    layout: &TrailerLayout,
    room: u32,
) -> Option<u32> {
    let size = primary.size();
    if size != secondary.size() || primary.sector_count() > layout.max_sectors() {
        return None;
    }
    // Every step fits the scratch area.
    let mut end = size;
    while end != 0 {
        end = group_start(primary, secondary, scratch, end)?;
    }
    let trailers = trailer_start(primary, layout)?.min(trailer_start(secondary, layout)?);
    if group_start(primary, secondary, scratch, size)? <= trailers {
        return Some(room);
    }
    (0..primary.sector_count())
        .filter_map(|index| primary.sector(index))
        .map(|sector| sector.offset)
        .filter(|offset| *offset <= trailers && is_boundary(secondary, *offset))
        .max()
}

/// Where the step that ends at `end` begins: as many sectors as the scratch area holds.
pub(crate) fn group_start(primary: &dyn Flash, secondary: &dyn Flash, scratch: u32, end: u32) -> Option<u32> {
    let last = sector_of(primary, end.checked_sub(1)?)?;
    let mut start = None;
    for index in (0..=last).rev() {
        let offset = primary.sector(index)?.offset;
        if end.checked_sub(offset)? > scratch {
            break;
        }
        if is_boundary(secondary, offset) {
            start = Some(offset);
        }
    }
    start
}

/// Where swap-scratch begins, and whether the first group shares its sectors with the trailers: the end of the last sector,
/// in both slots, that `size` bytes reach into; or the end of the slots, if that sector is one of the trailers'.
pub(crate) fn swap_end(
    primary: &dyn Flash,
    secondary: &dyn Flash,
    layout: &TrailerLayout,
    size: u32,
) -> Option<(u32, bool)> {
    let end = (0..primary.sector_count())
        .filter_map(|index| primary.sector(index))
        .map(super::flash::Sector::end)
        .find(|end| *end >= size && is_boundary(secondary, *end))?;
    let trailers = trailer_start(primary, layout)?.min(trailer_start(secondary, layout)?);
    Some(if end > trailers { (primary.size(), true) } else { (end, false) })
}
