//! The peripherals, one file each. They know their own registers and nothing of the bus: the chip routes accesses to them.

pub mod clocks;
pub mod exti;
pub mod gpio;
pub mod octospi;
pub mod otfdec;
pub mod pwr;
pub mod rcc;
pub mod registers;
pub mod rng;
pub mod rtc;
pub mod simple;
pub mod syscfg;
pub mod usart;
