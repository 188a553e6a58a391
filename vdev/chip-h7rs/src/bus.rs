//! The chip as its core sees it: the [`Bus`] implementation.

use std::hash::Hasher;

use ironroot_chip::peripherals::rcc::ResetCause;
use ironroot_chip::rules::Verdict;
use ironroot_chip::warnings::Reason;
use ironroot_cpu::bus::{Access, Bus, BusFault, IrqLines, Kind, Master, Request, Size};
use ironroot_cpu::memory::Memory;
use ironroot_cpu::scs::CoreConfig;
use ironroot_layout::stm32h7rs::{FLASH, OTP, rsslib};

use crate::chip::Stm32h7rs;
use crate::map::{self, Storage, block_at};
use crate::peripherals::xspi_windows::ExternalBus;

/// Size of a page that [`Bus::map`] answers for.
const PAGE: u32 = 1024;
/// Protected areas begin and end at multiples of this; the table of services does not, and its page is never mapped.
const UNIT: u32 = 256;

impl Stm32h7rs {
    /// Waits until the flash can be read: the reader stalls, virtual time goes on without it.
    fn wait_for_flash(&mut self) {
        if let Some(end) = self.flash.busy_until() {
            self.wait_until(end);
        }
    }

    pub(crate) fn wait_until(&mut self, end: u64) {
        if end > self.now {
            self.stall = self.stall.saturating_add(end - self.now);
            self.sync(end);
        }
        self.run_due();
    }

    fn warn_dead(&mut self, storage: Storage, address: u32, access: &Access) {
        // One warning a memory: the address would make one for each word.
        let base =
            self.regions.all().find(|region| region.storage == storage).map_or(address, |region| region.base);
        self.warnings.add(base, access, Some(storage.name()), Reason::NotClocked);
    }

    fn read_memory(
        &mut self,
        storage: Storage,
        offset: u32,
        address: u32,
        access: &Access,
    ) -> Result<u32, BusFault> {
        if matches!(storage, Storage::UserFlash | Storage::Otp | Storage::SystemFlash) {
            self.wait_for_flash();
        }
        if !self.is_powered(storage) {
            self.warn_dead(storage, address, access);
            return Ok(0);
        }
        match self.verdict(address, access.master, access.kind, access.pc) {
            None | Some(Verdict::Allow) => {}
            Some(Verdict::ReadZero(flag) | Verdict::Ignore(flag)) => {
                self.flash.raise(flag);
                self.settle();
                return Ok(0);
            }
            Some(Verdict::Error(flag)) => {
                if let Some(flag) = flag {
                    self.flash.raise(flag);
                    self.settle();
                }
                return Err(BusFault);
            }
        }
        match storage {
            Storage::UserFlash => {
                let at = address - FLASH.start().value();
                if !self.flash.page_is_sound(at & !(PAGE - 1)) {
                    let checked = self.flash.check_word(at);
                    self.settle();
                    checked.map_err(|_| BusFault)?;
                }
            }
            Storage::Otp => {
                // A word access reads two of them.
                let at = address - OTP.start().value();
                for half in (at & !1..at + access.size.bytes()).step_by(2) {
                    let checked = self.flash.check_otp(half);
                    self.settle();
                    checked.map_err(|_| BusFault)?;
                }
            }
            _ if self.ramecc.any() => {
                let memory = &self.memory;
                let checked = self.ramecc.read(storage, address, offset, |place| word_at(memory, place));
                self.settle();
                checked.map_err(|_| BusFault)?;
            }
            _ => {}
        }
        Ok(self.memory.read(offset, access.size))
    }

    fn write_memory(
        &mut self,
        storage: Storage,
        offset: u32,
        address: u32,
        value: u32,
        access: &Access,
    ) -> Result<(), BusFault> {
        let verdict = self.verdict(address, access.master, Kind::Write, access.pc);
        let allowed = matches!(verdict, None | Some(Verdict::Allow));
        let bytes = value.to_le_bytes();
        let bytes = bytes.get(..access.size.bytes() as usize).unwrap_or(&[]);
        let caller = self.caller(access);
        let wait = match storage {
            Storage::UserFlash => self.flash.store(address - FLASH.start().value(), bytes, allowed, &caller),
            Storage::Otp => self.flash.store_otp(address - OTP.start().value(), bytes, &caller),
            Storage::SystemFlash | Storage::Information => {
                if let Some(Verdict::Ignore(flag)) = verdict {
                    self.flash.raise(flag);
                }
                None
            }
            _ if !self.is_powered(storage) => {
                self.warn_dead(storage, address, access);
                return Ok(());
            }
            Storage::BackupSram if !self.pwr.backup_writable() => return Ok(()),
            _ => {
                if self.ramecc.any() {
                    let memory = &self.memory;
                    self.ramecc.write(storage, address, offset, access.size, |place| word_at(memory, place));
                    self.epoch = self.epoch.wrapping_add(1);
                    self.settle();
                }
                self.memory.write(offset, value, access.size);
                return Ok(());
            }
        };
        self.settle();
        if let Some(end) = wait {
            self.wait_until(end);
        }
        Ok(())
    }

    /// True if all bytes of the page at `page` have the same free rights for this kind of access, wherever the instruction
    /// lies that makes it.
    fn is_uniform(&self, page: u32, kind: Kind) -> bool {
        let table = rsslib::TABLE.start().value();
        if page == table & !(PAGE - 1) {
            return false;
        }
        (page..page + PAGE).step_by(UNIT as usize).all(|unit| {
            // A fetch is made by the code itself; a read by any.
            let pc = if kind == Kind::Fetch { unit } else { 0 };
            matches!(self.verdict(unit, Master::Cpu, kind, pc), None | Some(Verdict::Allow))
        })
    }

    /// Interrupt lines of the external memories' side.
    fn external_raised(&self) -> u8 {
        let xspi = self.external.xspi.iter().map(|unit| unit.raised());
        let mce = self.external.mce.iter().map(|unit| unit.raised());
        xspi.chain(mce).fold(0, |lines, raised| lines << 1 | u8::from(raised))
    }

    /// True if an XSPI answers at all.
    fn check_window(&mut self, number: usize) -> Result<(), BusFault> {
        let block = block_at([0x5200_5000, 0x5200_A000].get(number).copied().unwrap_or(0));
        if block.is_some_and(|block| self.is_alive(block)) { Ok(()) } else { Err(BusFault) }
    }
}

fn word_at(memory: &Memory, place: u32) -> u64 {
    u64::from(memory.read(place, Size::Word)) | u64::from(memory.read(place + 4, Size::Word)) << 32
}

impl Bus for Stm32h7rs {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    fn map(&mut self, address: u32, access: Access) -> Option<u32> {
        if access.master != Master::Cpu {
            return None;
        }
        self.sync(access.now);
        self.run_due();
        let page = address & !(PAGE - 1);
        let (storage, offset) = self.regions.locate(page)?;
        let direct = match storage {
            Storage::UserFlash | Storage::SystemFlash => {
                access.kind != Kind::Write
                    && self.flash.busy_until().is_none()
                    && (storage == Storage::SystemFlash
                        || self.flash.page_is_sound(page - FLASH.start().value()))
                    && self.is_uniform(page, access.kind)
            }
            Storage::Otp | Storage::Information => false,
            Storage::BackupSram if access.kind == Kind::Write && !self.pwr.backup_writable() => false,
            _ => self.is_powered(storage) && !self.ramecc.touches_page(offset),
        };
        direct.then_some(offset)
    }

    fn read(&mut self, address: u32, access: Access) -> Result<u32, BusFault> {
        self.sync(access.now);
        self.run_due();
        if let Some((storage, offset)) = self.regions.locate(address) {
            return self.read_memory(storage, offset, address, &access);
        }
        if let Some(number) = ExternalBus::locate(address) {
            self.check_window(number)?;
            let before = self.external_raised();
            let result = self.external.read_window(address, &access);
            // Code that runs from here fetches millions of times without raising anything.
            if result.is_err() || self.external_raised() != before || self.external.next_event() < self.event
            {
                self.settle();
            }
            return result;
        }
        if access.kind != Kind::Fetch && map::is_peripheral(address) {
            return self.read_peripheral(block_at(address), address, &access);
        }
        Err(BusFault)
    }

    fn write(&mut self, address: u32, value: u32, access: Access) -> Result<(), BusFault> {
        self.sync(access.now);
        self.run_due();
        if self.is_off() {
            // The rest of the instruction in which the power went.
            return Ok(());
        }
        if let Some((storage, offset)) = self.regions.locate(address) {
            return self.write_memory(storage, offset, address, value, &access);
        }
        if let Some(number) = ExternalBus::locate(address) {
            self.check_window(number)?;
            let before = self.external_raised();
            let result = self.external.write_window(address, value, &access, self.clocks.core);
            if result.is_err() || self.external_raised() != before || self.external.next_event() < self.event
            {
                self.settle();
            }
            if result == Ok(false) {
                // One warning a window: the address would make one for each word.
                let base = address & 0xF000_0000;
                self.warnings.add(base, &access, Some("the external memory"), Reason::NotModelled);
            }
            return result.map(|_| ());
        }
        if map::is_peripheral(address) {
            return self.write_peripheral(block_at(address), address, value, &access);
        }
        Err(BusFault)
    }

    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn irq_lines(&self) -> &IrqLines {
        &self.irq
    }

    fn next_event(&self) -> u64 {
        self.event
    }

    fn advance(&mut self, now: u64) {
        self.sync(now);
        self.run_due();
    }

    fn take_stall(&mut self) -> u64 {
        std::mem::take(&mut self.stall)
    }

    fn take_request(&mut self) -> Option<Request> {
        if self.is_off() {
            // Every attempt to run on ends here.
            return self.request;
        }
        self.request.take()
    }

    fn system_reset(&mut self, now: u64) {
        self.sync(now);
        let watchdog = self.iwdg.expired();
        self.reset(if watchdog { ResetCause::Watchdog } else { ResetCause::Software });
    }

    fn reset_vector_base(&self) -> u32 {
        rsslib::RESET_VECTORS.value()
    }

    fn debug_halt_allowed(&self, pc: u32) -> bool {
        self.debug_event_allowed(pc)
    }

    fn core_config(&self) -> CoreConfig {
        // Cortex-M7 r1p2; lines up to FDCAN2_IT1 (155).
        CoreConfig { cpuid: 0x411F_C272, priority_bits: 4, irq_count: 156, systick_divider: 8 }
    }

    fn console(&mut self, text: &[u8]) {
        self.console.extend_from_slice(text);
    }

    fn hash_state(&self, hasher: &mut dyn Hasher) {
        self.hash_all(hasher);
    }
}
