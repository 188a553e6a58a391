//! Verification, as the engine asks for it.

use ironroot_codes::{Code, image as image_codes};
use ironroot_crypto::Crypto;
use ironroot_image::{Image, Limits, Policy, PublicKey, ReadAt, VerifiedImage, Version, verify_dyn};

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
    /// The start of the hash; 0 if the image was not verified.
    pub hash: u32,
}

impl Facts {
    pub fn of(image: &Image, hash: u32) -> Self {
        let header = image.header();
        let mut facts = Self {
            version: header.version,
            size: image.size(),
            counter: image.security_counter(),
            header_size: header.header_size,
            payload_size: header.payload_size,
            hash,
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
}

/// Verification behind a trait object, so that the engine exists once however many backends a program has.
pub(super) trait Judge {
    /// Parses and verifies the image in `source`, which shows it in plain, and keeps the proof. `facts` are those
    /// of an image that is accepted.
    fn judge(&mut self, source: &dyn ReadAt, question: &Question<'_>, facts: &mut Facts) -> Result<(), Code>;

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

impl<C: Crypto> WithCrypto<'_, C> {
    /// The verification itself, and the proof. The start of the hash.
    #[inline(never)]
    fn verify(&mut self, image: &Image, source: &dyn ReadAt, policy: &Policy) -> Result<u32, Code> {
        self.proof = match verify_dyn(image, source, self.keys, policy, self.crypto) {
            Ok(verified) => Some(verified),
            Err(error) => return Err(error.code()),
        };
        let hash = self.proof.as_ref().and_then(|proof| proof.hash().as_bytes().first_chunk());
        Ok(hash.map_or(0, |hash| u32::from_le_bytes(*hash)))
    }
}

impl<C: Crypto> Judge for WithCrypto<'_, C> {
    fn judge(&mut self, source: &dyn ReadAt, question: &Question<'_>, facts: &mut Facts) -> Result<(), Code> {
        // Whatever was accepted before is no proof of what is asked now.
        self.proof = None;
        let Question { limits, header_size, policy } = *question;
        let parsed = Image::parse_dyn(source, limits);
        let image = match &parsed {
            Ok(image) => image,
            Err(error) => return Err(error.code()),
        };
        if header_size.is_some_and(|size| size != image.header().header_size) {
            return Err(image_codes::HEADER_SIZE);
        }
        *facts = Facts::of(image, self.verify(image, source, policy)?);
        Ok(())
    }

    fn take(&mut self) -> Option<VerifiedImage> {
        self.proof.take()
    }
}
