//! What the four programs in system flash of the STM32H7R/7S share.
//!
//! | program | window | runs at | |
//! |---|---|---|---|
//! | `rss-h7rs` | RSS | HDPL 0 | every reset: debug authentication, commands that need HDPL 0, choice of the path |
//! | `stirot-h7rs` | STIROT | HDPL 1 | first stage: loads by the iLoader, verifies, decrypts, starts |
//! | `rsslib-h7rs` | LIBRARY, TABLE | every level | the services, and every jump to a higher level |
//! | `bootloader-h7rs` | BOOTLOADER | HDPL 1 | AN3155, in Open and Provisioning |
//!
//! 1. Raising the level hides what the lower level was made of with the next access. So the store that raises it, and the jump behind
//!    it, lie in the library, which every level may execute.
//! 2. Registers that only system flash touches are in [`hw`]; everything else is `ironroot-hal-h7rs`.
//! 3. No panic is reachable from input.
//!
//! ST's own system flash is not public. What is: the table of services and its place, their arguments and answers, SBS_RSSCMDR and the
//! iLoader's request, the forms of the configurations. The rest (commands, places, [`hw::boot_pin`], erasing keys) is Ironroot's.
#![no_std]
#![deny(unsafe_code)]

pub mod command;
pub mod hw;
#[path = "../../hal/src/jump.rs"]
#[allow(dead_code)] // shared: each chip uses a part
mod jump;
pub mod provision;
#[path = "../../hal/src/reg.rs"]
#[allow(dead_code)] // shared: each chip uses a part
mod reg;
#[path = "../../hal/src/scb.rs"]
#[allow(dead_code)] // shared
mod scb;
pub mod services;
pub mod state;
