//! The image header and its fields.

use core::fmt;
use core::str::FromStr;

use ironroot_codes::image as codes;
use ironroot_crypto::KeyBits;

use crate::{Error, ReadAt};

/// First word of an image.
pub const MAGIC: u32 = 0x96f3_b83d;
/// Length of the header's fields; the header itself is padded to [`Header::header_size`].
pub const HEADER_LEN: usize = 32;

// Offsets of the fields.
const LOAD_ADDRESS: usize = 4;
const HEADER_SIZE: usize = 8;
const PROTECTED_SIZE: usize = 10;
const PAYLOAD_SIZE: usize = 12;
const FLAGS: usize = 16;
const VERSION: usize = 20;
const RESERVED: usize = 28;
const _: () = assert!(RESERVED + 4 == HEADER_LEN && VERSION + 8 == RESERVED);

/// Whose reading of flags and TLVs applies. The same flag bit means AES-256 in MCUboot and on-the-fly decryption in ST's
/// fork of it, so nothing in an image can tell them apart: a dialect is named by the caller and never guessed.
///
/// ST's dialects are those of its fork of MCUboot 1.7: other flags, and only the TLVs that its loader knows (SHA-256,
/// P-256 and its ECIES, and the protected ones). The kinds of STiRoT image differ in their magic besides, and pad ECDSA
/// signatures with zeros to 72 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Upstream MCUboot 2.x and PyPI imgtool.
    #[default]
    Mcuboot,
    /// OEMiROT and OEMuROT: ST's loaders as source.
    #[cfg(feature = "st")]
    St,
    /// A code image of STiROT on STM32H5.
    #[cfg(feature = "st")]
    StirotH5Code,
    /// A data image of STiROT on STM32H5.
    #[cfg(feature = "st")]
    StirotH5Data,
    /// An image of STiROT on STM32H7S.
    #[cfg(feature = "st")]
    StirotH7s,
}

impl Dialect {
    /// The first word of an image.
    pub const fn magic(self) -> u32 {
        match self {
            Self::Mcuboot => MAGIC,
            #[cfg(feature = "st")]
            Self::St => MAGIC,
            #[cfg(feature = "st")]
            Self::StirotH5Code => 0x73ab_1024,
            #[cfg(feature = "st")]
            Self::StirotH5Data => 0x55f7_394e,
            #[cfg(feature = "st")]
            Self::StirotH7s => 0xc159_2ee9,
        }
    }

    /// Whether it is one of ST's.
    pub const fn is_st(self) -> bool {
        !matches!(self, Self::Mcuboot)
    }

    /// Whether ECDSA signatures have a fixed length, with zeros behind the DER.
    pub const fn pads_signatures(self) -> bool {
        match self {
            Self::Mcuboot => false,
            #[cfg(feature = "st")]
            Self::St => false,
            #[cfg(feature = "st")]
            Self::StirotH5Code | Self::StirotH5Data | Self::StirotH7s => true,
        }
    }

    /// The flags that have a meaning.
    const fn known_flags(self) -> u32 {
        match self {
            Self::Mcuboot => {
                Flags::POSITION_INDEPENDENT.0
                    | Flags::ENCRYPTED_AES128.0
                    | Flags::ENCRYPTED_AES256.0
                    | Flags::NON_BOOTABLE.0
                    | Flags::RAM_LOAD.0
                    | Flags::ROM_FIXED.0
                    | Flags::COMPRESSED.0
            }
            #[cfg(feature = "st")]
            _ => {
                Flags::POSITION_INDEPENDENT.0
                    | Flags::ENCRYPTED_AES128.0
                    | Flags::ST_PRIMARY_ONLY.0
                    | Flags::ST_OTFDEC.0
                    | Flags::NON_BOOTABLE.0
                    | Flags::RAM_LOAD.0
                    | Flags::ST_ENCRYPTED_AES256.0
                    | Flags::ST_CHIP_SPECIFIC.0
                    | Flags::ST_LICENSE_FILE.0
            }
        }
    }

    /// The flag of an encryption.
    pub const fn encryption_flag(self, bits: KeyBits) -> Flags {
        match (self, bits) {
            (_, KeyBits::Aes128) => Flags::ENCRYPTED_AES128,
            (Self::Mcuboot, KeyBits::Aes256) => Flags::ENCRYPTED_AES256,
            #[cfg(feature = "st")]
            (_, KeyBits::Aes256) => Flags::ST_ENCRYPTED_AES256,
        }
    }

    /// Every flag that says that the payload is encrypted.
    pub const fn encryption_flags(self) -> Flags {
        self.encryption_flag(KeyBits::Aes128).union(self.encryption_flag(KeyBits::Aes256))
    }

    /// The flags word as it is hashed. ST's images for a single slot are decrypted in place and lose their flag then; so
    /// they are signed without it.
    pub const fn hashed_flags(self, flags: Flags) -> Flags {
        match self {
            Self::Mcuboot => flags,
            #[cfg(feature = "st")]
            _ if flags.intersects(Flags::ST_PRIMARY_ONLY) => Flags(flags.0 & !self.encryption_flags().0),
            #[cfg(feature = "st")]
            _ => flags,
        }
    }
}

/// The flags word of the header: names in the reading of [`Dialect::Mcuboot`], those that begin with `ST_` in ST's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Position-independent; defined, supported by no loader.
    pub const POSITION_INDEPENDENT: Self = Self(0x1);
    /// The payload is encrypted with AES-128-CTR.
    pub const ENCRYPTED_AES128: Self = Self(0x4);
    /// The payload is encrypted with AES-256-CTR.
    pub const ENCRYPTED_AES256: Self = Self(0x8);
    /// Either encryption.
    pub const ENCRYPTED: Self = Self(0x4 | 0x8);
    /// Not to be started: data for another image.
    pub const NON_BOOTABLE: Self = Self(0x10);
    /// To be copied to RAM, to the load address.
    pub const RAM_LOAD: Self = Self(0x20);
    /// Built for one slot: the load address is that of the slot.
    pub const ROM_FIXED: Self = Self(0x100);
    /// Any compression: LZMA1, LZMA2, Arm Thumb filter.
    pub const COMPRESSED: Self = Self(0x200 | 0x400 | 0x800);

    /// ST: for a single slot, decrypted in place.
    pub const ST_PRIMARY_ONLY: Self = Self(0x2);
    /// ST: the ciphertext stays in external flash and is decrypted as it is read.
    pub const ST_OTFDEC: Self = Self(0x8);
    /// ST: the payload is encrypted with AES-256-CTR.
    pub const ST_ENCRYPTED_AES256: Self = Self(0x2000_0000);
    /// ST: for one chip.
    pub const ST_CHIP_SPECIFIC: Self = Self(0x4000_0000);
    /// ST: a license file.
    pub const ST_LICENSE_FILE: Self = Self(0x8000_0000);

    /// The flags with these bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether at least one bit of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The version of an image, written `1.2.3+4`. Ordered as a loader compares it, the build number included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major number.
    pub major: u8,
    /// Minor number.
    pub minor: u8,
    /// Revision.
    pub revision: u16,
    /// Build number.
    pub build: u32,
}

impl Version {
    pub(crate) fn decode(bytes: &[u8; 8]) -> Self {
        let [major, minor, r0, r1, b0, b1, b2, b3] = *bytes;
        let (revision, build) = (u16::from_le_bytes([r0, r1]), u32::from_le_bytes([b0, b1, b2, b3]));
        Self { major, minor, revision, build }
    }

    /// The eight bytes of a header or a dependency.
    pub(crate) fn encode(self) -> [u8; 8] {
        let [r0, r1] = self.revision.to_le_bytes();
        let [b0, b1, b2, b3] = self.build.to_le_bytes();
        [self.major, self.minor, r0, r1, b0, b1, b2, b3]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.revision)?;
        if self.build != 0 { write!(f, "+{}", self.build) } else { Ok(()) }
    }
}

/// The text is not a version, or a number of it does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseVersionError;

impl fmt::Display for ParseVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version is written 1.2.3 or 1.2.3+4, up to 255.255.65535+4294967295")
    }
}

impl core::error::Error for ParseVersionError {}

impl FromStr for Version {
    type Err = ParseVersionError;

    /// Minor and revision may be left out, as imgtool lets them: `2` is 2.0.0.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        // The number parser of the standard library would also take a sign.
        fn number<T: FromStr>(digits: &str) -> Result<T, ParseVersionError> {
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ParseVersionError);
            }
            digits.parse().map_err(|_| ParseVersionError)
        }
        let (numbers, build) = match text.split_once('+') {
            Some((numbers, build)) => (numbers, number(build)?),
            None => (text, 0),
        };
        let mut parts = numbers.split('.');
        let version = Self {
            major: number(parts.next().unwrap_or_default())?,
            minor: parts.next().map_or(Ok(0), number)?,
            revision: parts.next().map_or(Ok(0), number)?,
            build,
        };
        if parts.next().is_some() { Err(ParseVersionError) } else { Ok(version) }
    }
}

/// The header. Parsed, it is consistent in itself; built, it is encoded as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where RAM_LOAD copies to or ROM_FIXED belongs; else 0.
    pub load_address: u32,
    /// Bytes from the start of the image to the payload.
    pub header_size: u16,
    /// Bytes of the protected TLV area with its info header; 0 if there is none.
    pub protected_size: u16,
    /// Bytes of the payload.
    pub payload_size: u32,
    /// Flags.
    pub flags: Flags,
    /// Version.
    pub version: Version,
}

impl Header {
    /// The 32 bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        self.encode_as(Dialect::Mcuboot)
    }

    /// The 32 bytes, with the magic of a dialect.
    pub fn encode_as(&self, dialect: Dialect) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let fields: [(usize, &[u8]); 7] = [
            (0, &dialect.magic().to_le_bytes()),
            (LOAD_ADDRESS, &self.load_address.to_le_bytes()),
            (HEADER_SIZE, &self.header_size.to_le_bytes()),
            (PROTECTED_SIZE, &self.protected_size.to_le_bytes()),
            (PAYLOAD_SIZE, &self.payload_size.to_le_bytes()),
            (FLAGS, &self.flags.bits().to_le_bytes()),
            (VERSION, &self.version.encode()),
        ];
        for (offset, field) in fields {
            for (to, from) in bytes.iter_mut().skip(offset).zip(field) {
                *to = *from;
            }
        }
        bytes
    }

    /// Reads and checks the header by itself. Sizes are checked against each other by the image parser.
    pub fn parse(source: &(impl ReadAt + ?Sized), dialect: Dialect) -> Result<Self, Error> {
        let mut bytes = [0; HEADER_LEN];
        source.read_at(0, &mut bytes).map_err(|error| Error::read(error, 0))?;
        let mut header = Self::BLANK;
        header.set(&bytes);
        header.check(&bytes, dialect)?;
        Ok(header)
    }

    /// Every field zero.
    pub(crate) const BLANK: Self = Self {
        load_address: 0,
        header_size: 0,
        protected_size: 0,
        payload_size: 0,
        flags: Flags::NONE,
        version: Version { major: 0, minor: 0, revision: 0, build: 0 },
    };

    /// Takes the fields from the 32 bytes.
    pub(crate) fn set(&mut self, bytes: &[u8; HEADER_LEN]) {
        self.load_address = u32_at(bytes, LOAD_ADDRESS);
        self.header_size = u16_at(bytes, HEADER_SIZE);
        self.protected_size = u16_at(bytes, PROTECTED_SIZE);
        self.payload_size = u32_at(bytes, PAYLOAD_SIZE);
        self.flags = Flags::from_bits(u32_at(bytes, FLAGS));
        self.version = Version::decode(bytes.get(VERSION..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 8]));
    }

    /// Checks what these bytes say.
    pub(crate) fn check(&self, bytes: &[u8; HEADER_LEN], dialect: Dialect) -> Result<(), Error> {
        let header = self;
        let positioned = Flags::RAM_LOAD.union(Flags::ROM_FIXED);
        let (code, offset) = if u32_at(bytes, 0) != dialect.magic() {
            (codes::BAD_MAGIC, 0)
        } else if usize::from(header.header_size) < HEADER_LEN {
            (codes::HEADER_SIZE, HEADER_SIZE)
        } else if header.payload_size == 0 {
            (codes::EMPTY_PAYLOAD, PAYLOAD_SIZE)
        } else if header.flags.bits() & !dialect.known_flags() != 0 {
            (codes::RESERVED_FLAGS, FLAGS)
        } else if u32_at(bytes, RESERVED) != 0 {
            (codes::RESERVED_FIELD, RESERVED)
        } else if header.load_address != 0 && !header.flags.intersects(positioned) {
            // An address that no flag gives a meaning is ignored by one loader and obeyed by the next.
            (codes::LOAD_ADDRESS, LOAD_ADDRESS)
        } else {
            return Ok(());
        };
        Err(Error::new(code, offset as u32))
    }
}

/// The number at `offset`; zero where the bytes end.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    bytes.get(offset..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

/// The number at `offset`; zero where the bytes end.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}
