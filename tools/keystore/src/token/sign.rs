//! Private and secret keys that stay in the token.

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use ironroot_codes::input;
use zeroize::Zeroizing;

use super::error::failed;
use super::{Login, Rights, Token};
use crate::error::{Error, Result};
use crate::kind::KeyKind;
use crate::private::SecretBytes;
use crate::public::PublicKey;
use crate::secrets::Secrets;
use crate::uri::{ObjectType, Uri};

/// A private key in a token that signs, with its public half.
pub struct TokenKey {
    token: Token,
    handle: ObjectHandle,
    public: PublicKey,
    name: String,
}

impl TokenKey {
    /// Finds the key, logs in, and reads its public half.
    pub fn open(uri: &Uri, secrets: &Secrets) -> Result<Self> {
        if let Some(ty) = uri.object_type.filter(|ty| *ty != ObjectType::Private) {
            let cause = format!("the URI names an object of the type `{}`", ty.name());
            return Err(Error::new(input::KEY_PRIVATE_REQUIRED, cause));
        }
        let token = Token::open(uri, secrets, Login::Required, Rights::Read)?;
        let found = token.one(ObjectClass::PRIVATE_KEY, "private key", uri)?;
        let attributes = token.attributes(
            found.handle,
            &[AttributeType::Sign, AttributeType::AlwaysAuthenticate, AttributeType::Extractable],
        )?;
        if attributes.sign() == Some(&false) {
            return Err(Error::new(input::TOKEN_MECHANISM, "the key may not sign (CKA_SIGN is false)"));
        }
        if attributes.always_authenticate() == Some(&true) {
            let cause = "the key wants its PIN for every single signature (CKA_ALWAYS_AUTHENTICATE), which is not supported";
            return Err(Error::new(input::TOKEN_MECHANISM, cause)
                .fix("Use a key whose PIN policy is once for each session."));
        }
        let public = token.public(uri, Some(&found))?;
        let mut key = TokenKey {
            name: format!("{} in the token `{}`", found.describe(), token.name),
            token,
            handle: found.handle,
            public,
        };
        if attributes.extractable() == Some(&true) {
            key.token
                .warnings
                .push(format!("{}: the token lets the private key out (CKA_EXTRACTABLE)", key.name));
        }
        Ok(key)
    }

    /// The public half, from the token.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What the user should know.
    pub fn warnings(&self) -> &[String] {
        &self.token.warnings
    }

    /// The signature over a digest (ECDSA, RSA-PSS with SHA-256) or over a message (Ed25519): DER for ECDSA. Not verified
    /// yet.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        let mechanism = match self.public.kind() {
            KeyKind::EcdsaP256 | KeyKind::EcdsaP384 => Mechanism::Ecdsa,
            KeyKind::Rsa2048 | KeyKind::Rsa3072 => Mechanism::RsaPkcsPss(PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: 32.into(),
            }),
            KeyKind::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
            other => {
                return Err(
                    Error::new(input::KEY_ALGORITHM, format!("{other} keys do not sign")).about(&self.name)
                );
            }
        };
        let raw = self
            .token
            .session
            .sign(&mechanism, self.handle, input)
            .map_err(|e| failed("signing", &e).about(&self.name))?;
        match self.public.kind() {
            KeyKind::EcdsaP256 | KeyKind::EcdsaP384 => {
                crate::signature::p1363_to_der(&raw).ok_or_else(|| {
                    let cause = format!("the token gave {} bytes, which are no ECDSA signature", raw.len());
                    Error::new(input::TOKEN_SIGNATURE, cause).about(&self.name)
                })
            }
            _ => Ok(raw),
        }
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey({}, {:?})", self.name, self.public)
    }
}

/// An AES key in a token that wraps other keys (RFC 3394) and never leaves it.
pub struct TokenSecret {
    token: Token,
    handle: ObjectHandle,
    name: String,
    kind: KeyKind,
}

impl TokenSecret {
    /// Finds the key and logs in.
    pub fn open(uri: &Uri, secrets: &Secrets) -> Result<Self> {
        let token = Token::open(uri, secrets, Login::Required, Rights::Read)?;
        let found = token.one(ObjectClass::SECRET_KEY, "secret key", uri)?;
        let attributes =
            token.attributes(found.handle, &[AttributeType::KeyType, AttributeType::ValueLen])?;
        let len = attributes.value_len().map(|len| **len);
        let kind = match (attributes.key_type().copied(), len) {
            (Some(KeyType::AES), Some(16)) => KeyKind::AesKw128,
            (Some(KeyType::AES), Some(32)) => KeyKind::AesKw256,
            _ => {
                return Err(Error::new(
                    input::KEY_ALGORITHM,
                    "the secret key is no AES key of 16 or 32 bytes",
                ));
            }
        };
        let name = format!("{} in the token `{}`", found.describe(), token.name);
        Ok(TokenSecret { token, handle: found.handle, name, kind })
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// What the user should know.
    pub fn warnings(&self) -> &[String] {
        &self.token.warnings
    }

    /// Wraps bytes (a multiple of 8, at least 16), which become a session object for a moment.
    pub fn wrap(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::Value(bytes.to_vec()),
        ];
        let session = &self.token.session;
        let about = |e: Error| e.about(&self.name);
        let object = session
            .create_object(&template)
            .map_err(|e| about(failed("bringing a key into the token", &e)))?;
        let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, self.handle, object);
        let destroyed = session.destroy_object(object);
        let wrapped = wrapped.map_err(|e| about(failed("wrapping a key", &e)))?;
        destroyed.map_err(|e| about(failed("destroying the wrapped key", &e)))?;
        Ok(wrapped)
    }

    /// Unwraps a key. It becomes a session object for a moment, and its bytes are returned.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let session = &self.token.session;
        let about = |e: Error| e.about(&self.name);
        let object = session
            .unwrap_key(&Mechanism::AesKeyWrap, self.handle, wrapped, &template)
            .map_err(|e| about(failed("unwrapping a key", &e)))?;
        let value = self.token.attributes(object, &[AttributeType::Value]);
        // Gone before anything else can fail; a session object would go with the session anyway.
        let destroyed = session.destroy_object(object);
        let value = value?.value().cloned().map(Zeroizing::new);
        destroyed.map_err(|e| about(failed("destroying the unwrapped key", &e)))?;
        value.ok_or_else(|| {
            about(Error::new(input::TOKEN_MECHANISM, "the token does not give the unwrapped key away"))
        })
    }
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenSecret({})", self.name)
    }
}
