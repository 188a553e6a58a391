//! The ROM of the virtual STM32H73x: what stands in its system flash, at its real addresses.
//!
//! | part | address | when it can be executed |
//! |---|---|---|
//! | bootloader | 0x1FF0_0000, entry pair 0x1FF0_9800 | always |
//! | library: service tables, services | 0x1FF0_9000..0x1FF0_97FF | Secure access mode, until exit |
//! | RSS: boot state machine | 0x1FF1_0000 | Secure access mode, until hand-over |
//!
//! 1. Every reset in Secure access mode enters [`parts::rss_reset`], whatever the boot pins say.
//! 2. The logic ([`machine`], [`library`], [`request`], [`bootloader`]) is safe Rust, inlined into the entry
//!    points of [`parts`], which say in which part they lie. The linker script refuses code outside of its part.
//! 3. No `.data`, no `.bss`, no heap, no interrupt. The stack is the DTCM window that RSS owns.
//!    The bootloader alone is made of functions and tables of its own, and of `ironroot-uart-bootloader`.
//! 4. No panic is reachable: the panic handler below is not even linked (it would have no place).
//!
//! ST's own ROM is not public. What is: the tables, the calling interface, the order of the boot decision and
//! the RAM window. The rest (request block, [`ironroot_hal::rssc`]) is Ironroot's.
#![no_std]
#![no_main]

mod bootloader;
mod library;
mod machine;
mod otfd;
mod parts;
mod request;

/// Never linked: the linker script has no place for it, so a reachable panic fails the build.
#[panic_handler]
#[unsafe(link_section = ".panic")]
#[allow(unsafe_code)] // the section, which is none
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    ironroot_hal::jump::halt()
}
