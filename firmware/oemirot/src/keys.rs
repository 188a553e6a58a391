//! The keys of this stage, from OBKeys: who may sign, and what opens encrypted images.
//!
//! Seven keys of 32 bytes in a row: SHA-256 of the rest, public key as DER (91 bytes), private key as DER (70 bytes, without
//! its public part), zeros.

use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Verdict};
use ironroot_hal::obk::{self, Key};
use ironroot_image::PublicKey;
use ironroot_layout::stm32h7rs::obkeys::{PRIVATE_KEY_LEN, PRIVATE_KEY_PREFIX, PUBLIC_KEY_LEN};

const KEYS: usize = 7;

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
    let (public, rest) = content.split_first_chunk::<PUBLIC_KEY_LEN>()?;
    let (private, _) = rest.split_first_chunk::<PRIVATE_KEY_LEN>()?;
    let number = private.strip_prefix(&PRIVATE_KEY_PREFIX)?.first_chunk::<32>()?;
    let public = P256PublicKey::from_spki_der(public).ok()?;
    Some(Keys { authentication: [PublicKey::P256(public)], decryption: *number })
}
