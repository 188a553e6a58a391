//! A chip on a bench: accesses as the core makes them, from a chosen instruction address, in virtual time.
#![allow(dead_code)]

use ironroot_chip_h7rs::flash::options::Word;
use ironroot_chip_h7rs::flash::registers::*;
use ironroot_chip_h7rs::map::FLASH_REGISTERS;
use ironroot_chip_h7rs::{BoardH7, RomImage, Stm32h7rs};
use ironroot_cpu::bus::{Access, Bus, BusFault, Kind, Master, Size};
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::state::{Hdpl, NVSTATE_CLOSED};

pub const FLASH: u32 = 0x0800_0000;
pub const OTP: u32 = 0x08FF_F000;
pub const RSS: u32 = 0x1FF0_0000;
pub const STIROT: u32 = 0x1FF0_4000;
pub const LIBRARY: u32 = 0x1FF1_6000;
pub const BOOTLOADER: u32 = 0x1FF1_8000;
pub const TABLE: u32 = 0x1FF1_FD4C;
pub const RAM: u32 = 0x2402_0000;
pub const RCC: u32 = 0x5802_4400;
pub const PWR: u32 = 0x5802_4800;
pub const SBS: u32 = 0x5800_0400;
pub const DBGMCU: u32 = 0x5C00_1000;

/// The chip, the time, and where the code runs.
#[derive(Clone)]
pub struct Bench {
    pub chip: Stm32h7rs,
    pub now: u64,
    pub pc: u32,
}

pub fn rom() -> RomImage {
    RomImage::h7rs([
        (RSS, vec![0x55; 0x2000]),
        (STIROT, vec![0x57; 0x2000]),
        (LIBRARY, vec![0x11; 0x2000]),
        (BOOTLOADER, vec![0xB0; 0x7D00]),
        (TABLE, vec![0x7A; 0x2C]),
    ])
    .expect("a system flash image")
}

/// A board in a closed product state, otherwise as new.
pub fn closed(board: &mut BoardH7) {
    board.options_mut().nvsr = u32::from(NVSTATE_CLOSED);
}

impl Bench {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A chip on a board that differs from a new one by `change`, just powered on.
    pub fn with(change: impl FnOnce(&mut BoardH7)) -> Self {
        Self::of(Part::Stm32h7s7, change)
    }

    pub fn of(part: Part, change: impl FnOnce(&mut BoardH7)) -> Self {
        let mut board = BoardH7::with_serial(part, 7);
        change(&mut board);
        Self::on(&board)
    }

    pub fn on(board: &BoardH7) -> Self {
        let mut bench = Bench { chip: Stm32h7rs::from_board(board, &rom()), now: 0, pc: RAM };
        bench.clock_sbs();
        bench
    }

    pub fn clock_sbs(&mut self) {
        let enabled = self.read(RCC + 0x154);
        self.write(RCC + 0x154, enabled | 2);
    }

    pub fn access(&self, master: Master, kind: Kind, size: Size) -> Access {
        let pc = if master == Master::Cpu { self.pc } else { 0 };
        Access { master, kind, privileged: true, secure: false, size, pc, now: self.now }
    }

    pub fn try_read(&mut self, address: u32, size: Size) -> Result<u32, BusFault> {
        let access = self.access(Master::Cpu, Kind::Read, size);
        let result = self.chip.read(address, access);
        self.now += 1 + self.chip.take_stall();
        result
    }

    pub fn try_write(&mut self, address: u32, value: u32, size: Size) -> Result<(), BusFault> {
        let access = self.access(Master::Cpu, Kind::Write, size);
        let result = self.chip.write(address, value, access);
        self.now += 1 + self.chip.take_stall();
        result
    }

    pub fn fetch(&mut self, address: u32) -> Result<u32, BusFault> {
        self.pc = address;
        let access = self.access(Master::Cpu, Kind::Fetch, Size::Half);
        let result = self.chip.read(address, access);
        self.now += 1 + self.chip.take_stall();
        result
    }

    pub fn map(&mut self, address: u32, kind: Kind) -> Option<u32> {
        let access = self.access(Master::Cpu, kind, Size::Word);
        self.chip.map(address, access)
    }

    pub fn read(&mut self, address: u32) -> u32 {
        self.try_read(address, Size::Word).expect("no bus fault")
    }

    pub fn write(&mut self, address: u32, value: u32) {
        self.try_write(address, value, Size::Word).expect("no bus fault");
    }

    pub fn reg(&mut self, offset: u32) -> u32 {
        self.read(FLASH_REGISTERS + offset)
    }

    pub fn set_reg(&mut self, offset: u32, value: u32) {
        self.write(FLASH_REGISTERS + offset, value);
    }

    /// Flags of ISR, which are cleared.
    pub fn flags(&mut self) -> u32 {
        let flags = self.reg(ISR);
        self.set_reg(ICR, flags);
        flags
    }

    /// Flags of OPTISR, which are cleared.
    pub fn option_flags(&mut self) -> u32 {
        let flags = self.reg(OPTISR);
        self.set_reg(OPTICR, flags);
        flags
    }

    pub fn unlock(&mut self) {
        if self.reg(CR) & cr::LOCK != 0 {
            self.set_reg(KEYR, KEY1);
            self.set_reg(KEYR, KEY2);
        }
    }

    pub fn unlock_options(&mut self) {
        if self.reg(OPTCR) & optcr::OPTLOCK != 0 {
            self.set_reg(OPTKEYR, OPTKEY1);
            self.set_reg(OPTKEYR, OPTKEY2);
        }
    }

    /// Lets virtual time pass until nothing runs any more.
    pub fn settle(&mut self) {
        while self.chip.next_event() != u64::MAX {
            self.now = self.now.max(self.chip.next_event());
            self.chip.advance(self.now);
        }
    }

    pub fn raise_to(&mut self, level: Hdpl) {
        while self.chip.hdpl() < level {
            self.write(SBS + 0x10, 0x6A);
        }
        assert_eq!(self.chip.hdpl(), level);
    }

    /// Programs a flash word of four equal u32. What is waited for is up to the caller.
    pub fn start_program(&mut self, address: u32, value: u32) {
        self.unlock();
        self.set_reg(CR, cr::PG);
        for at in 0..4 {
            self.write(address + 4 * at, value);
        }
    }

    pub fn program(&mut self, address: u32, value: u32) {
        self.start_program(address, value);
        self.settle();
        self.set_reg(CR, 0);
    }

    pub fn erase(&mut self, control: u32) {
        self.unlock();
        self.set_reg(CR, control | cr::START);
        self.settle();
        self.set_reg(CR, 0);
    }

    pub fn erase_sector(&mut self, sector: u32) {
        self.erase(cr::SER | sector << cr::SSN_SHIFT);
    }

    /// Writes a word's programming register as a driver does. True if there was no error.
    pub fn change(&mut self, word: Word, value: u32) -> bool {
        self.unlock_options();
        self.set_reg(OPTICR, optisr::FLAGS);
        self.set_reg(OPTCR, optcr::PG_OPT);
        self.set_reg(word.offset() + 4, value);
        self.settle();
        self.set_reg(OPTCR, 0);
        self.reg(OPTISR) & optisr::OPTERRF == 0
    }

    pub fn start_key(&mut self, index: u32, next: u32, words: &[u32]) {
        self.unlock_options();
        self.set_reg(OPTCR, optcr::PG_OPT);
        for (place, word) in (0..).zip(words) {
            self.set_reg(OBKDR + 4 * place, *word);
        }
        let size = words.len().trailing_zeros();
        let control = index | next << obkcr::NEXTKL_SHIFT | size << obkcr::SIZE_SHIFT | obkcr::KEYPROG;
        self.set_reg(OBKCR, control);
        self.set_reg(OBKCR, control | obkcr::KEYSTART);
    }

    pub fn program_key(&mut self, index: u32, next: u32, words: &[u32]) {
        self.start_key(index, next, words);
        self.settle();
        self.set_reg(OBKCR, 0);
        self.set_reg(OPTCR, 0);
    }

    /// Brings a key to the data registers and reads them; `Err` has the flags.
    pub fn read_key(&mut self, index: u32) -> Result<[u32; 8], u32> {
        self.set_reg(OBKCR, index | obkcr::KEYSTART);
        self.settle();
        let flags = self.option_flags();
        if flags != 0 {
            return Err(flags);
        }
        Ok(std::array::from_fn(|word| self.reg(OBKDR + 4 * word as u32)))
    }

    pub fn reset(&mut self) {
        self.chip.system_reset(self.now);
        self.pc = RAM;
        self.clock_sbs();
    }

    pub fn power_cycle(&mut self) {
        self.chip.power_on();
        self.pc = RAM;
        self.clock_sbs();
    }
}
