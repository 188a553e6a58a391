//! The controller's registers as the bus sees them.

use ironroot_chip::peripherals::registers::Written;
use ironroot_cpu::bus::BusFault;
use ironroot_layout::stm32h7rs::state::Hdpl;

use super::operation::Action;
use super::options::Word;
use super::registers as reg;
use super::registers::{cr, isr, obkcr, optcr, optisr};
use super::{Caller, Flash};

const ACR_WRITABLE: u32 = 0x3F;

/// What an access to the registers met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// It was made.
    Done(T),
    /// There is no such register.
    Unknown,
    /// It is ours, and answers only to the core at HDPL 0.
    NotFromRss,
}

/// Index of a data register of a key.
fn key_word(offset: u32) -> Option<usize> {
    let index = offset.checked_sub(reg::OBKDR)? / 4;
    (index < 8).then_some(index as usize)
}

impl Flash {
    /// Reads a register.
    pub fn read_register(&mut self, offset: u32, caller: &Caller) -> Answer<u32> {
        if let Some(index) = key_word(offset) {
            let hidden = self.obkdr_written;
            let value =
                self.obkdr.get_mut(index).map_or(0, |word| if hidden { 0 } else { std::mem::take(word) });
            return Answer::Done(value);
        }
        if (reg::OPTIONS..=reg::OPTIONS_END).contains(&offset) {
            // A programming register reads what is in force.
            return match Word::at(offset) {
                Some((word, _)) => Answer::Done(self.persistent.options.get(word)),
                None => Answer::Unknown,
            };
        }
        if matches!(offset, reg::OBKERASE | reg::BOOTPIN) {
            return match offset {
                _ if !is_rss(caller) => Answer::NotFromRss,
                reg::BOOTPIN => Answer::Done(self.boot_pin),
                _ => Answer::Done(0),
            };
        }
        Answer::Done(match offset {
            reg::ACR => self.acr,
            reg::KEYR | reg::OPTKEYR | reg::ICR | reg::OPTICR => 0,
            reg::CR => self.cr | u32::from(!self.lock.is_open()),
            reg::SR => self.status(),
            reg::IER => self.ier,
            reg::ISR => self.flags,
            reg::ECCSFADDR => self.failing[0],
            reg::ECCDFADDR => self.failing[1],
            reg::OPTCR => self.optcr | u32::from(!self.option_lock.is_open()),
            reg::OPTISR => self.option_flags,
            reg::OBKCR => self.obkcr,
            _ => return Answer::Unknown,
        })
    }

    /// Writes a register. The `u64` is a virtual time until which the writer waits for a place in the queue.
    pub fn write_register(
        &mut self,
        offset: u32,
        written: Written,
        caller: &Caller,
    ) -> Result<Answer<Option<u64>>, BusFault> {
        let whole = written.mask == u32::MAX;
        let mut wait = None;
        if let Some(index) = key_word(offset) {
            if let Some(word) = self.obkdr.get_mut(index) {
                *word = written.over(*word);
                self.obkdr_written = true;
            }
            return Ok(Answer::Done(None));
        }
        if (reg::OPTIONS..=reg::OPTIONS_END).contains(&offset) {
            return Ok(match Word::at(offset) {
                Some((word, true)) => {
                    let value = written.over(self.persistent.options.get(word));
                    self.change_option(word, value, caller);
                    Answer::Done(None)
                }
                Some((_, false)) => Answer::Done(None),
                None => Answer::Unknown,
            });
        }
        match offset {
            reg::ACR => self.acr = written.only(ACR_WRITABLE).over(self.acr),
            reg::KEYR => self.lock.key(written.value, whole, (reg::KEY1, reg::KEY2))?,
            reg::OPTKEYR => self.option_lock.key(written.value, whole, (reg::OPTKEY1, reg::OPTKEY2))?,
            reg::CR => wait = self.write_control(written, caller),
            reg::IER => self.ier = written.only(isr::FLAGS).over(self.ier),
            reg::ICR => self.flags &= !(written.value & isr::FLAGS),
            reg::OPTCR => self.write_option_control(written),
            reg::OPTICR => self.option_flags &= !(written.value & optisr::FLAGS),
            reg::OBKCR => {
                self.obkcr = written.only(obkcr::STORED).over(self.obkcr);
                if written.value & obkcr::KEYSTART != 0 {
                    self.start_key(caller);
                }
            }
            reg::OBKERASE | reg::BOOTPIN if !is_rss(caller) => return Ok(Answer::NotFromRss),
            reg::OBKERASE => {
                let armed = self.option_lock.is_open() && self.optcr & optcr::PG_OPT != 0;
                if armed && written.value == 1 && self.queue.is_empty() {
                    self.enqueue(Action::EraseKeys, caller);
                } else {
                    self.option_flags |= optisr::OPTERRF;
                }
            }
            // Read-only.
            reg::SR | reg::ISR | reg::ECCSFADDR | reg::ECCDFADDR | reg::OPTISR | reg::BOOTPIN => {}
            _ => return Ok(Answer::Unknown),
        }
        Ok(Answer::Done(wait))
    }

    fn write_control(&mut self, written: Written, caller: &Caller) -> Option<u64> {
        if !self.lock.is_open() {
            return None;
        }
        if written.value & cr::LOCK != 0 {
            // Other bits of the same write are not modified.
            self.lock.close();
            return None;
        }
        self.cr = written.only(cr::WRITABLE).over(self.cr);
        if self.cr & cr::PG == 0 {
            self.buffer.discard();
        }
        let mut wait = None;
        if written.value & cr::FW != 0
            && let Some(complete) = self.buffer.flush()
        {
            wait = self.queue_word(complete, self.buffer_allowed, caller);
        }
        if written.value & cr::START != 0 {
            self.start_erase(caller);
        }
        wait
    }

    fn write_option_control(&mut self, written: Written) {
        if !self.option_lock.is_open() {
            return;
        }
        if written.value & optcr::OPTLOCK != 0 {
            self.option_lock.close();
            self.optcr &= !optcr::PG_OPT;
            return;
        }
        self.optcr = written.only(optcr::WRITABLE).over(self.optcr);
    }
}

fn is_rss(caller: &Caller) -> bool {
    caller.cpu && caller.level == Hdpl::Level0
}
