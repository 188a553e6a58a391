//! Whether slots suit a mode, and how large an image may be in them.

use ironroot_codes::boot as codes;
use ironroot_image::trailer::{Mode, TrailerLayout};

use super::areas::{Area, Areas};
use super::flash::{Flash, MAX_WRITE_SIZE};
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

impl<'e> Areas<'e> {
    /// The areas of an image, with their geometry; `None` if they do not suit its mode.
    pub fn new(flash: [Option<&'e mut dyn Flash>; 3], config: &ImageConfig) -> Option<(Self, Geometry)> {
        built_in(config.mode)?;
        let mode = super::ONLY.unwrap_or(config.mode);
        let mut entry = 0;
        for (index, flash) in flash.iter().enumerate() {
            // The scratch area holds status entries only where there is a swap through it.
            if index == Area::Scratch as usize && mode != Mode::SwapScratch {
                break;
            }
            // A field is one cell of max_align; units of another field in it would be written twice.
            let flash = flash.as_deref()?;
            let unit = flash.write_size();
            let aligned = flash.size() & config.max_align.wrapping_sub(1) == 0 && unit.is_power_of_two();
            if !aligned || unit > config.max_align || unit > MAX_WRITE_SIZE {
                return None;
            }
            if index != Area::Secondary as usize {
                entry = unit.max(entry);
            }
        }
        let layout =
            TrailerLayout::new(mode, entry, config.max_align, config.max_sectors, config.saved_keys)?;
        let trailer = layout.size();
        let mut areas = Self { flash, layout, failed: None };
        let (size, other) = (areas.size(Area::Primary), areas.size(Area::Secondary));
        let room = size.min(other).checked_sub(trailer)?;
        let mut geometry = Geometry { unit: 0, trailers: 0, max_size: room };
        match mode {
            Mode::OverwriteOnly | Mode::RamLoad => {}
            Mode::SwapMove | Mode::SwapOffset => {
                let [Some(primary), Some(secondary), _] = &areas.flash else { return None };
                let unit = unit(&**primary, &**secondary)?;
                // Neither slot's trailer may share a unit with what is moved.
                let units = |size: u32| size.checked_sub(trailer)?.checked_div(unit);
                let (first, second) = (units(size)?, units(other)?);
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
                let sectors = areas.flash.first()?.as_deref()?.sector_count();
                if size != other || sectors > config.max_sectors {
                    return None;
                }
                let (_, first) = areas.boundaries(Area::Primary, Area::Primary, 0, room);
                let (_, second) = areas.boundaries(Area::Secondary, Area::Secondary, 0, room);
                geometry.trailers = first.min(second);
                // Every step fits the scratch area. The last one may be large enough for everything that shares sectors with
                // the trailers; else an image ends where they begin.
                if areas.group_start(size) > geometry.trailers {
                    let trailers = geometry.trailers;
                    geometry.max_size = areas.boundaries(Area::Primary, Area::Secondary, 0, trailers).1;
                }
                let mut end = size;
                while end != 0 {
                    end = areas.group_start(end);
                }
            }
        }
        geometry.max_size = geometry.max_size.min(config.max_size.unwrap_or(u32::MAX));
        // Less than a header is no slot.
        (geometry.max_size > 32 && areas.are_well()).then_some((areas, geometry))
    }

    /// Where the step of swap-scratch that ends at `end` begins: as many sectors as the scratch area holds, but whole ones of
    /// both slots.
    pub fn group_start(&mut self, end: u32) -> u32 {
        let lowest = end.saturating_sub(self.size(Area::Scratch));
        let (start, _) = self.boundaries(Area::Primary, Area::Secondary, lowest, end);
        if start < end {
            return start;
        }
        self.fail(codes::UPDATE_LAYOUT);
        0
    }
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
