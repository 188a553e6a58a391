//! Why an image was not made.

use core::fmt;

use ironroot_codes::{Code, image as image_codes, input as codes};
use ironroot_crypto::SignError;
use ironroot_crypto::seal::SealError;

/// Why an image was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The header size is below 32.
    HeaderSize,
    /// There is no payload.
    EmptyPayload,
    /// Sizes exceed what the format's fields hold, or the slot.
    TooLarge,
    /// A custom TLV has a type outside the vendor range, twice, or is too long.
    CustomTlv(u16),
    /// A load address without the flag that gives it a meaning, or such a flag without an address.
    LoadAddress,
    /// The write size of the flash is not 1, 2, 4, 8, 16 or 32.
    Align,
    /// The software type of a boot record has more than 12 characters.
    BootRecord,
    /// The key does not go with the hash, or cannot sign content.
    SignatureKind,
    /// What was asked for does not exist in this dialect.
    Dialect,
    /// The image is to be encrypted, but no key is given to seal for, or the other way round.
    Encryption,
    /// The image key was not sealed.
    Seal(SealError),
    /// The signer did not sign, in its own words.
    Signer(SignError),
    /// The payload cannot be read.
    Payload,
    /// The output cannot be written. Whoever writes it knows why.
    Output,
}

impl BuildError {
    /// The code of this refusal.
    pub const fn code(&self) -> Code {
        match self {
            Self::HeaderSize => codes::BAD_HEADER_SIZE,
            Self::EmptyPayload => codes::APP_EMPTY,
            Self::TooLarge => codes::IMAGE_TOO_LARGE,
            Self::CustomTlv(_) => codes::BAD_CUSTOM_TLV,
            Self::LoadAddress => image_codes::LOAD_ADDRESS,
            Self::Align => codes::BAD_ALIGN,
            Self::BootRecord => codes::BAD_BOOT_RECORD,
            Self::SignatureKind => codes::SIGNATURE_KIND,
            Self::Dialect => codes::OPTION_REFUSED,
            Self::Encryption => codes::OPTIONS_CONTRADICT,
            Self::Seal(_) => codes::SEALING_FAILED,
            Self::Signer(_) => codes::SIGNING_FAILED,
            Self::Payload => codes::FILE_UNREADABLE,
            Self::Output => codes::FILE_UNWRITABLE,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CustomTlv(number) => write!(f, "{}: TLV type {number:#06x}", self.code()),
            Self::Signer(reason) => write!(f, "{}: {reason}", self.code()),
            Self::Seal(reason) => write!(f, "{}: {reason}", self.code()),
            _ => match self.code().entry() {
                Some(entry) => write!(f, "{}: {}", self.code(), entry.summary),
                None => write!(f, "{}", self.code()),
            },
        }
    }
}

impl core::error::Error for BuildError {}

impl From<SignError> for BuildError {
    fn from(error: SignError) -> Self {
        Self::Signer(error)
    }
}

impl From<SealError> for BuildError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}
