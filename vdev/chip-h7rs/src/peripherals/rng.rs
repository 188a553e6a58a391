//! The generator of random numbers: that of `ironroot-chip`, whose registers and times are the same.
//!
//! What comes out is not random: it follows from a seed, which the chip makes of the board's identity and its boot counter. So a run can be
//! repeated, and boards and boots differ.

use ironroot_chip::peripherals::registers::Written;
use ironroot_chip::peripherals::rng;
pub use ironroot_chip::peripherals::rng::RngFault;

/// The RNG.
#[derive(Clone, Debug, Hash)]
pub struct Rng {
    unit: rng::Rng,
    core_hz: u64,
}

impl Rng {
    /// Reset state. `seed` names board and boot.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut name = [0; 12];
        name.copy_from_slice(&seed[16..28]);
        Rng { unit: rng::Rng::new(&name, Some(&seed), 0), core_hz: 1 }
    }

    /// Another boot, in reset state: other numbers.
    pub fn reseed(&mut self, seed: [u8; 32]) {
        *self = Rng { core_hz: self.core_hz, ..Rng::new(seed) };
    }

    /// Reset state; the numbers go on.
    pub fn reset(&mut self) {
        self.unit.reset();
    }

    /// Breaks the generator, or repairs it: for tests and campaigns.
    pub fn inject(&mut self, fault: Option<RngFault>) {
        self.unit.fail(fault);
    }

    /// The interrupt line.
    pub fn raised(&self, now: u64) -> bool {
        self.unit.raised(now)
    }

    /// When the interrupt line may change; `u64::MAX` for never. It may lie in the past.
    pub fn next_event(&self) -> u64 {
        self.unit.next_event(0)
    }

    /// A register's value; `None` for an offset without a register. DR gives the next word, 0 if there is none.
    pub fn read(&mut self, offset: u32, now: u64) -> Option<u32> {
        self.unit.read(offset, now, self.core_hz, true)
    }

    /// Writes a register. False for an offset without a register.
    pub fn write(&mut self, offset: u32, written: Written, now: u64, core_hz: u64) -> bool {
        self.core_hz = core_hz.max(1);
        self.unit.write(offset, written, now, core_hz)
    }
}
