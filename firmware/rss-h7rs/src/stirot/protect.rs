//! The MPU when the image starts: only its code executes, in the region that the jump enables.

use ironroot_hal::mpu::{self, Entry, Rights};
use ironroot_layout::stm32h7rs::chip::{FLASH, Part, SYSTEM_FLASH};
use ironroot_layout::stm32h7rs::contract::MPU_REGION_APPLICATION;
use ironroot_layout::stm32h7rs::rsslib::{LIBRARY, STIROT};
use ironroot_layout::{Region, Size};

use crate::config::Config;

const PART: Part = Part::Stm32h7s7;
const PERIPHERALS: Region = Region::between(0x4000_0000, 0x6000_0000);
const RAM: Region = Region::between(0x2000_0000, 0x4000_0000);

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

/// ST's default at the hand-over, and this stage: hidden by its level as soon as the jump has raised it.
const TABLE: [Entry; 8] = [
    entry(1, part(PART.external_flash(), 128 << 20), Rights::SharedData),
    entry(2, part(PART.external_ram(), 32 << 20), Rights::SharedData),
    entry(4, FLASH, Rights::ReadOnly),
    entry(5, RAM, Rights::SharedData),
    entry(8, PERIPHERALS, Rights::Device),
    entry(10, SYSTEM_FLASH, Rights::ReadOnly),
    entry(11, LIBRARY, Rights::Code),
    entry(12, STIROT, Rights::Code),
];

/// Puts it in force. An area that no MPU region is exactly like is covered by the smallest that holds it: what is in it besides the
/// image is RAM of this stage's making.
pub fn apply(config: &Config) {
    let application =
        smallest(config.area).and_then(|region| Entry::new(MPU_REGION_APPLICATION, region, Rights::Code));
    let [a, b, c, d, e, f, g, h] = TABLE;
    match application {
        Some(application) => mpu::apply(&[a, b, c, d, e, f, g, h, application.prepared()]),
        // Without its region nothing of the image executes: the jump faults.
        None => mpu::apply(&TABLE),
    }
}

/// The smallest region that the MPU can express around `area`.
fn smallest(area: Region) -> Option<Region> {
    if Entry::new(0, area, Rights::Code).is_some() {
        return Some(area);
    }
    let mut size = area.size().bytes().checked_next_power_of_two()?;
    loop {
        let start = area.start().value() & !(size - 1);
        let region = Region::checked(ironroot_layout::Address::new(start), Size::new(size))?;
        if region.contains_region(area) {
            return Some(region);
        }
        size = size.checked_mul(2)?;
    }
}
