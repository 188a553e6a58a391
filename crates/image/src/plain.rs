//! Reading an encrypted image as if it were not.

use core::ops::Range;

use ironroot_codes::image as codes;
use ironroot_crypto::{ContentKey, ContentKeys, OpenError, Sealing};

use crate::{Error, Image, ReadAt, ReadError};

/// An encrypted image with its payload decrypted as it is read; header and TLVs as they are stored, the flag included.
/// That is what hash and signature are over.
pub struct Plain<'a, S: ?Sized, K: ?Sized> {
    source: &'a S,
    payload: Range<u32>,
    key: &'a ContentKey,
    keys: &'a K,
}

impl<'a, S: ReadAt + ?Sized, K: ContentKeys + ?Sized> Plain<'a, S, K> {
    /// The view of `image` in `source` with its image key, see [`open_key`].
    pub fn new(source: &'a S, image: &Image, key: &'a ContentKey, keys: &'a K) -> Self {
        Self { source, payload: image.payload(), key, keys }
    }
}

impl<S: ReadAt + ?Sized, K: ContentKeys + ?Sized> ReadAt for Plain<'_, S, K> {
    fn len(&self) -> u32 {
        self.source.len()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.source.read_at(offset, buffer)?;
        // The part of the buffer that is payload.
        let before = self.payload.start.saturating_sub(offset);
        let within = self.payload.end.saturating_sub(offset);
        let (Ok(before), Ok(within)) = (usize::try_from(before), usize::try_from(within)) else {
            return Err(ReadError::OutOfBounds);
        };
        let within = within.min(buffer.len());
        if let Some(encrypted) = buffer.get_mut(before..within)
            && !encrypted.is_empty()
        {
            self.keys.apply(self.key, offset.saturating_sub(self.payload.start), encrypted);
        }
        Ok(())
    }
}

/// Opens the image key of an encrypted image. Nothing here is authenticated: the key of an image that was tampered with
/// gives a payload that does not verify.
pub fn open_key(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    keys: &(impl ContentKeys + ?Sized),
) -> Result<ContentKey, Error> {
    let encryption = image.encryption().ok_or(Error::new(codes::ENCRYPTION_MISMATCH, 16))?;
    let at = encryption.tlv.offset;
    let mut buffer = [0; Sealing::MAX_LEN];
    let sealed = buffer
        .get_mut(..usize::from(encryption.tlv.len))
        .ok_or(Error::new(codes::IMAGE_KEY_UNSUPPORTED, at))?;
    source.read_at(at, sealed).map_err(|error| Error::read(error, at))?;
    let key = keys.open(encryption.sealing, sealed).map_err(|error| match error {
        OpenError::Unsupported => Error::new(codes::IMAGE_KEY_UNSUPPORTED, at),
        OpenError::Refused => Error::new(codes::IMAGE_KEY_REFUSED, at),
    })?;
    // What a faulty holder might give: AES-256 where the header says AES-128 would decrypt to noise.
    if key.bits() == encryption.bits { Ok(key) } else { Err(Error::new(codes::IMAGE_KEY_REFUSED, at)) }
}
