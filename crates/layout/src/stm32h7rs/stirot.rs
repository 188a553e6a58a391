//! What STiRoT keeps in option-byte keys: its configuration and its record of the installed image.
//!
//! Source: STiROT_Config.xml and the .obk files of STM32CubeH7RS v1.3.0. Offsets count from the start of the 256 bytes; numbers
//! are little-endian. [`config::NEXT_STAGE`] is our reading of a byte that ST reserves and writes as 0.

use super::obkeys::{PRIVATE_KEY_LEN, PUBLIC_KEY_LEN};

/// Fields of the configuration, 256 bytes at [`super::obkeys::IROT_CONFIG`].
pub mod config {
    /// Length.
    pub const LEN: usize = 256;
    /// SHA-256 of everything behind it.
    pub const HASH: usize = 0;
    /// u8: 1.
    pub const IMAGES: usize = 32;
    /// u8: 0 leaves the clock of the reset, 1 raises it.
    pub const CLOCK: usize = 33;
    /// u8: what the image is and gets: one of the three that follow.
    pub const NEXT_STAGE: usize = 34;
    /// [`NEXT_STAGE`]: the application, with AHB SRAM2 open (`open = "ahb-sram2"`). What ST's files say.
    pub const APPLICATION: u8 = 0;
    /// [`NEXT_STAGE`]: a second stage, entered at HDPL 2.
    pub const SECOND_STAGE: u8 = 1;
    /// [`NEXT_STAGE`]: the application, with all of the internal RAM open (`open = "sram"`).
    pub const APPLICATION_WITH_SRAM: u8 = 2;
    /// u8: 1 checks that ECC_ON_SRAM is set.
    pub const SRAM_ECC: usize = 35;
    /// u32: where the image is loaded, header included.
    pub const AREA_START: usize = 36;
    /// u32: how much room it has.
    pub const AREA_SIZE: usize = 40;
    /// u32: least product state (RSSLIB's number).
    pub const LEAST_STATE: usize = 60;
    /// u32: address of the installed image in external flash.
    pub const INSTALL: usize = 64;
    /// u32: address of the download in external flash.
    pub const DOWNLOAD: usize = 68;
    /// u32: ST's name for it is the size of the external memory; every project says 0x1000_0000, its window.
    pub const EXTERNAL_SIZE: usize = 76;
    /// u32: offset of the iLoader in user flash.
    pub const ILOADER_OFFSET: usize = 80;
    /// u32: size of the iLoader.
    pub const ILOADER_SIZE: usize = 84;
    /// Seven bytes that v1.3.0 reserves; earlier versions say in the first four what MCE does for the external flash.
    pub const MCE: usize = 88;
    /// 70 bytes: private key of the encryption, PKCS#8 cut off behind the scalar.
    pub const DECRYPTION_KEY: usize = 95;
    /// 91 bytes: public key of the signatures, SubjectPublicKeyInfo.
    pub const AUTHENTICATION_KEY: usize = 165;
    /// Where the keys end.
    pub const END: usize = 256;
}

/// One of the two records at [`super::obkeys::STIROT_DATA`] (and, the same form, of OEMiRoT and OEMuRoT): three keys each. The valid
/// one with the higher version counts; the other is written next.
pub mod record {
    /// Length: three keys.
    pub const LEN: usize = 96;
    /// SHA-256 of everything behind it.
    pub const HASH: usize = 0;
    /// 32 bytes: digest of the image.
    pub const DIGEST: usize = 32;
    /// u32: its security counter.
    pub const VERSION: usize = 64;
    /// u32: the counter before.
    pub const PREVIOUS: usize = 68;
}

/// Starts of the iLoader before STiRoT gives up.
pub const TRIES: u8 = 8;
/// Starts that the watchdog has to end before STiRoT gives up: each costs seconds.
pub const HANGS: u8 = 3;

const _: () = {
    assert!(config::DECRYPTION_KEY + PRIVATE_KEY_LEN == config::AUTHENTICATION_KEY);
    assert!(config::AUTHENTICATION_KEY + PUBLIC_KEY_LEN == config::END && config::END == config::LEN);
};
