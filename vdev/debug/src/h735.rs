//! The debug port of the virtual STM32H735.

use ironroot_chip::rules::{Flag, Verdict};
use ironroot_chip::{DebugRefusal, Stm32h735};
use ironroot_codes::vdev;
use ironroot_cpu::bus::{Kind, Master, Size};
use ironroot_layout::stm32h735 as map;

use crate::flasher::{Flasher, FlasherError};
use crate::port::{DebugPort, MapEntry, Refusal};

impl From<DebugRefusal> for Refusal {
    fn from(refusal: DebugRefusal) -> Refusal {
        Refusal { code: refusal.code(), text: refusal.to_string() }
    }
}

impl From<FlasherError> for Refusal {
    fn from(error: FlasherError) -> Refusal {
        Refusal { code: error.code(), text: error.to_string() }
    }
}

impl DebugPort for Stm32h735 {
    fn gate(&mut self) -> Result<(), Refusal> {
        Ok(self.debug_access()?)
    }

    fn debug_read(&mut self, address: u32, size: Size) -> Result<u32, Refusal> {
        Ok(self.debugger_read(address, size)?)
    }

    fn debug_write(&mut self, address: u32, value: u32, size: Size) -> Result<(), Refusal> {
        Ok(self.debugger_write(address, value, size)?)
    }

    fn silent_refusal(&self, address: u32, kind: Kind) -> Option<Refusal> {
        let (code, flag) = match self.verdict(address, Master::Debugger, kind)? {
            Verdict::ReadZero(flag) | Verdict::Ignore(flag) => match flag {
                Flag::WriteProtection => (vdev::WRITE_PROTECTED, "WRPERR"),
                Flag::ReadProtection => (vdev::RDP_BLOCKED, "RDPERR"),
                Flag::ReadSecure => (vdev::SECURE_AREA_CLOSED, "RDSERR"),
            },
            Verdict::Allow | Verdict::Error(_) => return None,
        };
        let what = if kind == Kind::Write { "writes are ignored" } else { "reads return zero" };
        Some(Refusal { code, text: format!("at 0x{address:08X} {what} and {flag} is set") })
    }

    fn debug_map(&self) -> Vec<MapEntry> {
        let ram = [map::ITCM, map::DTCM, map::AXI_SRAM, map::SRAM1, map::SRAM2, map::SRAM4, map::BACKUP_SRAM];
        let flash = MapEntry {
            start: map::FLASH.start().value(),
            length: map::FLASH.size().bytes(),
            sector: Some(map::SECTOR.bytes()),
        };
        let rams = ram.into_iter().map(|region| MapEntry {
            start: region.start().value(),
            length: region.size().bytes(),
            sector: None,
        });
        // What debuggers are not told about they do not touch: peripherals and system flash are readable too.
        let others = [(0x1FF0_0000, 0x2_0000), (0x4000_0000, 0x2000_0000), (0xE000_0000, 0x10_0000)];
        let others = others.into_iter().map(|(start, length)| MapEntry { start, length, sector: None });
        std::iter::once(flash).chain(rams).chain(others).collect()
    }

    fn flash_erase(&mut self, start: u32, length: u32) -> Result<(), Refusal> {
        Ok(Flasher(self).erase_range(start, length as usize)?)
    }

    fn flash_program(&mut self, start: u32, data: &[u8]) -> Result<(), Refusal> {
        Ok(Flasher(self).program(start, data)?)
    }

    fn flash_word(&self) -> u32 {
        map::FLASH_WORD.bytes()
    }
}
