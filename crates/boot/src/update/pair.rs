//! One image's slots at work: what is begun, setting up a swap, and completing it.

use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{ContentKeys, KeyBits, Sealing};
use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
use ironroot_image::{Dialect, Flags, Header, Image, Limits, ReadAt};

use super::copy::Cipher;
use super::decision::{self, Evidence, Home, Next};
use super::flash::{Flash, View};
use super::layout::{Geometry, swap_end};
use super::status::Status;
use super::swaps;
use super::trailer::{
    Extra, Kind, MAX_SAVED_KEY, Magic, OldImage, Plan, Tag, Trailer, erase_trailer, is_trailer_blank,
    read_saved_key, write_flag, write_revert_request,
};
use crate::crc::crc32;

/// The areas of one image and everything that a step needs.
pub(crate) struct Pair<'w> {
    pub primary: &'w mut dyn Flash,
    pub secondary: &'w mut dyn Flash,
    pub scratch: Option<&'w mut dyn Flash>,
    pub buffer: &'w mut [u8],
    pub keys: &'w dyn ContentKeys,
    pub geometry: Geometry,
    pub dialect: Dialect,
    /// The number of the image.
    pub image: u8,
}

/// The ciphers of the two images of a swap: the one that was in the primary slot when it began, and the other.
#[derive(Default)]
pub(crate) struct Ciphers<'k> {
    pub old: Option<Cipher<'k>>,
    pub new: Option<Cipher<'k>>,
    /// The old image is damaged, and with it the knowledge of how to encrypt it: it is left out, because it must not be
    /// plain in the secondary slot.
    pub drop_old: bool,
}

/// Where the header of an image is in the middle of a swap.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Primary(u32),
    Secondary(u32),
    Scratch,
}

impl<'w> Pair<'w> {
    pub fn layout(&self) -> TrailerLayout {
        self.geometry.layout
    }

    pub fn mode(&self) -> Mode {
        self.geometry.layout.mode()
    }

    /// Where an image in the secondary slot begins that is there for this kind of swap.
    pub fn secondary_offset(&self, kind: Kind) -> u32 {
        if self.mode() == Mode::SwapOffset && kind != Kind::Revert { self.geometry.unit } else { 0 }
    }

    /// What the trailers say.
    pub fn next(&self) -> Result<Next, Code> {
        let layout = self.layout();
        let secondary = Trailer::read(self.secondary, &layout)?;
        if !swaps(self.mode()) {
            return Ok(decision::overwrite(&secondary));
        }
        let primary = Trailer::read(self.primary, &layout)?;
        let plan = self.sound(Plan::read(self.primary, &layout)?);
        let scratch = self.scratch_plan()?;
        let asked = scratch.is_none() && secondary.magic == Magic::Good && primary.magic == Magic::Good;
        let plan_is_fresh = match plan {
            Some(plan) if asked => self.is_fresh(&plan)?,
            _ => false,
        };
        let offset = self.mode() == Mode::SwapOffset;
        Ok(decision::swap(&Evidence { primary, secondary, plan, plan_is_fresh, scratch, offset }))
    }

    /// A swap that MCUboot began: without a tag, and with status. Its request may still stand.
    pub fn begun_elsewhere(&self) -> Result<Option<Plan>, Code> {
        let layout = self.layout();
        let primary = Trailer::read(self.primary, &layout)?;
        let plan = self.sound(Plan::read(self.primary, &layout)?).filter(|plan| plan.tag.is_none());
        if primary.magic != Magic::Good
            || primary.copy_done.is_set()
            || self.done(0, layout.status_entries())? == 0
        {
            return Ok(None);
        }
        Ok(plan)
    }

    /// How many of these status entries of the primary slot are done.
    pub fn done(&self, first: u32, len: u32) -> Result<u32, Code> {
        Ok(Status::of_slot(&self.layout()).done(self.primary, first, len)?)
    }

    /// A plan of this image that its slots have room for.
    fn sound(&self, plan: Option<Plan>) -> Option<Plan> {
        plan.filter(|plan| plan.image == self.image && plan.size <= self.geometry.max_size)
    }

    /// The plan in the scratch area, if the first step is made from there: its data is complete.
    fn scratch_plan(&self) -> Result<Option<Plan>, Code> {
        let layout = self.layout();
        let Some(scratch) = self.scratch.as_deref().filter(|_| self.mode() == Mode::SwapScratch) else {
            return Ok(None);
        };
        if Trailer::read(scratch, &layout)?.magic != Magic::Good {
            return Ok(None);
        }
        let Some(plan) = self.sound(Plan::read(scratch, &layout)?) else { return Ok(None) };
        if !self.swap_end(plan.size)?.1 {
            return Ok(None);
        }
        // Ours is written behind the data. MCUboot's is written before it, and the data is complete with the first entry.
        let complete = plan.tag.is_some() || Status::of_scratch(&layout).done(scratch, 0, 3)? != 0;
        Ok(complete.then_some(plan))
    }

    /// swap-scratch: where the first group ends, and whether it shares its sectors with the trailers.
    pub fn swap_end(&self, size: u32) -> Result<(u32, bool), Code> {
        swap_end(self.primary, self.secondary, &self.layout(), size).ok_or(codes::UPDATE_LAYOUT)
    }

    /// Whether a plan was made for the images as they lie now, and nothing of it was done.
    fn is_fresh(&self, plan: &Plan) -> Result<bool, Code> {
        let Some(tag) = plan.tag else { return Ok(false) };
        let expected = self.tag(plan.kind, plan.size);
        let belongs = tag == expected || tag == expected.other(plan.kind, plan.image, plan.size);
        Ok(belongs && self.done(0, self.layout().status_entries())? == 0)
    }

    fn tag(&self, kind: Kind, size: u32) -> Tag {
        let identities = (
            identity(self.primary, 0, self.dialect),
            identity(self.secondary, self.secondary_offset(kind), self.dialect),
        );
        Tag::new(kind, self.image, size, identities)
    }

    /// Makes the plan of a swap of `size` bytes. Not written yet.
    pub fn plan(&self, kind: Kind, size: u32) -> Result<Plan, Code> {
        let tag = self.tag(kind, size);
        // The trailer of the last swap stays until this one's replaces it; the two must differ.
        let stale = Plan::read(self.primary, &self.layout())?.and_then(|plan| plan.tag);
        let tag = if stale == Some(tag) { tag.other(kind, self.image, size) } else { tag };
        Ok(Plan { kind, image: self.image, size, tag: Some(tag), old: self.old_image() })
    }

    /// How the image in the primary slot is to be treated when it leaves it.
    fn old_image(&self) -> OldImage {
        if !self.is_encrypted() {
            return OldImage::Plain;
        }
        let view: &dyn ReadAt = &View::new(self.primary, 0);
        match Image::parse(view, self.limits()) {
            Ok(image) if image.encryption().is_some() => {
                OldImage::Encrypted(image.header().header_size, image.header().payload_size)
            }
            Ok(_) => OldImage::Plain,
            Err(_) => OldImage::Lost,
        }
    }

    /// What bounds the images of these slots.
    pub fn limits(&self) -> Limits {
        Limits { max_size: self.geometry.max_size, dialect: self.dialect }
    }

    /// Writes the plan into the primary trailer, where that shares no sector with the images: after that, the plan decides
    /// and the request may go.
    pub fn set_up(&mut self, plan: &Plan) -> Result<(), Code> {
        let layout = self.layout();
        if plan.kind == Kind::Revert && Trailer::read(self.secondary, &layout)?.magic != Magic::Good {
            // Also if it reads as erased: an erase that was cut short may leave units that only look so.
            erase_trailer(self.secondary, &layout)?;
            write_revert_request(self.secondary, &layout, plan.size)?;
        }
        let sealed = self.sealed_keys(plan.kind)?;
        erase_trailer(self.primary, &layout)?;
        plan.write(self.primary, &layout, &sealed.extra())?;
        Ok(())
    }

    /// The last writes of a swap whose steps are done. `copy_done` comes last: with it, a test begins to wait for its
    /// confirmation.
    pub fn finish(&mut self, kind: Kind) -> Result<(), Code> {
        let layout = self.layout();
        if let Some(scratch) = self.scratch.as_deref_mut().filter(|_| layout.mode() == Mode::SwapScratch) {
            let trailer = Trailer::read(scratch, &layout)?;
            let encrypted = layout.saved_key_len() != 0;
            // A plan that is left there would be taken for one in progress; the plain text of an encrypted image has no
            // business there either.
            if trailer != Trailer::BLANK || encrypted {
                let size = scratch.size();
                super::copy::erase(scratch, 0, size)?;
            }
        }
        let trailer = Trailer::read(self.primary, &layout)?;
        if kind != Kind::Test && !trailer.image_ok.is_set() {
            write_flag(self.primary, layout.image_ok())?;
        }
        if !trailer.copy_done.is_set() {
            write_flag(self.primary, layout.copy_done())?;
        }
        Ok(())
    }

    /// Takes back the request and the image: first the request, so that what is left is not asked for again. The image in
    /// the primary slot was verified.
    pub fn clear_secondary(&mut self, kind: Kind) -> Result<(), Code> {
        let layout = self.layout();
        let primary = Trailer::read(self.primary, &layout)?;
        if swaps(layout.mode())
            && primary.magic == Magic::Good
            && !primary.copy_done.is_set()
            && self.sound(Plan::read(self.primary, &layout)?).is_some()
        {
            // A plan of which no step was made, or what is left of an old one: without the request it would be taken up.
            // Where the image shares sectors with the trailer there is no such plan: it is made in the scratch area.
            let view: &dyn ReadAt = &View::new(self.primary, 0);
            let size = Image::parse(view, self.limits()).map_or(u32::MAX, |image| image.size());
            if layout.mode() != Mode::SwapScratch || self.swap_end(size).is_ok_and(|(_, shared)| !shared) {
                erase_trailer(self.primary, &layout)?;
            }
        }
        if !is_trailer_blank(self.secondary, &layout)? {
            erase_trailer(self.secondary, &layout)?;
        }
        let offset = self.secondary_offset(kind);
        super::copy::erase(self.secondary, offset, offset.saturating_add(1))?;
        Ok(())
    }

    /// Takes back the request only. As long as no step was made, the erase may have been cut short before, and be invisible;
    /// afterwards it is known to be complete.
    pub fn clear_request(&mut self) -> Result<(), Code> {
        let layout = self.layout();
        if self.done(0, layout.status_entries())? == 0 || !is_trailer_blank(self.secondary, &layout)? {
            erase_trailer(self.secondary, &layout)?;
        }
        Ok(())
    }

    /// The encryption TLVs and TLV sizes of both images before a swap.
    pub fn sealed_keys(&self, kind: Kind) -> Result<SealedKeys, Code> {
        let mut sealed = SealedKeys { keys: [SealedKey::NONE; 2], tlv_sizes: [0; 2] };
        let offset = self.secondary_offset(kind);
        let places: [(&dyn Flash, u32); 2] = [(&*self.primary, 0), (&*self.secondary, offset)];
        for (index, (flash, offset)) in places.into_iter().enumerate() {
            let view = View::new(flash, offset);
            let view: &dyn ReadAt = &view;
            let Ok(image) = Image::parse(view, self.limits()) else { continue };
            let unprotected = image.unprotected();
            if let Some(size) = sealed.tlv_sizes.get_mut(index) {
                *size = unprotected.end.saturating_sub(unprotected.start) as u16;
            }
            let wanted = self.layout().saved_key_len() != 0;
            if let (Some(encryption), true, Some(slot)) =
                (image.encryption(), wanted, sealed.keys.get_mut(index))
            {
                let len = usize::from(encryption.tlv.len);
                let key = slot.bytes.get_mut(..len).ok_or(codes::UPDATE_KEY_UNAVAILABLE)?;
                view.read_at(encryption.tlv.offset, key).map_err(|_| codes::UPDATE_KEY_UNAVAILABLE)?;
                slot.len = len;
            }
        }
        Ok(sealed)
    }

    /// The ciphers of a swap in progress, from the keys saved in its trailer. `old` and `new` say where the headers are.
    pub fn ciphers(&self, plan: &Plan, home: Home, old: Place, new: Place) -> Result<Ciphers<'w>, Code> {
        if !self.is_encrypted() {
            return Ok(Ciphers::default());
        }
        let keys = self.saved_keys(home)?;
        let [old_key, new_key] = &keys.keys;
        let new = self.cipher(new_key, new)?;
        let old = match (plan.tag, plan.old) {
            // MCUboot keeps no note.
            (None, _) => self.cipher(old_key, old),
            (Some(_), OldImage::Plain) => Ok(None),
            (Some(_), OldImage::Encrypted(start, size)) => {
                let start = u32::from(start);
                cipher(self.keys, old_key.as_bytes(), start..start.saturating_add(size)).map(Some)
            }
            (Some(_), OldImage::Lost) => Err(codes::UPDATE_KEY_UNAVAILABLE),
        };
        Ok(match old {
            Ok(old) => Ciphers { old, new, drop_old: false },
            Err(_) => Ciphers { old: None, new, drop_old: true },
        })
    }

    fn is_encrypted(&self) -> bool {
        cfg!(feature = "encryption") && self.layout().saved_key_len() != 0
    }

    /// The saved keys in a trailer.
    pub fn saved_keys(&self, home: Home) -> Result<SealedKeys, Code> {
        let mut keys = SealedKeys { keys: [SealedKey::NONE; 2], tlv_sizes: [0; 2] };
        let SavedKeys::Sealed(len) = self.layout().keys() else { return Ok(keys) };
        let flash: &dyn Flash = match (home, self.scratch.as_deref()) {
            (Home::Scratch, Some(scratch)) => scratch,
            _ => &*self.primary,
        };
        for (index, key) in keys.keys.iter_mut().enumerate() {
            let sealed = key.bytes.get_mut(..usize::from(len)).ok_or(codes::UPDATE_KEY_UNAVAILABLE)?;
            if read_saved_key(flash, &self.layout(), index as u32, sealed)? {
                key.len = usize::from(len);
            }
        }
        Ok(keys)
    }

    fn cipher(&self, key: &SealedKey, place: Place) -> Result<Option<Cipher<'w>>, Code> {
        let (flash, offset): (&dyn Flash, u32) = match (place, self.scratch.as_deref()) {
            (Place::Primary(offset), _) => (&*self.primary, offset),
            (Place::Secondary(offset), _) => (&*self.secondary, offset),
            (Place::Scratch, Some(scratch)) => (scratch, 0),
            (Place::Scratch, None) => return Err(codes::UPDATE_LAYOUT),
        };
        let view: &dyn ReadAt = &View::new(flash, offset);
        let header = Header::parse(view, self.dialect).map_err(|error| error.code())?;
        if !header.flags.intersects(Flags::ENCRYPTED) {
            return Ok(None);
        }
        let start = u32::from(header.header_size);
        cipher(self.keys, key.as_bytes(), start..start.saturating_add(header.payload_size)).map(Some)
    }
}

/// Opens a sealed image key. How it is sealed follows from its length.
pub(crate) fn cipher<'k>(
    keys: &'k dyn ContentKeys,
    sealed: &[u8],
    payload: core::ops::Range<u32>,
) -> Result<Cipher<'k>, Code> {
    const KINDS: [Sealing; 5] = [
        Sealing::EciesP256,
        Sealing::EciesX25519,
        Sealing::EciesX25519Sha512,
        Sealing::RsaOaep,
        Sealing::AesKeyWrap,
    ];
    let of_this_length = |kind: &&Sealing| {
        [KeyBits::Aes128, KeyBits::Aes256].iter().any(|bits| kind.sealed_len(*bits) == sealed.len())
    };
    let refused = codes::UPDATE_KEY_UNAVAILABLE;
    let kind = KINDS.iter().find(of_this_length).ok_or(refused)?;
    let key = keys.open(*kind, sealed).map_err(|_| refused)?;
    Ok(Cipher { keys, key, payload })
}

/// The encryption TLV of one image.
struct SealedKey {
    bytes: [u8; MAX_SAVED_KEY],
    len: usize,
}

impl SealedKey {
    const NONE: Self = Self { bytes: [0; MAX_SAVED_KEY], len: 0 };

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What [`Extra`] borrows from.
pub(crate) struct SealedKeys {
    keys: [SealedKey; 2],
    tlv_sizes: [u16; 2],
}

impl SealedKeys {
    pub fn extra(&self) -> Extra<'_> {
        let [old, new] = &self.keys;
        Extra { tlv_sizes: self.tlv_sizes, sealed_keys: [old.as_bytes(), new.as_bytes()] }
    }
}

/// What tells one image from another, for the tag of a plan: its header and the start of its TLVs, where the hash is.
/// Whatever cannot be read counts as zero.
pub(crate) fn identity(flash: &dyn Flash, offset: u32, dialect: Dialect) -> u32 {
    let view: &dyn ReadAt = &View::new(flash, offset);
    let mut bytes = [0; 72];
    let (head, tail) = bytes.split_at_mut(32);
    if view.read_at(0, head).is_err() {
        head.fill(0);
    }
    if let Ok(header) = Header::parse(view, dialect) {
        let tlvs = u32::from(header.header_size)
            .saturating_add(header.payload_size)
            .saturating_add(u32::from(header.protected_size));
        if view.read_at(tlvs, tail).is_err() {
            tail.fill(0);
        }
    }
    crc32(&bytes)
}
