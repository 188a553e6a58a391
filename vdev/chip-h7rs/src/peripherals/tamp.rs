//! TAMP: the backup registers, the monotonic counter, and configuration that is kept. No tamper event happens.

use ironroot_chip::peripherals::registers::{Register, Registers, Written, register};

const CR2: u32 = 0x004;
const COUNT1R: u32 = 0x040;
const BACKUP: std::ops::Range<u32> = 0x100..0x180;
/// CR2.BKERASE.
const ERASE: u32 = 1 << 23;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR1", 0, 0x45FF_00FF),
    register(0x004, "CR2", 0, 0xFF47_00FF),
    register(0x008, "CR3", 0, 0x0000_45FF),
    register(0x00C, "FLTCR", 0, 0xFF),
    register(0x010, "ATCR1", 0x0007_0000, 0xC70F_FFFF),
    register(0x014, "ATSEEDR", 0, 0),
    register(0x018, "ATOR", 0, 0),
    register(0x01C, "ATCR2", 0, 0xFFFF_FF00),
    register(0x020, "CFGR", 0, 0x40FF_00FF),
    register(0x024, "PRIVCFGR", 0, 0xE000_8000),
    register(0x02C, "IER", 0, 0x45FF_00FF),
    register(0x030, "SR", 0, 0),
    register(0x034, "MISR", 0, 0),
    register(0x03C, "SCR", 0, 0),
    register(0x040, "COUNT1R", 0, 0),
    register(0x054, "RPCFGR", 0, 0x1),
];

/// Number of backup registers.
pub const COUNT: usize = 32;

/// The TAMP block. It lives in the backup domain: VBAT keeps it.
#[derive(Clone, Debug, Hash)]
pub struct Tamp {
    registers: Registers,
    backup: [u32; COUNT],
    count: u32,
}

impl Tamp {
    /// With what the backup registers hold.
    pub fn new(backup: [u32; COUNT]) -> Self {
        Tamp { registers: Registers::new(TABLE), backup, count: 0 }
    }

    /// The backup registers.
    pub fn backup(&self) -> &[u32; COUNT] {
        &self.backup
    }

    /// The first eight backup registers: the boot hardware key.
    pub fn boot_key(&self) -> [u32; 8] {
        self.backup.first_chunk().copied().unwrap_or([0; 8])
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        if BACKUP.contains(&offset) {
            return self.backup.get((offset - BACKUP.start) as usize / 4).copied();
        }
        match offset {
            COUNT1R => Some(self.count),
            _ => self.registers.read(offset),
        }
    }

    /// Writes a register; `writable` is PWR_CR1.DBP.
    pub fn write(&mut self, offset: u32, written: Written, writable: bool) -> bool {
        if BACKUP.contains(&offset) {
            if let Some(value) = self.backup.get_mut((offset - BACKUP.start) as usize / 4)
                && writable
            {
                *value = written.over(*value);
            }
            return true;
        }
        if self.registers.read(offset).is_none() {
            return false;
        }
        match offset {
            _ if !writable => {}
            // Any write counts.
            COUNT1R => self.count = self.count.wrapping_add(1),
            _ => {
                self.registers.write(offset, written);
                if offset == CR2 && written.value & ERASE != 0 {
                    self.backup = [0; COUNT];
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_registers_need_dbp() {
        let mut tamp = Tamp::new([0; COUNT]);
        assert!(tamp.write(0x17C, Written::word(5), false));
        assert_eq!(tamp.read(0x17C), Some(0));
        tamp.write(0x17C, Written::word(5), true);
        assert_eq!((tamp.read(0x17C), tamp.backup()[31]), (Some(5), 5));
        assert!(!tamp.write(0x180, Written::word(5), true));
        tamp.write(COUNT1R, Written::word(99), true);
        assert_eq!(tamp.read(COUNT1R), Some(1));
        tamp.write(CR2, Written::word(ERASE), true);
        assert_eq!(tamp.backup(), &[0; COUNT]);
    }
}
