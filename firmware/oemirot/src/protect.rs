//! What this stage lets anybody reach: itself by the MPU, its keys by the levels, the external memories by the cipher engines; and
//! whether the options protect what they should.

use ironroot_codes::{Code, boot as codes};
use ironroot_hal::{flash, mpu};
#[cfg(feature = "hardware-crypto")]
use ironroot_hal::{mce::Mce, obk, rng, saes};
use ironroot_layout::stm32h7rs::state::ProductState;

use crate::product;

/// Before anything is read: what this stage works with, and its own code alone executes. The table of the hand-off is switched
/// on by [`crate::exit`].
pub fn during() {
    mpu::load(&product::MPU_INIT);
}

/// On a closed device, the protections of the product are in force. On an open one anything goes: that is development.
pub fn options() -> Result<(), Code> {
    // What is not known to be open is closed.
    if matches!(flash::product_state(), ProductState::Open | ProductState::Provisioning) {
        return Ok(());
    }
    let different = product::GUARDED_OPTIONS
        .iter()
        .fold(0, |sum, option| sum | (flash::option(option.address) ^ option.value) & option.mask);
    if different == 0 { Ok(()) } else { Err(codes::PROTECTION_NOT_IN_FORCE) }
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

/// Sets the cipher engine of the external RAM up, and freezes it: the key is of this boot alone, and nobody has it. Before
/// anything is written that is to be read again.
#[cfg(all(feature = "exec-external-ram", feature = "hardware-crypto"))]
pub fn seal_ram() -> Result<(), Code> {
    let refused = codes::MEMORY_KEY_REFUSED;
    let key = rng::words::<4>().ok_or(refused)?;
    let engine = Mce::of_xspi(product::RAM_AT);
    engine.protect(product::SEALED_RAM, key).ok_or(refused)?;
    engine.lock();
    Ok(())
}

/// The part has no cipher engine: what runs in external RAM lies there in plain.
#[cfg(all(feature = "exec-external-ram", not(feature = "hardware-crypto")))]
pub fn seal_ram() -> Result<(), Code> {
    Ok(())
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
