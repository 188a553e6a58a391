//! SysTick as an alarm clock: with interrupts masked in the core, the one that it pends ends a `wfi`, and the sleeper counts.

use crate::reg::{Rw, Wo};

const CSR: Rw = Rw::at(0xE000_E010);
const RVR: Wo = Wo::at(0xE000_E014);
const CVR: Wo = Wo::at(0xE000_E018);
const ICSR: Wo = Wo::at(0xE000_ED04);

/// Enable, interrupt, clock of the core.
const RUN: u32 = 0b111;
const COUNTFLAG: u32 = 1 << 16;
const PENDSTCLR: u32 = 1 << 25;
/// Cycles of the core between two rings: 44 ms at 380 MHz.
const PERIOD: u32 = 0xFF_FFFF;

/// It runs, and stops when it is dropped.
pub struct Alarm;

impl Alarm {
    /// Starts it.
    pub fn start() -> Self {
        RVR.write(PERIOD);
        CVR.write(0);
        CSR.write(RUN);
        Self
    }

    /// Whether it rang since this was asked last.
    pub fn rang(&self) -> bool {
        // Reading takes the flag away.
        let rang = CSR.read() & COUNTFLAG != 0;
        if rang {
            ICSR.write(PENDSTCLR);
        }
        rang
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        CSR.write(0);
        ICSR.write(PENDSTCLR);
    }
}
