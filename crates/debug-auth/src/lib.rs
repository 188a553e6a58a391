//! Debug authentication: how the debug port of a closed STM32H7RS is opened, or the device taken back to Open.
//!
//! 1. The messages are those of ADAC (Authenticated Debug Access Control, Arm's specification and its reference code), so chains
//!    made for ST's tools work: [`packet`], [`certificate`]. The password is ST's TLV 0x8000.
//! 2. [`device`] decides, without I/O: one request in, one response out, and what follows. System flash runs it; tests run
//!    it against [`host`] without a chip.
//! 3. [`mailbox`] brings packets over the two words of DBGMCU, one word at a time.
//! 4. What a certificate says and this device does not know is refused, never skipped: it could be a restriction.
//! 5. No allocation on the device, no unsafe, no panic reachable from input.
//!
//! docs/debug-authentication-h7rs.md describes the protocol for those who write a host.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "host")]
extern crate alloc;

pub mod certificate;
pub mod device;
#[cfg(feature = "host")]
pub mod host;
pub mod mailbox;
pub mod packet;
pub mod permission;
