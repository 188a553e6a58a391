//! Areas as regions of the MPU: what is accepted covers exactly the area, what is refused has no region, and the larger area
//! that is proposed is the least that has one. The oracle knows only what the architecture says of RBAR and RASR (ARMv7-M
//! B3.5.8 and B3.5.9): it tries every size and every choice of eighths.

use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::product::{
    BootPath, HandOff, Open, Place, Plan, Product, Rows, UpdateMode, confine, hand_off_table,
};
use ironroot_layout::stm32h7rs::rsslib::LIBRARY;
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

/// The rows of a plan's hand-off, and where its application runs.
fn hand_off(product: &Product) -> (Rows, Region) {
    let plan = Plan::resolve(product).expect("a product that can be built");
    (plan.mpu_hand_off.registers().map(|(rbar, rasr)| [rbar, rasr]), plan.application.run)
}

/// Whether code executes at an address when RSSLIB has switched the application's region on: the highest region that has it says.
fn executes(rows: &Rows, address: u64) -> bool {
    let mut found = false;
    for (number, [rbar, rasr]) in rows.iter().enumerate() {
        let on = rasr & 1 == 1 || number == usize::from(APPLICATION);
        if on && covered(rbar & !0x1F, *rasr).iter().any(|(start, end)| (*start..*end).contains(&address)) {
            found = rasr >> 28 & 1 == 0 && rasr >> 24 & 7 != 0;
        }
    }
    found
}

/// Cuts a table to an image of so many bytes, and looks at every end of every region, and on both sides of the image's.
fn check_confined(product: &Product, size: u32) {
    let (before, run) = hand_off(product);
    let (start, end) = (run.start().value(), run.start().value().wrapping_add(size));
    let mut rows = before;
    let Some(stop) = confine(&mut rows, run, Address::new(end)) else {
        assert_eq!(rows, before, "nothing changes");
        assert!(size == 0 || size > run.size().bytes(), "{product:?} {size:#x} of {run}");
        return;
    };
    let stop = stop.value();
    assert!(stop >= end && stop <= run.end().value(), "{product:?} {size:#x}: {stop:#x}");
    // With the fewest regions that a product leaves, two thousandths; nothing at all of a small image.
    assert!(stop - end < (size / 512).max(32), "{product:?} {size:#x}: {} bytes too many", stop - end);
    let mut probes =
        vec![start, end - 1, stop - 1, stop, run.end().value() - 4, run.end().value(), start - 4];
    probes.extend((0..64).map(|part| start + (u64::from(run.size().bytes()) * part / 64) as u32));
    for [rbar, rasr] in rows.into_iter().filter(|row| row[1] != 0) {
        probes.extend(
            covered(rbar & !0x1F, rasr).iter().flat_map(|(a, b)| [*a as u32, *b as u32, (*b - 1) as u32]),
        );
    }
    for address in probes {
        let inside = (start..stop).contains(&address) || LIBRARY.contains(Address::new(address));
        assert_eq!(executes(&rows, u64::from(address)), inside, "{product:?} {size:#x} {address:#010x}");
    }
    for (number, (row, old)) in rows.iter().zip(&before).enumerate() {
        let changed = row != old;
        assert!(!changed || old[1] & 1 == 0, "region {number} was in use");
        assert!(!changed || row[1] >> 24 & 7 == 0b101, "region {number} can be written");
    }
}

fn stage_products() -> Vec<Product> {
    let mut products = Vec::new();
    for (part, boot) in [
        (Part::Stm32h7s7, BootPath::Oemirot),
        (Part::Stm32h7r7, BootPath::Oemirot),
        (Part::Stm32h7s7, BootPath::StirotOemurot),
    ] {
        for &place in Place::ALL {
            for &open in Open::ALL {
                products.push(Product { open, ..Product::new(part, boot, place, UpdateMode::Swap) });
            }
        }
    }
    products
}

#[test]
fn only_the_image_executes_whatever_its_size() {
    for product in stage_products() {
        let (_, run) = hand_off(&product);
        let whole = run.size().bytes();
        for size in [
            0,
            1,
            31,
            32,
            33,
            0x440,
            0x1234,
            0x7FE1,
            0x8000,
            0x1_0020,
            0x1_EC00,
            0x1_FFE4,
            whole - 1,
            whole,
            whole + 1,
        ] {
            if size <= whole + 1 {
                check_confined(&product, size);
            }
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

    #[test]
    fn only_the_image_executes(which in any::<prop::sample::Index>(), size in 0u32..0x20_0000) {
        let products = stage_products();
        let product = which.get(&products);
        let (_, run) = hand_off(product);
        check_confined(product, size % (run.size().bytes() + 2));
    }
}
