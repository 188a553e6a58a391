//! Sections 8 and 9: readout protection, execute-only and secure areas.

use ironroot_chip::flash::registers::{self as reg, cr, sr};
use ironroot_chip::{Mode, ReadProtection};
use ironroot_cpu::bus::Size;
use ironroot_debug::flasher::Flasher;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_prove::access::situation::{APPLICATION, MARKER, SECURE_TARGET};

use crate::player::On::{Exited, Ram, Secure};
use crate::player::Step::*;
use crate::player::{PSIZE, S1, S2, leaves, options, with_target};
use crate::rules;

const ONES: u32 = u32::MAX;
const FACTORY: u32 = 0x179E_AAF0;
const LEVEL_1: u32 = FACTORY & !0xFF00 | 0xBB00;
const SECURITY: u32 = 1 << 21;
const ERASE_AREA: u32 = 1 << 31;
const NO_AREA: u32 = 0xFF;
const PCROP: u32 = 0x400 | 0x403 << 16;
const BACKUP: u32 = 0x3880_0000;
const PWR_CR1: u32 = 0x5802_4800;

fn level_1(board: &mut ironroot_chip::Board) {
    with_target(board, S1);
    with_target(board, S2);
    options(|wanted| wanted.optsr = LEVEL_1)(board);
}

fn level_1_with_pcrop(board: &mut ironroot_chip::Board) {
    level_1(board);
    options(|wanted| wanted.prar = PCROP)(board);
}

fn no_area(board: &mut ironroot_chip::Board) {
    with_target(board, S1);
    options(|wanted| wanted.prar = 0x0000_0FFF)(board);
}

rules! {
    s8_level_1_leaves_its_own_code_alone on Ram(level_1) => [
        Read(S1 + 0x40, MARKER), Runs(S1), Unlock, Program(S1 + 0x100, 1), Erase(2), Read(S2, ONES), Flags(0),
    ];
    s8_any_other_value_of_the_byte_is_level_1
        on Ram(|board| options(|wanted| wanted.optsr = FACTORY & !0xFF00)(board)) => [
        Check("level", |bench| bench.chip().options().read_protection() == ReadProtection::Level1),
    ];
    s8_a_debugger_at_level_1_closes_user_flash_until_power_off on Ram(level_1) => [
        Connect,
        ReadFaults(S1), Flags(sr::RDPERR), Clear(sr::RDPERR), RunFaults(S1), Flags(sr::RDPERR), Clear(sr::RDPERR),
        Unlock, Program(S1 + 0x100, 1), Flags(sr::WRPERR), Cell(S1 + 0x100, ONES), Clear(sr::WRPERR),
        Erase(2), Flags(sr::WRPERR), Cell(S2 + 0x40, MARKER),
        Check("a system reset does not help", |bench| bench.reset_by_core().is_none()),
        PowerCut, Read(S1 + 0x40, MARKER), Runs(S1),
    ];
    s8_a_debugger_at_level_1_closes_backup_memory on Ram(level_1) => [
        Write(Size::Word, PWR_CR1, 1 << 8), Write(Size::Word, BACKUP, 0x1234), Read(BACKUP, 0x1234),
        Connect, ReadFaults(BACKUP), WriteFaults(Size::Word, BACKUP, 0),
    ];
    s8_a_debugger_seen_before_level_1_counts_when_it_comes on Ram(|board| with_target(board, S1)) => [
        Connect, Read(S1 + 0x40, MARKER),
        UnlockOptions, Set(reg::OPTSR_PRG, LEVEL_1), Change(true), ReadFaults(S1 + 0x40),
    ];
    s8_a_regression_erases_flash_and_backup_memory on Ram(level_1) => [
        Write(Size::Word, PWR_CR1, 1 << 8), Write(Size::Word, BACKUP, 0x1234),
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(true),
        Read(S1, ONES), Read(S2, ONES), Read(0x0800_0000, ONES), Read(BACKUP, 0), Is(reg::OPTSR_CUR, 0xFF00, 0xAA00),
    ];
    s8_a_regression_is_possible_under_an_intrusion on Ram(level_1) => [
        Connect, UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(true), Read(S1, ONES),
    ];
    s8_a_regression_without_dmep_keeps_the_sectors_of_the_pcrop_area on Ram(level_1_with_pcrop) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(true),
        Read(S1, ONES), Cell(S2 + 0x40, MARKER), Runs(S2), Is(reg::PRAR_CUR, u32::MAX, PCROP),
    ];
    s8_a_regression_with_dmep_erases_the_pcrop_area_and_keeps_its_bounds on Ram(level_1_with_pcrop) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Set(reg::PRAR_PRG, PCROP | ERASE_AREA), Change(true),
        Cell(S2 + 0x40, ONES), Is(reg::PRAR_CUR, u32::MAX, PCROP | ERASE_AREA),
    ];
    s8_a_regression_does_not_keep_write_protected_sectors
        on Ram(|board| { level_1(board); options(|wanted| wanted.wpsn = 0xFD)(board) }) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(true), Read(S1, ONES), Is(reg::WPSN_CUR, 0xFF, 0xFD),
    ];
    s8_at_level_2_the_debugger_is_off_for_ever
        on Ram(|board| options(|wanted| wanted.optsr = FACTORY & !0xFF00 | 0xCC00)(board)) => [
        Check("the port", |bench| bench.chip().debug_access().is_err()),
    ];
    s8_a_boot_from_system_flash_at_level_1_is_an_intrusion on Ram(level_1) => [
        Check("closed", |bench| {
            bench.chip().set_boot0(true);
            bench.post(ironroot_prove::access::probe::Op::Write(Size::Word), 0xE000_ED0C, 0x05FA_0004, 0);
            bench.machine.run(1000);
            let chip = bench.chip();
            let options = *chip.options();
            chip.security().intruded(&options)
        }),
    ];

    s9_pcrop_runs_and_gives_no_data_and_takes_none
        on Ram(|board| { with_target(board, S2); options(|wanted| wanted.prar = PCROP)(board) }) => [
        Runs(S2), Read(S2 + 0x40, 0), Flags(sr::RDPERR), Clear(sr::RDPERR),
        Unlock, Program(S2 + 0x100, 0x1111), Flags(sr::WRPERR), Cell(S2 + 0x100, ONES), Clear(sr::WRPERR),
        Program(S2 + 0x400, 1), Read(S2 + 0x400, 1), Flags(0),
    ];
    s9_pcrop_start_equal_to_end_is_the_whole_flash on Ram(|board| with_target(board, S1)) => [
        UnlockOptions, Set(reg::PRAR_PRG, 0x0010_0010), Change(true),
        Runs(S1), Read(S1 + 0x40, 0), Read(0x080F_FFFC, 0), Read(0x0800_0000, 0), Flags(sr::RDPERR),
    ];
    s9_pcrop_start_behind_end_is_no_area on Ram(no_area) => [
        Read(S1 + 0x40, MARKER), Unlock, Program(S1 + 0x100, 1), Flags(0),
    ];
    s9_an_area_of_512_bytes_ends_at_its_last_byte
        on Ram(|board| { with_target(board, S2); with_target(board, S2 + 0x200); options(|wanted| wanted.prar = 0x400 | 0x401 << 16)(board) }) => [
        Read(S2 + 0x1FC, 0), Flags(sr::RDPERR), Clear(sr::RDPERR),
        Read(S2 + 0x240, MARKER), Read(S2 - 4, ONES), Flags(0),
    ];
    s9_the_secure_area_is_open_to_its_code_until_the_exit on Secure => [
        Read(SECURE_TARGET + 0x40, MARKER), Runs(SECURE_TARGET), Flags(0),
        Unlock, Program(SECURE_TARGET + 0x100, 0x77), Read(SECURE_TARGET + 0x100, 0x77), Flags(0),
        Set(reg::CR, cr::LOCK),
        Check("exit", |bench| leaves(bench) == Some(APPLICATION)),
        Read(SECURE_TARGET + 0x100, 0), Flags(sr::RDSERR),
    ];
    s9_after_the_exit_data_is_0_fetches_fault_and_writes_are_ignored on Exited => [
        Read(SECURE_TARGET + 0x40, 0), Flags(sr::RDSERR), Clear(sr::RDSERR),
        RunFaults(SECURE_TARGET), Flags(sr::RDSERR), Clear(sr::RDSERR),
        Unlock, Program(SECURE_TARGET + 0x100, 0x77), Flags(sr::WRPERR), Cell(SECURE_TARGET + 0x100, ONES),
    ];
    s9_the_area_opens_again_with_the_next_reset on Exited => [
        Reset, Read(SECURE_TARGET + 0x40, MARKER),
    ];
    s9_the_secure_area_start_equal_to_end_is_the_whole_flash on Secure => [
        UnlockOptions, Set(reg::SCAR_PRG, 0x0020_0020 | ERASE_AREA), Change(true),
        Check("decoded", |bench| bench.chip().options().secure_area() == SecureArea::WholeFlash),
        Reset, Read(S1 + 0x40, u32::from_le_bytes([0xAF, 0xF2, 0x04, 0x01])),
        // Every application is inside the area: the exit has nowhere to go and refuses.
        Check("no exit", |bench| leaves(bench).is_none() || bench.chip().security().is_secure_area_open()),
    ];
    s9_the_secure_area_start_behind_end_is_none on Secure => [
        UnlockOptions, Set(reg::SCAR_PRG, NO_AREA | ERASE_AREA), Change(true),
        Check("decoded", |bench| bench.chip().options().secure_area() == SecureArea::None),
        Reset, Read(SECURE_TARGET + 0x40, MARKER),
    ];
    s9_the_example_s_way_back_from_a_secure_area on Exited => [
        UnlockOptions,
        Set(reg::OPTSR_PRG, LEVEL_1 | SECURITY), Change(true),
        Check("regression, then SECURITY, through the debugger: the application goes with the flash", |bench| {
            let mut flasher = Flasher(bench.chip());
            let mut wanted = *flasher.0.options();
            wanted.optsr = FACTORY | SECURITY;
            (wanted.scar, wanted.prar) = (NO_AREA | ERASE_AREA, NO_AREA | ERASE_AREA);
            let removed = flasher.change_options(&wanted).is_ok();
            let erased = bench.peek(SECURE_TARGET + 0x40) == ONES;
            wanted.optsr = FACTORY;
            let open = Flasher(bench.chip()).change_options(&wanted).is_ok();
            bench.machine.system_reset();
            removed && erased && open && bench.chip().mode() == Mode::Standard
        }),
    ];
    s6_a_write_to_system_flash_is_ignored_with_wrperr on Ram(|_| {}) => [
        Unlock, Set(reg::CR, cr::PG | PSIZE),
        Write(Size::Word, 0x1FF0_8000, 0), Flags(sr::WRPERR),
    ];
}
