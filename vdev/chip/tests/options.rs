//! h73x-flash sections 7, 8, 9, 14 on the registers: option changes, what takes effect when, RDP.

mod common;

use common::{APP, Bench, ERASE_AREA, FLASH, LIBRARY, NO_AREA, RSS, SECTOR0, SECURITY};
use ironroot_chip::flash::change::BrokenRule;
use ironroot_chip::flash::registers::*;
use ironroot_chip::{Board, Mode, ReadProtection};
use ironroot_cpu::bus::{Bus, BusFault, Kind, Size};

#[test]
fn s7_a_change_is_busy_and_then_in_force_without_reset() {
    let mut bench = Bench::with(|_| {});
    bench.unlock_options();
    bench.set_reg(WPSN_PRG, 0x0F);
    bench.set_reg(OPTCR, optcr::OPTSTART);
    assert_eq!(bench.reg(OPTSR_CUR) & optsr::OPT_BUSY, 1);
    assert_eq!(bench.reg(WPSN_CUR), 0xFF);
    bench.set_reg(WPSN_PRG, 0);
    bench.settle();
    assert_eq!(bench.reg(OPTSR_CUR), 0x179E_AAF0);
    assert_eq!((bench.reg(WPSN_CUR), bench.reg(WPSN_PRG)), (0x0F, 0x0F), "no staging meanwhile");
}

#[test]
fn s14_5_security_cannot_be_cleared_with_a_valid_secure_area() {
    let mut bench = Bench::secured();
    bench.hand_over();
    assert!(!bench.change(|options| options.optsr &= !SECURITY));
    assert_eq!(bench.chip.flash().last_refusal(), Some(BrokenRule::SecurityCleared));
    assert_eq!(bench.reg(OPTSR_PRG) & SECURITY, 0, "staged values stay");
    assert_eq!(bench.reg(OPTSR_CUR) & (SECURITY | optsr::OPTCHANGEERR), SECURITY | optsr::OPTCHANGEERR);
    bench.set_reg(OPTCCR, optsr::OPTCHANGEERR);
    assert_eq!(bench.reg(OPTSR_CUR) & optsr::OPTCHANGEERR, 0);
}

#[test]
fn s7_a_broken_rule_aborts_the_whole_change() {
    let mut bench = Bench::with(|options| options.prar = SECTOR0);
    let before = *bench.chip.options();
    let changed = bench.change(|options| {
        options.wpsn = 0;
        options.prar = NO_AREA;
    });
    assert!(!changed);
    assert_eq!(*bench.chip.options(), before);
}

#[test]
fn s7_the_refusal_interrupt() {
    let mut bench = Bench::with(|options| options.prar = SECTOR0);
    bench.unlock_options();
    bench.set_reg(PRAR_PRG, NO_AREA);
    bench.set_reg(OPTCR, optcr::OPTSTART | optcr::OPTCHANGEERRIE);
    assert_eq!(bench.chip.irq_lines()[0], 1 << 4);
}

#[test]
fn s7_a_reset_during_the_change_leaves_the_old_options() {
    let mut bench = Bench::with(|_| {});
    bench.unlock_options();
    bench.set_reg(WPSN_PRG, 0);
    bench.set_reg(OPTCR, optcr::OPTSTART);
    bench.reset();
    assert_eq!((bench.reg(WPSN_CUR), bench.reg(OPTSR_CUR) & 1), (0xFF, 0));
}

#[test]
fn s7_security_boot_and_tcm_take_effect_at_the_next_reset() {
    let mut bench = Bench::with(|_| {});
    assert!(bench.change(|options| {
        options.optsr |= SECURITY;
        options.boot = 0x1FF0_0810;
        options.optsr2 = 1;
    }));
    assert_eq!((bench.chip.mode(), bench.chip.reset_vector_base()), (Mode::Standard, FLASH));
    assert_eq!(bench.try_read(0x2404_FFFC, Size::Word), Ok(0));
    assert_eq!(bench.try_read(0x0001_0000, Size::Word), Err(BusFault));
    bench.reset();
    assert_eq!((bench.chip.mode(), bench.chip.reset_vector_base()), (Mode::SecureAccess, RSS));
    assert_eq!(bench.try_read(0x2404_FFFC, Size::Word), Err(BusFault));
    assert_eq!(bench.try_read(0x0001_0000, Size::Word), Ok(0));
}

#[test]
fn s7_boot_addresses_by_the_boot0_pin_in_standard_mode() {
    let mut board = Board::with_serial(1);
    board.options_mut().boot = 0x1FF0_0810;
    assert_eq!(Bench::on(&board).chip.reset_vector_base(), 0x0810_0000);
    board.set_boot0(true);
    let mut bench = Bench::on(&board);
    assert_eq!(bench.chip.reset_vector_base(), 0x1FF0_0000);
    bench.chip.set_boot0(false);
    assert_eq!(bench.chip.reset_vector_base(), 0x1FF0_0000, "the pin is sampled at reset");
    bench.reset();
    assert_eq!(bench.chip.reset_vector_base(), 0x0810_0000);
}

#[test]
fn s7_1_only_secure_code_changes_the_secure_area() {
    let grow = |bench: &mut Bench, pc: u32| {
        bench.pc = pc;
        bench.change(|options| options.scar = 0x03FF_0000 | ERASE_AREA)
    };
    let mut bench = Bench::secured();
    bench.hand_over();
    assert!(!grow(&mut bench, APP), "outside the area");
    assert!(grow(&mut bench, FLASH + 0x1_FFFC), "inside");
    let mut bench = Bench::secured();
    assert!(grow(&mut bench, RSS + 8), "RSS");
    let mut bench = Bench::secured();
    bench.hand_over();
    assert!(!grow(&mut bench, RSS + 8), "RSS is closed: nothing runs there");
    assert!(grow(&mut bench, LIBRARY + 8), "the library");
    let mut bench = Bench::exited();
    for pc in [FLASH, RSS, LIBRARY, APP, 0x1FF0_0000] {
        assert!(!grow(&mut bench, pc), "after the exit, pc {pc:08X}");
    }
    let mut bench = Bench::with(|_| {});
    for pc in [FLASH, RSS, LIBRARY, 0x1FF0_0000] {
        assert!(!grow(&mut bench, pc), "Standard mode, pc {pc:08X}");
    }
}

#[test]
fn s9_regression_recipe_removes_a_secure_area() {
    let mut bench = Bench::exited();
    assert!(bench.change(Bench::rdp(0xBB)));
    assert_eq!(bench.chip.options().read_protection(), ReadProtection::Level1);
    assert!(bench.change(|options| {
        Bench::rdp(0xAA)(options);
        options.scar = NO_AREA | ERASE_AREA;
    }));
    assert_eq!(bench.read(FLASH), u32::MAX, "erased, and no longer protected");
    assert!(bench.change(|options| options.optsr &= !SECURITY));
    bench.reset();
    assert_eq!(bench.chip.mode(), Mode::Standard);
}

#[test]
fn s8_regression_erases_backup_memory_and_keeps_preserved_sectors() {
    let mut board = Board::with_serial(1);
    board.options_mut().prar = SECTOR0;
    board.options_mut().optsr = 0x179E_00F0;
    board.preload(FLASH, &[0x42; 32]);
    board.preload(FLASH + 0x2_0000, &[0x43; 32]);
    let mut bench = Bench::on(&board);
    bench.write(0x5802_4800, 1 << 8);
    bench.write(0x3880_0000, 0x1234);
    bench.write(0x5800_4050, 0x5678);
    assert_eq!((bench.read(0x3880_0000), bench.read(0x5800_4050)), (0x1234, 0x5678));
    assert!(bench.change(Bench::rdp(0xAA)));
    assert_eq!((bench.read(0x3880_0000), bench.read(0x5800_4050)), (0, 0));
    let stored = bench.chip.memory().read(0, Size::Byte);
    assert_eq!((stored, bench.read(FLASH + 0x2_0000)), (0x42, u32::MAX));
    assert_eq!(bench.chip.options().prar, SECTOR0, "bounds stay unless changed in the same step");
}

#[test]
fn s8_level_1_without_intrusion_is_open_to_its_own_code() {
    let mut bench = Bench::with(Bench::rdp(0));
    bench.program(FLASH, 3);
    assert_eq!((bench.read(FLASH), bench.flags()), (3, 0));
    assert!(bench.map(FLASH, Kind::Fetch).is_some());
    assert!(bench.change(|options| options.wpsn = 0xFE));
}

fn assert_intruded(bench: &mut Bench) {
    assert!(bench.map(FLASH, Kind::Read).is_none() && bench.map(FLASH, Kind::Fetch).is_none());
    assert!(bench.map(0x3880_0000, Kind::Read).is_none());
    assert_eq!(bench.try_read(FLASH, Size::Word), Err(BusFault));
    assert_eq!(bench.flags(), sr::RDPERR);
    assert_eq!(bench.fetch(FLASH), Err(BusFault));
    bench.pc = common::RAM;
    bench.set_reg(CCR, sr::RDPERR);
    bench.program(FLASH + 0x100, 0);
    assert_eq!(bench.flags(), sr::WRPERR);
    bench.set_reg(CCR, sr::WRPERR);
    bench.erase_sector(1);
    assert_eq!(bench.flags(), sr::WRPERR);
    bench.set_reg(CCR, sr::WRPERR);
    assert_eq!(bench.try_read(0x3880_0000, Size::Word), Err(BusFault));
    assert_eq!(bench.try_write(0x3880_0000, 0, Size::Word), Err(BusFault));
    assert_eq!(bench.read(0x5800_4050), 0, "backup registers");
}

#[test]
fn s8_a_debugger_at_level_1_is_an_intrusion_until_power_off() {
    let mut bench = Bench::with(Bench::rdp(0));
    assert!(bench.map(FLASH, Kind::Fetch).is_some());
    let epoch = bench.chip.epoch();
    assert_eq!(bench.chip.debug_access(), Ok(()));
    assert_ne!(bench.chip.epoch(), epoch);
    assert_intruded(&mut bench);
    bench.reset();
    assert_intruded(&mut bench);
    bench.power_cycle();
    assert_eq!(bench.read(FLASH), u32::MAX);
}

#[test]
fn s8_a_debugger_seen_at_level_0_counts_once_level_1_is_set() {
    let mut bench = Bench::with(|_| {});
    bench.chip.debug_access().unwrap();
    assert_eq!(bench.read(FLASH), u32::MAX);
    assert!(bench.change(Bench::rdp(0)));
    assert_intruded(&mut bench);
}

#[test]
fn s8_boot_from_system_flash_or_ram_at_level_1_is_an_intrusion() {
    for boot in [0x1FF0_0000_u32, 0x2400_0000, 0x2000_0000] {
        let mut bench = Bench::with(|options| {
            Bench::rdp(0)(options);
            options.boot = boot >> 16;
        });
        assert_eq!(bench.chip.reset_vector_base(), boot);
        assert_intruded(&mut bench);
    }
}

#[test]
fn s8_the_way_back_from_an_intrusion_is_the_regression() {
    let mut bench = Bench::with(Bench::rdp(0));
    bench.program(FLASH, 0x77);
    bench.chip.debug_access().unwrap();
    assert!(bench.change(Bench::rdp(0xAA)));
    assert_eq!(bench.read(FLASH), u32::MAX, "open again, and erased");
}

#[test]
fn s8_level_2_changes_nothing_ever_and_boots_from_flash() {
    let mut bench = Bench::with(|options| {
        Bench::rdp(0xCC)(options);
        options.boot = 0x1FF0_2400;
    });
    assert_eq!(bench.chip.reset_vector_base(), FLASH);
    let before = *bench.chip.options();
    for rdp in [0xAA, 0] {
        assert!(!bench.change(Bench::rdp(rdp)));
    }
    assert!(!bench.change(|options| options.wpsn = 0));
    assert_eq!(*bench.chip.options(), before);
    bench.program(FLASH, 1);
    assert_eq!(bench.read(FLASH), 1);
}

#[test]
fn s7_reserved_bits_cannot_be_changed() {
    let mut bench = Bench::with(|_| {});
    assert!(bench.change(|options| {
        options.prar = 0x7000_F0FF;
        options.wpsn = 0xFFFF_FF00 | 0xFF;
        options.optsr2 = 0xFFFF_FFF8;
        options.optsr ^= 0x1480_0020;
    }));
    let options = *bench.chip.options();
    let registers = (options.prar, options.wpsn, options.optsr2, options.optsr);
    assert_eq!(registers, (0xFF, 0xFF, 0, 0x179E_AAF0));
}
