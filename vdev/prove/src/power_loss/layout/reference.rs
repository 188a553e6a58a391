//! Sector maps of real parts, as a table; every mode is tried on each.

use super::{Depth, Layout, map};
use crate::power_loss::flash::CellKind;

/// STM32H72x/73x: flash words of 256 bits with ECC.
const H735: CellKind = CellKind { unit: 32, erased: 0xFF, write_once: true, ecc: true, page: 0 };
/// STM32H5, H7RS and U5: 128 bits with ECC.
const QUAD: CellKind = CellKind { unit: 16, erased: 0xFF, write_once: true, ecc: true, page: 0 };
/// STM32L4, G0, G4, WB: 64 bits with ECC.
const DOUBLE: CellKind = CellKind { unit: 8, erased: 0xFF, write_once: true, ecc: true, page: 0 };
/// STM32F4: bytes, no ECC, bits may be cleared one by one.
const BYTE: CellKind = CellKind { unit: 1, erased: 0xFF, write_once: false, ecc: false, page: 0 };
/// STM32F1 and F3: half words, programmed only when erased, no ECC.
const HALF: CellKind = CellKind { unit: 2, erased: 0xFF, write_once: true, ecc: false, page: 0 };
/// STM32L0 and L1: words, erased to zero, with ECC.
const ZERO: CellKind = CellKind { unit: 4, erased: 0x00, write_once: true, ecc: true, page: 0 };
/// Serial NOR: bytes, no ECC seen from outside, a page programmed at once.
pub(super) const NOR: CellKind = CellKind { page: 256, ..BYTE };

const KB: u32 = 1024;

/// All of them.
pub(super) static REFERENCE: &[Layout] = &[
    Layout {
        name: "tiny8",
        about: "3 sectors of 512 B, 64-bit units with ECC: small enough for all pairs",
        primary: map(DOUBLE, &[512; 3]),
        secondary: map(DOUBLE, &[512; 3]),
        scratch: map(DOUBLE, &[512]),
        max_align: 8,
        max_sectors: 3,
        device: None,
        depth: Depth::Pairs,
    },
    Layout {
        name: "tiny32",
        about: "2 sectors of 2 KB, 256-bit units with ECC: small enough for all pairs",
        primary: map(H735, &[2 * KB; 2]),
        secondary: map(H735, &[2 * KB; 2]),
        scratch: map(H735, &[2 * KB]),
        max_align: 32,
        max_sectors: 2,
        device: None,
        depth: Depth::Pairs,
    },
    Layout {
        name: "h735",
        about: "STM32H735: 3 + 3 sectors of 128 KB and a scratch sector, 1/32 (4 KB)",
        primary: map(H735, &[4 * KB; 3]),
        secondary: map(H735, &[4 * KB; 3]),
        scratch: map(H735, &[4 * KB]),
        max_align: 32,
        max_sectors: 8,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "h5",
        about: "STM32H5: 8 KB sectors, 128-bit units",
        primary: map(QUAD, &[8 * KB; 4]),
        secondary: map(QUAD, &[8 * KB; 4]),
        scratch: map(QUAD, &[8 * KB]),
        max_align: 16,
        max_sectors: 32,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "u5",
        about: "STM32U5: 8 KB pages, 1/8 (1 KB), 128-bit units, two scratch pages",
        primary: map(QUAD, &[KB; 10]),
        secondary: map(QUAD, &[KB; 10]),
        scratch: map(QUAD, &[KB; 2]),
        max_align: 16,
        max_sectors: 16,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "l4",
        about: "STM32L4: 2 KB pages, 64-bit units",
        primary: map(DOUBLE, &[2 * KB; 6]),
        secondary: map(DOUBLE, &[2 * KB; 6]),
        scratch: map(DOUBLE, &[2 * KB]),
        max_align: 8,
        max_sectors: 32,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "f4",
        about: "STM32F4: 4 of 16 KB against 64 KB, 128 KB scratch, 1/16, bytes without ECC",
        primary: map(BYTE, &[KB, KB, KB, KB, 4 * KB]),
        secondary: map(BYTE, &[8 * KB]),
        scratch: map(BYTE, &[8 * KB]),
        max_align: 8,
        max_sectors: 8,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "f4-large",
        about: "STM32F4: equal sectors of 128 KB, 1/32 (4 KB), bytes without ECC",
        primary: map(BYTE, &[4 * KB; 3]),
        secondary: map(BYTE, &[4 * KB; 3]),
        scratch: map(BYTE, &[4 * KB]),
        max_align: 8,
        max_sectors: 16,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "f1",
        about: "STM32F1: 2 KB pages, 16-bit units programmed once, no ECC",
        primary: map(HALF, &[2 * KB; 4]),
        secondary: map(HALF, &[2 * KB; 4]),
        scratch: map(HALF, &[2 * KB]),
        max_align: 8,
        max_sectors: 16,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "l0",
        about: "STM32L0: 128 B pages, 32-bit units, erased to zero, ECC",
        primary: map(ZERO, &[128; 24]),
        secondary: map(ZERO, &[128; 24]),
        scratch: map(ZERO, &[128; 4]),
        max_align: 8,
        max_sectors: 24,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "nor",
        about: "both slots in serial NOR: 4 KB sectors, bytes without ECC",
        primary: map(NOR, &[4 * KB; 4]),
        secondary: map(NOR, &[4 * KB; 4]),
        scratch: map(NOR, &[4 * KB]),
        max_align: 8,
        max_sectors: 16,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "h7rs-nor",
        about: "STM32H7RS: primary internal (8 KB, 128 bits, ECC), secondary in NOR (4 KB, bytes), 1/4",
        primary: map(QUAD, &[2 * KB; 4]),
        secondary: map(NOR, &[KB; 8]),
        scratch: map(QUAD, &[2 * KB]),
        max_align: 16,
        max_sectors: 16,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "h735-nor",
        about: "STM32H735: primary internal (128 KB, 256 bits, ECC), secondary in NOR (4 KB, bytes), 1/32, 1/8",
        primary: map(H735, &[4 * KB; 3]),
        secondary: map(NOR, &[512; 24]),
        scratch: map(NOR, &[512; 8]),
        max_align: 32,
        max_sectors: 24,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "nor-h735",
        about: "the other way round: primary in NOR, secondary internal",
        primary: map(NOR, &[KB; 12]),
        secondary: map(H735, &[4 * KB; 3]),
        scratch: map(H735, &[4 * KB]),
        max_align: 32,
        max_sectors: 16,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "l0-nor",
        about: "erased values differ: primary erased to zero, secondary in NOR erased to ones",
        primary: map(ZERO, &[512; 8]),
        secondary: map(NOR, &[512; 8]),
        scratch: map(NOR, &[512; 2]),
        max_align: 8,
        max_sectors: 8,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "smaller",
        about: "secondary one page shorter than primary (2 KB pages, 64 bits, ECC)",
        primary: map(DOUBLE, &[2 * KB; 5]),
        secondary: map(DOUBLE, &[2 * KB; 4]),
        scratch: map(DOUBLE, &[2 * KB]),
        max_align: 8,
        max_sectors: 8,
        device: None,
        depth: Depth::Triples,
    },
    Layout {
        name: "larger",
        about: "secondary one page longer than primary (2 KB pages, 64 bits, ECC)",
        primary: map(DOUBLE, &[2 * KB; 4]),
        secondary: map(DOUBLE, &[2 * KB; 5]),
        scratch: map(DOUBLE, &[2 * KB]),
        max_align: 8,
        max_sectors: 8,
        device: None,
        depth: Depth::Triples,
    },
];
