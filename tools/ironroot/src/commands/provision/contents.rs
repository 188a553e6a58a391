//! What goes into the option-byte keys of a product: made from its key files, or taken from `.obk` files.

use std::path::{Path, PathBuf};

use ironroot_codes::project as codes;
use ironroot_debug_auth::host;
use ironroot_debug_auth::packet::tlv;
use ironroot_keys::{KeyArgument, Secrets};
use ironroot_layout::stm32h7rs::product::{KeyContent, KeyFormat, stirot_config_head};
use ironroot_layout::stm32h7rs::stirot::record;
use zeroize::Zeroizing;

use crate::error::{Context, Failure, Result};
use crate::files;
use crate::product::Product;
use crate::st::config::{self, PASSWORD, PERMISSIONS};
use crate::st::obk::{self, Obk};

/// The word that locks.
const LOCK: &[u8] = b"STDALOCKMGC";
/// Length of the hash in front.
const HASH: usize = 32;

/// The bytes of a piece of content.
pub enum Source {
    /// These.
    Bytes(Zeroizing<Vec<u8>>),
    /// Random for each device: made when they are written.
    Random,
}

/// Random bytes for one device.
pub fn random(content: &KeyContent) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; content.size as usize]);
    getrandom::fill(&mut bytes).map_err(|error| Failure::internal(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// `.obk` files, each of which stands for a piece of content.
pub struct Given(Vec<(PathBuf, Obk)>);

impl Given {
    /// Reads the files.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut given = Vec::new();
        for path in paths {
            let bytes = Zeroizing::new(files::read(path)?);
            given.push((path.clone(), Obk::parse(&bytes).about(path.display())?));
        }
        Ok(Self(given))
    }

    /// Takes the file for a piece of content out.
    fn take(&mut self, content: &KeyContent) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let word = content.destination.word();
        let Some(at) = self.0.iter().position(|(_, obk)| obk.destination == word) else { return Ok(None) };
        let (path, obk) = self.0.swap_remove(at);
        if is_secret(content.format) {
            // For the refusal: the bytes are known.
            files::read_secret(&path)?;
        }
        let refuse = |cause: String| Err(Failure::new(codes::PROVISION_CONTENT, cause).about(path.display()));
        if obk.payload.len() != content.size as usize {
            return refuse(format!(
                "{} takes {} bytes, the file has {}",
                content.name,
                content.size,
                obk.payload.len()
            ));
        }
        let hashed =
            !matches!(content.format, KeyFormat::DebugLock | KeyFormat::HardwareKeys | KeyFormat::StageData);
        if hashed && !obk.hash_holds() {
            return refuse("its content does not begin with the SHA-256 of the rest".to_owned());
        }
        Ok(Some(obk.payload))
    }

    /// Refuses files that were not taken.
    fn end(self) -> Result {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((path, obk)) => {
                let cause = format!(
                    "the product has no content for destination {:#010x}, or two files are for it",
                    obk.destination
                );
                Err(Failure::new(codes::PROVISION_CONTENT, cause).about(path.display()))
            }
        }
    }
}

/// Whether content is nobody's but the device's: private keys, and the hash of a password, which can be tried out.
fn is_secret(format: KeyFormat) -> bool {
    match format {
        KeyFormat::DebugPassword
        | KeyFormat::StageKeys
        | KeyFormat::StirotConfig
        | KeyFormat::HardwareKeys => true,
        KeyFormat::DebugCertificate | KeyFormat::DebugLock | KeyFormat::StageData => false,
    }
}

/// Every piece of content of the product, in order.
pub fn all(product: &Product, mut given: Given, secrets: &Secrets) -> Result<Vec<(KeyContent, Source)>> {
    let mut all = Vec::new();
    for content in product.plan.key_contents() {
        let source = match given.take(content)? {
            Some(bytes) => Source::Bytes(bytes),
            None => make(product, content, secrets).about(content.name)?,
        };
        all.push((*content, source));
    }
    given.end()?;
    Ok(all)
}

/// A key of the description: its file as an argument.
fn named(product: &Product, name: &Option<String>, entry: &str) -> Result<String> {
    product.key(name, entry, "the device")
}

fn argument(name: &str) -> KeyArgument {
    let Ok(argument) = name.parse::<KeyArgument>();
    argument
}

/// The file that keys.debug names.
pub fn debug_file(product: &Product) -> Result<String> {
    named(product, &product.description.keys.debug, "keys.debug")
}

fn make(product: &Product, content: &KeyContent, secrets: &Secrets) -> Result<Source> {
    let keys = &product.description.keys;
    let size = content.size as usize;
    let own = || -> Result<_> {
        let sign = named(product, &keys.sign, "keys.sign")?;
        let encrypt = named(product, &keys.encrypt, "keys.encrypt")?;
        Ok((sign, encrypt))
    };
    let bytes = match content.format {
        KeyFormat::DebugCertificate => {
            let mut rest = config::public_key_hash(&argument(&debug_file(product)?), secrets)?.to_vec();
            rest.extend(PERMISSIONS.to_le_bytes());
            hashed(&rest, size)
        }
        KeyFormat::DebugPassword => {
            let file = debug_file(product)?;
            let password = password(Path::new(&file))?;
            hashed(&obk::sha256(&password), size)
        }
        KeyFormat::DebugLock => {
            let mut bytes = Zeroizing::new(LOCK.to_vec());
            bytes.resize(size, 0xFF);
            bytes
        }
        KeyFormat::StageKeys => {
            let (sign, encrypt) = own()?;
            let mut rest = config::public_key(&argument(&sign), secrets)?;
            rest.extend_from_slice(&config::private_key(Path::new(&encrypt), secrets)?);
            hashed(&rest, size)
        }
        KeyFormat::StirotConfig => {
            let (sign, encrypt) = match product.plan.stage {
                None => own()?,
                Some(_) => (
                    named(product, &keys.stage_sign, "keys.stage-sign")?,
                    named(product, &keys.stage_encrypt, "keys.stage-encrypt")?,
                ),
            };
            let head = stirot_config_head(&product.plan)
                .ok_or_else(|| Failure::internal("a path with STiRoT has no configuration of it"))?;
            let mut rest = Zeroizing::new(head.to_vec());
            rest.extend_from_slice(&config::private_key(Path::new(&encrypt), secrets)?);
            rest.extend_from_slice(&config::public_key(&argument(&sign), secrets)?);
            hashed(&rest, size)
        }
        // Nothing has been installed yet: version 0, twice.
        KeyFormat::StageData => {
            let one = hashed(&[], record::LEN);
            Zeroizing::new([one.as_slice(), one.as_slice()].concat())
        }
        KeyFormat::HardwareKeys => return Ok(Source::Random),
    };
    if bytes.len() != size {
        return Err(Failure::internal(format!("{} has {} bytes, not {size}", content.name, bytes.len())));
    }
    Ok(Source::Bytes(bytes))
}

/// The SHA-256 of the rest in front, and zeros up to `size`.
fn hashed(rest: &[u8], size: usize) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(rest.to_vec());
    padded.resize(size.saturating_sub(HASH).max(rest.len()), 0);
    let mut bytes = Zeroizing::new(obk::sha256(&padded).to_vec());
    bytes.extend_from_slice(&padded);
    bytes
}

/// Whether both records of a stage's data, or the one that counts, are sound: what a stage has written since is kept.
pub fn is_stage_data(bytes: &[u8]) -> bool {
    let sound = |record: &[u8]| {
        record.split_first_chunk::<HASH>().is_some_and(|(hash, rest)| *hash == obk::sha256(rest))
    };
    bytes.len() == 2 * record::LEN && bytes.chunks(record::LEN).any(sound)
}

/// The password of a file: 16 printable characters as text, or as ST's `password.bin` has them.
pub fn password(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = files::read_secret(path)?;
    let binary = host::chain(&bytes).ok().and_then(|parts| match parts.as_slice() {
        [(tlv::PASSWORD, value)] => Some(Zeroizing::new(value.clone())),
        _ => None,
    });
    let password = binary.unwrap_or_else(|| Zeroizing::new(bytes.trim_ascii_end().to_vec()));
    if password.len() == PASSWORD && password.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        return Ok(password);
    }
    // Never the text itself.
    let cause =
        format!("a password has {PASSWORD} printable ASCII characters; this file has {}", password.len());
    Err(Failure::new(codes::PROVISION_CONTENT, cause).about(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_in_front() {
        let bytes = hashed(&[1, 2, 3], 96);
        assert_eq!((bytes.len(), &bytes[32..36]), (96, &[1, 2, 3, 0][..]));
        assert_eq!(bytes[..32], obk::sha256(&bytes[32..]));
    }

    #[test]
    fn records_are_sound_or_not() {
        let one = hashed(&[], record::LEN).to_vec();
        let torn = [one.clone(), vec![7; record::LEN]].concat();
        assert!(is_stage_data(&torn) && !is_stage_data(&[7; 2 * record::LEN]) && !is_stage_data(&one));
    }
}
