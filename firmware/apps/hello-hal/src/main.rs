//! An application as somebody might bring it to Ironroot: built on the public `stm32h7xx-hal`, unmodified, with
//! the clocks and the USART set up by that crate.
//!
//! It would run the same without secure boot. Two lines are there to look at the boot stage from outside:
//! what the hand-off record says about this image, and what comes back from the closed secure area.
#![no_std]
#![no_main]

use core::fmt::Write;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::entry;
use ironroot_boot::HandOff;
use ironroot_hal::{flash, jump, memory};
use ironroot_layout::stm32h735::SECURE_AREA;
use stm32h7xx_hal::{nb, pac, prelude::*};

#[entry]
fn main() -> ! {
    match run() {
        Some(never) => match never {},
        None => jump::halt(),
    }
}

/// The application; `None` when a peripheral is not to be had (which a first caller never sees).
fn run() -> Option<core::convert::Infallible> {
    let core = cortex_m::Peripherals::take()?;
    let device = pac::Peripherals::take()?;

    // The STM32H735G-DK feeds the core from the internal step-down converter.
    let power = device.PWR.constrain().smps().freeze();
    let clocks = device.RCC.constrain().sys_ck(400.MHz()).freeze(power, &device.SYSCFG);

    let gpiod = device.GPIOD.split(clocks.peripheral.GPIOD);
    let pins = (gpiod.pd8.into_alternate(), gpiod.pd9.into_alternate());
    let mut serial =
        device.USART3.serial(pins, 115_200.bps(), clocks.peripheral.USART3, &clocks.clocks).ok()?;

    let hertz = clocks.clocks.sys_ck().to_Hz();
    let _ = writeln!(serial, "hello from hello-hal\r");
    let _ = writeln!(serial, "core clock {hertz} Hz\r");
    match HandOff::decode(&memory::read_handoff()).ok().and_then(|record| record.version) {
        Some(version) => writeln!(serial, "verified as version {version}\r"),
        None => writeln!(serial, "not started by secure boot\r"),
    }
    .ok()?;

    let mut systick = core.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(hertz / 1000 - 1);
    systick.clear_current();
    systick.enable_counter();
    for tick in 1..=3 {
        while !systick.has_wrapped() {}
        let _ = writeln!(serial, "tick {tick}\r");
    }

    flash::clear_flags();
    if let Some(value) = memory::flash_word(SECURE_AREA.start().value()) {
        let refused = flash::flags() & flash::sr::RDSERR != 0;
        let _ = writeln!(serial, "secure area reads {value:#010x}, RDSERR {}\r", u8::from(refused));
    }
    let _ = writeln!(serial, "done\r");
    let _ = nb::block!(serial.flush());
    None
}

/// A panic of the HAL (it asserts the supply configuration): stop where a debugger finds it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    jump::halt()
}
