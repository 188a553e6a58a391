//! The power goes at a flash operation: words, erases, options, keys, external flash.

mod common;

use common::*;
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip_h7rs::flash::options::Word;
use ironroot_chip_h7rs::flash::registers::*;
use ironroot_chip_h7rs::{CutEffect, FlashOperation, POWER_CUT, PowerCut};
use ironroot_cpu::bus::{Bus, BusFault, Request, Size};
use ironroot_layout::stm32h7rs::Part;

const OLD: u32 = 0xFFFF_0000;

fn cut(bench: &mut Bench, operation: u64, effect: CutEffect) {
    bench.chip.cut_power_at(Some(PowerCut { operation, effect, seed: 11 }));
}

fn back(bench: &mut Bench) {
    assert!(bench.chip.is_off());
    assert_eq!(bench.chip.take_request(), Some(Request::Stop(POWER_CUT)));
    bench.power_cycle();
    assert!(!bench.chip.is_off());
    assert_eq!(bench.chip.take_request(), None);
}

#[test]
fn words_before_the_cut_are_there_and_words_behind_it_are_not() {
    for operation in 1..=4 {
        for (effect, at_cut) in [
            (CutEffect::Before, Ok(u32::MAX)),
            (CutEffect::After, Ok(OLD)),
            (CutEffect::Broken, Err(BusFault)),
            (CutEffect::Half, Err(BusFault)),
        ] {
            let mut bench = Bench::new();
            cut(&mut bench, operation, effect);
            for index in 0..4 {
                bench.program(FLASH + 16 * index, OLD);
            }
            back(&mut bench);
            for index in 0..4 {
                let expected = match (u64::from(index) + 1).cmp(&operation) {
                    std::cmp::Ordering::Less => Ok(OLD),
                    std::cmp::Ordering::Equal => at_cut,
                    std::cmp::Ordering::Greater => Ok(u32::MAX),
                };
                assert_eq!(bench.try_read(FLASH + 16 * index, Size::Word), expected, "{operation} {effect}");
            }
        }
    }
}

#[test]
fn a_torn_word_reads_as_a_mix() {
    let mut bench = Bench::new();
    cut(&mut bench, 1, CutEffect::Torn);
    bench.program(FLASH, OLD);
    back(&mut bench);
    let read = bench.read(FLASH);
    assert!(read & OLD == OLD && read != OLD && read != u32::MAX, "{read:#010x}");
}

#[test]
fn an_erase_is_part_done() {
    let erased = |effect| {
        let mut bench = Bench::with(|board| assert!(board.preload(FLASH + 0x2000, &[0; 0x4000])));
        cut(&mut bench, 1, effect);
        bench.erase_sector(1);
        back(&mut bench);
        assert_eq!(bench.read(FLASH + 0x4000), 0, "the next sector is not touched");
        let words: Vec<Option<u32>> =
            (0..512).map(|word| bench.try_read(FLASH + 0x2000 + 16 * word, Size::Word).ok()).collect();
        words
    };
    assert_eq!(erased(CutEffect::Before), [Some(0); 512]);
    assert_eq!(erased(CutEffect::After), [Some(u32::MAX); 512]);
    let half = erased(CutEffect::Half);
    let edge = half.iter().position(|word| *word == Some(0)).expect("a part is left");
    assert!(edge > 0 && half[..edge].iter().all(|word| *word == Some(u32::MAX)));
    assert!(half[edge..].iter().all(|word| *word == Some(0)));
    assert!(erased(CutEffect::Broken).contains(&None));
    assert!(erased(CutEffect::Torn).iter().all(Option::is_some));
}

#[test]
fn options_and_keys_are_the_old_or_the_new_ones() {
    for effect in CutEffect::ALL {
        let done = effect == CutEffect::After;
        let mut bench = Bench::new();
        cut(&mut bench, 1, effect);
        bench.change(Word::Epochs, 9);
        back(&mut bench);
        assert_eq!(bench.reg(Word::Epochs.offset()), if done { 9 } else { 0 }, "{effect}");

        bench.program_key(8, 0, &[1; 8]);
        cut(&mut bench, 1, effect);
        bench.program_key(8, 0, &[2; 8]);
        back(&mut bench);
        assert_eq!(bench.read_key(8), Ok([if done { 2 } else { 1 }; 8]), "{effect}");
    }
}

#[test]
fn a_reset_interrupts_a_program_and_the_word_is_broken() {
    let mut bench = Bench::new();
    bench.start_program(FLASH, OLD);
    bench.reset();
    assert_eq!(bench.try_read(FLASH, Size::Word), Err(BusFault));
    assert_eq!(bench.chip.flash().ecc().damage(0), Some(Damage::Double));
    // The board, when the plug is pulled meanwhile, is as if it had been.
    let mut bench = Bench::new();
    bench.start_program(FLASH, OLD);
    let board = bench.chip.to_board();
    assert_eq!(board.persistent().ecc.damage(0), Some(Damage::Double));
    bench.settle();
    assert_eq!(bench.read(FLASH), OLD);
}

#[test]
fn operations_are_counted_and_listed_in_their_order() {
    let mut bench =
        Bench::of(Part::Stm32h7s7, |board| assert!(board.preload_external(0x9000_0000, &[0; 16])));
    bench.chip.record_flash_operations(true);
    bench.program(FLASH + 32, 1);
    bench.erase_sector(3);
    bench.unlock();
    bench.set_reg(CR, cr::PG_OTP);
    bench.try_write(OTP + 2, 0, Size::Half).expect("no fault");
    bench.settle();
    bench.change(Word::Obw2s, 1);
    bench.program_key(8, 0, &[1; 8]);
    assert!(bench.read_key(8).is_ok(), "is no operation");
    // Write enable, then an erase of the external flash.
    const XSPI1: u32 = 0x5200_5000;
    bench.write(RCC + 0x134, 1 << 5);
    bench.write(XSPI1 + 8, 23 << 16);
    bench.write(XSPI1, 1);
    bench.write(XSPI1 + 0x100, 1);
    bench.write(XSPI1 + 0x110, 6);
    bench.write(XSPI1 + 0x100, 1 | 1 << 8 | 2 << 12);
    bench.write(XSPI1 + 0x110, 0x20);
    bench.write(XSPI1 + 0x48, 0);
    bench.settle();
    assert_eq!(bench.chip.external_bytes(0x9000_0000, 2), [0xFF, 0xFF]);
    let listed = bench.chip.take_flash_operations();
    assert_eq!(
        listed,
        [
            FlashOperation::Program { address: FLASH + 32 },
            FlashOperation::Erase { address: FLASH + 0x6000, size: 0x2000 },
            FlashOperation::Program { address: OTP + 2 },
            FlashOperation::Options,
            FlashOperation::Options,
            FlashOperation::ExternalErase { address: 0x9000_0000, size: 4096 },
        ]
    );
    assert_eq!(bench.chip.flash_operations(), 6);
}

#[test]
fn without_power_nothing_happens() {
    let mut bench = Bench::new();
    cut(&mut bench, 1, CutEffect::Before);
    bench.program(FLASH, 0);
    bench.write(RAM, 5);
    bench.start_program(FLASH + 0x40, 0);
    bench.now += 1_000_000;
    bench.chip.advance(bench.now);
    bench.power_cycle();
    assert_eq!((bench.read(RAM), bench.read(FLASH + 0x40)), (0, u32::MAX));
}
