//! Reset and clock control (RM0468 chapter 8), as far as the boot stages need it.
//!
//! The boot stages run on the 64 MHz internal oscillator, which is what a reset selects: no PLL means no
//! external part that could fail or be glitched before the image is verified.

use crate::reg::Rw;

const BASE: u32 = 0x5802_4400;
/// Oscillators.
pub const CR: Rw = Rw::at(BASE);
/// Clock switch.
pub const CFGR: Rw = Rw::at(BASE + 0x010);
/// Core and AHB prescalers.
pub const D1CFGR: Rw = Rw::at(BASE + 0x018);
/// APB1 and APB2 prescalers.
pub const D2CFGR: Rw = Rw::at(BASE + 0x01C);
/// Kernel clocks of the USARTs.
pub const D2CCIP2R: Rw = Rw::at(BASE + 0x054);
/// GPIO resets.
pub const AHB4RSTR: Rw = Rw::at(BASE + 0x088);
/// USART resets.
pub const APB1LRSTR: Rw = Rw::at(BASE + 0x090);
/// Resets of the USARTs on APB2.
pub const APB2RSTR: Rw = Rw::at(BASE + 0x098);
/// GPIO clocks.
pub const AHB4ENR: Rw = Rw::at(BASE + 0x0E0);
/// USART clocks.
pub const APB1LENR: Rw = Rw::at(BASE + 0x0E8);

/// Clocks of the USARTs on APB2.
pub const APB2ENR: Rw = Rw::at(BASE + 0x0F0);

/// GPIOA in AHB4ENR and AHB4RSTR.
pub const GPIOA: u32 = 1 << 0;
/// USART1 in APB2ENR and APB2RSTR.
pub const USART1: u32 = 1 << 4;
/// GPIOD in AHB4ENR and AHB4RSTR.
pub const GPIOD: u32 = 1 << 3;
/// USART3 in APB1LENR and APB1LRSTR.
pub const USART3: u32 = 1 << 18;

/// Frequency of the internal oscillator, and so of the core and all buses while the boot stages run.
pub const HSI_HZ: u32 = 64_000_000;

const HSION: u32 = 1 << 0;
const HSIRDY: u32 = 1 << 2;
const HSIDIV: u32 = 0b11 << 3;
const SW: u32 = 0b111;
const SWS: u32 = 0b111 << 3;

/// Selects the internal oscillator undivided for core and buses.
///
/// That is the state after a reset; done again because a boot address may also be reached by a jump.
#[inline(always)]
pub fn select_hsi() {
    CR.modify(HSIDIV, HSION);
    while !CR.any(HSIRDY) {}
    CFGR.modify(SW, 0);
    while CFGR.any(SWS) {}
    D1CFGR.write(0);
    D2CFGR.write(0);
}

/// Switches the clocks of GPIOD and USART3 on, USART3 fed by its bus clock.
#[inline(always)]
pub fn enable_console() {
    AHB4ENR.modify(0, GPIOD);
    APB1LENR.modify(0, USART3);
    D2CCIP2R.modify(0b111, 0);
    // The clock needs two cycles after the enable bit: the read-back is longer (RM0468, "peripheral clock
    // gating control").
    let _ = APB1LENR.read();
}

/// Puts GPIOD and USART3 back into their reset state and switches their clocks off, so that the next stage
/// finds the pins as after a reset.
#[inline(always)]
pub fn disable_console() {
    APB1LRSTR.modify(0, USART3);
    APB1LRSTR.modify(USART3, 0);
    AHB4RSTR.modify(0, GPIOD);
    AHB4RSTR.modify(GPIOD, 0);
    APB1LENR.modify(USART3, 0);
    AHB4ENR.modify(GPIOD, 0);
}

/// Switches the clocks of a GPIO port and of a USART on; `enable` is the USART's enable register. Both kernel clocks are
/// those of the buses.
#[inline(always)]
pub fn enable_port(gpio: u32, enable: Rw, usart: u32) {
    AHB4ENR.modify(0, gpio);
    enable.modify(0, usart);
    D2CCIP2R.modify(0b11_1111, 0);
    // As in `enable_console`.
    let _ = enable.read();
}

/// Puts a GPIO port and a USART back into their reset state and switches their clocks off.
#[inline(always)]
pub fn disable_port(gpio: u32, enable: Rw, reset: Rw, usart: u32) {
    reset.modify(0, usart);
    reset.modify(usart, 0);
    AHB4RSTR.modify(0, gpio);
    AHB4RSTR.modify(gpio, 0);
    enable.modify(usart, 0);
    AHB4ENR.modify(gpio, 0);
}
