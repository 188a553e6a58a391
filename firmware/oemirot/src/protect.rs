//! What this stage lets anybody reach: itself by the MPU, its keys by the levels, the external flash by the cipher engine.

use ironroot_codes::{Code, boot as codes};
use ironroot_hal::mpu;
#[cfg(feature = "hardware-crypto")]
use ironroot_hal::{mce::Mce, obk, rng, saes};

use crate::product;

/// Before anything is read: what this stage works with, and its own code alone executes. The table of the hand-off is switched
/// on by [`crate::exit`].
pub fn during() {
    mpu::load(&product::MPU_INIT);
}

/// OBKey that is this device's alone: made by this stage at its first boot, never seen by anybody.
#[cfg(feature = "hardware-crypto")]
const MEMORY_KEY: u8 = ironroot_layout::stm32h7rs::obkeys::OEMIROT_HARDWARE_KEYS.index + 1;
/// What the hardware keys encrypt to get the key of the cipher engine: the words of ST's boot stage.
#[cfg(feature = "hardware-crypto")]
const MEMORY_KEY_INPUT: [u32; 4] = [0x8C15_6679, 0xD5FE_B4AA, 0x4B0B_491B, 0x2D27_A250];

/// Sets the cipher engine of the external flash up: its key comes from the device's own and from one in OBKeys, through SAES,
/// so that the flash of another board is noise here.
#[cfg(feature = "hardware-crypto")]
pub fn seal_flash() -> Result<(), Code> {
    let refused = codes::MEMORY_KEY_REFUSED;
    let Some(region) = product::SEALED else { return Ok(()) };
    match obk::load(MEMORY_KEY) {
        Ok(()) => {}
        Err(obk::Error::Absent) => {
            let words = rng::words::<8>().ok_or(refused)?.map(u32::to_le_bytes);
            let key = words.as_flattened().first_chunk().ok_or(refused)?;
            obk::write(MEMORY_KEY, obk::For::This, key).map_err(|_| refused)?;
            obk::load(MEMORY_KEY).map_err(|_| refused)?;
        }
        Err(obk::Error::Refused) => return Err(refused),
    }
    let key = saes::encrypt(saes::HardwareKey::DeviceAndApplication, MEMORY_KEY_INPUT).ok_or(refused)?;
    Mce::of_xspi(product::FLASH_AT).protect(region, key).ok_or(refused)
}

/// The part has no cipher engine: images lie in its external flash in plain.
#[cfg(not(feature = "hardware-crypto"))]
pub fn seal_flash() -> Result<(), Code> {
    let _ = codes::MEMORY_KEY_REFUSED;
    Ok(())
}

/// Nobody changes the cipher engine's set-up any more, and no write goes through it: behind this stage, the region is read.
#[cfg(feature = "hardware-crypto")]
pub fn lock_flash() {
    let engine = Mce::of_xspi(product::FLASH_AT);
    engine.forbid_writes();
    engine.lock();
}

/// No cipher engine.
#[cfg(not(feature = "hardware-crypto"))]
pub fn lock_flash() {}
