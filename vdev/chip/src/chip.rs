//! The STM32H735: memories, flash controller, protections and peripherals as one value.

use std::hash::{Hash, Hasher};

use ironroot_cpu::bus::{Access, IrqLines, Kind, Master, Request};
use ironroot_cpu::machine::Machine;
use ironroot_cpu::memory::Memory;
use ironroot_layout::stm32h735::rss::{BOOTLOADER_PID, CERTIFICATE, IDENTITY, identity};
use ironroot_layout::stm32h735::{ERASED, FLASH, FLASH_SIZE_WORD, UNIQUE_ID};

use crate::board::{Board, Identity};
use crate::external::{ExternalFlash, WINDOWS};
use crate::flash::change::Requester;
use crate::flash::options::OptionBytes;
use crate::flash::{Caller, Flash};
use crate::map::{self, Regions, Storage};
use crate::nor::SerialNor;
use crate::peripherals::clocks::Clocks;
use crate::peripherals::exti::Exti;
use crate::peripherals::gpio::Gpio;
use crate::peripherals::octospi::Octospi;
use crate::peripherals::otfdec::Otfdec;
use crate::peripherals::pwr::Pwr;
use crate::peripherals::rcc::{Rcc, ResetCause};
use crate::peripherals::registers::Registers;
use crate::peripherals::rng::Rng;
use crate::peripherals::rtc::Rtc;
use crate::peripherals::simple;
use crate::peripherals::syscfg::Syscfg;
use crate::peripherals::usart::{self, Timing, Usart};
use crate::rom::RomImage;
use crate::rules::Verdict;
use crate::security::{Latches, Mode, Security};
use crate::supply::{FlashOperation, POWER_CUT, PowerCut, Supply};
use crate::time::TimeBase;
use crate::warnings::{Warning, Warnings};

/// GPIO ports of the part: A to H, J, K.
const PORTS: u8 = 10;
/// NVIC line of the flash controller.
const FLASH_LINE: u8 = 4;
/// NVIC lines of OCTOSPI1 and OCTOSPI2.
const OCTOSPI_LINES: [u8; 2] = [92, 150];
/// NVIC lines of OTFDEC1 and OTFDEC2.
const OTFDEC_LINES: [u8; 2] = [151, 152];
/// NVIC line that RNG and HASH share.
const RNG_LINE: u8 = 80;

/// A virtual STM32H735. One value: clone it and you have two chips in the same state.
#[derive(Clone)]
pub struct Stm32h735 {
    pub(crate) memory: Memory,
    pub(crate) regions: Regions,
    pub(crate) flash: Flash,
    pub(crate) security: Security,
    pub(crate) rcc: Rcc,
    pub(crate) pwr: Pwr,
    pub(crate) syscfg: Syscfg,
    pub(crate) gpio: Vec<Gpio>,
    pub(crate) usart: Vec<Usart>,
    pub(crate) exti: Exti,
    pub(crate) rtc: Rtc,
    pub(crate) dbgmcu: Registers,
    pub(crate) fmc: Registers,
    pub(crate) octospi: [Octospi; 2],
    pub(crate) otfdec: [Otfdec; 2],
    pub(crate) rng: Rng,
    pub(crate) external: [ExternalFlash; 2],
    pub(crate) nor: [SerialNor; 2],
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
    uid: [u8; 12],
    bootloader_pid: u16,
    identity: Option<Identity>,
    boot0: bool,
    vtor_base: u32,
}

impl Stm32h735 {
    /// The chip on `board` with our system flash in it, just powered on.
    pub fn from_board(board: &Board, rom: &RomImage) -> Self {
        let mut memory = Memory::new(map::ARENA as usize);
        memory.write_bytes(map::USER_FLASH_OFFSET, board.flash());
        let system = ironroot_layout::stm32h735::SYSTEM_FLASH;
        memory.fill(map::SYSTEM_FLASH_OFFSET, system.size().bytes() as usize, ERASED);
        let in_system = |address: u32| map::SYSTEM_FLASH_OFFSET + (address - system.start().value());
        for segment in rom.segments() {
            memory.write_bytes(in_system(segment.address), &segment.bytes);
        }
        memory.write_bytes(in_system(UNIQUE_ID.start().value()), board.uid());
        let kilobytes = (FLASH.size().bytes() / 1024) as u16;
        memory.write_bytes(in_system(FLASH_SIZE_WORD.start().value()), &kilobytes.to_le_bytes());

        let pid = board.bootloader_pid();
        memory.write_bytes(in_system(BOOTLOADER_PID.start().value()), &pid.to_le_bytes());
        if let Some(device) = board.identity() {
            let page = in_system(IDENTITY.start().value());
            memory.write_bytes(page, &identity::MAGIC.to_le_bytes());
            memory.write_bytes(page + 4, &identity::VERSION.to_le_bytes());
            memory.write_bytes(page + identity::AT_KEY, &device.key);
            memory.write_bytes(in_system(CERTIFICATE.start().value()), &device.certificate);
        }

        let options = *board.options();
        let flash = Flash::new(options, board.ecc().clone());
        let rcc = Rcc::default();
        let clocks = rcc.clocks();
        let mut chip = Stm32h735 {
            memory,
            regions: Regions::new(options.tcm_axi_shared()),
            security: Security::after_reset(&options, board.boot0(), true, false)
                .keeping(Latches { version: board.installed_version(), ..Latches::default() }),
            flash,
            rcc,
            pwr: Pwr::default(),
            syscfg: Syscfg::default(),
            gpio: (0..PORTS).map(Gpio::new).collect(),
            usart: usart::INSTANCES.iter().map(Usart::new).collect(),
            exti: Exti::default(),
            rtc: Rtc::default(),
            dbgmcu: Registers::new(simple::DBGMCU),
            fmc: Registers::new(simple::FMC),
            octospi: Default::default(),
            otfdec: Default::default(),
            rng: Rng::new(board.uid(), board.identity().map(|device| &device.key), board.random_blocks()),
            external: board.external().clone(),
            nor: Default::default(),
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
            uid: *board.uid(),
            bootloader_pid: pid,
            identity: board.identity().cloned(),
            boot0: board.boot0(),
            vtor_base: 0,
        };
        chip.power_on();
        chip
    }

    /// What survives power-off, to be saved. An operation that is under way is interrupted in the copy.
    pub fn to_board(&self) -> Board {
        let mut off = self.clone();
        off.cut_external();
        off.flash.reset(&mut off.memory, map::USER_FLASH_OFFSET, off.now);
        let flash = off.memory.slice(map::USER_FLASH_OFFSET, FLASH.size().bytes() as usize).to_vec();
        Board::from_parts(self.uid, *off.flash.options(), flash, off.flash.ecc().clone(), self.boot0)
            .with_external(self.external.clone())
            .with_bootloader_pid(self.bootloader_pid)
            .with_identity(self.identity.clone())
            .with_counters(off.security.latches().version, off.rng.blocks())
    }

    /// Power goes and comes back. RAM is lost (it is zero then; on silicon it is anything), the flash stays. Virtual time
    /// goes on. What the flashes were doing is interrupted, unless a [`PowerCut`] came before. The core's part is
    /// [`power_cycle`].
    pub fn power_on(&mut self) {
        self.supply.power_on();
        self.cut_external();
        self.reset(ResetCause::PowerOn);
        let volatile = map::VOLATILE;
        self.memory.fill(volatile.start, volatile.len(), 0);
        self.rtc.reset();
    }

    pub(crate) fn reset(&mut self, cause: ResetCause) {
        let now = self.now;
        self.run_flash(now);
        self.flash.reset(&mut self.memory, map::USER_FLASH_OFFSET, now);
        let power_on = cause == ResetCause::PowerOn;
        let options = *self.flash.options();
        let debugger_seen = !power_on && self.security.was_debugger_seen();
        let kept = self.security.latches();
        let latches = if power_on { kept.after_power_on() } else { kept };
        self.security = Security::after_reset(&options, self.boot0, power_on, debugger_seen).keeping(latches);
        self.vtor_base = self.security.vector_base();
        self.regions = Regions::new(options.tcm_axi_shared());
        self.rcc.reset(cause);
        self.pwr.reset(cause);
        self.syscfg.reset();
        self.exti.reset();
        self.gpio.iter_mut().for_each(Gpio::reset);
        self.usart.iter_mut().for_each(Usart::reset);
        if power_on {
            // The debugger's own registers survive a system reset.
            self.dbgmcu.reset();
        }
        self.fmc.reset();
        self.octospi.iter_mut().for_each(Octospi::reset);
        self.otfdec.iter_mut().for_each(Otfdec::reset);
        self.rng.reset();
        self.stall = 0;
        self.request = None;
        self.epoch = self.epoch.wrapping_add(1);
        self.retime();
        self.settle();
    }

    /// Level of the BOOT0 pin; matters at the next reset.
    pub fn set_boot0(&mut self, high: bool) {
        self.boot0 = high;
    }

    /// The unique id.
    pub fn uid(&self) -> &[u8; 12] {
        &self.uid
    }

    /// Device mode since the last reset.
    pub fn mode(&self) -> Mode {
        self.security.mode()
    }

    /// The moving part of the protections.
    pub fn security(&self) -> &Security {
        &self.security
    }

    /// The flash controller.
    pub fn flash(&self) -> &Flash {
        &self.flash
    }

    /// The generator of random numbers, for fault injection.
    pub fn rng_mut(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The flash controller, for fault injection.
    pub fn flash_mut(&mut self) -> &mut Flash {
        self.epoch = self.epoch.wrapping_add(1);
        &mut self.flash
    }

    /// The option bytes in force.
    pub fn options(&self) -> &OptionBytes {
        self.flash.options()
    }

    /// What the rule table says about an access now; `None` where it has no say.
    pub fn verdict(&self, address: u32, master: Master, kind: Kind) -> Option<Verdict> {
        self.security.verdict(self.flash.options(), address, master, kind)
    }

    /// What USARTn (n = 0: LPUART1) sent since the last call.
    pub fn take_uart_output(&mut self, number: u8) -> Vec<u8> {
        self.uart_index(number).map_or(Vec::new(), |index| self.usart[index].take_output())
    }

    /// The host sends bytes to USARTn (n = 0: LPUART1). They arrive one after another in virtual time. False if there is
    /// no such USART.
    pub fn feed_uart_input(&mut self, number: u8, bytes: &[u8]) -> bool {
        let Some(index) = self.uart_index(number) else { return false };
        let (now, timing) = (self.now, self.timing(index));
        self.usart[index].feed(bytes, now, timing);
        self.settle();
        true
    }

    fn uart_index(&self, number: u8) -> Option<usize> {
        usart::INSTANCES.iter().position(|instance| instance.number == number)
    }

    /// The outside drives (or releases) pin `pin` of port 'A' to 'K'. False if there is no such pin.
    pub fn drive_pin(&mut self, port: char, pin: u8, level: Option<bool>) -> bool {
        let Some(index) = "ABCDEFGHJK".chars().position(|name| name == port.to_ascii_uppercase()) else {
            return false;
        };
        match self.gpio.get_mut(index) {
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

    /// Where the byte at an address of a memory is kept in [`Bus::memory`], past all protections: for hosts that look into
    /// the model rather than through it.
    pub fn arena_offset(&self, address: u32) -> Option<u32> {
        self.regions.locate(address).map(|(_, offset)| offset)
    }

    /// Nanoseconds since power-on at virtual time `now`, which is not before the last change of the core's frequency.
    pub fn nanoseconds(&self, now: u64) -> u64 {
        self.time.nanoseconds(now, self.clocks.core)
    }

    /// Cuts the power at a flash operation to come, or (`None`) takes a cut back that has not come yet. The run then ends
    /// with [`Stop::Chip`](ironroot_cpu::machine::Stop::Chip) and [`POWER_CUT`](crate::supply::POWER_CUT).
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

    /// Power goes for the external flashes.
    fn cut_external(&mut self) {
        let now = self.now;
        for (nor, flash) in self.nor.iter_mut().zip(&mut self.external) {
            nor.power_on(flash, now);
        }
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
        let options = self.flash.options();
        let requester = if self.security.is_system_code(access) {
            Requester::Rss
        } else if self.security.is_secure_code(options, access) {
            Requester::Secure
        } else {
            Requester::Other
        };
        Caller {
            requester,
            secure_open: access.master == Master::Cpu && self.security.is_secure_area_open(),
            intrusion: self.security.intruded(options),
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
        self.clocks = self.rcc.clocks();
    }

    fn run_flash(&mut self, now: u64) {
        if self.is_off() {
            return;
        }
        let effects = self.flash.advance(&mut self.memory, map::USER_FLASH_OFFSET, now, &mut self.supply);
        if effects.erase_backup {
            let place = ironroot_layout::stm32h735::BACKUP_SRAM;
            if let Some((Storage::BackupSram, offset)) = self.regions.locate(place.start().value()) {
                self.memory.fill(offset, place.size().bytes() as usize, 0);
            }
            self.rtc.erase_backup();
            self.otfdec.iter_mut().for_each(Otfdec::erase_keys);
        }
    }

    fn run_external(&mut self, now: u64) {
        let units = self.nor.iter_mut().zip(&mut self.external).zip(&mut self.octospi);
        for (((nor, flash), octospi), window) in units.zip(&WINDOWS) {
            if self.supply.is_off() {
                return;
            }
            nor.advance(flash, window.region.start().value(), now, &mut self.supply);
            octospi.poll(nor);
        }
    }

    /// Does what is due at the current time.
    pub(crate) fn run_due(&mut self) {
        if self.event > self.now {
            return;
        }
        let now = self.now;
        self.run_flash(now);
        self.run_external(now);
        for index in 0..self.usart.len() {
            let timing = self.timing(index);
            self.usart[index].advance(now, timing);
        }
        self.settle();
    }

    /// Brings interrupt lines, next event and epoch up to date after a change of state.
    pub(crate) fn settle(&mut self) {
        self.event = self.flash.next_event();
        for nor in &self.nor {
            self.event = self.event.min(nor.next_event());
        }
        if self.is_off() {
            self.event = u64::MAX;
            self.request = Some(Request::Stop(POWER_CUT));
        }
        let mut lines = [0; 8];
        let mut set = |line: u8, raised: bool| {
            if let Some(word) = lines.get_mut(usize::from(line / 32)) {
                *word |= u32::from(raised) << (line % 32);
            }
        };
        set(FLASH_LINE, self.flash.raised());
        set(RNG_LINE, self.rng.raised(self.now));
        self.event = self.event.min(self.rng.next_event(self.now));
        for (usart, instance) in self.usart.iter().zip(&usart::INSTANCES) {
            self.event = self.event.min(usart.next_event());
            set(instance.line, usart.raised());
        }
        for ((octospi, otfdec), (line, other)) in
            self.octospi.iter().zip(&self.otfdec).zip(OCTOSPI_LINES.into_iter().zip(OTFDEC_LINES))
        {
            set(line, octospi.raised());
            set(other, otfdec.raised());
        }
        for (line, raised) in self.exti.lines() {
            set(line, raised);
        }
        self.irq = lines;
        if self.flash.take_rights_moved() {
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    pub(crate) fn vector_base(&self) -> u32 {
        self.vtor_base
    }

    /// Everything but memory, what the host has not yet taken, and warnings.
    pub(crate) fn hash_all(&self, hasher: &mut dyn Hasher) {
        let hasher = &mut { hasher };
        self.regions.hash(hasher);
        self.flash.hash(hasher);
        self.security.hash(hasher);
        self.rcc.hash(hasher);
        self.pwr.hash(hasher);
        self.syscfg.hash(hasher);
        self.gpio.hash(hasher);
        self.usart.hash(hasher);
        self.exti.hash(hasher);
        self.rtc.hash(hasher);
        self.dbgmcu.hash(hasher);
        self.fmc.hash(hasher);
        self.octospi.hash(hasher);
        self.otfdec.hash(hasher);
        self.rng.hash(hasher);
        self.external.hash(hasher);
        self.nor.hash(hasher);
        self.supply.hash(hasher);
        self.time.hash(hasher);
        self.stall.hash(hasher);
        self.irq.hash(hasher);
        self.uid.hash(hasher);
        self.boot0.hash(hasher);
    }
}

/// Power goes and comes back, for the chip and its core: RAM, registers and debug logic are as after power-on, the flashes
/// keep what they hold. Virtual time goes on.
pub fn power_cycle(machine: &mut Machine<Stm32h735>) {
    machine.core.bus.power_on();
    machine.power_on_core();
}

impl std::fmt::Debug for Stm32h735 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stm32h735({:?}, {:?}, at {})", self.mode(), self.options().read_protection(), self.now)
    }
}
