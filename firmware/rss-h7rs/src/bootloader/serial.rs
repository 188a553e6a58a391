//! The port of the bootloader: UART4 on PD1 and PD0, 8 data bits with even parity, 115200 bit/s. On the STM32H7S78-DK this is the
//! virtual COM port of the ST-LINK.
//!
//! The core sleeps while it waits: with interrupts masked in the core, an enabled one still ends WFI.

use ironroot_hal::gpio::Pin;
use ironroot_hal::{jump, rcc, scb};
use ironroot_rss_h7rs::hw::uart;

const TX: Pin = Pin { port: 3, number: 1, function: 8 };
const RX: Pin = Pin { port: 3, number: 0, function: 8 };

/// The port, initialised.
pub struct Port(());

impl Port {
    /// Sets pins and UART up.
    pub fn open() -> Self {
        uart::enable();
        TX.select();
        RX.select();
        uart::configure(rcc::HSI_HZ, 115_200);
        scb::enable_line(uart::LINE);
        Port(())
    }

    /// Receives one byte.
    pub fn receive(&mut self) -> u8 {
        loop {
            // Cleared before the look: what arrives after the look is pending then, and WFI falls through.
            scb::clear_line(uart::LINE);
            match uart::take() {
                Some(byte) => return byte,
                None => jump::wait(),
            }
        }
    }

    /// Sends bytes; returns when the last is in the transmitter.
    pub fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            uart::put(*byte);
        }
    }

    /// Waits until the last byte has left the chip: before a reset or a jump it would be lost.
    pub fn flush(&mut self) {
        uart::flush();
    }

    /// Flushes, and puts UART and pins back into their reset state.
    pub fn release(mut self) {
        self.flush();
        scb::disable_line(uart::LINE);
        uart::disable();
        TX.release();
        RX.release();
    }
}
