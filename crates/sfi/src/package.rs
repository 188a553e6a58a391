//! The package: a header, a table of areas, and their payloads.
//!
//! ```text
//! 0                 header, 128 bytes
//! 128               area descriptors, 80 bytes each, in the order in which they are installed
//! 128 + 80 n        payloads, encrypted, in the same order, without gaps
//! ```
//!
//! The table stands before the payloads, so that a device knows every target, and has checked it, before it erases anything.
//!
//! Header, little-endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `IRSFIPKG` |
//! | 8 | 2 | format, 1 |
//! | 10 | 2 | length of the header, 128 |
//! | 12 | 4 | zero |
//! | 16 | 8 | product id, ASCII |
//! | 24 | 4 | version of the package |
//! | 28 | 4 | least version of the root security services |
//! | 32 | 4 | number of areas |
//! | 36 | 4 | length of the whole package |
//! | 40 | 12 | nonce |
//! | 52 | 4 | address of the continuation token |
//! | 56 | 32 | SHA-256 over the first 64 bytes of every descriptor, in order |
//! | 88 | 24 | zero |
//! | 112 | 16 | tag over bytes 0 to 111 |
//!
//! Descriptor:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | type: `F` firmware, `M` module, `E` external flash, `K` device-generated key, `P` pause, `R` resume, `C` configuration |
//! | 1 | 1 | zero |
//! | 2 | 2 | index, from 1 |
//! | 4 | 4 | length of the payload |
//! | 8 | 4 | address |
//! | 12 | 4 | number of areas |
//! | 16 | 4 | version of the package |
//! | 20 | 4 | zero |
//! | 24 | 32 | SHA-256 of the plaintext |
//! | 56 | 8 | zero |
//! | 64 | 16 | tag of the payload |
//!
//! Everything is AES-128-GCM with the firmware key. The initialisation vector of area i is the nonce with i added to its last
//! word; the header's is that of area 0. The associated data of a payload are the header without its tag and the first 64
//! bytes of its descriptor: an area that is moved, taken from another package, or described otherwise does not open.

use ironroot_codes::{Code, install as codes};

use crate::bytes::{array, put, u16_at, u32_at};
use crate::cipher::{Cipher, NONCE_LEN};
use crate::{Nonce, Product, TAG_LEN};

/// Length of the header.
pub const HEADER_LEN: usize = 128;
/// Length of a descriptor.
pub const DESCRIPTOR_LEN: usize = 80;
/// The part of a descriptor that is hashed and authenticated.
pub const DESCRIBED_LEN: usize = 64;
/// The longest payload: what a device collects before it checks the tag.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// The most areas. A device takes as many as the table that it keeps has room for.
pub const MAX_AREAS: usize = 4096;

const MAGIC: [u8; 8] = *b"IRSFIPKG";
const FORMAT: u16 = 1;
const AT_FORMAT: usize = 8;
const AT_LENGTH: usize = 10;
const AT_PRODUCT: usize = 16;
const AT_VERSION: usize = 24;
const AT_SERVICES: usize = 28;
const AT_AREAS: usize = 32;
const AT_TOTAL: usize = 36;
const AT_NONCE: usize = 40;
const AT_TOKEN: usize = 52;
const AT_DIGEST: usize = 56;
const AT_ZERO: usize = 88;
const AT_TAG: usize = 112;
const _: () = assert!(AT_NONCE + NONCE_LEN == AT_TOKEN && AT_DIGEST + 32 == AT_ZERO);
const _: () = assert!(AT_TAG + TAG_LEN == HEADER_LEN && DESCRIBED_LEN + TAG_LEN == DESCRIPTOR_LEN);

/// What is in an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AreaKind {
    /// Firmware for the internal flash.
    Firmware = b'F',
    /// A module: see [`crate::ModuleHeader`].
    Module = b'M',
    /// Firmware for the external flash.
    External = b'E',
    /// Keys that the device makes itself.
    Keys = b'K',
    /// The installation may be interrupted here.
    Pause = b'P',
    /// It goes on here.
    Resume = b'R',
    /// Option bytes; the last area.
    Configuration = b'C',
}

impl AreaKind {
    const ALL: [Self; 7] = [
        Self::Firmware,
        Self::Module,
        Self::External,
        Self::Keys,
        Self::Pause,
        Self::Resume,
        Self::Configuration,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// The letter of the type.
    pub const fn letter(self) -> char {
        self as u8 as char
    }
}

/// What the header says. Authentic once its tag was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The kind of chip.
    pub product: Product,
    /// The version of the package.
    pub version: u32,
    /// The least version of the root security services.
    pub least_services: u32,
    /// The number of areas.
    pub areas: u32,
    /// The length of the whole package.
    pub total: u32,
    /// The nonce.
    pub nonce: Nonce,
    /// Where the device notes that an installation is under way.
    pub token: u32,
    /// SHA-256 over the described part of every descriptor.
    pub digest: [u8; 32],
}

impl Header {
    /// Reads the form.
    ///
    /// # Errors
    /// `PACKAGE_MALFORMED`: magic, format, sizes or reserved bytes are not those of this version.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Code> {
        let header = Self {
            product: Product::from_ascii(array(bytes, AT_PRODUCT)).ok_or(codes::PACKAGE_MALFORMED)?,
            version: u32_at(bytes, AT_VERSION),
            least_services: u32_at(bytes, AT_SERVICES),
            areas: u32_at(bytes, AT_AREAS),
            total: u32_at(bytes, AT_TOTAL),
            nonce: Nonce(array(bytes, AT_NONCE)),
            token: u32_at(bytes, AT_TOKEN),
            digest: array(bytes, AT_DIGEST),
        };
        // Whatever this version does not know must not be there: the encoding of what was understood is all there is.
        let same = bytes.get(..AT_TAG) == header.encode().get(..AT_TAG);
        let sized = header.areas >= 1
            && header.areas as usize <= MAX_AREAS
            && header.total as usize >= header.payloads();
        if same && sized { Ok(header) } else { Err(codes::PACKAGE_MALFORMED) }
    }

    /// The bytes, with a tag of zeros.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, AT_FORMAT, &FORMAT.to_le_bytes());
        put(&mut bytes, AT_LENGTH, &(HEADER_LEN as u16).to_le_bytes());
        put(&mut bytes, AT_PRODUCT, self.product.ascii());
        put(&mut bytes, AT_VERSION, &self.version.to_le_bytes());
        put(&mut bytes, AT_SERVICES, &self.least_services.to_le_bytes());
        put(&mut bytes, AT_AREAS, &self.areas.to_le_bytes());
        put(&mut bytes, AT_TOTAL, &self.total.to_le_bytes());
        put(&mut bytes, AT_NONCE, &self.nonce.0);
        put(&mut bytes, AT_TOKEN, &self.token.to_le_bytes());
        put(&mut bytes, AT_DIGEST, &self.digest);
        bytes
    }

    /// The offset of the first payload.
    pub fn payloads(&self) -> usize {
        HEADER_LEN.saturating_add((self.areas as usize).saturating_mul(DESCRIPTOR_LEN))
    }

    /// Checks the tag of the encoded header.
    ///
    /// # Errors
    /// `PACKAGE_NOT_AUTHENTIC`.
    pub(crate) fn authenticate(&self, bytes: &[u8; HEADER_LEN], cipher: &Cipher) -> Result<(), Code> {
        let associated = bytes.get(..AT_TAG).unwrap_or_default();
        cipher
            .open(&self.nonce.vector(0), associated, &mut [], &array(bytes, AT_TAG))
            .map_err(|_| codes::PACKAGE_NOT_AUTHENTIC)
    }

    /// Puts the tag into the encoded header.
    #[cfg(feature = "build")]
    pub(crate) fn seal(&self, bytes: &mut [u8; HEADER_LEN], cipher: &Cipher) -> Option<()> {
        let tag = cipher.seal(&self.nonce.vector(0), bytes.get(..AT_TAG)?, &mut [])?;
        put(bytes, AT_TAG, &tag);
        Some(())
    }
}

/// What a descriptor says. Authentic once the header's digest over all of them was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What is in the area.
    pub kind: AreaKind,
    /// Its place, from 1.
    pub index: u16,
    /// Length of the payload.
    pub size: u32,
    /// Where it goes.
    pub address: u32,
    /// The number of areas of its package.
    pub areas: u32,
    /// The version of its package.
    pub version: u32,
    /// SHA-256 of the plaintext.
    pub hash: [u8; 32],
    /// The tag of the payload.
    pub tag: [u8; TAG_LEN],
}

impl Descriptor {
    /// Reads the form.
    ///
    /// # Errors
    /// `AREA_MALFORMED`: unknown type, reserved bytes in use, or a payload that is too long.
    pub fn parse(bytes: &[u8; DESCRIPTOR_LEN]) -> Result<Self, Code> {
        let descriptor = Self {
            kind: AreaKind::from_byte(bytes[0]).ok_or(codes::AREA_MALFORMED)?,
            index: u16_at(bytes, 2),
            size: u32_at(bytes, 4),
            address: u32_at(bytes, 8),
            areas: u32_at(bytes, 12),
            version: u32_at(bytes, 16),
            hash: array(bytes, 24),
            tag: array(bytes, DESCRIBED_LEN),
        };
        let sized = descriptor.size as usize <= MAX_PAYLOAD;
        if *bytes == descriptor.encode() && sized { Ok(descriptor) } else { Err(codes::AREA_MALFORMED) }
    }

    /// The bytes.
    pub fn encode(&self) -> [u8; DESCRIPTOR_LEN] {
        let mut bytes = [0; DESCRIPTOR_LEN];
        bytes[0] = self.kind as u8;
        put(&mut bytes, 2, &self.index.to_le_bytes());
        put(&mut bytes, 4, &self.size.to_le_bytes());
        put(&mut bytes, 8, &self.address.to_le_bytes());
        put(&mut bytes, 12, &self.areas.to_le_bytes());
        put(&mut bytes, 16, &self.version.to_le_bytes());
        put(&mut bytes, 24, &self.hash);
        put(&mut bytes, DESCRIBED_LEN, &self.tag);
        bytes
    }

    /// The associated data of the payload.
    pub(crate) fn associated(&self, header: &Header) -> [u8; AT_TAG + DESCRIBED_LEN] {
        let mut bytes = [0; AT_TAG + DESCRIBED_LEN];
        put(&mut bytes, 0, header.encode().get(..AT_TAG).unwrap_or_default());
        put(&mut bytes, AT_TAG, self.encode().get(..DESCRIBED_LEN).unwrap_or_default());
        bytes
    }
}
