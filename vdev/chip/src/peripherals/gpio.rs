//! A GPIO port. Inputs read what the host set (low unless pulled up or driven); outputs read back what is driven.

use super::registers::{Register, Registers, Written, register};

const MODER: u32 = 0x000;
const PUPDR: u32 = 0x00C;
const IDR: u32 = 0x010;
const ODR: u32 = 0x014;
const BSRR: u32 = 0x018;
const LCKR: u32 = 0x01C;

const fn table(moder: u32, ospeedr: u32, pupdr: u32) -> [Register; 10] {
    [
        register(0x000, "MODER", moder, u32::MAX),
        register(0x004, "OTYPER", 0, 0xFFFF),
        register(0x008, "OSPEEDR", ospeedr, u32::MAX),
        register(0x00C, "PUPDR", pupdr, u32::MAX),
        register(0x010, "IDR", 0, 0),
        register(0x014, "ODR", 0, 0xFFFF),
        register(0x018, "BSRR", 0, 0),
        register(0x01C, "LCKR", 0, 0),
        register(0x020, "AFRL", 0, u32::MAX),
        register(0x024, "AFRH", 0, u32::MAX),
    ]
}

/// Port A holds the debug pins after reset.
const PORT_A: &[Register] = &table(0xABFF_FFFF, 0x0C00_0000, 0x6400_0000);
/// Port B holds NJTRST and JTDO.
const PORT_B: &[Register] = &table(0xFFFF_FEBF, 0x0000_00C0, 0x0000_0100);
const OTHERS: &[Register] = &table(0xFFFF_FFFF, 0, 0);

/// One port.
#[derive(Clone, Debug, Hash)]
pub struct Gpio {
    registers: Registers,
    /// Levels that the outside drives: (mask, level).
    driven: (u16, u16),
}

impl Gpio {
    /// Port number 0 is A.
    pub fn new(port: u8) -> Self {
        let table = match port {
            0 => PORT_A,
            1 => PORT_B,
            _ => OTHERS,
        };
        Gpio { registers: Registers::new(table), driven: (0, 0) }
    }

    /// Reset state. What the outside drives stays.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    /// The outside drives (or, with `None`, releases) a pin.
    pub fn drive(&mut self, pin: u8, level: Option<bool>) {
        let bit = 1_u16.checked_shl(u32::from(pin)).unwrap_or(0);
        self.driven.0 &= !bit;
        self.driven.1 &= !bit;
        if let Some(level) = level {
            self.driven.0 |= bit;
            if level {
                self.driven.1 |= bit;
            }
        }
    }

    fn levels(&self) -> u32 {
        let (moder, pull, out) =
            (self.registers.get(MODER), self.registers.get(PUPDR), self.registers.get(ODR));
        let mut levels = 0;
        for pin in 0..16 {
            let mode = moder >> (2 * pin) & 3;
            let high = match mode {
                // Analog: the input buffer is off and reads 0.
                3 => false,
                1 => out >> pin & 1 != 0,
                _ if self.driven.0 >> pin & 1 != 0 => self.driven.1 >> pin & 1 != 0,
                _ => pull >> (2 * pin) & 3 == 1,
            };
            levels |= u32::from(high) << pin;
        }
        levels
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        match offset {
            IDR => Some(self.levels()),
            _ => self.registers.read(offset),
        }
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        match offset {
            BSRR => {
                let (set, clear) = (written.value & 0xFFFF, written.value >> 16);
                let out = self.registers.get(ODR);
                self.registers.set(ODR, out & !clear | set);
                true
            }
            // The lock key sequence needs its exact order; only the lock bits are kept.
            LCKR => {
                let value = written.over(self.registers.get(LCKR));
                self.registers.set(LCKR, value & 0xFFFF);
                true
            }
            _ => self.registers.write(offset, written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bsrr_sets_and_clears_and_idr_reads_back_outputs() {
        let mut port = Gpio::new(2);
        port.write(MODER, Written::word(0xFFFF_FFFD));
        port.write(BSRR, Written::word(1));
        assert_eq!(port.read(IDR), Some(1));
        port.write(BSRR, Written::word(1 << 16));
        assert_eq!((port.read(IDR), port.read(ODR)), (Some(0), Some(0)));
    }

    #[test]
    fn an_input_reads_what_is_driven_and_else_its_pull() {
        let mut port = Gpio::new(2);
        port.write(MODER, Written::word(0));
        port.write(PUPDR, Written::word(1 << 2));
        assert_eq!(port.read(IDR), Some(2));
        port.drive(1, Some(false));
        port.drive(0, Some(true));
        assert_eq!(port.read(IDR), Some(1));
    }
}
