//! Choosing 32-bit encodings: uniform ones, ones of each encoding of the manual in turn, and near misses of these.

/// A stream of 32-bit encodings, the same for the same seed.
pub(super) struct Sampler {
    state: u64,
    turn: usize,
}

impl Sampler {
    pub(super) fn new(seed: u64) -> Sampler {
        Sampler { state: seed, turn: 0 }
    }

    /// splitmix64: good enough to choose, and reproducible everywhere.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next encoding, first halfword on top; always one of the 32-bit space.
    pub(super) fn next_encoding(&mut self) -> u32 {
        self.turn = self.turn.wrapping_add(1);
        let fill = self.random() as u32;
        let (value, mask) = ENCODINGS.get((self.turn / 3) % ENCODINGS.len()).copied().unwrap_or_default();
        // Offsets and constants of zero are printed in ways of their own, and would be rare.
        let fill = if self.random().is_multiple_of(8) { fill & !0xFF } else { fill };
        let legal = (fill & !mask) | value;
        match self.turn % 3 {
            0 => uniform(fill),
            1 => legal,
            _ => {
                // A near miss: up to three of the fixed or free bits inverted, but never out of the 32-bit space.
                let choice = self.random();
                let flips = (0..1 + choice % 3).fold(0, |bits, n| bits | 1 << ((choice >> (8 + 5 * n)) & 31));
                let near = legal ^ flips;
                if near >> 16 >= 0xE800 { near } else { legal }
            }
        }
    }
}

/// Spreads any word over the 32-bit space, first halfwords 0xE800 to 0xFFFF.
fn uniform(word: u32) -> u32 {
    let first = 0xE800 + (word >> 16) % 0x1800;
    first << 16 | (word & 0xFFFF)
}

/// The 32-bit encodings of A5.3 and A6 as (value, mask of the fixed bits), so that each of them is hit however thin it is
/// in the space. Mistakes here cost coverage, not correctness.
const ENCODINGS: &[(u32, u32)] = &[
    // Load and store multiple (A5.3.5).
    (0xE880_0000, 0xFFD0_A000),
    (0xE890_0000, 0xFFD0_2000),
    (0xE900_0000, 0xFFD0_A000),
    (0xE910_0000, 0xFFD0_2000),
    // Dual, exclusive, table branch (A5.3.6).
    (0xE840_0000, 0xFFF0_0000),
    (0xE850_0F00, 0xFFF0_0F00),
    (0xE8C0_0F40, 0xFFF0_0FF0),
    (0xE8C0_0F50, 0xFFF0_0FF0),
    (0xE8D0_F000, 0xFFF0_FFF0),
    (0xE8D0_F010, 0xFFF0_FFF0),
    (0xE8D0_0F4F, 0xFFF0_0FFF),
    (0xE8D0_0F5F, 0xFFF0_0FFF),
    (0xE940_0000, 0xFF50_0000),
    (0xE950_0000, 0xFF50_0000),
    (0xE860_0000, 0xFF70_0000),
    (0xE870_0000, 0xFF70_0000),
    (0xE95F_0000, 0xFF7F_0000),
    // Data processing, shifted register (A5.3.11); moves and tests apart.
    (0xEA00_0000, 0xFFE0_8000),
    (0xEA10_0F00, 0xFFF0_8F00),
    (0xEA20_0000, 0xFFE0_8000),
    (0xEA40_0000, 0xFFE0_8000),
    (0xEA4F_0000, 0xFFEF_8000),
    (0xEA4F_0000, 0xFFEF_F0F0),
    (0xEA60_0000, 0xFFE0_8000),
    (0xEA6F_0000, 0xFFEF_8000),
    (0xEA80_0000, 0xFFE0_8000),
    (0xEA90_0F00, 0xFFF0_8F00),
    (0xEAC0_0000, 0xFFF0_8010),
    (0xEB00_0000, 0xFFE0_8000),
    (0xEB10_0F00, 0xFFF0_8F00),
    (0xEB0D_0000, 0xFFEF_8000),
    (0xEB40_0000, 0xFFE0_8000),
    (0xEB60_0000, 0xFFE0_8000),
    (0xEBA0_0000, 0xFFE0_8000),
    (0xEBB0_0F00, 0xFFF0_8F00),
    (0xEBAD_0000, 0xFFEF_8000),
    (0xEBC0_0000, 0xFFE0_8000),
    // Data processing, modified immediate (A5.3.1).
    (0xF000_0000, 0xFBE0_8000),
    (0xF010_0F00, 0xFBF0_8F00),
    (0xF020_0000, 0xFBE0_8000),
    (0xF040_0000, 0xFBE0_8000),
    (0xF04F_0000, 0xFBEF_8000),
    (0xF060_0000, 0xFBE0_8000),
    (0xF06F_0000, 0xFBEF_8000),
    (0xF080_0000, 0xFBE0_8000),
    (0xF090_0F00, 0xFBF0_8F00),
    (0xF100_0000, 0xFBE0_8000),
    (0xF110_0F00, 0xFBF0_8F00),
    (0xF140_0000, 0xFBE0_8000),
    (0xF160_0000, 0xFBE0_8000),
    (0xF1A0_0000, 0xFBE0_8000),
    (0xF1B0_0F00, 0xFBF0_8F00),
    (0xF1C0_0000, 0xFBE0_8000),
    // Data processing, plain immediate (A5.3.3).
    (0xF200_0000, 0xFBF0_8000),
    (0xF20F_0000, 0xFBFF_8000),
    (0xF240_0000, 0xFBF0_8000),
    (0xF2A0_0000, 0xFBF0_8000),
    (0xF2AF_0000, 0xFBFF_8000),
    (0xF2C0_0000, 0xFBF0_8000),
    (0xF300_0000, 0xFFD0_8020),
    (0xF320_0000, 0xFFF0_F0F0),
    (0xF340_0000, 0xFFF0_8020),
    (0xF360_0000, 0xFFF0_8020),
    (0xF36F_0000, 0xFFFF_8020),
    (0xF380_0000, 0xFFD0_8020),
    (0xF3A0_0000, 0xFFF0_F0F0),
    (0xF3C0_0000, 0xFFF0_8020),
    // Branches and miscellaneous control (A5.3.4).
    (0xF000_8000, 0xF800_D000),
    (0xF000_9000, 0xF800_D000),
    (0xF000_D000, 0xF800_D000),
    (0xF380_8000, 0xFFF0_F300),
    (0xF3AF_8000, 0xFFFF_FF00),
    (0xF3AF_8000, 0xFFFF_FFF8),
    (0xF3BF_8F00, 0xFFFF_FF00),
    (0xF3BF_8F40, 0xFFFF_FFC0),
    (0xF3EF_8000, 0xFFFF_F000),
    (0xF3EF_8000, 0xFFFF_F0E0),
    (0xF7F0_A000, 0xFFF0_F000),
    // Loads, stores and memory hints (A5.3.7 to A5.3.10).
    (0xF800_0000, 0xFFF0_0FC0),
    (0xF800_0800, 0xFFF0_0800),
    (0xF880_0000, 0xFFF0_0000),
    (0xF820_0000, 0xFFF0_0FC0),
    (0xF820_0800, 0xFFF0_0800),
    (0xF8A0_0000, 0xFFF0_0000),
    (0xF840_0000, 0xFFF0_0FC0),
    (0xF840_0800, 0xFFF0_0800),
    (0xF8C0_0000, 0xFFF0_0000),
    (0xF810_0000, 0xFEF0_0FC0),
    (0xF810_0800, 0xFEF0_0800),
    (0xF890_0000, 0xFEF0_0000),
    (0xF81F_0000, 0xFE7F_0000),
    (0xF830_0000, 0xFEF0_0FC0),
    (0xF830_0800, 0xFEF0_0800),
    (0xF8B0_0000, 0xFEF0_0000),
    (0xF83F_0000, 0xFE7F_0000),
    (0xF850_0000, 0xFFF0_0FC0),
    (0xF850_0800, 0xFFF0_0800),
    (0xF8D0_0000, 0xFFF0_0000),
    (0xF85F_0000, 0xFF7F_0000),
    (0xF810_F000, 0xFE70_F000),
    // Data processing, register (A5.3.12 to A5.3.15).
    (0xFA00_F000, 0xFF80_F0F0),
    (0xFA00_F080, 0xFF80_F0C0),
    (0xFA0F_F080, 0xFF8F_F0C0),
    (0xFA80_F000, 0xFF80_F0C0),
    (0xFA80_F040, 0xFF80_F0C0),
    (0xFA80_F080, 0xFFC0_F0C0),
    (0xFA90_F080, 0xFFF0_F0C0),
    (0xFAA0_F080, 0xFFF0_F0F0),
    (0xFAB0_F080, 0xFFF0_F0F0),
    // Multiply, divide (A5.3.16, A5.3.17).
    (0xFB00_0000, 0xFF80_00C0),
    (0xFB00_F000, 0xFF80_F0C0),
    (0xFB80_0000, 0xFF90_00F0),
    (0xFB90_F0F0, 0xFFD0_F0F0),
    (0xFBC0_0080, 0xFFF0_00C0),
    (0xFBC0_00C0, 0xFFE0_00E0),
    (0xFBE0_0060, 0xFFF0_00F0),
    // Coprocessors that are not there (A5.3.18).
    (0xEC00_0000, 0xEE00_0000),
    (0xEE00_0000, 0xEF00_0010),
    (0xEE00_0010, 0xEF00_0010),
    (0xEC40_0000, 0xEFE0_0000),
    // Floating point, data processing (A6.4).
    (0xEE00_0A00, 0xFF80_0E10),
    (0xEE80_0A00, 0xFF80_0E10),
    (0xEEB0_0A00, 0xFFB0_0E50),
    (0xEEB0_0A40, 0xFFB0_0E50),
    (0xEEB2_0A40, 0xFFBE_0E50),
    (0xEEB5_0A40, 0xFFBF_0E7F),
    (0xEEB8_0A40, 0xFFB8_0E50),
    (0xEEBA_0A40, 0xFFBA_0E50),
    (0xFE00_0A00, 0xFF80_0E50),
    (0xFE80_0A00, 0xFFB0_0E10),
    (0xFEB8_0A40, 0xFFBC_0ED0),
    (0xFEBC_0A40, 0xFFBC_0E50),
    // Floating point, loads, stores and transfers (A6.5 to A6.7).
    (0xED00_0A00, 0xFF20_0E00),
    (0xEC80_0A00, 0xFF80_0EC0),
    (0xED20_0A00, 0xFFA0_0EC0),
    (0xECBD_0A00, 0xFFBF_0EC0),
    (0xED2D_0A00, 0xFFBF_0EC0),
    (0xEE00_0A10, 0xFFE0_0F7F),
    (0xEE00_0B10, 0xFFC0_0F7F),
    (0xEEE1_0A10, 0xFFEF_0FFF),
    (0xEC40_0A10, 0xFFE0_0ED0),
];
