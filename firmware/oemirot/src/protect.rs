//! What this stage lets anybody reach: itself by the MPU, its keys by the levels, the external flash by the cipher engine.

use ironroot_codes::{Code, boot as codes};
use ironroot_hal::mpu::{self, Entry, Rights};
#[cfg(feature = "hardware-crypto")]
use ironroot_hal::{mce::Mce, obk, rng, saes};
use ironroot_layout::stm32h7rs::chip::{self, DTCM};
use ironroot_layout::stm32h7rs::{contract, rsslib};
use ironroot_layout::{Region, Size};

use crate::product;

const fn entry(number: u8, region: Region, rights: Rights) -> Entry {
    match Entry::new(number, region, rights) {
        Some(entry) => entry,
        None => panic!("the MPU has no region like this"),
    }
}

const fn part(of: Region, bytes: u32) -> Region {
    match Region::checked(of.start(), Size::new(bytes)) {
        Some(region) => region,
        None => panic!("outside of the memory map"),
    }
}

const PERIPHERALS: Region = Region::between(0x4000_0000, 0x6000_0000);
const RAM: Region = Region::between(0x2000_0000, 0x4000_0000);
/// DMA could read what the core may not.
const HPDMA: Region = Region::between(0x5200_0000, 0x5200_1000);
const SHARED: Region = Region::between(contract::NO_INIT.start().value(), contract::RESERVED.end().value());
const UNIQUE_ID: Region = part(Region::between(0x08FF_F800, 0x0900_0000), 0x800);

const SYSTEM_FLASH: Entry = entry(10, chip::SYSTEM_FLASH, Rights::ReadOnly);
const LIBRARY: Entry = entry(11, rsslib::LIBRARY, Rights::Code);
const STAGE: Entry = entry(6, product::STAGE, Rights::Code);
/// What is left of it at the jump.
pub const STAGE_AT_EXIT: Entry = entry(6, product::STAGE_AT_EXIT, Rights::Code);
const DEVICES: Entry = entry(8, PERIPHERALS, Rights::Device);

/// While this stage runs: only its own code executes.
const DURING: &[Entry] = &[
    entry(0, DTCM, Rights::Data),
    entry(1, part(product::PART.external_flash(), 16 << 20), Rights::Data),
    #[cfg(feature = "exec-external-ram")]
    entry(2, product::RUN, Rights::Data),
    #[cfg(feature = "exec-internal-ram")]
    entry(2, product::RUN, Rights::Data),
    entry(5, contract::HAND_OFF, Rights::Data),
    STAGE,
    entry(7, UNIQUE_ID, Rights::ReadOnly),
    DEVICES,
    SYSTEM_FLASH,
    LIBRARY,
    entry(12, HPDMA, Rights::None),
    entry(13, SHARED, Rights::Data),
];

/// When the application starts: only its own code executes, in the region that the jump enables. ITCM stays closed.
const AFTER: &[Entry] = &[
    entry(1, part(product::PART.external_flash(), 128 << 20), Rights::SharedData),
    entry(2, part(product::PART.external_ram(), 32 << 20), Rights::SharedData),
    entry(5, RAM, Rights::SharedData),
    STAGE,
    entry(7, UNIQUE_ID, Rights::ReadOnly),
    DEVICES,
    SYSTEM_FLASH,
    LIBRARY,
    entry(contract::MPU_REGION_APPLICATION, product::RUN, Rights::Code).prepared(),
];

/// Before anything is read.
pub fn during() {
    mpu::apply(DURING);
}

/// Before the jump.
pub fn after() {
    mpu::apply(AFTER);
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
