//! The chip: memories, flash controller, isolation and peripherals as one value.

use std::hash::{Hash, Hasher};

use ironroot_chip::RomImage;
use ironroot_chip::external::ExternalFlash;
use ironroot_chip::peripherals::exti::Exti;
use ironroot_chip::peripherals::gpio::Gpio;
use ironroot_chip::peripherals::rcc::{Rcc, ResetCause};
use ironroot_chip::rules::Verdict;
use ironroot_chip::supply::{FlashOperation, POWER_CUT, PowerCut, Supply};
use ironroot_chip::time::TimeBase;
use ironroot_chip::warnings::{Warning, Warnings};
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
use crate::flash::options::OptionWords;
use crate::flash::registers::bootpin;
use crate::flash::{Caller, Flash};
use crate::map::{self, Regions, Storage};
use crate::peripherals::crc::Crc;
use crate::peripherals::cryp::Cryp;
use crate::peripherals::dbgmcu::Dbgmcu;
use crate::peripherals::exti;
use crate::peripherals::hash::HashUnit;
use crate::peripherals::pka::Pka;
use crate::peripherals::pwr::Pwr;
use crate::peripherals::ramecc::{self, RamEcc, RamError};
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
const WINDOWS: [Region; 2] = [XSPI1, XSPI2];
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
    time: TimeBase,
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
    uid: [u8; 12],
    boot0: bool,
    resets: u32,
}

fn inside(region: Region, address: u32) -> bool {
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
            if WINDOWS.get(number) == Some(&part.external_flash()) {
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
        self.settle();
    }

    /// The part.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Level of the BOOT0 pin; matters at the next reset.
    pub fn set_boot0(&mut self, high: bool) {
        self.boot0 = high;
    }

    /// The unique id.
    pub fn uid(&self) -> &[u8; 12] {
        &self.uid
    }

    /// The hide protection level.
    pub fn hdpl(&self) -> Hdpl {
        self.sbs.level()
    }

    /// The product state that the option words mean.
    pub fn product_state(&self) -> ProductState {
        self.flash.options().product_state()
    }

    /// The flash controller.
    pub fn flash(&self) -> &Flash {
        &self.flash
    }

    /// The flash controller, for fault injection.
    pub fn flash_mut(&mut self) -> &mut Flash {
        self.epoch = self.epoch.wrapping_add(1);
        &mut self.flash
    }

    /// The option words in force.
    pub fn options(&self) -> &OptionWords {
        self.flash.options()
    }

    /// The random number generator, for fault injection.
    pub fn rng_mut(&mut self) -> &mut Rng {
        &mut self.rng
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

    /// What USARTn (n = 0: LPUART1) sent since the last call.
    pub fn take_uart_output(&mut self, number: u8) -> Vec<u8> {
        self.uart_index(number)
            .and_then(|index| self.usart.get_mut(index))
            .map_or(Vec::new(), Usart::take_output)
    }

    /// The host sends bytes to USARTn (n = 0: LPUART1). They arrive one after another in virtual time. False if there is
    /// no such USART.
    pub fn feed_uart_input(&mut self, number: u8, bytes: &[u8]) -> bool {
        let Some(index) = self.uart_index(number) else { return false };
        let (now, timing) = (self.now, self.timing(index));
        let Some(usart) = self.usart.get_mut(index) else { return false };
        usart.feed(bytes, now, timing);
        self.settle();
        true
    }

    fn uart_index(&self, number: u8) -> Option<usize> {
        usart::INSTANCES.iter().position(|instance| instance.number == number)
    }

    /// The outside drives (or releases) pin `pin` of port 'A' to 'H', 'M' to 'P'. False if there is no such pin.
    pub fn drive_pin(&mut self, port: char, pin: u8, level: Option<bool>) -> bool {
        let index = map::PORTS.chars().position(|name| name == port.to_ascii_uppercase());
        match index.and_then(|index| self.gpio.get_mut(index)) {
            Some(gpio) if pin < 16 => {
                gpio.drive(pin, level);
                true
            }
            _ => false,
        }
    }

    /// What the core wrote to its console (ITM, semihosting) since the last call.
    pub fn take_console(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.console)
    }

    /// Warnings since the last call, each given once.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// Frequency of the core in Hz.
    pub fn core_hz(&self) -> u64 {
        self.clocks.core
    }

    /// Where the byte at an address of a memory is kept in [`Bus::memory`](ironroot_cpu::bus::Bus::memory), past all
    /// protections: for hosts that look into the model rather than through it.
    pub fn arena_offset(&self, address: u32) -> Option<u32> {
        self.regions.locate(address).map(|(_, offset)| offset)
    }

    /// What is stored in the external memories from an address in a window on: the chips' cells, past XSPI and MCE. Empty
    /// for another address.
    pub fn external_bytes(&self, address: u32, length: usize) -> Vec<u8> {
        let Some((number, window)) = (0..).zip(WINDOWS).find(|(_, window)| inside(*window, address)) else {
            return Vec::new();
        };
        let memory = self.external.memory.get(number);
        memory.map_or(Vec::new(), |memory| memory.bytes(address - window.start().value(), length))
    }

    /// Puts bytes into the external memory at an address in a window, past XSPI and MCE. False if they do not fit.
    pub fn load_external(&mut self, address: u32, bytes: &[u8]) -> bool {
        let place = (0..).zip(WINDOWS).find(|(_, window)| inside(*window, address));
        place.is_some_and(|(number, window)| {
            let memory = self.external.memory.get_mut(number);
            memory.is_some_and(|memory| memory.load(address - window.start().value(), bytes))
        })
    }

    /// Puts an error into the cells of the word of RAM at an address. With ECC on (ECC_ON_SRAM at the last reset) its
    /// monitor sees it; with ECC off the bits are wrong, and nobody tells. False if the memory has no ECC at all.
    pub fn inject_ram_error(&mut self, address: u32, error: RamError) -> bool {
        let Some((storage, offset)) = self.regions.locate(address) else { return false };
        self.epoch = self.epoch.wrapping_add(1);
        if self.ecc_on_sram {
            return self.ramecc.inject(storage, address, offset, error);
        }
        // Whether the memory has cells for check bits does not depend on their being used.
        let watched = RamEcc::default().inject(storage, address, offset, error);
        if watched {
            let old = self.memory.read(offset & !3, ironroot_cpu::bus::Size::Word);
            self.memory.write(offset & !3, old ^ error.bits() as u32, ironroot_cpu::bus::Size::Word);
        }
        watched
    }

    /// Nanoseconds since power-on at virtual time `now`, which is not before the last change of the core's frequency.
    pub fn nanoseconds(&self, now: u64) -> u64 {
        self.time.nanoseconds(now, self.clocks.core)
    }

    /// Cuts the power at a flash operation to come, or (`None`) takes a cut back that has not come yet. The run then ends
    /// with [`Stop::Chip`](ironroot_cpu::machine::Stop::Chip) and [`POWER_CUT`]. Changes of options and keys are operations
    /// too; all effects but [`CutEffect::After`](crate::CutEffect::After) leave the old ones.
    pub fn cut_power_at(&mut self, cut: Option<PowerCut>) {
        self.supply.arm(cut);
    }

    /// Whether the power is cut. Nothing changes any more until [`power_cycle`].
    pub fn is_off(&self) -> bool {
        self.supply.is_off()
    }

    /// How many operations of internal and external flash have ended since this chip was made, in all its power cycles.
    pub fn flash_operations(&self) -> u64 {
        self.supply.operations()
    }

    /// Keeps a list of the operations from here on, or ends that.
    pub fn record_flash_operations(&mut self, on: bool) {
        self.supply.record(on);
    }

    /// The operations since the last call, while they are recorded.
    pub fn take_flash_operations(&mut self) -> Vec<FlashOperation> {
        self.supply.take_log()
    }

    /// Lets all flash operations end: for hosts that work through the debug port while the core stands. Returns the
    /// virtual time at which the last one ended.
    pub fn finish_flash_operations(&mut self) -> u64 {
        while self.flash.next_event() != u64::MAX && !self.is_off() {
            let end = self.flash.next_event().max(self.now);
            self.stall = self.stall.saturating_add(end - self.now);
            self.sync(end);
            self.run_due();
        }
        self.now
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
        let mut lines = [0; 8];
        let mut set = |line: u8, raised: bool| {
            if let Some(word) = lines.get_mut(usize::from(line / 32)) {
                *word |= u32::from(raised) << (line % 32);
            }
        };
        set(FLASH_LINE, self.flash.raised());
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
