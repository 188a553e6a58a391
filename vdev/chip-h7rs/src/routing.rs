//! From the bus to the register blocks: byte lanes, clocks, and warnings for what is not there.

use ironroot_chip::peripherals::octospi::Effect;
use ironroot_chip::peripherals::registers::{Lanes, Written};
use ironroot_chip::warnings::Reason;
use ironroot_cpu::bus::{Access, BusFault, Master};

use crate::chip::Stm32h7rs;
use crate::flash::Answer;
use crate::map::{Block, Target};
use crate::peripherals::rcc::reset_register;
use crate::peripherals::{sbs, usart};

/// GPIO: BSRR, and BRR, which only clears.
const BSRR: u32 = 0x018;
const BRR: u32 = 0x028;
/// XSPI: the data register.
const XSPI_DR: u32 = 0x050;

impl Stm32h7rs {
    /// True if the block answers: its clock is on and its reset is released.
    pub(crate) fn is_alive(&self, block: &Block) -> bool {
        block.clock.is_none_or(|(enable, bit)| {
            self.rcc.bit(enable, bit) && !self.rcc.bit(reset_register(enable), bit)
        })
    }

    fn warn(&mut self, address: u32, access: &Access, block: Option<&Block>, reason: Reason) {
        self.warnings.add(address, access, block.map(|block| block.name), reason);
    }

    /// Why a block does not answer, if it does not.
    fn silence(&self, block: Option<&Block>) -> Option<Reason> {
        let Some(block) = block else { return Some(Reason::NotModelled) };
        if block.target.is_crypto() && !self.part.has_crypto() {
            return Some(Reason::NotOnThisPart);
        }
        (!self.is_alive(block)).then_some(Reason::NotClocked)
    }

    /// Reads a register.
    pub(crate) fn read_peripheral(
        &mut self,
        block: Option<&'static Block>,
        address: u32,
        access: &Access,
    ) -> Result<u32, BusFault> {
        let reason = self.silence(block);
        let Some(block) = block.filter(|_| reason.is_none()) else {
            self.warn(address, access, block, reason.unwrap_or(Reason::NotModelled));
            return Ok(0);
        };
        let lanes = Lanes::new(block.base, address, access.size);
        let value = self.read_target(block, lanes.offset, address, access);
        if value.is_none() {
            self.warn(address, access, Some(block), Reason::NotModelled);
        }
        Ok(lanes.read(value.unwrap_or(0)))
    }

    fn read_target(
        &mut self,
        block: &'static Block,
        offset: u32,
        address: u32,
        access: &Access,
    ) -> Option<u32> {
        let now = self.now;
        match block.target {
            Target::Flash => {
                let caller = self.caller(access);
                match self.flash.read_register(offset, &caller) {
                    Answer::Done(value) => Some(value),
                    Answer::Unknown => None,
                    Answer::NotFromRss => {
                        self.warn(address, access, Some(block), Reason::NotFromRss);
                        Some(0)
                    }
                }
            }
            Target::Rcc => self.rcc.read(offset),
            Target::Pwr => self.pwr.read(offset),
            Target::Sbs => self.sbs.read(offset),
            Target::Gpio(_) if offset == BRR => Some(0),
            Target::Gpio(port) => self.gpio.get(usize::from(port)).and_then(|gpio| gpio.read(offset)),
            Target::Usart(index) => {
                let value = self.usart.get_mut(usize::from(index)).and_then(|usart| usart.read(offset));
                // Only this read has an effect; polling loops read ISR millions of times.
                if offset == usart::RDR {
                    self.settle();
                }
                value
            }
            Target::Exti => self.exti.read(offset),
            Target::Rtc => self.rtc.read(offset),
            Target::Tamp => self.tamp.read(offset),
            Target::Iwdg => {
                let value = self.iwdg.read(offset, self.nanoseconds(now));
                self.settle();
                value
            }
            Target::Dbgmcu => self.dbgmcu.read(offset),
            Target::RamEcc(number) => self.ramecc.read_register(number, offset),
            Target::Crc => self.crc.read(offset),
            Target::Xspi(number) => {
                let value = self.external.read_xspi(usize::from(number), offset, access.size.bytes());
                if offset == XSPI_DR {
                    self.settle();
                }
                value
            }
            Target::Xspim => self.external.xspim.read(offset),
            Target::Mce(number) => self.external.read_mce(usize::from(number), offset, access.privileged),
            Target::Rng => {
                let value = self.rng.read(offset, now);
                self.settle();
                value
            }
            Target::Hash => self.hash.read(offset),
            Target::Cryp => {
                let value = self.cryp.read(offset);
                self.settle();
                value
            }
            Target::Saes => {
                let value = self.saes.read(offset, now);
                self.settle();
                value
            }
            Target::Pka => self.pka.read(offset, now),
            Target::Unmodelled => None,
        }
    }

    /// Writes a register.
    pub(crate) fn write_peripheral(
        &mut self,
        block: Option<&'static Block>,
        address: u32,
        value: u32,
        access: &Access,
    ) -> Result<(), BusFault> {
        let reason = self.silence(block);
        let Some(block) = block.filter(|_| reason.is_none()) else {
            self.warn(address, access, block, reason.unwrap_or(Reason::NotModelled));
            return Ok(());
        };
        let lanes = Lanes::new(block.base, address, access.size);
        let known = self.write_target(block, lanes.offset, address, lanes.written(value), access);
        self.settle();
        if !known? {
            self.warn(address, access, Some(block), Reason::NotModelled);
        }
        Ok(())
    }

    fn write_target(
        &mut self,
        block: &'static Block,
        offset: u32,
        address: u32,
        written: Written,
        access: &Access,
    ) -> Result<bool, BusFault> {
        let (now, core_hz) = (self.now, self.clocks.core);
        let by_core = access.master == Master::Cpu;
        Ok(match block.target {
            Target::Flash => {
                let caller = self.caller(access);
                match self.flash.write_register(offset, written, &caller)? {
                    Answer::Done(wait) => {
                        if let Some(end) = wait {
                            self.settle();
                            self.wait_until(end);
                        }
                        true
                    }
                    Answer::Unknown => false,
                    Answer::NotFromRss => {
                        self.warn(address, access, Some(block), Reason::NotFromRss);
                        true
                    }
                }
            }
            Target::Rcc => {
                let known = self.rcc.write(offset, written, self.pwr.backup_writable());
                self.retime();
                self.reset_blocks(offset);
                // Memories have clocks too.
                self.epoch = self.epoch.wrapping_add(1);
                known
            }
            Target::Pwr => {
                let before = self.pwr.backup_writable();
                let known = self.pwr.write(offset, written);
                if self.pwr.backup_writable() != before {
                    // The rights to backup SRAM moved.
                    self.epoch = self.epoch.wrapping_add(1);
                }
                known
            }
            Target::Sbs => match self.sbs.write(offset, written, by_core) {
                sbs::Effect::Stored => true,
                sbs::Effect::Unknown => false,
                sbs::Effect::Raise => {
                    self.raise_level();
                    true
                }
            },
            Target::Gpio(port) => {
                let (offset, written) = match offset {
                    BRR => (BSRR, Written { value: written.value << 16, mask: written.mask << 16 }),
                    _ => (offset, written),
                };
                self.gpio.get_mut(usize::from(port)).is_some_and(|gpio| gpio.write(offset, written))
            }
            Target::Usart(index) => {
                let timing = self.timing(usize::from(index));
                self.usart
                    .get_mut(usize::from(index))
                    .is_some_and(|usart| usart.write(offset, written, now, timing))
            }
            Target::Exti => self.exti.write(offset, written),
            Target::Rtc => self.rtc.write(offset, written, self.pwr.backup_writable()),
            Target::Tamp => {
                let known = self.tamp.write(offset, written, self.pwr.backup_writable());
                self.saes.set_boot_key(self.tamp.boot_key());
                known
            }
            Target::Iwdg => self.iwdg.write(offset, written, self.nanoseconds(now)),
            Target::Dbgmcu => self.dbgmcu.write(offset, written),
            Target::RamEcc(number) => self.ramecc.write_register(number, offset, written),
            Target::Crc => self.crc.write(offset, written),
            Target::Xspi(number) => {
                match self.external.write_xspi(usize::from(number), offset, written, now, core_hz) {
                    Effect::Stored => true,
                    Effect::Busy => {
                        self.warn(address, access, Some(block), Reason::Busy);
                        true
                    }
                    // A command that the memory does not know is worth the same warning as a register that is not there.
                    Effect::Command | Effect::Unknown => false,
                }
            }
            Target::Xspim => self.external.xspim.write(offset, written),
            Target::Mce(number) => self.external.write_mce(usize::from(number), offset, written, access),
            Target::Rng => self.rng.write(offset, written, now, core_hz),
            Target::Hash => self.hash.write(offset, written),
            Target::Cryp => self.cryp.write(offset, written),
            Target::Saes => {
                let known = self.saes.write(offset, written, now);
                if let Some(key) = self.saes.take_shared_key() {
                    self.cryp.share_key(key);
                }
                known
            }
            Target::Pka => self.pka.write(offset, written, now),
            Target::Unmodelled => false,
        })
    }

    /// A write to a reset register of RCC: resets the blocks whose bit is set.
    fn reset_blocks(&mut self, offset: u32) {
        for block in crate::map::BLOCKS {
            let Some((enable, bit)) = block.clock else { continue };
            let reset = reset_register(enable);
            if u32::from(reset) != offset || !self.rcc.bit(reset, bit) {
                continue;
            }
            match block.target {
                Target::Gpio(port) => {
                    if let Some(gpio) = self.gpio.get_mut(usize::from(port)) {
                        gpio.reset();
                    }
                }
                Target::Usart(index) => {
                    if let Some(usart) = self.usart.get_mut(usize::from(index)) {
                        usart.reset();
                    }
                }
                Target::Xspi(number) => {
                    if let Some(xspi) = self.external.xspi.get_mut(usize::from(number)) {
                        xspi.reset();
                    }
                }
                Target::Xspim => self.external.xspim.reset(),
                Target::Mce(number) => {
                    if let Some(mce) = self.external.mce.get_mut(usize::from(number)) {
                        mce.reset();
                    }
                }
                Target::Crc => self.crc.reset(),
                Target::Rng => self.rng.reset(),
                Target::Hash => self.hash.reset(),
                Target::Cryp => self.cryp.reset(),
                Target::Saes => self.saes.reset(),
                Target::Pka => self.pka.reset(),
                // SBS keeps level and debug opening: only a system reset takes them back.
                _ => {}
            }
        }
    }
}
