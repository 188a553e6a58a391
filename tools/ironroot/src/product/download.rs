//! Images for the download slots of a product: what `provision` installs at first, and `vdev install` as an update.
//!
//! What can be seen without a key is checked here: that the image is for this slot, this boot path and this header, that it is
//! whole, and that it fits beside the trailer. Signature, version and encryption are judged by whoever has the keys.

use std::path::Path;

use ironroot_codes::{input as input_codes, project as codes};
use ironroot_image::trailer::{MAGIC_LEN, Mode, SavedKeys, TrailerLayout};
use ironroot_image::{Dialect, Image, Limits};
use ironroot_layout::stm32h7rs::ERASED;
use ironroot_layout::stm32h7rs::product::{BootPath, ImageFor, ImageOptions, ImageSlots, Plan};

use crate::error::{Failure, Result};
use crate::input::{self, Format};

/// The write size and the largest alignment of the trailers of our boot stages.
const TRAILER_ALIGN: u32 = 8;
/// Room of an encrypted content key in a trailer.
const SEALED_KEY: u16 = 113;

/// One kind of image that a product has, and where its updates go.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    /// What it is called.
    pub name: &'static str,
    /// How its images are made.
    pub options: ImageOptions,
    /// Its slots.
    pub slots: ImageSlots,
}

/// An image that can lie in the download slot.
#[derive(Debug)]
pub struct Content {
    /// The bytes from the start of the slot, as far as the file has any.
    pub bytes: Vec<u8>,
    /// Its structure.
    pub image: Image,
}

impl Download {
    /// Of the application.
    pub fn application(plan: &Plan) -> Self {
        let slots = match plan.product.boot {
            BootPath::Stirot => plan.stirot_slots.unwrap_or(plan.slots),
            BootPath::Oemirot | BootPath::StirotOemurot => plan.slots,
        };
        Self { name: "application", options: plan.image, slots }
    }

    /// Of the second stage, if the product has one.
    pub fn second_stage(plan: &Plan) -> Option<Self> {
        match (plan.product.boot, plan.stirot_image, plan.stirot_slots) {
            (BootPath::StirotOemurot, Some(options), Some(slots)) => {
                Some(Self { name: "second stage", options, slots })
            }
            _ => None,
        }
    }

    /// The format of its images.
    pub fn dialect(&self) -> Dialect {
        match self.options.verifier {
            ImageFor::Stirot => Dialect::StirotH7s,
            ImageFor::OwnStage => Dialect::St,
        }
    }

    /// The trailer of its slots; `None` where STiRoT installs, which has no requests.
    pub fn trailer(&self) -> Result<Option<TrailerLayout>> {
        if self.options.verifier == ImageFor::Stirot {
            return Ok(None);
        }
        let (mode, keys) = match self.options.overwrite_only {
            true => (Mode::OverwriteOnly, SavedKeys::None),
            false => (Mode::SwapScratch, SavedKeys::Sealed(SEALED_KEY)),
        };
        let layout = TrailerLayout::new(mode, TRAILER_ALIGN, TRAILER_ALIGN, self.options.max_sectors, keys);
        layout.map(Some).ok_or_else(|| Failure::internal("the trailer of the product's slots cannot be"))
    }

    /// The slot as messages name it.
    fn slot(&self) -> String {
        format!("the download slot of the {} ({})", self.name, self.slots.download)
    }

    fn too_large(&self, bytes: u64) -> Failure {
        let slot = self.slots.download.size();
        let cause = format!("the image has {bytes:#x} bytes, {} has {:#x}", self.slot(), slot.bytes());
        Failure::new(input_codes::IMAGE_TOO_LARGE, cause)
    }

    /// The image in `file`, which is binary or Intel HEX; `path` is for its ending.
    pub fn content(&self, path: &Path, file: &[u8]) -> Result<Content> {
        let refuse = |cause: String| Err(Failure::new(codes::PROVISION_IMAGE, cause));
        let parsed = input::parse(path, file)?;
        let start = match parsed.format {
            Format::Raw => 0,
            Format::Elf => return refuse("it is an ELF file, not an image".to_owned()),
            Format::Hex => {
                let first = parsed.pieces.first().map_or(0, |piece| piece.address);
                let wanted = self.slots.download.start().value();
                if first != wanted {
                    return refuse(format!("it begins at {first:#010x}, and {} does not", self.slot()));
                }
                first
            }
        };
        let mut bytes = Vec::new();
        for piece in &parsed.pieces {
            // Pieces rise, and the first is at `start`.
            let offset = piece.address.wrapping_sub(start) as usize;
            let end = piece.end().saturating_sub(start.into());
            if end > self.slots.download.size().bytes().into() {
                return Err(self.too_large(end));
            }
            if bytes.len() < end as usize {
                bytes.resize(end as usize, ERASED);
            }
            if let Some(place) = bytes.get_mut(offset..end as usize) {
                place.copy_from_slice(&piece.bytes);
            }
        }
        self.belongs(&bytes)?;
        let limits = Limits { max_size: u32::MAX, dialect: self.dialect() };
        let image = Image::parse(bytes.as_slice(), limits)
            .map_err(|error| Failure::new(error.code(), error.to_string()))?;
        // Not the plan's room at the end of a slot, which holds the TLVs too: what the boot stage itself keeps free.
        let trailer = self.trailer()?.map_or(MAGIC_LEN, |layout| layout.size());
        let room = self.slots.download.size().bytes().saturating_sub(trailer);
        if image.size() > room {
            let cause = format!(
                "the image has {:#x} bytes, {} has room for {room:#x} beside the trailer",
                image.size(),
                self.slot()
            );
            return Err(Failure::new(input_codes::IMAGE_TOO_LARGE, cause));
        }
        Ok(Content { bytes, image })
    }

    /// Magic and header are those of the boot path: what is for another is not taken for damaged.
    fn belongs(&self, bytes: &[u8]) -> Result {
        let refuse = |cause: String| Err(Failure::new(codes::PROVISION_IMAGE, cause));
        let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let magic = self.options.magic.unwrap_or_else(|| self.dialect().magic());
        if word(0) != Some(magic) {
            let found = word(0).map_or("nothing".to_owned(), |found| format!("{found:#010x}"));
            return refuse(format!(
                "it begins with {found}; an image for this boot path begins with {magic:#010x}"
            ));
        }
        let header = word(8).unwrap_or(0) & 0xFFFF;
        if header != self.options.header {
            return refuse(format!(
                "its header has {header:#x} bytes, the product's {:#x}",
                self.options.header
            ));
        }
        Ok(())
    }
}
