//! Making images: the bytes that imgtool makes from the same inputs, but for the signature.
//!
//! The pieces ([`Builder::header`], [`Builder::protected`], [`Builder::unprotected`]) can be written one after the other
//! around a payload that is never in memory as a whole; [`Builder::build`] puts them together for one that is.

use alloc::vec::Vec;
use core::fmt;

use ironroot_codes::{Code, image as image_codes, input as codes};
use ironroot_crypto::{Crypto, Sha256, Sha256Digest, SignError, Signer};

use crate::{Area, Flags, HEADER_LEN, Header, TlvType, Version};

/// How the image names its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// By SHA-256 of the SubjectPublicKeyInfo.
    #[default]
    Hash,
    /// By carrying the SubjectPublicKeyInfo.
    Full,
}

/// Why an image was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The header size is below 32.
    HeaderSize,
    /// There is no payload.
    EmptyPayload,
    /// Sizes exceed what the format's fields hold, or the slot.
    TooLarge,
    /// A custom TLV has a type outside the vendor range, twice, or is too long.
    CustomTlv(u16),
    /// A load address without the flag that gives it a meaning, or such a flag without an address.
    LoadAddress,
    /// The write size of the flash is not 1, 2, 4, 8, 16 or 32.
    Align,
    /// The signer did not sign, in its own words.
    Signer(SignError),
}

impl BuildError {
    /// The code of this refusal.
    pub const fn code(&self) -> Code {
        match self {
            Self::HeaderSize => codes::BAD_HEADER_SIZE,
            Self::EmptyPayload => codes::APP_EMPTY,
            Self::TooLarge => codes::IMAGE_TOO_LARGE,
            Self::CustomTlv(_) => codes::BAD_CUSTOM_TLV,
            Self::LoadAddress => image_codes::LOAD_ADDRESS,
            Self::Align => codes::BAD_ALIGN,
            Self::Signer(_) => codes::SIGNING_FAILED,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CustomTlv(number) => write!(f, "{}: TLV type {number:#06x}", self.code()),
            Self::Signer(reason) => write!(f, "{}: {reason}", self.code()),
            _ => match self.code().entry() {
                Some(entry) => write!(f, "{}: {}", self.code(), entry.summary),
                None => write!(f, "{}", self.code()),
            },
        }
    }
}

impl core::error::Error for BuildError {}

/// The recipe of an image.
#[derive(Clone, Debug)]
pub struct Builder {
    version: Version,
    header_size: u16,
    header_padding: u8,
    flags: Flags,
    load_address: u32,
    security_counter: Option<u32>,
    vendor_id: Option<[u8; 16]>,
    class_id: Option<[u8; 16]>,
    custom: Vec<(u16, Vec<u8>)>,
    key_format: KeyFormat,
}

impl Builder {
    /// An image of this version with a header of 0x400 bytes, padded with erased bytes (0xff), and nothing optional.
    pub const fn new(version: Version) -> Self {
        Self {
            version,
            header_size: 0x400,
            header_padding: 0xFF,
            flags: Flags::NONE,
            load_address: 0,
            security_counter: None,
            vendor_id: None,
            class_id: None,
            custom: Vec::new(),
            key_format: KeyFormat::Hash,
        }
    }

    /// Size of the header with its padding.
    #[must_use]
    pub const fn header_size(mut self, bytes: u16) -> Self {
        self.header_size = bytes;
        self
    }

    /// What the header is padded with: 0xff is imgtool's `--pad-header`, 0 what a payload that brought a zeroed header
    /// of its own has.
    #[must_use]
    pub const fn header_padding(mut self, byte: u8) -> Self {
        self.header_padding = byte;
        self
    }

    /// Marks the image as not bootable.
    #[must_use]
    pub const fn non_bootable(mut self) -> Self {
        self.flags = self.flags.union(Flags::NON_BOOTABLE);
        self
    }

    /// The image is to be copied to this address.
    #[must_use]
    pub const fn ram_load(mut self, address: u32) -> Self {
        self.flags = self.flags.union(Flags::RAM_LOAD);
        self.load_address = address;
        self
    }

    /// The image runs only in the slot at this address.
    #[must_use]
    pub const fn rom_fixed(mut self, address: u32) -> Self {
        self.flags = self.flags.union(Flags::ROM_FIXED);
        self.load_address = address;
        self
    }

    /// The security counter.
    #[must_use]
    pub const fn security_counter(mut self, counter: u32) -> Self {
        self.security_counter = Some(counter);
        self
    }

    /// The vendor's UUID.
    #[must_use]
    pub const fn vendor_id(mut self, uuid: [u8; 16]) -> Self {
        self.vendor_id = Some(uuid);
        self
    }

    /// The UUID of the class of devices.
    #[must_use]
    pub const fn class_id(mut self, uuid: [u8; 16]) -> Self {
        self.class_id = Some(uuid);
        self
    }

    /// A TLV of the vendor's own; protected.
    #[must_use]
    pub fn custom_tlv(mut self, number: u16, value: &[u8]) -> Self {
        self.custom.push((number, value.to_vec()));
        self
    }

    /// How the image names its key.
    #[must_use]
    pub const fn key_format(mut self, format: KeyFormat) -> Self {
        self.key_format = format;
        self
    }

    /// The header with its padding, for a payload of this size.
    pub fn header(&self, payload_size: usize) -> Result<Vec<u8>, BuildError> {
        if usize::from(self.header_size) < HEADER_LEN {
            return Err(BuildError::HeaderSize);
        }
        if payload_size == 0 {
            return Err(BuildError::EmptyPayload);
        }
        let positioned = self.flags.intersects(Flags::RAM_LOAD.union(Flags::ROM_FIXED));
        let both = self.flags.intersects(Flags::RAM_LOAD) && self.flags.intersects(Flags::ROM_FIXED);
        if positioned != (self.load_address != 0) || both {
            return Err(BuildError::LoadAddress);
        }
        let header = Header {
            load_address: self.load_address,
            header_size: self.header_size,
            protected_size: u16::try_from(self.protected()?.len()).map_err(|_| BuildError::TooLarge)?,
            payload_size: u32::try_from(payload_size).map_err(|_| BuildError::TooLarge)?,
            flags: self.flags,
            version: self.version,
        };
        let mut bytes = header.encode().to_vec();
        bytes.resize(usize::from(self.header_size), self.header_padding);
        Ok(bytes)
    }

    /// The protected TLV area with its info header; empty if there is nothing to protect.
    pub fn protected(&self) -> Result<Vec<u8>, BuildError> {
        // The order is imgtool's.
        let mut tlvs = TlvArea::default();
        if let Some(counter) = self.security_counter {
            tlvs.push(TlvType::SECURITY_COUNTER.number, &counter.to_le_bytes())?;
        }
        if let Some(uuid) = &self.vendor_id {
            tlvs.push(TlvType::VENDOR_ID.number, uuid)?;
        }
        if let Some(uuid) = &self.class_id {
            tlvs.push(TlvType::CLASS_ID.number, uuid)?;
        }
        for (index, (number, value)) in self.custom.iter().enumerate() {
            let repeated = self.custom.iter().take(index).any(|(earlier, _)| earlier == number);
            if repeated || !TlvType::is_custom(*number) {
                return Err(BuildError::CustomTlv(*number));
            }
            tlvs.push(*number, value).map_err(|_| BuildError::CustomTlv(*number))?;
        }
        tlvs.finish(Area::Protected)
    }

    /// The unprotected TLV area: hash, and with a signer key and signature.
    pub fn unprotected(
        &self,
        digest: &Sha256Digest,
        signer: Option<&dyn Signer>,
        crypto: &mut impl Crypto,
    ) -> Result<Vec<u8>, BuildError> {
        let mut tlvs = TlvArea::default();
        tlvs.push(TlvType::SHA256.number, digest)?;
        if let Some(signer) = signer {
            let key = signer.public_key();
            match self.key_format {
                KeyFormat::Hash => tlvs.push(TlvType::KEYHASH.number, &key.key_hash(crypto))?,
                KeyFormat::Full => tlvs.push(TlvType::PUBKEY.number, &key.spki_der())?,
            }
            let signature = signer.sign_digest(digest).map_err(BuildError::Signer)?;
            tlvs.push(TlvType::ECDSA.number, &signature)?;
        }
        tlvs.finish(Area::Unprotected)
    }

    /// The whole image. Without a signer it has a hash only: no device starts it.
    pub fn build(
        &self,
        payload: &[u8],
        signer: Option<&dyn Signer>,
        crypto: &mut impl Crypto,
    ) -> Result<Vec<u8>, BuildError> {
        let mut image = self.header(payload.len())?;
        image.extend_from_slice(payload);
        image.extend_from_slice(&self.protected()?);
        let mut sha = crypto.sha256();
        sha.update(&image);
        let unprotected = self.unprotected(&sha.finish(), signer, crypto)?;
        image.extend_from_slice(&unprotected);
        Ok(image)
    }
}

/// TLVs that are being collected.
#[derive(Default)]
struct TlvArea {
    bytes: Vec<u8>,
}

impl TlvArea {
    fn push(&mut self, number: u16, value: &[u8]) -> Result<(), BuildError> {
        let len = u16::try_from(value.len()).map_err(|_| BuildError::TooLarge)?;
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    /// The area with its info header. A protected area without TLVs does not exist at all.
    fn finish(self, area: Area) -> Result<Vec<u8>, BuildError> {
        if self.bytes.is_empty() && area == Area::Protected {
            return Ok(self.bytes);
        }
        let total = u16::try_from(self.bytes.len() + 4).map_err(|_| BuildError::TooLarge)?;
        let mut bytes = Vec::with_capacity(usize::from(total));
        bytes.extend_from_slice(&area.magic().to_le_bytes());
        bytes.extend_from_slice(&total.to_le_bytes());
        bytes.extend_from_slice(&self.bytes);
        Ok(bytes)
    }
}

/// The magic at the end of a slot for flashes with a write size of at most 8.
const TRAILER_MAGIC_8: [u8; 16] =
    [0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80];
/// The same for larger ones, without the two bytes of the write size before it.
const TRAILER_MAGIC_ALIGNED: [u8; 14] =
    [0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a];

/// imgtool's `--pad`: fills with erased bytes to the end of the slot and writes the trailer magic there.
///
/// `max_align` is the largest write size of the system's flashes (8, 16 or 32), `trailer` the room of the whole trailer,
/// which the image must leave free.
pub fn pad_to_slot(
    image: &mut Vec<u8>,
    slot_size: u32,
    trailer: u32,
    max_align: u16,
) -> Result<(), BuildError> {
    let mut magic = TRAILER_MAGIC_8;
    match max_align {
        8 => {}
        16 | 32 => {
            let aligned = max_align.to_le_bytes().into_iter().chain(TRAILER_MAGIC_ALIGNED);
            for (to, from) in magic.iter_mut().zip(aligned) {
                *to = from;
            }
        }
        _ => return Err(BuildError::Align),
    }
    let size = usize::try_from(slot_size).map_err(|_| BuildError::TooLarge)?;
    let trailer = usize::try_from(trailer).map_err(|_| BuildError::TooLarge)?.max(magic.len());
    match image.len().checked_add(trailer) {
        Some(needed) if needed <= size => {}
        _ => return Err(BuildError::TooLarge),
    }
    image.resize(size.saturating_sub(magic.len()), 0xFF);
    image.extend_from_slice(&magic);
    Ok(())
}
