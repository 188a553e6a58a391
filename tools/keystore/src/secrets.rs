//! Where passphrases and PINs come from.
//!
//! Never from an argument by intention: every user of the machine reads the arguments of every process. In this order: a
//! file, the environment, and the terminal, if there is one.

use std::fmt;
use std::io::{IsTerminal as _, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ironroot_codes::input;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The environment variable with the passphrase of a key file.
pub const PASSPHRASE_VARIABLE: &str = "IRONROOT_PASSPHRASE";
/// The environment variable with the PIN of a token.
pub const PIN_VARIABLE: &str = "IRONROOT_PIN";
/// The environment variable with the path of the PKCS#11 module that is taken if the URI names none.
pub const MODULE_VARIABLE: &str = "IRONROOT_PKCS11_MODULE";

/// A passphrase is a line; what is longer is another file.
const MAX_FILE: u64 = 4096;

/// A secret as text.
pub type Secret = Zeroizing<String>;

/// What gives passphrases and PINs.
#[derive(Clone, Default)]
pub struct Secrets {
    passphrase_file: Option<PathBuf>,
    interactive: bool,
    passphrase: Option<Secret>,
    pin: Option<Secret>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("passphrase_file", &self.passphrase_file)
            .field("interactive", &self.interactive)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// The process's own: `passphrase_file` if it is given, then the environment, then the terminal.
    pub fn of_process(passphrase_file: Option<PathBuf>) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new);
        Secrets {
            passphrase_file,
            interactive: std::io::stdin().is_terminal(),
            passphrase: variable(PASSPHRASE_VARIABLE),
            pin: variable(PIN_VARIABLE),
        }
    }

    /// Nothing: what needs a secret is refused.
    pub fn none() -> Self {
        Secrets::default()
    }

    /// The passphrase of the key file `path`; `None` if there is none and nobody to ask.
    pub fn passphrase(&self, path: &Path) -> Result<Option<Secret>> {
        match (&self.passphrase_file, &self.passphrase) {
            (Some(file), _) => read_line(file).map(Some),
            (None, Some(passphrase)) => Ok(Some(passphrase.clone())),
            (None, None) => self.ask(&format!("Passphrase of {}: ", path.display())),
        }
    }

    /// A new passphrase for the key file `path`, asked twice on a terminal.
    pub fn new_passphrase(&self, path: &Path) -> Result<Option<Secret>> {
        let first = self.passphrase(path)?;
        if self.passphrase_file.is_none() && self.passphrase.is_none() && first.is_some() {
            let again = self.ask("The same once more: ")?;
            if again != first {
                return Err(Error::new(input::KEY_PASSPHRASE, "the two passphrases that were typed differ"));
            }
        }
        Ok(first)
    }

    /// The PIN of the token `label`; `None` if there is none and nobody to ask.
    pub fn pin(&self, label: &str, source: Option<&Path>) -> Result<Option<Secret>> {
        match (source, &self.pin) {
            (Some(file), _) => read_pin(file).map(Some),
            (None, Some(pin)) => Ok(Some(pin.clone())),
            (None, None) => self.ask(&format!("PIN of the token `{label}`: ")),
        }
    }

    /// The same without asking anybody.
    pub fn pin_at_hand(&self, source: Option<&Path>) -> Result<Option<Secret>> {
        match source {
            Some(file) => read_pin(file).map(Some),
            None => Ok(self.pin.clone()),
        }
    }

    fn ask(&self, prompt: &str) -> Result<Option<Secret>> {
        if !self.interactive {
            return Ok(None);
        }
        // A name from a token or a path must not steer the terminal.
        let prompt: String = prompt.chars().filter(|c| !c.is_control()).collect();
        match rpassword::prompt_password(prompt) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(_) => Ok(None),
        }
    }
}

/// The same of a PIN. A refusal does not show the name of the file: whoever mistakes `pin-source` for `pin-value` has written
/// the PIN there.
fn read_pin(path: &Path) -> Result<Secret> {
    let unnamed = |e: Error| Error { subject: Some("the file that pin-source names".to_owned()), ..e };
    read_line(path).map_err(unnamed)
}

/// The first line of a file that only its owner may read.
fn read_line(path: &Path) -> Result<Secret> {
    let file = std::fs::File::open(path).map_err(|e| Error::read(path, &e))?;
    let metadata = file.metadata().map_err(|e| Error::read(path, &e))?;
    // A pipe (`<(pass show key)`) is nobody else's whatever its mode says.
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        let cause = format!("the mode of the file with the secret is {:03o}", metadata.mode() & 0o777);
        return Err(Error::new(input::KEY_PERMISSIONS, cause).about(path.display()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| Error::read(path, &e))?;
    if bytes.len() as u64 > MAX_FILE {
        let cause = format!("a file with a passphrase or PIN has at most {MAX_FILE} bytes");
        return Err(Error::new(input::FILE_TOO_LARGE, cause).about(path.display()));
    }
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(
            Error::new(input::FILE_EMPTY, "the first line of the file is empty").about(path.display())
        );
    }
    let text = std::str::from_utf8(line).map_err(|_| {
        Error::new(input::FILE_UNREADABLE, "the first line is not UTF-8").about(path.display())
    })?;
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_file_is_one_line_of_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pin");
        let write = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        for text in ["12 34", "12 34\n", "12 34\r\n", "12 34\nsecond"] {
            write(text.as_bytes());
            assert_eq!(read_line(&path).unwrap().as_str(), "12 34");
        }
        for (bytes, code) in [
            (&b""[..], input::FILE_EMPTY),
            (b"\n1234", input::FILE_EMPTY),
            (b"\xff\n", input::FILE_UNREADABLE),
            (&[b'1'; 5000], input::FILE_TOO_LARGE),
        ] {
            write(bytes);
            assert_eq!(read_line(&path).unwrap_err().code, code);
        }
        write(b"1234");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read_line(&path).unwrap_err().code, input::KEY_PERMISSIONS);
        assert_eq!(read_line(&dir.path().join("none")).unwrap_err().code, input::FILE_NOT_FOUND);
        assert_eq!(read_line(dir.path()).unwrap_err().code, input::FILE_UNREADABLE);
    }

    #[test]
    fn without_a_source_there_is_no_secret_and_none_is_shown() {
        assert!(Secrets::none().passphrase(Path::new("k")).unwrap().is_none());
        assert!(Secrets::none().pin("t", None).unwrap().is_none());
        for read in [Secrets::pin_at_hand, |s: &Secrets, f: Option<&Path>| s.pin("t", f)] {
            let error = read(&Secrets::none(), Some(Path::new("hush"))).unwrap_err();
            assert_eq!(error.code, input::FILE_NOT_FOUND);
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
        let secrets = Secrets { pin: Some(Secret::new("hush".into())), ..Secrets::default() };
        assert!(!format!("{secrets:?}").contains("hush"));
    }
}
