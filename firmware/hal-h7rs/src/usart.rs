//! The console: UART4 on PD1 (and PD0), 115200 8N1. On the STM32H7S78-DK this is the virtual COM port of the ST-LINK.
//!
//! The core sleeps while a character leaves: at 380 MHz that are 33,000 cycles. It waits for the event that a pending interrupt
//! makes (SEVONPEND); the interrupt itself stays disabled, so nobody who uses this needs a handler.

use crate::gpio::Pin;
use crate::reg::{Ro, Rw, Wo};
use crate::{jump, rcc, scb};

const UART4: u32 = 0x4000_4C00;
const CR1: Rw = Rw::at(UART4);
const BRR: Rw = Rw::at(UART4 + 0x00C);
const ISR: Ro = Ro::at(UART4 + 0x01C);
const TDR: Wo = Wo::at(UART4 + 0x028);

const UE: u32 = 1 << 0;
const TE: u32 = 1 << 3;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
/// CR1: interrupts for the flags of the same number.
const WAITS: u32 = TC | TXE;
/// Interrupt line.
const LINE: u32 = 85;
/// System control: a pending interrupt is an event, enabled or not.
const SCR: Rw = Rw::at(0xE000_ED10);
const SEVONPEND: u32 = 1 << 4;

const TX: Pin = Pin { port: 3, number: 1, function: 8 };

/// Bits per second.
pub const BAUD: u32 = 115_200;

/// Sleeps until a flag of the transmitter is set.
fn wait_for(flag: u32) {
    if ISR.any(flag) {
        return;
    }
    SCR.modify(0, SEVONPEND);
    while !ISR.any(flag) {
        // In this order: a flag that comes after the look makes the line pending, and that ends the sleep.
        CR1.modify(WAITS, 0);
        scb::clear_line(LINE);
        CR1.modify(0, flag);
        if !ISR.any(flag) {
            jump::wait_for_event();
        }
    }
    CR1.modify(WAITS, 0);
    scb::clear_line(LINE);
    SCR.modify(SEVONPEND, 0);
}

/// The console, initialised.
pub struct Console(());

impl Console {
    /// Sets pin and UART up.
    pub fn open() -> Self {
        rcc::enable_console();
        TX.select();
        CR1.write(0);
        BRR.write((rcc::HSI_HZ + BAUD / 2) / BAUD);
        CR1.write(UE | TE);
        Self(())
    }

    /// Sends one byte; waits for room.
    pub fn byte(&mut self, byte: u8) {
        wait_for(TXE);
        TDR.write(u32::from(byte));
    }

    /// Waits until the last byte has left the chip.
    pub fn flush(&mut self) {
        wait_for(TC);
    }

    /// Flushes, then puts UART and pin back into their reset state.
    pub fn close(mut self) {
        self.flush();
        rcc::disable_console();
        TX.release();
    }
}

impl core::fmt::Write for Console {
    /// Sends `text`; a line feed becomes carriage return and line feed.
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.byte(b'\r');
            }
            self.byte(byte);
        }
        Ok(())
    }
}
