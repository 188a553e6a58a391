//! Where QEMU 7.2 is known to depart from the Armv7-M Architecture Reference Manual (DDI 0403E), and what decides.

/// One result word that differs for a known reason.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The program.
    pub program: &'static str,
    /// Number of the word; None: QEMU writes no results at all.
    pub word: Option<usize>,
    /// Ours.
    pub ours: u32,
    /// QEMU's.
    pub qemu: u32,
    /// The section of the manual that decides, and what it says.
    pub decides: &'static str,
}

impl Difference {
    /// QEMU does not get to the end of this program.
    pub fn qemu_fails(&self) -> bool {
        self.word.is_none()
    }

    /// Whether this is the difference seen.
    pub fn covers(&self, program: &str, word: usize, ours: Option<u32>, qemu: Option<u32>) -> bool {
        self.program == program && self.word == Some(word) && ours == Some(self.ours) && qemu == Some(self.qemu)
    }
}

/// The table.
pub const KNOWN: &[Difference] = &[];
