//! The slots of a board as the update engine and its applications see them: read only, words that fail ECC included.

use ironroot_boot::stm32h735::{EXTERNAL_TRAILER, TRAILER};
use ironroot_boot::update::{Flag, Kind, Magic, Trailer, TrailerLayout, app};
use ironroot_boot::{Flash, FlashError, Sector};
use ironroot_chip::Board;
use ironroot_chip::flash::ecc::Damage;
use ironroot_image::{Dialect, Image, Limits};
use ironroot_layout::Slot;
use ironroot_layout::stm32h735::{
    ERASED, EXTERNAL_SECONDARY_SLOT, EXTERNAL_SECTOR, EXTERNAL_SLOT, FLASH, FLASH_WORD, SECONDARY_SLOT,
    SECTOR, SLOT,
};
use serde_json::{Value, json};

/// A slot of a board.
pub struct Place {
    /// Number of the image that it is for.
    pub image: u8,
    /// `primary` or `secondary`.
    pub name: &'static str,
    /// Where it is.
    pub slot: Slot,
    /// Its trailer.
    pub trailer: TrailerLayout,
    /// Where in the slot the image begins: swap with offset finds an update in the second sector.
    pub offset: u32,
}

/// Every slot: images 0 and 1, primary and secondary.
pub const PLACES: [Place; 4] = [
    Place { image: 0, name: "primary", slot: SLOT, trailer: TRAILER, offset: 0 },
    Place { image: 0, name: "secondary", slot: SECONDARY_SLOT, trailer: TRAILER, offset: 0 },
    Place { image: 1, name: "primary", slot: EXTERNAL_SLOT, trailer: EXTERNAL_TRAILER, offset: 0 },
    Place {
        image: 1,
        name: "secondary",
        slot: EXTERNAL_SECONDARY_SLOT,
        trailer: EXTERNAL_TRAILER,
        offset: EXTERNAL_SECTOR.bytes(),
    },
];

impl Place {
    /// The largest image, with its TLVs, that can be updated in this slot.
    pub fn limits(&self) -> Limits {
        // In the external flash a sector of the slot is spent on the swap.
        let spare = if self.image == 1 { EXTERNAL_SECTOR.bytes() } else { 0 };
        let taken = self.trailer.size().saturating_add(spare);
        Limits { max_size: self.slot.region.size().bytes().saturating_sub(taken), dialect: Dialect::Mcuboot }
    }

    /// What is in it: the image's version and what the trailer asks for. `None` for a slot without either.
    pub fn describe(&self, board: &Board) -> Option<(String, Value)> {
        let area = Area { board, slot: self.slot };
        let image = Image::parse(&area.view(self.offset), self.limits()).ok();
        let trailer = app::state(&area, &self.trailer).ok();
        let asked = trailer.as_ref().and_then(|trailer| asked(self.name, trailer));
        if image.is_none() && asked.is_none() {
            return None;
        }
        let version = image.as_ref().map(|image| image.header().version.to_string());
        let counter = image.as_ref().and_then(|image| image.security_counter());
        let bytes = image.as_ref().map(|image| image.unprotected().end);
        let what = match (&version, bytes) {
            (Some(version), Some(bytes)) => format!("version {version}, {bytes} bytes"),
            _ => "no image".to_owned(),
        };
        let text = format!("{what}{}", asked.map(|asked| format!(", {asked}")).unwrap_or_default());
        let data = json!({
            "image": self.image,
            "slot": self.name,
            "address": self.slot.region.start().value(),
            "version": version,
            "bytes": bytes,
            "security_counter": counter,
            "state": asked,
        });
        Some((text, data))
    }
}

/// What a trailer means in its slot.
fn asked(slot: &str, trailer: &Trailer) -> Option<&'static str> {
    if slot == "secondary" {
        return match app::requested(trailer) {
            Some(Kind::Test) => Some("requested for a trial"),
            Some(Kind::Permanent) => Some("requested for good"),
            Some(Kind::Revert) => Some("requested as the way back"),
            None => None,
        };
    }
    match (trailer.magic, trailer.copy_done, trailer.image_ok) {
        (Magic::Unset, ..) => None,
        (Magic::Bad, ..) => Some("with a damaged trailer"),
        (Magic::Good, Flag::Set, Flag::Set) => Some("updated and confirmed"),
        (Magic::Good, Flag::Set, _) => Some("on trial, not confirmed"),
        (Magic::Good, _, Flag::Set) => Some("confirmed"),
        (Magic::Good, ..) => Some("in the middle of a swap"),
    }
}

struct Area<'a> {
    board: &'a Board,
    slot: Slot,
}

impl Area<'_> {
    fn view(&self, offset: u32) -> ironroot_boot::update::View<'_> {
        ironroot_boot::update::View::new(self, offset)
    }

    fn is_internal(&self) -> bool {
        FLASH.contains_region(self.slot.region)
    }
}

impl Flash for Area<'_> {
    fn size(&self) -> u32 {
        self.slot.region.size().bytes()
    }

    fn write_size(&self) -> u32 {
        FLASH_WORD.bytes()
    }

    fn erased_value(&self) -> u8 {
        ERASED
    }

    fn sector_count(&self) -> u32 {
        let sector = if self.is_internal() { SECTOR } else { EXTERNAL_SECTOR };
        self.size() / sector.bytes()
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        let size = self.size() / self.sector_count();
        (index < self.sector_count()).then(|| Sector { offset: index * size, size })
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        let length = u32::try_from(buffer.len()).map_err(|_| FlashError::OutOfBounds)?;
        let end = offset.checked_add(length).filter(|end| *end <= self.size());
        let end = end.ok_or(FlashError::OutOfBounds)?;
        if !self.is_internal() {
            let base = self.slot.region.start().value() & 0x0FFF_FFFF;
            let [flash, _] = self.board.external();
            for (target, at) in buffer.iter_mut().zip(offset..end) {
                *target = flash.byte(base + at);
            }
            return Ok(());
        }
        let base = self.slot.region.start().value() - FLASH.start().value();
        let word = FLASH_WORD.bytes();
        let words = (base + offset) / word..(base + end).div_ceil(word);
        if words.into_iter().any(|word| self.board.ecc().damage(word) == Some(Damage::Double)) {
            return Err(FlashError::Unreadable);
        }
        let stored = self.board.flash().get((base + offset) as usize..(base + end) as usize);
        buffer.copy_from_slice(stored.ok_or(FlashError::OutOfBounds)?);
        Ok(())
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), FlashError> {
        Err(FlashError::Failed)
    }

    fn erase(&mut self, _: u32) -> Result<(), FlashError> {
        Err(FlashError::Failed)
    }
}
