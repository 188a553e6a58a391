//! How payloads are encrypted, and the ciphers of a swap in progress, from the sealed keys in its trailer.

use core::ops::Range;

use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_crypto::{ContentKey, ContentKeys, KeyBits, OpenError, Sealing};
use ironroot_image::trailer::SavedKeys;
use ironroot_image::{Flags, Header, ReadAt, ReadError};

use super::areas::Area;
use super::copy::Which;
use super::flash::View;
use super::judge::Facts;
use super::work::Work;

/// The ciphers of the old and of the new image of a swap, by [`Which`](super::copy::Which).
pub(crate) type Ciphers = [Option<Cipher>; CIPHERS];

/// None where nothing is encrypted.
pub(crate) const CIPHERS: usize = if super::ENCRYPTS { 2 } else { 0 };

/// Longest encryption TLV.
const MAX_SEALED_KEY: usize = Sealing::MAX_LEN;

/// How the payload of one image is encrypted.
#[derive(Clone)]
pub(crate) struct Cipher {
    pub key: ContentKey,
    /// Where the payload is, from the start of the image.
    pub payload: Range<u32>,
}

impl Cipher {
    /// Encrypts or decrypts the part of `piece` that is payload; `offset` is that of `piece` in the image.
    pub fn apply(&self, keys: &dyn ContentKeys, offset: u32, piece: &mut [u8]) {
        let end = offset.wrapping_add(piece.len() as u32);
        let (from, to) = (self.payload.start.max(offset), self.payload.end.min(end));
        if from >= to {
            return;
        }
        let (skip, stop) = (from.wrapping_sub(offset), to.wrapping_sub(offset));
        if let Some(part) = piece.get_mut(skip as usize..stop as usize) {
            keys.apply(&self.key, from.wrapping_sub(self.payload.start), part);
        }
    }
}

/// A slot whose image is decrypted as it is read; header and TLVs as they are. That is what hash and signature are over.
pub(crate) struct Decrypted<'d> {
    pub view: View<'d>,
    pub cipher: &'d Cipher,
    pub keys: &'d dyn ContentKeys,
}

impl ReadAt for Decrypted<'_> {
    fn len(&self) -> u32 {
        self.view.len()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.view.read_at(offset, buffer)?;
        self.cipher.apply(self.keys, offset, buffer);
        Ok(())
    }
}

impl Work<'_> {
    /// Whether images are encrypted.
    pub fn encrypts(&self) -> bool {
        super::ENCRYPTS && self.layout().saved_key_len() != 0
    }

    /// Opens the keys that are saved in the trailer of `home`. `old` and `new` say where the headers of the two images are.
    pub fn load_ciphers(&mut self, home: Area, old: (Area, u32), new: (Area, u32)) {
        if !self.encrypts() {
            return;
        }
        let old = match self.plan.old {
            // MCUboot keeps no note.
            _ if self.plan.tag == 0 => self.payload(old),
            (0, 0) => Some(0..0),
            (0, _) => None,
            (start, size) => Some(payload(start, size)),
        };
        let new = self.payload(new);
        self.drop_old = !self.open_saved(home, Which::Old, old);
        if !self.open_saved(home, Which::New, new) {
            self.areas.fail(codes::UPDATE_KEY_UNAVAILABLE);
        }
    }

    /// The payload that is to be encrypted of the image with this header: none of a plain image. `None` if there is no
    /// header.
    fn payload(&self, (area, offset): (Area, u32)) -> Option<Range<u32>> {
        let view = self.areas.view(area, offset);
        let header = Header::parse(&view, self.config.dialect).ok()?;
        match header.flags.intersects(Flags::ENCRYPTED) {
            true => Some(payload(header.header_size, header.payload_size)),
            false => Some(0..0),
        }
    }

    fn open_saved(&mut self, home: Area, which: Which, payload: Option<Range<u32>>) -> bool {
        let (SavedKeys::Sealed(len), Some(distance)) =
            (self.layout().keys(), self.layout().saved_key(which as u32))
        else {
            return false;
        };
        let at = self.areas.field(home, distance);
        payload.is_some_and(|payload| self.open(home, at, len, which, payload).is_ok())
    }

    /// Opens the sealed key of `len` bytes at `at`, for this payload; no key for an empty one.
    pub fn open(
        &mut self,
        area: Area,
        at: u32,
        len: u16,
        which: Which,
        payload: Range<u32>,
    ) -> Result<(), OpenError> {
        let Some(cipher) = self.ciphers.get_mut(which as usize) else { return Err(OpenError::Unsupported) };
        *cipher = None;
        if payload.is_empty() {
            return Ok(());
        }
        let mut bytes = [0; MAX_SEALED_KEY];
        let sealed = bytes.get_mut(..usize::from(len)).ok_or(OpenError::Unsupported)?;
        let sealing = sealing_of(len).ok_or(OpenError::Unsupported)?;
        if !self.areas.read(area, at, sealed) {
            return Err(OpenError::Refused);
        }
        let key = self.keys.open(sealing, sealed)?;
        *cipher = Some(Cipher { key, payload });
        Ok(())
    }

    /// Opens the key of the update at `offset` of the secondary slot, if it is encrypted.
    pub fn open_update(&mut self, offset: u32, image: &Facts) -> Result<(), Code> {
        let at = offset.wrapping_add(image.sealed_at);
        let payload = match image.sealed_len {
            0 => 0..0,
            _ => payload(image.header_size, image.payload_size),
        };
        self.open(Area::Secondary, at, image.sealed_len, Which::New, payload).map_err(|error| match error {
            OpenError::Unsupported => image_codes::IMAGE_KEY_UNSUPPORTED,
            OpenError::Refused => image_codes::IMAGE_KEY_REFUSED,
        })
    }
}

fn payload(start: u16, size: u32) -> Range<u32> {
    u32::from(start)..u32::from(start).saturating_add(size)
}

/// How a key of this length is sealed.
fn sealing_of(len: u16) -> Option<Sealing> {
    LENGTHS.as_flattened().iter().find(|(length, _)| *length == len).map(|(_, sealing)| *sealing)
}

/// The lengths of sealed keys. Each tells its kind.
const LENGTHS: [[(u16, Sealing); 2]; 5] = [
    lengths(Sealing::EciesP256),
    lengths(Sealing::EciesX25519),
    lengths(Sealing::EciesX25519Sha512),
    lengths(Sealing::RsaOaep),
    lengths(Sealing::AesKeyWrap),
];

const fn lengths(sealing: Sealing) -> [(u16, Sealing); 2] {
    let (short, long) = (sealing.sealed_len(KeyBits::Aes128), sealing.sealed_len(KeyBits::Aes256));
    [(short as u16, sealing), (long as u16, sealing)]
}
