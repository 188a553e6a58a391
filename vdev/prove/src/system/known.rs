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
        self.program == program
            && self.word == Some(word)
            && ours == Some(self.ours)
            && qemu == Some(self.qemu)
    }
}

const M7_CCR: &str =
    "B3.2.8: STKALIGN may be read-only; a Cortex-M7 hardwires it and BP (bit 18) to one (DUI 0646, 4.3.7)";
const UFRDY: &str = "B3.2.21: FPCCR bit 10 is reserved in Armv7-M (UFRDY is Armv8-M's)";
const DEVICE: &str =
    "A3.2.1: unaligned accesses to Device memory are not supported; a Cortex-M7 raises UsageFault UNALIGNED";

const fn word(program: &'static str, word: usize, ours: u32, qemu: u32, decides: &'static str) -> Difference {
    Difference { program, word: Some(word), ours, qemu, decides }
}

/// The table.
pub const KNOWN: &[Difference] = &[
    word("alignment", 8, 0x0004_0200, 0, M7_CCR),
    word("masked-by-reset", 4, 0x0004_0200, 0x0000_0200, M7_CCR),
    word("return-nonbase", 0, 0x0004_0201, 0x0000_0201, M7_CCR),
    word("faultmask-nmi", 0, 0, 1, "B5.2.1: CPSID f sets FAULTMASK only if ExecutionPriority() > -1"),
    word("sleep-on-exit", 0, 2, 1, "B3.2.7: SLEEPONEXIT; QEMU does not sleep"),
    word("sleep-on-exit", 1, 0, 2, "B3.2.7: follows from the word before"),
    word(
        "unaligned-strex",
        0,
        0x0100_0000,
        0,
        "B2.3.7: ExclusiveMonitorsPass() faults before it looks at the monitor",
    ),
    word("unaligned-device", 0, 0x0100_0000, 0, DEVICE),
    word("mpu-device", 0, 0x0100_0000, 0, DEVICE),
    Difference {
        program: "bus-ignored",
        word: None,
        ours: 0,
        qemu: 0,
        decides: "B3.2.8: BFHFNMIGN; QEMU locks up as if it were clear",
    },
    word(
        "bkpt",
        4,
        0x8000_0000,
        0x4000_0000,
        "B3.2.16: HFSR.DEBUGEVT, not FORCED, for a debug event that escalates",
    ),
    word("bkpt", 8, 0x0000_0002, 0, "C1.6.1: DFSR.BKPT is set by the event, halting or not"),
    word("monitor", 0, 12, 3, "C1.4: with DEMCR.MON_EN a BKPT is a DebugMonitor exception; QEMU has none"),
    word("lazy-fault", 3, 0xC000_0079, 0xC000_0479, UFRDY),
    word("lazy-fault", 7, 0xC000_0078, 0xC000_0478, UFRDY),
    word("lazy-fault-low", 0, 0xC000_0078, 0xC000_0478, UFRDY),
    word("mpu-lazy", 2, 0xC000_0079, 0xC000_0479, UFRDY),
    word("mpu-lazy", 3, 0xC000_0078, 0xC000_0478, UFRDY),
];
