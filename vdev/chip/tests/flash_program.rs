//! h73x-flash sections 4, 5, 6: write buffer, programming, erase, ECC, stalls.

mod common;

use common::{Bench, ERASE_AREA, FLASH, NO_AREA, SECTOR0};
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip::flash::registers::*;
use ironroot_cpu::bus::{Bus, BusFault, Kind, Size};

fn programming() -> Bench {
    let mut bench = Bench::with(|_| {});
    bench.unlock();
    bench.set_reg(CR, cr::PG | 0x30);
    bench
}

#[test]
fn s14_2_eight_words_program_a_flash_word() {
    let mut bench = programming();
    for at in 0..8 {
        bench.write(FLASH + 4 * at, 0x1000 + at);
        let expected = if at < 7 { sr::WBNE } else { sr::QW | sr::BSY };
        assert_eq!(bench.sr(), expected);
    }
    bench.settle();
    assert_eq!(bench.sr(), 0, "EOP needs EOPIE");
    for at in 0..8 {
        assert_eq!(bench.read(FLASH + 4 * at), 0x1000 + at);
    }
}

#[test]
fn s4_any_widths_fill_a_word() {
    let mut bench = programming();
    for at in 0..16 {
        bench.try_write(FLASH + at, at, Size::Byte).unwrap();
    }
    for at in (16..32).step_by(2) {
        bench.try_write(FLASH + at, at | (at + 1) << 8, Size::Half).unwrap();
    }
    bench.settle();
    for at in 0..32 {
        assert_eq!(bench.try_read(FLASH + at, Size::Byte), Ok(at));
    }
}

#[test]
fn s4_eop_is_set_with_eopie_only() {
    let mut bench = programming();
    bench.set_reg(CR, cr::PG | cr::EOPIE);
    for at in 0..8 {
        bench.write(FLASH + 4 * at, 0);
    }
    bench.settle();
    assert_eq!(bench.flags(), sr::EOP);
    assert_eq!(bench.chip.irq_lines()[0], 1 << 4);
}

#[test]
fn s4_fw_completes_with_ones() {
    let mut bench = programming();
    bench.set_reg(CR, cr::PG | cr::FW);
    assert_eq!(bench.sr(), 0, "no effect with an empty buffer");
    bench.write(FLASH + 8, 0x1234_5678);
    bench.set_reg(CR, cr::PG | cr::FW | 0x30);
    assert_eq!(bench.reg(CR), cr::PG | 0x30, "FW clears itself");
    bench.settle();
    assert_eq!((bench.read(FLASH + 8), bench.read(FLASH)), (0x1234_5678, u32::MAX));
}

#[test]
fn s4_clearing_pg_discards_the_buffer() {
    let mut bench = programming();
    bench.write(FLASH, 0);
    assert_eq!(bench.sr(), sr::WBNE);
    bench.set_reg(CR, 0x30);
    assert_eq!(bench.sr(), 0);
    bench.set_reg(CR, cr::PG | cr::FW);
    bench.settle();
    assert_eq!(bench.read(FLASH), u32::MAX);
}

#[test]
fn s4_a_write_without_pg_is_pgserr_and_no_bus_error() {
    let mut bench = Bench::with(|_| {});
    bench.write(FLASH, 0);
    assert_eq!(bench.flags(), sr::PGSERR);
    assert_eq!(bench.read(FLASH), u32::MAX);
}

#[test]
fn s4_pgserr_blocks_until_cleared() {
    let mut bench = Bench::with(|_| {});
    bench.write(FLASH, 0);
    bench.unlock();
    bench.set_reg(CR, cr::PG);
    bench.write(FLASH, 0);
    assert_eq!(bench.sr(), sr::PGSERR);
    bench.set_reg(CCR, sr::PGSERR);
    bench.write(FLASH, 0);
    assert_eq!(bench.sr(), sr::WBNE);
}

#[test]
fn s4_a_byte_written_twice_is_strberr_and_the_new_data_counts() {
    let mut bench = programming();
    bench.write(FLASH, 0x1111_1111);
    bench.try_write(FLASH + 1, 0x22, Size::Byte).unwrap();
    assert_eq!(bench.flags(), sr::STRBERR);
    for at in 1..8 {
        bench.write(FLASH + 4 * at, 0);
    }
    bench.settle();
    assert_eq!(bench.read(FLASH), 0x1111_2211);
}

#[test]
fn s14_3_a_second_word_before_the_first_is_complete_is_incerr() {
    let mut bench = programming();
    bench.write(FLASH, 0x1111_1111);
    bench.write(FLASH + 32, 0x2222_2222);
    assert_eq!(bench.sr(), sr::INCERR | sr::WBNE, "the partial buffer is kept");
    bench.write(FLASH + 4, 0);
    assert_eq!(bench.flags(), sr::INCERR | sr::PGSERR, "INCERR must be cleared first");
    bench.set_reg(CCR, sr::INCERR | sr::PGSERR);
    for at in 1..8 {
        bench.write(FLASH + 4 * at, 0);
    }
    bench.settle();
    assert_eq!((bench.read(FLASH), bench.read(FLASH + 32)), (0x1111_1111, u32::MAX));
}

#[test]
fn s4_a_write_protected_sector_is_wrperr_at_the_queue_and_blocks_nothing() {
    let mut bench = Bench::with(|options| options.wpsn = 0xFD);
    bench.unlock();
    bench.set_reg(CR, cr::PG);
    for at in 0..8 {
        assert_eq!(bench.flags(), 0);
        bench.write(FLASH + 0x2_0000 + 4 * at, 0);
    }
    assert_eq!(bench.sr(), sr::WRPERR);
    for at in 0..8 {
        bench.write(FLASH + 4 * at, 7);
    }
    bench.settle();
    assert_eq!((bench.read(FLASH), bench.read(FLASH + 0x2_0000)), (7, u32::MAX));
}

#[test]
fn s4_a_word_programmed_twice_fails_ecc() {
    let mut bench = Bench::with(|_| {});
    bench.program(FLASH, 0xF0F0_F0F0);
    bench.program(FLASH + 0x40, 0);
    bench.program(FLASH, 0x3C3C_3C3C);
    assert_eq!(bench.chip.memory().read(0, Size::Word), 0x3030_3030, "AND of both");
    assert_eq!(bench.try_read(FLASH + 4, Size::Word), Err(BusFault));
    assert_eq!(bench.flags(), sr::DBECCERR);
    assert_eq!(bench.read(FLASH + 0x20), u32::MAX, "the neighbour is fine");
    bench.program(FLASH, 0);
    assert_eq!(bench.read(FLASH), 0, "all zeros is consistent again");
}

#[test]
fn s6_the_first_failing_word_is_kept_until_its_flags_are_cleared() {
    let mut bench = Bench::with(|_| {});
    bench.chip.flash_mut().ecc_mut().set(3, Some(Damage::Single));
    bench.chip.flash_mut().ecc_mut().set(5, Some(Damage::Double));
    assert_eq!(bench.read(FLASH + 3 * 32), u32::MAX, "one wrong bit is corrected");
    assert_eq!(bench.try_read(FLASH + 5 * 32, Size::Byte), Err(BusFault));
    assert_eq!(bench.flags(), sr::SNECCERR | sr::DBECCERR);
    assert_eq!(bench.reg(ECC_FA), 3);
    bench.set_reg(CCR, sr::SNECCERR | sr::DBECCERR);
    assert_eq!(bench.fetch(FLASH + 5 * 32), Err(BusFault));
    assert_eq!(bench.reg(ECC_FA), 5);
}

#[test]
fn s6_a_damaged_word_takes_its_page_off_the_fast_path() {
    let mut bench = Bench::with(|_| {});
    assert!(bench.map(FLASH, Kind::Read).is_some());
    let epoch = bench.chip.epoch();
    bench.chip.flash_mut().ecc_mut().set(3, Some(Damage::Single));
    assert_ne!(bench.chip.epoch(), epoch);
    assert!(bench.map(FLASH, Kind::Read).is_none() && bench.map(FLASH, Kind::Fetch).is_none());
    assert!(bench.map(FLASH + 1024, Kind::Read).is_some());
}

#[test]
fn s4_reading_the_bank_stalls_until_the_operation_ends() {
    let mut bench = programming();
    for at in 0..8 {
        bench.write(FLASH + 4 * at, 5);
    }
    let end = bench.chip.next_event();
    assert!(bench.map(FLASH + 0x400, Kind::Fetch).is_none(), "no fast path while busy");
    let before = bench.now;
    assert_eq!(bench.read(FLASH), 5);
    assert_eq!(bench.now, end + 1, "the wait was {} cycles", end - before);
    assert_eq!(bench.sr(), 0);
    assert!(bench.map(FLASH + 0x400, Kind::Fetch).is_some());
}

#[test]
fn s4_two_operations_queue_and_the_third_waits() {
    let mut bench = programming();
    let word = |bench: &mut Bench, n: u32| {
        let before = bench.now;
        for at in 0..8 {
            bench.write(FLASH + 32 * n + 4 * at, n);
        }
        bench.now - before
    };
    assert_eq!((word(&mut bench, 0), word(&mut bench, 1)), (8, 8));
    assert!(word(&mut bench, 2) > 1000, "no place in the queue");
    bench.settle();
    for n in 0..3 {
        assert_eq!(bench.read(FLASH + 32 * n), n);
    }
}

#[test]
fn s5_sector_erase() {
    let mut bench = Bench::with(|_| {});
    bench.program(FLASH, 1);
    bench.program(FLASH + 0x2_0000, 2);
    bench.set_reg(CR, cr::SER | 1 << cr::SNB_SHIFT | 0x30);
    bench.set_reg(CR, cr::SER | cr::START | 1 << cr::SNB_SHIFT | 0x30);
    assert_eq!(bench.sr(), sr::QW | sr::BSY);
    assert_eq!(bench.reg(CR), cr::SER | 1 << cr::SNB_SHIFT | 0x30, "START clears itself, SER stays");
    bench.settle();
    assert_eq!((bench.sr(), bench.read(FLASH), bench.read(FLASH + 0x2_0000)), (0, 1, u32::MAX));
    bench.set_reg(CR, 0x30);
    bench.program(FLASH + 0x2_0000, 3);
    assert_eq!(bench.read(FLASH + 0x2_0000), 3, "virgin again");
}

#[test]
fn s5_bank_erase_has_priority_over_sector_erase() {
    let mut bench = Bench::with(|_| {});
    bench.program(FLASH, 1);
    bench.program(FLASH + 0xE_0000, 2);
    bench.set_reg(CR, cr::SER | cr::BER | cr::START);
    bench.settle();
    assert_eq!((bench.read(FLASH), bench.read(FLASH + 0xE_0000)), (u32::MAX, u32::MAX));
}

#[test]
fn s5_a_system_reset_interrupts_an_erase_and_a_program_operation() {
    let mut bench = Bench::with(|_| {});
    bench.program(FLASH, 0);
    bench.set_reg(CR, cr::SER | cr::START | 0x30);
    bench.reset();
    assert_eq!(bench.sr(), 0);
    let unreadable = (0..4096).filter(|&word| bench.try_read(FLASH + 32 * word, Size::Word).is_err()).count();
    assert!((1000..2000).contains(&unreadable), "part erased: {unreadable}");
    let mut bench = programming();
    for at in 0..8 {
        bench.write(FLASH + 4 * at, 0);
    }
    bench.reset();
    assert_eq!(bench.try_read(FLASH, Size::Word), Err(BusFault));
    bench.erase_sector(0);
    assert_eq!(bench.read(FLASH), u32::MAX);
}

#[test]
fn s14_4_erase_of_a_write_protected_sector_is_wrperr() {
    let mut bench = Bench::with(|_| {});
    bench.program(FLASH, 1);
    assert!(bench.change(|options| options.wpsn = 0xFE));
    bench.erase_sector(0);
    assert_eq!((bench.flags(), bench.read(FLASH)), (sr::WRPERR, 1));
    bench.set_reg(CCR, sr::WRPERR);
    bench.erase_bank();
    assert_eq!((bench.flags(), bench.read(FLASH)), (sr::WRPERR, 1));
}

#[test]
fn s5_erase_of_a_sector_with_pcrop_is_wrperr() {
    let mut bench = Bench::with(|options| options.prar = SECTOR0);
    bench.erase_sector(0);
    assert_eq!(bench.flags(), sr::WRPERR);
    bench.set_reg(CCR, sr::WRPERR);
    bench.erase_sector(1);
    assert_eq!(bench.flags(), 0);
    bench.erase_bank();
    assert_eq!(bench.flags(), sr::WRPERR);
}

#[test]
fn s5_bank_erase_with_protection_removal() {
    let mut bench = Bench::with(|options| {
        options.prar = SECTOR0;
        options.wpsn = 0x7F;
    });
    let mut wanted = *bench.chip.options();
    wanted.prar = NO_AREA | ERASE_AREA;
    wanted.scar = NO_AREA | ERASE_AREA;
    wanted.wpsn = 0xFF;
    bench.stage(&wanted);
    bench.erase_bank();
    assert_eq!(bench.flags(), 0);
    assert_eq!(*bench.chip.options(), wanted);
    assert_eq!(bench.reg(PRAR_CUR), NO_AREA | ERASE_AREA);
}

#[test]
fn s5_another_changed_option_makes_it_a_plain_bank_erase() {
    let mut bench = Bench::with(|options| options.prar = SECTOR0);
    let before = *bench.chip.options();
    let mut wanted = before;
    wanted.prar = NO_AREA | ERASE_AREA;
    wanted.boot = 0x1FF0_0810;
    bench.stage(&wanted);
    bench.erase_bank();
    assert_eq!((bench.flags(), *bench.chip.options()), (sr::WRPERR, before));
}

#[test]
fn s9_pcrop_executes_and_reads_zero() {
    let mut bench = Bench::with(|_| {});
    bench.program(FLASH, 0x4770_4770);
    assert!(bench.change(|options| options.prar = 0x0001_0000));
    assert_eq!(bench.fetch(FLASH), Ok(0x4770));
    assert_eq!(bench.flags(), 0);
    assert_eq!((bench.read(FLASH), bench.flags()), (0, sr::RDPERR));
    assert!(bench.map(FLASH, Kind::Fetch).is_some() && bench.map(FLASH, Kind::Read).is_none());
    assert_eq!(bench.read(FLASH + 512), u32::MAX, "behind its end");
    bench.set_reg(CCR, sr::RDPERR);
    bench.program(FLASH + 32, 0);
    assert_eq!(bench.flags(), sr::WRPERR);
}

#[test]
fn s1_system_flash_is_read_only() {
    let mut bench = Bench::with(|_| {});
    let before = bench.read(0x1FF0_0000);
    bench.write(0x1FF0_0000, 0);
    assert_eq!((bench.read(0x1FF0_0000), bench.flags()), (before, sr::WRPERR));
    assert_eq!(bench.try_read(0x1FF1_E880, Size::Half), Ok(1024));
    assert_eq!(bench.read(0x1FF1_E800), u32::from_le_bytes(*b"IRVD"));
}
