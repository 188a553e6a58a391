//! Whether an image may run: hash, signature, policy.
//!
//! Against faults: the decision is never one branch. The signature is verified twice, the second time over a signature
//! and a key that are fetched again; both verdicts are words with distance, and their combination is kept in the
//! [`VerifiedImage`] as a seal that the caller checks again right before the jump ([`VerifiedImage::is_intact`]).
//! Skipping the hash of a part of the image needs no such care: it gives a digest for which no signature exists.

use core::hint::black_box;

use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Sha256Digest, Verdict};

use crate::{Error, Flags, Header, Image, KeyId, ReadAt, Tlv, TlvType};

/// Bytes that are read and hashed at a time: a bounded piece of stack.
const PIECE: usize = 512;
/// The longest DER signature of P-256: two integers of 33 bytes.
const MAX_SIGNATURE: usize = 72;
/// Offset of the flags in the header, for refusals.
const FLAGS_OFFSET: u32 = 16;

/// A key that images may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// ECDSA on P-256.
    P256(P256PublicKey),
}

/// What to do with an image that depends on others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dependencies {
    /// Refuse: nobody here can check them. The default, and right for a device.
    #[default]
    Refuse,
    /// Leave the check to the device: for a tool that looks at one image alone.
    LeaveToDevice,
}

/// What an image must be besides authentic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The least security counter. `None`: no rollback protection, the counter is not looked at.
    pub min_security_counter: Option<u32>,
    /// This product's vendor: an image that names one must name this.
    pub vendor_id: Option<[u8; 16]>,
    /// This product's class: an image that names one must name this.
    pub class_id: Option<[u8; 16]>,
    /// Where the slot is: a ROM_FIXED image must name this address. `None`: not known here.
    pub slot_address: Option<u32>,
    /// What to do about dependencies.
    pub dependencies: Dependencies,
}

/// An image that passed every check. Only [`verify()`] makes one, so holding it is the proof.
#[derive(Clone, Debug)]
pub struct VerifiedImage {
    image: Image,
    digest: Sha256Digest,
    key_index: usize,
    key_hash: Sha256Digest,
    seal: u32,
}

impl VerifiedImage {
    /// The parsed image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        self.image.header()
    }

    /// SHA-256 over header, payload and protected TLVs, as computed here.
    pub fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// Which of the keys verified it.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// SHA-256 of that key's SubjectPublicKeyInfo.
    pub fn key_hash(&self) -> &Sha256Digest {
        &self.key_hash
    }

    /// The security counter.
    pub fn security_counter(&self) -> Option<u32> {
        self.image.security_counter()
    }

    /// Whether both verdicts that led here accepted. It always is; a caller that is about to jump asks again, so that
    /// one skipped branch inside [`verify()`] is still caught.
    pub fn is_intact(&self) -> Verdict {
        Verdict::from_bool(black_box(self.seal) == seal(Verdict::ACCEPTED, Verdict::ACCEPTED))
    }
}

/// Two verdicts in one word, in which neither can stand for both.
const fn seal(first: Verdict, second: Verdict) -> u32 {
    first.word().rotate_left(7) ^ second.word().rotate_left(20)
}

/// Verifies hash and signature of `image` in `source`, then the policy.
///
/// `keys` are all that may sign; the image selects one by key hash or by carrying it, and never brings a key of its own.
pub fn verify(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    keys: &[PublicKey],
    policy: &Policy,
    crypto: &mut impl Crypto,
) -> Result<VerifiedImage, Error> {
    check_flags(image, policy)?;
    let stated = stated_hash(image)?;
    let signature = stated_signature(image)?;
    let (key_index, key_hash) = find_key(image, keys, crypto)?;

    let digest = digest(image, source, crypto)?;
    if !Verdict::of_equal(&digest, stated).is_accepted() {
        return Err(Error::new(codes::HASH_MISMATCH, 0));
    }

    let first = check_signature(source, signature, keys, key_index, &digest, crypto)?;
    if !first.is_accepted() {
        return Err(Error::new(codes::SIGNATURE_INVALID, signature.offset));
    }
    let second = check_signature(source, signature, keys, black_box(key_index), black_box(&digest), crypto)?;
    if !second.is_accepted() {
        return Err(Error::new(codes::SIGNATURE_INVALID, signature.offset));
    }

    // The TLVs were read before they were hashed. Whoever can change the memory in between, or the bus, could have shown
    // another counter or class to the parser than to the hash.
    if Image::parse(source, image.limits())? != *image {
        return Err(Error::new(codes::CHANGED_WHILE_VERIFIED, 0));
    }
    check_policy(image, policy)?;
    Ok(VerifiedImage { image: image.clone(), digest, key_index, key_hash, seal: seal(first, second) })
}

/// The SHA-256 over what an image's signature covers: header with padding, payload, protected TLVs.
pub fn digest(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    crypto: &mut impl Crypto,
) -> Result<Sha256Digest, Error> {
    let mut sha = crypto.sha256();
    let mut buffer = [0; PIECE];
    let end = image.protected().end;
    let mut position = 0;
    while position < end {
        let wanted = usize::try_from(end - position).unwrap_or(PIECE).min(PIECE);
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        source.read_at(position, piece).map_err(|error| Error::read(error, position))?;
        sha.update(piece);
        position = position.saturating_add(wanted as u32);
    }
    Ok(sha.finish())
}

/// Flags that change what the bytes are or what they are for: none of them can run in place.
fn check_flags(image: &Image, policy: &Policy) -> Result<(), Error> {
    const FORBIDDEN: [(Flags, Code); 5] = [
        (Flags::ENCRYPTED, codes::ENCRYPTED),
        (Flags::NON_BOOTABLE, codes::NON_BOOTABLE),
        (Flags::RAM_LOAD, codes::RAM_LOAD),
        (Flags::COMPRESSED, codes::COMPRESSED),
        (Flags::POSITION_INDEPENDENT, codes::POSITION_INDEPENDENT),
    ];
    let header = image.header();
    for (flag, code) in FORBIDDEN {
        if header.flags.intersects(flag) {
            return Err(Error::new(code, FLAGS_OFFSET));
        }
    }
    match policy.slot_address {
        Some(address) if header.flags.intersects(Flags::ROM_FIXED) && header.load_address != address => {
            Err(Error::new(codes::LOAD_ADDRESS, 4))
        }
        _ => Ok(()),
    }
}

fn stated_hash(image: &Image) -> Result<&[u8; 32], Error> {
    match (image.sha256(), image.hash()) {
        (Some(hash), _) => Ok(hash),
        (None, Some(tlv)) => Err(Error::new(codes::HASH_UNSUPPORTED, tlv.offset)),
        (None, None) => Err(Error::new(codes::HASH_MISSING, image.unprotected().start)),
    }
}

fn stated_signature(image: &Image) -> Result<Tlv, Error> {
    match image.signature() {
        Some(tlv) if tlv.ty == TlvType::ECDSA && !image.has_pure_signature() => Ok(tlv),
        Some(tlv) => Err(Error::new(codes::SIGNATURE_UNSUPPORTED, tlv.offset)),
        None => Err(Error::new(codes::SIGNATURE_MISSING, image.unprotected().start)),
    }
}

/// The trusted key that the image names, and its hash.
fn find_key(
    image: &Image,
    keys: &[PublicKey],
    crypto: &mut impl Crypto,
) -> Result<(usize, Sha256Digest), Error> {
    let at = image.unprotected().start;
    if keys.is_empty() {
        return Err(Error::new(codes::NO_TRUSTED_KEYS, at));
    }
    let wanted = image.key_id().ok_or(Error::new(codes::KEY_ID_MISSING, at))?;
    for (index, PublicKey::P256(key)) in keys.iter().enumerate() {
        let hash = key.key_hash(crypto);
        let found = match wanted {
            KeyId::Sha256(wanted) => *wanted == hash,
            KeyId::P256(wanted) => wanted == key,
            KeyId::Other => false,
        };
        if found {
            return Ok((index, hash));
        }
    }
    Err(Error::new(codes::UNKNOWN_KEY, at))
}

/// One verification, with signature and key fetched anew.
fn check_signature(
    source: &(impl ReadAt + ?Sized),
    tlv: Tlv,
    keys: &[PublicKey],
    key_index: usize,
    digest: &Sha256Digest,
    crypto: &mut impl Crypto,
) -> Result<Verdict, Error> {
    let malformed = Error::new(codes::SIGNATURE_MALFORMED, tlv.offset);
    let mut buffer = [0; MAX_SIGNATURE];
    let signature = buffer.get_mut(..usize::from(tlv.len)).ok_or(malformed)?;
    source.read_at(tlv.offset, signature).map_err(|error| Error::read(error, tlv.offset))?;
    if !is_der_signature(signature) {
        return Err(malformed);
    }
    match keys.get(key_index) {
        Some(PublicKey::P256(key)) => Ok(crypto.verify_p256(key, digest, signature)),
        None => Ok(Verdict::REFUSED),
    }
}

/// The shape of a strict DER `SEQUENCE { INTEGER, INTEGER }` of two positive numbers of at most 32 bytes, with nothing
/// behind it. The backend checks the same and the range; here it gives a malformed signature its own code.
fn is_der_signature(bytes: &[u8]) -> bool {
    fn integer(bytes: &[u8]) -> Option<&[u8]> {
        let (value, rest) = match bytes {
            [0x02, len, rest @ ..] => rest.split_at_checked(usize::from(*len))?,
            _ => return None,
        };
        let positive = match value {
            [0x00, next, ..] => *next >= 0x80 && value.len() <= 33,
            [first, ..] => *first < 0x80 && value.len() <= 32,
            [] => false,
        };
        positive.then_some(rest)
    }
    match bytes {
        [0x30, len, body @ ..] if usize::from(*len) == body.len() && *len < 0x80 => {
            integer(body).and_then(integer).is_some_and(<[u8]>::is_empty)
        }
        _ => false,
    }
}

/// What an authentic image must also be. Only now: before, these values could have been anybody's.
fn check_policy(image: &Image, policy: &Policy) -> Result<(), Error> {
    let at = image.protected().start;
    if let Some(least) = policy.min_security_counter {
        match image.security_counter() {
            None => return Err(Error::new(codes::COUNTER_MISSING, at)),
            Some(counter) if counter < least => return Err(Error::new(codes::COUNTER_TOO_OLD, at)),
            Some(_) => {}
        }
    }
    let ids = [
        (policy.vendor_id.as_ref(), image.vendor_id(), codes::WRONG_VENDOR),
        (policy.class_id.as_ref(), image.class_id(), codes::WRONG_CLASS),
    ];
    for (ours, theirs, code) in ids {
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
        {
            return Err(Error::new(code, at));
        }
    }
    if image.dependencies() != 0 && policy.dependencies == Dependencies::Refuse {
        return Err(Error::new(codes::DEPENDENCY, at));
    }
    Ok(())
}
