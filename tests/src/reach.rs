//! What an application reaches: `tests/arm/h7rs_reach.s` does one thing to one address of the virtual STM32H7R/7S.

use ironroot_layout::stm32h7rs::state::Hdpl;

use crate::h7rs::Device;
use crate::h7rs_system::LEFT;

/// What it does; the lowest bits of the word that it gets.
#[derive(Clone, Copy, Debug)]
pub enum Touch {
    /// Reads a word.
    Read,
    /// Writes one.
    Write,
    /// Calls what is there.
    Call,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Reached {
    /// Done; what was read.
    Done(u32),
    /// CFSR of the fault, and the address if it was an access to data.
    Fault(u32, Option<u32>),
}

impl Touch {
    /// The word behind the first two vectors of the program.
    pub const fn word(self, address: u32) -> u32 {
        address | self as u32
    }
}

impl Reached {
    /// Of a device on which the application was started, at level 3.
    #[track_caller]
    pub fn of(device: &Device) -> Self {
        let found = device.peek(LEFT, 20);
        let words: Vec<u32> = found.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        assert_eq!(words[4] & 0xFF, u32::from(Hdpl::Level3.bits()), "{words:x?}\n{}", device.console);
        match words[..4] {
            [2, read, 0, _] => Reached::Done(read),
            [1, 0, cfsr, address] => Reached::Fault(cfsr, (cfsr & 0x80 != 0).then_some(address)),
            _ => panic!("{words:x?}\n{}", device.console),
        }
    }
}
