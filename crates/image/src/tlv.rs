//! The types of TLV that the format defines: a table, not code.

use ironroot_crypto::{HashAlgorithm, Sealing};

use crate::Dialect;

/// Where a TLV stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// Covered by hash and signature; info magic 0x6908.
    Protected,
    /// Not covered; info magic 0x6907.
    Unprotected,
}

impl Area {
    /// The magic of the area's info header.
    pub const fn magic(self) -> u16 {
        match self {
            Self::Protected => 0x6908,
            Self::Unprotected => 0x6907,
        }
    }
}

/// What a TLV is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Names the key of the signature that follows.
    KeyId,
    /// Hash of the image.
    Hash,
    /// Signature of the image.
    Signature,
    /// Marks a signature over the content instead of the digest.
    PureSignature,
    /// The image key, encrypted.
    EncryptedKey,
    /// Needs another image.
    Dependency,
    /// Security counter.
    SecurityCounter,
    /// Boot record for attestation.
    BootRecord,
    /// Describes the content before compression.
    Compression,
    /// UUID of the vendor.
    VendorId,
    /// UUID of the class of devices.
    ClassId,
    /// A type of the vendor's own.
    Custom,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, Eq)]
pub struct TlvType {
    /// The number in the image.
    pub number: u16,
    /// What it is for.
    pub kind: Kind,
    /// The only area in which it is valid.
    pub area: Area,
    /// Least length of the value.
    pub min: u16,
    /// Greatest length of the value.
    pub max: u16,
}

/// A number has one row.
impl PartialEq for TlvType {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

/// MCUboot's names. Beside the rows: a device names nothing, and does not link them.
const NAMES: [(u16, &str); TlvType::ALL.len()] = [
    (0x01, "KEYHASH"),
    (0x02, "PUBKEY"),
    (0x10, "SHA256"),
    (0x11, "SHA384"),
    (0x12, "SHA512"),
    (0x20, "RSA2048"),
    (0x22, "ECDSASIG"),
    (0x23, "RSA3072"),
    (0x24, "ED25519"),
    (0x25, "SIG_PURE"),
    (0x30, "ENCRSA2048"),
    (0x31, "ENCKW"),
    (0x32, "ENCEC256"),
    (0x33, "ENCX25519"),
    (0x34, "ENCX25519_SHA512"),
    (0x40, "DEPENDENCY"),
    (0x50, "SEC_CNT"),
    (0x60, "BOOT_RECORD"),
    (0x70, "DECOMP_SIZE"),
    (0x71, "DECOMP_SHA"),
    (0x72, "DECOMP_SIGNATURE"),
    (0x73, "COMP_DEC_SIZE"),
    (0x74, "UUID_VID"),
    (0x75, "UUID_CID"),
];

const fn row(number: u16, kind: Kind, area: Area, min: u16, max: u16) -> TlvType {
    TlvType { number, kind, area, min, max }
}

impl TlvType {
    /// SHA-256 (or longer) of the public key.
    pub const KEYHASH: Self = row(0x01, Kind::KeyId, Area::Unprotected, 32, 64);
    /// The public key itself, DER.
    pub const PUBKEY: Self = row(0x02, Kind::KeyId, Area::Unprotected, 1, u16::MAX);
    /// SHA-256 of the image.
    pub const SHA256: Self = row(0x10, Kind::Hash, Area::Unprotected, 32, 32);
    /// ECDSA in DER; the curve is that of the key.
    pub const ECDSA: Self = row(0x22, Kind::Signature, Area::Unprotected, 8, 139);
    /// SHA-384 of the image.
    pub const SHA384: Self = row(0x11, Kind::Hash, Area::Unprotected, 48, 48);
    /// SHA-512 of the image.
    pub const SHA512: Self = row(0x12, Kind::Hash, Area::Unprotected, 64, 64);
    /// RSA-2048 with PSS.
    pub const RSA2048: Self = row(0x20, Kind::Signature, Area::Unprotected, 256, 256);
    /// RSA-3072 with PSS.
    pub const RSA3072: Self = row(0x23, Kind::Signature, Area::Unprotected, 384, 384);
    /// Ed25519.
    pub const ED25519: Self = row(0x24, Kind::Signature, Area::Unprotected, 64, 64);
    /// Marks a signature over the content.
    pub const PURE: Self = row(0x25, Kind::PureSignature, Area::Unprotected, 1, 1);
    /// An image that must be installed, and its least version.
    pub const DEPENDENCY: Self = row(0x40, Kind::Dependency, Area::Protected, 12, 12);
    /// Boot record, CBOR.
    pub const BOOT_RECORD: Self = row(0x60, Kind::BootRecord, Area::Protected, 1, u16::MAX);
    /// Security counter, u32.
    pub const SECURITY_COUNTER: Self = row(0x50, Kind::SecurityCounter, Area::Protected, 4, 4);
    /// UUID of the vendor.
    pub const VENDOR_ID: Self = row(0x74, Kind::VendorId, Area::Protected, 16, 16);
    /// UUID of the class.
    pub const CLASS_ID: Self = row(0x75, Kind::ClassId, Area::Protected, 16, 16);

    /// Every type that the format defines, also those that this verifier then refuses: so that a refusal can say what
    /// the image has instead of "unknown".
    pub const ALL: &[Self] = &[
        Self::KEYHASH,
        Self::PUBKEY,
        Self::SHA256,
        Self::SHA384,
        Self::SHA512,
        Self::RSA2048,
        Self::ECDSA,
        Self::RSA3072,
        Self::ED25519,
        Self::PURE,
        row(0x30, Kind::EncryptedKey, Area::Unprotected, 256, 256),
        row(0x31, Kind::EncryptedKey, Area::Unprotected, 24, 40),
        row(0x32, Kind::EncryptedKey, Area::Unprotected, 113, 129),
        row(0x33, Kind::EncryptedKey, Area::Unprotected, 80, 96),
        row(0x34, Kind::EncryptedKey, Area::Unprotected, 112, 128),
        Self::DEPENDENCY,
        Self::SECURITY_COUNTER,
        Self::BOOT_RECORD,
        row(0x70, Kind::Compression, Area::Protected, 4, 4),
        row(0x71, Kind::Compression, Area::Protected, 32, 64),
        row(0x72, Kind::Compression, Area::Protected, 1, u16::MAX),
        row(0x73, Kind::Compression, Area::Protected, 4, 4),
        Self::VENDOR_ID,
        Self::CLASS_ID,
    ];

    /// The vendor range: a low byte of 0xa0 to 0xff, but for 0xffff, which is MCUboot's word for any type. Always
    /// protected: nobody else knows what it means, so it must not be open to change.
    pub const fn is_custom(number: u16) -> bool {
        number & 0xFF >= 0xA0 && number != 0xFFFF
    }

    /// The row of a number, or `None` if the format does not define it.
    pub fn of(number: u16) -> Option<Self> {
        if Self::is_custom(number) {
            return Some(row(number, Kind::Custom, Area::Protected, 0, u16::MAX));
        }
        Self::ALL.iter().find(|ty| ty.number == number).copied()
    }

    /// MCUboot's name of it.
    pub fn name(&self) -> &'static str {
        NAMES.iter().find(|(number, _)| *number == self.number).map_or("custom", |(_, name)| *name)
    }

    /// Whether a dialect has it. ST's loaders refuse what they do not use.
    pub(crate) const fn is_of(&self, dialect: Dialect) -> bool {
        !dialect.is_st()
            || !matches!(
                self.number,
                0x11..=0x12 | 0x20 | 0x23..=0x25 | 0x30..=0x31 | 0x33..=0x34 | 0x70..=0x75
            )
    }

    /// The hash that a hash TLV holds.
    pub const fn hash_algorithm(&self) -> Option<HashAlgorithm> {
        hash_algorithm(self.number)
    }

    /// How the image key in an encryption TLV is sealed.
    pub const fn sealing(&self) -> Option<Sealing> {
        match self.number {
            0x30 => Some(Sealing::RsaOaep),
            0x31 => Some(Sealing::AesKeyWrap),
            0x32 => Some(Sealing::EciesP256),
            0x33 => Some(Sealing::EciesX25519),
            0x34 => Some(Sealing::EciesX25519Sha512),
            _ => None,
        }
    }

    /// Whether an image may have several TLVs of this kind.
    pub(crate) const fn may_repeat(&self) -> bool {
        matches!(self.kind, Kind::Dependency | Kind::Compression | Kind::Custom)
    }
}

/// The hash that a TLV of this number holds.
pub(crate) const fn hash_algorithm(number: u16) -> Option<HashAlgorithm> {
    match number {
        0x10 => Some(HashAlgorithm::Sha256),
        0x11 => Some(HashAlgorithm::Sha384),
        0x12 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// One TLV of an image: its type and where its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// The type.
    pub ty: TlvType,
    /// Offset of the value from the start of the image.
    pub offset: u32,
    /// Length of the value.
    pub len: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_ascending_and_outside_the_vendor_range() {
        assert!(TlvType::ALL.windows(2).all(|pair| pair[0].number < pair[1].number));
        for ty in TlvType::ALL {
            assert!(!TlvType::is_custom(ty.number) && ty.min <= ty.max, "{}", ty.name());
            assert_ne!(ty.name(), "custom");
            assert_eq!(TlvType::of(ty.number), Some(*ty));
        }
        assert_eq!(TlvType::of(0x21), None);
        assert_eq!(TlvType::of(0xffff), None);
        assert_eq!(TlvType::of(0x03a0).map(|ty| ty.kind), Some(Kind::Custom));
    }
}
