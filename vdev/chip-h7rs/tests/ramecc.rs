//! Errors in RAM and their monitors.

mod common;

use common::*;
use ironroot_chip_h7rs::RamError;
use ironroot_cpu::bus::{Bus, BusFault, Kind, Size};

const RAMECC1: u32 = 0x5200_9000;
const RAMECC2: u32 = 0x5802_7000;
const SEDCF: u32 = 1;
const DEDF: u32 = 2;
const DEBWDF: u32 = 4;
/// Interrupts of all kinds, and ECCELEN.
const ALL: u32 = 0x3C;
/// An address of each watched memory, its monitor, and the bytes of its words.
const WATCHED: [(u32, u32, u32); 6] = [
    (0x2400_1230, RAMECC1 + 0x20, 8),
    (0x0000_0108, RAMECC1 + 0x40, 8),
    (0x2000_0200, RAMECC1 + 0x60, 4),
    (0x2000_0204, RAMECC1 + 0x80, 4),
    (0x2404_0300, RAMECC1 + 0xA0, 8),
    (0x3880_0040, RAMECC2 + 0x40, 4),
];

fn bench(ecc: bool) -> Bench {
    let mut bench = Bench::with(|board| board.options_mut().obw2sr = u32::from(ecc) << 8);
    bench.write(RCC + 0x140, 1 << 28);
    bench.write(PWR, 1 << 8);
    for (address, monitor, _) in WATCHED {
        bench.write(address, 0x5555_5555);
        bench.write(monitor, ALL);
    }
    bench
}

fn line(bench: &Bench) -> bool {
    bench.chip.irq_lines()[0] >> 9 & 1 != 0
}

#[test]
fn a_single_error_is_corrected_seen_by_its_monitor_and_raises_the_line() {
    for (address, monitor, _) in WATCHED {
        let mut bench = bench(true);
        assert!(bench.chip.inject_ram_error(address, RamError::Single));
        assert!(bench.map(address, Kind::Read).is_none(), "not on the fast path");
        assert!(!line(&bench));
        assert_eq!(bench.read(address), 0x5555_5555);
        assert!(line(&bench));
        for (_, other, _) in WATCHED {
            assert_eq!(bench.read(other + 4), if other == monitor { SEDCF } else { 0 }, "{address:#x}");
        }
        assert_eq!(bench.read(monitor + 8), address & 0x1_FFFF);
        assert_eq!(bench.read(monitor + 0xC), 0x5555_5555 ^ 1 << 3, "what the cells hold");
        bench.write(monitor + 4, 0);
        assert!(!line(&bench) && bench.read(monitor + 4) == 0);
        // Reading does not repair it.
        bench.read(address);
        assert!(line(&bench));
    }
}

#[test]
fn a_double_error_is_a_bus_fault() {
    for (address, monitor, _) in WATCHED {
        let mut bench = bench(true);
        assert!(bench.chip.inject_ram_error(address, RamError::Double));
        for size in [Size::Byte, Size::Half, Size::Word] {
            assert_eq!(bench.try_read(address, size), Err(BusFault));
        }
        assert_eq!((bench.read(monitor + 4), line(&bench)), (DEDF, true));
        // A narrow write reads first, and cannot.
        bench.try_write(address, 1, Size::Byte).expect("no fault");
        assert_eq!(bench.read(monitor + 4), DEDF | DEBWDF);
        assert_eq!(bench.try_read(address, Size::Word), Err(BusFault));
    }
}

#[test]
fn a_word_that_is_written_whole_is_sound_again() {
    for (address, _, bytes) in WATCHED {
        for error in [RamError::Single, RamError::Double] {
            let mut bench = bench(true);
            bench.chip.inject_ram_error(address, error);
            for at in (0..bytes).step_by(4) {
                assert!(bench.map(address, Kind::Write).is_none());
                bench.write(address + at, 9);
            }
            assert_eq!(bench.read(address), 9);
            assert!(!line(&bench) && bench.map(address, Kind::Read).is_some(), "{address:#x} {error:?}");
        }
    }
}

#[test]
fn interrupts_need_their_enable_and_the_global_ones_do_as_well() {
    let (address, monitor, _) = WATCHED[0];
    let mut bench = bench(true);
    bench.write(monitor, 0);
    bench.chip.inject_ram_error(address, RamError::Single);
    bench.read(address);
    assert!(!line(&bench));
    assert_eq!(
        (bench.read(monitor + 4), bench.read(monitor + 8)),
        (SEDCF, 0),
        "without ECCELEN no place is noted"
    );
    bench.write(RAMECC1, 1 << 1);
    assert!(!line(&bench), "GIE is missing");
    bench.write(RAMECC1, 1 << 1 | 1);
    assert!(line(&bench));
    bench.write(RAMECC1, 1 << 2 | 1);
    assert!(!line(&bench), "double errors only");
}

#[test]
fn without_ecc_the_bits_are_wrong_and_nobody_tells() {
    let (address, monitor, _) = WATCHED[0];
    let mut bench = bench(false);
    assert!(bench.chip.inject_ram_error(address, RamError::Single));
    assert_eq!((bench.read(address), bench.read(monitor + 4)), (0x5555_5555 ^ 1 << 3, 0));
    assert!(bench.chip.inject_ram_error(address, RamError::Double));
    assert_eq!(bench.read(address), 0x5555_5555 ^ 1 << 11);
    assert!(bench.map(address, Kind::Read).is_some());
}

#[test]
fn memories_without_monitors_take_no_errors_and_power_off_clears_them() {
    let mut bench = bench(true);
    for address in [0x2402_0000, 0x2406_0000, 0x3000_0000, FLASH, 0x9000_0000] {
        assert!(!bench.chip.inject_ram_error(address, RamError::Single), "{address:#x}");
    }
    let (address, _, _) = WATCHED[0];
    bench.chip.inject_ram_error(address, RamError::Double);
    bench.reset();
    assert_eq!(bench.try_read(address, Size::Word), Err(BusFault), "a reset repairs no cell");
    bench.power_cycle();
    assert_eq!(bench.read(address), 0);
}
