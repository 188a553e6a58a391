//! How updates are encrypted: the schemes that are tried, as a table.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use ironroot_boot::update::SavedKeys;
use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey};
use ironroot_crypto::{
    ContentKey, ContentKeys, Hasher, KeyBits, KeyWrapKey, OpenError, P256ContentKeys, RsaContentKeys,
    RsaPublicKey, Sealing, Signer, SigningKey, X25519ContentKeys, aes_ctr,
};
use ironroot_image::build::Builder;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::DecodePrivateKey;

use super::crypto::Memo;
use super::truth::Which;
use crate::rng::Rng;

/// The device's private key, of whichever curve.
const DEVICE: [u8; 32] = [0x33; 32];

/// A scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encryption {
    name: &'static str,
    scheme: Option<(Sealing, KeyBits)>,
}

const fn scheme(name: &'static str, sealing: Sealing, bits: KeyBits) -> Encryption {
    Encryption { name, scheme: Some((sealing, bits)) }
}

impl Encryption {
    /// Not at all.
    pub const NONE: Encryption = Encryption { name: "none", scheme: None };
    /// What ST's boot stages have: AES-128, sealed by ECIES on P-256.
    pub const P256_AES128: Encryption = scheme("p256-aes128", Sealing::EciesP256, KeyBits::Aes128);
    /// AES-256, sealed by ECIES on P-256.
    pub const P256_AES256: Encryption = scheme("p256-aes256", Sealing::EciesP256, KeyBits::Aes256);
    /// AES-128, sealed by ECIES on X25519.
    pub const X25519_AES128: Encryption = scheme("x25519-aes128", Sealing::EciesX25519, KeyBits::Aes128);

    /// All of them: each way of sealing that the format has, with each length of key.
    pub const ALL: [Encryption; 11] = [
        Self::NONE,
        Self::P256_AES128,
        Self::P256_AES256,
        Self::X25519_AES128,
        scheme("x25519-aes256", Sealing::EciesX25519, KeyBits::Aes256),
        scheme("x25519-sha512-aes128", Sealing::EciesX25519Sha512, KeyBits::Aes128),
        scheme("x25519-sha512-aes256", Sealing::EciesX25519Sha512, KeyBits::Aes256),
        scheme("rsa-aes128", Sealing::RsaOaep, KeyBits::Aes128),
        scheme("rsa-aes256", Sealing::RsaOaep, KeyBits::Aes256),
        scheme("kw-aes128", Sealing::AesKeyWrap, KeyBits::Aes128),
        scheme("kw-aes256", Sealing::AesKeyWrap, KeyBits::Aes256),
    ];

    /// Name in case ids.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What the trailer keeps of the keys: they stay sealed.
    pub fn saved_keys(self) -> SavedKeys {
        match self.scheme {
            None => SavedKeys::None,
            Some((sealing, bits)) => SavedKeys::Sealed(sealing.sealed_len(bits) as u16),
        }
    }

    /// The content key of an image.
    pub fn content_key(self, image: usize, which: Which, seed: u64) -> Vec<u8> {
        let mut rng = Rng::new(seed ^ (image as u64) << 40 ^ u64::from(which) << 48 ^ 0xC0DE);
        let bytes = self.scheme.map_or(0, |(_, bits)| bits.bytes());
        (0..bytes).map(|_| rng.word() as u8).collect()
    }

    /// What the device opens content keys with.
    pub fn keys(self) -> Keys {
        Keys { encryption: self, opened: RefCell::default() }
    }

    fn device(self) -> Result<Box<dyn ContentKeys>, OpenError> {
        let (sealing, bits) = self.scheme.ok_or(OpenError::Unsupported)?;
        Ok(match sealing {
            Sealing::EciesP256 => {
                Box::new(P256ContentKeys::from_scalar(&DEVICE).map_err(|_| OpenError::Unsupported)?)
            }
            Sealing::EciesX25519 | Sealing::EciesX25519Sha512 => {
                Box::new(X25519ContentKeys::from_bytes(&DEVICE))
            }
            Sealing::RsaOaep => Box::new(RsaContentKeys::from(rsa_key())),
            Sealing::AesKeyWrap => Box::new(wrapping_key(bits).ok_or(OpenError::Unsupported)?),
        })
    }

    /// What images are sealed with.
    fn sealer(self) -> Result<EncryptionKey, Box<dyn std::error::Error>> {
        let (sealing, bits) = self.scheme.ok_or("nothing is sealed")?;
        Ok(match sealing {
            Sealing::EciesP256 => EncryptionKey::P256(P256ContentKeys::from_scalar(&DEVICE)?.public_key()?),
            Sealing::EciesX25519 | Sealing::EciesX25519Sha512 => {
                EncryptionKey::X25519(X25519ContentKeys::from_bytes(&DEVICE).public_key())
            }
            Sealing::RsaOaep => {
                let der = rsa_key().to_public_key().to_pkcs1_der()?;
                EncryptionKey::Rsa(RsaPublicKey::from_pkcs1_der(der.as_bytes())?)
            }
            Sealing::AesKeyWrap => EncryptionKey::KeyWrap(wrapping_key(bits).ok_or("no such key")?),
        })
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
        let Some((sealing, bits)) = self.scheme else {
            let image = builder.build(payload, Some(signer), crypto)?;
            return Ok((image.clone(), image));
        };
        let public = Signer::public_key(signer);
        let plan = builder.encrypted(bits).plan(payload.len(), Some(&public), crypto)?;
        let mut payload = payload.to_vec();
        payload.resize(payload.len() + plan.payload_padding(), 0);
        let mut hasher =
            Hasher::<Memo>::new(plan.hash_algorithm(), crypto).ok_or("the hash is not in this build")?;
        [plan.hashed_header(), payload.as_slice(), plan.protected()]
            .into_iter()
            .for_each(|part| hasher.update(part));
        let digest = hasher.finish();
        let signature = signer.sign(&digest)?;
        let content = ContentKey::from_bytes(key).ok_or("a content key has 16 or 32 bytes")?;
        let sealer = self.sealer()?;
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

/// The device's key for AES key wrap, as long as the content keys.
fn wrapping_key(bits: KeyBits) -> Option<KeyWrapKey> {
    KeyWrapKey::from_bytes(DEVICE.get(..bits.bytes())?)
}

/// The device's key for RSA-OAEP. To make one takes seconds, so it is one of the image crate's test keys.
fn rsa_key() -> rsa::RsaPrivateKey {
    static KEY: LazyLock<rsa::RsaPrivateKey> = LazyLock::new(|| {
        let pem = include_str!("../../../../crates/image/tests/data/rsa2048.pem");
        rsa::RsaPrivateKey::from_pkcs8_pem(pem).expect("the committed key is good")
    });
    KEY.clone()
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
