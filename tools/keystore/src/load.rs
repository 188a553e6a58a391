//! From an argument to a key.

use ironroot_codes::input;
use ironroot_crypto::KeyWrapKey;
use ironroot_crypto::seal::EncryptionKey;

use crate::argument::KeyArgument;
use crate::decryption::DecryptionKey;
use crate::error::{Error, Result};
use crate::file::KeyFile;
use crate::kind::KeyKind;
use crate::private::PrivateKey;
use crate::public::PublicKey;
use crate::secrets::Secrets;
use crate::signer::KeySigner;
use crate::token::{self, TokenKey, TokenSecret};
use crate::uri::ObjectType;

/// A key, and what is known of it.
#[derive(Debug)]
pub struct Loaded<K> {
    /// The key.
    pub key: K,
    /// Its kind.
    pub kind: KeyKind,
    /// The public half; none for an AES key.
    pub public: Option<PublicKey>,
    /// The file is marked as holding a demo key. A key in a token never is one.
    pub demo: bool,
    /// What the user should know, though the key is used.
    pub warnings: Vec<String>,
}

impl<K> Loaded<K> {
    fn map<T>(self, key: T) -> Loaded<T> {
        Loaded { key, kind: self.kind, public: self.public, demo: self.demo, warnings: self.warnings }
    }
}

/// A private key file; a public one is refused.
pub fn load_private_file(path: &std::path::Path, secrets: &Secrets) -> Result<Loaded<PrivateKey>> {
    let file = KeyFile::read(path, secrets)?;
    let Some(key) = file.private else {
        return Err(
            Error::new(input::KEY_PRIVATE_REQUIRED, "the file holds a public key").about(path.display())
        );
    };
    Ok(Loaded { key, kind: file.kind, public: file.public, demo: file.demo, warnings: file.warnings })
}

/// Whoever signs with the key that the argument names.
pub fn load_signer(argument: &KeyArgument, secrets: &Secrets) -> Result<Loaded<KeySigner>> {
    let about = |e: Error| e.about(argument);
    match argument {
        KeyArgument::File(path) => {
            let file = load_private_file(path, secrets)?;
            let signer = KeySigner::from_private(&file.key).map_err(about)?;
            Ok(file.map(signer))
        }
        KeyArgument::Token(text) => {
            let uri = crate::Uri::parse(text)?;
            let key = TokenKey::open(&uri, secrets).map_err(about)?;
            let (public, warnings) = (key.public().clone(), key.warnings().to_vec());
            let (kind, public) = (public.kind(), Some(public));
            let key = KeySigner::from_token(key).map_err(about)?;
            Ok(Loaded { key, kind, public, demo: false, warnings })
        }
    }
}

/// The public half of the key that the argument names.
pub fn load_public(argument: &KeyArgument, secrets: &Secrets) -> Result<Loaded<PublicKey>> {
    match argument {
        KeyArgument::File(path) => {
            let file = KeyFile::read(path, secrets)?;
            let Some(key) = file.public else {
                return Err(
                    Error::new(input::KEY_ALGORITHM, "an AES key has no public half").about(path.display())
                );
            };
            let public = Some(key.clone());
            Ok(Loaded { key, kind: file.kind, public, demo: file.demo, warnings: file.warnings })
        }
        KeyArgument::Token(text) => {
            let uri = crate::Uri::parse(text)?;
            let (key, warnings) = token::load_public(&uri, secrets).map_err(|e| e.about(argument))?;
            Ok(Loaded { kind: key.kind(), public: Some(key.clone()), key, demo: false, warnings })
        }
    }
}

/// The public half of a key that signs images: what a verifier trusts.
pub fn load_trusted(argument: &KeyArgument, secrets: &Secrets) -> Result<Loaded<ironroot_crypto::PublicKey>> {
    let loaded = load_public(argument, secrets)?;
    let key = loaded.key.signing_key().ok_or_else(|| {
        Error::new(input::KEY_ALGORITHM, format!("{} keys do not sign images", loaded.kind)).about(argument)
    })?;
    Ok(loaded.map(key))
}

/// The key to seal an image's content key for: a public half, or an AES key.
pub fn load_encryption(argument: &KeyArgument, secrets: &Secrets) -> Result<Loaded<EncryptionKey>> {
    let about = |e: Error| e.about(argument);
    if let KeyArgument::File(path) = argument {
        let file = KeyFile::read(path, secrets)?;
        if let Some(PrivateKey::AesKw(bytes)) = &file.private {
            let key = KeyWrapKey::from_bytes(bytes)
                .ok_or_else(|| Error::internal("an AES key has 16 or 32 bytes"))?;
            let key = EncryptionKey::KeyWrap(key);
            return Ok(Loaded {
                key,
                kind: file.kind,
                public: None,
                demo: file.demo,
                warnings: file.warnings,
            });
        }
    }
    let loaded = load_public(argument, secrets)?;
    let key = loaded.key.encryption_key().ok_or_else(|| {
        about(Error::new(input::KEY_ALGORITHM, format!("images are not encrypted for {} keys", loaded.kind)))
    })?;
    Ok(loaded.map(key))
}

/// Whoever opens content keys with the key that the argument names.
pub fn load_decryption(argument: &KeyArgument, secrets: &Secrets) -> Result<Loaded<DecryptionKey>> {
    let about = |e: Error| e.about(argument);
    match argument {
        KeyArgument::File(path) => {
            let file = load_private_file(path, secrets)?;
            let key = DecryptionKey::from_private(&file.key).map_err(about)?;
            Ok(file.map(key))
        }
        KeyArgument::Token(text) => {
            let uri = crate::Uri::parse(text)?;
            if uri.object_type.is_some_and(|ty| ty != ObjectType::Secret) {
                let cause = "only AES key-wrapping keys (type=secret-key) open content keys in a token";
                return Err(about(Error::new(input::KEY_ALGORITHM, cause)));
            }
            let key = TokenSecret::open(&uri, secrets).map_err(about)?;
            let (kind, warnings) = (key.kind(), key.warnings().to_vec());
            Ok(Loaded { key: DecryptionKey::Token(key), kind, public: None, demo: false, warnings })
        }
    }
}
