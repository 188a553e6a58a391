//! Whether slots suit a mode, and how large an image may be in them.

use ironroot_image::trailer::{Mode, TrailerLayout};

use super::flash::{Flash, MAX_WRITE_SIZE, boundaries};
use super::{ImageConfig, built_in};

/// What follows from the sector maps of a pair of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes that one step of swap-move and swap-offset handles: the largest sector.
    pub unit: u32,
    /// Where the first sector begins, in either slot, that has a byte of the trailer in it.
    pub trailers: u32,
    /// The largest image, TLVs included.
    pub max_size: u32,
}

/// The trailers and the geometry of a pair of slots, or `None` if they do not suit the mode.
pub(crate) fn geometry(
    primary: &dyn Flash,
    secondary: &dyn Flash,
    scratch: Option<&dyn Flash>,
    config: &ImageConfig,
) -> Option<(TrailerLayout, Geometry)> {
    built_in(config.mode)?;
    let mode = super::ONLY.unwrap_or(config.mode);
    let mut areas = [Some(primary), Some(secondary), None];
    let mut entry = primary.write_size();
    // The scratch area holds status entries only where there is a swap through it.
    if mode == Mode::SwapScratch {
        entry = entry.max(scratch?.write_size());
        areas = [Some(primary), Some(secondary), scratch];
    }
    let layout = TrailerLayout::new(mode, entry, config.max_align, config.max_sectors, config.saved_keys)?;
    for flash in areas.into_iter().flatten() {
        // A field is one cell of max_align; units of another field in it would be written twice.
        let write_size = flash.write_size();
        let aligned = flash.size().is_multiple_of(config.max_align) && write_size.is_power_of_two();
        if !aligned || write_size > config.max_align || write_size > MAX_WRITE_SIZE {
            return None;
        }
    }
    let room = primary.size().min(secondary.size()).checked_sub(layout.size())?;
    let mut geometry = Geometry { unit: 0, trailers: 0, max_size: room };
    match mode {
        Mode::OverwriteOnly | Mode::RamLoad => {}
        Mode::SwapMove | Mode::SwapOffset => {
            let unit = unit(primary, secondary)?;
            // Neither slot's trailer may share a unit with what is moved.
            let units = |flash: &dyn Flash| flash.size().checked_sub(layout.size())?.checked_div(unit);
            let (first, second) = (units(primary)?, units(secondary)?);
            // One more unit of the primary, or of the secondary slot, is where the other half of the pair is moved to.
            let units = match mode {
                Mode::SwapMove => first.checked_sub(1)?.min(second),
                _ => first.min(second.checked_sub(1)?),
            };
            // The status has room for so many.
            geometry.max_size = units.min(config.max_sectors).checked_mul(unit)?;
            geometry.unit = unit;
        }
        Mode::SwapScratch => {
            if primary.size() != secondary.size() || primary.sector_count() > config.max_sectors {
                return None;
            }
            let trailer = |flash| boundaries(flash, flash, 0, room).map(|(_, last)| last);
            geometry.trailers = trailer(primary)?.min(trailer(secondary)?);
            // Every step fits the scratch area. The last one may be large enough for everything that shares sectors with
            // the trailers; else an image ends where they begin.
            let first = group_start(primary, secondary, scratch?, primary.size())?;
            let mut end = first;
            while end != 0 {
                end = group_start(primary, secondary, scratch?, end)?;
            }
            if first > geometry.trailers {
                geometry.max_size = boundaries(primary, secondary, 0, geometry.trailers)?.1;
            }
        }
    }
    // Less than a header is no slot.
    (geometry.max_size > 32).then_some((layout, geometry))
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

/// Where the step of swap-scratch that ends at `end` begins: as many sectors as the scratch area holds, but whole ones of
/// both slots.
pub(crate) fn group_start(
    primary: &dyn Flash,
    secondary: &dyn Flash,
    scratch: &dyn Flash,
    end: u32,
) -> Option<u32> {
    let lowest = end.saturating_sub(scratch.size());
    boundaries(primary, secondary, lowest, end.checked_sub(1)?).map(|(first, _)| first)
}
