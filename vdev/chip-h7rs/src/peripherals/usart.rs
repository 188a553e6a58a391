//! The instances of the serial ports; the block is [`ironroot_chip::peripherals::usart`].

pub use ironroot_chip::peripherals::usart::{RDR, Timing, Usart};

use super::rcc::UsartClock;

/// One line of the table of instances.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// Name in the manual.
    pub name: &'static str,
    /// Number by which the host knows it: n of USARTn or UARTn; 0 for LPUART1.
    pub number: u8,
    /// NVIC line.
    pub line: u8,
    /// Kernel clock selector.
    pub clock: UsartClock,
}

const fn instance(name: &'static str, number: u8, line: u8, clock: UsartClock) -> Instance {
    Instance { name, number, line, clock }
}

/// All instances. Their index is how the chip refers to them.
pub const INSTANCES: [Instance; 8] = [
    instance("USART1", 1, 82, UsartClock::Usart1),
    instance("USART2", 2, 83, UsartClock::Uart234578),
    instance("USART3", 3, 84, UsartClock::Uart234578),
    instance("UART4", 4, 85, UsartClock::Uart234578),
    instance("UART5", 5, 86, UsartClock::Uart234578),
    instance("UART7", 7, 87, UsartClock::Uart234578),
    instance("UART8", 8, 88, UsartClock::Uart234578),
    instance("LPUART1", 0, 131, UsartClock::Lpuart1),
];

impl Instance {
    /// The block in reset state.
    pub fn block(&self) -> Usart {
        Usart::with_kind(self.clock == UsartClock::Lpuart1)
    }
}
