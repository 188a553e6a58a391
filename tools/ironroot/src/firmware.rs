//! The Arm binaries that this build carries.
//!
//! `build.rs` embeds what `cargo xtask build` left in `target/ironroot-firmware/`; a build without them is a complete tool
//! but for the commands that need a device.

use ironroot_codes::input;

use crate::error::{Failure, Result};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// One of the programs that run on the Arm core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Its name, that of the ELF file too.
    pub name: &'static str,
    /// What it is.
    pub purpose: &'static str,
    /// The ELF file, if this build has it.
    pub elf: Option<&'static [u8]>,
}

/// The root security services: the virtual part's system flash.
pub const RSS: Program =
    Program { name: "rss", purpose: "root security services (system flash)", elf: RSS_ELF };
/// The installer of encrypted firmware: another part of system flash.
pub const RSS_INSTALL: Program = Program {
    name: "rss-install",
    purpose: "installer of encrypted firmware (system flash)",
    elf: RSS_INSTALL_ELF,
};
/// The root security services of the STM32H7R/7S: where every reset of that part enters.
pub const RSS_H7RS: Program = Program {
    name: "rss-h7rs",
    purpose: "root security services (system flash, STM32H7RS)",
    elf: RSS_H7RS_ELF,
};
/// The services that every level calls.
pub const RSSLIB_H7RS: Program = Program {
    name: "rsslib-h7rs",
    purpose: "service library (system flash, STM32H7RS)",
    elf: RSSLIB_H7RS_ELF,
};
/// The first boot stage in system flash.
pub const STIROT_H7RS: Program = Program {
    name: "stirot-h7rs",
    purpose: "first boot stage (system flash, STM32H7RS)",
    elf: STIROT_H7RS_ELF,
};
/// The bootloader of that part.
pub const BOOTLOADER_H7RS: Program = Program {
    name: "bootloader-h7rs",
    purpose: "bootloader (system flash, STM32H7RS)",
    elf: BOOTLOADER_H7RS_ELF,
};
/// System flash of the STM32H7R/7S, one program a window.
pub const SYSTEM_H7RS: &[Program] = &[RSS_H7RS, RSSLIB_H7RS, STIROT_H7RS, BOOTLOADER_H7RS];
/// The secure boot of the secure area.
pub const SECURE_BOOT: Program =
    Program { name: "secure-boot", purpose: "secure boot (secure area)", elf: SECURE_BOOT_ELF };
/// The example application on the public Rust HAL.
pub const HELLO_HAL: Program =
    Program { name: "hello-hal", purpose: "example application, Rust", elf: HELLO_HAL_ELF };
/// The example application in C.
pub const HELLO_C: Program = Program { name: "hello-c", purpose: "example application, C", elf: HELLO_C_ELF };
/// A program of `vdev bench`, for the board that QEMU has too.
pub const BENCH_SHA256: Program =
    Program { name: "bench-sha256", purpose: "benchmark, SHA-256", elf: BENCH_SHA256_ELF };
/// The same, ECDSA.
pub const BENCH_ECDSA: Program =
    Program { name: "bench-ecdsa", purpose: "benchmark, ECDSA P-256", elf: BENCH_ECDSA_ELF };
/// The same, copies.
pub const BENCH_MEMCPY: Program =
    Program { name: "bench-memcpy", purpose: "benchmark, copies", elf: BENCH_MEMCPY_ELF };
/// The same, interrupts.
pub const BENCH_INTERRUPTS: Program =
    Program { name: "bench-interrupts", purpose: "benchmark, interrupts", elf: BENCH_INTERRUPTS_ELF };

/// All of them.
pub const ALL: &[Program] = &[
    RSS,
    RSS_INSTALL,
    RSS_H7RS,
    RSSLIB_H7RS,
    STIROT_H7RS,
    BOOTLOADER_H7RS,
    SECURE_BOOT,
    HELLO_HAL,
    HELLO_C,
    BENCH_SHA256,
    BENCH_ECDSA,
    BENCH_MEMCPY,
    BENCH_INTERRUPTS,
];

impl Program {
    /// The ELF file, or the refusal that says how to get it.
    pub fn require(&self) -> Result<&'static [u8]> {
        self.elf.ok_or_else(|| {
            Failure::new(input::NO_FIRMWARE, format!("{} ({}) was not there when this tool was built", self.name, self.purpose))
                .fix("Run `cargo xtask build` and build the tool again, or run `cargo xtask demo`, which does both.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_says_how_to_get_it() {
        let failure = Program { elf: None, ..RSS }.require().unwrap_err();
        assert_eq!((failure.code, failure.exit()), (input::NO_FIRMWARE, ironroot_codes::Exit::Usage));
        assert!(failure.remedy().contains("cargo xtask build"));
    }

    #[test]
    fn what_is_embedded_is_elf() {
        for program in ALL {
            assert!(program.elf.is_none_or(|elf| elf.starts_with(b"\x7fELF")), "{}", program.name);
        }
    }
}
