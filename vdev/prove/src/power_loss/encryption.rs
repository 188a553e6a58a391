//! How updates are encrypted: the schemes that are tried, as a table.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use ironroot_boot::update::SavedKeys;
use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey};
use ironroot_crypto::{
    ContentKey, ContentKeys, Hasher, KeyBits, OpenError, P256ContentKeys, Sealing, Signer, SigningKey,
    X25519ContentKeys, aes_ctr,
};
use ironroot_image::build::Builder;

use super::crypto::Memo;
use super::truth::Which;
use crate::rng::Rng;

/// The device's private key, of whichever curve.
const DEVICE: [u8; 32] = [0x33; 32];

/// A scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// Not at all.
    None,
    /// AES-128, sealed by ECIES on P-256.
    P256Aes128,
    /// AES-256, sealed by ECIES on P-256.
    P256Aes256,
    /// AES-128, sealed by ECIES on X25519.
    X25519Aes128,
}

impl Encryption {
    /// All of them.
    pub const ALL: [Encryption; 4] = [Self::None, Self::P256Aes128, Self::P256Aes256, Self::X25519Aes128];

    /// Name in case ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::P256Aes128 => "p256-aes128",
            Self::P256Aes256 => "p256-aes256",
            Self::X25519Aes128 => "x25519-aes128",
        }
    }

    const fn scheme(self) -> Option<(Sealing, KeyBits)> {
        match self {
            Self::None => None,
            Self::P256Aes128 => Some((Sealing::EciesP256, KeyBits::Aes128)),
            Self::P256Aes256 => Some((Sealing::EciesP256, KeyBits::Aes256)),
            Self::X25519Aes128 => Some((Sealing::EciesX25519, KeyBits::Aes128)),
        }
    }

    /// What the trailer keeps of the keys: they stay sealed.
    pub fn saved_keys(self) -> SavedKeys {
        match self.scheme() {
            None => SavedKeys::None,
            Some((sealing, bits)) => SavedKeys::Sealed(sealing.sealed_len(bits) as u16),
        }
    }

    /// The content key of an image.
    pub fn content_key(self, image: usize, which: Which, seed: u64) -> Vec<u8> {
        let mut rng = Rng::new(seed ^ (image as u64) << 40 ^ u64::from(which) << 48 ^ 0xC0DE);
        let bytes = self.scheme().map_or(0, |(_, bits)| bits.bytes());
        (0..bytes).map(|_| rng.word() as u8).collect()
    }

    /// What the device opens content keys with.
    pub fn keys(self) -> Keys {
        Keys { encryption: self, opened: RefCell::default() }
    }

    fn device(self) -> Result<Box<dyn ContentKeys>, OpenError> {
        match self {
            Self::None => Err(OpenError::Unsupported),
            Self::P256Aes128 | Self::P256Aes256 => {
                Ok(Box::new(P256ContentKeys::from_scalar(&DEVICE).map_err(|_| OpenError::Unsupported)?))
            }
            Self::X25519Aes128 => Ok(Box::new(X25519ContentKeys::from_bytes(&DEVICE))),
        }
    }

    /// The image as it is sent and as it is installed.
    pub fn build(
        self,
        builder: Builder,
        payload: &[u8],
        key: &[u8],
        signer: &SigningKey,
        crypto: &mut Memo,
    ) -> Result<(Vec<u8>, Vec<u8>), Box<dyn std::error::Error>> {
        let Some((sealing, bits)) = self.scheme() else {
            let image = builder.build(payload, Some(signer), crypto)?;
            return Ok((image.clone(), image));
        };
        let public = Signer::public_key(signer);
        let plan = builder.encrypted(bits).plan(payload.len(), Some(&public), crypto)?;
        let mut payload = payload.to_vec();
        payload.resize(payload.len() + plan.payload_padding(), 0);
        let mut hasher =
            Hasher::<Memo>::new(plan.hash_algorithm(), crypto).ok_or("the hash is not in this build")?;
        [plan.header(), payload.as_slice(), plan.protected()]
            .into_iter()
            .for_each(|part| hasher.update(part));
        let digest = hasher.finish();
        let signature = signer.sign(&digest)?;
        let content = ContentKey::from_bytes(key).ok_or("a content key has 16 or 32 bytes")?;
        let sealer = match self {
            Self::X25519Aes128 => EncryptionKey::X25519(X25519ContentKeys::from_bytes(&DEVICE).public_key()),
            _ => EncryptionKey::P256(P256ContentKeys::from_scalar(&DEVICE)?.public_key()?),
        };
        let mut entropy = DerivedEntropy::new(&DEVICE, digest.as_bytes())?;
        let sealed = sealer.seal(sealing, &content, &mut entropy)?;
        let tlvs =
            plan.unprotected(&digest, Some((&public, &signature)), Some((sealing, &sealed)), crypto)?;
        let image = |payload: &[u8]| [plan.header(), payload, plan.protected(), tlvs.as_slice()].concat();
        let plain = image(&payload);
        aes_ctr(&content, 0, &mut payload);
        Ok((image(&payload), plain))
    }
}

/// The device's key, with a memory: a sealed key is opened once, and what was opened is remembered under all its bytes.
pub struct Keys {
    encryption: Encryption,
    opened: RefCell<HashMap<Vec<u8>, Result<ContentKey, OpenError>>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.encryption.name())
    }
}

impl ContentKeys for Keys {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        let open = || self.encryption.device()?.open(sealing, sealed);
        self.opened.borrow_mut().entry(sealed.to_vec()).or_insert_with(open).clone()
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}
