//! The keys of this stage, from OBKeys: who may sign, and what opens encrypted images.
//!
//! Seven keys of 32 bytes in a row: SHA-256 of the rest, public key as DER (91 bytes), private key as DER (70 bytes, without
//! its public part), zeros.

use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Verdict};
use ironroot_hal::obk::{self, Key};
use ironroot_image::PublicKey;

const KEYS: usize = 7;
const PUBLIC: usize = 91;
const PRIVATE: usize = 70;
/// SEC 1 private key with the curve's name, in front of the number.
const PRIVATE_PREFIX: [u8; 36] = [
    0x30, 0x81, 0x43, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x04, 0x29, 0x30, 0x27, 0x02, 0x01, 0x01,
    0x04, 0x20,
];

/// What a stage needs to know.
pub struct Keys {
    /// Who may sign images.
    pub authentication: [PublicKey; 1],
    /// The private number that opens image keys.
    pub decryption: [u8; 32],
}

/// Reads and checks the keys from OBKey `first` on.
pub fn read(first: u8, crypto: &mut impl Crypto) -> Result<Keys, Code> {
    let mut content = [Key::default(); KEYS];
    obk::read_many(first, &mut content).map_err(|error| match error {
        obk::Error::Absent => codes::STAGE_KEYS_MISSING,
        obk::Error::Refused => codes::STAGE_KEYS_CORRUPT,
    })?;
    let [digest, rest @ ..] = &content;
    let mut sha = crypto.sha256();
    sha.update(rest.as_flattened());
    if !Verdict::of_equal(&sha.finish(), digest).is_accepted() {
        return Err(codes::STAGE_KEYS_CORRUPT);
    }
    parse(rest.as_flattened()).ok_or(codes::STAGE_KEYS_CORRUPT)
}

fn parse(content: &[u8]) -> Option<Keys> {
    let (public, rest) = content.split_first_chunk::<PUBLIC>()?;
    let (private, _) = rest.split_first_chunk::<PRIVATE>()?;
    let number = private.strip_prefix(&PRIVATE_PREFIX)?.first_chunk::<32>()?;
    let public = P256PublicKey::from_spki_der(public).ok()?;
    Some(Keys { authentication: [PublicKey::P256(public)], decryption: *number })
}
