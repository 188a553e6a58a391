//! Bank erase with automatic protection removal: the controller erases everything, protected areas too, and changes the
//! options itself (h73x-flash 5).

use ironroot_chip::flash::options::OptionBytes;
use ironroot_chip::flash::registers::{self as reg, cr, optcr};
use ironroot_chip::map::FLASH_REGISTERS;

use super::{ERRORS, Flasher, FlasherError, PSIZE};

impl Flasher<'_> {
    /// Erases the bank together with its protections. `wanted` asks for exactly their removal (no areas, DMEP, DMES, no
    /// write protection) and for nothing else. The options are read back.
    pub fn erase_bank_and_protections(&mut self, wanted: &OptionBytes) -> Result<(), FlasherError> {
        self.stage_options(wanted)?;
        self.unlock()?;
        self.set(reg::CR, cr::BER | PSIZE)?;
        self.set(reg::CR, cr::BER | cr::START | PSIZE)?;
        let status = self.finish()?;
        self.set(reg::CR, PSIZE)?;
        self.lock()?;
        self.set(reg::OPTCR, optcr::OPTLOCK)?;
        if status & ERRORS != 0 {
            return Err(FlasherError::Erase { sector: 0, status });
        }
        for (offset, wanted) in
            [(reg::PRAR_CUR, wanted.prar), (reg::SCAR_CUR, wanted.scar), (reg::WPSN_CUR, wanted.wpsn)]
        {
            let found = self.get(offset)?;
            if found != wanted {
                return Err(FlasherError::ReadBack { address: FLASH_REGISTERS + offset, wanted, found });
            }
        }
        Ok(())
    }
}
