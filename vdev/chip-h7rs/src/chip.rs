//! The chip: memories, flash controller, isolation and peripherals as one value.

use std::hash::{Hash, Hasher};

use ironroot_chip::RomImage;
use ironroot_chip::external::ExternalFlash;
use ironroot_chip::peripherals::exti::Exti;
use ironroot_chip::peripherals::gpio::Gpio;
use ironroot_chip::peripherals::rcc::{Rcc, ResetCause};
use ironroot_chip::rules::Verdict;
use ironroot_chip::supply::{POWER_CUT, Supply};
use ironroot_chip::time::TimeBase;
use ironroot_chip::warnings::Warnings;
use ironroot_cpu::bus::{Access, IrqLines, Kind, Master, Request};
use ironroot_cpu::machine::Machine;
use ironroot_cpu::memory::Memory;
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};
use ironroot_layout::stm32h7rs::{
    BACKUP_SRAM, ERASED, FLASH, OTP, Part, SYSTEM_FLASH, UNIQUE_ID, XSPI1, XSPI2, rsslib,
};
use ironroot_layout::{Address, Region};
use sha2::{Digest, Sha256};

use crate::board::{BoardH7, Remains};
use crate::flash::registers::bootpin;
use crate::flash::{Caller, Flash};
use crate::map::{self, Regions, Storage};
use crate::peripherals::crc::Crc;
use crate::peripherals::cryp::Cryp;
use crate::peripherals::dbgmcu::Dbgmcu;
use crate::peripherals::exti;
use crate::peripherals::hash::HashUnit;
use crate::peripherals::iwdg::{self, Iwdg};
use crate::peripherals::pka::Pka;
use crate::peripherals::pwr::Pwr;
use crate::peripherals::ramecc::{self, RamEcc};
use crate::peripherals::rcc::{self, Clocks};
use crate::peripherals::rng::Rng;
use crate::peripherals::rtc::Rtc;
use crate::peripherals::saes::Saes;
use crate::peripherals::sbs::Sbs;
use crate::peripherals::tamp::Tamp;
use crate::peripherals::usart::{self, Timing, Usart};
use crate::peripherals::xspi::ExternalMemory;
use crate::peripherals::xspi_ram;
use crate::peripherals::xspi_windows::ExternalBus;
use crate::rules::{Area, Asker, decide};

/// NVIC line of the flash controller.
const FLASH_LINE: u8 = 8;
const SAES_LINE: u8 = 33;
const CRYP_LINE: u8 = 34;
const PKA_LINE: u8 = 35;
const HASH_LINE: u8 = 36;
const RNG_LINE: u8 = 37;
/// The first of MCE1 to MCE3.
const MCE_LINE: u8 = 102;
/// XSPI1, then XSPI2.
const XSPI_LINE: u8 = 105;
/// The windows, by number of their XSPI.
pub(crate) const WINDOWS: [Region; 2] = [XSPI1, XSPI2];
/// What is under PACKAGE_BASE; the value is ours.
const PACKAGE: u32 = 0x08FF_F80C;

/// A virtual STM32H7S7 or STM32H7R7. One value: clone it and you have two chips in the same state.
#[derive(Clone)]
pub struct Stm32h7rs {
    pub(crate) part: Part,
    pub(crate) memory: Memory,
    pub(crate) regions: Regions,
    pub(crate) flash: Flash,
    pub(crate) rcc: Rcc,
    pub(crate) pwr: Pwr,
    pub(crate) sbs: Sbs,
    pub(crate) gpio: Vec<Gpio>,
    pub(crate) usart: Vec<Usart>,
    pub(crate) exti: Exti,
    pub(crate) rtc: Rtc,
    pub(crate) tamp: Tamp,
    pub(crate) iwdg: Iwdg,
    pub(crate) dbgmcu: Dbgmcu,
    pub(crate) ramecc: RamEcc,
    pub(crate) crc: Crc,
    pub(crate) rng: Rng,
    pub(crate) hash: HashUnit,
    pub(crate) cryp: Cryp,
    pub(crate) saes: Saes,
    pub(crate) pka: Pka,
    pub(crate) external: ExternalBus,
    pub(crate) supply: Supply,
    pub(crate) clocks: Clocks,
    pub(crate) time: TimeBase,
    pub(crate) now: u64,
    pub(crate) epoch: u32,
    pub(crate) stall: u64,
    pub(crate) request: Option<Request>,
    pub(crate) irq: IrqLines,
    pub(crate) event: u64,
    pub(crate) console: Vec<u8>,
    pub(crate) warnings: Warnings,
    /// ECC_ON_SRAM at the last reset.
    pub(crate) ecc_on_sram: bool,
    pub(crate) uid: [u8; 12],
    pub(crate) boot0: bool,
    resets: u32,
}

pub(crate) fn inside(region: Region, address: u32) -> bool {
    region.contains(Address::new(address))
}

/// 256 bits that belong to one device and purpose.
fn derive(purpose: &[u8], uid: &[u8; 12], counter: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(uid);
    hash.update(counter.to_le_bytes());
    hash.finalize().into()
}

impl Stm32h7rs {
    /// The chip on `board` with our system flash in it, just powered on.
    pub fn from_board(board: &BoardH7, rom: &RomImage) -> Self {
        let part = board.part();
        let mut memory = Memory::new(map::ARENA as usize);
        memory.write_bytes(map::USER_FLASH_OFFSET, board.flash());
        memory.fill(map::SYSTEM_FLASH_OFFSET, SYSTEM_FLASH.size().bytes() as usize, ERASED);
        for segment in rom.segments() {
            let offset = segment.address.wrapping_sub(SYSTEM_FLASH.start().value());
            if offset < SYSTEM_FLASH.size().bytes() {
                memory.write_bytes(map::SYSTEM_FLASH_OFFSET + offset, &segment.bytes);
            }
        }
        memory.write_bytes(map::OTP_OFFSET, board.otp());
        let information = map::INFORMATION.start().value();
        memory.write_bytes(map::INFORMATION_OFFSET + (UNIQUE_ID.start().value() - information), board.uid());
        memory.write_bytes(map::INFORMATION_OFFSET + (PACKAGE - information), &1_u32.to_le_bytes());
        memory.write_bytes(map::BACKUP_OFFSET, board.backup_sram());

        let attached = [0, 1].map(|number: usize| {
            if board.fitted().get(number) == Some(&false) {
                ExternalMemory::Absent
            } else if WINDOWS.get(number) == Some(&part.external_flash()) {
                ExternalMemory::nor(board.external().get(number).cloned().unwrap_or_default())
            } else {
                ExternalMemory::ram(xspi_ram::SIZE)
            }
        });
        let flash = Flash::new(board.persistent().clone());
        let options = *flash.options();
        let rcc = Rcc::new(&rcc::H7RS);
        let clocks = Clocks::new(&rcc);
        let uid = *board.uid();
        let mut chip = Stm32h7rs {
            part,
            memory,
            regions: Regions::new(options.itcm_share(), options.dtcm_share(), options.ecc_on_sram()),
            flash,
            rcc,
            pwr: Pwr::default(),
            sbs: Sbs::default(),
            // Ports beyond H have no debug pins: their index only has to be none of A's and B's.
            gpio: (0..map::PORTS.len() as u8).map(Gpio::new).collect(),
            usart: usart::INSTANCES.iter().map(usart::Instance::block).collect(),
            exti: Exti::new(&exti::H7RS),
            rtc: Rtc::default(),
            tamp: Tamp::new(*board.backup_registers()),
            iwdg: Iwdg::default(),
            dbgmcu: Dbgmcu::default(),
            ramecc: RamEcc::default(),
            crc: Crc::default(),
            rng: Rng::new(derive(b"ironroot RNG", &uid, board.resets())),
            hash: HashUnit::new(),
            cryp: Cryp::new(),
            saes: Saes::new(derive(b"ironroot DHUK", &uid, 0)),
            pka: Pka::new(),
            external: ExternalBus::new(attached, part.has_crypto()),
            supply: Supply::default(),
            clocks,
            time: TimeBase::default(),
            now: 0,
            epoch: 0,
            stall: 0,
            request: None,
            irq: [0; 8],
            event: u64::MAX,
            console: Vec::new(),
            warnings: Warnings::default(),
            ecc_on_sram: options.ecc_on_sram(),
            uid,
            boot0: board.boot0(),
            resets: board.resets(),
        };
        chip.power_on();
        chip
    }

    /// What survives power-off, to be saved. An operation that is under way is interrupted in the copy.
    pub fn to_board(&self) -> BoardH7 {
        let mut off = self.clone();
        off.external.power_on(off.now);
        off.flash.reset(&mut off.memory, off.now, 0);
        let bytes = |offset, size: usize| off.memory.slice(offset, size).to_vec();
        let external = [0, 1].map(|number: usize| {
            let memory = off.external.memory.get(number);
            memory.and_then(ExternalMemory::content).cloned().unwrap_or_else(ExternalFlash::default)
        });
        let remains = Remains {
            boot0: self.boot0,
            resets: self.resets,
            flash: bytes(map::USER_FLASH_OFFSET, FLASH.size().bytes() as usize),
            otp: bytes(map::OTP_OFFSET, OTP.size().bytes() as usize),
            backup: *off.tamp.backup(),
            backup_sram: bytes(map::BACKUP_OFFSET, BACKUP_SRAM.size().bytes() as usize),
            external,
            fitted: [0, 1].map(|number: usize| {
                !matches!(off.external.memory.get(number), Some(ExternalMemory::Absent))
            }),
            persistent: off.flash.persistent().clone(),
        };
        BoardH7::from_remains(self.part, self.uid, remains)
    }

    /// Power goes and comes back. RAM is lost (inside the chip it is zero then; on silicon it is anything), flash, keys and
    /// what VBAT keeps stay. Virtual time goes on. What the flashes were doing is interrupted, unless a [`PowerCut`] came
    /// before. The core's part is [`power_cycle`].
    pub fn power_on(&mut self) {
        self.supply.power_on();
        self.external.power_on(self.now);
        let volatile = map::VOLATILE;
        self.memory.fill(volatile.start, volatile.len(), 0);
        self.ramecc.power_on();
        self.reset(ResetCause::PowerOn);
    }

    pub(crate) fn reset(&mut self, cause: ResetCause) {
        let now = self.now;
        self.run_flash(now);
        let power_on = cause == ResetCause::PowerOn;
        let bit = |condition, bit| if condition { bit } else { 0 };
        let boot_pin = bit(self.boot0, bootpin::BOOT0)
            | bit(power_on, bootpin::POWER_ON)
            | bit(self.part.has_crypto(), bootpin::CRYPTO);
        self.flash.reset(&mut self.memory, now, boot_pin);
        self.resets = self.resets.wrapping_add(1);
        let options = *self.flash.options();
        self.regions = Regions::new(options.itcm_share(), options.dtcm_share(), options.ecc_on_sram());
        self.ecc_on_sram = options.ecc_on_sram();
        self.rcc.reset(cause);
        self.pwr.reset(cause);
        self.sbs.reset(cause, self.boot0);
        self.exti.reset();
        self.gpio.iter_mut().for_each(Gpio::reset);
        self.usart.iter_mut().for_each(Usart::reset);
        if power_on {
            // The debugger's own registers and its mailbox survive a system reset.
            self.dbgmcu.reset();
        }
        self.ramecc.reset();
        self.crc.reset();
        self.rng.reset();
        self.rng.reseed(derive(b"ironroot RNG", &self.uid, self.resets));
        self.hash.reset();
        self.cryp.reset();
        self.saes.reset();
        self.saes.set_hdpl(Hdpl::Level0.number());
        self.pka.reset();
        self.external.reset();
        self.stall = 0;
        self.request = None;
        self.epoch = self.epoch.wrapping_add(1);
        self.retime();
        self.iwdg.reset(options.iwdg_by_hardware(), self.nanoseconds(now));
        self.settle();
    }

    /// The hide protection level.
    pub fn hdpl(&self) -> Hdpl {
        self.sbs.level()
    }

    /// The product state that the option words mean.
    pub fn product_state(&self) -> ProductState {
        self.flash.options().product_state()
    }

    /// The area that an address belongs to; `None` where no rule has a say.
    pub fn area(&self, address: u32) -> Option<Area> {
        Some(if inside(FLASH, address) {
            let offset = address - FLASH.start().value();
            let hidden = self.flash.options().hidden().is_some_and(|area| area.contains(&offset));
            if hidden { Area::Hidden } else { Area::User }
        } else if inside(SYSTEM_FLASH, address) {
            let windows = [
                (rsslib::RSS, Area::Rss),
                (rsslib::STIROT, Area::Stirot),
                (rsslib::LIBRARY, Area::Library),
                (rsslib::TABLE, Area::Table),
                (rsslib::BOOTLOADER, Area::Bootloader),
            ];
            windows
                .into_iter()
                .find(|(window, _)| inside(*window, address))
                .map_or(Area::Rest, |(_, area)| area)
        } else if inside(OTP, address) {
            Area::Otp
        } else if inside(map::INFORMATION, address) {
            Area::Information
        } else {
            return None;
        })
    }

    /// What the rule table says about an access now by an instruction at `pc` (any, for other masters); `None` where it has
    /// no say.
    pub fn verdict(&self, address: u32, master: Master, kind: Kind, pc: u32) -> Option<Verdict> {
        let area = self.area(address)?;
        let in_system_code = matches!(self.area(pc), Some(Area::Rss | Area::Stirot | Area::Library));
        let asker = Asker::new(master, in_system_code);
        Some(decide(area, self.hdpl(), self.product_state(), asker, kind))
    }

    pub(crate) fn timing(&self, index: usize) -> Timing {
        let kernel = usart::INSTANCES.get(index).map_or(0, |instance| self.clocks.usart(instance.clock));
        Timing { core: self.clocks.core, kernel }
    }

    pub(crate) fn caller(&self, access: &Access) -> Caller {
        Caller {
            level: self.hdpl(),
            cpu: access.master == Master::Cpu,
            part: self.part,
            core_hz: self.clocks.core,
            now: self.now,
        }
    }

    /// Virtual time does not go back: a debugger's access may come with the core's older time.
    pub(crate) fn sync(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// The clock tree changed.
    pub(crate) fn retime(&mut self) {
        self.time.change(self.now, self.clocks.core);
        self.clocks = Clocks::new(&self.rcc);
    }

    /// The level rose: what belonged to the one before is hidden at once.
    pub(crate) fn raise_level(&mut self) {
        self.flash.raise_level();
        self.saes.set_hdpl(self.hdpl().number());
        self.epoch = self.epoch.wrapping_add(1);
    }

    fn run_flash(&mut self, now: u64) {
        if self.is_off() {
            return;
        }
        let effects = self.flash.advance(&mut self.memory, now, &mut self.supply);
        if let Some(key) = effects.saes_key {
            self.saes.load_application_key(Some(key.bytes()));
        }
    }

    /// Does what is due at the current time.
    pub(crate) fn run_due(&mut self) {
        if self.event > self.now {
            return;
        }
        let now = self.now;
        self.run_flash(now);
        if !self.is_off() {
            self.external.advance(now, &mut self.supply);
        }
        for index in 0..self.usart.len() {
            let timing = self.timing(index);
            if let Some(usart) = self.usart.get_mut(index) {
                usart.advance(now, timing);
            }
        }
        self.iwdg.advance(self.nanoseconds(now));
        self.settle();
    }

    /// Brings interrupt lines, next event and epoch up to date after a change of state.
    pub(crate) fn settle(&mut self) {
        let now = self.now;
        // What has passed is no event: these blocks compute their flags from the time.
        let ahead = |event: u64| if event > now { event } else { u64::MAX };
        self.event = self.flash.next_event().min(self.external.next_event());
        for event in [self.saes.next_event(), self.pka.next_event(), self.rng.next_event()] {
            self.event = self.event.min(ahead(event));
        }
        self.event = self.event.min(ahead(self.time.cycles(self.iwdg.next_event(), self.clocks.core)));
        if self.iwdg.expired() {
            self.request = Some(Request::SystemReset);
        }
        let mut lines = [0; 8];
        let mut set = |line: u8, raised: bool| {
            if let Some(word) = lines.get_mut(usize::from(line / 32)) {
                *word |= u32::from(raised) << (line % 32);
            }
        };
        set(FLASH_LINE, self.flash.raised());
        set(iwdg::LINE, self.iwdg.raised());
        set(ramecc::LINE, self.ramecc.raised());
        set(SAES_LINE, self.saes.raised(now));
        set(CRYP_LINE, self.cryp.raised());
        set(PKA_LINE, self.pka.raised(now));
        set(HASH_LINE, self.hash.raised());
        set(RNG_LINE, self.rng.raised(now));
        for (line, mce) in (MCE_LINE..).zip(&self.external.mce) {
            set(line, mce.raised());
        }
        for (line, xspi) in (XSPI_LINE..).zip(&self.external.xspi) {
            set(line, xspi.raised());
        }
        for (usart, instance) in self.usart.iter().zip(&usart::INSTANCES) {
            self.event = self.event.min(usart.next_event());
            set(instance.line, usart.raised());
        }
        for (line, raised) in self.exti.lines() {
            set(line, raised);
        }
        self.irq = lines;
        if self.is_off() {
            self.event = u64::MAX;
            self.request = Some(Request::Stop(POWER_CUT));
        }
        if self.flash.take_rights_moved() {
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    /// True if the memory answers: its clock is on.
    pub(crate) fn is_powered(&self, storage: Storage) -> bool {
        storage.clock().is_none_or(|(enable, bit)| self.rcc.bit(enable, bit))
    }

    /// Everything but memory, what the host has not yet taken, and warnings.
    pub(crate) fn hash_all(&self, hasher: &mut dyn Hasher) {
        let hasher = &mut { hasher };
        self.part.hash(hasher);
        self.regions.hash(hasher);
        self.flash.hash(hasher);
        self.rcc.hash(hasher);
        self.pwr.hash(hasher);
        self.sbs.hash(hasher);
        self.gpio.hash(hasher);
        self.usart.hash(hasher);
        self.exti.hash(hasher);
        self.rtc.hash(hasher);
        self.tamp.hash(hasher);
        self.iwdg.hash(hasher);
        self.dbgmcu.hash(hasher);
        self.ramecc.hash(hasher);
        self.crc.hash(hasher);
        self.rng.hash(hasher);
        self.hash.hash(hasher);
        self.cryp.hash(hasher);
        self.saes.hash(hasher);
        self.pka.hash(hasher);
        self.external.xspi.hash(hasher);
        self.external.xspim.hash(hasher);
        self.external.mce.hash(hasher);
        self.external.memory.hash(hasher);
        self.supply.hash(hasher);
        self.time.hash(hasher);
        self.stall.hash(hasher);
        self.irq.hash(hasher);
        self.uid.hash(hasher);
        self.boot0.hash(hasher);
        self.resets.hash(hasher);
    }
}

/// Power goes and comes back, for the chip and its core: RAM, registers and debug logic are as after power-on, the flashes
/// keep what they hold. Virtual time goes on.
pub fn power_cycle(machine: &mut Machine<Stm32h7rs>) {
    machine.core.bus.power_on();
    machine.power_on_core();
}

impl std::fmt::Debug for Stm32h7rs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Stm32h7rs({}, {}, {:?}, at {})",
            self.part.name(),
            self.product_state().name(),
            self.hdpl(),
            self.now
        )
    }
}
