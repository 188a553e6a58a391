//! The RTC's backup registers and its write protection. The calendar does not run: its registers read their reset values.

use super::registers::{Register, Registers, Written, register};

const WPR: u32 = 0x024;
const ISR: u32 = 0x00C;
const BACKUP: std::ops::Range<u32> = 0x050..0x0D0;
/// RSF and INITF answer at once.
const INIT: u32 = 1 << 7;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "TR", 0, 0x007F_7F7F),
    register(0x004, "DR", 0x0000_2101, 0x00FF_FF3F),
    register(0x008, "CR", 0, 0x01FF_FFFF),
    register(0x00C, "ISR", 0x0000_0007, INIT),
    register(0x010, "PRER", 0x007F_00FF, 0x007F_7FFF),
    register(0x014, "WUTR", 0xFFFF, 0xFFFF),
    register(0x01C, "ALRMAR", 0, u32::MAX),
    register(0x020, "ALRMBR", 0, u32::MAX),
    register(0x024, "WPR", 0, 0),
    register(0x028, "SSR", 0, 0),
    register(0x02C, "SHIFTR", 0, 0),
    register(0x03C, "CALR", 0, 0xE1FF),
    register(0x040, "TAMPCR", 0, 0x01FF_FFFF),
    register(0x044, "ALRMASSR", 0, 0x0F00_7FFF),
    register(0x048, "ALRMBSSR", 0, 0x0F00_7FFF),
    register(0x04C, "OR", 0, 0x3),
];

/// Progress of the write-protection key sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Locked,
    First,
    Open,
}

/// The RTC block. It lives in the backup domain: only power-on resets it.
#[derive(Clone, Debug, Hash)]
pub struct Rtc {
    registers: Registers,
    backup: [u32; 32],
    key: Key,
}

impl Default for Rtc {
    fn default() -> Self {
        Rtc { registers: Registers::new(TABLE), backup: [0; 32], key: Key::Locked }
    }
}

impl Rtc {
    /// Power-on.
    pub fn reset(&mut self) {
        *self = Rtc::default();
    }

    /// Erases the backup registers (RDP regression).
    pub fn erase_backup(&mut self) {
        self.backup = [0; 32];
    }

    /// A register's value. `backup_accessible` is false under an RDP level 1 intrusion.
    pub fn read(&self, offset: u32, backup_accessible: bool) -> Option<u32> {
        if BACKUP.contains(&offset) {
            let value = self.backup.get((offset - BACKUP.start) as usize / 4).copied().unwrap_or(0);
            return Some(if backup_accessible { value } else { 0 });
        }
        self.registers.read(offset)
    }

    /// Writes a register; `writable` is PWR_CR1.DBP.
    pub fn write(&mut self, offset: u32, written: Written, writable: bool, backup_accessible: bool) -> bool {
        if BACKUP.contains(&offset) {
            if let Some(value) = self.backup.get_mut((offset - BACKUP.start) as usize / 4)
                && writable
                && backup_accessible
            {
                *value = written.over(*value);
            }
            return true;
        }
        if self.registers.read(offset).is_none() {
            return false;
        }
        if !writable {
            return true;
        }
        match offset {
            WPR => {
                self.key = match (self.key, written.value & 0xFF) {
                    (_, 0xCA) => Key::First,
                    (Key::First, 0x53) => Key::Open,
                    _ => Key::Locked,
                };
            }
            _ if self.key != Key::Open => {}
            _ => {
                self.registers.write(offset, written);
                if offset == ISR {
                    let value = self.registers.get(ISR);
                    // INITF follows INIT, RSF is always set.
                    self.registers.set(ISR, value & INIT | 0x27 | (value & INIT) >> 1);
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
    fn backup_registers_need_dbp_and_no_intrusion() {
        let mut rtc = Rtc::default();
        rtc.write(0x050, Written::word(5), false, true);
        assert_eq!(rtc.read(0x050, true), Some(0));
        rtc.write(0x050, Written::word(5), true, true);
        assert_eq!((rtc.read(0x050, true), rtc.read(0x050, false)), (Some(5), Some(0)));
    }

    #[test]
    fn other_registers_need_the_keys() {
        let mut rtc = Rtc::default();
        rtc.write(0x010, Written::word(1), true, true);
        assert_eq!(rtc.read(0x010, true), Some(0x007F_00FF));
        rtc.write(WPR, Written::word(0xCA), true, true);
        rtc.write(WPR, Written::word(0x53), true, true);
        rtc.write(0x010, Written::word(1), true, true);
        assert_eq!(rtc.read(0x010, true), Some(1));
    }
}
