//! The ciphers of a swap in progress, from the sealed keys in its trailer.

use core::ops::Range;

use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{KeyBits, Sealing};
use ironroot_image::trailer::SavedKeys;
use ironroot_image::{Flags, Header};

use super::copy::Cipher;
use super::plan::PLAIN;
use super::work::{Area, Work};

/// Longest encryption TLV that is saved.
const MAX_SAVED_KEY: usize = Sealing::MAX_LEN;

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
            Ok(new) => self.ciphers = [old.unwrap_or(None), new],
            Err(code) => self.fail(code),
        }
    }

    /// Where the payload is of the image with this header, if it is encrypted.
    fn payload(&self, (area, offset): (Area, u32)) -> Result<Option<Range<u32>>, Code> {
        let view = self.view(area, offset).ok_or(codes::UPDATE_LAYOUT)?;
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
        if !self.field(home, distance, sealed) {
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
