//! A refusal: code, subject, cause, remedy.

use std::fmt;
use std::io;
use std::path::Path;

use ironroot_codes::{Code, input, internal};

/// Why a key cannot be used. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code; its entry has the general texts and the exit code.
    pub code: Code,
    /// The file, token or object that it is about.
    pub subject: Option<String>,
    /// What exactly was found.
    pub cause: String,
    /// What to do in this very case, if there is something better to say than the code's own remedy.
    pub fix: Option<String>,
}

/// What everything here returns.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal with `code` because of `cause`.
    pub fn new(code: Code, cause: impl Into<String>) -> Self {
        Error { code, subject: None, cause: cause.into(), fix: None }
    }

    /// The same about `subject`, unless it is known already: the innermost caller knows best.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject.get_or_insert_with(|| subject.to_string());
        self
    }

    /// The same with a remedy for this case.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// A fault of this program.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        Error::new(internal::INTERNAL, cause.to_string())
    }

    /// The operating system refused to read `path`.
    pub(crate) fn read(path: &Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => input::FILE_NOT_FOUND,
            _ => input::FILE_UNREADABLE,
        };
        Error::new(code, error.to_string()).about(path.display())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause)
    }
}

impl std::error::Error for Error {}
