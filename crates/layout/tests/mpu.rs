//! Areas as regions of the MPU: what is accepted covers exactly the area, what is refused has no region, and the larger area
//! that is proposed is the least that has one. The oracle knows only what the architecture says of RBAR and RASR (ARMv7-M
//! B3.5.8 and B3.5.9): it tries every size and every choice of eighths.

use ironroot_layout::stm32h7rs::product::{HandOff, Open, hand_off_table};
use ironroot_layout::{Address, Region, Size};
use proptest::prelude::*;

/// The number of the application's region, the one with the area under test.
const APPLICATION: u8 = 14;

/// What the tables make of `area`: base and RASR, or the larger area that would be a region.
fn encode(area: Region) -> Result<(u32, u32), Option<Region>> {
    let of = HandOff { run: area, flash: None, ram: None, open: Open::Sram };
    match hand_off_table(&of) {
        Ok(table) => {
            let (rbar, rasr) = table.registers()[usize::from(APPLICATION)];
            assert_eq!(rbar & 0x1F, 0x10 | u32::from(APPLICATION), "number and VALID");
            assert_eq!(table.get(APPLICATION).map(|region| region.area), Some(area));
            Ok((rbar & !0x1F, rasr))
        }
        Err(refused) => {
            assert_eq!((refused.number, refused.area), (APPLICATION, area));
            Err(refused.larger)
        }
    }
}

/// What base and RASR let through: runs of addresses, joined.
fn covered(base: u32, rasr: u32) -> Vec<(u64, u64)> {
    let log2 = (rasr >> 1 & 0x1F) + 1;
    assert!(log2 >= 5, "SIZE below 4 is reserved");
    let (base, size, left_out) = (u64::from(base), 1u64 << log2, rasr >> 8 & 0xFF);
    assert_eq!(base % size, 0, "the base is a multiple of the size");
    if log2 < 8 {
        assert_eq!(left_out, 0, "eighths of less than 32 bytes are unpredictable");
        return vec![(base, base + size)];
    }
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for index in (0..8).filter(|index| left_out >> index & 1 == 0) {
        let (start, end) = (base + index * size / 8, base + (index + 1) * size / 8);
        match runs.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => runs.push((start, end)),
        }
    }
    runs
}

/// Every area in one piece that the architecture has a region for and that contains `start..end`, the least first.
fn regions_around(start: u64, end: u64) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for log2 in 5..=32 {
        let size = 1u64 << log2;
        let base = start / size * size;
        let step = if log2 < 8 { size } else { size / 8 };
        for first in (base..base + size).step_by(step as usize) {
            for last in (first + step..=base + size).step_by(step as usize) {
                if first <= start && end <= last && last <= u64::from(u32::MAX) {
                    found.push((first, last));
                }
            }
        }
    }
    found.sort_by_key(|(first, last)| last - first);
    found.dedup();
    found
}

fn bounds(area: Region) -> (u64, u64) {
    (u64::from(area.start().value()), u64::from(area.end().value()))
}

fn check(start: u32, size: u32) {
    let Some(area) = Region::checked(Address::new(start), Size::new(size)) else { return };
    let (first, last) = bounds(area);
    match encode(area) {
        Ok((base, rasr)) => assert_eq!(covered(base, rasr), [(first, last)], "{area}"),
        Err(larger) if size == 0 => assert_eq!(larger, None, "{area}"),
        Err(larger) => {
            let least = regions_around(first, last).first().copied();
            assert_ne!(least, Some((first, last)), "{area} has a region");
            assert_eq!(larger.map(bounds), least, "{area}");
            // What is proposed is accepted.
            assert!(larger.is_none_or(|larger| encode(larger).is_ok()), "{area}");
        }
    }
}

#[test]
fn all_small_areas() {
    for start in (0x3000_6C00..0x3000_7400).step_by(16) {
        for size in (0..0x900).step_by(16) {
            check(start, size);
        }
    }
}

/// The areas at the ends of others, where a rounding would show: the end of AHB SRAM2 with what is shared there, the ends of
/// blocks, the ends of the address space.
#[test]
fn areas_at_boundaries() {
    for (start, end) in [
        (0x3000_7000, 0x3000_7800),
        (0x3000_4000, 0x3000_7000),
        (0x3000_7000, 0x3000_7E00),
        (0x3000_7E00, 0x3000_7F00),
        (0x3000_7F80, 0x3000_8000),
        (0x2400_0400, 0x2400_0500),
        (0x2405_FFE0, 0x2406_0000),
        (0x9000_0000, 0x9020_0000),
        (0x901E_0000, 0x9022_0000),
        (0x0, 0x8000_0000),
        (0x0, 0xE000_0000),
        (0x2000_0000, 0xFFFF_FFFF),
        (0x7FFF_FFE0, 0x8000_0020),
        (0xFFFF_FFC0, 0xFFFF_FFE0),
        (0xE000_0000, 0xFFFF_FFE0),
    ] {
        check(start, end - start);
        for by in [1, 4, 32, 256].into_iter().filter(|by| *by < end - start) {
            check(start, end - start - by);
            check(start + by, end - start - by);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Eighths of blocks of every size, shifted by a little now and then.
    #[test]
    fn areas_of_every_size(
        log2 in 5u32..=31, base in any::<u32>(), first in 0u32..8, count in 1u32..9, shift in 0u32..6, off in any::<bool>()
    ) {
        let eighth = (1u32 << log2) / 8;
        let start = (base >> log2 << log2).wrapping_add(first * eighth);
        let by = if off { 1 << (shift * 2 + 3) } else { 0 };
        check(start.wrapping_add(by), count * eighth);
        check(start, (count * eighth).wrapping_add(by));
    }

    #[test]
    fn any_area(start in any::<u32>(), size in any::<u32>(), coarse in 0u32..28) {
        check(start >> coarse << coarse, size >> coarse << coarse);
    }
}
