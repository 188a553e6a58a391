//! Making images: the bytes that imgtool makes from the same inputs, but for what is random: signatures of ECDSA and RSA,
//! image keys.
//!
//! A [`Builder`] is the recipe. With the size of a payload and the key that will sign it becomes a [`Plan`], the parts of
//! one image, for a caller that moves the payload itself. [`Builder::write`] does that for a payload of any size,
//! [`Builder::build`] for one in memory.

mod area;
mod error;
mod padding;
mod plan;
mod record;
mod write;

use alloc::string::String;
use alloc::vec::Vec;

use ironroot_crypto::{Crypto, HashAlgorithm, KeyBits, PublicKey, Signer};

use crate::{Dialect, Flags, Version};

pub use error::BuildError;
pub use padding::{Padding, pad_to_slot};
pub use plan::Plan;
pub use write::{Built, KeySource, Seal, Sink, WriteError};

/// How the image names its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// By the hash of its DER.
    #[default]
    Hash,
    /// By carrying its DER.
    Full,
}

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
    dependencies: Vec<(u8, Version)>,
    boot_record: Option<String>,
    custom: Vec<(u16, Vec<u8>)>,
    key_format: KeyFormat,
    hash: Option<HashAlgorithm>,
    pure: bool,
    encrypted: Option<KeyBits>,
    dialect: Dialect,
    primary_only: bool,
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
            dependencies: Vec::new(),
            boot_record: None,
            custom: Vec::new(),
            key_format: KeyFormat::Hash,
            hash: None,
            pure: false,
            encrypted: None,
            dialect: Dialect::Mcuboot,
            primary_only: false,
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

    /// An image that must be installed, and its least version. Can be called several times.
    #[must_use]
    pub fn dependency(mut self, image: u8, version: Version) -> Self {
        self.dependencies.push((image, version));
        self
    }

    /// Adds a boot record for attestation; the type of software has at most 12 characters.
    #[must_use]
    pub fn boot_record(mut self, software_type: &str) -> Self {
        self.boot_record = Some(software_type.into());
        self
    }

    /// The hash, instead of the one that goes with the key.
    #[must_use]
    pub const fn hash(mut self, hash: HashAlgorithm) -> Self {
        self.hash = Some(hash);
        self
    }

    /// Whether the signature is over the content instead of its digest: Ed25519 only.
    #[must_use]
    pub const fn pure(mut self, pure: bool) -> Self {
        self.pure = pure;
        self
    }

    /// The payload is encrypted with an image key of this length.
    #[must_use]
    pub const fn encrypted(mut self, bits: KeyBits) -> Self {
        self.encrypted = Some(bits);
        self
    }

    /// Whose reading of flags and TLVs the image is for.
    #[must_use]
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// ST: for a single slot, decrypted in place. Signed without the flag of encryption.
    #[must_use]
    pub const fn primary_only(mut self) -> Self {
        self.primary_only = true;
        self
    }

    /// The parts of the image for a payload of this size (an unsigned number of any width), signed by this key.
    pub fn plan(
        &self,
        payload_size: impl TryInto<u32>,
        key: Option<&PublicKey>,
        crypto: &mut impl Crypto,
    ) -> Result<Plan, BuildError> {
        Plan::new(self, payload_size.try_into().map_err(|_| BuildError::TooLarge)?, key, crypto)
    }

    /// The whole image around a payload in memory, not encrypted. Without a signer it has a hash only: no device starts
    /// it.
    pub fn build(
        &self,
        payload: &[u8],
        signer: Option<&dyn Signer>,
        crypto: &mut impl Crypto,
    ) -> Result<Vec<u8>, BuildError> {
        u32::try_from(payload.len()).map_err(|_| BuildError::TooLarge)?;
        let mut image = Vec::with_capacity(payload.len() + 4096);
        self.write(&payload, signer, None, crypto, &mut |piece| {
            image.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(image)
    }
}
