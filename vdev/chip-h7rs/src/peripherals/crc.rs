//! The CRC calculation unit.

use ironroot_chip::peripherals::registers::Written;

const DR: u32 = 0x000;
const IDR: u32 = 0x004;
const CR: u32 = 0x008;
const INIT: u32 = 0x010;
const POL: u32 = 0x014;

/// The CRC block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crc {
    value: u32,
    independent: u32,
    control: u32,
    initial: u32,
    polynomial: u32,
}

impl Default for Crc {
    fn default() -> Self {
        Crc { value: u32::MAX, independent: 0, control: 0, initial: u32::MAX, polynomial: 0x04C1_1DB7 }
    }
}

impl Crc {
    /// Reset state.
    pub fn reset(&mut self) {
        *self = Crc::default();
    }

    /// Bits of the polynomial.
    fn width(&self) -> u32 {
        match self.control >> 3 & 3 {
            0 => 32,
            1 => 16,
            2 => 8,
            _ => 7,
        }
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        let mask = u32::MAX >> (32 - self.width());
        Some(match offset {
            DR if self.control & 1 << 7 != 0 => self.value.reverse_bits() >> (32 - self.width()),
            DR => self.value & mask,
            IDR => self.independent,
            CR => self.control,
            INIT => self.initial,
            POL => self.polynomial,
            _ => return None,
        })
    }

    /// Writes a register. Data are taken in the width of the access.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        match offset {
            DR => {
                let bits = written.mask.count_ones();
                self.feed(written.value.unbounded_shr(written.mask.trailing_zeros()), bits);
            }
            IDR => self.independent = written.over(self.independent),
            CR => {
                self.control = written.only(0xF8).over(self.control);
                if written.value & 1 != 0 {
                    self.value = self.initial;
                }
            }
            INIT => {
                self.initial = written.over(self.initial);
                self.value = self.initial;
            }
            POL => self.polynomial = written.over(self.polynomial),
            _ => return false,
        }
        true
    }

    fn feed(&mut self, data: u32, bits: u32) {
        let reversed = |value: u32, group: u32| {
            let mut result = 0;
            for start in (0..bits).step_by(group.min(bits) as usize) {
                let width = group.min(bits);
                let part = value >> start & (u32::MAX >> (32 - width));
                result |= (part.reverse_bits() >> (32 - width)) << start;
            }
            result
        };
        let data = match self.control >> 5 & 3 {
            0 => data,
            1 => reversed(data, 8),
            2 => reversed(data, 16),
            _ => reversed(data, 32),
        };
        let top = 1 << (self.width() - 1);
        for bit in (0..bits).rev() {
            let feedback = (self.value & top != 0) ^ (data >> bit & 1 != 0);
            self.value <<= 1;
            if feedback {
                self.value ^= self.polynomial;
            }
        }
        self.value &= u32::MAX >> (32 - self.width());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(text: &[u8], control: u32) -> u32 {
        let mut crc = Crc::default();
        crc.write(CR, Written::word(control | 1));
        for &byte in text {
            crc.write(DR, Written { value: u32::from(byte), mask: 0xFF });
        }
        crc.read(DR).expect("a register")
    }

    #[test]
    fn published_check_values() {
        assert_eq!(over(b"123456789", 0), 0x0376_E6E7, "CRC-32/MPEG-2");
        assert_eq!(over(b"123456789", 0xA0) ^ u32::MAX, 0xCBF4_3926, "CRC-32/ISO-HDLC");
        let mut crc = Crc::default();
        crc.write(POL, Written::word(0x1021));
        crc.write(INIT, Written::word(0xFFFF));
        crc.write(CR, Written::word(1 << 3 | 1));
        for &byte in b"123456789" {
            crc.write(DR, Written { value: u32::from(byte), mask: 0xFF });
        }
        assert_eq!(crc.read(DR), Some(0x29B1), "CRC-16/IBM-3740");
        let mut words = Crc::default();
        words.write(DR, Written::word(0x3132_3334));
        assert_eq!(words.read(DR), Some(over(b"1234", 0)), "a word is its bytes, most significant first");
    }
}
