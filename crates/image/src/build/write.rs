//! Writing an image around a payload that is never in memory as a whole.

use alloc::vec::Vec;

use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey, Entropy};
use ironroot_crypto::{
    Content, ContentKey, Crypto, Digest, Hasher, PublicKey, Sealing, SignError, Signer, aes_ctr,
};

use super::{BuildError, Builder, Plan};
use crate::ReadAt;

/// Bytes of a payload in memory at a time.
const PIECE: usize = 64 * 1024;

/// Takes the bytes of an image in order. An error stops everything; the caller, who made it, knows what it was.
pub type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), WriteError> + 'a;

/// The output was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteError;

/// Where the image key, and what seals it, come from.
pub enum KeySource<'a> {
    /// Drawn anew: two runs give two images.
    Random(&'a mut dyn Entropy),
    /// Derived from this secret (at least 16 bytes) and the digest of the plain image: equal inputs give equal images, and
    /// two images never share a key.
    Derived(&'a [u8]),
    /// Given; only what seals it is drawn.
    Given(&'a ContentKey, &'a mut dyn Entropy),
}

/// How an image is encrypted. The length of the image key is that of [`Builder::encrypted`].
pub struct Seal<'a, 's> {
    /// The key of the devices that may open it.
    pub to: &'a EncryptionKey,
    /// How the image key is sealed.
    pub sealing: Sealing,
    /// Where the image key comes from.
    pub source: KeySource<'s>,
    /// Whether the payload stays in plain all the same (imgtool's `--clear`): for a slot in which it was installed
    /// already, and from which a swap encrypts it again.
    pub clear: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Bytes of the image.
    pub size: u32,
    /// The hash over the plain image.
    pub digest: Digest,
    /// Length of the encryption TLV, which a trailer may have to keep; 0 without encryption.
    pub sealed_len: u16,
}

impl Builder {
    /// Makes the image around `payload` and hands it to `out`, in order and in pieces. Memory does not grow with the
    /// payload. Without a signer the image has a hash only: no device starts it.
    ///
    /// The payload is read once; once more for a derived image key, which follows from the digest; and twice more for an
    /// Ed25519 signature over the content.
    pub fn write<C: Crypto>(
        &self,
        payload: &dyn ReadAt,
        signer: Option<&dyn Signer>,
        seal: Option<Seal<'_, '_>>,
        crypto: &mut C,
        out: &mut Sink<'_>,
    ) -> Result<Built, BuildError> {
        let key = signer.map(Signer::public_key);
        let plan = self.plan(payload.len(), key.as_ref(), crypto)?;
        let region = Region { plan: &plan, payload };
        let sealed = match (seal, plan.encryption()) {
            (None, None) => None,
            (Some(seal), Some(bits)) => {
                let (key, sealed) = match seal.source {
                    KeySource::Random(entropy) => {
                        let key = ContentKey::generate(bits, entropy)?;
                        let sealed = seal.to.seal(seal.sealing, &key, entropy)?;
                        (key, sealed)
                    }
                    KeySource::Derived(secret) => {
                        let mut entropy = DerivedEntropy::new(secret, region.digest(crypto)?.as_bytes())?;
                        let key = ContentKey::generate(bits, &mut entropy)?;
                        let sealed = seal.to.seal(seal.sealing, &key, &mut entropy)?;
                        (key, sealed)
                    }
                    KeySource::Given(key, _) if key.bits() != bits => return Err(BuildError::Encryption),
                    KeySource::Given(key, entropy) => {
                        (key.clone(), seal.to.seal(seal.sealing, key, entropy)?)
                    }
                };
                Some(Sealed { sealing: seal.sealing, bytes: sealed, cipher: (!seal.clear).then_some(key) })
            }
            _ => return Err(BuildError::Encryption),
        };

        let digest = region.write(sealed.as_ref().and_then(|sealed| sealed.cipher.as_ref()), crypto, out)?;
        let signature = match (signer, plan.is_pure()) {
            (None, _) => None,
            (Some(signer), false) => Some(signer.sign(&digest)?),
            (Some(signer), true) => Some(signer.sign_pure(&region)?),
        };
        let signed: Option<(&PublicKey, &[u8])> = key.as_ref().zip(signature.as_deref());
        let sealed_tlv = sealed.as_ref().map(|sealed| (sealed.sealing, sealed.bytes.as_slice()));
        let unprotected = plan.unprotected(&digest, signed, sealed_tlv, crypto)?;
        out(&unprotected).map_err(|_| BuildError::Output)?;
        let covered = plan.header().len() + plan.payload_padding() + plan.protected().len();
        let size = u64::from(payload.len()) + (covered + unprotected.len()) as u64;
        Ok(Built {
            size: u32::try_from(size).map_err(|_| BuildError::TooLarge)?,
            digest,
            sealed_len: sealed.map_or(0, |sealed| sealed.bytes.len() as u16),
        })
    }

    /// Hands over what hash and signature cover, for a signature that is made elsewhere, and gives its digest. The public
    /// key must be known: images name it, and some cover that name.
    pub fn covered<C: Crypto>(
        &self,
        payload: &dyn ReadAt,
        key: Option<&PublicKey>,
        crypto: &mut C,
        out: &mut Sink<'_>,
    ) -> Result<Digest, BuildError> {
        let plan = self.plan(payload.len(), key, crypto)?;
        let mut hasher = Hasher::new(plan.hash_algorithm(), crypto).ok_or(BuildError::SignatureKind)?;
        Region { plan: &plan, payload }.pieces_to(&mut |piece| {
            hasher.update(piece);
            out(piece).map_err(|_| BuildError::Output)
        })?;
        Ok(hasher.finish())
    }
}

struct Sealed {
    sealing: Sealing,
    bytes: Vec<u8>,
    /// The image key, if the payload is to be encrypted here.
    cipher: Option<ContentKey>,
}

/// What hash and signature cover: header, plain payload, protected TLVs.
struct Region<'a> {
    plan: &'a Plan,
    payload: &'a dyn ReadAt,
}

impl Region<'_> {
    /// The payload and its padding, piece by piece, each with its offset; the pieces may be changed.
    fn payload(
        &self,
        mut take: impl FnMut(u32, &mut [u8]) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let len = self.payload.len();
        let total = len.saturating_add(self.plan.payload_padding() as u32);
        let mut buffer = alloc::vec![0; PIECE.min(total as usize)];
        let mut position = 0;
        while position < total {
            let wanted = (total - position).min(PIECE as u32);
            let stored = len.saturating_sub(position).min(wanted);
            let piece = buffer.get_mut(..wanted as usize).unwrap_or_default();
            let (from_payload, zeros) = piece.split_at_mut(stored as usize);
            self.payload.read_at(position, from_payload).map_err(|_| BuildError::Payload)?;
            zeros.fill(0);
            take(position, piece)?;
            position += wanted;
        }
        Ok(())
    }

    fn pieces_to(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), BuildError>) -> Result<(), BuildError> {
        take(self.plan.hashed_header())?;
        self.payload(|_, piece| take(piece))?;
        take(self.plan.protected())
    }

    fn digest<C: Crypto>(&self, crypto: &mut C) -> Result<Digest, BuildError> {
        let mut hasher = Hasher::new(self.plan.hash_algorithm(), crypto).ok_or(BuildError::SignatureKind)?;
        self.pieces_to(&mut |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok(hasher.finish())
    }

    /// Writes header, payload and protected TLVs, the payload encrypted if there is a key, and hashes what they are in
    /// plain.
    fn write<C: Crypto>(
        &self,
        cipher: Option<&ContentKey>,
        crypto: &mut C,
        out: &mut Sink<'_>,
    ) -> Result<Digest, BuildError> {
        let mut hasher = Hasher::new(self.plan.hash_algorithm(), crypto).ok_or(BuildError::SignatureKind)?;
        let mut emit = |piece: &[u8]| out(piece).map_err(|_| BuildError::Output);
        hasher.update(self.plan.hashed_header());
        emit(self.plan.header())?;
        self.payload(|offset, piece| {
            hasher.update(piece);
            if let Some(key) = cipher {
                aes_ctr(key, offset, piece);
            }
            emit(piece)
        })?;
        hasher.update(self.plan.protected());
        emit(self.plan.protected())?;
        Ok(hasher.finish())
    }
}

impl Content for Region<'_> {
    fn pieces(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), SignError> {
        self.pieces_to(&mut |piece| {
            take(piece);
            Ok(())
        })
        .map_err(|_| SignError("the payload cannot be read again".into()))
    }
}
