//! An image from its parts into a file: hashed, signed, encrypted and written on one way through, checked, then named.

use std::io;
use std::path::Path;

use ironroot_codes::input;
use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey, Entropy, SystemEntropy};
use ironroot_crypto::{
    Content, ContentKey, ContentKeys, Digest, Hasher, KeyBits, OpenError, PublicKey, Sealing, SignError,
    Signer, Software, aes_ctr,
};
use ironroot_image::build::Plan as Layout;
use ironroot_image::trailer::TrailerLayout;
use ironroot_image::{Image, Limits, Plain, Policy, ReadAt, verify};
use ironroot_keys::KeySigner;
use zeroize::Zeroizing;

use super::file::{ImageFile, Windowed};
use super::payload::{Expected, Pieces};
use super::plan::{Padding, hex_start, is_hex};
use super::progress::Progress;
use super::sink::Sink;
use super::stream;
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Context, Failure, Result};
use crate::input::Format;
use crate::report::Reporter;

/// For whom the payload is encrypted, and how.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The device's key.
    pub key: EncryptionKey,
    /// How the image key is sealed for it.
    pub sealing: Sealing,
    /// Length of the image key.
    pub bits: KeyBits,
    /// The payload stays plain; the image can be encrypted later with the key it carries.
    pub clear: bool,
    /// The image key follows from signing key and content.
    pub deterministic: bool,
}

/// The parts of an image.
pub struct Parts<'a> {
    /// The header with its padding, its flags as they will be.
    pub header: &'a [u8],
    /// The same as hash and signature see it.
    pub hashed_header: &'a [u8],
    /// The payload, plain.
    pub payload: &'a Pieces,
    /// Zeros behind it.
    pub padding: usize,
    /// The protected TLV area.
    pub protected: &'a [u8],
    /// What makes the unprotected TLVs.
    pub layout: &'a Layout,
}

/// Where an image goes, and what it must be.
pub struct Target<'a> {
    /// The file.
    pub output: &'a Path,
    /// Address of its first byte, for a HEX file.
    pub address: Option<u32>,
    /// The slot and what is written at its end; `None` for an image alone.
    pub slot: Option<(u32, &'a TrailerLayout, Padding)>,
    /// What erased flash reads as.
    pub erased: u8,
    /// The largest image, TLVs included, and the dialect.
    pub limits: Limits,
    /// What the device will ask of it.
    pub policy: Policy,
}

/// An image that was made.
#[derive(Debug)]
pub struct Made {
    /// The hash over header, plain payload and protected TLVs.
    pub digest: Digest,
    /// Bytes of the image without what is behind it.
    pub image_bytes: u64,
}

/// Makes it. Nothing has the output's name before it was read back and verified as a device would.
pub fn assemble(
    parts: &Parts<'_>,
    target: &Target<'_>,
    signer: Option<&KeySigner>,
    recipient: Option<&Recipient>,
    report: &mut Reporter<'_>,
) -> Result<Made> {
    let before_tlvs =
        parts.header.len() as u64 + parts.payload.len() + parts.padding as u64 + parts.protected.len() as u64;
    fits(before_tlvs, target)?;
    // A slot is at its address as a whole, whatever is written of it.
    let extent = target.slot.map_or(before_tlvs, |(size, ..)| size.into());
    let start = hex_start(target.output, target.address, extent)?;
    let mut pending = Pending::create(target.output, Access::Public, Existing::Replace)
        .map_err(|e| Failure::write(target.output, &e))?;
    let unwritable = |e: io::Error| Failure::write(target.output, &e);
    let file = pending.file().try_clone().map_err(unwritable)?;
    let mut sink = match start {
        None => Sink::binary(file),
        Some(address) => Sink::hex(file, address).map_err(unwritable)?,
    };
    let mut hasher = Some(hasher(parts)?);
    // With a derived key the digest comes first, and the payload is read twice.
    let derived = recipient.is_some_and(|r| r.deterministic);
    let early = derived.then(|| hash_all(parts)).transpose()?;
    let sealed = match recipient {
        None => None,
        Some(recipient) => Some(seal(recipient, early.as_ref(), signer)?),
    };
    let cipher = |offset: u32, data: &mut [u8]| {
        if let Some((key, _)) = &sealed {
            aes_ctr(key, offset, data);
        }
    };
    let encrypts = recipient.is_some_and(|r| !r.clear);
    sink.write(parts.header).map_err(unwritable)?;
    if let Some(hasher) = &mut hasher {
        hasher.update(parts.hashed_header);
    }
    {
        let mut progress = Progress::new(report, "image", parts.payload.len());
        stream::run(stream::Job {
            payload: parts.payload,
            padding: parts.padding,
            hash: &mut |piece| {
                if let (None, Some(hasher)) = (&early, &mut hasher) {
                    hasher.update(piece);
                }
            },
            cipher: encrypts.then_some(&cipher),
            out: &mut |piece| sink.write(piece),
            progress: &mut |done| progress.at(done),
        })?;
    }
    sink.write(parts.protected).map_err(unwritable)?;
    let digest = match (early, hasher) {
        (Some(digest), _) => digest,
        (None, Some(mut hasher)) => {
            hasher.update(parts.protected);
            hasher.finish()
        }
        (None, None) => return Err(Failure::internal("the image was not hashed")),
    };
    let public = signer.map(|signer| signer.public_key());
    let signature = signer.map(|signer| sign(parts, signer, &digest)).transpose()?;
    let unprotected = parts
        .layout
        .unprotected(
            &digest,
            public.as_ref().zip(signature.as_deref()),
            recipient.zip(sealed.as_ref()).map(|(r, (_, sealed))| (r.sealing, sealed.as_slice())),
            &mut Software,
        )
        .map_err(super::not_built)?;
    sink.write(&unprotected).map_err(unwritable)?;
    let image_bytes = sink.position();
    fits(image_bytes, target)?;
    if let Some((size, layout, padding)) = target.slot {
        sink.trailer(size, layout, padding, target.erased).map_err(unwritable)?;
    }
    sink.finish().map_err(unwritable)?;
    let key = sealed.as_ref().filter(|_| encrypts).map(|(key, _)| key);
    check(&pending, target, &digest, public.as_ref(), key).about(target.output.display())?;
    pending.commit().map_err(unwritable)?;
    Ok(Made { digest, image_bytes })
}

fn fits(size: u64, target: &Target<'_>) -> Result {
    let max = u64::from(target.limits.max_size);
    if size <= max {
        return Ok(());
    }
    let cause = format!("the image has {size} bytes, the slot without its trailer {max}");
    Err(Failure::new(input::IMAGE_TOO_LARGE, cause))
}

fn hasher(parts: &Parts<'_>) -> Result<Hasher<Software>> {
    Hasher::new(parts.layout.hash_algorithm(), &mut Software)
        .ok_or_else(|| Failure::internal("this build lacks a hash algorithm"))
}

/// The digest alone.
fn hash_all(parts: &Parts<'_>) -> Result<Digest> {
    let mut hasher = hasher(parts)?;
    hasher.update(parts.hashed_header);
    stream::run(stream::Job {
        payload: parts.payload,
        padding: parts.padding,
        hash: &mut |piece| hasher.update(piece),
        cipher: None,
        out: &mut |_| Ok(()),
        progress: &mut |_| {},
    })?;
    hasher.update(parts.protected);
    Ok(hasher.finish())
}

fn sign(parts: &Parts<'_>, signer: &KeySigner, digest: &Digest) -> Result<Vec<u8>> {
    let signature =
        if parts.layout.is_pure() { signer.sign_pure(&PlainContent(parts)) } else { signer.sign(digest) };
    signature.map_err(|e| signer.explain(&e).into())
}

/// What a pure signature is over, read once more.
struct PlainContent<'p, 'a>(&'p Parts<'a>);

impl Content for PlainContent<'_, '_> {
    fn pieces(&self, take: &mut dyn FnMut(&[u8])) -> std::result::Result<(), SignError> {
        take(self.0.hashed_header);
        let read = stream::run(stream::Job {
            payload: self.0.payload,
            padding: self.0.padding,
            hash: &mut |_| {},
            cipher: None,
            out: &mut |piece| {
                take(piece);
                Ok(())
            },
            progress: &mut |_| {},
        });
        read.map_err(|failure| SignError(failure.cause))?;
        take(self.0.protected);
        Ok(())
    }
}

/// Draws an image key and seals it.
fn seal(
    recipient: &Recipient,
    plain: Option<&Digest>,
    signer: Option<&KeySigner>,
) -> Result<(ContentKey, Vec<u8>)> {
    let failed = |e: ironroot_crypto::seal::SealError| Failure::new(input::KEY_ALGORITHM, e.to_string());
    let mut entropy: Box<dyn Entropy> = match (plain, signer) {
        (Some(digest), Some(signer)) => {
            let secret = secret(signer, digest)?;
            Box::new(DerivedEntropy::new(&secret, digest.as_bytes()).map_err(failed)?)
        }
        (Some(_), None) => return Err(Failure::internal("a derived key needs a signing key")),
        (None, _) => Box::new(SystemEntropy),
    };
    let key = ContentKey::generate(recipient.bits, entropy.as_mut()).map_err(failed)?;
    let sealed = recipient.key.seal(recipient.sealing, &key, entropy.as_mut()).map_err(failed)?;
    Ok((key, sealed))
}

/// What only the holder of the signing key can compute: its signature over a digest that no image has, and that is never
/// published.
fn secret(signer: &KeySigner, plain: &Digest) -> Result<Zeroizing<Vec<u8>>> {
    const DOMAIN: &[u8] = b"ironroot deterministic image key v1\0";
    let mut hasher = Hasher::<Software>::new(plain.algorithm(), &mut Software)
        .ok_or_else(|| Failure::internal("this build lacks a hash algorithm"))?;
    hasher.update(DOMAIN);
    hasher.update(plain.as_bytes());
    let message = hasher.finish();
    let sign = || signer.sign(&message).map_err(|e| Failure::from(signer.explain(&e)));
    let (first, second) = (Zeroizing::new(sign()?), Zeroizing::new(sign()?));
    if *first == *second {
        return Ok(first);
    }
    let cause = "--deterministic: the holder of the signing key signs with random numbers, so nothing can follow from it";
    Err(Failure::new(input::OPTIONS_CONTRADICT, cause))
}

/// Applies image keys that are known already.
pub struct KnownKey;

impl ContentKeys for KnownKey {
    fn open(&self, _: Sealing, _: &[u8]) -> std::result::Result<ContentKey, OpenError> {
        Err(OpenError::Unsupported)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}

/// Reads back what was written and verifies it as the device will: what it would refuse must not leave this tool.
fn check(
    pending: &Pending,
    target: &Target<'_>,
    digest: &Digest,
    public: Option<&PublicKey>,
    key: Option<&ContentKey>,
) -> Result {
    // Its name is a temporary one and says nothing.
    let format = if is_hex(target.output) { Format::Hex } else { Format::Raw };
    let file = ImageFile::open_as(pending.temporary(), Expected::Only(format))?;
    let image = Image::parse(&file, target.limits).map_err(super::refused)?;
    match key {
        None => check_content(&image, &file, target, digest, public),
        Some(key) => {
            let plain = Windowed::new(Plain::new(&file, &image, key, &KnownKey));
            check_content(&image, &plain, target, digest, public)
        }
    }
}

fn check_content(
    image: &Image,
    source: &impl ReadAt,
    target: &Target<'_>,
    digest: &Digest,
    public: Option<&PublicKey>,
) -> Result {
    let read_back = match public {
        Some(public) => {
            let verified = verify(image, source, &[*public], &target.policy, &mut Software);
            *verified.map_err(super::refused)?.hash()
        }
        None => ironroot_image::digest(image, source, &mut Software).map_err(super::refused)?,
    };
    if read_back == *digest {
        return Ok(());
    }
    Err(Failure::new(input::FILE_UNWRITABLE, "the file does not hold what was written to it"))
}
