//! The chip as its core sees it: the [`Bus`] implementation.

use std::hash::Hasher;

use ironroot_cpu::bus::{Access, Bus, BusFault, IrqLines, Kind, Master, Request};
use ironroot_cpu::memory::Memory;
use ironroot_cpu::scs::CoreConfig;

use crate::chip::Stm32h735;
use crate::external;
use crate::flash::bank_offset;
use crate::map::{self, Storage, block_at};
use crate::peripherals::rcc::ResetCause;
use crate::rules::Verdict;

/// Size of a page that [`Bus::map`] answers for.
const PAGE: u32 = 1024;
/// Protected areas begin and end at multiples of this.
const UNIT: u32 = 256;

impl Stm32h735 {
    /// The core fetches at `address`: closes what was waiting for that.
    fn note_fetch(&mut self, address: u32, access: &Access) {
        if access.kind == Kind::Fetch && access.master == Master::Cpu && self.security.fetch(address) {
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    /// Waits until the flash can be read: the reader stalls, virtual time goes on without it.
    fn wait_for_flash(&mut self) {
        if let Some(end) = self.flash.busy_until() {
            self.wait_until(end);
        }
    }

    fn wait_until(&mut self, end: u64) {
        if end > self.now {
            self.stall = self.stall.saturating_add(end - self.now);
            self.sync(end);
        }
        self.run_due();
    }

    fn read_memory(
        &mut self,
        storage: Storage,
        offset: u32,
        address: u32,
        access: &Access,
    ) -> Result<u32, BusFault> {
        let in_flash = matches!(storage, Storage::UserFlash | Storage::SystemFlash);
        if in_flash {
            self.wait_for_flash();
        }
        match self.verdict(address, access.master, access.kind) {
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
        if storage == Storage::UserFlash && !self.flash.page_is_sound(bank_offset(address) & !(PAGE - 1)) {
            let checked = self.flash.check_word(bank_offset(address));
            self.settle();
            checked.map_err(|_| BusFault)?;
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
        let verdict = self.verdict(address, access.master, Kind::Write);
        match storage {
            Storage::UserFlash => {
                let bytes = value.to_le_bytes();
                let bytes = bytes.get(..access.size.bytes() as usize).unwrap_or(&[]);
                let caller = self.caller(access);
                let allowed = verdict == Some(Verdict::Allow);
                let wait = self.flash.store(bank_offset(address), bytes, allowed, &caller);
                self.settle();
                if let Some(end) = wait {
                    self.wait_until(end);
                }
                return Ok(());
            }
            Storage::SystemFlash => {
                if let Some(Verdict::Ignore(flag)) = verdict {
                    self.flash.raise(flag);
                    self.settle();
                }
                return Ok(());
            }
            Storage::BackupSram if verdict != Some(Verdict::Allow) => return Err(BusFault),
            Storage::BackupSram if !self.pwr.backup_writable() => return Ok(()),
            _ => {}
        }
        self.memory.write(offset, value, access.size);
        Ok(())
    }

    /// True if all bytes of the page at `page` have the same free rights for this kind of access.
    fn is_uniform(&self, page: u32, kind: Kind) -> bool {
        (page..page + PAGE)
            .step_by(UNIT as usize)
            .all(|unit| matches!(self.verdict(unit, Master::Cpu, kind), None | Some(Verdict::Allow)))
    }
}

impl Bus for Stm32h735 {
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
        self.note_fetch(address, &access);
        let page = address & !(PAGE - 1);
        let (storage, offset) = self.regions.locate(page)?;
        let direct = match storage {
            Storage::UserFlash | Storage::SystemFlash => {
                access.kind != Kind::Write
                    && self.flash.busy_until().is_none()
                    && (storage == Storage::SystemFlash || self.flash.page_is_sound(bank_offset(page)))
                    && self.is_uniform(page, access.kind)
            }
            Storage::BackupSram => {
                self.is_uniform(page, access.kind)
                    && (access.kind != Kind::Write || self.pwr.backup_writable())
            }
            _ => true,
        };
        direct.then_some(offset)
    }

    fn read(&mut self, address: u32, access: Access) -> Result<u32, BusFault> {
        self.sync(access.now);
        self.run_due();
        self.note_fetch(address, &access);
        if let Some((storage, offset)) = self.regions.locate(address) {
            return self.read_memory(storage, offset, address, &access);
        }
        if let Some(place) = external::locate(address) {
            return self.read_window(place, address, &access);
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
        if let Some(place) = external::locate(address) {
            return self.write_window(place, address, value, &access);
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
        self.reset(ResetCause::Software);
    }

    fn reset_vector_base(&self) -> u32 {
        self.vector_base()
    }

    fn debug_halt_allowed(&self, pc: u32) -> bool {
        self.debug_event_allowed(pc)
    }

    fn core_config(&self) -> CoreConfig {
        // Cortex-M7 r1p1; lines up to TIM24 (162).
        CoreConfig { cpuid: 0x411F_C271, priority_bits: 4, irq_count: 163, systick_divider: 8 }
    }

    fn console(&mut self, text: &[u8]) {
        self.console.extend_from_slice(text);
    }

    fn hash_state(&self, hasher: &mut dyn Hasher) {
        self.hash_all(hasher);
    }
}
