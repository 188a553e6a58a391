//! An application as somebody might bring it to Ironroot: own vector table and start-up (`cortex-m-rt`), a console, a clock.
//!
//! It knows nothing of a boot stage. What has to change for one is where it is linked: memory.x.
#![no_std]
#![no_main]

use core::fmt::Write;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::entry;
use ironroot_hal_h7rs::jump;
use ironroot_hal_h7rs::usart::Console;

#[entry]
fn main() -> ! {
    let mut console = Console::open();
    let _ = writeln!(console, "hello from h7rs-hello");
    if let Some(core) = cortex_m::Peripherals::take() {
        let mut systick = core.SYST;
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(100_000);
        systick.clear_current();
        systick.enable_counter();
        for tick in 1..=3 {
            while !systick.has_wrapped() {}
            let _ = writeln!(console, "tick {tick}");
        }
    }
    let _ = writeln!(console, "done");
    console.flush();
    jump::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    jump::halt()
}
