//! Pins: alternate functions, and back to the reset state.

use crate::rcc;
use crate::reg::Rw;

const BASE: u32 = 0x5802_0000;
const STRIDE: u32 = 0x400;

/// A pin with its alternate function.
#[derive(Clone, Copy)]
pub struct Pin {
    /// Port: 0 is A.
    pub port: u32,
    /// 0 to 15.
    pub number: u32,
    /// 0 to 15.
    pub function: u32,
}

impl Pin {
    fn register(self, offset: u32) -> Rw {
        Rw::at(BASE + STRIDE * self.port + offset)
    }

    /// Gives the pin to its function, at the highest speed.
    pub fn select(self) {
        rcc::enable_port(self.port);
        let place = 4 * (self.number % 8);
        self.register(0x20 + 4 * (self.number / 8)).modify(0xF << place, self.function << place);
        self.register(0x08).modify(0, 3 << (2 * self.number));
        self.register(0x00).modify(3 << (2 * self.number), 2 << (2 * self.number));
    }

    /// Makes it analog again, as after reset.
    pub fn release(self) {
        self.register(0x00).modify(0, 3 << (2 * self.number));
        self.register(0x08).modify(3 << (2 * self.number), 0);
        self.register(0x20 + 4 * (self.number / 8)).modify(0xF << (4 * (self.number % 8)), 0);
    }
}
