//! The types of TLV that the format defines: a table, not code.

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlvType {
    /// The number in the image.
    pub number: u16,
    /// MCUboot's name.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// The only area in which it is valid.
    pub area: Area,
    /// Least length of the value.
    pub min: u16,
    /// Greatest length of the value.
    pub max: u16,
}

const fn row(number: u16, name: &'static str, kind: Kind, area: Area, min: u16, max: u16) -> TlvType {
    TlvType { number, name, kind, area, min, max }
}

impl TlvType {
    /// SHA-256 (or longer) of the public key.
    pub const KEYHASH: Self = row(0x01, "KEYHASH", Kind::KeyId, Area::Unprotected, 32, 64);
    /// The public key itself, DER.
    pub const PUBKEY: Self = row(0x02, "PUBKEY", Kind::KeyId, Area::Unprotected, 1, u16::MAX);
    /// SHA-256 of the image.
    pub const SHA256: Self = row(0x10, "SHA256", Kind::Hash, Area::Unprotected, 32, 32);
    /// ECDSA in DER; the curve is that of the key.
    pub const ECDSA: Self = row(0x22, "ECDSASIG", Kind::Signature, Area::Unprotected, 8, 139);
    /// Security counter, u32.
    pub const SECURITY_COUNTER: Self = row(0x50, "SEC_CNT", Kind::SecurityCounter, Area::Protected, 4, 4);
    /// UUID of the vendor.
    pub const VENDOR_ID: Self = row(0x74, "UUID_VID", Kind::VendorId, Area::Protected, 16, 16);
    /// UUID of the class.
    pub const CLASS_ID: Self = row(0x75, "UUID_CID", Kind::ClassId, Area::Protected, 16, 16);

    /// Every type that the format defines, also those that this verifier then refuses: so that a refusal can say what
    /// the image has instead of "unknown".
    pub const ALL: &[Self] = &[
        Self::KEYHASH,
        Self::PUBKEY,
        Self::SHA256,
        row(0x11, "SHA384", Kind::Hash, Area::Unprotected, 48, 48),
        row(0x12, "SHA512", Kind::Hash, Area::Unprotected, 64, 64),
        row(0x20, "RSA2048", Kind::Signature, Area::Unprotected, 256, 256),
        Self::ECDSA,
        row(0x23, "RSA3072", Kind::Signature, Area::Unprotected, 384, 384),
        row(0x24, "ED25519", Kind::Signature, Area::Unprotected, 64, 64),
        row(0x25, "SIG_PURE", Kind::PureSignature, Area::Unprotected, 1, 1),
        row(0x30, "ENCRSA2048", Kind::EncryptedKey, Area::Unprotected, 256, 256),
        row(0x31, "ENCKW", Kind::EncryptedKey, Area::Unprotected, 24, 40),
        row(0x32, "ENCEC256", Kind::EncryptedKey, Area::Unprotected, 113, 129),
        row(0x33, "ENCX25519", Kind::EncryptedKey, Area::Unprotected, 80, 96),
        row(0x34, "ENCX25519_SHA512", Kind::EncryptedKey, Area::Unprotected, 112, 128),
        row(0x40, "DEPENDENCY", Kind::Dependency, Area::Protected, 12, 12),
        Self::SECURITY_COUNTER,
        row(0x60, "BOOT_RECORD", Kind::BootRecord, Area::Protected, 1, u16::MAX),
        row(0x70, "DECOMP_SIZE", Kind::Compression, Area::Protected, 4, 4),
        row(0x71, "DECOMP_SHA", Kind::Compression, Area::Protected, 32, 64),
        row(0x72, "DECOMP_SIGNATURE", Kind::Compression, Area::Protected, 1, u16::MAX),
        row(0x73, "COMP_DEC_SIZE", Kind::Compression, Area::Protected, 4, 4),
        Self::VENDOR_ID,
        Self::CLASS_ID,
    ];

    /// The vendor range: a low byte of 0xa0 to 0xfe. Always protected: nobody else knows what it means, so it must not be
    /// open to change.
    pub const fn is_custom(number: u16) -> bool {
        matches!(number & 0xFF, 0xA0..=0xFE)
    }

    /// The row of a number, or `None` if the format does not define it.
    pub fn of(number: u16) -> Option<Self> {
        if Self::is_custom(number) {
            return Some(row(number, "custom", Kind::Custom, Area::Protected, 0, u16::MAX));
        }
        Self::ALL.iter().find(|ty| ty.number == number).copied()
    }

    /// Whether an image may have several TLVs of this kind.
    pub(crate) const fn may_repeat(&self) -> bool {
        matches!(self.kind, Kind::Dependency | Kind::Compression | Kind::Custom)
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
            assert!(!TlvType::is_custom(ty.number) && ty.min <= ty.max, "{}", ty.name);
            assert_eq!(TlvType::of(ty.number), Some(*ty));
        }
        assert_eq!(TlvType::of(0x21), None);
        assert_eq!(TlvType::of(0x03a0).map(|ty| ty.kind), Some(Kind::Custom));
    }
}
