//! Lines on the console, without `core::fmt`: its code would be a tenth of this stage and brings panics along.

use ironroot_codes::Code;
use ironroot_hal::usart::Console;

/// The console with the few forms that the boot prints.
pub struct Report {
    console: Console,
}

impl Report {
    /// Opens the console.
    pub fn open() -> Self {
        Self { console: Console::open() }
    }

    /// Text as it is; a line ends with `\r\n`.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            self.console.byte(byte);
        }
        self
    }

    /// A number in decimal, at least `digits` long.
    pub fn number(&mut self, value: u32, digits: u32) -> &mut Self {
        let mut scale: u32 = 1_000_000_000;
        let mut place = 10;
        while scale > 0 {
            if value >= scale || place <= digits || place == 1 {
                let digit = ((value / scale) % 10) as u8;
                self.console.byte(b'0' + digit);
            }
            scale /= 10;
            place -= 1;
        }
        self
    }

    /// Bytes in hexadecimal.
    pub fn hex(&mut self, bytes: &[u8]) -> &mut Self {
        for &byte in bytes {
            for nibble in [byte >> 4, byte & 15] {
                self.console.byte(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
            }
        }
        self
    }

    /// `IR-3001`. The name and the texts stay with the host (`ironroot explain IR-3001`): they are longer than this stage.
    pub fn code(&mut self, code: Code) -> &mut Self {
        self.text("IR-").number(u32::from(code.number()), 4)
    }

    /// Ends the line and waits until it has left the chip.
    pub fn end(&mut self) {
        self.text("\r\n");
        self.console.flush();
    }

    /// Puts USART and pin back into their reset state.
    pub fn close(self) {
        self.console.close();
    }
}
