//! The parts of one image, for a payload of known size and a known key.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use ironroot_crypto::{Crypto, Digest, HashAlgorithm, KeyBits, PublicKey, Sealing};

use super::area::TlvArea;
use super::{BuildError, Builder, KeyFormat, record};
use crate::verify::signature_type;
use crate::{Area, Dialect, Flags, HEADER_LEN, Header, TlvType};

/// The longest software type of a boot record, in characters.
const MAX_SOFTWARE_TYPE: usize = 12;
/// Payloads that are encrypted are a whole number of AES blocks.
const BLOCK: u64 = 16;

/// Everything about an image that does not follow from the bytes of its payload. The parts in their order:
///
/// 1. [`Self::header`]
/// 2. the payload, and [`Self::payload_padding`] zeros; both encrypted, if the image is
/// 3. [`Self::protected`]
/// 4. [`Self::unprotected`]
///
/// Hash and signature are over [`Self::hashed_header`], payload and padding in plain, and the protected TLVs.
#[derive(Clone, Debug)]
pub struct Plan {
    stored_header: Vec<u8>,
    hashed_header: Option<Vec<u8>>,
    dialect: Dialect,
    padding: usize,
    protected: Vec<u8>,
    hash: HashAlgorithm,
    pure: bool,
    key_format: KeyFormat,
    encrypted: Option<KeyBits>,
}

impl Plan {
    pub(super) fn new(
        recipe: &Builder,
        payload_size: u32,
        key: Option<&PublicKey>,
        crypto: &mut impl Crypto,
    ) -> Result<Self, BuildError> {
        let payload_size = u64::from(payload_size);
        if usize::from(recipe.header_size) < HEADER_LEN {
            return Err(BuildError::HeaderSize);
        }
        if payload_size == 0 {
            return Err(BuildError::EmptyPayload);
        }
        let (hash, pure) = kind_of_signature(recipe, key)?;
        let dialect = recipe.dialect;
        let mut flags = recipe.flags;
        let mut padding = 0;
        if let Some(bits) = recipe.encrypted {
            flags = flags.union(dialect.encryption_flag(bits));
            // The reference tool counts the header in: with a header that is no multiple of a block, the payload is not
            // one either.
            let over = (u64::from(recipe.header_size) + payload_size) % BLOCK;
            padding = (BLOCK - over) % BLOCK;
        }
        if recipe.primary_only {
            if !dialect.is_st() {
                return Err(BuildError::Dialect);
            }
            flags = flags.union(Flags::ST_PRIMARY_ONLY);
        }
        let positioned = flags.intersects(Flags::RAM_LOAD.union(Flags::ROM_FIXED));
        let both = flags.intersects(Flags::RAM_LOAD) && flags.intersects(Flags::ROM_FIXED);
        if positioned != (recipe.load_address != 0) || both {
            return Err(BuildError::LoadAddress);
        }
        if dialect.is_st() && flags.intersects(Flags::ROM_FIXED) {
            return Err(BuildError::Dialect);
        }
        let protected = protected(recipe, hash, key, crypto)?;
        let header = Header {
            load_address: recipe.load_address,
            header_size: recipe.header_size,
            protected_size: u16::try_from(protected.len()).map_err(|_| BuildError::TooLarge)?,
            payload_size: u32::try_from(payload_size + padding).map_err(|_| BuildError::TooLarge)?,
            flags,
            version: recipe.version,
        };
        // Every offset in an image is 32 bits.
        let covered = u64::from(header.header_size) + payload_size + padding + protected.len() as u64;
        if covered > u64::from(u32::MAX - u32::from(u16::MAX)) {
            return Err(BuildError::TooLarge);
        }
        let padded = |flags| {
            let mut bytes = Header { flags, ..header }.encode_as(dialect).to_vec();
            bytes.resize(usize::from(header.header_size), recipe.header_padding);
            bytes
        };
        let hashed_flags = dialect.hashed_flags(flags);
        Ok(Self {
            stored_header: padded(flags),
            hashed_header: (hashed_flags != flags).then(|| padded(hashed_flags)),
            dialect,
            padding: padding as usize,
            protected,
            hash,
            pure,
            key_format: recipe.key_format,
            encrypted: recipe.encrypted,
        })
    }

    /// The header with its padding.
    pub fn header(&self) -> &[u8] {
        &self.stored_header
    }

    /// The header as it is hashed: another one only in a dialect that signs it without the flag of encryption.
    pub fn hashed_header(&self) -> &[u8] {
        self.hashed_header.as_ref().unwrap_or(&self.stored_header)
    }

    /// How many zeros follow the payload, as a part of it.
    pub fn payload_padding(&self) -> usize {
        self.padding
    }

    /// The protected TLV area with its info header; empty if there is nothing to protect.
    pub fn protected(&self) -> &[u8] {
        &self.protected
    }

    /// The hash of image and key.
    pub fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash
    }

    /// Whether the signature is over the content instead of the digest.
    pub fn is_pure(&self) -> bool {
        self.pure
    }

    /// The length of the image key, if the image is encrypted.
    pub fn encryption(&self) -> Option<KeyBits> {
        self.encrypted
    }

    /// The unprotected TLV area: hash, key, signature, sealed image key. Without a signature the image has a hash only:
    /// no device starts it.
    pub fn unprotected(
        &self,
        digest: &Digest,
        signature: Option<(&PublicKey, &[u8])>,
        sealed: Option<(Sealing, &[u8])>,
        crypto: &mut impl Crypto,
    ) -> Result<Vec<u8>, BuildError> {
        // The order is imgtool's.
        let mut tlvs = TlvArea::default();
        let hash = match digest.algorithm() {
            HashAlgorithm::Sha256 => TlvType::SHA256,
            HashAlgorithm::Sha384 => TlvType::SHA384,
            HashAlgorithm::Sha512 => TlvType::SHA512,
        };
        if digest.algorithm() != self.hash {
            return Err(BuildError::SignatureKind);
        }
        tlvs.push(hash.number, digest.as_bytes())?;
        if self.pure {
            tlvs.push(TlvType::PURE.number, &[1])?;
        }
        if let Some((key, signature)) = signature {
            if !key.algorithm().accepts(self.hash, self.pure) {
                return Err(BuildError::SignatureKind);
            }
            match self.key_format {
                KeyFormat::Hash => {
                    let name = key.hash(self.hash, crypto).ok_or(BuildError::SignatureKind)?;
                    tlvs.push(TlvType::KEYHASH.number, name.as_bytes())?;
                }
                KeyFormat::Full => tlvs.push(TlvType::PUBKEY.number, key.der().as_bytes())?,
            }
            let signature_tlv = signature_type(key.algorithm());
            tlvs.push(signature_tlv.number, &self.signature_bytes(signature_tlv, signature))?;
        }
        match (self.encrypted, sealed) {
            (None, None) => {}
            (Some(bits), Some((sealing, sealed))) if sealed.len() == sealing.sealed_len(bits) => {
                let ty = TlvType::ALL.iter().find(|ty| ty.sealing() == Some(sealing));
                let ty = ty.filter(|ty| ty.is_of(self.dialect)).ok_or(BuildError::Dialect)?;
                tlvs.push(ty.number, sealed)?;
            }
            _ => return Err(BuildError::Encryption),
        }
        tlvs.finish(Area::Unprotected)
    }

    fn signature_bytes<'s>(&self, ty: TlvType, signature: &'s [u8]) -> Cow<'s, [u8]> {
        if ty != TlvType::ECDSA || !self.dialect.pads_signatures() {
            return Cow::Borrowed(signature);
        }
        let mut padded = signature.to_vec();
        padded.resize(signature.len().max(72), 0);
        Cow::Owned(padded)
    }
}

/// The hash and the kind of signature, if the key can do both.
fn kind_of_signature(recipe: &Builder, key: Option<&PublicKey>) -> Result<(HashAlgorithm, bool), BuildError> {
    let pure = recipe.pure;
    let hash = match (recipe.hash, key) {
        (Some(hash), _) => hash,
        (None, Some(key)) => key.algorithm().default_hash(pure),
        (None, None) => HashAlgorithm::Sha256,
    };
    let fits = match key {
        Some(key) => key.algorithm().accepts(hash, pure),
        None => !pure,
    };
    let in_dialect = !recipe.dialect.is_st()
        || (hash == HashAlgorithm::Sha256 && matches!(key, None | Some(PublicKey::P256(_))));
    match (fits && hash.is_available(), in_dialect) {
        (false, _) => Err(BuildError::SignatureKind),
        (true, false) => Err(BuildError::Dialect),
        (true, true) => Ok((hash, pure)),
    }
}

/// The protected TLV area.
fn protected(
    recipe: &Builder,
    hash: HashAlgorithm,
    key: Option<&PublicKey>,
    crypto: &mut impl Crypto,
) -> Result<Vec<u8>, BuildError> {
    // The order is imgtool's.
    let mut tlvs = TlvArea::default();
    if let Some(counter) = recipe.security_counter {
        tlvs.push(TlvType::SECURITY_COUNTER.number, &counter.to_le_bytes())?;
    }
    if let Some(software_type) = &recipe.boot_record {
        if software_type.chars().count() > MAX_SOFTWARE_TYPE {
            return Err(BuildError::BootRecord);
        }
        // An image that nobody signs has a signer of zeros, of the length that imgtool gives it.
        let signer = key.and_then(|key| key.hash(hash, crypto)).unwrap_or(Digest::from([0; 32]));
        let record = record::encode(software_type, recipe.version, signer.as_bytes(), hash);
        tlvs.push(TlvType::BOOT_RECORD.number, &record)?;
    }
    for (image, version) in &recipe.dependencies {
        let mut value = [*image, 0, 0, 0].to_vec();
        value.extend(version.encode());
        tlvs.push(TlvType::DEPENDENCY.number, &value)?;
    }
    for (ty, id) in [(TlvType::VENDOR_ID, &recipe.vendor_id), (TlvType::CLASS_ID, &recipe.class_id)] {
        if let Some(uuid) = id {
            if !ty.is_of(recipe.dialect) {
                return Err(BuildError::Dialect);
            }
            tlvs.push(ty.number, uuid)?;
        }
    }
    for (index, (number, value)) in recipe.custom.iter().enumerate() {
        let repeated = recipe.custom.iter().take(index).any(|(earlier, _)| earlier == number);
        if repeated || !TlvType::is_custom(*number) {
            return Err(BuildError::CustomTlv(*number));
        }
        tlvs.push(*number, value).map_err(|_| BuildError::CustomTlv(*number))?;
    }
    tlvs.finish(Area::Protected)
}
