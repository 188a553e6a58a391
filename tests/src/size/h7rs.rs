//! The programs of the STM32H7R/7S: bytes against their gates, and whether a panic can be reached.

use std::path::PathBuf;
use std::sync::OnceLock;

use ironroot_layout::stm32h7rs::{Part, contract, iloader, rsslib};

use super::calls::{self, Panics};
use super::parts;
use crate::firmware;
use crate::h7rs::{Run, Stage};

/// A program, measured.
pub struct Program {
    /// Its file in `target/ironroot-firmware`, without the extension.
    pub name: String,
    /// Bytes in flash.
    pub size: u32,
    /// What it must not exceed.
    pub gate: u32,
    /// Its panics.
    pub panics: Panics,
}

impl Program {
    /// The ELF, as `cargo xtask build` leaves it.
    fn elf(name: &str) -> PathBuf {
        firmware(name)
    }
}

/// Every configuration of the boot stage that there is. A second stage needs STiRoT, and so the part with the crypto blocks.
pub fn stages() -> Vec<Stage> {
    let mut stages = Vec::new();
    for run in [Run::ExternalFlash, Run::ExternalRam, Run::InternalRam] {
        for swap in [false, true] {
            stages.push(Stage::new(Part::Stm32h7s7, run, swap));
            stages.push(Stage::new(Part::Stm32h7r7, run, swap));
            stages.push(Stage::new(Part::Stm32h7s7, run, swap).behind_another());
        }
    }
    stages
}

/// Name and gate of each: the stages' own gate, and for system flash and iLoader the window that they are linked into.
fn names() -> Vec<(String, u32)> {
    let gate = contract::BOOT_CODE_GATE.bytes();
    let mut names: Vec<_> = stages().iter().map(|stage| (stage.file(), gate)).collect();
    names.sort();
    let system = [
        ("rss-h7rs", rsslib::RSS.size()),
        ("stirot-h7rs", rsslib::STIROT.size()),
        ("rsslib-h7rs", rsslib::LIBRARY.size()),
        ("bootloader-h7rs", rsslib::BOOTLOADER.size()),
        ("iloader", iloader::CODE_MAX.size()),
    ];
    names.extend(system.map(|(name, window)| (name.to_owned(), window.bytes())));
    names
}

/// All of them, measured once.
pub fn programs() -> &'static [Program] {
    static PROGRAMS: OnceLock<Vec<Program>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let measure = |(name, gate): (String, u32)| {
            let elf = Program::elf(&name);
            Program { size: parts::total(&elf), panics: calls::panics(&elf), name, gate }
        };
        names().into_iter().map(measure).collect()
    })
}
