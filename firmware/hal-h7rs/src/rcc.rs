//! Clocks: the core at 380 MHz from PLL1, its source the internal oscillator.
//!
//! Not the crystal: who can stop it would stop, slow down or shake a boot. 380 MHz hold at the low voltage scale, with RAM
//! ECC, over the full temperature range. PLL2 and PLL3 are left to memories and application.

use crate::reg::{Ro, Rw};
use ironroot_layout::stm32h7rs::contract::CORE_CLOCK_MHZ;

const BASE: u32 = 0x5802_4400;
const CR: Rw = Rw::at(BASE);
const CFGR: Rw = Rw::at(BASE + 0x010);
const CDCFGR: Rw = Rw::at(BASE + 0x018);
const BMCFGR: Rw = Rw::at(BASE + 0x01C);
const APBCFGR: Rw = Rw::at(BASE + 0x020);
const PLLCKSELR: Rw = Rw::at(BASE + 0x028);
const PLLCFGR: Rw = Rw::at(BASE + 0x02C);
const PLL1DIVR1: Rw = Rw::at(BASE + 0x030);
const CCIPR2: Rw = Rw::at(BASE + 0x050);
const AHB5RSTR: Rw = Rw::at(BASE + 0x07C);
const APB1RSTR1: Rw = Rw::at(BASE + 0x090);
const AHB3RSTR: Rw = Rw::at(BASE + 0x0A4);
const RSR: Ro = Ro::at(BASE + 0x130);
const AHB5ENR: Rw = Rw::at(BASE + 0x134);
const AHB2ENR: Rw = Rw::at(BASE + 0x13C);
const AHB4ENR: Rw = Rw::at(BASE + 0x140);
const APB1ENR1: Rw = Rw::at(BASE + 0x148);
const APB4ENR: Rw = Rw::at(BASE + 0x154);
const AHB3ENR: Rw = Rw::at(BASE + 0x158);
/// Access control of the flash: wait states.
const FLASH_ACR: Rw = Rw::at(0x5200_2000);
const PWR_CSR2: Rw = Rw::at(0x5802_4800 + 0x00C);

/// Frequency of the internal oscillator.
pub const HSI_HZ: u32 = 64_000_000;

const HSION: u32 = 1 << 0;
const HSIRDY: u32 = 1 << 2;
const HSIDIV: u32 = 0b11 << 3;
const HSI48ON: u32 = 1 << 12;
const HSI48RDY: u32 = 1 << 13;
const PLL1ON: u32 = 1 << 24;
const PLL1RDY: u32 = 1 << 25;
const SW: u32 = 0b111;
const SWS: u32 = 0b111 << 3;
const SW_PLL1: u32 = 3;
/// 64 MHz / 32 = 2 MHz into the PLL, multiplied to 760 MHz, halved.
const DIVM1: u32 = 32;
const DIVN: u32 = CORE_CLOCK_MHZ;
const DIVP: u32 = 2;
/// PLL1: input 2 to 4 MHz, wide VCO, output P.
const PLL1_RANGE: u32 = 1 << 3;
const PLL1PEN: u32 = 1 << 5;
const PLL1_MASK: u32 = 0x1FF;
/// Buses at half the core clock, peripheral buses at half of that.
const HALF_BUS: u32 = 0x8;
const HALF_APB: u32 = 0x4 | 0x4 << 4 | 0x4 << 8 | 0x4 << 12;
/// Wait states for 190 MHz on the bus, and the programming delay that goes with them.
const WAIT_STATES: u32 = 6 | 2 << 4;

/// RSR: the independent watchdog.
const IWDGRSTF: u32 = 1 << 26;

const XSPI: [u32; 2] = [1 << 5, 1 << 12];
const XSPIM: u32 = 1 << 14;
/// PWR: supply of the ports' pins.
const PORT_SUPPLY: u32 = 0b11 << 14;
const UART4: u32 = 1 << 19;

/// Blocks of cryptography in AHB3ENR.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Block {
    /// Random numbers.
    Rng = 1 << 0,
    /// Hashes.
    Hash = 1 << 1,
    /// AES.
    Cryp = 1 << 2,
    /// AES with hardware keys.
    Saes = 1 << 4,
    /// Public keys.
    Pka = 1 << 6,
}

/// Core and buses from PLL1. Does nothing if they are already.
pub fn start() {
    if CFGR.read() & SWS == SW_PLL1 << 3 {
        return;
    }
    CR.modify(HSIDIV, HSION);
    while !CR.any(HSIRDY) {}
    CFGR.modify(SW, 0);
    while CFGR.any(SWS) {}
    CR.modify(PLL1ON, 0);
    while CR.any(PLL1RDY) {}
    PLLCKSELR.modify(0b11 | 0x3F << 4, DIVM1 << 4);
    PLL1DIVR1.write((DIVN - 1) | (DIVP - 1) << 9 | 0x0101_0000);
    PLLCFGR.modify(PLL1_MASK, PLL1_RANGE | PLL1PEN);
    CR.modify(0, PLL1ON);
    while !CR.any(PLL1RDY) {}
    FLASH_ACR.write(WAIT_STATES);
    while FLASH_ACR.read() & 0x3F != WAIT_STATES {}
    CDCFGR.write(0);
    BMCFGR.write(HALF_BUS);
    APBCFGR.write(HALF_APB);
    CFGR.modify(SW, SW_PLL1);
    while CFGR.read() & SWS != SW_PLL1 << 3 {}
}

/// Whether the independent watchdog has reset the chip since the flags were last cleared. Nothing of ours clears them: they are for
/// the application, too.
pub fn was_reset_by_watchdog() -> bool {
    RSR.any(IWDGRSTF)
}

/// Switches a GPIO port on.
pub(crate) fn enable_port(port: u32) {
    AHB4ENR.modify(0, 1 << port);
    let _ = AHB4ENR.read();
}

/// Switches a block of cryptography on.
pub fn enable(block: Block) {
    AHB3ENR.modify(0, block as u32);
    let _ = AHB3ENR.read();
}

/// Switches the oscillator of the random number source on.
pub(crate) fn start_random_clock() {
    CR.modify(0, HSI48ON);
    while !CR.any(HSI48RDY) {}
}

/// Resets a block of cryptography, and with it every operand in it, and switches it off.
pub fn reset(block: Block) {
    AHB3RSTR.modify(0, block as u32);
    AHB3RSTR.modify(block as u32, 0);
    AHB3ENR.modify(block as u32, 0);
}

/// Switches SBS and AHB SRAM on: after reset they may be off.
pub fn enable_shared() {
    APB4ENR.modify(0, 1 << 1);
    AHB2ENR.modify(0, 0b11 << 29);
    let _ = AHB2ENR.read();
}

/// Switches XSPI `number` (0 or 1), the port manager and the supply of the pins on.
pub(crate) fn enable_xspi(number: usize) {
    PWR_CSR2.modify(0, PORT_SUPPLY);
    AHB5ENR.modify(0, XSPIM | XSPI.get(number).copied().unwrap_or(0));
    let _ = AHB5ENR.read();
}

/// Puts XSPI `number` back into its reset state and switches it off.
pub(crate) fn disable_xspi(number: usize) {
    let bit = XSPI.get(number).copied().unwrap_or(0);
    AHB5RSTR.modify(0, bit);
    AHB5RSTR.modify(bit, 0);
    AHB5ENR.modify(bit, 0);
}

/// Switches UART4 on, fed by the internal oscillator whatever the buses run at.
pub(crate) fn enable_console() {
    CCIPR2.modify(0b111, 3);
    APB1ENR1.modify(0, UART4);
    let _ = APB1ENR1.read();
}

/// Puts UART4 back into its reset state and switches it off.
pub(crate) fn disable_console() {
    APB1RSTR1.modify(0, UART4);
    APB1RSTR1.modify(UART4, 0);
    APB1ENR1.modify(UART4, 0);
    CCIPR2.modify(0b111, 0);
}
