//! A chip on a bench for option-byte sequences: accesses as the core and the debugger make them, and a stand-in for RSS that
//! decides by what it reads through the bus.

use ironroot_chip::flash::options::OptionBytes;
use ironroot_chip::flash::registers::{self as reg, cr, optcr, optsr};
use ironroot_chip::map::{FLASH_REGISTERS, USER_FLASH_OFFSET};
use ironroot_chip::reach::{Boot, Entry};
use ironroot_chip::{Board, Mode, RomImage, Stm32h735, rssc};
use ironroot_cpu::bus::{Access, Bus, Kind, Master, Size};
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{AXI_SRAM, FLASH, FLASH_WORD, SYSTEM_FLASH, rss};
use ironroot_layout::{Address, Region};

/// A stack pointer and a Thumb entry.
const VECTORS: [u32; 2] = [0x2002_0000, 0x0800_0201];

/// Who uses the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The debugger.
    Debugger,
    /// An instruction at this address.
    Code(u32),
}

/// The chip and what runs on it.
#[derive(Clone)]
pub struct Bench {
    /// The chip.
    pub chip: Stm32h735,
    /// What the last reset led to.
    pub boot: Boot,
    /// Where the code that runs is.
    pub pc: u32,
}

fn inside(region: Region, address: u32) -> bool {
    region.contains(Address::new(address))
}

impl Bench {
    /// A factory-new chip.
    pub fn new() -> Bench {
        let segments = [
            (rss::BOOTLOADER.start().value(), vec![0xB0; 64]),
            (rss::LIBRARY.start().value(), vec![0x11; 64]),
            (rss::RSS.start().value(), vec![0x55; 64]),
        ];
        let rom = RomImage::from_segments(segments).unwrap_or_default();
        let chip = Stm32h735::from_board(&Board::with_serial(1), &rom);
        let mut bench = Bench { chip, boot: Boot::Nothing, pc: AXI_SRAM.start().value() };
        bench.start();
        bench
    }

    fn access(&mut self, by: By, kind: Kind) -> Access {
        let now = self.chip.finish_flash_operations();
        let (master, pc) = match by {
            By::Debugger => (Master::Debugger, 0),
            By::Code(pc) => (Master::Cpu, pc),
        };
        Access { master, kind, privileged: true, secure: false, size: Size::Word, pc, now }
    }

    /// A word as `by` reads it; `None` for a bus error or a closed port.
    pub fn read(&mut self, by: By, address: u32) -> Option<u32> {
        if by == By::Debugger {
            return self.chip.debugger_read(address, Size::Word).ok();
        }
        let access = self.access(by, Kind::Read);
        self.chip.read(address, access).ok()
    }

    /// A write by `by`; false for a bus error or a closed port.
    pub fn write(&mut self, by: By, address: u32, value: u32) -> bool {
        if by == By::Debugger {
            return self.chip.debugger_write(address, value, Size::Word).is_ok();
        }
        let access = self.access(by, Kind::Write);
        self.chip.write(address, value, access).is_ok()
    }

    fn set(&mut self, by: By, offset: u32, value: u32) -> bool {
        self.write(by, FLASH_REGISTERS + offset, value)
    }

    /// The core fetches at `address`; false for a fault.
    fn fetch(&mut self, address: u32) -> bool {
        let access = self.access(By::Code(address), Kind::Fetch);
        let fetched = self.chip.read(address & !3, access).is_ok();
        if fetched {
            self.pc = address;
        }
        fetched
    }

    /// Writes the staged options.
    pub fn stage(&mut self, by: By, wanted: &OptionBytes) {
        let locked =
            self.read(by, FLASH_REGISTERS + reg::OPTCR).is_some_and(|value| value & optcr::OPTLOCK != 0);
        if locked {
            self.set(by, reg::OPTKEYR, reg::OPTKEY1);
            self.set(by, reg::OPTKEYR, reg::OPTKEY2);
        }
        for (offset, value) in wanted.program_values() {
            self.set(by, offset, value);
        }
    }

    /// Starts the change of what is staged.
    pub fn start_change(&mut self, by: By) {
        self.set(by, reg::OPTCCR, optsr::OPTCHANGEERR);
        self.set(by, reg::OPTCR, optcr::OPTSTART);
    }

    /// Starts an erase: `control` is SER with a sector number, or BER.
    pub fn start_erase(&mut self, by: By, control: u32) {
        if self.read(by, FLASH_REGISTERS + reg::CR).is_some_and(|value| value & cr::LOCK != 0) {
            self.set(by, reg::KEYR, reg::KEY1);
            self.set(by, reg::KEYR, reg::KEY2);
        }
        self.set(by, reg::CR, control);
        self.set(by, reg::CR, control | cr::START);
    }

    /// Whatever runs in the flash ends.
    pub fn settle(&mut self) {
        self.chip.finish_flash_operations();
    }

    /// Power goes off and on.
    pub fn power_cycle(&mut self, boot0: bool) {
        self.chip.set_boot0(boot0);
        self.chip.power_on();
        self.start();
    }

    /// A system reset.
    pub fn reset(&mut self, now: u64) {
        self.chip.system_reset(now);
        self.start();
    }

    /// From the reset vector on: what RSS or the core itself finds.
    fn start(&mut self) {
        let secure = self.chip.mode() == Mode::SecureAccess;
        let base = self.chip.reset_vector_base();
        self.pc = AXI_SRAM.start().value();
        if !secure {
            self.boot = self.target(base, By::Code(base));
            return;
        }
        self.fetch(base);
        let by = By::Code(base);
        let area = match self.chip.options().secure_area() {
            SecureArea::None => None,
            SecureArea::WholeFlash => Some(FLASH.start().value()),
            SecureArea::Region(region) => Some(region.start().value()),
        };
        let found = match area {
            Some(start) => match self.entry(start, by) {
                Entry::Runs => (Boot::SecureCode, start),
                _ => (Boot::Nothing, base),
            },
            None => {
                // BOOT0 as the chip sampled it: RSS reads it in its own register.
                let boot0 =
                    self.read(by, FLASH_REGISTERS + rssc::BOOTR).unwrap_or(0) & rssc::BOOTR_BOOT0 != 0;
                let target = self.chip.options().boot_address(boot0);
                let blank = inside(FLASH, target) && self.entry(target, by) == Entry::Blank;
                let target = if blank { rss::BOOTLOADER.start().value() } else { target };
                (self.target(target, by), target)
            }
        };
        self.boot = found.0;
        if self.boot != Boot::Nothing {
            self.write(by, FLASH_REGISTERS + rssc::HANDOVER, rssc::HANDOVER_KEY);
            self.fetch(found.1);
        }
    }

    fn target(&mut self, address: u32, by: By) -> Boot {
        if inside(FLASH, address) {
            return if self.entry(address, by) == Entry::Runs { Boot::Application } else { Boot::Nothing };
        }
        if inside(SYSTEM_FLASH, address) {
            let level_2 = self.chip.options().read_protection() == ironroot_chip::ReadProtection::Level2;
            return if inside(rss::BOOTLOADER, address) && !level_2 {
                Boot::Bootloader
            } else {
                Boot::Nothing
            };
        }
        if self.chip.arena_offset(address).is_some() { Boot::Ram } else { Boot::Nothing }
    }

    fn entry(&mut self, address: u32, by: By) -> Entry {
        match (self.read(by, address), self.read(by, address + 4)) {
            (Some(stack), Some(entry)) => Entry::judge(stack, entry),
            _ => Entry::Damaged,
        }
    }

    /// The exit service, called by whatever code runs.
    pub fn exit(&mut self, debug: bool) {
        let library = rss::LIBRARY.start().value() + 0x100;
        let back = self.pc;
        if !self.boot.runs_own_code() || !self.fetch(library) {
            return;
        }
        self.write(By::Code(library), FLASH_REGISTERS + rssc::EXIT, rssc::EXIT_KEY);
        if debug {
            self.write(By::Code(library), FLASH_REGISTERS + rssc::DEBUG, rssc::DEBUG_KEY);
        }
        // To an application, wherever it is: RAM always fetches.
        self.fetch(AXI_SRAM.start().value());
        self.pc = if self.boot == Boot::Application { back } else { AXI_SRAM.start().value() };
    }

    /// Puts a vector table into flash past the controller, as a gang programmer does.
    pub fn install(&mut self, address: u32) {
        let Some(offset) = address.checked_sub(FLASH.start().value()) else { return };
        let [stack, entry] = VECTORS;
        let bytes: Vec<u8> = [stack.to_le_bytes(), entry.to_le_bytes()].concat();
        self.chip.memory_mut().write_bytes(USER_FLASH_OFFSET + offset, &bytes);
        self.chip.flash_mut().ecc_mut().set(offset / FLASH_WORD.bytes(), None);
    }

    /// What stands in the cells at an address of flash, past all rights.
    pub fn look(&self, address: u32) -> Entry {
        let Some(offset) = address.checked_sub(FLASH.start().value()) else { return Entry::Unknown };
        if !inside(FLASH, address) {
            return Entry::Unknown;
        }
        let damage = self.chip.flash().ecc().damage(offset / FLASH_WORD.bytes());
        if damage == Some(ironroot_chip::flash::ecc::Damage::Double) {
            return Entry::Damaged;
        }
        let word = |at: u32| self.chip.memory().read(USER_FLASH_OFFSET + at, Size::Word);
        Entry::judge(word(offset), word(offset + 4))
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}
