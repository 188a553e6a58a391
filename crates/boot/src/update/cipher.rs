//! How payloads are encrypted, and the ciphers of a swap in progress, from the sealed keys in its trailer.

use core::ops::Range;

use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{ContentKey, ContentKeys, KeyBits, Sealing};
use ironroot_image::trailer::SavedKeys;
use ironroot_image::{Flags, Header};

use super::areas::Area;
use super::plan::PLAIN;
use super::work::Work;

/// The ciphers of the old and of the new image of a swap, by [`Which`](super::copy::Which).
pub(crate) type Ciphers = [Option<Cipher>; CIPHERS];

/// None where nothing is encrypted.
pub(crate) const CIPHERS: usize = if super::ENCRYPTS { 2 } else { 0 };

/// Longest encryption TLV that is saved.
const MAX_SAVED_KEY: usize = Sealing::MAX_LEN;

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
        let end = offset.saturating_add(piece.len() as u32);
        let (from, to) = (self.payload.start.max(offset), self.payload.end.min(end));
        if from >= to {
            return;
        }
        let (skip, stop) = (from.saturating_sub(offset), to.saturating_sub(offset));
        if let Some(part) = piece.get_mut(skip as usize..stop as usize) {
            keys.apply(&self.key, from.saturating_sub(self.payload.start), part);
        }
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
        let plan = self.plan;
        let old = match plan.old {
            // MCUboot keeps no note.
            _ if plan.tag == 0 => self.payload(old).and_then(|payload| self.saved_cipher(home, 0, payload)),
            PLAIN => Ok(None),
            (0, _) => Err(codes::UPDATE_KEY_UNAVAILABLE),
            (start, size) => {
                let start = u32::from(start);
                self.saved_cipher(home, 0, Some(start..start.saturating_add(size)))
            }
        };
        let new = self.payload(new).and_then(|payload| self.saved_cipher(home, 1, payload));
        self.drop_old = old.is_err();
        match new {
            Ok(new) => self.set_ciphers(old.unwrap_or(None), new),
            Err(code) => self.areas.fail(code),
        }
    }

    pub fn set_ciphers(&mut self, old: Option<Cipher>, new: Option<Cipher>) {
        for (cipher, to) in [old, new].into_iter().zip(&mut self.ciphers) {
            *to = cipher;
        }
    }

    /// Where the payload is of the image with this header, if it is encrypted.
    fn payload(&self, (area, offset): (Area, u32)) -> Result<Option<Range<u32>>, Code> {
        let view = self.areas.view(area, offset);
        let header = Header::parse(&view, self.config.dialect).map_err(|error| error.code())?;
        let start = u32::from(header.header_size);
        let is_encrypted = header.flags.intersects(Flags::ENCRYPTED);
        Ok(is_encrypted.then(|| start..start.saturating_add(header.payload_size)))
    }

    fn saved_cipher(
        &mut self,
        home: Area,
        slot: u32,
        payload: Option<Range<u32>>,
    ) -> Result<Option<Cipher>, Code> {
        let Some(payload) = payload else { return Ok(None) };
        let refused = codes::UPDATE_KEY_UNAVAILABLE;
        let (SavedKeys::Sealed(len), Some(distance)) = (self.layout().keys(), self.layout().saved_key(slot))
        else {
            return Err(refused);
        };
        let mut bytes = [0; MAX_SAVED_KEY];
        let sealed = bytes.get_mut(..usize::from(len)).ok_or(refused)?;
        let at = self.areas.field(home, distance);
        if !self.areas.read(home, at, sealed) {
            return Err(refused);
        }
        let key = self.keys.open(sealing_of(sealed.len()).ok_or(refused)?, sealed).map_err(|_| refused)?;
        Ok(Some(Cipher { key, payload }))
    }
}

/// How a key of this length is sealed.
fn sealing_of(len: usize) -> Option<Sealing> {
    const KINDS: [Sealing; 5] = [
        Sealing::EciesP256,
        Sealing::EciesX25519,
        Sealing::EciesX25519Sha512,
        Sealing::RsaOaep,
        Sealing::AesKeyWrap,
    ];
    let of_this_length =
        |kind: &Sealing| [KeyBits::Aes128, KeyBits::Aes256].iter().any(|bits| kind.sealed_len(*bits) == len);
    KINDS.into_iter().find(of_this_length)
}
