//! Where slots and scratch lie: sector maps of real parts, as a table.
//!
//! Units, ratios of sector sizes and the behaviour of the cells are the parts'. Sectors of more than 8 KB are scaled down
//! (the table says by how much): what an update does depends on how many sectors there are, not on how long each takes.

use super::flash::{CellKind, Geometry};

/// STM32H72x/73x: flash words of 256 bits with ECC.
const H735: CellKind = CellKind { unit: 32, erased: 0xFF, write_once: true, ecc: true };
/// STM32H5, H7RS and U5: 128 bits with ECC.
const QUAD: CellKind = CellKind { unit: 16, erased: 0xFF, write_once: true, ecc: true };
/// STM32L4, G0, G4, WB: 64 bits with ECC.
const DOUBLE: CellKind = CellKind { unit: 8, erased: 0xFF, write_once: true, ecc: true };
/// STM32F4: bytes, no ECC, bits may be cleared one by one.
const BYTE: CellKind = CellKind { unit: 1, erased: 0xFF, write_once: false, ecc: false };
/// STM32F1 and F3: half words, programmed only when erased, no ECC.
const HALF: CellKind = CellKind { unit: 2, erased: 0xFF, write_once: true, ecc: false };
/// STM32L0 and L1: words, erased to zero, with ECC.
const ZERO: CellKind = CellKind { unit: 4, erased: 0x00, write_once: true, ecc: true };
/// Serial NOR: bytes, no ECC seen from outside.
const NOR: CellKind = BYTE;

/// One area of the table: cells and sectors.
type Map = (CellKind, &'static [u32]);

/// A place for an update.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Its name in case ids.
    pub name: &'static str,
    /// Which part, at which scale.
    pub about: &'static str,
    /// The slot that code runs from.
    pub primary: Map,
    /// The slot that updates arrive in.
    pub secondary: Map,
    /// The scratch area of swap-scratch.
    pub scratch: Map,
    /// BOOT_MAX_ALIGN: 8, 16 or 32.
    pub max_align: u16,
    /// BOOT_MAX_IMG_SECTORS.
    pub max_sectors: u16,
    /// How many cuts one case may have so that all of them can be tried.
    pub depth: Depth,
}

/// How far the campaign goes on a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every cut, and after each of them every cut of the recovery.
    Pairs,
    /// Every cut, and random triples.
    Triples,
}

const KB: u32 = 1024;

/// All of them.
pub const LAYOUTS: &[Layout] = &[
    Layout {
        name: "tiny8",
        about: "3 sectors of 512 B, 64-bit units with ECC: small enough for all pairs",
        primary: (DOUBLE, &[512; 3]),
        secondary: (DOUBLE, &[512; 3]),
        scratch: (DOUBLE, &[512]),
        max_align: 8,
        max_sectors: 3,
        depth: Depth::Pairs,
    },
    Layout {
        name: "tiny32",
        about: "2 sectors of 2 KB, 256-bit units with ECC: small enough for all pairs",
        primary: (H735, &[2 * KB; 2]),
        secondary: (H735, &[2 * KB; 2]),
        scratch: (H735, &[2 * KB]),
        max_align: 32,
        max_sectors: 2,
        depth: Depth::Pairs,
    },
    Layout {
        name: "h735",
        about: "STM32H735: 3 + 3 sectors of 128 KB and a scratch sector, 1/32 (4 KB)",
        primary: (H735, &[4 * KB; 3]),
        secondary: (H735, &[4 * KB; 3]),
        scratch: (H735, &[4 * KB]),
        max_align: 32,
        max_sectors: 8,
        depth: Depth::Triples,
    },
    Layout {
        name: "h5",
        about: "STM32H5: 8 KB sectors, 128-bit units",
        primary: (QUAD, &[8 * KB; 4]),
        secondary: (QUAD, &[8 * KB; 4]),
        scratch: (QUAD, &[8 * KB]),
        max_align: 16,
        max_sectors: 32,
        depth: Depth::Triples,
    },
    Layout {
        name: "u5",
        about: "STM32U5: 8 KB pages, 1/8 (1 KB), 128-bit units, two scratch pages",
        primary: (QUAD, &[KB; 10]),
        secondary: (QUAD, &[KB; 10]),
        scratch: (QUAD, &[KB; 2]),
        max_align: 16,
        max_sectors: 16,
        depth: Depth::Triples,
    },
    Layout {
        name: "l4",
        about: "STM32L4: 2 KB pages, 64-bit units",
        primary: (DOUBLE, &[2 * KB; 6]),
        secondary: (DOUBLE, &[2 * KB; 6]),
        scratch: (DOUBLE, &[2 * KB]),
        max_align: 8,
        max_sectors: 32,
        depth: Depth::Triples,
    },
    Layout {
        name: "f4",
        about: "STM32F4: 4 of 16 KB against 64 KB, 128 KB scratch, 1/16, bytes without ECC",
        primary: (BYTE, &[KB, KB, KB, KB, 4 * KB]),
        secondary: (BYTE, &[8 * KB]),
        scratch: (BYTE, &[8 * KB]),
        max_align: 8,
        max_sectors: 8,
        depth: Depth::Triples,
    },
    Layout {
        name: "f4-large",
        about: "STM32F4: equal sectors of 128 KB, 1/32 (4 KB), bytes without ECC",
        primary: (BYTE, &[4 * KB; 3]),
        secondary: (BYTE, &[4 * KB; 3]),
        scratch: (BYTE, &[4 * KB]),
        max_align: 8,
        max_sectors: 16,
        depth: Depth::Triples,
    },
    Layout {
        name: "f1",
        about: "STM32F1: 2 KB pages, 16-bit units programmed once, no ECC",
        primary: (HALF, &[2 * KB; 4]),
        secondary: (HALF, &[2 * KB; 4]),
        scratch: (HALF, &[2 * KB]),
        max_align: 8,
        max_sectors: 16,
        depth: Depth::Triples,
    },
    Layout {
        name: "l0",
        about: "STM32L0: 128 B pages, 32-bit units, erased to zero, ECC",
        primary: (ZERO, &[128; 24]),
        secondary: (ZERO, &[128; 24]),
        scratch: (ZERO, &[128; 4]),
        max_align: 8,
        max_sectors: 24,
        depth: Depth::Triples,
    },
    Layout {
        name: "nor",
        about: "both slots in serial NOR: 4 KB sectors, bytes without ECC",
        primary: (NOR, &[4 * KB; 4]),
        secondary: (NOR, &[4 * KB; 4]),
        scratch: (NOR, &[4 * KB]),
        max_align: 8,
        max_sectors: 16,
        depth: Depth::Triples,
    },
    Layout {
        name: "h7rs-nor",
        about: "STM32H7RS: primary internal (8 KB, 128 bits, ECC), secondary in NOR (4 KB, bytes), 1/4",
        primary: (QUAD, &[2 * KB; 4]),
        secondary: (NOR, &[KB; 8]),
        scratch: (QUAD, &[2 * KB]),
        max_align: 16,
        max_sectors: 16,
        depth: Depth::Triples,
    },
    Layout {
        name: "h735-nor",
        about: "STM32H735: primary internal (128 KB, 256 bits, ECC), secondary in NOR (4 KB, bytes), 1/32, 1/8",
        primary: (H735, &[4 * KB; 3]),
        secondary: (NOR, &[512; 24]),
        scratch: (NOR, &[512; 8]),
        max_align: 32,
        max_sectors: 24,
        depth: Depth::Triples,
    },
    Layout {
        name: "nor-h735",
        about: "the other way round: primary in NOR, secondary internal",
        primary: (NOR, &[KB; 12]),
        secondary: (H735, &[4 * KB; 3]),
        scratch: (H735, &[4 * KB]),
        max_align: 32,
        max_sectors: 16,
        depth: Depth::Triples,
    },
    Layout {
        name: "l0-nor",
        about: "erased values differ: primary erased to zero, secondary in NOR erased to ones",
        primary: (ZERO, &[512; 8]),
        secondary: (NOR, &[512; 8]),
        scratch: (NOR, &[512; 2]),
        max_align: 8,
        max_sectors: 8,
        depth: Depth::Triples,
    },
    Layout {
        name: "smaller",
        about: "secondary one page shorter than primary (2 KB pages, 64 bits, ECC)",
        primary: (DOUBLE, &[2 * KB; 5]),
        secondary: (DOUBLE, &[2 * KB; 4]),
        scratch: (DOUBLE, &[2 * KB]),
        max_align: 8,
        max_sectors: 8,
        depth: Depth::Triples,
    },
    Layout {
        name: "larger",
        about: "secondary one page longer than primary (2 KB pages, 64 bits, ECC)",
        primary: (DOUBLE, &[2 * KB; 4]),
        secondary: (DOUBLE, &[2 * KB; 5]),
        scratch: (DOUBLE, &[2 * KB]),
        max_align: 8,
        max_sectors: 8,
        depth: Depth::Triples,
    },
];

impl Layout {
    /// The layout of this name.
    pub fn named(name: &str) -> Option<&'static Layout> {
        LAYOUTS.iter().find(|layout| layout.name == name)
    }

    /// Primary, secondary, scratch.
    pub fn geometries(&self) -> [Geometry; 3] {
        [self.primary, self.secondary, self.scratch].map(|(cells, sectors)| Geometry::new(sectors, cells))
    }
}
