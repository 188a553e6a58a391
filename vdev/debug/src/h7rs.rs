//! The debug port of the virtual STM32H7R/7S, with a probe's register sequences for its user flash.

use ironroot_chip::rules::{Flag, Verdict};
use ironroot_chip_h7rs::Stm32h7rs;
use ironroot_chip_h7rs::flash::registers::{self as reg, cr, isr};
use ironroot_chip_h7rs::map::FLASH_REGISTERS;
use ironroot_codes::vdev;
use ironroot_cpu::bus::{Kind, Master, Size};
use ironroot_layout::stm32h7rs as map;

use crate::port::{DebugPort, MapEntry, Refusal};

/// Errors of programming and erasing.
const ERRORS: u32 = isr::WRPERRF | isr::PGSERRF | isr::STRBERRF | isr::INCERRF;

/// One programming or erase at a time, through registers.
struct Controller<'a>(&'a mut Stm32h7rs);

impl Controller<'_> {
    fn read(&mut self, offset: u32) -> Result<u32, Refusal> {
        Ok(self.0.debugger_read(FLASH_REGISTERS + offset, Size::Word)?)
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), Refusal> {
        Ok(self.0.debugger_write(FLASH_REGISTERS + offset, value, Size::Word)?)
    }

    fn unlock(&mut self) -> Result<(), Refusal> {
        if self.read(reg::CR)? & cr::LOCK != 0 {
            // A wrong key in between locks until reset; then these are bus errors.
            self.write(reg::KEYR, reg::KEY1)?;
            self.write(reg::KEYR, reg::KEY2)?;
        }
        self.write(reg::ICR, isr::FLAGS)
    }

    /// Waits for the end, and says what became of it.
    fn finish(&mut self, failed: ironroot_codes::Code, address: u32) -> Result<(), Refusal> {
        self.0.finish_flash_operations();
        let flags = self.read(reg::ISR)? & ERRORS;
        self.write(reg::ICR, isr::FLAGS)?;
        self.write(reg::CR, 0)?;
        let code = if flags & isr::WRPERRF != 0 { vdev::WRITE_PROTECTED } else { failed };
        match flags {
            0 => Ok(()),
            _ => {
                Err(Refusal { code, text: format!("at 0x{address:08X} the controller raised 0x{flags:08X}") })
            }
        }
    }
}

impl DebugPort for Stm32h7rs {
    fn gate(&mut self) -> Result<(), Refusal> {
        Ok(self.debug_state()?)
    }

    fn debug_read(&mut self, address: u32, size: Size) -> Result<u32, Refusal> {
        Ok(self.debugger_read(address, size)?)
    }

    fn debug_write(&mut self, address: u32, value: u32, size: Size) -> Result<(), Refusal> {
        Ok(self.debugger_write(address, value, size)?)
    }

    fn silent_refusal(&self, address: u32, kind: Kind) -> Option<Refusal> {
        let (code, flag) = match self.verdict(address, Master::Debugger, kind, 0)? {
            Verdict::ReadZero(Flag::WriteProtection) | Verdict::Ignore(Flag::WriteProtection) => {
                (vdev::WRITE_PROTECTED, "WRPERRF")
            }
            Verdict::ReadZero(_) | Verdict::Ignore(_) => (vdev::SECURE_AREA_CLOSED, "RDSERRF"),
            Verdict::Allow | Verdict::Error(_) => return None,
        };
        let what = if kind == Kind::Write { "writes are ignored" } else { "reads return zero" };
        Some(Refusal { code, text: format!("at 0x{address:08X} {what} and {flag} is set") })
    }

    fn debug_map(&self) -> Vec<MapEntry> {
        let flash = MapEntry {
            start: map::FLASH.start().value(),
            length: map::FLASH.size().bytes(),
            sector: Some(map::SECTOR.bytes()),
        };
        // The TCMs may be larger, the SRAMs smaller: what is not there answers with an error.
        let ram = [
            map::ITCM,
            map::DTCM,
            map::AXI_SRAM,
            map::AHB_SRAM1,
            map::AHB_SRAM2,
            map::BACKUP_SRAM,
            self.part().external_flash(),
            self.part().external_ram(),
        ];
        let rams = ram.into_iter().map(|region| (region.start().value(), region.size().bytes()));
        // What debuggers are not told about they do not touch: peripherals and system flash are readable too.
        let others = [
            (0x08FF_F000, 0x1000),
            (0x1FF0_0000, 0x2_0000),
            (0x4000_0000, 0x2000_0000),
            (0xE000_0000, 0x10_0000),
        ];
        let rest = rams.chain(others).map(|(start, length)| MapEntry { start, length, sector: None });
        std::iter::once(flash).chain(rest).collect()
    }

    fn flash_erase(&mut self, start: u32, length: u32) -> Result<(), Refusal> {
        let sector = map::SECTOR.bytes();
        let first = start.wrapping_sub(map::FLASH.start().value());
        let last = first.saturating_add(length.saturating_sub(1));
        if last >= map::FLASH.size().bytes() {
            return Err(outside(start));
        }
        let mut controller = Controller(self);
        for number in first / sector..=last / sector {
            controller.unlock()?;
            controller.write(reg::CR, cr::SER | number << cr::SSN_SHIFT | cr::START)?;
            controller.finish(vdev::FLASH_ERASE_FAILED, map::FLASH.start().value() + number * sector)?;
        }
        Ok(())
    }

    fn flash_program(&mut self, start: u32, data: &[u8]) -> Result<(), Refusal> {
        let word = map::FLASH_WORD.bytes();
        let offset = start.wrapping_sub(map::FLASH.start().value());
        let size = map::FLASH.size().bytes();
        if !offset.is_multiple_of(word) || offset >= size || data.len() > (size - offset) as usize {
            return Err(outside(start));
        }
        let mut controller = Controller(self);
        for (at, bytes) in (start..).step_by(word as usize).zip(data.chunks(word as usize)) {
            controller.unlock()?;
            controller.write(reg::CR, cr::PG)?;
            for place in 0..word / 4 {
                let value = u32::from_le_bytes(std::array::from_fn(|byte| {
                    bytes.get(place as usize * 4 + byte).copied().unwrap_or(map::ERASED)
                }));
                controller.0.debugger_write(at + 4 * place, value, Size::Word)?;
            }
            controller.finish(vdev::FLASH_PROGRAM_FAILED, at)?;
        }
        for (at, &wanted) in (start..).zip(data) {
            let found = self.debugger_read(at, Size::Byte)?;
            if found != u32::from(wanted) {
                let text = format!("at 0x{at:08X}: wanted 0x{wanted:02X}, found 0x{found:02X}");
                return Err(Refusal { code: vdev::READ_BACK_MISMATCH, text });
            }
        }
        Ok(())
    }

    fn flash_word(&self) -> u32 {
        map::FLASH_WORD.bytes()
    }
}

fn outside(address: u32) -> Refusal {
    Refusal { code: vdev::UNMAPPED, text: format!("0x{address:08X} is no place in user flash to write at") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;
    use ironroot_chip_h7rs::{BoardH7, RomImage};
    use ironroot_cpu::machine::Machine;
    use ironroot_layout::stm32h7rs::Part;

    fn machine(change: impl FnOnce(&mut BoardH7)) -> Machine<Stm32h7rs> {
        let mut board = BoardH7::with_serial(Part::Stm32h7s7, 1);
        change(&mut board);
        let rom = RomImage::h7rs([(0x1FF0_0000, vec![0; 16])]).expect("a system flash image");
        Machine::new(Stm32h7rs::from_board(&board, &rom))
    }

    #[test]
    fn a_probe_erases_and_programs_and_reads_back() {
        let mut machine = machine(|board| assert!(board.preload(0x0800_2000, &[0; 64])));
        let mut port = Port::new(&mut machine);
        port.erase(0x0800_2000, 1).expect("erased");
        port.program(&[(0x0800_2004, vec![1, 2, 3]), (0x0800_2013, vec![9])]).expect("programmed");
        assert_eq!(port.read_word(0x0800_2004), Ok(0xFF03_0201));
        assert_eq!(port.read_word(0x0800_2010), Ok(0x09FF_FFFF));
        for (start, data) in [(0x0801_0000, vec![1]), (0x0800_FFF0, vec![1; 17]), (0x1FF0_0000, vec![1])] {
            let refused = port.machine().core.bus.flash_program(start, &data).unwrap_err();
            assert_eq!(refused.code, vdev::UNMAPPED, "{start:#x}");
        }
    }

    #[test]
    fn protections_are_told() {
        let mut machine = machine(|board| board.options_mut().wrpsr = 0xFE);
        let mut port = Port::new(&mut machine);
        assert_eq!(port.erase(0x0800_0000, 16).unwrap_err().code, vdev::WRITE_PROTECTED);
        assert_eq!(port.program(&[(0x0800_0000, vec![1])]).unwrap_err().code, vdev::WRITE_PROTECTED);
        assert!(port.program(&[(0x0800_2000, vec![1])]).is_ok());
        let chip = &port.machine().core.bus;
        let library = chip.silent_refusal(0x1FF1_6000, Kind::Read).expect("is told");
        assert_eq!(library.code, vdev::SECURE_AREA_CLOSED);
        assert!(chip.silent_refusal(0x0800_0000, Kind::Read).is_none());
    }

    #[test]
    fn a_closed_device_refuses_everything() {
        let mut machine = machine(|board| board.options_mut().nvsr = 0x51);
        let mut port = Port::new(&mut machine);
        assert_eq!(port.gate().unwrap_err().code, vdev::DEBUG_CLOSED);
        assert_eq!(port.read_word(0x0800_0000).unwrap_err().code, vdev::DEBUG_CLOSED);
        assert_eq!(port.erase(0x0800_0000, 1).unwrap_err().code, vdev::DEBUG_CLOSED);
    }
}
