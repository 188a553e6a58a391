//! The power supply, and how it is cut: at one flash operation, with one effect on the cells.
//!
//! What a device must survive is counted in operations, not in time: between two of them nothing that survives power-off
//! changes, so a cut at each of them, with each effect, is every cut there is. Operations are counted in the order in which
//! they end. Option bytes are changed as a whole: a cut in their change leaves the old ones, as a reset does.

use std::fmt;
use std::str::FromStr;

/// Reason of [`Stop::Chip`](ironroot_cpu::machine::Stop::Chip): there is no power. The chip stands until
/// [`crate::power_cycle`].
pub const POWER_CUT: u32 = 1;

/// An operation that changes what survives power-off. Addresses are those of the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlashOperation {
    /// A flash word of the embedded flash is programmed.
    Program {
        /// Where it is.
        address: u32,
    },
    /// Sectors of the embedded flash are erased.
    Erase {
        /// First address of the first of them.
        address: u32,
        /// Bytes.
        size: u32,
    },
    /// The option bytes change.
    Options,
    /// A page of an external flash, or a part of one, is programmed.
    ExternalProgram {
        /// Where in the window of the memory.
        address: u32,
        /// Bytes.
        length: u32,
    },
    /// A part of an external flash is erased.
    ExternalErase {
        /// Where in the window of the memory.
        address: u32,
        /// Bytes.
        size: u32,
    },
}

impl FlashOperation {
    /// True for erases.
    pub fn is_erase(self) -> bool {
        matches!(self, FlashOperation::Erase { .. } | FlashOperation::ExternalErase { .. })
    }

    /// The first address that it touches; `None` for the option bytes.
    pub fn address(self) -> Option<u32> {
        match self {
            FlashOperation::Program { address }
            | FlashOperation::Erase { address, .. }
            | FlashOperation::ExternalProgram { address, .. }
            | FlashOperation::ExternalErase { address, .. } => Some(address),
            FlashOperation::Options => None,
        }
    }
}

impl fmt::Display for FlashOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlashOperation::Program { address } => write!(f, "program of 0x{address:08X}"),
            FlashOperation::Erase { address, size } => {
                write!(f, "erase of {} KB at 0x{address:08X}", size / 1024)
            }
            FlashOperation::Options => f.write_str("change of the option bytes"),
            FlashOperation::ExternalProgram { address, length } => {
                write!(f, "program of {length} bytes at 0x{address:08X}")
            }
            FlashOperation::ExternalErase { address, size } => {
                write!(f, "erase of {} KB at 0x{address:08X}", size / 1024)
            }
        }
    }
}

/// What the interrupted operation leaves in the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CutEffect {
    /// Nothing: the power went before the first cell moved.
    Before,
    /// Everything: the power went before anybody could note it.
    After,
    /// A random mix of old and new bits that reads without error: the worst that a memory without ECC does, and one with
    /// ECC can.
    Torn,
    /// A random mix of old and new bits; in the embedded flash it cannot be read until it is erased.
    Broken,
    /// Of an erase, a first part is done and the rest is not; a program is as [`CutEffect::Broken`].
    Half,
}

impl CutEffect {
    /// Every effect.
    pub const ALL: [Self; 5] = [Self::Before, Self::After, Self::Torn, Self::Broken, Self::Half];

    /// The name on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Torn => "torn",
            Self::Broken => "broken",
            Self::Half => "half",
        }
    }
}

impl fmt::Display for CutEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is none of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEffect;

impl FromStr for CutEffect {
    type Err = UnknownEffect;

    fn from_str(name: &str) -> Result<Self, UnknownEffect> {
        Self::ALL.into_iter().find(|effect| effect.name() == name).ok_or(UnknownEffect)
    }
}

/// A power cut to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PowerCut {
    /// At which operation: 1 is the next one to end.
    pub operation: u64,
    /// What it leaves.
    pub effect: CutEffect,
    /// Decides what is random in it.
    pub seed: u64,
}

/// The supply of a chip.
#[derive(Clone, Debug, Default, Hash)]
pub struct Supply {
    operations: u64,
    cut: Option<PowerCut>,
    off: bool,
    log: Option<Vec<FlashOperation>>,
}

impl Supply {
    /// An operation is about to end. `None`: it does. Otherwise the power goes now, with what this says about the cells.
    pub fn next(&mut self, operation: FlashOperation) -> Option<PowerCut> {
        self.operations += 1;
        if let Some(log) = &mut self.log {
            log.push(operation);
        }
        let cut = self.cut.filter(|cut| cut.operation <= self.operations)?;
        self.cut = None;
        self.off = true;
        Some(cut)
    }

    /// Whether a cut took the power.
    pub fn is_off(&self) -> bool {
        self.off
    }

    /// The power is back.
    pub fn power_on(&mut self) {
        self.off = false;
    }

    /// Operations that ended since the start.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// The operation of `cut` counts from here on; inside, all operations are counted from the start.
    pub fn arm(&mut self, cut: Option<PowerCut>) {
        self.cut = cut
            .map(|cut| PowerCut { operation: self.operations.saturating_add(cut.operation.max(1)), ..cut });
    }

    /// Starts a log of operations, or drops it.
    pub fn record(&mut self, on: bool) {
        self.log = on.then(Vec::new);
    }

    /// What was logged since the last call.
    pub fn take_log(&mut self) -> Vec<FlashOperation> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// SplitMix64: seeded, so that the same interruption gives the same flash.
pub struct SplitMix(
    /// The seed, then the state.
    pub u64,
);

impl SplitMix {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_counts_from_where_it_was_armed_and_comes_once() {
        let mut supply = Supply::default();
        assert_eq!(supply.next(FlashOperation::Options), None);
        let cut = PowerCut { operation: 2, effect: CutEffect::Torn, seed: 9 };
        supply.arm(Some(cut));
        assert_eq!(supply.next(FlashOperation::Options), None);
        assert_eq!(supply.next(FlashOperation::Options), Some(PowerCut { operation: 3, ..cut }));
        assert!(supply.is_off());
        supply.power_on();
        assert_eq!((supply.next(FlashOperation::Options), supply.operations()), (None, 4));
    }

    #[test]
    fn effects_have_names() {
        for effect in CutEffect::ALL {
            assert_eq!(effect.name().parse(), Ok(effect));
        }
        assert_eq!("sideways".parse::<CutEffect>(), Err(UnknownEffect));
    }
}
