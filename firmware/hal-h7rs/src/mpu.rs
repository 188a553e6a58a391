//! The memory protection unit (Armv7-M B3.5): a table of all its regions. What none covers faults, for privileged code too.

use crate::jump;
use crate::reg::Wo;
use ironroot_layout::stm32h7rs::product::Rows;

const CTRL: Wo = Wo::at(0xE000_ED94);
const RBAR: Wo = Wo::at(0xE000_ED9C);
const RASR: Wo = Wo::at(0xE000_EDA0);

const ENABLE: u32 = 1 << 0;

/// Puts a whole table in force, as RBAR (with the number of the region and VALID) and RASR of each.
pub fn load(table: &Rows) {
    jump::barrier();
    CTRL.write(0);
    for [base, rights] in table {
        RBAR.write(*base);
        RASR.write(*rights);
    }
    CTRL.write(ENABLE);
    jump::barrier();
}
