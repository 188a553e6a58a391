//! Linker scripts, generated: `memory.x` for the firmware and for applications.

use core::fmt::{self, Write};

use crate::{Region, stm32h7rs as h7rs, stm32h735 as chip};

/// The memory of one program, as its linker sees it.
#[derive(Clone, Copy, Debug)]
pub struct MemoryMap {
    /// Which program this is for.
    pub title: &'static str,
    /// `MEMORY` entries: name, attributes, region.
    pub memories: &'static [(&'static str, &'static str, Region)],
    /// Symbols: name and value.
    pub symbols: &'static [(&'static str, u32)],
}

/// The root security services in system flash.
pub const RSS: MemoryMap = MemoryMap {
    title: "root security services, STM32H735 system flash",
    memories: &[
        ("BOOTLOADER", "rx", chip::rss::BOOTLOADER),
        ("RSSLIB", "rx", chip::rss::LIBRARY),
        ("RSS", "rx", chip::rss::CODE),
        ("RAM", "rwx", chip::rss::RAM),
    ],
    symbols: &[
        ("_rss_table", chip::rss::TABLE.value()),
        ("_rss_otfd_table", chip::rss::OTFD_TABLE.value()),
        ("_rss_request_block", chip::rss::REQUEST_BLOCK.start().value()),
    ],
};

/// The installer of encrypted firmware in system flash.
pub const INSTALLER: MemoryMap = MemoryMap {
    title: "installer of encrypted firmware, STM32H735 system flash",
    memories: &[("FLASH", "rx", chip::rss::INSTALLER), ("RAM", "rwx", chip::rss::INSTALLER_RAM)],
    symbols: &[("_buffers_end", chip::rss::INSTALLER_BUFFER.end().value())],
};

/// The secure boot in the secure area.
pub const SECURE_BOOT: MemoryMap = MemoryMap {
    title: "secure boot, STM32H735 secure area",
    memories: &[("FLASH", "rx", chip::SECURE_BOOT), ("RAM", "rwx", chip::SECURE_BOOT_RAM)],
    symbols: &[
        ("_ironroot_counters", chip::COUNTER_LOG.start().value()),
        ("_ironroot_key_store", chip::KEY_STORE.start().value()),
        ("_ironroot_slot", chip::SLOT.region.start().value()),
        ("_ironroot_hand_off", chip::HAND_OFF.start().value()),
    ],
};

/// An application in the slot. Its flash starts behind the image header and ends before the TLVs and the trailer.
pub const APPLICATION: MemoryMap = MemoryMap {
    title: "application, STM32H735 slot",
    memories: &[
        (
            "FLASH",
            "rx",
            match chip::SLOT.application() {
                Some(region) => region,
                None => panic!("the slot has no room for an application"),
            },
        ),
        ("RAM", "rwx", chip::APPLICATION_RAM),
    ],
    symbols: &[("_ironroot_hand_off", chip::HAND_OFF.start().value())],
};

/// The first boot stage of the STM32H7R/7S.
pub const OEMIROT: MemoryMap = MemoryMap {
    title: "boot stage, STM32H7RS user flash",
    memories: &[("FLASH", "rx", h7rs::map::OEMIROT_FLASH), ("RAM", "rwx", h7rs::map::STAGE_RAM)],
    symbols: &[],
};

/// The second boot stage of the STM32H7S, behind STiRoT.
pub const OEMUROT: MemoryMap = MemoryMap {
    title: "second boot stage, STM32H7RS AXI SRAM1",
    memories: &[("FLASH", "rx", h7rs::map::OEMUROT_FLASH), ("RAM", "rwx", h7rs::map::STAGE_RAM)],
    symbols: &[],
};

/// The iLoader of the STM32H7S.
pub const ILOADER: MemoryMap = MemoryMap {
    title: "iLoader, STM32H7RS user flash",
    memories: &[("FLASH", "rx", h7rs::iloader::CODE_MAX), ("RAM", "rwx", h7rs::map::ILOADER_RAM)],
    symbols: &[],
};

/// Writes the map as a GNU or LLVM linker script.
pub fn render(map: &MemoryMap, out: &mut impl Write) -> fmt::Result {
    writeln!(out, "/* {}. Generated from crates/layout: change it there. */", map.title)?;
    writeln!(out, "MEMORY\n{{")?;
    for (name, attributes, region) in map.memories {
        writeln!(
            out,
            "  {name:<10} ({attributes:<3}) : ORIGIN = {:#010x}, LENGTH = {:#x}",
            region.start().value(),
            region.size().bytes()
        )?;
    }
    writeln!(out, "}}")?;
    for (name, value) in map.symbols {
        writeln!(out, "{name} = {value:#010x};")?;
    }
    Ok(())
}

impl fmt::Display for MemoryMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render(self, f)
    }
}
