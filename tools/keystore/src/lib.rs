//! Keys of the host tools: files and tokens behind one argument.
//!
//! 1. A key argument is a file or a `pkcs11:` URI ([`KeyArgument`]), and what comes of it is the same: a signer, a public
//!    key, a decryption key. Who uses it does not know where it is.
//! 2. What OpenSSL and imgtool write is read: PKCS#8 (plain and encrypted), SEC1, PKCS#1, SubjectPublicKeyInfo; PEM or DER.
//! 3. A private key that others can read is not used.
//! 4. A signature of a token is verified with the public half before it is given away: a fault, or a private object that
//!    does not belong to the public one, ends here and not on a thousand devices.
//! 5. Secrets live in types that wipe them. No message, log or `Debug` output has one.
//! 6. A demo key says so in the file, in the explanatory text that RFC 7468 allows before the key: tools read it, and
//!    nobody takes it for a product key. In a token its label says it.
//! 7. Nothing is loaded before it is needed: a module when a URI names an object, never at the start.

#![forbid(unsafe_code)]

mod argument;
mod decryption;
mod error;
mod file;
mod kind;
mod load;
mod pem;
mod private;
mod public;
mod secrets;
mod signature;
mod signer;
pub mod token;
mod uri;

pub use argument::KeyArgument;
pub use decryption::DecryptionKey;
pub use error::{Error, Result};
pub use file::KeyFile;
pub use kind::KeyKind;
pub use load::{
    Loaded, load_decryption, load_encryption, load_private_file, load_public, load_signer, load_trusted,
};
pub use pem::{base64_decode, encode_private, encode_public};
pub use private::{PrivateKey, SecretBytes};
pub use public::PublicKey;
pub use secrets::{MODULE_VARIABLE, PASSPHRASE_VARIABLE, PIN_VARIABLE, Secret, Secrets};
pub use signature::{normalize, p1363_to_der};
pub use signer::KeySigner;
pub use uri::{ObjectType, Uri, names_pin, redact};
