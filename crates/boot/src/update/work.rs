//! One image's slots at work.

use ironroot_crypto::ContentKeys;
use ironroot_image::trailer::{Mode, TrailerLayout};
use ironroot_image::{Image, Limits};

use super::areas::{Area, Areas};
use super::cipher::{CIPHERS, Ciphers};
use super::flash::Flash;
use super::judge::Facts;
use super::layout::Geometry;
use super::plan::Plan;
use super::trailer::Kind;
use super::{ImageConfig, ImageSlots};

/// The areas of one image and everything that a step needs.
pub(crate) struct Work<'e> {
    pub areas: Areas<'e>,
    /// With the policy as it is at this boot.
    pub config: &'e mut ImageConfig,
    pub geometry: Geometry,
    /// The number of the image.
    pub image: u8,
    pub buffer: &'e mut [u8],
    pub keys: &'e dyn ContentKeys,
    /// The swap that is worked on.
    pub plan: Plan,
    /// The ciphers of its old and its new image.
    pub ciphers: Ciphers,
    /// The old image is damaged, and with it the knowledge of how to encrypt it: it is left out, because it must not be
    /// plain in the secondary slot.
    pub drop_old: bool,
}

impl<'e> Work<'e> {
    /// The work on the image of these slots; `None` if they do not suit its mode. Without
    /// buffer, of which there is one for all images.
    pub fn new(
        slots: &'e mut ImageSlots<'_>,
        scratch: Option<&'e mut dyn Flash>,
        keys: &'e dyn ContentKeys,
    ) -> Option<Self> {
        let ImageSlots { primary, secondary, config } = slots;
        if config.mode == Mode::RamLoad {
            return None;
        }
        let flash = [Some(&mut **primary as &mut dyn Flash), Some(&mut **secondary), scratch];
        let (areas, geometry) = Areas::new(flash, config)?;
        Some(Self {
            areas,
            config,
            geometry,
            image: 0,
            buffer: &mut [],
            keys,
            plan: Plan::NONE,
            ciphers: [const { None }; CIPHERS],
            drop_old: false,
        })
    }

    pub fn layout(&self) -> &TrailerLayout {
        &self.areas.layout
    }

    /// How the image is updated.
    pub fn mode(&self) -> Mode {
        super::ONLY.unwrap_or(self.areas.layout.mode())
    }

    /// Whether images are exchanged, so that there is a way back.
    pub fn swaps(&self) -> bool {
        self.mode().swaps()
    }

    /// What bounds the images of these slots.
    pub fn limits(&self) -> Limits {
        Limits { max_size: self.geometry.max_size, dialect: self.config.dialect }
    }

    /// Where an image in the secondary slot begins that is there for this kind of swap.
    pub fn secondary_offset(&self, kind: Kind) -> u32 {
        if self.mode() == Mode::SwapOffset && kind != Kind::Revert { self.geometry.unit } else { 0 }
    }

    /// The image in a slot, if there is one. Not verified.
    pub fn facts(&self, area: Area, offset: u32) -> Option<Facts> {
        let view = self.areas.view(area, offset);
        match &Image::parse_dyn(&view, self.limits()) {
            Ok(image) => Some(Facts::of(image, 0)),
            Err(_) => None,
        }
    }
}
