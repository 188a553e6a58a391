//! From the bus to the register blocks: byte lanes, clocks, and warnings for what is not there.

use ironroot_cpu::bus::{Access, BusFault};

use crate::chip::Stm32h735;
use crate::map::{Block, Target};
use crate::peripherals::octospi::{self, Effect};
use crate::peripherals::otfdec;
use crate::peripherals::rcc::RSTR_TO_ENR;
use crate::peripherals::registers::{Lanes, Written};
use crate::peripherals::usart;
use crate::rssc;
use crate::warnings::Reason;

impl Stm32h735 {
    /// True if the block answers: its clock is on and its reset is released.
    pub(crate) fn is_alive(&self, block: &Block) -> bool {
        block
            .clock
            .is_none_or(|(enable, bit)| self.rcc.bit(enable, bit) && !self.rcc.bit(enable - RSTR_TO_ENR, bit))
    }

    fn warn(&mut self, address: u32, access: &Access, block: Option<&Block>, reason: Reason) {
        self.warnings.add(address, access, block.map(|block| block.name), reason);
    }

    /// Reads a register.
    pub(crate) fn read_peripheral(
        &mut self,
        block: Option<&'static Block>,
        address: u32,
        access: &Access,
    ) -> Result<u32, BusFault> {
        let Some(block) = block else {
            self.warn(address, access, None, Reason::NotModelled);
            return Ok(0);
        };
        if !self.is_alive(block) {
            self.warn(address, access, Some(block), Reason::NotClocked);
            return Ok(0);
        }
        let lanes = Lanes::new(block.base, address, access.size);
        let value = self.read_target(block, lanes.offset, address, access)?;
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
    ) -> Result<Option<u32>, BusFault> {
        Ok(match block.target {
            Target::Flash if rssc::WINDOW.contains(&offset) => {
                if !self.security.is_system_code(access) {
                    self.warn(address, access, Some(block), Reason::NotFromRss);
                }
                Some(self.security.read_rssc(offset, access))
            }
            Target::Flash => self.flash.read_register(offset)?,
            Target::Rcc => self.rcc.read(offset),
            Target::Pwr => self.pwr.read(offset),
            Target::Syscfg => self.syscfg.read(offset, self.flash.options()),
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
            Target::Rtc => {
                let accessible = !self.security.intruded(self.flash.options());
                self.rtc.read(offset, accessible)
            }
            Target::Dbgmcu => self.dbgmcu.read(offset),
            Target::Fmc => self.fmc.read(offset),
            Target::Octospi(number) => {
                let number = usize::from(number);
                let (Some(unit), Some(nor), Some(flash)) =
                    (self.octospi.get_mut(number), self.nor.get(number), self.external.get(number))
                else {
                    return Ok(None);
                };
                let value = unit.read(offset, access.size.bytes(), nor, flash);
                // Only this read has an effect; polling loops read SR millions of times.
                if offset == octospi::DR {
                    self.settle();
                }
                value
            }
            Target::Otfdec(number) => self.otfdec.get(usize::from(number)).and_then(|unit| unit.read(offset)),
            Target::Rng => {
                let clocked = self.rcc.rng_clocked();
                let value = self.rng.read(offset, self.now, self.clocks.core, clocked);
                // The line follows the words.
                self.settle();
                value
            }
            Target::Unmodelled => None,
        })
    }

    /// Writes a register.
    pub(crate) fn write_peripheral(
        &mut self,
        block: Option<&'static Block>,
        address: u32,
        value: u32,
        access: &Access,
    ) -> Result<(), BusFault> {
        let Some(block) = block else {
            self.warn(address, access, None, Reason::NotModelled);
            return Ok(());
        };
        if !self.is_alive(block) {
            self.warn(address, access, Some(block), Reason::NotClocked);
            return Ok(());
        }
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
        let now = self.now;
        Ok(match block.target {
            Target::Flash if rssc::WINDOW.contains(&offset) => {
                if !self.security.is_system_code(access) {
                    self.warn(address, access, Some(block), Reason::NotFromRss);
                }
                if self.security.write_rssc(offset, written.value, access) {
                    self.epoch = self.epoch.wrapping_add(1);
                }
                true
            }
            Target::Flash => {
                let caller = self.caller(access);
                let (known, wait) = self.flash.write_register(offset, written, &caller)?;
                if let Some(end) = wait
                    && end > now
                {
                    self.stall = self.stall.saturating_add(end - now);
                    self.sync(end);
                    self.settle();
                    self.run_due();
                }
                known
            }
            Target::Rcc => {
                let known = self.rcc.write(offset, written, self.pwr.backup_writable());
                self.retime();
                self.reset_blocks(offset);
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
            Target::Syscfg => self.syscfg.write(offset, written),
            Target::Gpio(port) => {
                self.gpio.get_mut(usize::from(port)).is_some_and(|gpio| gpio.write(offset, written))
            }
            Target::Usart(index) => {
                let timing = self.timing(usize::from(index));
                self.usart
                    .get_mut(usize::from(index))
                    .is_some_and(|usart| usart.write(offset, written, now, timing))
            }
            Target::Exti => self.exti.write(offset, written),
            Target::Rtc => {
                let accessible = !self.security.intruded(self.flash.options());
                self.rtc.write(offset, written, self.pwr.backup_writable(), accessible)
            }
            Target::Dbgmcu => self.dbgmcu.write(offset, written),
            Target::Fmc => self.fmc.write(offset, written),
            Target::Octospi(number) => {
                let number = usize::from(number);
                let (Some(unit), Some(nor)) = (self.octospi.get_mut(number), self.nor.get_mut(number)) else {
                    return Ok(false);
                };
                match unit.write(offset, written, nor, now, self.clocks.core) {
                    Effect::Stored => true,
                    Effect::Busy => {
                        self.warn(address, access, Some(block), Reason::Busy);
                        true
                    }
                    // A command that the memory does not know is worth the same warning as a register that is not there.
                    Effect::Command | Effect::Unknown => false,
                }
            }
            Target::Otfdec(number) => {
                let from_rss = self.security.is_system_code(access);
                if offset == otfdec::CR && !from_rss {
                    self.warn(address, access, Some(block), Reason::NotFromRss);
                }
                let unit = self.otfdec.get_mut(usize::from(number));
                unit.is_some_and(|unit| unit.write(offset, written, from_rss))
            }
            Target::Rng => self.rng.write(offset, written, now, self.clocks.core),
            Target::Unmodelled => false,
        })
    }

    /// A write to a reset register of RCC: resets the blocks whose bit is set.
    fn reset_blocks(&mut self, offset: u32) {
        for block in crate::map::BLOCKS {
            let Some((enable, bit)) = block.clock else { continue };
            let reset = enable - RSTR_TO_ENR;
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
                Target::Syscfg => self.syscfg.reset(),
                Target::Rng => self.rng.reset(),
                Target::Octospi(number) => {
                    if let Some(unit) = self.octospi.get_mut(usize::from(number)) {
                        unit.reset();
                    }
                }
                Target::Otfdec(number) => {
                    if let Some(unit) = self.otfdec.get_mut(usize::from(number)) {
                        unit.reset();
                    }
                }
                _ => {}
            }
        }
    }
}
