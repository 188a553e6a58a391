//! P-256 key files, for the commands that make and use nothing else.

use std::path::Path;

use ironroot_codes::input;
use ironroot_crypto::{P256PublicKey, SigningKey, Software};
use ironroot_keys::{KeyFile, KeyKind, PrivateKey, Secrets};
use zeroize::Zeroizing;

use crate::error::{Context, Failure, Result};

/// What a key file holds.
#[derive(Debug)]
pub struct Key {
    /// The public half.
    pub public: P256PublicKey,
    /// The private half, if the file has it.
    pub private: Option<SigningKey>,
    /// True if the file is marked as holding a demo key.
    pub demo: bool,
}

impl Key {
    /// SHA-256 of the SubjectPublicKeyInfo: the name of the key in images and key stores.
    pub fn hash(&self) -> [u8; 32] {
        self.public.key_hash(&mut Software)
    }

    /// The signer, or the refusal that names the file.
    pub fn signer(&self, path: &Path) -> Result<&SigningKey> {
        self.private.as_ref().ok_or_else(|| {
            Failure::new(input::KEY_PRIVATE_REQUIRED, "the file holds a public key").about(path.display())
        })
    }
}

/// Reads a P-256 key file, private or public; the passphrase of an encrypted one comes from the process.
pub fn read(path: &Path) -> Result<Key> {
    from_file(KeyFile::read(path, &Secrets::of_process(None))?).about(path.display())
}

/// Parses the content of an unencrypted P-256 key file.
pub fn parse(bytes: &[u8]) -> Result<Key> {
    from_file(KeyFile::parse(bytes, &|| Ok(None))?)
}

fn from_file(file: KeyFile) -> Result<Key> {
    let (Some(public), KeyKind::EcdsaP256) = (file.public, file.kind) else {
        let cause = format!("the key is of the kind {}, and a P-256 key is wanted", file.kind);
        return Err(Failure::new(input::KEY_ALGORITHM, cause));
    };
    let public =
        P256PublicKey::from_spki_der(public.spki_der()).map_err(|e| Failure::internal(e.to_string()))?;
    let private = match file.private {
        Some(PrivateKey::P256(secret)) => Some(SigningKey::from(p256::ecdsa::SigningKey::from(&secret))),
        _ => None,
    };
    Ok(Key { public, private, demo: file.demo })
}

/// A new P-256 private key from the operating system's random numbers, as the text of a PEM file.
pub fn generate(demo: bool) -> Result<Zeroizing<String>> {
    let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
    Ok(ironroot_keys::encode_private(&key, None, demo)?)
}
