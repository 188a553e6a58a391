//! The `.obk` container: where its content goes, whether it is stored encrypted, and the content.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | destination, little-endian; see [`Destination`] on STM32H7RS, an address on STM32H5 |
//! | 4 | 4 | size of the payload |
//! | 8 | 4 | 1 if the chip encrypts it when it stores it, else 0 |
//! | 12 | size | payload |
//!
//! Most payloads begin with the SHA-256 of the rest.

use ironroot_codes::project;
use ironroot_crypto::{Crypto as _, Software};
use ironroot_layout::stm32h7rs::obkeys::Destination;
use zeroize::Zeroizing;

use crate::error::{Failure, Result};

/// Size of the header.
pub const HEADER: usize = 12;
/// The largest payload: all keys of a level of STM32H7RS.
pub const MAX_PAYLOAD: usize = 32 * 32;

/// Content for option-byte keys. It may hold private keys, and is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Obk {
    /// The destination word.
    pub destination: u32,
    /// Whether the chip encrypts it when it stores it.
    pub encrypt: bool,
    /// The content, with its hash if it has one.
    pub payload: Zeroizing<Vec<u8>>,
}

impl Obk {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let refuse = |cause: String| Err(Failure::new(project::OBK_INVALID, cause));
        let word = |index: usize| {
            bytes.get(index * 4..index * 4 + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
        };
        let (Some(destination), Some(size), Some(encrypt)) = (word(0), word(1), word(2)) else {
            return refuse(format!("{} bytes are shorter than its header of {HEADER}", bytes.len()));
        };
        let payload = bytes.get(HEADER..).unwrap_or_default();
        if usize::try_from(size) != Ok(payload.len()) {
            return refuse(format!("the header says {size} bytes, {} follow it", payload.len()));
        }
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return refuse(format!("{size} bytes of content; there may be 1 to {MAX_PAYLOAD}"));
        }
        if encrypt > 1 {
            return refuse(format!("the word for encryption is {encrypt:#x}, neither 0 nor 1"));
        }
        Ok(Self { destination, encrypt: encrypt == 1, payload: Zeroizing::new(payload.to_vec()) })
    }

    /// The file.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEADER + self.payload.len()));
        bytes.extend_from_slice(&self.destination.to_le_bytes());
        bytes.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.encrypt).to_le_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Where it goes on STM32H7RS; `None` for a destination that this family does not have.
    pub fn destination(&self) -> Option<Destination> {
        Destination::from_word(self.destination)
    }

    /// Whether the payload begins with the SHA-256 of the rest. Those without one (a lock, keys of the hardware, two
    /// independent records) say no as well.
    pub fn hash_holds(&self) -> bool {
        self.payload.split_first_chunk::<32>().is_some_and(|(hash, rest)| *hash == sha256(rest))
    }
}

impl std::fmt::Debug for Obk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The payload may be a private key.
        write!(f, "Obk {{ destination: {:#010x}, {} bytes }}", self.destination, self.payload.len())
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Software.sha256_of(bytes)
}
