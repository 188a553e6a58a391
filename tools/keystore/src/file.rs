//! Key files.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ironroot_codes::input;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::kind::KeyKind;
use crate::pem::{self, Content};
use crate::private::PrivateKey;
use crate::public::PublicKey;
use crate::secrets::Secrets;

/// A key file is a few kilobytes; what is larger is something else, and is not read into memory.
const MAX_FILE: u64 = 64 * 1024;

/// What a key file holds.
#[derive(Debug)]
pub struct KeyFile {
    /// The kind of the key.
    pub kind: KeyKind,
    /// The public half; none for an AES key.
    pub public: Option<PublicKey>,
    /// The private half, if the file has it.
    pub private: Option<PrivateKey>,
    /// The file is marked as holding a demo key.
    pub demo: bool,
    /// The private half is protected by a passphrase.
    pub encrypted: bool,
    /// What the user should know, though the key is used.
    pub warnings: Vec<String>,
}

impl KeyFile {
    /// Reads a key file, private or public.
    pub fn read(path: &Path, secrets: &Secrets) -> Result<Self> {
        Self::read_with(path, secrets).map_err(|e| e.about(path.display()))
    }

    fn read_with(path: &Path, secrets: &Secrets) -> Result<Self> {
        let mut file = std::fs::File::open(path).map_err(|e| Error::read(path, &e))?;
        let metadata = file.metadata().map_err(|e| Error::read(path, &e))?;
        // The mode is that of the opened file, not of what has the name a moment later. A pipe has none of interest.
        let mode = if metadata.is_file() { metadata.mode() & 0o777 } else { 0o600 };
        // One allocation for the whole file: growing would leave copies of a secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
        file.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| Error::read(path, &e))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(Error::new(
                input::FILE_TOO_LARGE,
                format!("a key file has at most {MAX_FILE} bytes"),
            ));
        }
        let mut key = Self::parse(&bytes, &|| secrets.passphrase(path))?;
        if key.private.is_some() && mode & 0o077 != 0 {
            if !key.encrypted {
                return Err(Error::new(
                    input::KEY_PERMISSIONS,
                    format!("the mode of the file is {mode:03o}"),
                ));
            }
            key.warnings.push(format!(
                "{}: others can read the encrypted key (mode {mode:03o}) and try passphrases: chmod 600",
                path.display()
            ));
        }
        Ok(key)
    }

    /// Parses the content of a key file; `passphrase` is asked only if there is something to decrypt.
    pub fn parse(bytes: &[u8], passphrase: &dyn Fn() -> Result<Option<crate::Secret>>) -> Result<Self> {
        let parsed = pem::parse(bytes, passphrase)?;
        let (kind, public, private) = match parsed.content {
            Content::Private(key) => (key.kind(), key.public()?, Some(key)),
            Content::Public(key) => (key.kind(), Some(key), None),
        };
        let (demo, encrypted) = (parsed.demo, parsed.encrypted);
        Ok(KeyFile { kind, public, private, demo, encrypted, warnings: Vec::new() })
    }
}
