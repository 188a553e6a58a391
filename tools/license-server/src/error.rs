//! What can go wrong besides a refusal.

use std::fmt;

use ironroot_codes::Code;

/// A coded error with its own cause in words. Never contains a key, a passphrase or a licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: Code,
    /// What was tried, and what came of it.
    pub cause: String,
}

impl Error {
    /// An error with this code.
    pub fn new(code: Code, cause: impl fmt::Display) -> Self {
        Self { code, cause: cause.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause)
    }
}

impl std::error::Error for Error {}

/// The usual result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
