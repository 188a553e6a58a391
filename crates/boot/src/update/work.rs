//! One image's areas, and what is done to them.
//!
//! After the first failure of the flash nothing more is done: writes and erases are left out, reads find nothing. So an
//! operation need not ask whether the one before it failed; [`Work::failed`] is looked at before anything is concluded, and
//! the boot ends with it.

use ironroot_codes::Code;
use ironroot_crypto::ContentKeys;
use ironroot_image::trailer::{Mode, TrailerLayout};

use super::copy::{Cipher, Which};
use super::flash::{self, Flash, FlashError, View, is_blank};
use super::layout::{Geometry, geometry};
use super::plan::Plan;
use super::trailer::{Trailer, read_field, write_field};
use super::{ImageConfig, ImageSlots};

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Area {
    Primary,
    Secondary,
    Scratch,
}

/// The areas of one image and everything that a step needs.
pub(crate) struct Work<'e> {
    /// By [`Area`]. Only swap-scratch has the third.
    pub areas: [Option<&'e mut dyn Flash>; 3],
    pub config: &'e ImageConfig,
    pub geometry: Geometry,
    /// The number of the image.
    pub image: u8,
    pub buffer: &'e mut [u8],
    pub keys: &'e dyn ContentKeys,
    /// The swap that is worked on.
    pub plan: Plan,
    /// The ciphers of its old and its new image.
    pub ciphers: [Option<Cipher>; 2],
    /// The old image is damaged, and with it the knowledge of how to encrypt it: it is left out, because it must not be
    /// plain in the secondary slot.
    pub drop_old: bool,
    /// The first failure.
    pub failed: Option<Code>,
}

impl<'e> Work<'e> {
    /// The work on the image of these slots; `None` if they do not suit its mode. Without scratch
    /// area and buffer, of which there is one for all images.
    pub fn new(
        slots: &'e mut ImageSlots<'_>,
        scratch: Option<&dyn Flash>,
        keys: &'e dyn ContentKeys,
    ) -> Option<Self> {
        let ImageSlots { primary, secondary, config } = slots;
        if config.mode == Mode::RamLoad {
            return None;
        }
        let geometry = geometry(&**primary, &**secondary, scratch, config)?;
        Some(Self {
            areas: [Some(&mut **primary), Some(&mut **secondary), None],
            config,
            geometry,
            image: 0,
            buffer: &mut [],
            keys,
            plan: Plan::NONE,
            ciphers: [None, None],
            drop_old: false,
            failed: None,
        })
    }

    pub fn layout(&self) -> &TrailerLayout {
        &self.geometry.layout
    }

    /// How the image is updated.
    pub fn mode(&self) -> Mode {
        super::ONLY.unwrap_or(self.geometry.layout.mode())
    }

    /// Whether images are exchanged, so that there is a way back.
    pub fn swaps(&self) -> bool {
        self.mode().swaps()
    }

    /// Whether nothing failed so far.
    pub fn is_well(&self) -> bool {
        self.failed.is_none()
    }

    /// Keeps the first failure.
    pub fn fail(&mut self, code: Code) {
        self.failed.get_or_insert(code);
    }

    /// An area, as long as nothing failed.
    pub fn area(&mut self, area: Area) -> Result<&mut dyn Flash, FlashError> {
        if self.failed.is_some() {
            return Err(FlashError::Failed);
        }
        match self.areas.get_mut(area as usize) {
            Some(Some(flash)) => Ok(&mut **flash),
            _ => Err(FlashError::OutOfBounds),
        }
    }

    /// Does something with an area. What fails is as if there were nothing.
    pub fn on<T: Default>(
        &mut self,
        area: Area,
        operation: impl FnOnce(&mut dyn Flash) -> Result<T, FlashError>,
    ) -> T {
        match self.area(area).and_then(operation) {
            Ok(done) => done,
            Err(error) => {
                self.fail(error.code());
                T::default()
            }
        }
    }

    /// A slot from `offset` on, as an image that lies there.
    pub fn view(&self, area: Area, offset: u32) -> Option<View<'_>> {
        let flash = self.areas.get(area as usize)?.as_deref()?;
        Some(View::new(flash, offset))
    }

    pub fn trailer(&mut self, area: Area) -> Trailer {
        let layout = *self.layout();
        self.on(area, |flash| Trailer::read(flash, &layout))
    }

    /// Reads what is `distance` before the end of an area; `false` if it cannot be read.
    pub fn field(&mut self, area: Area, distance: u32, bytes: &mut [u8]) -> bool {
        self.on(area, |flash| read_field(flash, distance, bytes))
    }

    /// Writes what is `distance` before the end of an area, filled up with erased bytes to whole units.
    pub fn write(&mut self, area: Area, distance: u32, bytes: &[u8]) {
        self.on(area, |flash| write_field(flash, distance, bytes));
    }

    /// Erases every sector that has a byte of `len` from `start` on.
    pub fn erase(&mut self, area: Area, start: u32, len: u32) {
        self.on(area, |flash| flash::erase(flash, start, start.saturating_add(len)));
    }

    /// Erases the sectors that the trailer of a slot lies in.
    pub fn erase_trailer(&mut self, area: Area) {
        let len = self.layout().size();
        self.on(area, |flash| {
            let start = flash.size().saturating_sub(len);
            flash::erase(flash, start, u32::MAX)
        });
    }

    /// Whether there is no trace of a trailer.
    pub fn is_trailer_blank(&mut self, area: Area) -> bool {
        let len = self.layout().size();
        self.on(area, |flash| is_blank(flash, flash.size().saturating_sub(len), flash.size()))
    }

    /// How many of the `len` status entries from `first` on are done: the number of the last written one, and one.
    ///
    /// An entry is one write unit, so it is never written twice; it counts as written as soon as it is anything but erased.
    /// An entry that cannot be read was being written, and it is written only when its step is complete.
    pub fn done(&mut self, area: Area, first: u32, len: u32) -> u32 {
        for entry in (0..len).rev() {
            let distance = self.entry(area, first.saturating_add(entry));
            let mut byte = [0];
            let readable = self.field(area, distance, &mut byte);
            if !readable || !self.on(area, |flash| Ok(flash::is_erased(flash, &byte))) {
                return if self.is_well() { entry.saturating_add(1) } else { 0 };
            }
        }
        0
    }

    /// Notes that a step is complete. `state` is what MCUboot writes: which step of its sector it was, from 1.
    pub fn note(&mut self, area: Area, entry: u32, state: u32) {
        let distance = self.entry(area, entry);
        self.write(area, distance, &[state as u8]);
    }

    /// Where a status entry is.
    fn entry(&self, area: Area, entry: u32) -> u32 {
        let layout = self.layout();
        let first = if area == Area::Scratch { layout.scratch_size() } else { layout.status() };
        first.saturating_sub(entry.saturating_mul(layout.write_size()))
    }

    /// Encrypts or decrypts, if the image is to be.
    pub fn recode(&self, which: Which, offset: u32, piece: &mut [u8]) {
        if let Some(Some(cipher)) = self.ciphers.get(which as usize).filter(|_| super::ENCRYPTS) {
            cipher.apply(self.keys, offset, piece);
        }
    }
}
