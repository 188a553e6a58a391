//! Reset and clock control: the registers of this part, and its clock tree. How ready bits follow is the block of
//! [`ironroot_chip::peripherals::rcc`].

use ironroot_chip::peripherals::clocks::{CSI, HSI, LSE, ahb_divider, apb_divider};
use ironroot_chip::peripherals::rcc::{Part, Rcc};
use ironroot_chip::peripherals::registers::{Register, register};

/// AHB5ENR.
pub const AHB5ENR: u16 = 0x134;
/// AHB2ENR.
pub const AHB2ENR: u16 = 0x13C;
/// AHB4ENR.
pub const AHB4ENR: u16 = 0x140;
/// APB1ENR1.
pub const APB1ENR1: u16 = 0x148;
/// APB2ENR.
pub const APB2ENR: u16 = 0x150;
/// APB4ENR.
pub const APB4ENR: u16 = 0x154;
/// AHB3ENR.
pub const AHB3ENR: u16 = 0x158;

/// The reset register of the bus that an enable register belongs to.
pub const fn reset_register(enable: u16) -> u16 {
    // AHB3 came late and stands behind the others.
    if enable == AHB3ENR { 0x0A4 } else { enable - 0xB8 }
}

/// Crystal of the virtual board in Hz (as on the STM32H7S78-DK).
pub const HSE: u64 = 24_000_000;

const CR_WRITABLE: u32 = 0x151D_129B;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR", 0x0000_0025, CR_WRITABLE),
    register(0x004, "HSICFGR", 0x4000_0000, 0x7F00_0000),
    register(0x008, "CRRCR", 0, 0),
    register(0x00C, "CSICFGR", 0x2000_0000, 0x3F00_0000),
    register(0x010, "CFGR", 0, 0xFFFC_BFC7),
    register(0x018, "CDCFGR", 0, 0x0000_000F),
    register(0x01C, "BMCFGR", 0, 0x0000_000F),
    register(0x020, "APBCFGR", 0, 0x0000_7777),
    register(0x028, "PLLCKSELR", 0x0202_0200, 0x03F3_F3F3),
    register(0x02C, "PLLCFGR", 0, 0x7FDF_F9FF),
    register(0x030, "PLL1DIVR1", 0x0101_0280, 0x7F7F_FFFF),
    register(0x034, "PLL1FRACR", 0, 0x0000_FFF8),
    register(0x038, "PLL2DIVR1", 0x0101_0280, 0x7F7F_FFFF),
    register(0x03C, "PLL2FRACR", 0, 0x0000_FFF8),
    register(0x040, "PLL3DIVR1", 0x0101_0280, 0x7F7F_FFFF),
    register(0x044, "PLL3FRACR", 0, 0x0000_FFF8),
    register(0x04C, "CCIPR1", 0, 0x3B77_FFF7),
    register(0x050, "CCIPR2", 0, 0x33C7_3377),
    register(0x054, "CCIPR3", 0, 0x0077_0777),
    register(0x058, "CCIPR4", 0, 0x0000_7777),
    register(0x060, "CIER", 0, 0x0000_03FF),
    register(0x064, "CIFR", 0, 0),
    register(0x068, "CICR", 0, 0),
    register(0x070, "BDCR", 0, 0x0001_93BD),
    register(0x074, "CSR", 0, 0x0000_0001),
    register(0x07C, "AHB5RSTR", 0, 0x0018_513B),
    register(0x080, "AHB1RSTR", 0, 0x8E00_8030),
    register(0x084, "AHB2RSTR", 0, 0x0000_4202),
    register(0x088, "AHB4RSTR", 0, 0x0008_F0FF),
    register(0x08C, "APB5RSTR", 0, 0x0000_0016),
    register(0x090, "APB1RSTR1", 0, 0xC8FF_C3FF),
    register(0x094, "APB1RSTR2", 0, 0x0800_0122),
    register(0x098, "APB2RSTR", 0, 0x00DF_3011),
    register(0x09C, "APB4RSTR", 0, 0x0400_9E2A),
    register(0x0A4, "AHB3RSTR", 0, 0x0000_0057),
    register(0x0B0, "CKGDISR", 0, 0xC03F_FFFF),
    register(0x0C0, "PLL1DIVR2", 0, 0x0000_0007),
    register(0x0C4, "PLL2DIVR2", 0, 0x0000_0707),
    register(0x0C8, "PLL3DIVR2", 0, 0x0000_0007),
    register(0x0CC, "PLL1SSCGR", 0, 0x7FFF_FFFF),
    register(0x0D0, "PLL2SSCGR", 0, 0x7FFF_FFFF),
    register(0x0D4, "PLL3SSCGR", 0, 0x7FFF_FFFF),
    register(0x100, "CKPROTR", 0, 0x0000_0003),
    register(0x130, "RSR", POWER_ON, 0),
    register(0x134, "AHB5ENR", 0, 0x0018_513B),
    register(0x138, "AHB1ENR", 0, 0x8E03_8030),
    register(0x13C, "AHB2ENR", 0, 0x6000_4202),
    register(0x140, "AHB4ENR", 0, 0x1008_F0FF),
    register(0x144, "APB5ENR", 0, 0x0000_0016),
    register(0x148, "APB1ENR1", 0, 0xC8FF_CBFF),
    register(0x14C, "APB1ENR2", 0, 0x0800_0122),
    register(0x150, "APB2ENR", 0, 0x00DF_3011),
    register(0x154, "APB4ENR", 0x0001_0000, 0x0401_9E2A),
    register(0x158, "AHB3ENR", 0, 0x0000_0057),
    register(0x15C, "AHB5LPENR", 0xF018_513F, 0xF018_513F),
    register(0x160, "AHB1LPENR", 0x8F03_8030, 0x8F03_8030),
    register(0x164, "AHB2LPENR", 0x6000_4202, 0x6000_4202),
    register(0x168, "AHB4LPENR", 0x1008_F0FF, 0x1008_F0FF),
    register(0x16C, "AHB3LPENR", 0x0000_0057, 0x0000_0057),
    register(0x170, "APB1LPENR1", 0xC8FF_CBFF, 0xC8FF_CBFF),
    register(0x174, "APB1LPENR2", 0x0800_0122, 0x0800_0122),
    register(0x178, "APB2LPENR", 0x00DF_3011, 0x00DF_3011),
    register(0x17C, "APB4LPENR", 0x0401_9E2A, 0x0401_9E2A),
    register(0x180, "APB5LPENR", 0x0000_0016, 0x0000_0016),
];

/// What RSR says after power-on: BOR, PIN and POR.
const POWER_ON: u32 = 0x00E0_0000;
/// What RSR says after SYSRESETREQ: software and pin.
const SOFTWARE: u32 = 0x0140_0000;

/// What RSR says after IWDG: watchdog and pin.
const WATCHDOG: u32 = 0x0440_0000;

/// This part's block.
pub static H7RS: Part =
    Part { table: TABLE, rsr: 0x130, power_on: POWER_ON, software: SOFTWARE, watchdog: WATCHDOG };

/// Frequencies in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clocks {
    /// The core (virtual time counts its cycles).
    pub core: u64,
    pclk1: u64,
    pclk2: u64,
    pclk4: u64,
    pll2_q: u64,
    pll3_q: u64,
    hsi: u64,
    /// Selectors of UART2 to 8, USART1, LPUART1.
    selectors: [u32; 3],
}

/// Which kernel-clock selector a USART hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsartClock {
    /// USART2, 3 and UART4, 5, 7, 8 (APB1).
    Uart234578,
    /// USART1 (APB2).
    Usart1,
    /// LPUART1 (APB4).
    Lpuart1,
}

impl Clocks {
    /// The clock tree as configured now.
    pub fn new(rcc: &Rcc) -> Self {
        let read = |offset| rcc.read(offset).unwrap_or(0);
        let (cr, cfgr, select, configuration) = (read(0x000), read(0x010), read(0x028), read(0x02C));
        let hsi = HSI >> (cr >> 3 & 3);
        let source = match select & 3 {
            0 => hsi,
            1 => CSI,
            2 => HSE,
            _ => 0,
        };
        // `shift` of the DIVM field, divider and fraction registers, FRACEN bit, shift and enable bit of the output.
        let pll = |m: u32, divider: u32, fraction_on: u32, output: u32, output_on: u32| -> u64 {
            let m = u64::from(select >> m & 0x3F);
            if m == 0 || configuration >> output_on & 1 == 0 {
                return 0;
            }
            let dividers = read(divider);
            let n = u64::from(dividers & 0x1FF) + 1;
            let on = configuration >> fraction_on & 1 != 0;
            let fraction = if on { u64::from(read(divider + 4) >> 3 & 0x1FFF) } else { 0 };
            let vco = source / m * n + source * fraction / (m * 8192);
            vco / (u64::from(dividers >> output & 0x7F) + 1)
        };
        let system = match cfgr >> 3 & 7 {
            0 => hsi,
            1 => CSI,
            2 => HSE,
            _ => pll(4, 0x030, 0, 9, 5),
        };
        // A PLL that is configured to nothing still ticks for the model: virtual time must not stand still.
        let core = (system / ahb_divider(read(0x018))).max(1_000);
        let bus = (core / ahb_divider(read(0x01C))).max(1);
        let apb = read(0x020);
        Clocks {
            core,
            pclk1: bus / apb_divider(apb),
            pclk2: bus / apb_divider(apb >> 4),
            pclk4: bus / apb_divider(apb >> 8),
            pll2_q: pll(12, 0x038, 11, 16, 17),
            pll3_q: pll(20, 0x040, 22, 16, 28),
            hsi,
            selectors: [read(0x050) & 7, read(0x054) & 7, read(0x058) & 7],
        }
    }

    /// Kernel clock of a USART in Hz; 0 if its source does not run.
    pub fn usart(&self, which: UsartClock) -> u64 {
        let [uart, usart1, lpuart] = self.selectors;
        let (select, bus) = match which {
            UsartClock::Uart234578 => (uart, self.pclk1),
            UsartClock::Usart1 => (usart1, self.pclk2),
            UsartClock::Lpuart1 => (lpuart, self.pclk4),
        };
        match select {
            0 => bus,
            1 => self.pll2_q,
            2 => self.pll3_q,
            3 => self.hsi,
            4 => CSI,
            5 => LSE,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_chip::peripherals::registers::Written;

    #[test]
    fn reset_state_runs_from_hsi() {
        let clocks = Clocks::new(&Rcc::new(&H7RS));
        assert_eq!((clocks.core, clocks.usart(UsartClock::Usart1)), (64_000_000, 64_000_000));
    }

    #[test]
    fn pll1_at_600_mhz_from_the_crystal() {
        let mut rcc = Rcc::new(&H7RS);
        // 24 MHz / 12 * 300 / 1; core / 1, bus / 2, APB / 2.
        for (offset, value) in [
            (0x000, 0x0101_0025),
            (0x028, 2 | 12 << 4),
            (0x030, 299),
            (0x02C, 1 << 5),
            (0x01C, 8),
            (0x020, 0x4444),
            (0x010, 3),
        ] {
            assert!(rcc.write(offset, Written::word(value), true));
        }
        let clocks = Clocks::new(&rcc);
        assert_eq!((clocks.core, clocks.usart(UsartClock::Uart234578)), (600_000_000, 150_000_000));
    }

    #[test]
    fn each_bus_has_its_reset_register() {
        assert_eq!(
            [AHB5ENR, AHB4ENR, APB1ENR1, APB4ENR, AHB3ENR].map(reset_register),
            [0x7C, 0x88, 0x90, 0x9C, 0xA4]
        );
    }
}
