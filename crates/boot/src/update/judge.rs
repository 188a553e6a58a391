//! Verification, as the engine asks for it.

use ironroot_codes::{Code, image as image_codes};
use ironroot_crypto::{ContentKeys, Crypto};
use ironroot_image::{Image, Limits, Plain, Policy, PublicKey, ReadAt, VerifiedImage, Version, verify};

/// What the engine needs to know of an image. Small: an [`Image`] is a few hundred bytes, and is not passed around.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts {
    pub version: Version,
    pub size: u32,
    pub counter: Option<u32>,
    pub header_size: u16,
    pub payload_size: u32,
    /// Size of the unprotected TLV area.
    pub tlv_size: u16,
    /// Length of the encryption TLV; 0 without one.
    pub sealed_len: u16,
    /// Where it is.
    pub sealed_at: u32,
    /// The start of the hash, if the image was verified.
    pub hash: u32,
}

impl Facts {
    pub fn of(image: &Image) -> Self {
        let header = image.header();
        let mut facts = Self {
            version: header.version,
            size: image.size(),
            counter: image.security_counter(),
            header_size: header.header_size,
            payload_size: header.payload_size,
            ..Self::default()
        };
        if cfg!(feature = "swap-offset") {
            facts.tlv_size = image.size().saturating_sub(image.protected().end) as u16;
        }
        if let Some(encryption) = image.encryption() {
            facts.sealed_len = encryption.tlv.len;
            facts.sealed_at = encryption.tlv.offset;
        }
        facts
    }
}

/// What an image is verified against.
pub(super) struct Question<'q> {
    pub limits: Limits,
    pub header_size: Option<u16>,
    pub policy: &'q Policy,
    /// Where the payload is encrypted: what opens it. `None` where it is plain.
    pub keys: Option<&'q dyn ContentKeys>,
}

/// Verification behind a trait object, so that the engine exists once however many backends a program has.
pub(super) trait Judge {
    /// Parses and verifies the image in `source`, and keeps the proof.
    fn judge(&mut self, source: &dyn ReadAt, question: &Question<'_>) -> Result<Facts, Code>;

    /// The proof of the last image, if it was accepted.
    fn take(&mut self) -> Option<VerifiedImage>;
}

pub(super) struct WithCrypto<'c, C> {
    keys: &'c [PublicKey],
    crypto: &'c mut C,
    proof: Option<VerifiedImage>,
}

impl<'c, C> WithCrypto<'c, C> {
    pub fn new(keys: &'c [PublicKey], crypto: &'c mut C) -> Self {
        Self { keys, crypto, proof: None }
    }
}

impl<C: Crypto> Judge for WithCrypto<'_, C> {
    fn judge(&mut self, source: &dyn ReadAt, question: &Question<'_>) -> Result<Facts, Code> {
        // Whatever was accepted before is no proof of what is asked now.
        self.proof = None;
        let Question { limits, header_size, policy, keys } = *question;
        let image = Image::parse(source, limits).map_err(|error| error.code())?;
        if header_size.is_some_and(|size| size != image.header().header_size) {
            return Err(image_codes::HEADER_SIZE);
        }
        let mut key = None;
        if let (true, Some(keys), true) = (cfg!(feature = "encryption"), keys, policy.encrypted)
            && image.encryption().is_some()
        {
            let opened = ironroot_image::open_key(&image, source, keys).map_err(|error| error.code())?;
            key = Some((opened, keys));
        }
        let plain = key.as_ref().map(|(key, keys)| Plain::new(source, &image, key, *keys));
        let source = plain.as_ref().map_or(source, |plain| plain as &dyn ReadAt);
        let verified =
            verify(&image, source, self.keys, policy, self.crypto).map_err(|error| error.code())?;
        let hash = verified.hash().as_bytes().first_chunk().copied().unwrap_or_default();
        self.proof = Some(verified);
        Ok(Facts { hash: u32::from_le_bytes(hash), ..Facts::of(&image) })
    }

    fn take(&mut self) -> Option<VerifiedImage> {
        self.proof.take()
    }
}
