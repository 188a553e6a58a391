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

use crate::{Error, Flags, Header, Image, ReadAt, Tlv, TlvType};

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
    verify_from(image, &source, keys, policy, crypto)
}

/// One for all kinds of source, as the parser.
#[inline(never)]
fn verify_from<C: Crypto>(
    image: &Image,
    source: &dyn ReadAt,
    keys: &[PublicKey],
    policy: &Policy,
    crypto: &mut C,
) -> Result<VerifiedImage, Error> {
    check_flags(image, policy)?;
    let mut hasher = image_hasher(image, crypto)?;
    let signature = stated_signature(image)?;
    let (key_index, key_hash) = find_key(image, source, keys, crypto)?;
    let check =
        Check { source, tlv: signature, keys, key_index, padded: image.limits().dialect.pads_signatures() };
    check.matches(image)?;

    let mut pure = check.begin_pure(image)?;
    walk(image, source, &mut |piece| {
        hasher.update(piece);
        if let Some(pure) = &mut pure {
            pure.update(piece);
        }
    })?;
    let digest = hasher.finish();
    if !Verdict::of_equal(digest.as_bytes(), stated_hash(image, source)?.as_bytes()).is_accepted() {
        return Err(Error::new(codes::HASH_MISMATCH, 0));
    }

    let first = check.signature(&digest, pure, crypto)?;
    if !first.is_accepted() {
        return Err(Error::new(codes::SIGNATURE_INVALID, signature.offset));
    }
    let check = Check { key_index: black_box(key_index), ..check };
    let mut pure = check.begin_pure(image)?;
    if let Some(pure) = &mut pure {
        walk(image, source, &mut |piece| pure.update(piece))?;
    }
    let second = check.signature(black_box(&digest), pure, crypto)?;
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
    let forbidden: [(bool, Code); 6] = [
        (image.encryption().is_some() && !policy.encrypted, codes::ENCRYPTED),
        (has(Flags::NON_BOOTABLE) && !policy.non_bootable, codes::NON_BOOTABLE),
        (has(Flags::RAM_LOAD) && policy.ram_load.is_none(), codes::RAM_LOAD),
        (!has(Flags::RAM_LOAD) && policy.ram_load.is_some(), codes::NOT_RAM_LOAD),
        (has(Flags::COMPRESSED), codes::COMPRESSED),
        (has(Flags::POSITION_INDEPENDENT), codes::POSITION_INDEPENDENT),
    ];
    for (found, code) in forbidden {
        if found {
            return Err(Error::new(code, FLAGS_OFFSET as u32));
        }
    }
    // Without the upper bound a signed image could lie about its address and overwrite the loader that verifies it.
    if let Some(window) = policy.ram_load {
        let into = header.load_address.checked_sub(window.start);
        let end = into.and_then(|into| into.checked_add(image.size()));
        if end.is_none_or(|end| end > window.size) {
            return Err(Error::new(codes::RAM_WINDOW, 4));
        }
    }
    match policy.slot_address {
        Some(address) if has(Flags::ROM_FIXED) && header.load_address != address => {
            Err(Error::new(codes::LOAD_ADDRESS, 4))
        }
        _ => Ok(()),
    }
}

/// The signature, if this build could verify one of its kind.
fn stated_signature(image: &Image) -> Result<Tlv, Error> {
    let tlv = image.signature().ok_or(Error::new(codes::SIGNATURE_MISSING, image.unprotected().start))?;
    let available = match tlv.ty {
        ty if ty == TlvType::ECDSA => true,
        ty if ty == TlvType::ED25519 => SignatureAlgorithm::Ed25519.is_available(),
        _ => SignatureAlgorithm::Rsa2048.is_available(),
    };
    if available { Ok(tlv) } else { Err(Error::new(codes::SIGNATURE_UNSUPPORTED, tlv.offset)) }
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

/// The trusted key that the image names, and its hash.
fn find_key<C: Crypto>(
    image: &Image,
    source: &(impl ReadAt + ?Sized),
    keys: &[PublicKey],
    crypto: &mut C,
) -> Result<(usize, Sha256Digest), Error> {
    const LONGEST: usize = if MAX_KEY_DER > MAX_DIGEST { MAX_KEY_DER } else { MAX_DIGEST };
    let at = image.unprotected().start;
    if keys.is_empty() {
        return Err(Error::new(codes::NO_TRUSTED_KEYS, at));
    }
    let tlv = image.key_id().ok_or(Error::new(codes::KEY_ID_MISSING, at))?;
    let unknown = Error::new(codes::UNKNOWN_KEY, at);
    let mut buffer = [0; LONGEST];
    // A key that is longer than any of this build is none of them.
    let wanted = buffer.get_mut(..usize::from(tlv.len)).ok_or(unknown)?;
    source.read_at(tlv.offset, wanted).map_err(|error| Error::read(error, tlv.offset))?;
    let algorithm = image.hash_algorithm().ok_or(Error::new(codes::HASH_MISSING, at))?;
    for (index, key) in keys.iter().enumerate() {
        let found = if tlv.ty == TlvType::PUBKEY {
            key.der().as_bytes() == wanted
        } else {
            key.hash(algorithm, crypto).is_some_and(|hash| hash.as_bytes() == wanted)
        };
        if found {
            return Ok((index, key.key_hash(crypto)));
        }
    }
    Err(unknown)
}

/// One verification, with signature and key fetched anew each time.
#[derive(Clone, Copy)]
struct Check<'a, S: ?Sized> {
    source: &'a S,
    tlv: Tlv,
    keys: &'a [PublicKey],
    key_index: usize,
    /// Whether zeros may stand behind an ECDSA signature.
    padded: bool,
}

impl<S: ReadAt + ?Sized> Check<'_, S> {
    /// Whether key, kind of signature and hash belong together.
    fn matches(&self, image: &Image) -> Result<(), Error> {
        let algorithm = match self.keys.get(self.key_index) {
            Some(key) => key.algorithm(),
            None => return Err(Error::new(codes::UNKNOWN_KEY, self.tlv.offset)),
        };
        let pure = image.has_pure_signature();
        if signature_type(algorithm) != self.tlv.ty || (pure && algorithm != SignatureAlgorithm::Ed25519) {
            return Err(Error::new(codes::SIGNATURE_NOT_FOR_KEY, self.tlv.offset));
        }
        match image.hash_algorithm() {
            Some(hash) if algorithm.accepts(hash, pure) => Ok(()),
            _ => Err(Error::new(codes::HASH_NOT_FOR_KEY, self.tlv.offset)),
        }
    }

    fn read<'b>(&self, buffer: &'b mut [u8; MAX_SIGNATURE]) -> Result<&'b [u8], Error> {
        let malformed = Error::new(codes::SIGNATURE_MALFORMED, self.tlv.offset);
        let signature = buffer.get_mut(..usize::from(self.tlv.len)).ok_or(malformed)?;
        self.source
            .read_at(self.tlv.offset, signature)
            .map_err(|error| Error::read(error, self.tlv.offset))?;
        let signature = if self.padded { unpadded(signature) } else { &*signature };
        match self.keys.get(self.key_index) {
            Some(key) if key.is_signature_shape(signature) => Ok(signature),
            _ => Err(malformed),
        }
    }

    /// The verification of a signature over the content, if the image has one: to be fed with the content.
    fn begin_pure(&self, image: &Image) -> Result<Option<PureVerifier>, Error> {
        // Without the algorithm in this build, no key of it: [`Self::matches`] has refused the image.
        if !SignatureAlgorithm::Ed25519.is_available() || !image.has_pure_signature() {
            return Ok(None);
        }
        let mut buffer = [0; MAX_SIGNATURE];
        let signature = self.read(&mut buffer)?;
        let verifier = self.keys.get(self.key_index).and_then(|key| key.verify_pure(signature));
        // Malformed in a way that the length does not show: a number that is not reduced.
        verifier.map(Some).ok_or(Error::new(codes::SIGNATURE_INVALID, self.tlv.offset))
    }

    fn signature<C: Crypto>(
        &self,
        digest: &Digest,
        pure: Option<PureVerifier>,
        crypto: &mut C,
    ) -> Result<Verdict, Error> {
        if let Some(pure) = pure {
            return Ok(pure.finish());
        }
        let mut buffer = [0; MAX_SIGNATURE];
        let signature = self.read(&mut buffer)?;
        match self.keys.get(self.key_index) {
            Some(key) => Ok(key.verify(digest, signature, crypto)),
            None => Ok(Verdict::REFUSED),
        }
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
