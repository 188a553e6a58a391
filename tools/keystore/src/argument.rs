//! A key argument of the command line: a file, or an object in a token.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::Result;
use crate::uri::{SCHEME, Uri, names_pin, redact};

/// Where a key is: what `--key` and its like take.
///
/// Parsing never fails, so that what is wrong with a URI is said with its own code when the key is loaded, and never by
/// the parser of the command line, which repeats the argument, PIN included.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyArgument {
    /// A file: PEM, DER, or base64 of an AES key.
    File(PathBuf),
    /// The text of a `pkcs11:` URI.
    Token(zeroize::Zeroizing<String>),
}

impl KeyArgument {
    /// The file, if it is one: for what must not happen to input files.
    pub fn path(&self) -> Option<&Path> {
        match self {
            KeyArgument::File(path) => Some(path),
            KeyArgument::Token(_) => None,
        }
    }

    /// The parsed URI, if it is one.
    pub fn uri(&self) -> Result<Option<Uri>> {
        match self {
            KeyArgument::File(_) => Ok(None),
            KeyArgument::Token(text) => Uri::parse(text).map(Some),
        }
    }
}

impl From<PathBuf> for KeyArgument {
    fn from(path: PathBuf) -> Self {
        KeyArgument::File(path)
    }
}

impl FromStr for KeyArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        // The scheme of a URI is in any case of letters.
        Ok(match text.get(..SCHEME.len()) {
            Some(start) if start.eq_ignore_ascii_case(SCHEME) => {
                let rest = text.get(SCHEME.len()..).unwrap_or("");
                KeyArgument::Token(zeroize::Zeroizing::new(format!("{SCHEME}{rest}")))
            }
            // A mistyped scheme: a PIN must not be shown as part of a file name.
            _ if names_pin(text.as_bytes()) => KeyArgument::Token(zeroize::Zeroizing::new(text.to_owned())),
            _ => KeyArgument::File(text.into()),
        })
    }
}

impl fmt::Display for KeyArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyArgument::File(path) => path.display().fmt(f),
            KeyArgument::Token(text) => f.write_str(&redact(text)),
        }
    }
}

impl fmt::Debug for KeyArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyArgument({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_told_from_a_file_and_keeps_its_pin_to_itself() {
        let file: KeyArgument = "keys/pkcs11:x.pem".parse().unwrap();
        assert_eq!(file.path(), Some(Path::new("keys/pkcs11:x.pem")));
        let token: KeyArgument = "PKCS11:token=a?pin-value=hush".parse().unwrap();
        assert_eq!(token.path(), None);
        assert_eq!(token.uri().unwrap().unwrap().token.as_deref(), Some("a"));
        for text in
            ["PKCS11:token=a?pin-value=hush", "pkcs11:?pin-valu=hush", "pkcs-11:a?pin-value=hush&x=hush"]
        {
            let token: KeyArgument = text.parse().unwrap();
            assert!(!format!("{token} {token:?}").contains("hush"), "{text}");
        }
    }
}
