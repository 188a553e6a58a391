//! The root security services: places in system flash and their calling interface.
//!
//! The service tables are ST's, from the public header of the H735 examples. Every other address in system flash is our
//! choice, because ST's are not public; a real chip's differ, and nothing outside system flash may rely on them.

use super::chip::{AXI_SRAM, DTCM, FLASH, FLASH_WORD, SYSTEM_FLASH};
use crate::{Address, Region};

/// The bootloader's vector table and code. Ours, except for the start: the factory value of BOOT_ADD1 points there.
pub const BOOTLOADER: Region = Region::between(0x1FF0_0000, 0x1FF0_9000);
/// The service library: tables and exit service. Visible in Secure access mode until the exit. Bounds are ours.
pub const LIBRARY: Region = Region::between(0x1FF0_9000, 0x1FF0_9800);
/// The secure part; every reset in Secure access mode enters here, and it is closed at the hand-over. Ours.
pub const RSS: Region = Region::between(0x1FF1_0000, 0x1FF1_E000);
/// In it: the boot state machine and the short services.
pub const CODE: Region = Region::between(0x1FF1_0000, 0x1FF1_1000);
/// In it: the installer of encrypted firmware, a program of its own.
pub const INSTALLER: Region = Region::between(0x1FF1_1000, 0x1FF1_DC00);
/// In it: the device's private key ([`identity`]).
pub const IDENTITY: Region = Region::between(0x1FF1_DC00, 0x1FF1_E000);
/// The device certificate, 136 bytes, beside the unique id: public, readable by everybody. Ours.
pub const CERTIFICATE: Region = Region::between(0x1FF1_E900, 0x1FF1_E988);

/// The service table: code addresses (bit 0 set).
pub const TABLE: Address = Address::new(0x1FF0_9500);
/// getVersion: returns patch, minor, major and an unused byte, lowest first.
pub const GET_VERSION: Address = Address::new(0x1FF0_9500);
/// exitSecureArea(vectors, jtag_state).
pub const EXIT_SECURE_AREA: Address = Address::new(0x1FF0_9514);
/// resetAndInitializeSecureAreas(count, areas).
pub const RESET_AND_INITIALIZE_SECURE_AREAS: Address = Address::new(0x1FF0_9518);
/// getStatus(): how the last service that reset the chip ended ([`status`]). A reserved entry of ST's table whose name is
/// known and whose interface is not: ours.
pub const GET_STATUS: Address = Address::new(0x1FF0_9504);
/// resetAndRemovePcropArea(): takes the execute-only area away, with the sectors that hold it and no others. Ours: the first
/// word behind ST's table.
pub const RESET_AND_REMOVE_PCROP_AREA: Address = Address::new(0x1FF0_951C);
/// resetAndInstall(): the installer takes over after the reset. Ours, as the one before.
pub const RESET_AND_INSTALL: Address = Address::new(0x1FF0_9520);
/// The OTFD table: resetAndEncrypt(params).
pub const OTFD_TABLE: Address = Address::new(0x1FF0_9560);
/// Where user code enters the bootloader: initial stack pointer and entry. Reported by the community, not by ST.
pub const BOOTLOADER_ENTRY: Address = Address::new(0x1FF0_9800);

/// The part of DTCM that RSS uses; an application must not rely on it while it calls a service.
pub const WINDOW: Region = Region::between(0x2000_0800, 0x2000_5000);
/// The request block: how a service that resets the chip finds its parameters afterwards. Ours.
pub const REQUEST_BLOCK: Region = Region::between(0x2000_0800, 0x2000_0C00);
/// RAM of the RSS code.
pub const RAM: Region = Region::between(0x2000_0C00, 0x2000_5000);

/// RAM of the bootloader; a host can neither read nor write it. The part before it is the request block's. ST's bootloaders
/// of this family leave the rest, from 0x2000_4100 on, to the host too.
pub const BOOTLOADER_RAM: Region = Region::between(0x2000_0C00, 0x2000_4100);
/// Where the bootloader reads the product id that it reports (16 bits; 0x0483 from the factory). Ours: on a chip the number
/// is part of the ROM. A board of the virtual device may have another one, for flashers that know only its elder sister.
pub const BOOTLOADER_PID: Region = Region::between(0x1FF1_E8F0, 0x1FF1_E8F2);

/// Services that go through a reset, as the request block and [`status`] number them.
pub mod service {
    /// resetAndInitializeSecureAreas.
    pub const INITIALIZE_SECURE_AREAS: u32 = 1;
    /// resetAndRemovePcropArea.
    pub const REMOVE_PCROP_AREA: u32 = 2;
    /// RSS_OTFD resetAndEncrypt.
    pub const ENCRYPT: u32 = 3;
    /// resetAndInstall.
    pub const INSTALL: u32 = 4;
}

/// Version of the services: bytes patch, minor, major, 0, from the least significant.
pub const SERVICES_VERSION: u32 = u32::from_le_bytes([0, 2, 0, 0]);

/// RAM of the installer: AXI SRAM, which is wiped when it ends. From its start on: the table of areas, the area that is
/// collected, and at the end the stack.
pub const INSTALLER_RAM: Region = Region::between(0x2400_0000, 0x2402_0000);
/// The table of areas: 204 of them.
pub const INSTALLER_TABLE: Region = Region::between(0x2400_0000, 0x2400_4000);
/// The area that is collected.
pub const INSTALLER_BUFFER: Region = Region::between(0x2400_4000, 0x2401_4000);

/// First word of the request block when the boot state machine enters the installer because a host asked: "IRGO".
pub const INSTALL_ASKED: u32 = u32::from_le_bytes(*b"IRGO");

/// Where an installation notes that it is under way, complete, or withdrawn: three flash words at the end of user flash. Only
/// an installation needs it: what must last, the version, is in [`super::rssc::VERSION`]. In service the place is the swap's.
pub const INSTALL_NOTE: Region = Region::between(0x080F_FFA0, 0x0810_0000);

/// The page of the private key: u32 magic, u32 version, 32 bytes private number, big-endian; the rest is erased.
pub mod identity {
    /// "IRID".
    pub const MAGIC: u32 = u32::from_le_bytes(*b"IRID");
    /// Version of the page.
    pub const VERSION: u32 = 1;
    /// Offset of the private number.
    pub const AT_KEY: u32 = 8;
}

/// What getStatus answers: the service in the upper half, in the lower 0 for success or the number of an IR-4xxx code. The
/// whole is 0 when no service has run since power-on.
pub const fn status(service: u32, code: u16) -> u32 {
    service << 16 | code as u32
}

/// exitSecureArea: open debug access.
pub const JTAG_ENABLE: u32 = 0x97A0_FA17;
/// exitSecureArea: keep debug access closed.
pub const JTAG_KEEP_CLOSED: u32 = 0;
/// Result of a service: an error.
pub const RSS_ERROR: u32 = 0;
/// Result of a service: not available.
pub const RSS_DISABLED: u32 = 0xEE00_0091;
/// Result of a service: done.
pub const RSS_OK: u32 = 0xEE00_0092;
/// Index 7 of the vector table of secure user software that offers services at run time: "RSSE".
pub const RUNTIME_SERVICE_MAGIC: u32 = u32::from_le_bytes(*b"RSSE");

const _: () = {
    assert!(SYSTEM_FLASH.contains_region(BOOTLOADER) && SYSTEM_FLASH.contains_region(LIBRARY));
    assert!(!BOOTLOADER.overlaps(LIBRARY) && !LIBRARY.overlaps(RSS));
    assert!(LIBRARY.contains(TABLE) && LIBRARY.contains(OTFD_TABLE) && TABLE.value() == GET_VERSION.value());
    assert!(!LIBRARY.contains(BOOTLOADER_ENTRY));
    assert!(DTCM.contains_region(WINDOW));
    assert!(WINDOW.contains_region(REQUEST_BLOCK) && WINDOW.contains_region(RAM));
    assert!(!REQUEST_BLOCK.overlaps(RAM));
    assert!(WINDOW.contains_region(BOOTLOADER_RAM) && !REQUEST_BLOCK.overlaps(BOOTLOADER_RAM));
    assert!(LIBRARY.contains(RESET_AND_REMOVE_PCROP_AREA) && SYSTEM_FLASH.contains_region(BOOTLOADER_PID));
    assert!(!RSS.overlaps(BOOTLOADER_PID));
    assert!(RSS.contains_region(CODE) && RSS.contains_region(INSTALLER) && RSS.contains_region(IDENTITY));
    assert!(CODE.end().value() == INSTALLER.start().value() && !INSTALLER.overlaps(IDENTITY));
    assert!(SYSTEM_FLASH.contains_region(CERTIFICATE) && !RSS.overlaps(CERTIFICATE));
    assert!(!CERTIFICATE.overlaps(BOOTLOADER_PID) && CERTIFICATE.size().bytes() == 136);
    assert!(LIBRARY.contains(RESET_AND_INSTALL) && RESET_AND_INSTALL.value() < OTFD_TABLE.value());
    assert!(AXI_SRAM.contains_region(INSTALLER_RAM) && INSTALLER_RAM.contains_region(INSTALLER_BUFFER));
    assert!(INSTALLER_TABLE.end().value() == INSTALLER_BUFFER.start().value());
    assert!(FLASH.contains_region(INSTALL_NOTE) && INSTALL_NOTE.size().bytes() == 3 * FLASH_WORD.bytes());
    assert!(RUNTIME_SERVICE_MAGIC == 0x4553_5352);
};
