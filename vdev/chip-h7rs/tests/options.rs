//! Option words: each rule of the table, and what a change needs.

mod common;

use common::*;
use ironroot_chip_h7rs::flash::options::{BrokenRule, OptionWords, Word};
use ironroot_chip_h7rs::flash::registers::*;
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};

fn at(level: Hdpl, open: bool) -> Bench {
    of(Part::Stm32h7s7, level, open)
}

fn of(part: Part, level: Hdpl, open: bool) -> Bench {
    let mut bench = Bench::of(part, |board| {
        if !open {
            closed(board)
        }
    });
    bench.raise_to(level);
    bench
}

#[test]
fn a_change_needs_keys_pg_opt_and_starts_at_once() {
    let mut bench = Bench::new();
    let register = Word::Wrps.offset() + 4;
    bench.set_reg(register, 0x0F);
    bench.set_reg(OPTCR, optcr::PG_OPT);
    bench.set_reg(register, 0x0F);
    assert_eq!((bench.reg(SR), bench.reg(OPTCR)), (0, optcr::OPTLOCK), "locked");
    bench.unlock_options();
    bench.set_reg(register, 0x0F);
    assert_eq!(bench.reg(SR), 0, "PG_OPT is not set");
    bench.set_reg(OPTCR, optcr::PG_OPT);
    bench.set_reg(register, 0x0F);
    assert_eq!(bench.reg(SR), sr::BUSY | sr::QW | sr::IS_OPTCHANGE);
    assert_eq!(bench.reg(register - 4), 0xFF);
    // A second one meanwhile is an error, and the first goes on.
    bench.set_reg(register, 0x3C);
    assert_eq!(bench.option_flags(), optisr::OPTERRF);
    assert_eq!(bench.chip.flash().last_refusal(), Some(BrokenRule::Busy));
    bench.settle();
    assert_eq!((bench.reg(register - 4), bench.reg(register), bench.option_flags()), (0x0F, 0x0F, 0));
    bench.set_reg(OPTCR, optcr::OPTLOCK);
    assert_eq!(bench.reg(OPTCR), optcr::OPTLOCK);
    bench.power_cycle();
    assert_eq!(bench.reg(register - 4), 0x0F);
}

#[test]
fn wrong_option_key_closes_until_reset() {
    let mut bench = Bench::new();
    assert!(bench.try_write(0x5200_2100, OPTKEY2, ironroot_cpu::bus::Size::Word).is_err());
    assert!(bench.try_write(0x5200_2100, OPTKEY1, ironroot_cpu::bus::Size::Word).is_err());
    bench.reset();
    assert!(bench.change(Word::Obw2s, 0));
}

#[test]
fn nvstate_takes_its_two_values_only() {
    let mut bench = Bench::new();
    for value in [0, 0xFF, 0xB5, 0xB4] {
        assert!(!bench.change(Word::Nvs, value), "{value:#x}");
        assert_eq!(bench.chip.flash().last_refusal(), Some(BrokenRule::StateValue));
    }
    bench.raise_to(Hdpl::Level3);
    assert!(bench.change(Word::Nvs, 0x51));
    assert_eq!(bench.chip.product_state(), ProductState::Closed);
    assert!(!bench.change(Word::Nvs, 0x52));
}

#[test]
fn closed_opens_only_when_flash_and_keys_are_erased() {
    let mut bench = Bench::with(|board| {
        closed(board);
        board.preload(FLASH, &[0; 64]);
    });
    bench.program_key(9, 0, &[1, 2, 3, 4, 5, 6, 7, 8]);
    bench.program_key(9, 2, &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(!bench.change(Word::Nvs, 0xB4));
    assert_eq!(bench.chip.flash().last_refusal(), Some(BrokenRule::NotErased));
    bench.erase(cr::BER);
    assert!(!bench.change(Word::Nvs, 0xB4), "keys are left");
    bench.unlock_options();
    bench.set_reg(OPTCR, optcr::PG_OPT);
    bench.set_reg(OBKERASE, 1);
    assert_eq!(bench.reg(SR) & sr::BUSY, sr::BUSY);
    bench.settle();
    assert!(bench.chip.flash().keys().is_empty());
    bench.program(FLASH, 0);
    assert!(!bench.change(Word::Nvs, 0xB4), "flash was written since");
    bench.erase(cr::BER);
    assert!(bench.change(Word::Nvs, 0xB4));
    assert_eq!(bench.chip.product_state(), ProductState::Open);
}

#[test]
fn root_of_trust_fields_by_level_and_state() {
    let wanted = 0xB400_51B4;
    for level in Hdpl::ALL {
        for open in [true, false] {
            for part in Part::ALL {
                let mut bench = of(part, level, open);
                assert!(bench.change(Word::Rots, wanted), "ignored is no error");
                let now = bench.reg(Word::Rots.offset());
                let factory = OptionWords::FACTORY.rotsr;
                let keeps = |mask: u32, allowed: bool| {
                    assert_eq!(
                        now & mask,
                        if allowed { wanted } else { factory } & mask,
                        "{level:?} {open} {part:?} {mask:#x}"
                    );
                };
                keeps(0x0000_00FF, level <= Hdpl::Level1);
                keeps(0x0000_FF00, level == Hdpl::Level0);
                keeps(0xFF00_0000, part == Part::Stm32h7s7 && (level <= Hdpl::Level1 || open));
            }
        }
    }
}

#[test]
fn locks_of_otp_are_set_only() {
    let mut bench = at(Hdpl::Level3, false);
    assert!(bench.change(Word::Otpls, 0x0005));
    assert!(bench.change(Word::Otpls, 0x8000));
    assert!(bench.change(Word::Otpls, 0));
    assert_eq!(bench.reg(Word::Otpls.offset()), 0x8005);
}

#[test]
fn the_epoch_never_falls() {
    for level in Hdpl::ALL {
        let mut bench = at(level, false);
        assert!(bench.change(Word::Epochs, 7) && bench.change(Word::Epochs, 7));
        assert!(!bench.change(Word::Epochs, 6));
        assert_eq!(bench.chip.flash().last_refusal(), Some(BrokenRule::EpochFalls));
        assert!(bench.change(Word::Epochs, 0xFF00_0008));
        assert_eq!(bench.reg(Word::Epochs.offset()), 8, "24 bits");
    }
}

#[test]
fn protections_of_the_boot_stage_belong_to_it() {
    for level in Hdpl::ALL {
        for open in [true, false] {
            let mut bench = at(level, open);
            assert!(bench.change(Word::Wrps, 0x0F) && bench.change(Word::Hdps, 0x00FF_0000));
            let allowed = level <= Hdpl::Level1 || open;
            let factory = OptionWords::FACTORY;
            let expected = if allowed { (0x0F, 0x00FF_0000) } else { (factory.wrpsr, factory.hdpsr) };
            let now = (bench.reg(Word::Wrps.offset()), bench.reg(Word::Hdps.offset()));
            assert_eq!(now, expected, "{level:?} {open}");
        }
    }
}

#[test]
fn user_options_keep_what_is_the_makers() {
    let mut bench = at(Hdpl::Level3, false);
    assert!(bench.change(Word::Obw1s, 0) && bench.change(Word::Obw2s, u32::MAX));
    assert_eq!((bench.reg(Word::Obw1s.offset()), bench.reg(Word::Obw2s.offset())), (1 << 28, 0x377));
    assert!(bench.change(Word::Obw1s, u32::MAX));
    assert_eq!(bench.reg(Word::Obw1s.offset()), 0x3006_03DC);
}

#[test]
fn the_ram_is_divided_anew_by_the_next_reset() {
    let mut bench = Bench::new();
    bench.write(0x2401_0000, 0x1122_3344);
    bench.write(0x2405_0000, 0x5566_7788);
    assert!(bench.change(Word::Obw2s, 1 << 8 | 1 << 4 | 1));
    assert_eq!(bench.read(0x2401_0000), 0x1122_3344, "not yet");
    bench.reset();
    let gone = |bench: &mut Bench, address| bench.try_read(address, ironroot_cpu::bus::Size::Word).is_err();
    assert!(gone(&mut bench, 0x2401_0000) && gone(&mut bench, 0x2405_0000) && gone(&mut bench, 0x2407_0000));
    assert_eq!((bench.read(0x0001_0000), bench.read(0x2001_0000)), (0x1122_3344, 0x5566_7788));
    assert!(!gone(&mut bench, 0x2406_FFFC) && gone(&mut bench, 0x0002_0000));
}

#[test]
fn product_states_follow_from_the_words() {
    for (nvsr, rotsr, state) in [
        (0xB4, 0x6A00_FF6A, ProductState::Open),
        (0xB4, 0x6A00_FFB4, ProductState::Provisioning),
        (0xB4, 0x6A00_516A, ProductState::Provisioning),
        (0x51, 0x6A00_51B4, ProductState::Closed),
        (0x51, 0x6A00_8AB4, ProductState::Closed),
        (0x51, 0x6A00_B4B4, ProductState::Locked),
        (0x51, 0x6A00_12B4, ProductState::Locked),
        (0x00, 0x6A00_FF6A, ProductState::Closed),
    ] {
        let bench = Bench::with(|board| {
            board.options_mut().nvsr = nvsr;
            board.options_mut().rotsr = rotsr;
        });
        assert_eq!(bench.chip.product_state(), state, "{nvsr:#x} {rotsr:#x}");
    }
}
