//! The flash controller: words, sectors, protections, flags, one-time programmable words.

mod common;

use common::*;
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip_h7rs::flash::registers::*;
use ironroot_cpu::bus::{Bus, BusFault, Kind, Size};
use ironroot_layout::stm32h7rs::state::Hdpl;

#[test]
fn a_word_is_sixteen_bytes_and_is_programmed_once() {
    let mut bench = Bench::new();
    bench.start_program(FLASH + 0x40, 0x1234_5678);
    assert_eq!(bench.reg(SR), sr::BUSY | sr::QW | sr::IS_PROGRAM);
    bench.settle();
    assert_eq!((bench.reg(SR), bench.flags()), (0, isr::EOPF));
    assert_eq!((bench.read(FLASH + 0x4C), bench.read(FLASH + 0x50)), (0x1234_5678, u32::MAX));
    assert!(bench.map(FLASH, Kind::Read).is_some());
    // Again: the check bits no longer match.
    bench.program(FLASH + 0x40, 0x0F0F_0F0F);
    bench.flags();
    assert_eq!(bench.try_read(FLASH + 0x44, Size::Word), Err(BusFault));
    assert_eq!((bench.flags(), bench.reg(ECCDFADDR)), (isr::DBECCERRF, FLASH + 0x40));
    assert!(bench.map(FLASH, Kind::Read).is_none() && bench.map(FLASH + 0x400, Kind::Read).is_some());
    bench.erase_sector(0);
    assert_eq!(bench.read(FLASH + 0x44), u32::MAX);
    bench.program(FLASH + 0x40, 0x0F0F_0F0F);
    assert_eq!(bench.read(FLASH + 0x44), 0x0F0F_0F0F);
}

#[test]
fn a_single_error_is_corrected_and_reported() {
    let mut bench = Bench::new();
    bench.program(FLASH, 7);
    bench.flags();
    bench.chip.flash_mut().ecc_mut().set(0, Some(Damage::Single));
    assert_eq!(bench.read(FLASH + 8), 7);
    assert_eq!((bench.flags(), bench.reg(ECCSFADDR)), (isr::SNECCERRF, FLASH));
}

#[test]
fn sequence_errors() {
    let mut bench = Bench::new();
    bench.write(FLASH, 1);
    assert_eq!(bench.flags(), isr::PGSERRF, "PG is not set");
    bench.unlock();
    bench.set_reg(CR, cr::PG);
    bench.write(FLASH, 1);
    assert_eq!(bench.reg(SR), sr::WBNE);
    bench.write(FLASH, 2);
    assert_eq!(bench.flags(), isr::STRBERRF);
    bench.write(FLASH + 16, 2);
    assert_eq!(bench.flags(), isr::INCERRF);
    // FW completes with ones.
    bench.set_reg(CR, cr::PG | cr::FW);
    bench.settle();
    assert_eq!((bench.read(FLASH), bench.read(FLASH + 4)), (2, u32::MAX));
    bench.set_reg(CR, cr::START);
    assert_ne!(bench.flags() & isr::PGSERRF, 0, "neither SER nor BER");
}

#[test]
fn the_lock_needs_both_keys_in_order() {
    let mut bench = Bench::new();
    assert_eq!(bench.reg(CR), cr::LOCK);
    bench.set_reg(CR, cr::PG);
    assert_eq!(bench.reg(CR), cr::LOCK, "locked: nothing is written");
    bench.set_reg(KEYR, KEY1);
    bench.set_reg(KEYR, KEY2);
    bench.set_reg(CR, cr::PG);
    assert_eq!(bench.reg(CR), cr::PG);
    bench.set_reg(CR, cr::LOCK);
    assert_eq!(bench.reg(CR), cr::PG | cr::LOCK);
    // A wrong key is an error, and closes until reset.
    let mut wrong = Bench::new();
    assert_eq!(wrong.try_write(0x5200_2004, KEY2, Size::Word), Err(BusFault));
    assert_eq!(wrong.try_write(0x5200_2004, KEY1, Size::Word), Err(BusFault));
    wrong.reset();
    wrong.unlock();
    assert_eq!(wrong.reg(CR), 0);
}

#[test]
fn write_protection_of_sectors() {
    let mut bench = Bench::with(|board| {
        board.options_mut().wrpsr = 0b1111_1101;
        board.preload(FLASH + 0x2000, &[0x33; 0x4000]);
    });
    bench.start_program(FLASH + 0x3000, 0);
    assert_eq!(bench.flags(), isr::WRPERRF);
    bench.erase_sector(1);
    assert_eq!((bench.flags(), bench.read(FLASH + 0x2000)), (isr::WRPERRF, 0x3333_3333));
    bench.erase(cr::BER);
    assert_eq!(bench.flags(), isr::WRPERRF, "all or nothing");
    assert_eq!(bench.read(FLASH + 0x4000), 0x3333_3333);
    bench.erase_sector(2);
    assert_eq!((bench.flags(), bench.read(FLASH + 0x4000)), (isr::EOPF, u32::MAX));
}

#[test]
fn the_hidden_area_cannot_be_changed_from_level_2_on() {
    let mut board = Bench::with(|board| {
        board.options_mut().hdpsr = 0x002F_0010;
        board.preload(FLASH, &[0x33; 0x8000]);
    });
    for level in Hdpl::ALL {
        board.raise_to(level);
        let hidden = level >= Hdpl::Level2;
        let mut bench = board.clone();
        for (sector, touched) in [(0, true), (1, true), (2, false)] {
            bench.erase_sector(sector);
            let refused = hidden && touched;
            assert_eq!(bench.flags(), if refused { isr::WRPERRF } else { isr::EOPF }, "{level:?} {sector}");
        }
        let mut bench = board.clone();
        bench.erase(cr::BER);
        assert_eq!(bench.flags(), if hidden { isr::WRPERRF } else { isr::EOPF });
        let mut bench = board.clone();
        bench.start_program(FLASH + 0x1000, 0);
        bench.settle();
        assert_eq!(bench.flags(), if hidden { isr::WRPERRF } else { isr::EOPF });
    }
}

#[test]
fn reads_wait_for_the_bank_and_the_interrupt_tells_the_end() {
    let mut bench = Bench::new();
    bench.set_reg(IER, isr::EOPF);
    bench.unlock();
    bench.set_reg(CR, cr::SER | cr::START | 3 << cr::SSN_SHIFT);
    assert_eq!(bench.reg(SR), sr::BUSY | sr::QW | sr::IS_ERASE);
    let before = bench.now;
    assert_eq!(bench.chip.irq_lines()[0] >> 8 & 1, 0);
    assert_eq!(bench.read(FLASH), u32::MAX);
    assert!(bench.now > before + 64_000, "the reader has waited a sector's erase");
    assert_eq!(bench.chip.irq_lines()[0] >> 8 & 1, 1);
    bench.flags();
    assert_eq!(bench.chip.irq_lines()[0] >> 8 & 1, 0);
}

#[test]
fn otp_words_are_programmed_once_and_locked_for_ever() {
    use ironroot_chip_h7rs::flash::options::Word;
    let mut bench = Bench::new();
    bench.try_write(OTP, 0x1234, Size::Half).expect("no fault");
    assert_eq!(bench.flags(), isr::PGSERRF, "PG_OTP is not set");
    bench.unlock();
    bench.set_reg(CR, cr::PG_OTP);
    bench.try_write(OTP, 0x1234, Size::Half).expect("no fault");
    bench.write(OTP + 0x44, 0xAABB_CCDD);
    bench.settle();
    assert_eq!((bench.read(OTP), bench.read(OTP + 0x44)), (0xFFFF_1234, 0xAABB_CCDD));
    bench.try_write(OTP + 1, 0, Size::Byte).expect("no fault");
    bench.flags();
    bench.try_write(OTP, 0x0034, Size::Half).expect("no fault");
    bench.settle();
    assert_eq!(bench.try_read(OTP, Size::Half), Err(BusFault), "twice: check bits do not match");
    assert_ne!(bench.flags() & isr::DBECCERRF, 0);
    assert!(bench.change(Word::Otpls, 1 << 1));
    bench.try_write(OTP + 0x40, 0, Size::Half).expect("no fault");
    assert_eq!(bench.flags(), isr::WRPERRF);
    bench.try_write(OTP + 0x80, 0, Size::Half).expect("no fault");
    bench.settle();
    assert_eq!(bench.read(OTP + 0x80), 0xFFFF_0000);
    bench.power_cycle();
    assert_eq!(bench.read(OTP + 0x44), 0xAABB_CCDD);
}

#[test]
fn unique_id_is_where_it_belongs() {
    let mut bench = Bench::new();
    let words = [0, 4, 8].map(|at| bench.read(0x08FF_F800 + at).to_le_bytes());
    assert_eq!(words.concat(), bench.chip.uid());
    bench.write(0x08FF_F800, 0);
    assert_eq!(bench.flags(), isr::WRPERRF);
    assert_eq!(&bench.read(0x08FF_F800).to_le_bytes(), b"IRVD");
}
