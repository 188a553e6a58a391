//! What Ironroot's ROM does with the two special commands: the services of RSS for a host without a debug probe.
//!
//! AN3155 leaves the content to the product, and ST publishes none. This format is open:
//!
//! | sub-command | data (words little-endian) | answer | what |
//! |---|---|---|---|
//! | 0x0100 | none | 4: patch, minor, major, 0 | version of the services |
//! | 0x0101 | none | 4: service << 16, code | how the last service that reset the chip ended; 0: none since power-on |
//! | 0x0102 | none | 24: OPTSR, PRAR, SCAR, WPSN, BOOT, OPTSR2 | the option bytes in force |
//! | 0x0110 | 12 an area: size, start, removed by bank erase | none | resetAndInitializeSecureAreas |
//! | 0x0111 | none | none | resetAndRemovePcropArea |
//! | 0x0201 | 2: offset | up to 128 | the device certificate, 136 bytes, from that offset |
//! | 0x0202 | none | none | resetAndInstall: the installer answers after the reset |
//! | 0x0203 | none; then 136 | none | to the installer: a licence |
//! | 0x0204 | 4: offset; then up to 1024 | 4: offset wanted next | to the installer: bytes of the package |
//! | 0x0205 | none | 12: phase and code (u16), area, offset | how the installation is |
//! | 0x0206 | none | none | ends: an incomplete installation is erased; the chip resets |
//!
//! The installer, which begins after the reset that 0x0202 makes, synchronises as the bootloader does and serves Get, Get
//! version, Get ID and these sub-commands from 0x0201 on, and 0x0102, nothing else. Sub-commands with a second packet go through the extended command.
//! Their status is [`OK`], [`UNKNOWN`], or the number of an IR-42xx code.
//!
//! On the STM32H7RS, in Open and Provisioning:
//!
//! | sub-command | data (words little-endian) | answer | what |
//! |---|---|---|---|
//! | 0x0101 | none | 4 | GetRssStatus: how the last command ended that went through a reset; the number of a code if it was refused |
//! | 0x0301 | 16: destination, size, do-encryption, CRC-32; then the content | none | DataProvisioning |
//! | 0x0302 | 4: number of the state | none | SetProductState |
//! | 0x0303 | none | 4 | GetProductState |
//! | 0x0304 | 12: address of xxxSRP, mask, value | none | SetSecOB: an option word |
//! | 0x0305 | none | 4 each | NVSR, ROTSR, WRPSR, HDPSR, EPOCHSR, OBW1SR, OBW2SR |
//!
//! Data for level 0 and the states Closed and Locked reset the chip behind the answer: synchronise again and ask 0x0101. Their refusals are the
//! numbers of IR-43xx codes.
//!
//! After the answer comes a status of 4 bytes: [`OK`], or [`UNKNOWN`], or what the service returned. The services that
//! reset the chip answer before they do it: with `OK` the chip resets next; then synchronise again and ask 0x0101.
//! A device that does not offer services now (Standard mode, level 1, secure area left) refuses the command itself.

/// getVersion.
pub const GET_VERSION: u16 = 0x0100;
/// getStatus.
pub const GET_STATUS: u16 = 0x0101;
/// The option bytes in force.
pub const OPTIONS: u16 = 0x0102;
/// resetAndInitializeSecureAreas.
pub const INITIALIZE_SECURE_AREAS: u16 = 0x0110;
/// resetAndRemovePcropArea.
pub const REMOVE_PCROP_AREA: u16 = 0x0111;

/// The device certificate.
pub const GET_CERTIFICATE: u16 = 0x0201;
/// resetAndInstall.
pub const BEGIN_INSTALL: u16 = 0x0202;
/// A licence.
pub const LICENCE: u16 = 0x0203;
/// Bytes of the package.
pub const PACKAGE: u16 = 0x0204;
/// How the installation is.
pub const INSTALL_STATUS: u16 = 0x0205;
/// Ends the installer.
pub const END_INSTALL: u16 = 0x0206;

/// Status: done, or begun and the chip resets next.
pub const OK: u32 = 0xEE00_0092;
/// Status: no such sub-command, or one that takes other data.
pub const UNKNOWN: u32 = 0xEE00_0000;

/// Bytes of one area in the data of [`INITIALIZE_SECURE_AREAS`].
pub const AREA: usize = 12;
/// Registers in the answer of [`OPTIONS`], of four bytes each.
pub const OPTION_REGISTERS: usize = 6;

/// STM32H7RS: option-byte keys.
pub const DATA_PROVISIONING: u16 = 0x0301;
/// STM32H7RS: the next product state.
pub const SET_PRODUCT_STATE: u16 = 0x0302;
/// STM32H7RS: the product state.
pub const GET_PRODUCT_STATE: u16 = 0x0303;
/// STM32H7RS: an option word.
pub const SET_OPTION: u16 = 0x0304;
/// STM32H7RS: the option words in force.
pub const OPTION_WORDS: u16 = 0x0305;
