//! A module: code of a third party, encrypted by its owner, that a package brings along and nobody but the device opens.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `IRMODULE` |
//! | 8 | 4 | destination |
//! | 12 | 4 | length of the code |
//! | 16 | 16 | tag |
//! | 32 | 4 | security version |
//! | 36 | 12 | nonce |
//! | 48 | | code, AES-128-GCM with the module's key |
//!
//! The first 36 bytes have the fields of ST's module header. Associated data: bytes 0 to 15 and 32 to 47. Its licence is of
//! kind 2 and names it by the SHA-256 of its 48 bytes, which with the tag cover the code. The product owner, who packs it, does not have its key.

use ironroot_codes::{Code, install as codes};
use ironroot_crypto::Crypto;

use crate::bytes::{array, put, u32_at};
use crate::cipher::NONCE_LEN;
use crate::{FirmwareKey, Nonce, PackageId, TAG_LEN};

/// Length of header and nonce.
pub const MODULE_HEADER_LEN: usize = 48;

const MAGIC: [u8; 8] = *b"IRMODULE";
const AT_TAG: usize = 16;
const AT_VERSION: usize = 32;
const AT_NONCE: usize = 36;
const ASSOCIATED_LEN: usize = AT_TAG + MODULE_HEADER_LEN - AT_VERSION;
const _: () = assert!(AT_TAG + TAG_LEN == AT_VERSION && AT_NONCE + NONCE_LEN == MODULE_HEADER_LEN);

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleHeader {
    /// Where the code goes.
    pub destination: u32,
    /// Its length.
    pub size: u32,
    /// Its version; its licence has a least one.
    pub version: u32,
    /// Its nonce.
    pub nonce: Nonce,
    /// The tag of the code.
    pub tag: [u8; TAG_LEN],
}

impl ModuleHeader {
    /// Splits a module into header and encrypted code.
    ///
    /// # Errors
    /// `MODULE_MALFORMED`: no magic, or another length than the header says.
    pub fn split(module: &mut [u8]) -> Result<(Self, &mut [u8]), Code> {
        let malformed = codes::MODULE_MALFORMED;
        let (header, code) = module.split_first_chunk_mut::<MODULE_HEADER_LEN>().ok_or(malformed)?;
        let parsed = Self {
            destination: u32_at(header, 8),
            size: u32_at(header, 12),
            version: u32_at(header, AT_VERSION),
            nonce: Nonce(array(header, AT_NONCE)),
            tag: array(header, AT_TAG),
        };
        if *header != parsed.encode() || parsed.size as usize != code.len() {
            return Err(malformed);
        }
        Ok((parsed, code))
    }

    /// The 48 bytes.
    pub fn encode(&self) -> [u8; MODULE_HEADER_LEN] {
        let mut bytes = [0; MODULE_HEADER_LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &self.destination.to_le_bytes());
        put(&mut bytes, 12, &self.size.to_le_bytes());
        put(&mut bytes, AT_TAG, &self.tag);
        put(&mut bytes, AT_VERSION, &self.version.to_le_bytes());
        put(&mut bytes, AT_NONCE, &self.nonce.0);
        bytes
    }

    /// How a licence names it.
    pub fn id(&self, crypto: &mut impl Crypto) -> PackageId {
        PackageId(array(&crypto.sha256_of(&self.encode()), 0))
    }

    /// Decrypts the code in place.
    ///
    /// # Errors
    /// `MODULE_NOT_AUTHENTIC`.
    pub(crate) fn open(&self, code: &mut [u8], key: &FirmwareKey) -> Result<(), Code> {
        key.cipher()
            .open(&self.nonce.vector(0), &self.associated(), code, &self.tag)
            .map_err(|_| codes::MODULE_NOT_AUTHENTIC)
    }

    pub(crate) fn associated(&self) -> [u8; ASSOCIATED_LEN] {
        let header = self.encode();
        let mut bytes = [0; ASSOCIATED_LEN];
        put(&mut bytes, 0, header.get(..AT_TAG).unwrap_or_default());
        put(&mut bytes, AT_TAG, header.get(AT_VERSION..).unwrap_or_default());
        bytes
    }
}
