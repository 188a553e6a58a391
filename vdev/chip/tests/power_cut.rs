//! The power goes at a flash operation: what the cells hold then, and that nothing happens without power.

mod common;

use common::{Bench, FLASH};
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip::supply::POWER_CUT;
use ironroot_chip::{CutEffect, FlashOperation, PowerCut};
use ironroot_cpu::bus::{Bus, Request, Size};

const OLD: u32 = 0xFFFF_0000;

/// A chip that programs four words of sector 4 and erases it, cut at operation `operation`. Then power comes back.
fn after(operation: u64, effect: CutEffect) -> Bench {
    let mut bench = Bench::with(|_| {});
    bench.chip.cut_power_at(Some(PowerCut { operation, effect, seed: 11 }));
    for word in 0..4 {
        bench.program(FLASH + 0x8_0000 + 32 * word, OLD);
    }
    bench.erase_sector(4);
    assert!(bench.chip.is_off());
    assert_eq!(bench.chip.take_request(), Some(Request::Stop(POWER_CUT)));
    assert_eq!(bench.chip.flash_operations(), operation);
    bench.power_cycle();
    assert!(!bench.chip.is_off());
    assert_eq!(bench.chip.take_request(), None);
    bench
}

fn word(bench: &mut Bench, index: u32) -> Result<u32, ()> {
    bench.try_read(FLASH + 0x8_0000 + 32 * index, Size::Word).map_err(|_| ())
}

#[test]
fn words_before_the_cut_are_there_and_words_behind_it_are_not() {
    for operation in 1..=4 {
        for (effect, at_cut) in [(CutEffect::Before, u32::MAX), (CutEffect::After, OLD)] {
            let mut bench = after(operation, effect);
            for index in 0..4 {
                let expected = match (index + 1).cmp(&(operation as u32)) {
                    std::cmp::Ordering::Less => OLD,
                    std::cmp::Ordering::Equal => at_cut,
                    std::cmp::Ordering::Greater => u32::MAX,
                };
                assert_eq!(word(&mut bench, index), Ok(expected), "{operation} {effect} {index}");
            }
        }
    }
}

#[test]
fn the_word_at_the_cut_is_a_mix_that_reads_or_does_not() {
    let mut torn = after(2, CutEffect::Torn);
    let read = word(&mut torn, 1).expect("it reads");
    assert!(read & OLD == OLD && read != OLD && read != u32::MAX, "{read:#010x}");
    for effect in [CutEffect::Broken, CutEffect::Half] {
        let mut broken = after(2, effect);
        assert_eq!((word(&mut broken, 0), word(&mut broken, 1)), (Ok(OLD), Err(())));
        // Only an erase makes it readable again.

        broken.erase_sector(4);
        assert_eq!(word(&mut broken, 1), Ok(u32::MAX));
    }
}

#[test]
fn an_erase_is_not_done_or_done_or_done_in_part() {
    let start = 0x8_0000 / 32;
    let words = |effect| {
        let mut bench = after(5, effect);
        let values: Vec<_> = (0..4).map(|index| word(&mut bench, index)).collect();
        let broken =
            bench.chip.flash().ecc().damaged().filter(|(_, damage)| *damage == Damage::Double).count();
        (values, broken, bench.chip.flash().ecc().is_programmed(start))
    };
    assert_eq!(words(CutEffect::Before), (vec![Ok(OLD); 4], 0, true));
    assert_eq!(words(CutEffect::After), (vec![Ok(u32::MAX); 4], 0, false));
    assert_eq!(words(CutEffect::Half), (vec![Ok(u32::MAX); 4], 0, false), "the first part is done");
    assert!(words(CutEffect::Broken).1 > 1000);
    assert_eq!(words(CutEffect::Torn).1, 0);
}

#[test]
fn without_power_nothing_is_written_by_anybody() {
    let mut bench = Bench::with(|_| {});
    bench.chip.record_flash_operations(true);
    bench.chip.cut_power_at(Some(PowerCut { operation: 1, effect: CutEffect::After, seed: 0 }));
    bench.program(FLASH, 1);
    bench.program(FLASH + 32, 1);
    bench.chip.finish_flash_operations();
    let listed = bench.chip.take_flash_operations();
    assert_eq!(listed, [FlashOperation::Program { address: FLASH }]);
    assert_eq!(listed[0].to_string(), "program of 0x08000000");
    let board = bench.chip.to_board();
    assert_eq!((board.flash()[0], board.flash()[32]), (1, 0xFF));
    bench.power_cycle();
    assert_eq!((bench.read(FLASH), bench.read(FLASH + 32)), (1, u32::MAX));
}

#[test]
fn option_bytes_change_as_a_whole() {
    for (effect, security) in [
        (CutEffect::Before, false),
        (CutEffect::Torn, false),
        (CutEffect::Broken, false),
        (CutEffect::Half, false),
        (CutEffect::After, true),
    ] {
        let mut bench = Bench::with(|_| {});
        bench.chip.cut_power_at(Some(PowerCut { operation: 1, effect, seed: 4 }));
        bench.change(|options| options.optsr |= common::SECURITY);
        bench.chip.finish_flash_operations();
        bench.power_cycle();
        assert_eq!(bench.chip.options().optsr & common::SECURITY != 0, security, "{effect}");
    }
}
