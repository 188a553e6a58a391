//! Option-byte keys.

mod common;

use common::*;
use ironroot_chip::warnings::Reason;
use ironroot_chip_h7rs::flash::registers::*;
use ironroot_cpu::bus::{Bus, Kind, Master, Size};
use ironroot_layout::stm32h7rs::state::Hdpl;

const KEY: [u32; 8] = [0x1111_1111, 2, 3, 4, 5, 6, 7, 0x8888_8888];

#[test]
fn a_key_is_read_once_and_only_at_its_level() {
    let mut bench = Bench::new();
    bench.program_key(8, 0, &KEY);
    bench.program_key(8, 1, &[9; 8]);
    bench.program_key(31, 2, &[7; 8]);
    assert_eq!(bench.read_key(8), Ok(KEY));
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|word| bench.reg(OBKDR + 4 * word)), [0; 8], "once");
    assert_eq!(bench.read_key(31), Err(optisr::KVEF), "of another level");
    bench.raise_to(Hdpl::Level1);
    assert_eq!(bench.read_key(8), Ok([9; 8]));
    bench.raise_to(Hdpl::Level2);
    assert_eq!((bench.read_key(31), bench.read_key(8)), (Ok([7; 8]), Err(optisr::KVEF)));
    bench.raise_to(Hdpl::Level3);
    assert_eq!(bench.read_key(8), Err(optisr::KVEF), "level 3 has none");
    bench.program_key(8, 0, &KEY);
    assert_eq!(bench.option_flags(), optisr::KVEF);
    bench.reset();
    assert_eq!(bench.read_key(8), Ok(KEY));
}

#[test]
fn keys_of_later_levels_can_be_put_not_read() {
    let mut bench = Bench::new();
    for next in [1, 2] {
        bench.program_key(9, next, &KEY);
        bench.set_reg(OBKCR, 9 | next << obkcr::NEXTKL_SHIFT | obkcr::KEYSTART);
        bench.settle();
        assert_eq!(bench.option_flags(), optisr::KVEF);
    }
    bench.program_key(9, 3, &KEY);
    assert_eq!(bench.option_flags(), optisr::KVEF, "a reserved code");
    bench.raise_to(Hdpl::Level2);
    bench.program_key(9, 1, &KEY);
    assert_eq!(bench.option_flags(), optisr::KVEF, "beyond level 2");
}

#[test]
fn nothing_of_a_level_is_left_in_the_data_registers() {
    let mut bench = Bench::new();
    bench.program_key(8, 0, &KEY);
    bench.set_reg(OBKCR, 8 | obkcr::KEYSTART);
    bench.settle();
    bench.raise_to(Hdpl::Level1);
    assert_eq!(bench.reg(OBKDR), 0);
    // The same for a read that was still under way.
    bench.reset();
    bench.set_reg(OBKCR, 8 | obkcr::KEYSTART);
    bench.raise_to(Hdpl::Level1);
    bench.settle();
    assert_eq!(bench.reg(OBKDR), 0);
}

#[test]
fn data_on_their_way_in_cannot_be_read() {
    let mut bench = Bench::new();
    bench.set_reg(OBKDR, 0x1234);
    assert_eq!(bench.reg(OBKDR), 0);
    bench.start_key(8, 0, &KEY);
    assert_eq!((bench.reg(OBKDR), bench.reg(SR) & sr::IS_OPTCHANGE), (0, sr::IS_OPTCHANGE));
    bench.settle();
    assert_eq!(bench.reg(OBKDR), 0);
}

#[test]
fn sizes_are_kept_with_the_key() {
    let mut bench = Bench::new();
    for (index, words) in [(8, 1), (9, 2), (10, 4), (11, 8)] {
        bench.program_key(index, 0, &KEY[..words]);
        let mut expected = [0; 8];
        expected[..words].copy_from_slice(&KEY[..words]);
        // OBKSIZE does not matter for a read.
        assert_eq!(bench.read_key(index), Ok(expected));
    }
    // A longer key before leaves nothing in a shorter one.
    bench.program_key(11, 0, &[5]);
    assert_eq!(bench.read_key(11), Ok([5, 0, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn the_first_eight_go_to_saes_and_are_never_seen() {
    let mut bench = Bench::new();
    for index in [0, 7] {
        bench.program_key(index, 0, &KEY);
        assert_eq!(bench.read_key(index), Ok([0; 8]));
    }
    bench.program_key(1, 0, &[1]);
    assert_eq!(bench.read_key(1), Err(optisr::KTEF), "SAES takes 128 and 256 bits");
    // A start is ignored while an error stands.
    bench.set_reg(OBKCR, 2 | obkcr::KEYSTART);
    bench.settle();
    let flags = bench.reg(OPTISR);
    bench.set_reg(OBKCR, 8 | obkcr::KEYSTART);
    assert_eq!((flags, bench.reg(SR)), (optisr::KVEF, 0));
}

#[test]
fn programming_needs_the_lock_open_and_reading_does_not() {
    let mut bench = Bench::new();
    bench.program_key(8, 0, &KEY);
    bench.set_reg(OPTCR, optcr::OPTLOCK);
    bench.set_reg(OBKDR, 5);
    bench.set_reg(OBKCR, 8 | obkcr::KEYPROG | obkcr::KEYSTART);
    assert_eq!(bench.option_flags(), optisr::OPTERRF);
    assert_eq!(bench.read_key(8), Ok(KEY));
}

#[test]
fn only_rss_erases_keys_and_reads_the_boot_pin() {
    let mut bench = Bench::with(|board| board.set_boot0(true));
    assert_eq!(bench.reg(BOOTPIN), bootpin::BOOT0 | bootpin::POWER_ON | bootpin::CRYPTO);
    bench.chip.set_boot0(false);
    bench.reset();
    assert_eq!(bench.reg(BOOTPIN), bootpin::CRYPTO);
    bench.program_key(8, 0, &KEY);
    let erase = |bench: &mut Bench| {
        bench.unlock_options();
        bench.set_reg(OPTCR, optcr::PG_OPT);
        bench.set_reg(OBKERASE, 1);
        bench.settle();
        bench.chip.flash().keys().is_empty()
    };
    let mut debugger = bench.clone();
    debugger.unlock_options();
    debugger.set_reg(OPTCR, optcr::PG_OPT);
    let access = debugger.access(Master::Debugger, Kind::Write, Size::Word);
    debugger.chip.write(0x5200_2000 + OBKERASE, 1, access).expect("ignored");
    debugger.settle();
    assert!(!debugger.chip.flash().keys().is_empty());
    let mut later = bench.clone();
    later.raise_to(Hdpl::Level1);
    assert!(!erase(&mut later) && later.reg(BOOTPIN) == 0);
    assert!(later.chip.take_warnings().iter().any(|warning| warning.reason == Reason::NotFromRss));
    assert!(erase(&mut bench));
}
