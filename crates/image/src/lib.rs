//! The MCUboot image format: parse, verify, build.
//!
//! 1. One parser for device and host. It reads through [`ReadAt`] in small pieces, so a device reads flash that may fail
//!    with an ECC error, and a host a file of any size; neither allocates.
//! 2. Strict: what could be read in two ways is refused. Every refusal has a code of its own.
//! 3. The dialect is named, never guessed: the same flag bit means different things to different loaders.
//! 4. Only [`verify()`] makes a [`VerifiedImage`], and only a [`VerifiedImage`] can be booted.
//!
//! The layout, all numbers little-endian:
//!
//! ```text
//! 0                     header, 32 bytes used, padded to header_size   } covered by hash
//! header_size           payload: vector table first                    } and signature
//! + payload_size        protected TLVs (magic 0x6908)                  }
//! + protected_size      TLVs (magic 0x6907): hash, key hash, signature
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "build")]
extern crate alloc;

#[cfg(feature = "build")]
pub mod build;
mod error;
mod header;
mod parse;
mod plain;
mod read;
mod tlv;
pub mod trailer;
mod verify;

pub use error::Error;
pub use header::{Dialect, Flags, HEADER_LEN, Header, MAGIC, ParseVersionError, Version};
pub use ironroot_crypto::PublicKey;
pub use parse::{Dependency, Encryption, Image, Limits, Tlvs};
pub use plain::{Plain, open_key};
pub use read::{ReadAt, ReadError};
pub use tlv::{Area, Kind, Tlv, TlvType};
pub use verify::{
    Dependencies, Policy, RamWindow, VerifiedImage, check_tail, digest, stated_hash, verify, verify_dyn, walk,
};
