//! The console: USART3 transmit on PD8, 115200 8N1, polled. On the STM32H735G-DK this is the virtual COM port
//! of the ST-LINK.

use crate::rcc;
use crate::reg::{Ro, Rw, Wo};

const USART3: u32 = 0x4000_4800;
const CR1: Rw = Rw::at(USART3);
const BRR: Rw = Rw::at(USART3 + 0x00C);
const ISR: Ro = Ro::at(USART3 + 0x01C);
const ICR: Wo = Wo::at(USART3 + 0x020);
const RDR: Ro = Ro::at(USART3 + 0x024);
const TDR: Wo = Wo::at(USART3 + 0x028);

const GPIOD: u32 = 0x5802_0C00;
const MODER: Rw = Rw::at(GPIOD);
const AFRH: Rw = Rw::at(GPIOD + 0x024);

const UE: u32 = 1 << 0;
const TE: u32 = 1 << 3;
const RE: u32 = 1 << 2;
const ORE: u32 = 1 << 3;
const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;

/// Pin PD8; its alternate function 7 is USART3_TX.
const TX_PIN: u32 = 8;
const TX_FUNCTION: u32 = 7;
/// Pin PD9; its alternate function 7 is USART3_RX.
const RX_PIN: u32 = 9;

/// Bits per second.
pub const BAUD: u32 = 115_200;

/// The console, initialised. There is one, made by [`Console::open`].
pub struct Console(());

impl Console {
    /// Selects the internal oscillator and sets pin and USART up.
    #[inline(always)]
    pub fn open() -> Self {
        rcc::select_hsi();
        rcc::enable_console();
        AFRH.modify(0b1111 << (4 * (TX_PIN - 8)), TX_FUNCTION << (4 * (TX_PIN - 8)));
        MODER.modify(0b11 << (2 * TX_PIN), 0b10 << (2 * TX_PIN));
        CR1.write(0);
        BRR.write((rcc::HSI_HZ + BAUD / 2) / BAUD);
        CR1.write(UE | TE);
        Self(())
    }

    /// Sends one byte; waits for room.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        while !ISR.any(TXE) {}
        TDR.write(u32::from(byte));
    }

    /// Switches the receiver on.
    pub fn listen(&mut self) {
        AFRH.modify(0b1111 << (4 * (RX_PIN - 8)), TX_FUNCTION << (4 * (RX_PIN - 8)));
        MODER.modify(0b11 << (2 * RX_PIN), 0b10 << (2 * RX_PIN));
        CR1.modify(0, RE);
    }

    /// The next byte received, if one has come. Bytes that were lost are not reported: protocols have sums.
    pub fn take(&mut self) -> Option<u8> {
        if ISR.any(ORE) {
            ICR.write(ORE);
        }
        ISR.any(RXNE).then(|| (RDR.read() & 0xFF) as u8)
    }

    /// Waits until the last byte has left the shift register. Needed before a reset, a hand-over or WFI: the
    /// end of the line would be lost.
    #[inline(always)]
    pub fn flush(&mut self) {
        while !ISR.any(TC) {}
    }

    /// Flushes, then puts USART and pin back into their reset state.
    #[inline(always)]
    pub fn close(mut self) {
        self.flush();
        rcc::disable_console();
    }
}

impl core::fmt::Write for Console {
    /// Sends `text`; a line feed becomes carriage return and line feed, as terminals want it.
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
