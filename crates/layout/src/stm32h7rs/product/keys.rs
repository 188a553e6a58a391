//! What goes into the option-byte keys: destinations and sizes; the secrets themselves are the host's.
//!
//! Sizes and order are those of ST's `.obk` files.

use super::choices::{BootPath, Open};
use super::{Plan, Product};
use crate::stm32h7rs::chip::FLASH;
use crate::stm32h7rs::obkeys::{
    DA_CONFIG, DA_LOCK, DA_PASSWORD, Destination, IROT_CONFIG, OEMIROT_DATA, OEMIROT_HARDWARE_KEYS,
    STIROT_DATA, UROT_CONFIG, UROT_DATA,
};
use crate::stm32h7rs::state::DebugAuthentication;
use crate::stm32h7rs::stirot::config;

/// What a piece of content is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// SHA-256 of the rest, SHA-256 of the root key, permission mask, zeros.
    DebugCertificate,
    /// SHA-256 of the rest, SHA-256 of the password, zeros.
    DebugPassword,
    /// The word that locks, padded with 0xFF; no hash.
    DebugLock,
    /// SHA-256 of the rest, verification key of the images (DER), encryption key (DER), zeros.
    StageKeys,
    /// SHA-256 of the rest, [`stirot_config_head`], encryption key (DER), verification key (DER), zeros.
    StirotConfig,
    /// Two records, each SHA-256 of the rest, hash and version of the installed image.
    StageData,
    /// Three keys of 32 bytes for SAES, random for each device; no hash.
    HardwareKeys,
}

/// A piece of content and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyContent {
    /// Its name, as ST's files have it.
    pub name: &'static str,
    /// First key, level, and the debug authentication that comes with it.
    pub destination: Destination,
    /// Bytes; a multiple of 32.
    pub size: u32,
    /// RSS encrypts it with a key of the device.
    pub encrypted: bool,
    /// What it is made of.
    pub format: KeyFormat,
}

/// The most pieces.
pub(super) const CONTENTS: usize = 6;

const fn content(
    name: &'static str,
    destination: Destination,
    size: u32,
    encrypted: bool,
    format: KeyFormat,
) -> Option<KeyContent> {
    Some(KeyContent { name, destination, size, encrypted, format })
}

/// The contents in the order in which they are provisioned.
pub(super) const fn contents(product: &Product) -> [Option<KeyContent>; CONTENTS] {
    use KeyFormat::*;
    let debug = match product.protections.debug {
        DebugAuthentication::Ecdsa => content("DA_Config", DA_CONFIG, 96, true, DebugCertificate),
        DebugAuthentication::Password => {
            content("DA_ConfigWithPassword", DA_PASSWORD, 96, true, DebugPassword)
        }
        DebugAuthentication::Locked => content("DA_ConfigLock", DA_LOCK, 32, true, DebugLock),
        DebugAuthentication::Delegated | DebugAuthentication::None => None,
    };
    let (config, data) = match product.boot {
        BootPath::Oemirot => (
            content("OEMiROT_Config", IROT_CONFIG, 224, true, StageKeys),
            content("OEMiROT_Data", OEMIROT_DATA, 192, true, StageData),
        ),
        BootPath::Stirot | BootPath::StirotOemurot => (
            content("STiROT_Config", IROT_CONFIG, 256, true, StirotConfig),
            content("STiROT_Data", STIROT_DATA, 192, true, StageData),
        ),
    };
    // Only SAES can use them.
    let hardware = match (product.boot, product.part.has_crypto()) {
        (BootPath::Oemirot, true) => {
            content("OEMiROT_AHK_OPEN", OEMIROT_HARDWARE_KEYS, 96, false, HardwareKeys)
        }
        _ => None,
    };
    let (second_config, second_data) = match product.boot {
        BootPath::StirotOemurot => (
            content("OEMuROT_Config", UROT_CONFIG, 224, true, StageKeys),
            content("OEMuROT_Data", UROT_DATA, 192, true, StageData),
        ),
        _ => (None, None),
    };
    [debug, hardware, config, data, second_config, second_data]
}

/// Length of [`stirot_config_head`]: what lies between hash and keys.
pub const STIROT_CONFIG_HEAD: usize = config::DECRYPTION_KEY - config::IMAGES;

/// What STiRoT starts, and what it leaves open for it.
const fn next_stage(product: &Product) -> u8 {
    match (product.boot, product.open) {
        (BootPath::StirotOemurot, _) => config::SECOND_STAGE,
        (_, Open::AhbSram2) => config::APPLICATION,
        (_, Open::Sram) => config::APPLICATION_WITH_SRAM,
    }
}

/// STiRoT's configuration between the hash and the keys, in the order of ST's STiROT_Config.xml; `None` without STiRoT.
pub fn stirot_config_head(plan: &Plan) -> Option<[u8; STIROT_CONFIG_HEAD]> {
    let (image, iloader, slots) = (plan.stirot_image?, plan.iloader?, plan.stirot_slots?);
    let mut head = [0; STIROT_CONFIG_HEAD];
    let bytes = [
        (config::IMAGES, 1),
        // ST's default: the clock of the hand-off.
        (config::CLOCK, 1),
        (config::NEXT_STAGE, next_stage(&plan.product)),
        (config::SRAM_ECC, u8::from(plan.product.ram_ecc)),
    ];
    for (offset, value) in bytes {
        *head.get_mut(offset.checked_sub(config::IMAGES)?)? = value;
    }
    let words = [
        (config::AREA_START, image.run.start().value()),
        (config::AREA_SIZE, image.slot_size),
        (config::LEAST_STATE, u32::from(plan.product.protections.state.number())),
        (config::INSTALL, slots.installed.start().value()),
        (config::DOWNLOAD, slots.download.start().value()),
        (config::EXTERNAL_SIZE, 0x1000_0000),
        (config::ILOADER_OFFSET, iloader.start().offset_from(FLASH.start())?.bytes()),
        (config::ILOADER_SIZE, iloader.size().bytes()),
    ];
    for (offset, value) in words {
        let at = offset.checked_sub(config::IMAGES)?;
        head.get_mut(at..)?.first_chunk_mut::<4>()?.copy_from_slice(&value.to_le_bytes());
    }
    Some(head)
}
