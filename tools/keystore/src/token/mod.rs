//! Tokens behind PKCS#11 modules: hardware security modules, smart cards, SoftHSM.
//!
//! 1. The module is loaded when a URI asks for an object, and by its path only: no search, no default that could be
//!    another's library.
//! 2. A PIN is tried once. A locked or missing PIN is seen before.
//! 3. One object must match, or the choice is refused; the public half is found by the identifier of the private one.

mod admin;
mod error;
mod object;
mod sign;

use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Ck, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use ironroot_codes::input;

use crate::error::{Error, Result};
use crate::secrets::{MODULE_VARIABLE, Secrets};
use crate::uri::Uri;
use error::failed;

pub use admin::{ObjectEntry, TokenEntry, generate, objects, tokens};
pub use object::load_public;
pub use sign::{TokenKey, TokenSecret};

/// Whether private objects are needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    /// They are: no PIN is a refusal.
    Required,
    /// They are not, but a PIN that is at hand without asking is used: it shows more.
    IfAtHand,
    /// They are not.
    No,
}

/// What may be done in a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rights {
    Read,
    ReadWrite,
}

/// A token with a session on it.
struct Token {
    session: Session,
    /// Its label, or its serial number if it has none.
    name: String,
    logged_in: bool,
    warnings: Vec<String>,
}

/// The module that the URI or the environment names.
fn module_path(uri: &Uri) -> Result<PathBuf> {
    let path = uri.module_path.clone().or_else(|| std::env::var_os(MODULE_VARIABLE).map(PathBuf::from));
    path.filter(|path| !path.as_os_str().is_empty()).ok_or_else(|| {
        let cause = format!("the URI has no module-path, and {MODULE_VARIABLE} is not set");
        Error::new(input::TOKEN_MODULE, cause)
    })
}

fn load(path: &Path) -> Result<Pkcs11> {
    let refused = |cause: String| Error::new(input::TOKEN_MODULE, cause).about(path.display());
    // The loader looks a bare name up in its own directories; a module is what was named, and nothing else.
    if !path.is_absolute() {
        return Err(refused("the path of the module is not absolute".to_owned()));
    }
    let module = Pkcs11::new(path).map_err(|e| refused(e.to_string()))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another key of this process is in a token of the same module.
        Ok(()) | Err(Ck::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(e) => Err(refused(failed("initialising the module", &e).cause)),
    }
}

/// The tokens of the module that match the URI.
fn matching(module: &Pkcs11, uri: &Uri) -> Result<Vec<(Slot, TokenInfo)>> {
    let slots = module.get_slots_with_token().map_err(|e| failed("listing the slots", &e))?;
    let mut found = Vec::new();
    for slot in slots {
        let info = match module.get_token_info(slot) {
            Ok(info) => info,
            // Pulled out between the two questions, or of a kind that the module cannot read.
            Err(Ck::Pkcs11(RvError::TokenNotPresent | RvError::TokenNotRecognized, _)) => continue,
            Err(e) => return Err(failed("reading a token's information", &e)),
        };
        let is = |wanted: &Option<String>, actual: &str| {
            wanted.as_deref().is_none_or(|w| w.trim_end() == actual.trim_end())
        };
        if info.token_initialized()
            && is(&uri.token, info.label())
            && is(&uri.serial, info.serial_number())
            && is(&uri.manufacturer, info.manufacturer_id())
            && is(&uri.model, info.model())
            && uri.slot_id.is_none_or(|id| id == slot.id())
        {
            found.push((slot, info));
        }
    }
    Ok(found)
}

fn name(info: &TokenInfo) -> String {
    let label = info.label().trim_end();
    if label.is_empty() { info.serial_number().trim_end().to_owned() } else { label.to_owned() }
}

impl Token {
    fn open(uri: &Uri, secrets: &Secrets, login: Login, rights: Rights) -> Result<Self> {
        let path = module_path(uri)?;
        let module = load(&path)?;
        let mut found = matching(&module, uri)?;
        let (slot, info) = match (found.pop(), found.len()) {
            (None, _) => {
                let cause = format!("the module {} has no initialised token that matches", path.display());
                return Err(Error::new(input::TOKEN_NOT_FOUND, cause));
            }
            (Some(one), 0) => one,
            (Some(last), _) => {
                found.push(last);
                let names: Vec<String> = found
                    .iter()
                    .map(|(slot, info)| {
                        format!(
                            "`{}` (serial {}, slot-id {})",
                            name(info),
                            info.serial_number().trim_end(),
                            slot.id()
                        )
                    })
                    .collect();
                return Err(Error::new(input::TOKEN_AMBIGUOUS, names.join(", ")));
            }
        };
        let session = match rights {
            Rights::Read => module.open_ro_session(slot),
            Rights::ReadWrite => module.open_rw_session(slot),
        };
        let session = session.map_err(|e| failed("opening a session", &e))?;
        let mut token = Token { session, name: name(&info), logged_in: false, warnings: Vec::new() };
        if login != Login::No && info.login_required() {
            token.login(uri, secrets, &info, login)?;
        }
        Ok(token)
    }

    fn login(&mut self, uri: &Uri, secrets: &Secrets, info: &TokenInfo, login: Login) -> Result {
        let about = |e: Error| e.about(format!("token `{}`", self.name));
        if login == Login::Required {
            // Said before a PIN is asked for, and before a try is spent.
            if info.user_pin_locked() {
                return Err(about(Error::new(
                    input::TOKEN_PIN_LOCKED,
                    "the token says that its user PIN is locked",
                )));
            }
            if !info.user_pin_initialized() {
                return Err(about(Error::new(input::TOKEN_PIN_LOCKED, "the token has no user PIN yet")));
            }
        }
        if uri.pin_value.is_some() {
            self.warnings.push(
                "pin-value is in the arguments, which every user of this machine can read: use pin-source=FILE".to_owned(),
            );
        }
        if info.user_pin_final_try() {
            self.warnings.push(format!("token `{}`: one more wrong PIN locks it", self.name));
        }
        let pin = if info.protected_authentication_path() {
            // The reader has a keypad of its own.
            None
        } else {
            let pin = match (&uri.pin_value, login) {
                (Some(pin), _) => Some(pin.clone()),
                (None, Login::Required) => secrets.pin(&self.name, uri.pin_source.as_deref())?,
                (None, _) => secrets.pin_at_hand(uri.pin_source.as_deref())?,
            };
            match (pin, login) {
                (Some(pin), _) => Some(AuthPin::from(pin.as_str().to_owned())),
                (None, Login::Required) => {
                    return Err(about(Error::new(
                        input::TOKEN_PIN_MISSING,
                        "no PIN was given, and there is no terminal to ask on",
                    )));
                }
                (None, _) => return Ok(()),
            }
        };
        match self.session.login(UserType::User, pin.as_ref()) {
            // One login is for all sessions of the process.
            Ok(()) | Err(Ck::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                self.logged_in = true;
                Ok(())
            }
            Err(e) => Err(about(failed("logging in", &e))),
        }
    }
}
