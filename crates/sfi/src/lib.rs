//! Secure firmware install (SFI): how firmware reaches a chip at a factory that must neither read it, change it, nor make one
//! device too many.
//!
//! 1. A [`Package`](package) is encrypted once with a firmware key (AES-128-GCM) and is the same for every device.
//! 2. A [`Licence`] carries that key to one device alone: sealed by HPKE (RFC 9180) to the public key in the device's
//!    [`Certificate`], which the chip's maker signed.
//! 3. The [`Installer`] runs inside the root security services of the chip, and on the host behind `ironroot sfi verify`: the
//!    same state machine decides in both places.
//!
//! The byte formats are Ironroot's own and open; docs/sfi-format.md lists every byte. They keep the sizes and fields that
//! ST publishes (a certificate and a licence of 136 bytes, areas F M C P R E K), and are not those of ST's devices, which are
//! secret.
//!
//! Nothing here allocates, and nothing is written to flash before its authentication tag was checked: an area is collected
//! in a buffer, opened there, and only then programmed.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "build")]
extern crate alloc;

mod bytes;
mod certificate;
mod cipher;
mod install;
mod keys;
mod licence;
mod module;
mod options;
pub mod package;

#[cfg(feature = "build")]
pub mod build;

pub use certificate::{CERTIFICATE_LEN, Certificate, PRODUCT_LEN, Product};
pub use cipher::{FirmwareKey, Nonce, TAG_LEN};
pub use install::{HELD_BACK, Installer, NOTE_LEN, Phase, Status, Target};
pub use keys::{COUPLE_LEN, KeyPlace, MAX_KEY_LEN, MAX_KEYS};
pub use licence::{DeviceKey, LICENCE_LEN, Licence, LicenceKind, PackageId, Terms};
pub use module::{MODULE_HEADER_LEN, ModuleHeader};
pub use options::{OptionRegister, OptionValue, OptionValues};
