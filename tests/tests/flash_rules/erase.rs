//! Section 5: erasing.

use ironroot_chip::flash::registers::{self as reg, cr, optsr, sr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_cpu::bus::Size;
use ironroot_prove::access::probe::{Bench, Op};

use crate::player::On::{Exited, Flash, Ram, Secure};
use crate::player::Step::*;
use crate::player::{PSIZE, S1, S2, options};
use crate::rules;

const ONES: u32 = u32::MAX;
const BANK: u32 = cr::BER | cr::START | PSIZE;
/// PRAR of the first kilobyte of sector 2.
const PCROP_S2: u32 = 0x400 | 0x403 << 16;
const ERASE_AREA: u32 = 1 << 31;
const NO_AREA: u32 = 0xFF;

fn marked(board: &mut ironroot_chip::Board) {
    for address in [S1, S2, 0x080F_FFE0] {
        assert!(board.preload(address, &[0x5A; 32]));
    }
}

/// Secure access mode, sector 0 secure, nothing else.
fn secured(board: &mut ironroot_chip::Board) {
    marked(board);
    options(|wanted| {
        wanted.optsr |= 1 << 21;
        wanted.scar = 0x01FF_0000 | ERASE_AREA;
    })(board);
}

/// The core starts a bank erase that takes the code away that started it; all is erased then.
fn bank_erase_erases_all(bench: &mut Bench) -> bool {
    bench.post(Op::Write(Size::Word), FLASH_REGISTERS + reg::CR, BANK, 0);
    bench.machine.run(2000);
    bench.settle();
    (0x0800_0000..0x0810_0000).step_by(0x1_0000).all(|at| bench.peek(at) == ONES)
}

rules! {
    s5_a_sector_erase_erases_its_sector_alone on Ram(marked) => [
        Unlock, Erase(1), Flags(0),
        Read(S1, ONES), Read(S2, 0x5A5A_5A5A),
        Program(S1, 3), Read(S1, 3), Flags(0),
    ];
    s5_start_clears_itself_and_ser_stays on Ram(marked) => [
        Unlock, Set(reg::CR, cr::SER | 1 << cr::SNB_SHIFT | PSIZE),
        Set(reg::CR, cr::SER | cr::START | 1 << cr::SNB_SHIFT | PSIZE),
        Is(reg::SR, sr::QW, sr::QW),
        Is(reg::CR, cr::START | cr::SER, cr::SER), Settle,
        Is(reg::SR, sr::QW, 0), Is(reg::CR, cr::SER, cr::SER),
    ];
    s5_start_without_ser_or_ber_erases_nothing on Ram(marked) => [
        Unlock, Set(reg::CR, cr::START | PSIZE), Settle, Read(S1, 0x5A5A_5A5A), Flags(0),
    ];
    s5_a_bank_erase_erases_all on Ram(marked) => [
        Unlock, Set(reg::CR, BANK), Settle,
        Read(S1, ONES), Read(S2, ONES), Read(0x080F_FFE0, ONES), Read(0x0800_0000, ONES), Flags(0),
    ];
    s5_ber_has_priority_over_ser on Ram(marked) => [
        Unlock, Set(reg::CR, BANK | cr::SER | 1 << cr::SNB_SHIFT), Settle,
        Read(S1, ONES), Read(S2, ONES),
    ];
    s5_erasing_removes_ecc_damage on Ram(|_| {}) => [
        Unlock, Program(S1, 0xF0), Program(S1, 0x0F), ReadFaults(S1), Clear(sr::DBECCERR),
        Erase(1), Read(S1, ONES), Flags(0),
    ];
    s5_a_write_protected_sector_is_not_erased
        on Ram(|board| { marked(board); options(|wanted| wanted.wpsn = 0xFD)(board) }) => [
        Unlock, Erase(1), Flags(sr::WRPERR), Read(S1, 0x5A5A_5A5A),
        Clear(sr::WRPERR), Erase(2), Flags(0), Read(S2, ONES),
        Set(reg::CR, BANK), Settle, Flags(sr::WRPERR), Read(S1, 0x5A5A_5A5A),
    ];
    s5_a_sector_with_a_pcrop_area_is_not_erased
        on Ram(|board| { marked(board); options(|wanted| wanted.prar = PCROP_S2)(board) }) => [
        Unlock, Erase(2), Flags(sr::WRPERR), Cell(S2, 0x5A5A_5A5A),
        Clear(sr::WRPERR), Set(reg::CR, BANK), Settle, Flags(sr::WRPERR), Cell(S2, 0x5A5A_5A5A),
        Clear(sr::WRPERR), Erase(1), Flags(0), Read(S1, ONES),
    ];
    s5_a_sector_with_the_secure_area_is_not_erased_from_outside on Exited => [
        Unlock, Erase(0), Flags(sr::WRPERR),
        Check("the secure area is still there", |bench| bench.peek(0x0800_0000) != u32::MAX),
        Clear(sr::WRPERR), Set(reg::CR, BANK), Settle, Flags(sr::WRPERR),
        Check("the secure area is still there", |bench| bench.peek(0x0800_0000) != u32::MAX),
    ];
    s5_secure_code_erases_a_sector_of_its_own_area on Secure => [
        UnlockOptions, Set(reg::SCAR_PRG, 0x03FF_0000 | ERASE_AREA), Change(true),
        Unlock, Erase(1), Flags(0), Read(S1, ONES),
    ];
    s5_a_bank_erase_by_secure_code_takes_the_secure_area_along on Flash(secured) => [
        Unlock, Check("all erased", bank_erase_erases_all),
    ];
    s5_a_bank_erase_with_protection_removal_takes_all_away
        on Ram(|board| { marked(board); options(|wanted| { wanted.prar = PCROP_S2; wanted.wpsn = 0x7D })(board) }) => [
        Unlock, UnlockOptions,
        Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA), Set(reg::SCAR_PRG, NO_AREA | ERASE_AREA), Set(reg::WPSN_PRG, 0xFF),
        Set(reg::CR, BANK), Settle, Flags(0),
        Is(reg::PRAR_CUR, u32::MAX, NO_AREA | ERASE_AREA), Is(reg::WPSN_CUR, 0xFF, 0xFF),
        Read(S1, ONES), Read(S2, ONES), Read(0x080F_FFE0, ONES),
    ];
    s5_another_changed_option_makes_it_a_plain_bank_erase_which_the_protections_refuse
        on Ram(|board| { marked(board); options(|wanted| wanted.prar = PCROP_S2)(board) }) => [
        Unlock, UnlockOptions,
        Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA), Set(reg::SCAR_PRG, NO_AREA | ERASE_AREA),
        Set(reg::BOOT_PRG, 0x1FF0_0801),
        Set(reg::CR, BANK), Settle, Flags(sr::WRPERR),
        Is(reg::OPTSR_CUR, optsr::OPTCHANGEERR, 0),
        Is(reg::PRAR_CUR, u32::MAX, PCROP_S2), Cell(S2, 0x5A5A_5A5A),
    ];
    s5_without_dmep_there_is_no_removal
        on Ram(|board| { marked(board); options(|wanted| wanted.prar = PCROP_S2)(board) }) => [
        Unlock, UnlockOptions, Set(reg::PRAR_PRG, NO_AREA),
        Set(reg::CR, BANK), Settle, Flags(sr::WRPERR), Is(reg::PRAR_CUR, u32::MAX, PCROP_S2),
    ];
    s5_the_secure_area_goes_with_protection_removal_too on Exited => [
        Unlock, UnlockOptions,
        Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA), Set(reg::SCAR_PRG, NO_AREA | ERASE_AREA),
        // The application goes with it: what came of it is looked at from outside.
        Check("erased, areas gone, SECURITY still set", |bench| {
            let erased = bank_erase_erases_all(bench);
            let options = *bench.chip().options();
            erased
                && (options.scar, options.prar) == (NO_AREA | ERASE_AREA, NO_AREA | ERASE_AREA)
                && options.security()
        }),
    ];
}
