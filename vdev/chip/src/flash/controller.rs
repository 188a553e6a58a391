//! The controller's registers as the bus sees them.

use ironroot_cpu::bus::BusFault;

use super::registers as reg;
use super::registers::{cr, optcr, optsr, sr};
use super::{Caller, Flash};
use crate::peripherals::registers::Written;

const ACR_WRITABLE: u32 = 0x3F;

/// Registers of the bank: touching one of them between the two keys of CR1 is a mistake.
fn belongs_to_bank(offset: u32) -> bool {
    !matches!(
        offset,
        reg::ACR
            | reg::OPTKEYR
            | reg::OPTCR
            | reg::OPTSR_CUR
            | reg::OPTSR_PRG
            | reg::OPTCCR
            | reg::BOOT_CUR
            | reg::BOOT_PRG
            | reg::OPTSR2_CUR
            | reg::OPTSR2_PRG
    )
}

impl Flash {
    /// Reads a register; `None` for one that does not exist.
    pub fn read_register(&mut self, offset: u32) -> Result<Option<u32>, BusFault> {
        if self.lock.is_half_open() && belongs_to_bank(offset) {
            return Err(self.lock.kill());
        }
        Ok(Some(match offset {
            reg::ACR => self.acr,
            reg::KEYR | reg::OPTKEYR | reg::CCR | reg::OPTCCR => 0,
            reg::CR => self.cr & !cr::LOCK | u32::from(!self.lock.is_open()),
            reg::SR => self.status(),
            reg::OPTCR => self.optcr | u32::from(!self.option_lock.is_open()),
            reg::OPTSR_CUR => self.option_status(),
            reg::OPTSR_PRG => self.wanted.optsr,
            reg::PRAR_CUR => self.options.prar,
            reg::PRAR_PRG => self.wanted.prar,
            reg::SCAR_CUR => self.options.scar,
            reg::SCAR_PRG => self.wanted.scar,
            reg::WPSN_CUR => self.options.wpsn,
            reg::WPSN_PRG => self.wanted.wpsn,
            reg::BOOT_CUR => self.options.boot,
            reg::BOOT_PRG => self.wanted.boot,
            reg::CRCCR => self.crc.control(),
            reg::CRCSADD => self.crc.start,
            reg::CRCEADD => self.crc.end,
            reg::CRCDATA => self.crc.data,
            reg::ECC_FA => self.failing_word,
            reg::OPTSR2_CUR => self.options.optsr2,
            reg::OPTSR2_PRG => self.wanted.optsr2,
            _ => return Ok(None),
        }))
    }

    /// Writes a register; false for one that does not exist. The `u64` is a virtual time until which
    /// the writer waits for a place in the queue.
    pub fn write_register(
        &mut self,
        offset: u32,
        written: Written,
        caller: &Caller,
    ) -> Result<(bool, Option<u64>), BusFault> {
        if self.lock.is_half_open() && offset != reg::KEYR && belongs_to_bank(offset) {
            return Err(self.lock.kill());
        }
        let whole = written.mask == u32::MAX;
        let mut wait = None;
        match offset {
            reg::ACR => self.acr = written.only(ACR_WRITABLE).over(self.acr),
            reg::KEYR => self.lock.key(written.value, whole, (reg::KEY1, reg::KEY2))?,
            reg::OPTKEYR => self.option_lock.key(written.value, whole, (reg::OPTKEY1, reg::OPTKEY2))?,
            reg::CR => wait = self.write_control(written, caller),
            reg::CCR => self.flags &= !(written.value & sr::FLAGS),
            reg::OPTCR => self.write_option_control(written, caller),
            reg::OPTCCR => {
                if written.value & optsr::OPTCHANGEERR != 0 {
                    self.option_error = false;
                }
            }
            reg::CRCCR => self.write_crc_control(written, caller),
            reg::CRCSADD => self.crc.start = written.over(self.crc.start),
            reg::CRCEADD => self.crc.end = written.over(self.crc.end),
            reg::OPTSR_PRG
            | reg::PRAR_PRG
            | reg::SCAR_PRG
            | reg::WPSN_PRG
            | reg::BOOT_PRG
            | reg::OPTSR2_PRG => self.stage(offset, written),
            // Read-only.
            reg::SR
            | reg::OPTSR_CUR
            | reg::PRAR_CUR
            | reg::SCAR_CUR
            | reg::WPSN_CUR
            | reg::BOOT_CUR
            | reg::CRCDATA
            | reg::ECC_FA
            | reg::OPTSR2_CUR => {}
            _ => return Ok((false, None)),
        }
        Ok((true, wait))
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
        if self.cr & cr::CRC_EN == 0 {
            self.crc.disable();
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

    fn write_option_control(&mut self, written: Written, caller: &Caller) {
        if !self.option_lock.is_open() {
            return;
        }
        if written.value & optcr::OPTLOCK != 0 {
            self.option_lock.close();
            return;
        }
        self.optcr = written.only(optcr::OPTCHANGEERRIE).over(self.optcr);
        if written.value & optcr::OPTSTART != 0 {
            self.start_change(caller);
        }
    }

    /// Writes a *_PRG register: read-only while OPTLOCK is set or a change runs.
    fn stage(&mut self, offset: u32, written: Written) {
        let busy = self.queue.iter().any(|operation| !operation.action.is_queued());
        if !self.option_lock.is_open() || busy {
            return;
        }
        let mut wanted = self.wanted;
        let field = match offset {
            reg::OPTSR_PRG => &mut wanted.optsr,
            reg::PRAR_PRG => &mut wanted.prar,
            reg::SCAR_PRG => &mut wanted.scar,
            reg::WPSN_PRG => &mut wanted.wpsn,
            reg::BOOT_PRG => &mut wanted.boot,
            _ => &mut wanted.optsr2,
        };
        *field = written.over(*field);
        self.wanted = self.options.with(&wanted);
    }
}
