//! Interrupted programming: what a cut of the power, or a reset, leaves in the middle of an operation.

use ironroot_chip::flash::registers::{self as reg, cr, optcr, sr};
use ironroot_prove::access::probe::Bench;

use crate::player::On::Ram;
use crate::player::Step::*;
use crate::player::{PSIZE, S1, S2};
use crate::rules;

const PG: u32 = cr::PG | PSIZE;
const ERASE_1: u32 = cr::SER | cr::START | 1 << cr::SNB_SHIFT | PSIZE;

fn full(board: &mut ironroot_chip::Board) {
    assert!(board.preload(S1, &[0x5A; 0x2_0000]) && board.preload(S2, &[0xA5; 32]));
}

/// Words of sector 1 that are as before, erased, and unreadable.
fn state_of_sector_1(bench: &Bench) -> (usize, usize, usize) {
    let chip = &bench.machine.core.bus;
    let words = (S1..S2).step_by(32);
    let damaged = |address: &u32| chip.flash().ecc().damage((address - 0x0800_0000) / 32).is_some();
    let kept = words.clone().filter(|at| !damaged(at) && bench.peek(*at) == 0x5A5A_5A5A).count();
    let erased = words.clone().filter(|at| !damaged(at) && bench.peek(*at) == u32::MAX).count();
    (kept, erased, words.filter(damaged).count())
}

rules! {
    power_cut_while_a_word_is_programmed_leaves_a_mix_that_cannot_be_read on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG), Fill(S1, 0), Is(reg::SR, sr::QW, sr::QW),
        PowerCut,
        ReadFaults(S1), Flags(sr::DBECCERR), Is(reg::ECC_FA, u32::MAX, 0x2_0000 / 32),
        Check("some bits were programmed, some not", |bench| {
            let bits: u32 = (0..8).map(|word| bench.peek(S1 + 4 * word).count_ones()).sum();
            (1..256).contains(&bits)
        }),
        Read(S1 + 32, u32::MAX),
        Clear(sr::DBECCERR), Unlock, Erase(1), Program(S1, 3), Read(S1, 3), Flags(0),
    ];
    power_cut_loses_what_is_only_in_the_buffer on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG), Write(ironroot_cpu::bus::Size::Word, S1, 0), Is(reg::SR, sr::WBNE, sr::WBNE),
        PowerCut, Read(S1, u32::MAX), Is(reg::SR, sr::WBNE, 0), Flags(0),
    ];
    power_cut_leaves_a_waiting_operation_undone on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG), Fill(S1, 0), Fill(S1 + 32, 0),
        PowerCut, ReadFaults(S1), Clear(sr::DBECCERR), Read(S1 + 32, u32::MAX), Flags(0),
    ];
    power_cut_while_a_sector_is_erased_leaves_it_part_erased on Ram(full) => [
        Unlock, Set(reg::CR, ERASE_1 & !cr::START), Set(reg::CR, ERASE_1), Is(reg::SR, sr::QW, sr::QW),
        PowerCut,
        Check("kept, erased and unreadable words", |bench| {
            let (kept, erased, damaged) = state_of_sector_1(bench);
            kept > 0 && erased > 0 && damaged > 0 && kept + erased + damaged == 4096
        }),
        Read(S2, 0xA5A5_A5A5),
        Unlock, Erase(1),
        Check("all erased", |bench| state_of_sector_1(bench) == (0, 4096, 0)),
    ];
    power_cut_before_or_after_an_operation_changes_nothing on Ram(full) => [
        PowerCut, Read(S1, 0x5A5A_5A5A),
        Unlock, Erase(1), Program(S1, 7), PowerCut, Read(S1, 7), Flags(0),
    ];
    power_cut_during_an_option_change_leaves_the_old_options on Ram(|_| {}) => [
        UnlockOptions, Set(reg::WPSN_PRG, 0), Set(reg::OPTCR, optcr::OPTSTART), PowerCut,
        Is(reg::WPSN_CUR, 0xFF, 0xFF),
    ];
    a_system_reset_interrupts_programming_as_the_power_does on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG), Fill(S1, 0), Reset,
        ReadFaults(S1), Flags(sr::DBECCERR),
    ];
}
