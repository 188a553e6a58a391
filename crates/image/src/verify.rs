//! Whether an image may run: hash, signature, policy.
//!
//! Against faults: the decision is never one branch. The signature is verified twice, the second time over a signature
//! and a key that are fetched again; both verdicts are words with distance, and their combination is kept in the
//! [`VerifiedImage`] as a seal that the caller checks again right before the jump ([`VerifiedImage::is_intact`]).
//! Skipping the hash of a part of the image needs no such care: it gives a digest for which no signature exists.

use core::hint::black_box;

use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{
    Crypto, Digest, Hasher, MAX_DIGEST, MAX_KEY_DER, MAX_SIGNATURE, PublicKey, PureVerifier, Sha256Digest,
    SignatureAlgorithm, Verdict,
};

use crate::{Error, Flags, Header, Image, Kind, ReadAt, TlvType};

/// Bytes that are read and hashed at a time: a bounded piece of stack.
const PIECE: usize = 512;
/// Offset of the flags in the header.
const FLAGS_OFFSET: usize = 16;

/// What to do with an image that depends on others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dependencies {
    /// Refuse: nobody here can check them. The default, and right for a device.
    #[default]
    Refuse,
    /// Leave the check to the device: for a tool that looks at one image alone.
    LeaveToDevice,
}

/// The RAM that images may be copied to and run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamWindow {
    /// Its first address.
    pub start: u32,
    /// Its size in bytes.
    pub size: u32,
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
    /// Whether an image may be marked as encrypted. The source must then show its payload in plain: [`crate::Plain`], or
    /// a slot in which it was installed in plain.
    pub encrypted: bool,
    /// Whether an image may be marked as not bootable: for a tool, or for a slot of data.
    pub non_bootable: bool,
    /// Where images are copied to and run. `None`: an image that wants it is refused. `Some`: one that does not is.
    pub ram_load: Option<RamWindow>,
}

impl Policy {
    /// Nothing is demanded, and nothing but a plain image that runs where it lies is accepted: the default.
    pub const NONE: Self = Self {
        min_security_counter: None,
        vendor_id: None,
        class_id: None,
        slot_address: None,
        dependencies: Dependencies::Refuse,
        encrypted: false,
        non_bootable: false,
        ram_load: None,
    };
}

/// An image that passed every check. Only [`verify()`] makes one, so holding it is the proof.
#[derive(Clone, Debug)]
pub struct VerifiedImage {
    image: Image,
    digest: Digest,
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

    /// The hash over header, payload and protected TLVs, as computed here.
    pub fn hash(&self) -> &Digest {
        &self.digest
    }

    /// Its first 32 bytes: the whole of a SHA-256.
    pub fn digest(&self) -> &Sha256Digest {
        self.digest.prefix()
    }

    /// Which of the keys verified it.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// SHA-256 of that key's DER: its name outside of images, whatever hash the image has.
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
/// An image has exactly one signature: the format allows several, no tool makes them, and each more would be one more
/// that an attacker may try.
pub fn verify<C: Crypto>(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    keys: &[PublicKey],
    policy: &Policy,
    crypto: &mut C,
) -> Result<VerifiedImage, Error> {
    verify_dyn(image, &source, keys, policy, crypto)
}

/// [`verify()`], once for all kinds of source.
#[inline(never)]
pub fn verify_dyn<C: Crypto>(
    image: &Image,
    source: &dyn ReadAt,
    keys: &[PublicKey],
    policy: &Policy,
    crypto: &mut C,
) -> Result<VerifiedImage, Error> {
    check_flags(image, policy)?;
    let mut hasher = image_hasher(image, crypto)?;
    let check = Check { image, source, keys };
    check.kind()?;
    let key_index = find_key(image, source, keys, crypto)?;
    check.matches(key_index)?;

    let mut pure = check.begin_pure(key_index)?;
    walk(image, source, &mut |piece| {
        hasher.update(piece);
        if let Some(pure) = &mut pure {
            pure.update(piece);
        }
    })?;
    let digest = hasher.finish();
    let mut buffer = [0; MAX_DIGEST];
    let stated = value(source, image.at(Kind::Hash), &mut buffer, codes::HASH_UNSUPPORTED)?;
    if !Verdict::of_equal(digest.as_bytes(), stated).is_accepted() {
        return Err(Error::new(codes::HASH_MISMATCH, 0));
    }

    let first = check.signature(key_index, &digest, pure, crypto)?;
    let again = black_box(key_index);
    let mut pure = check.begin_pure(again)?;
    if let Some(pure) = &mut pure {
        walk(image, source, &mut |piece| pure.update(piece))?;
    }
    let second = check.signature(again, black_box(&digest), pure, crypto)?;

    // The TLVs were read before they were hashed. Whoever can change the memory in between, or the bus, could have shown
    // another counter or class to the parser than to the hash.
    if Image::parse_dyn(source, image.limits())? != *image {
        return Err(Error::new(codes::CHANGED_WHILE_VERIFIED, 0));
    }
    check_policy(image, policy)?;
    let key_hash = match keys.get(key_index) {
        Some(key) => key.key_hash(crypto),
        None => return Err(Error::new(codes::UNKNOWN_KEY, 0)),
    };
    Ok(VerifiedImage { image: *image, digest, key_index, key_hash, seal: seal(first, second) })
}

/// The value of the TLV at `place` (offset and length), at the start of `buffer`.
fn value<'b>(
    source: &dyn ReadAt,
    place: Option<(u32, usize)>,
    buffer: &'b mut [u8],
    too_long: Code,
) -> Result<&'b [u8], Error> {
    let (offset, len) = place.unwrap_or_default();
    let value = buffer.get_mut(..len).ok_or(Error::new(too_long, offset))?;
    source.read_at(offset, value).map_err(|error| Error::read(error, offset))?;
    Ok(value)
}

/// The hash over what an image's signature covers: header with padding, payload, protected TLVs. The algorithm is that of
/// the image's hash TLV.
pub fn digest(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    crypto: &mut impl Crypto,
) -> Result<Digest, Error> {
    let mut hasher = image_hasher(image, crypto)?;
    walk(image, source, &mut |piece| hasher.update(piece))?;
    Ok(hasher.finish())
}

/// The hash that the image states. Means nothing before it is compared with [`digest`].
pub fn stated_hash(image: &Image, source: &(impl ReadAt + ?Sized)) -> Result<Digest, Error> {
    let tlv = image.hash().ok_or(Error::new(codes::HASH_MISSING, image.unprotected().start))?;
    let unsupported = Error::new(codes::HASH_UNSUPPORTED, tlv.offset);
    let mut buffer = [0; MAX_DIGEST];
    let stated = buffer.get_mut(..usize::from(tlv.len)).ok_or(unsupported)?;
    source.read_at(tlv.offset, stated).map_err(|error| Error::read(error, tlv.offset))?;
    Digest::from_slice(stated).ok_or(unsupported)
}

/// Hands over what hash and signature cover, in order and in pieces of bounded size.
pub fn walk(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    take: &mut impl FnMut(&[u8]),
) -> Result<(), Error> {
    let mut buffer = [0; PIECE];
    let end = image.protected().end;
    let flags = image.header().flags;
    let hashed_flags = image.limits().dialect.hashed_flags(flags);
    let mut position = 0;
    while position < end {
        let wanted = usize::try_from(end - position).unwrap_or(PIECE).min(PIECE);
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        source.read_at(position, piece).map_err(|error| Error::read(error, position))?;
        if position == 0 && hashed_flags != flags {
            let field = piece.iter_mut().skip(FLAGS_OFFSET);
            for (to, from) in field.zip(hashed_flags.bits().to_le_bytes()) {
                *to = from;
            }
        }
        take(piece);
        position = position.saturating_add(wanted as u32);
    }
    Ok(())
}

/// A running hash of the image's algorithm.
fn image_hasher<C: Crypto>(image: &Image, crypto: &mut C) -> Result<Hasher<C>, Error> {
    match (image.hash_algorithm(), image.hash()) {
        (Some(algorithm), Some(tlv)) => {
            Hasher::new(algorithm, crypto).ok_or(Error::new(codes::HASH_UNSUPPORTED, tlv.offset))
        }
        _ => Err(Error::new(codes::HASH_MISSING, image.unprotected().start)),
    }
}

/// Flags that change what the bytes are or what they are for.
fn check_flags(image: &Image, policy: &Policy) -> Result<(), Error> {
    let header = image.header();
    let has = |flag| header.flags.intersects(flag);
    let code = if image.has(Kind::EncryptedKey) && !policy.encrypted {
        codes::ENCRYPTED
    } else if has(Flags::NON_BOOTABLE) && !policy.non_bootable {
        codes::NON_BOOTABLE
    } else if has(Flags::RAM_LOAD) != policy.ram_load.is_some() {
        if has(Flags::RAM_LOAD) { codes::RAM_LOAD } else { codes::NOT_RAM_LOAD }
    } else if has(Flags::COMPRESSED) {
        codes::COMPRESSED
    } else if has(Flags::POSITION_INDEPENDENT) {
        codes::POSITION_INDEPENDENT
    } else {
        return check_addresses(image, policy);
    };
    Err(Error::new(code, FLAGS_OFFSET as u32))
}

/// Whether the image is where it says that it has to be.
fn check_addresses(image: &Image, policy: &Policy) -> Result<(), Error> {
    let header = image.header();
    // Without the upper bound a signed image could lie about its address and overwrite the loader that verifies it.
    if let Some(window) = policy.ram_load {
        let into = header.load_address.checked_sub(window.start);
        let end = into.and_then(|into| into.checked_add(image.size()));
        if end.is_none_or(|end| end > window.size) {
            return Err(Error::new(codes::RAM_WINDOW, 4));
        }
    }
    match policy.slot_address {
        Some(address) if header.flags.intersects(Flags::ROM_FIXED) && header.load_address != address => {
            Err(Error::new(codes::LOAD_ADDRESS, 4))
        }
        _ => Ok(()),
    }
}

/// The TLV type that the signatures of an algorithm have.
pub(crate) const fn signature_type(algorithm: SignatureAlgorithm) -> TlvType {
    match algorithm {
        SignatureAlgorithm::EcdsaP256 | SignatureAlgorithm::EcdsaP384 => TlvType::ECDSA,
        SignatureAlgorithm::Ed25519 => TlvType::ED25519,
        SignatureAlgorithm::Rsa2048 => TlvType::RSA2048,
        SignatureAlgorithm::Rsa3072 => TlvType::RSA3072,
    }
}

/// Which trusted key the image names.
fn find_key<C: Crypto>(
    image: &Image,
    source: &dyn ReadAt,
    keys: &[PublicKey],
    crypto: &mut C,
) -> Result<usize, Error> {
    const LONGEST: usize = if MAX_KEY_DER > MAX_DIGEST { MAX_KEY_DER } else { MAX_DIGEST };
    let at = image.unprotected().start;
    if keys.is_empty() {
        return Err(Error::new(codes::NO_TRUSTED_KEYS, at));
    }
    let place = image.at(Kind::KeyId);
    if place.is_none() {
        return Err(Error::new(codes::KEY_ID_MISSING, at));
    }
    let mut buffer = [0; LONGEST];
    // A key that is longer than any of this build is none of them.
    let wanted = value(source, place, &mut buffer, codes::UNKNOWN_KEY)?;
    let whole = image.number(Kind::KeyId) == TlvType::PUBKEY.number;
    let algorithm = image.hash_algorithm().ok_or(Error::new(codes::HASH_MISSING, at))?;
    for (index, key) in keys.iter().enumerate() {
        let found = if whole { key.is_der(wanted) } else { key.is_named(wanted, algorithm, crypto) };
        if found {
            return Ok(index);
        }
    }
    Err(Error::new(codes::UNKNOWN_KEY, at))
}

/// The signature of an image: fetched anew, with its key, each time it is verified.
struct Check<'a> {
    image: &'a Image,
    source: &'a dyn ReadAt,
    keys: &'a [PublicKey],
}

impl Check<'_> {
    fn error(&self, code: Code) -> Error {
        Error::new(code, self.image.at(Kind::Signature).map_or(0, |(offset, _)| offset))
    }

    /// Whether there is a signature of a kind that this build could verify.
    fn kind(&self) -> Result<(), Error> {
        let number = self.image.number(Kind::Signature);
        if number == 0 {
            return Err(Error::new(codes::SIGNATURE_MISSING, self.image.unprotected().start));
        }
        let available = if number == TlvType::ECDSA.number {
            true
        } else if number == TlvType::ED25519.number {
            SignatureAlgorithm::Ed25519.is_available()
        } else {
            SignatureAlgorithm::Rsa2048.is_available()
        };
        if available { Ok(()) } else { Err(self.error(codes::SIGNATURE_UNSUPPORTED)) }
    }

    /// Whether key, kind of signature and hash belong together.
    fn matches(&self, key_index: usize) -> Result<(), Error> {
        let Some(key) = self.keys.get(key_index) else { return Err(self.error(codes::UNKNOWN_KEY)) };
        let algorithm = key.algorithm();
        let pure = self.image.has_pure_signature();
        if signature_type(algorithm).number != self.image.number(Kind::Signature)
            || (pure && algorithm != SignatureAlgorithm::Ed25519)
        {
            return Err(self.error(codes::SIGNATURE_NOT_FOR_KEY));
        }
        match self.image.hash_algorithm() {
            Some(hash) if algorithm.accepts(hash, pure) => Ok(()),
            _ => Err(self.error(codes::HASH_NOT_FOR_KEY)),
        }
    }

    /// Key and signature.
    fn read<'b>(
        &self,
        key_index: usize,
        buffer: &'b mut [u8; MAX_SIGNATURE],
    ) -> Result<(&PublicKey, &'b [u8]), Error> {
        let place = self.image.at(Kind::Signature);
        let signature = value(self.source, place, buffer, codes::SIGNATURE_MALFORMED)?;
        // Zeros may stand behind an ECDSA signature.
        let padded = self.image.limits().dialect.pads_signatures();
        let signature = if padded { unpadded(signature) } else { signature };
        match self.keys.get(key_index) {
            Some(key) if key.is_signature_shape(signature) => Ok((key, signature)),
            _ => Err(self.error(codes::SIGNATURE_MALFORMED)),
        }
    }

    /// The verification of a signature over the content, if the image has one: to be fed with the content.
    fn begin_pure(&self, key_index: usize) -> Result<Option<PureVerifier>, Error> {
        // Without the algorithm in this build, no key of it: [`Self::matches`] has refused the image.
        if !SignatureAlgorithm::Ed25519.is_available() || !self.image.has_pure_signature() {
            return Ok(None);
        }
        let mut buffer = [0; MAX_SIGNATURE];
        let (key, signature) = self.read(key_index, &mut buffer)?;
        // Malformed in a way that the length does not show: a number that is not reduced.
        key.verify_pure(signature).map(Some).ok_or_else(|| self.error(codes::SIGNATURE_INVALID))
    }

    /// The accepting verdict, or the refusal.
    #[inline(never)]
    fn signature<C: Crypto>(
        &self,
        key_index: usize,
        digest: &Digest,
        pure: Option<PureVerifier>,
        crypto: &mut C,
    ) -> Result<Verdict, Error> {
        let verdict = match pure {
            Some(pure) => pure.finish(),
            None => {
                let mut buffer = [0; MAX_SIGNATURE];
                let (key, signature) = self.read(key_index, &mut buffer)?;
                key.verify(digest, signature, crypto)
            }
        };
        // Handed on as it is: the seal is made of the word, not of this branch.
        if verdict.is_accepted() { Ok(verdict) } else { Err(self.error(codes::SIGNATURE_INVALID)) }
    }
}

/// A DER sequence without the zeros behind it. If something else is behind it, all of it: that is then malformed.
fn unpadded(signature: &[u8]) -> &[u8] {
    let len = match signature {
        [_, len, ..] => usize::from(*len).saturating_add(2),
        _ => return signature,
    };
    match signature.split_at_checked(len) {
        Some((der, padding)) if padding.iter().all(|byte| *byte == 0) => der,
        _ => signature,
    }
}

/// Refuses a slot in which something lies between the image and `until`, the start of the trailer: a rule of ST's loaders
/// for the slot that updates come from. `erased` is the value of erased flash.
pub fn check_tail(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    until: u32,
    erased: u8,
) -> Result<(), Error> {
    let mut buffer = [0; 64];
    let mut position = image.size();
    while position < until {
        let wanted = usize::try_from(until - position).unwrap_or(64).min(64);
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        source.read_at(position, piece).map_err(|error| Error::read(error, position))?;
        if let Some(found) = piece.iter().position(|byte| *byte != erased) {
            return Err(Error::new(codes::TAIL_NOT_ERASED, position.saturating_add(found as u32)));
        }
        position = position.saturating_add(wanted as u32);
    }
    Ok(())
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
    let differs = |ours: &Option<[u8; 16]>, theirs: Option<&[u8; 16]>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours != theirs,
        _ => false,
    };
    let code = if differs(&policy.vendor_id, image.vendor_id()) {
        codes::WRONG_VENDOR
    } else if differs(&policy.class_id, image.class_id()) {
        codes::WRONG_CLASS
    } else if image.dependencies() != 0 && policy.dependencies == Dependencies::Refuse {
        codes::DEPENDENCY
    } else {
        return Ok(());
    };
    Err(Error::new(code, at))
}
