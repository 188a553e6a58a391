//! Entry points, vector tables and service tables, each in the part of system flash that its section names.
#![allow(unsafe_code)] // section placement and exported names, which the linker script checks; and one claim of RAM

use crate::{bootloader, library, machine, otfd};
use ironroot_hal::host::HostMemory;
use ironroot_hal::{jump, rssc};
use ironroot_layout::stm32h735::rss;

/// A vector table up to the last fault vector: stack pointer, reset, and one handler for all faults. The
/// stages here enable no interrupt, so no more vectors are needed.
#[repr(C)]
pub struct Vectors {
    stack: u32,
    reset: extern "C" fn() -> !,
    faults: [extern "C" fn() -> !; 14],
}

/// A stack pointer and an entry, as the bootloader is documented to be started by an application.
#[repr(C)]
pub struct EntryPair {
    stack: u32,
    entry: extern "C" fn() -> !,
}

/// A service that takes up to two words and answers one.
type Service = extern "C" fn(u32, u32) -> u32;

/// The service table, layout of ST's public `RSS.h`; getStatus and what follows the last of ST's entries are ours.
#[repr(C)]
pub struct ServiceTable {
    get_version: extern "C" fn() -> u32,
    get_status: extern "C" fn() -> u32,
    reserved: [Service; 3],
    exit_secure_area: extern "C" fn(u32, u32),
    reset_and_initialize_secure_areas: Service,
    reset_and_remove_pcrop_area: extern "C" fn() -> u32,
    reset_and_install: extern "C" fn() -> u32,
}

const STACK_TOP: u32 = rss::RAM.end().value();
const BOOTLOADER_STACK_TOP: u32 = rss::BOOTLOADER_RAM.end().value();

// ---- RSS part ----

/// Vector table of the RSS part: the core starts here in Secure access mode.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rss.vectors")]
pub static RSS_VECTORS: Vectors = Vectors { stack: STACK_TOP, reset: rss_reset, faults: [rss_fault; 14] };

/// Entry of every reset in Secure access mode.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rss.text")]
pub extern "C" fn rss_reset() -> ! {
    machine::run()
}

/// A fault inside RSS: stay. Nothing may run after it, and debug access is still closed.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rss.text")]
pub extern "C" fn rss_fault() -> ! {
    jump::halt()
}

// ---- library ----

/// Service table.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.table")]
pub static SERVICE_TABLE: ServiceTable = ServiceTable {
    get_version: rss_get_version,
    get_status: rss_get_status,
    reserved: [rss_reserved; 3],
    exit_secure_area: rss_exit_secure_area,
    reset_and_initialize_secure_areas: rss_reset_and_initialize_secure_areas,
    reset_and_remove_pcrop_area: rss_reset_and_remove_pcrop_area,
    reset_and_install: rss_reset_and_install,
};

/// OTFD service table: resetAndEncrypt.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.otfd_table")]
pub static OTFD_TABLE: [Service; 1] = [rss_otfd_reset_and_encrypt];

/// getVersion: bytes patch, minor, major, 0.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_get_version() -> u32 {
    library::VERSION
}

/// getStatus: how the last service that reset the chip ended.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_get_status() -> u32 {
    rssc::status()
}

/// The other reserved entries: their names are known, their interface is not public.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_reserved(_: u32, _: u32) -> u32 {
    rss::RSS_ERROR
}

/// exitSecureArea(vectors, jtagState).
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_exit_secure_area(vectors: u32, jtag: u32) {
    library::exit_secure_area(vectors, jtag);
}

/// resetAndInitializeSecureAreas(nbAreas, areas).
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_reset_and_initialize_secure_areas(count: u32, areas: u32) -> u32 {
    match library::initialize_secure_areas(count, areas) {
        Ok(scar) => post(rss::service::INITIALIZE_SECURE_AREAS, scar),
        Err(refusal) => refusal,
    }
}

/// resetAndRemovePcropArea().
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_reset_and_remove_pcrop_area() -> u32 {
    match library::remove_pcrop_area() {
        Ok(argument) => post(rss::service::REMOVE_PCROP_AREA, argument),
        Err(refusal) => refusal,
    }
}

/// resetAndInstall().
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.text")]
pub extern "C" fn rss_reset_and_install() -> u32 {
    match library::install() {
        Ok(argument) => post(rss::service::INSTALL, argument),
        Err(refusal) => refusal,
    }
}

/// Not inlined: the room before the service table is small.
#[inline(never)]
#[unsafe(link_section = ".library.text")]
fn post(service: u32, argument: u32) -> ! {
    library::post(service, argument)
}

/// RSS_OTFD resetAndEncrypt(params). Behind the tables: the room before them belongs to the other services.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".library.otfd_text")]
pub extern "C" fn rss_otfd_reset_and_encrypt(parameters: u32, _: u32) -> u32 {
    otfd::reset_and_encrypt(parameters)
}

// ---- bootloader ----

/// Vector table of the bootloader: BOOT_ADD1's factory value points here.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bootloader.vectors")]
pub static BOOTLOADER_VECTORS: Vectors =
    Vectors { stack: BOOTLOADER_STACK_TOP, reset: bootloader_reset, faults: [bootloader_fault; 14] };

/// Where applications jump to start the bootloader.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bootloader.entry")]
pub static BOOTLOADER_ENTRY: EntryPair = EntryPair { stack: BOOTLOADER_STACK_TOP, entry: bootloader_reset };

/// Entry of the bootloader.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bootloader.text")]
pub extern "C" fn bootloader_reset() -> ! {
    // SAFETY: the stack is in BOOTLOADER_RAM (the vector tables below and above say so), and the ROM has no other RAM.
    bootloader::run(unsafe { HostMemory::claim() })
}

/// A fault inside the bootloader: stay.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bootloader.text")]
pub extern "C" fn bootloader_fault() -> ! {
    jump::halt()
}
