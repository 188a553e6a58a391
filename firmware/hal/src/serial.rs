//! The serial ports of the system bootloader: USART1 on PA9/PA10 and USART3 on PD8/PD9, 8 data bits with even parity.
//!
//! The core sleeps while it waits: with interrupts masked in the core, an enabled one still ends WFI. On a chip that saves
//! current, on the virtual one it saves the host's time.
//!
//! The rate is fixed at 115200 bit/s. ST's bootloaders measure it with the first byte; the cable of the virtual device has
//! no rate of its own, so there is nothing to measure, and on a chip the bootloader is ST's.

use crate::reg::{Ro, Rw, Wo};
use crate::{jump, rcc, scb};

/// Bits per second.
pub const BAUD: u32 = 115_200;

const UE: u32 = 1 << 0;
const RE: u32 = 1 << 2;
const TE: u32 = 1 << 3;
const RXNEIE: u32 = 1 << 5;
const TCIE: u32 = 1 << 6;
const TXEIE: u32 = 1 << 7;
/// Even parity in a ninth bit.
const PCE: u32 = 1 << 10;
const M0: u32 = 1 << 12;
const FIFOEN: u32 = 1 << 29;
const RECEIVING: u32 = UE | RE | TE | PCE | M0 | FIFOEN | RXNEIE;

const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
/// Parity, framing, noise, overrun.
const ERRORS: u32 = 0b1111;

/// The alternate function of the pins is the same for all ports.
const FUNCTION: u32 = 7;

/// A port, initialised.
#[derive(Clone, Copy)]
pub struct Port {
    usart: u32,
    gpio: u32,
    /// Number of the transmit pin, 8 or higher; the receive pin is the next.
    pin: u32,
    line: u32,
    enable: Rw,
    reset: Rw,
    usart_bit: u32,
    gpio_bit: u32,
}

/// USART1 on PA9 and PA10.
const USART1: Port = Port {
    usart: 0x4001_1000,
    gpio: 0x5802_0000,
    pin: 9,
    line: 37,
    enable: rcc::APB2ENR,
    reset: rcc::APB2RSTR,
    usart_bit: rcc::USART1,
    gpio_bit: rcc::GPIOA,
};

/// USART3 on PD8 and PD9.
const USART3: Port = Port {
    usart: 0x4000_4800,
    gpio: 0x5802_0C00,
    pin: 8,
    line: 39,
    enable: rcc::APB1LENR,
    reset: rcc::APB1LRSTR,
    usart_bit: rcc::USART3,
    gpio_bit: rcc::GPIOD,
};

impl Port {
    fn cr1(&self) -> Rw {
        Rw::at(self.usart)
    }

    fn isr(&self) -> Ro {
        Ro::at(self.usart + 0x01C)
    }

    fn open(&self) {
        rcc::enable_port(self.gpio_bit, self.enable, self.usart_bit);
        let (moder, afrh) = (Rw::at(self.gpio), Rw::at(self.gpio + 0x024));
        for pin in [self.pin, self.pin + 1] {
            let shift = 4 * (pin & 7);
            afrh.modify(0b1111 << shift, FUNCTION << shift);
            moder.modify(0b11 << (2 * pin), 0b10 << (2 * pin));
        }
        self.cr1().write(0);
        Rw::at(self.usart + 0x00C).write((rcc::HSI_HZ + BAUD / 2) / BAUD);
        self.cr1().write(RECEIVING);
        scb::enable_line(self.line);
    }

    fn close(&self) {
        rcc::disable_port(self.gpio_bit, self.enable, self.reset, self.usart_bit);
    }

    fn take(&self) -> Option<u8> {
        if self.isr().any(ERRORS) {
            Wo::at(self.usart + 0x020).write(ERRORS);
        }
        if self.isr().any(RXNE) { Some(Ro::at(self.usart + 0x024).read() as u8) } else { None }
    }

    /// Receives one byte.
    pub fn receive(&self) -> u8 {
        loop {
            // Cleared before the look: what arrives after the look is pending then, and WFI falls through.
            scb::clear_line(self.line);
            match self.take() {
                Some(byte) => return byte,
                None => jump::wait(),
            }
        }
    }

    fn wait_for(&self, flag: u32, enable: u32) {
        while !self.isr().any(flag) {
            self.cr1().modify(0, enable);
            scb::clear_line(self.line);
            if !self.isr().any(flag) {
                jump::wait();
            }
        }
        self.cr1().modify(enable, 0);
    }

    /// Sends bytes; returns when the last is in the transmitter.
    pub fn send(&self, bytes: &[u8]) {
        for byte in bytes {
            if !self.isr().any(TXE) {
                self.wait_for(TXE, TXEIE);
            }
            Wo::at(self.usart + 0x028).write(u32::from(*byte));
        }
    }

    /// Waits until the last byte has left the shift register: before a reset or a jump it would be lost.
    pub fn flush(&self) {
        self.wait_for(TC, TCIE);
    }

    /// Flushes, and puts port and pins back into their reset state.
    pub fn release(self) {
        self.flush();
        self.close();
    }
}

/// Opens all ports and waits for the first one that receives `first`; the others are closed again.
pub fn open(first: u8) -> Port {
    rcc::select_hsi();
    USART1.open();
    USART3.open();
    loop {
        scb::clear_line(USART1.line);
        scb::clear_line(USART3.line);
        match (USART1.take(), USART3.take()) {
            (Some(byte), _) if byte == first => {
                USART3.close();
                return USART1;
            }
            (_, Some(byte)) if byte == first => {
                USART1.close();
                return USART3;
            }
            (None, None) => jump::wait(),
            _ => {}
        }
    }
}
