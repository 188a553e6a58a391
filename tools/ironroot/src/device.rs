//! The chips that this tool knows, by name: what `--device` selects.

use clap::ValueEnum;
use ironroot_codes::input;
use ironroot_layout::{Region, Size, Slot, stm32h735};

use crate::error::{Failure, Result};
use crate::input::Target;

/// A chip that an image can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// STM32H735, 1 MB of flash, application slot from 0x08020000
    Stm32h735,
}

impl Device {
    /// The name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Device::Stm32h735 => stm32h735::CLASS_NAME,
        }
    }

    /// Vendor and class identifier that an image for this device carries.
    pub fn identifiers(self) -> ([u8; 16], [u8; 16]) {
        match self {
            Device::Stm32h735 => (stm32h735::VENDOR_ID, stm32h735::CLASS_ID),
        }
    }

    /// The application slot, or one that differs from it in what the user gave.
    pub fn slot(self, header_size: Option<u32>, slot_size: Option<u32>) -> Result<Slot> {
        let Device::Stm32h735 = self;
        let mut slot = stm32h735::SLOT;
        if let Some(size) = slot_size {
            slot.region = Region::checked(slot.region.start(), Size::new(size))
                .filter(|region| stm32h735::FLASH.contains_region(*region))
                .filter(|region| region.size().is_multiple_of(stm32h735::FLASH_WORD) && size > 0)
                .ok_or_else(|| {
                    let cause = format!(
                        "{size:#x} is not a multiple of {} bytes, or reaches out of the flash ({:#010x}..{:#010x}) from the \
                         slot's start at {:#010x}",
                        stm32h735::FLASH_WORD.bytes(),
                        stm32h735::FLASH.start().value(),
                        stm32h735::FLASH.end().value(),
                        slot.region.start().value()
                    );
                    Failure::new(input::BAD_SLOT_SIZE, cause)
                        .fix(format!("Leave --slot-size out: {} has {:#x}.", self.name(), stm32h735::SLOT.region.size().bytes()))
                })?;
        }
        if let Some(size) = header_size {
            slot.header = Size::new(size);
            let aligned =
                slot.vector_table().is_some_and(|table| table.is_aligned(stm32h735::VECTOR_TABLE_ALIGNMENT));
            if !aligned || size == 0 || u16::try_from(size).is_err() {
                let cause = format!(
                    "{size:#x} does not keep the vector table on a multiple of {:#x}, or is 64 KB or more",
                    stm32h735::VECTOR_TABLE_ALIGNMENT.bytes()
                );
                return Err(Failure::new(input::BAD_HEADER_SIZE, cause));
            }
        }
        Ok(slot)
    }

    /// What the device checks before it starts an application from `slot`.
    pub fn target(self, slot: Slot) -> Target {
        let Device::Stm32h735 = self;
        Target { slot, stack_memories: &stm32h735::STACK_MEMORIES, erased: stm32h735::ERASED }
    }

    /// The write size of the flash, for `--align`.
    pub fn write_size(self) -> u32 {
        match self {
            Device::Stm32h735 => stm32h735::FLASH_WORD.bytes(),
        }
    }

    /// The most sectors of a slot, for `--max-sectors`.
    pub fn trailer_sectors(self) -> u32 {
        match self {
            Device::Stm32h735 => stm32h735::TRAILER_SECTORS,
        }
    }
}
