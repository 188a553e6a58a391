//! The clock tree: frequencies from register values.

/// HSI in Hz.
pub const HSI: u64 = 64_000_000;
/// CSI in Hz.
pub const CSI: u64 = 4_000_000;
/// LSE in Hz.
pub const LSE: u64 = 32_768;
/// Crystal of the virtual board in Hz (as on the STM32H735G-DK).
pub const HSE: u64 = 25_000_000;

/// Frequencies in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clocks {
    /// The core (virtual time counts its cycles).
    pub core: u64,
    /// AXI and AHB.
    pub hclk: u64,
    /// APB1.
    pub pclk1: u64,
    /// APB2.
    pub pclk2: u64,
    /// APB4.
    pub pclk4: u64,
    /// PLL2 output Q.
    pub pll2_q: u64,
    /// PLL3 output Q.
    pub pll3_q: u64,
    /// HSI after its divider.
    pub hsi: u64,
    usart16910: u32,
    usart28: u32,
    lpuart1: u32,
}

/// Which kernel-clock selector a USART hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsartClock {
    /// USART1, 6, 9 and 10 (APB2).
    Usart16910,
    /// USART2, 3 and UART4, 5, 7, 8 (APB1).
    Usart28,
    /// LPUART1 (APB4).
    Lpuart1,
}

/// Divider of an AHB prescaler field (HPRE, D1CPRE).
pub const fn ahb_divider(field: u32) -> u64 {
    match field & 0xF {
        0x8 => 2,
        0x9 => 4,
        0xA => 8,
        0xB => 16,
        0xC => 64,
        0xD => 128,
        0xE => 256,
        0xF => 512,
        _ => 1,
    }
}

/// Divider of an APB prescaler field.
pub const fn apb_divider(field: u32) -> u64 {
    match field & 7 {
        4 => 2,
        5 => 4,
        6 => 8,
        7 => 16,
        _ => 1,
    }
}

impl Clocks {
    /// From a reader of RCC registers by offset.
    pub fn from_registers(read: &dyn Fn(u32) -> u32) -> Self {
        let (cr, cfgr, d1, d2, d3) = (read(0x000), read(0x010), read(0x018), read(0x01C), read(0x020));
        let hsi = HSI >> (cr >> 3 & 3);
        let select = read(0x028);
        let source = match select & 3 {
            0 => hsi,
            1 => CSI,
            2 => HSE,
            _ => 0,
        };
        let configuration = read(0x02C);
        // `shift` of the DIVM field, divider and fraction registers, FRACEN bit, shift and enable bit of the output.
        let pll =
            |m: u32, divider: u32, fraction: u32, fraction_on: u32, output: u32, output_on: u32| -> u64 {
                let m = u64::from(select >> m & 0x3F);
                if m == 0 || configuration >> output_on & 1 == 0 {
                    return 0;
                }
                let dividers = read(divider);
                let n = u64::from(dividers & 0x1FF) + 1;
                let fraction = if configuration >> fraction_on & 1 == 0 {
                    0
                } else {
                    u64::from(read(fraction) >> 3 & 0x1FFF)
                };
                let vco = source / m * n + source * fraction / (m * 8192);
                vco / (u64::from(dividers >> output & 0x7F) + 1)
            };
        let system = match cfgr >> 3 & 7 {
            0 => hsi,
            1 => CSI,
            2 => HSE,
            _ => pll(4, 0x030, 0x034, 0, 9, 16),
        };
        // A PLL that is configured to nothing still ticks for the model: virtual time must not stand still.
        let core = (system / ahb_divider(d1 >> 8)).max(1_000);
        let hclk = (core / ahb_divider(d1)).max(1);
        let kernel = read(0x054);
        Clocks {
            core,
            hclk,
            pclk1: hclk / apb_divider(d2 >> 4),
            pclk2: hclk / apb_divider(d2 >> 8),
            pclk4: hclk / apb_divider(d3 >> 4),
            pll2_q: pll(12, 0x038, 0x03C, 4, 16, 20),
            pll3_q: pll(20, 0x040, 0x044, 8, 16, 23),
            hsi,
            usart16910: kernel >> 3 & 7,
            usart28: kernel & 7,
            lpuart1: read(0x058) & 7,
        }
    }

    /// Kernel clock of a USART in Hz; 0 if its source does not run.
    pub fn usart(&self, which: UsartClock) -> u64 {
        let (select, bus) = match which {
            UsartClock::Usart16910 => (self.usart16910, self.pclk2),
            UsartClock::Usart28 => (self.usart28, self.pclk1),
            UsartClock::Lpuart1 => (self.lpuart1, self.pclk4),
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

    #[test]
    fn a_pll_set_to_550_mhz_from_the_crystal() {
        // DIVM1 = 5, N = 110, P = 1: 25 MHz / 5 * 110 / 1.
        let registers = |offset| match offset {
            0x010 => 3 | 3 << 3,
            0x018 => 8,
            0x01C => 4 << 4 | 4 << 8,
            0x028 => 2 | 5 << 4,
            0x02C => 1 << 16,
            0x030 => 109,
            _ => 0,
        };
        let clocks = Clocks::from_registers(&registers);
        assert_eq!((clocks.core, clocks.hclk, clocks.pclk1), (550_000_000, 275_000_000, 137_500_000));
        assert_eq!(clocks.usart(UsartClock::Usart28), 137_500_000);
    }

    #[test]
    fn reset_state_runs_from_hsi() {
        let clocks = Clocks::from_registers(&|_| 0);
        assert_eq!((clocks.core, clocks.pclk2), (64_000_000, 64_000_000));
    }
}
