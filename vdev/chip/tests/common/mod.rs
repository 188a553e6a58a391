//! A chip on a bench: accesses as the core makes them, from a chosen instruction address, in virtual time.
#![allow(dead_code)]

use ironroot_chip::flash::registers::*;
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::{Board, OptionBytes, RomImage, Stm32h735};
use ironroot_cpu::bus::{Access, Bus, BusFault, Kind, Master, Size};

pub const FLASH: u32 = 0x0800_0000;
pub const RSS: u32 = 0x1FF1_0000;
pub const LIBRARY: u32 = 0x1FF0_9000;
pub const APP: u32 = 0x0802_0400;
pub const RAM: u32 = 0x2400_0000;
pub const SECURITY: u32 = 1 << 21;
pub const ERASE_AREA: u32 = 1 << 31;
/// Sector 0 as SCAR or PRAR fields.
pub const SECTOR0: u32 = 0x01FF_0000;
pub const NO_AREA: u32 = 0x0000_00FF;

/// The chip, the time, and where the code runs.
#[derive(Clone)]
pub struct Bench {
    pub chip: Stm32h735,
    pub now: u64,
    pub pc: u32,
}

pub fn rom() -> RomImage {
    let segments = [(0x1FF0_0000, vec![0xB0; 64]), (LIBRARY, vec![0x11; 0x800]), (RSS, vec![0x55; 0x2000])];
    RomImage::from_segments(segments).expect("a system flash image")
}

impl Bench {
    /// A chip whose options differ from the factory's by `change`, just powered on.
    pub fn with(change: impl FnOnce(&mut OptionBytes)) -> Self {
        let mut board = Board::with_serial(7);
        change(board.options_mut());
        Self::on(&board)
    }

    pub fn on(board: &Board) -> Self {
        Bench { chip: Stm32h735::from_board(board, &rom()), now: 0, pc: RAM }
    }

    /// Secure access mode with sector 0 as secure area, code in it.
    pub fn secured() -> Self {
        let mut board = Board::with_serial(7);
        board.options_mut().optsr |= SECURITY;
        board.options_mut().scar = SECTOR0 | ERASE_AREA;
        board.preload(FLASH, &[0xA5; 0x2_0000]);
        board.preload(FLASH + 0x2_0000, &[0x3C; 64]);
        Self::on(&board)
    }

    /// The same after RSS has handed over and the secure area has been left, without debug.
    pub fn exited() -> Self {
        let mut bench = Self::secured();
        bench.hand_over();
        bench.exit(false);
        bench
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

    pub fn sr(&mut self) -> u32 {
        self.reg(SR)
    }

    /// SR1 without the state bits.
    pub fn flags(&mut self) -> u32 {
        self.sr() & sr::FLAGS
    }

    pub fn unlock(&mut self) {
        self.set_reg(KEYR, KEY1);
        self.set_reg(KEYR, KEY2);
    }

    pub fn unlock_options(&mut self) {
        self.set_reg(OPTKEYR, OPTKEY1);
        self.set_reg(OPTKEYR, OPTKEY2);
    }

    /// Lets virtual time pass until nothing runs any more.
    pub fn settle(&mut self) {
        while self.chip.next_event() != u64::MAX {
            self.now = self.now.max(self.chip.next_event());
            self.chip.advance(self.now);
        }
    }

    /// Programs a word of eight u32 (registers unlocked by the caller or not yet).
    pub fn program(&mut self, address: u32, value: u32) {
        if self.reg(CR) & cr::LOCK != 0 {
            self.unlock();
        }
        self.set_reg(CR, cr::PG | 0x30);
        for at in 0..8 {
            self.write(address + 4 * at, value);
        }
        self.settle();
        self.set_reg(CR, 0x30);
    }

    pub fn erase_sector(&mut self, sector: u32) {
        if self.reg(CR) & cr::LOCK != 0 {
            self.unlock();
        }
        self.set_reg(CR, cr::SER | sector << cr::SNB_SHIFT | 0x30);
        self.set_reg(CR, cr::SER | cr::START | sector << cr::SNB_SHIFT | 0x30);
        self.settle();
        self.set_reg(CR, 0x30);
    }

    pub fn erase_bank(&mut self) {
        if self.reg(CR) & cr::LOCK != 0 {
            self.unlock();
        }
        self.set_reg(CR, cr::BER | cr::START | 0x30);
        self.settle();
        self.set_reg(CR, 0x30);
    }

    /// Stages options and starts the change, as code at `pc` does it. True if it was accepted.
    pub fn change(&mut self, change: impl FnOnce(&mut OptionBytes)) -> bool {
        let mut wanted = *self.chip.options();
        change(&mut wanted);
        self.stage(&wanted);
        self.set_reg(OPTCCR, optsr::OPTCHANGEERR);
        self.set_reg(OPTCR, optcr::OPTSTART);
        self.settle();
        self.reg(OPTSR_CUR) & optsr::OPTCHANGEERR == 0
    }

    pub fn stage(&mut self, wanted: &OptionBytes) {
        if self.reg(OPTCR) & optcr::OPTLOCK != 0 {
            self.unlock_options();
        }
        self.set_reg(OPTSR_PRG, wanted.optsr);
        self.set_reg(PRAR_PRG, wanted.prar);
        self.set_reg(SCAR_PRG, wanted.scar);
        self.set_reg(WPSN_PRG, wanted.wpsn);
        self.set_reg(BOOT_PRG, wanted.boot);
        self.set_reg(OPTSR2_PRG, wanted.optsr2);
    }

    pub fn rssc(&mut self, offset: u32, value: u32) {
        self.set_reg(offset, value);
    }

    /// RSS hands over to the secure area.
    pub fn hand_over(&mut self) {
        use ironroot_chip::rssc;
        self.fetch(RSS + 0x100).expect("RSS runs");
        self.rssc(rssc::HANDOVER, rssc::HANDOVER_KEY);
        self.fetch(FLASH).expect("secure code runs");
    }

    /// The library's exit service, then the application.
    pub fn exit(&mut self, debug: bool) {
        use ironroot_chip::rssc;
        self.fetch(LIBRARY + 0x100).expect("the library runs");
        self.rssc(rssc::EXIT, rssc::EXIT_KEY);
        if debug {
            self.rssc(rssc::DEBUG, rssc::DEBUG_KEY);
        }
        self.fetch(APP).expect("the application runs");
    }

    pub fn reset(&mut self) {
        self.chip.system_reset(self.now);
        self.pc = RAM;
    }

    pub fn power_cycle(&mut self) {
        self.chip.power_on();
        self.pc = RAM;
    }

    pub fn rdp(byte: u32) -> impl FnOnce(&mut OptionBytes) {
        move |options| options.optsr = options.optsr & !0xFF00 | byte << 8
    }
}
