//! Loads, stores and fetches: the fast path through the TLB, and the byte-exact way with MPU, watchpoints, device rules and
//! the private peripheral bus.

use crate::bus::{Access, Bus, Kind, Master, Size};
use crate::core::{Core, Fault};
use crate::op::{Args, Flow};
use crate::tlb::PAGE_MASK;

/// Who makes a data access, and when.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub pc: u32,
    pub now: u64,
    pub privileged: bool,
}

/// First address of the private peripheral bus; it is 1 MiB long (B3.1).
const PPB_BASE: u32 = 0xE000_0000;

/// The default memory map's answer for ordering (B3.1): Device or Strongly-ordered memory refuses unaligned accesses.
pub(crate) fn is_device_by_default(address: u32) -> bool {
    matches!(address >> 29, 2 | 5 | 6 | 7)
}

impl<B: Bus> Core<B> {
    /// Loads a word; any alignment that the rules allow.
    #[inline(always)]
    pub fn load_word(&mut self, address: u32, args: &Args) -> Result<u32, Flow> {
        if let Some(offset) = self.tlb.read.find::<4>(address)
            && let Some(bytes) = self.bus.memory().bytes().get(offset..offset + 4)
        {
            return Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        }
        self.load_slow(address, Size::Word, args)
    }

    /// Loads a halfword, zero-extended.
    #[inline(always)]
    pub fn load_half(&mut self, address: u32, args: &Args) -> Result<u32, Flow> {
        if let Some(offset) = self.tlb.read.find::<2>(address)
            && let Some(bytes) = self.bus.memory().bytes().get(offset..offset + 2)
        {
            return Ok(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        }
        self.load_slow(address, Size::Half, args)
    }

    /// Loads a byte, zero-extended.
    #[inline(always)]
    pub fn load_byte(&mut self, address: u32, args: &Args) -> Result<u32, Flow> {
        if let Some(offset) = self.tlb.read.find::<1>(address)
            && let Some(byte) = self.bus.memory().bytes().get(offset)
        {
            return Ok(u32::from(*byte));
        }
        self.load_slow(address, Size::Byte, args)
    }

    /// Stores a word; any alignment that the rules allow.
    #[inline(always)]
    pub fn store_word(&mut self, address: u32, value: u32, args: &Args) -> Result<(), Flow> {
        if let Some(offset) = self.tlb.write.find::<4>(address)
            && let Some(bytes) = self.bus.memory_mut().bytes_mut().get_mut(offset..offset + 4)
        {
            bytes.copy_from_slice(&value.to_le_bytes());
            return Ok(());
        }
        self.store_slow(address, value, Size::Word, args)
    }

    /// Stores the low halfword of `value`.
    #[inline(always)]
    pub fn store_half(&mut self, address: u32, value: u32, args: &Args) -> Result<(), Flow> {
        if let Some(offset) = self.tlb.write.find::<2>(address)
            && let Some(bytes) = self.bus.memory_mut().bytes_mut().get_mut(offset..offset + 2)
        {
            bytes.copy_from_slice(&(value as u16).to_le_bytes());
            return Ok(());
        }
        self.store_slow(address, value, Size::Half, args)
    }

    /// Stores the low byte of `value`.
    #[inline(always)]
    pub fn store_byte(&mut self, address: u32, value: u32, args: &Args) -> Result<(), Flow> {
        if let Some(offset) = self.tlb.write.find::<1>(address)
            && let Some(byte) = self.bus.memory_mut().bytes_mut().get_mut(offset)
        {
            *byte = value as u8;
            return Ok(());
        }
        self.store_slow(address, value, Size::Byte, args)
    }

    /// Loads a word for an instruction that always requires alignment (LDM, LDRD, LDREX, VLDR).
    #[inline(always)]
    pub fn load_word_aligned(&mut self, address: u32, args: &Args) -> Result<u32, Flow> {
        if address & 3 != 0 {
            return Err(self.raise(Fault::Unaligned));
        }
        self.load_word(address, args)
    }

    /// Stores a word for an instruction that always requires alignment.
    #[inline(always)]
    pub fn store_word_aligned(&mut self, address: u32, value: u32, args: &Args) -> Result<(), Flow> {
        if address & 3 != 0 {
            return Err(self.raise(Fault::Unaligned));
        }
        self.store_word(address, value, args)
    }

    /// Loads with unprivileged rights whatever the mode (LDRT and kin).
    pub fn load_unprivileged(&mut self, address: u32, size: Size, args: &Args) -> Result<u32, Flow> {
        let origin = Origin { pc: self.pc_of(args), now: self.now(args), privileged: false };
        self.load_split(address, size, origin)
    }

    /// Stores with unprivileged rights whatever the mode (STRT and kin).
    pub fn store_unprivileged(
        &mut self,
        address: u32,
        value: u32,
        size: Size,
        args: &Args,
    ) -> Result<(), Flow> {
        let origin = Origin { pc: self.pc_of(args), now: self.now(args), privileged: false };
        self.store_split(address, value, size, origin)
    }

    fn origin(&self, args: &Args) -> Origin {
        Origin { pc: self.pc_of(args), now: self.now(args), privileged: self.privileged() }
    }

    #[cold]
    #[inline(never)]
    fn load_slow(&mut self, address: u32, size: Size, args: &Args) -> Result<u32, Flow> {
        let origin = self.origin(args);
        self.load_split(address, size, origin)
    }

    #[cold]
    #[inline(never)]
    fn store_slow(&mut self, address: u32, value: u32, size: Size, args: &Args) -> Result<(), Flow> {
        let origin = self.origin(args);
        self.store_split(address, value, size, origin)
    }

    /// Whether an unaligned access at `address` is refused: by CCR.UNALIGN_TRP, or because the memory is Device (A3.2.1).
    fn refuses_unaligned(&self, address: u32) -> bool {
        self.scs.unaligned_traps()
            || self.scs.mpu.is_device(address, self.scs.mpu_in_force(self.ipsr, self.faultmask))
    }

    /// Any alignment: an unaligned access becomes byte accesses in ascending order.
    pub(crate) fn load_split(&mut self, address: u32, size: Size, origin: Origin) -> Result<u32, Flow> {
        if address & (size.bytes() - 1) == 0 {
            return self.load_once(address, size, origin).map_err(|fault| self.raise(fault));
        }
        if self.refuses_unaligned(address) {
            return Err(self.raise(Fault::Unaligned));
        }
        let mut value = 0;
        for i in 0..size.bytes() {
            let byte = self
                .load_once(address.wrapping_add(i), Size::Byte, origin)
                .map_err(|fault| self.raise(fault))?;
            value |= byte << (8 * i);
        }
        Ok(value)
    }

    /// Any alignment: an unaligned access becomes byte accesses in ascending order.
    pub(crate) fn store_split(
        &mut self,
        address: u32,
        value: u32,
        size: Size,
        origin: Origin,
    ) -> Result<(), Flow> {
        if address & (size.bytes() - 1) == 0 {
            let stored = self.store_once(address, value & size.mask(), size, origin);
            return stored.map_err(|fault| self.raise(fault));
        }
        if self.refuses_unaligned(address) {
            return Err(self.raise(Fault::Unaligned));
        }
        for i in 0..size.bytes() {
            self.store_once(address.wrapping_add(i), (value >> (8 * i)) & 0xFF, Size::Byte, origin)
                .map_err(|fault| self.raise(fault))?;
        }
        Ok(())
    }

    /// One aligned read with every check.
    pub(crate) fn load_once(&mut self, address: u32, size: Size, origin: Origin) -> Result<u32, Fault> {
        if address >> 20 == PPB_BASE >> 20 {
            self.sync = true;
            return match self.ppb_read(address, size, origin) {
                Some(value) => Ok(value),
                None => self.data_bus_error(address).map(|()| 0),
            };
        }
        let enforced = self.scs.mpu_in_force(self.ipsr, self.faultmask);
        if enforced && !self.scs.mpu.allows(address, Kind::Read, origin.privileged) {
            return Err(Fault::MemManageData(address));
        }
        let access = self.access(Kind::Read, size, origin);
        let watched = self.scs.watch.covers_page(address);
        if !watched && let Some(base) = self.bus.map(address, access) {
            self.sync_epoch();
            if origin.privileged == self.privileged() && (!enforced || self.scs.mpu.page_is_uniform(address))
            {
                self.tlb.read.insert(address, base);
            }
            return Ok(self.bus.memory().read(base + (address & !PAGE_MASK), size));
        }
        let result = self.bus.read(address, access);
        self.after_bus_access();
        if watched {
            self.scs.watch.note(address, size, Kind::Read);
        }
        result.or_else(|_| self.data_bus_error(address).map(|()| 0))
    }

    /// One aligned write with every check.
    pub(crate) fn store_once(
        &mut self,
        address: u32,
        value: u32,
        size: Size,
        origin: Origin,
    ) -> Result<(), Fault> {
        if address >> 20 == PPB_BASE >> 20 {
            self.sync = true;
            return match self.ppb_write(address, value, size, origin) {
                Some(()) => Ok(()),
                None => self.data_bus_error(address),
            };
        }
        let enforced = self.scs.mpu_in_force(self.ipsr, self.faultmask);
        if enforced && !self.scs.mpu.allows(address, Kind::Write, origin.privileged) {
            return Err(Fault::MemManageData(address));
        }
        let access = self.access(Kind::Write, size, origin);
        let watched = self.scs.watch.covers_page(address);
        if !watched && let Some(base) = self.bus.map(address, access) {
            self.sync_epoch();
            let uniform = !enforced || self.scs.mpu.page_is_uniform(address);
            if origin.privileged == self.privileged()
                && uniform
                && self.bus.memory_mut().open_for_direct_writes(base)
            {
                self.tlb.write.insert(address, base);
            }
            self.bus.memory_mut().write(base + (address & !PAGE_MASK), value, size);
            self.sync |= self.bus.memory().has_code_writes();
            return Ok(());
        }
        let result = self.bus.write(address, value, access);
        self.after_bus_access();
        if watched {
            self.scs.watch.note(address, size, Kind::Write);
        }
        result.or_else(|_| self.data_bus_error(address))
    }

    /// A precise bus error of a data access: a fault, unless a handler of priority -1 or -2 (or FAULTMASK) asked by
    /// CCR.BFHFNMIGN that it only be noted (B3.2.8); a load then gives 0.
    #[cold]
    fn data_bus_error(&mut self, address: u32) -> Result<(), Fault> {
        if self.scs.ignores_bus_faults_in_hard_fault() && self.execution_priority() < 0 {
            self.scs.cfsr |= crate::scs::cfsr::PRECISERR | crate::scs::cfsr::BFARVALID;
            self.scs.bfar = address;
            return Ok(());
        }
        Err(Fault::BusData(address))
    }

    /// Arena offset of the 1 KiB page that holds the instruction at `address`, if the page may be fetched from as a whole;
    /// `Ok(None)` if only byte-exact fetches can tell.
    pub(crate) fn fetch_page(&mut self, address: u32) -> Result<Option<u32>, Fault> {
        if let Some(offset) = self.tlb.fetch.find::<1>(address) {
            return Ok(Some(offset as u32 & PAGE_MASK));
        }
        let privileged = self.privileged();
        let enforced = self.scs.mpu_in_force(self.ipsr, self.faultmask);
        if !self.may_execute(address, enforced, privileged) {
            return Err(Fault::MemManageFetch);
        }
        let origin = Origin { pc: address, now: self.cycles, privileged };
        let access = self.access(Kind::Fetch, Size::Half, origin);
        let base = self.bus.map(address, access);
        self.sync_epoch();
        if let Some(base) = base
            && (!enforced || self.scs.mpu.page_is_uniform(address))
        {
            self.tlb.fetch.insert(address, base);
            return Ok(Some(base));
        }
        Ok(None)
    }

    /// Fetches one halfword the byte-exact way.
    pub(crate) fn fetch_half(&mut self, address: u32) -> Result<u16, Fault> {
        let privileged = self.privileged();
        let enforced = self.scs.mpu_in_force(self.ipsr, self.faultmask);
        if !self.may_execute(address, enforced, privileged) {
            return Err(Fault::MemManageFetch);
        }
        let origin = Origin { pc: address, now: self.cycles, privileged };
        let access = self.access(Kind::Fetch, Size::Half, origin);
        let result = self.bus.read(address, access);
        self.cycles += self.bus.take_stall();
        self.sync_epoch();
        result.map(|value| value as u16).map_err(|_| Fault::BusFetch)
    }

    /// The system space and, by the default map, device regions are execute-never (B3.1); else the MPU decides.
    fn may_execute(&self, address: u32, enforced: bool, privileged: bool) -> bool {
        if address >= PPB_BASE {
            return false;
        }
        if enforced {
            self.scs.mpu.allows(address, Kind::Fetch, privileged)
        } else {
            !is_device_by_default(address)
        }
    }

    fn access(&self, kind: Kind, size: Size, origin: Origin) -> Access {
        Access {
            master: Master::Cpu,
            kind,
            privileged: origin.privileged,
            secure: false,
            size,
            pc: origin.pc,
            now: origin.now,
        }
    }

    /// After anything that may have moved a protection: translations of an older epoch are dropped.
    pub(crate) fn sync_epoch(&mut self) {
        let epoch = self.bus.epoch();
        if self.tlb.epoch != epoch {
            self.tlb.flush();
            self.tlb.epoch = epoch;
            self.sync = true;
        }
    }

    fn after_bus_access(&mut self) {
        self.sync = true;
        // Inside a block the first counts, between blocks (exception entry and return) the second.
        let stall = self.bus.take_stall();
        self.block_cycles += stall;
        self.cycles += stall;
        self.sync_epoch();
    }
}

impl<B: Bus> Core<B> {
    /// The instruction halfwords at `pc` as the core itself would fetch them, for traces: no faults, no side effects beyond
    /// cached translations. None where the page cannot be read as a whole.
    pub fn peek_code(&mut self, pc: u32) -> Option<(u16, u16)> {
        let half = |core: &mut Self, address: u32| {
            let base = core.fetch_page(address).ok()??;
            Some(core.bus.memory().read(base + (address & !PAGE_MASK), Size::Half) as u16)
        };
        // The second halfword may lie on another page, somewhere else in the arena; where it cannot be read it is no part of
        // an instruction that runs.
        let first = half(self, pc)?;
        Some((first, half(self, pc.wrapping_add(2)).unwrap_or(0)))
    }
}
