//! What a module reports, as our codes.

use cryptoki::error::{Error as Ck, RvError};
use ironroot_codes::{Code, input};

use crate::error::Error;

/// The errors that have a code of their own; all others are [`input::TOKEN_FAILED`].
const TABLE: &[(RvError, Code)] = &[
    (RvError::PinIncorrect, input::TOKEN_PIN_WRONG),
    (RvError::PinInvalid, input::TOKEN_PIN_WRONG),
    (RvError::PinLenRange, input::TOKEN_PIN_WRONG),
    (RvError::PinLocked, input::TOKEN_PIN_LOCKED),
    (RvError::PinExpired, input::TOKEN_PIN_LOCKED),
    (RvError::UserPinNotInitialized, input::TOKEN_PIN_LOCKED),
    (RvError::UserNotLoggedIn, input::TOKEN_PIN_MISSING),
    (RvError::TokenNotPresent, input::TOKEN_NOT_FOUND),
    (RvError::TokenNotRecognized, input::TOKEN_NOT_FOUND),
    (RvError::SlotIdInvalid, input::TOKEN_NOT_FOUND),
    (RvError::MechanismInvalid, input::TOKEN_MECHANISM),
    (RvError::MechanismParamInvalid, input::TOKEN_MECHANISM),
    (RvError::CurveNotSupported, input::TOKEN_MECHANISM),
    (RvError::FunctionNotSupported, input::TOKEN_MECHANISM),
    (RvError::KeyFunctionNotPermitted, input::TOKEN_MECHANISM),
    (RvError::KeyTypeInconsistent, input::TOKEN_MECHANISM),
    (RvError::KeySizeRange, input::TOKEN_MECHANISM),
];

/// The refusal for what happened while `doing`. Names of errors and functions only: a module's values never come through.
pub(super) fn failed(doing: &str, error: &Ck) -> Error {
    match error {
        Ck::Pkcs11(rv, function) => {
            let code =
                TABLE.iter().find(|(known, _)| known == rv).map_or(input::TOKEN_FAILED, |(_, code)| *code);
            Error::new(code, format!("{doing}: the module answered {rv:?} to C_{function:?}"))
        }
        Ck::NullFunctionPointer | Ck::NotSupported => {
            Error::new(input::TOKEN_MECHANISM, format!("{doing}: the module does not have this function"))
        }
        other => Error::new(input::TOKEN_FAILED, format!("{doing}: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;

    /// What SoftHSM never answers: a locked PIN, a removed token, an error of the device.
    #[test]
    fn every_answer_has_its_code() {
        let code = |rv| failed("logging in", &Ck::Pkcs11(rv, Function::Login)).code;
        assert_eq!(code(RvError::PinLocked), input::TOKEN_PIN_LOCKED);
        assert_eq!(code(RvError::PinExpired), input::TOKEN_PIN_LOCKED);
        assert_eq!(code(RvError::TokenNotPresent), input::TOKEN_NOT_FOUND);
        assert_eq!(code(RvError::DeviceError), input::TOKEN_FAILED);
        assert_eq!(code(RvError::KeyFunctionNotPermitted), input::TOKEN_MECHANISM);
        assert_eq!(failed("x", &Ck::NullFunctionPointer).code, input::TOKEN_MECHANISM);
        let text = failed("logging in", &Ck::Pkcs11(RvError::PinLocked, Function::Login)).cause;
        assert_eq!(text, "logging in: the module answered PinLocked to C_Login");
    }
}
