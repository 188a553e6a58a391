//! Where firmware keys are safe: wrapped in the store, by a master key that is in an HSM, or in a file under a passphrase.
//!
//! File, JSON: `{"version":1,"log_n":15,"r":8,"p":1,"salt":…,"nonce":…,"sealed":…}`, hexadecimal: a random AES-256 key, sealed with AES-256-GCM
//! under scrypt of the passphrase. A wrapped firmware key is nonce (12), ciphertext (16), tag (16); AES-256-GCM, associated
//! data the firmware's name, so that two keys in the store cannot change places.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use data_encoding::HEXLOWER;
use ironroot_codes::{internal, licence as codes};
use ironroot_sfi::FirmwareKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const VERSION: u32 = 1;
/// scrypt: 2^15 * 8 * 128 = 32 MB and some 100 ms for each guess.
const LOG_N: u8 = 15;
const R: u32 = 8;
const P: u32 = 1;
/// A file may not ask for more memory than 1 GB.
const MAX_LOG_N: u8 = 20;
const NONCE: usize = 12;

/// Whoever can wrap and unwrap a few bytes with a key that stays where it is: a hardware security module.
pub trait Module: Send {
    /// Encrypts and authenticates, with associated data.
    fn wrap(&self, name: &str, key: &[u8; 16]) -> Result<Vec<u8>>;
    /// Undoes it.
    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 16]>>;
}

/// An open vault.
pub enum Vault {
    /// The master key is in memory.
    File(Box<Aes256Gcm>),
    /// The master key is in an HSM; every licence is an operation there.
    Module(Box<dyn Module>),
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "Vault::File(..)",
            Self::Module(_) => "Vault::Module(..)",
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    log_n: u8,
    r: u32,
    p: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

impl Vault {
    /// Makes the content of a vault file.
    pub fn create(passphrase: &[u8]) -> Result<String> {
        let mut master = Zeroizing::new([0; 32]);
        let (mut salt, mut nonce) = ([0; 16], [0; NONCE]);
        for bytes in [master.as_mut_slice(), &mut salt, &mut nonce] {
            random(bytes)?;
        }
        let sealed = under_passphrase(passphrase, &salt, LOG_N, R, P)?
            .encrypt(&Nonce::from(nonce), master.as_slice())
            .map_err(|e| Error::new(internal::INTERNAL, e))?;
        let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
        let file = File {
            version: VERSION,
            log_n: LOG_N,
            r: R,
            p: P,
            salt: hex(&salt),
            nonce: hex(&nonce),
            sealed: hex(&sealed),
        };
        serde_json::to_string_pretty(&file).map_err(|e| Error::new(internal::INTERNAL, e))
    }

    /// Opens the content of a vault file.
    ///
    /// # Errors
    /// `VAULT_LOCKED`: not a vault, or another passphrase.
    pub fn open(content: &str, passphrase: &[u8]) -> Result<Self> {
        let locked = |why: &str| Error::new(codes::VAULT_LOCKED, why);
        let file: File = serde_json::from_str(content).map_err(|_| locked("the file is not a key vault"))?;
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).map_err(|_| locked("the file is damaged"));
        if file.version != VERSION || file.log_n > MAX_LOG_N || file.r != R || file.p != P {
            return Err(locked("the vault is of a version that this tool does not know"));
        }
        let nonce: [u8; NONCE] = hex(&file.nonce)?.try_into().map_err(|_| locked("the file is damaged"))?;
        let cipher = under_passphrase(passphrase, &hex(&file.salt)?, file.log_n, file.r, file.p)?;
        let master = cipher
            .decrypt(&Nonce::from(nonce), hex(&file.sealed)?.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| locked("the passphrase is wrong, or the file is damaged"))?;
        let cipher = Aes256Gcm::new_from_slice(&master).map_err(|_| locked("the file is damaged"))?;
        Ok(Self::File(Box::new(cipher)))
    }

    /// Wraps a firmware key for the store.
    pub fn wrap(&self, name: &str, key: &[u8; 16]) -> Result<Vec<u8>> {
        match self {
            Self::Module(module) => module.wrap(name, key),
            Self::File(cipher) => {
                let mut nonce = [0; NONCE];
                random(&mut nonce)?;
                let payload = Payload { msg: key, aad: name.as_bytes() };
                let sealed = cipher
                    .encrypt(&Nonce::from(nonce), payload)
                    .map_err(|e| Error::new(internal::INTERNAL, e))?;
                Ok([nonce.as_slice(), &sealed].concat())
            }
        }
    }

    /// Unwraps a firmware key.
    ///
    /// # Errors
    /// `VAULT_KEY`: it is not of this vault or this firmware.
    pub fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<FirmwareKey> {
        match self {
            Self::Module(module) => module.unwrap(name, wrapped).map(|key| FirmwareKey::new(*key)),
            Self::File(master) => unwrap(master, name, wrapped),
        }
    }
}

/// [`Vault::unwrap`] with a master key in memory.
pub(crate) fn unwrap(master: &Aes256Gcm, name: &str, wrapped: &[u8]) -> Result<FirmwareKey> {
    let foreign = || Error::new(codes::VAULT_KEY, format!("the key of `{name}`"));
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or_else(foreign)?;
    let payload = Payload { msg: sealed, aad: name.as_bytes() };
    let key = master.decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new);
    let key: [u8; 16] = key.map_err(|_| foreign())?.as_slice().try_into().map_err(|_| foreign())?;
    Ok(FirmwareKey::new(key))
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| Error::new(internal::INTERNAL, e))
}

fn under_passphrase(passphrase: &[u8], salt: &[u8], log_n: u8, r: u32, p: u32) -> Result<Aes256Gcm> {
    let locked = |why: &dyn fmt::Display| Error::new(codes::VAULT_LOCKED, why);
    let params = scrypt::Params::new(log_n, r, p).map_err(|e| locked(&e))?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, salt, &params, key.as_mut_slice()).map_err(|e| locked(&e))?;
    Aes256Gcm::new_from_slice(key.as_slice()).map_err(|e| locked(&e))
}
