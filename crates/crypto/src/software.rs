//! The backend on RustCrypto and dalek: constant-time field arithmetic; no allocation but for RSA.

#[cfg(any(feature = "software", feature = "rsa"))]
use crate::Sha256Digest;
#[cfg(any(feature = "software", feature = "p384", feature = "ed25519", feature = "rsa"))]
use crate::Verdict;
#[cfg(feature = "software")]
use crate::{Crypto, P256PublicKey, Sha256};

/// SHA-256 and ECDSA P-256 in software, and whatever other algorithms this build has.
#[cfg(feature = "software")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Software;

#[cfg(feature = "software")]
impl Sha256 for sha2::Sha256 {
    fn update(&mut self, data: &[u8]) {
        sha2::Digest::update(self, data);
    }

    fn finish(self) -> Sha256Digest {
        sha2::Digest::finalize(self).into()
    }
}

#[cfg(feature = "software")]
impl Crypto for Software {
    type Sha256 = sha2::Sha256;

    fn sha256(&mut self) -> sha2::Sha256 {
        sha2::Digest::new()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        use p256::ecdsa::signature::hazmat::PrehashVerifier;
        use p256::ecdsa::{Signature, VerifyingKey};

        let Ok(key) = VerifyingKey::from_sec1_bytes(key.sec1()) else {
            return Verdict::REFUSED;
        };
        let Ok(signature) = Signature::from_der(signature) else {
            return Verdict::REFUSED;
        };
        Verdict::from_bool(key.verify_prehash(digest, &signature).is_ok())
    }
}

#[cfg(feature = "p384")]
pub(crate) fn verify_p384(key: &crate::P384PublicKey, digest: &[u8; 48], signature: &[u8]) -> Verdict {
    use p384::ecdsa::signature::hazmat::PrehashVerifier;
    use p384::ecdsa::{Signature, VerifyingKey};

    let Ok(key) = VerifyingKey::from_sec1_bytes(key.sec1()) else {
        return Verdict::REFUSED;
    };
    let Ok(signature) = Signature::from_der(signature) else {
        return Verdict::REFUSED;
    };
    Verdict::from_bool(key.verify_prehash(digest, &signature).is_ok())
}

#[cfg(feature = "ed25519")]
pub(crate) fn verify_ed25519(key: &crate::Ed25519PublicKey, message: &[u8], signature: &[u8]) -> Verdict {
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(key.raw()) else {
        return Verdict::REFUSED;
    };
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else {
        return Verdict::REFUSED;
    };
    Verdict::from_bool(key.verify_strict(message, &signature).is_ok())
}

#[cfg(feature = "rsa")]
pub(crate) fn verify_rsa(key: &crate::RsaPublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
    use rsa::pkcs1::DecodeRsaPublicKey;

    let Ok(key) = rsa::RsaPublicKey::from_pkcs1_der(key.pkcs1_der()) else {
        return Verdict::REFUSED;
    };
    let scheme = rsa::Pss::<sha2::Sha256>::new_with_salt(32);
    Verdict::from_bool(key.verify(scheme, digest, signature).is_ok())
}
