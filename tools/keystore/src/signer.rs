//! Whoever signs: a key in memory or in a token, with every signature verified before it is given away.

use std::cell::RefCell;
use std::fmt;

use ironroot_codes::input;
use ironroot_crypto::{
    Content, Digest, Ed25519SigningKey, P384SigningKey, PublicKey, RsaSigningKey, SignError, Signer,
    SigningKey, Software,
};

use crate::error::{Error, Result};
use crate::private::PrivateKey;
use crate::token::TokenKey;

/// A signer of any kind that images take.
pub struct KeySigner {
    holder: Holder,
    public: PublicKey,
    /// Why the last signature was not made: the trait has only text for it.
    failure: RefCell<Option<Error>>,
}

enum Holder {
    Memory(Box<dyn Signer>),
    Token(TokenKey),
}

impl KeySigner {
    /// A signer with a key in memory.
    pub fn from_private(key: &PrivateKey) -> Result<Self> {
        let signer: Box<dyn Signer> = match key {
            PrivateKey::P256(key) => Box::new(SigningKey::from(p256::ecdsa::SigningKey::from(key))),
            PrivateKey::P384(key) => Box::new(P384SigningKey::from(p384::ecdsa::SigningKey::from(key))),
            PrivateKey::Ed25519(key) => Box::new(Ed25519SigningKey::from((**key).clone())),
            PrivateKey::Rsa(key) => {
                Box::new(RsaSigningKey::try_from((**key).clone()).map_err(Error::internal)?)
            }
            PrivateKey::X25519(_) | PrivateKey::AesKw(_) => {
                return Err(Error::new(input::KEY_ALGORITHM, format!("{} keys do not sign", key.kind())));
            }
        };
        let public = signer.public_key();
        Ok(KeySigner { holder: Holder::Memory(signer), public, failure: RefCell::new(None) })
    }

    pub(crate) fn from_token(key: TokenKey) -> Result<Self> {
        let public = key.public().signing_key().ok_or_else(|| {
            Error::new(input::KEY_ALGORITHM, format!("{} keys do not sign", key.public().kind()))
        })?;
        Ok(KeySigner { holder: Holder::Token(key), public, failure: RefCell::new(None) })
    }

    /// The coded refusal behind an error of [`Signer::sign`].
    pub fn explain(&self, error: &SignError) -> Error {
        self.failure.borrow_mut().take().unwrap_or_else(|| Error::new(input::SIGNING_FAILED, error.0.clone()))
    }

    fn failed(&self, error: Error) -> SignError {
        let text = SignError(error.cause.clone());
        *self.failure.borrow_mut() = Some(error);
        text
    }

    fn wrong(&self) -> SignError {
        let holder = match &self.holder {
            Holder::Memory(_) => {
                return self.failed(Error::new(
                    input::SIGNING_FAILED,
                    "the signature does not verify: the key or the computation is at fault",
                ));
            }
            Holder::Token(key) => format!("{key:?}"),
        };
        let cause = "the signature that the token made is not one of its public key";
        self.failed(Error::new(input::TOKEN_SIGNATURE, cause).about(holder))
    }
}

impl Signer for KeySigner {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        if !self.public.algorithm().accepts(digest.algorithm(), false) {
            let cause = format!(
                "{} does not sign {:?} digests of images",
                self.public.algorithm().name(),
                digest.algorithm()
            );
            return Err(self.failed(Error::new(input::KEY_ALGORITHM, cause)));
        }
        let signature = match &self.holder {
            Holder::Memory(signer) => signer.sign(digest)?,
            // Many tokens take no more than the curve's size; the rest has no part in an ECDSA signature anyway.
            Holder::Token(key) => {
                let message = match self.public {
                    PublicKey::P256(_) => digest.prefix().as_slice(),
                    _ => digest.as_bytes(),
                };
                key.sign(message).map_err(|e| self.failed(e))?
            }
        };
        // One wrong signature of a faulty computation can give an RSA or Ed25519 key away: it never leaves.
        if self.public.verify(digest, &signature, &mut Software).is_accepted() {
            Ok(signature)
        } else {
            Err(self.wrong())
        }
    }

    fn sign_pure(&self, content: &dyn Content) -> Result<Vec<u8>, SignError> {
        let signature = match &self.holder {
            Holder::Memory(signer) => signer.sign_pure(content)?,
            Holder::Token(_) if !matches!(self.public, PublicKey::Ed25519(_)) => {
                let cause = format!("{} signs digests only", self.public.algorithm().name());
                return Err(self.failed(Error::new(input::KEY_ALGORITHM, cause)));
            }
            Holder::Token(key) => {
                // EdDSA reads its message twice, and PKCS#11 has it in one piece.
                let mut whole = Vec::new();
                content.pieces(&mut |piece| whole.extend_from_slice(piece))?;
                key.sign(&whole).map_err(|e| self.failed(e))?
            }
        };
        let Some(mut verifier) = self.public.verify_pure(&signature) else { return Err(self.wrong()) };
        content.pieces(&mut |piece| verifier.update(piece))?;
        if verifier.finish().is_accepted() { Ok(signature) } else { Err(self.wrong()) }
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySigner({:?})", self.public)
    }
}
