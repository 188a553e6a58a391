//! The system bootloader: says that this version has none, and waits.

use ironroot_hal::jump;
use ironroot_hal::usart::Console;

/// Printed once at start.
pub const MESSAGE: &[u8; 40] = b"system bootloader: not in this version\r\n";

/// Prints `message` and waits until reset.
#[inline(always)]
pub fn run(message: &[u8]) -> ! {
    let mut console = Console::open();
    for &byte in message {
        console.byte(byte);
    }
    console.flush();
    jump::halt()
}
