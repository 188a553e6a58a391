//! A refusal on its way to the user: code, what it is about, cause, fix.

use std::fmt;
use std::io;
use std::path::Path;

use ironroot_codes::{Code, Entry, Exit, input, internal};

use crate::atomic::PrivateKeyThere;

/// Why a command stopped. The code's entry has the general texts; this adds what is special about the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code; it decides the exit code too.
    pub code: Code,
    /// The file, device or step that it is about.
    pub subject: Option<String>,
    /// What exactly was found, with names, places and values. Never a secret.
    pub cause: String,
    /// What to do in this very case; the code's own remedy if there is nothing better to say.
    pub fix: Option<String>,
}

/// What every command returns.
pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// A refusal with `code` because of `cause`.
    pub fn new(code: Code, cause: impl Into<String>) -> Self {
        Failure { code, subject: None, cause: cause.into(), fix: None }
    }

    /// The same about `subject`, unless it is known already: the innermost caller knows best.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject.get_or_insert_with(|| without_secrets(subject.to_string()));
        self
    }

    /// The same with a remedy for this case.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// A fault of the tool itself.
    pub fn internal(cause: impl Into<String>) -> Self {
        Failure::new(internal::INTERNAL, cause)
    }

    /// The operating system refused to read `path`.
    pub fn read(path: &Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => input::FILE_NOT_FOUND,
            _ => input::FILE_UNREADABLE,
        };
        Failure::new(code, error.to_string()).about(path.display())
    }

    /// The operating system refused to write `path`.
    pub fn write(path: &Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::AlreadyExists => input::OUTPUT_EXISTS,
            _ => input::FILE_UNWRITABLE,
        };
        let failure = Failure::new(code, error.to_string()).about(path.display());
        match error.get_ref() {
            Some(why) if why.is::<PrivateKeyThere>() => failure
                .fix("Choose another name; if the key is not needed any more, remove it yourself first."),
            _ => failure,
        }
    }

    /// The general texts. A code that this version has no text for (of a newer device) gets those of an unknown one.
    pub fn entry(&self) -> &'static Entry {
        entry(self.code)
    }

    /// The exit code of the process.
    pub fn exit(&self) -> Exit {
        self.entry().exit
    }

    /// The remedy to show.
    pub fn remedy(&self) -> &str {
        self.fix.as_deref().unwrap_or(self.entry().remedy)
    }
}

/// A subject that is shown. Arguments become subjects, and a user who writes a token's URI or a URL where a file is meant has
/// perhaps written a PIN or a password: a message goes to logs that others read.
fn without_secrets(text: String) -> String {
    let is_uri = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("pkcs11:"));
    if is_uri || ironroot_keys::names_pin(text.as_bytes()) {
        return ironroot_keys::redact(&text);
    }
    let user = text.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split(['/', '?', '#']).next()?;
        // A password may have a `/` of its own; what is before the last `@` is shown by nobody.
        let host = rest.rsplit_once('@').map(|(_, host)| host)?;
        (authority.contains('@') || authority.contains(':')).then(|| format!("{scheme}://...@{host}"))
    });
    user.unwrap_or(text)
}

/// The texts of `code`.
fn entry(code: Code) -> &'static Entry {
    const UNKNOWN: Entry = Entry {
        code: input::UNKNOWN_CODE,
        name: "unknown-code",
        summary: "A code that this version of the tool does not know",
        cause: "The device is newer than the tool.",
        consequence: "Nothing more is known here.",
        remedy: "Use the version of the tool that belongs to the device's firmware.",
        exit: Exit::Device,
    };
    code.entry().unwrap_or(&UNKNOWN)
}

impl From<ironroot_keys::Error> for Failure {
    fn from(error: ironroot_keys::Error) -> Self {
        Failure { code: error.code, subject: error.subject, cause: error.cause, fix: error.fix }
    }
}

impl From<ironroot_license_server::Error> for Failure {
    fn from(error: ironroot_license_server::Error) -> Self {
        Failure::new(error.code, error.cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.entry().summary, self.cause)
    }
}

impl std::error::Error for Failure {}

/// Adds the file, device or step to whatever fails.
pub trait Context<T> {
    /// See [`Failure::about`].
    fn about(self, subject: impl fmt::Display) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn about(self, subject: impl fmt::Display) -> Result<T> {
        self.map_err(|failure| failure.about(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_shows_neither_pin_nor_password() {
        let subject = |text: &str| Failure::internal("x").about(text).subject.unwrap_or_default();
        for text in [
            "pkcs11:object=x,pin-value=HUSH",
            "pkcs11:object=x?PIN-VALUE=HUSH",
            "PKCS11:HUSH",
            "https://u:HUSH@host:8443",
            "https://u:HU/HUSH@host",
            "mysql://HUSH@host/l",
        ] {
            assert!(!subject(text).contains("HUSH"), "{}", subject(text));
        }
        for text in [
            "keys/app.pem",
            "https://host:8443",
            "token `release`",
            "pkcs11:token=a;object=b",
            "a@b",
            "uart:/dev/ttyACM0",
        ] {
            assert_eq!(subject(text), text);
        }
    }
}
