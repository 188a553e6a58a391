//! Section 7: changing option bytes, and what takes effect when.

use ironroot_chip::flash::change::BrokenRule;
use ironroot_chip::flash::registers::{self as reg, optcr, optsr};
use ironroot_chip::{Mode, ReadProtection};

use crate::player::On::{Exited, Ram, Secure};
use crate::player::Step::*;
use crate::player::options;
use crate::rules;

const FACTORY: u32 = 0x179E_AAF0;
const SECURITY: u32 = 1 << 21;
const LEVEL_1: u32 = FACTORY & !0xFF00 | 0xBB00;
const LEVEL_2: u32 = FACTORY & !0xFF00 | 0xCC00;
const ERASE_AREA: u32 = 1 << 31;
const NO_AREA: u32 = 0xFF;
/// Sector 0 as area fields.
const SECTOR0: u32 = 0x01FF_0000;
/// The first and the second kilobyte of sector 2.
const PCROP: u32 = 0x400 | 0x403 << 16;
const LARGER: u32 = 0x400 | 0x407 << 16;

/// Pending interrupts 0 to 31, and the FLASH line among them.
const ISPR0: u32 = 0xE000_E200;
const FLASH_LINE: u32 = 1 << 4;

fn with_pcrop(board: &mut ironroot_chip::Board) {
    options(|wanted| wanted.prar = PCROP)(board);
}

rules! {
    s2_factory_values on Ram(|_| {}) => [
        Is(reg::OPTSR_CUR, u32::MAX, FACTORY), Is(reg::OPTSR_PRG, u32::MAX, FACTORY),
        Is(reg::PRAR_CUR, u32::MAX, NO_AREA), Is(reg::SCAR_CUR, u32::MAX, NO_AREA | ERASE_AREA),
        Is(reg::WPSN_CUR, u32::MAX, 0xFF), Is(reg::BOOT_CUR, u32::MAX, 0x1FF0_0800),
        Is(reg::OPTSR2_CUR, u32::MAX, 0), Is(reg::OPTCR, u32::MAX, 1),
    ];
    s7_a_change_is_busy_and_then_in_force_without_a_reset on Ram(|_| {}) => [
        UnlockOptions, Set(reg::WPSN_PRG, 0xFD),
        Set(reg::OPTCR, optcr::OPTSTART),
        Is(reg::OPTSR_CUR, optsr::OPT_BUSY, optsr::OPT_BUSY), Is(reg::WPSN_CUR, 0xFF, 0xFF),
        Settle,
        Is(reg::OPTSR_CUR, optsr::OPT_BUSY | optsr::OPTCHANGEERR, 0), Is(reg::WPSN_CUR, 0xFF, 0xFD),
    ];
    s7_cur_registers_are_read_only on Ram(|_| {}) => [
        UnlockOptions, Set(reg::WPSN_CUR, 0), Set(reg::OPTSR_CUR, LEVEL_2), Settle,
        Is(reg::WPSN_CUR, 0xFF, 0xFF), Is(reg::OPTSR_CUR, u32::MAX, FACTORY),
    ];
    s7_a_broken_rule_drops_the_whole_change_and_keeps_what_is_staged on Ram(with_pcrop) => [
        UnlockOptions, Set(reg::PRAR_PRG, NO_AREA), Set(reg::WPSN_PRG, 0xFD), Change(false),
        Is(reg::PRAR_CUR, u32::MAX, PCROP), Is(reg::WPSN_CUR, 0xFF, 0xFF),
        Is(reg::PRAR_PRG, u32::MAX, NO_AREA), Is(reg::WPSN_PRG, 0xFF, 0xFD),
        Set(reg::OPTCCR, optsr::OPTCHANGEERR), Is(reg::OPTSR_CUR, optsr::OPTCHANGEERR, 0),
        Check("which rule", |bench| bench.chip().flash().last_refusal() == Some(BrokenRule::PcropReduced)),
    ];
    s7_staged_values_are_lost_at_a_reset on Ram(|_| {}) => [
        UnlockOptions, Set(reg::WPSN_PRG, 0xFD), Reset, Is(reg::WPSN_PRG, 0xFF, 0xFF),
    ];
    s7_a_reset_during_the_change_leaves_the_old_options on Ram(|_| {}) => [
        UnlockOptions, Set(reg::WPSN_PRG, 0xFD), Set(reg::OPTCR, optcr::OPTSTART), Reset,
        Is(reg::WPSN_CUR, 0xFF, 0xFF),
    ];
    s7_security_takes_effect_at_the_next_reset on Ram(|_| {}) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY | SECURITY), Change(true),
        Is(reg::OPTSR_CUR, SECURITY, SECURITY),
        Check("still Standard", |bench| bench.chip().mode() == Mode::Standard),
        Reset, Check("Secure access", |bench| bench.chip().mode() == Mode::SecureAccess),
    ];
    s7_boot_addresses_take_effect_at_the_next_reset
        on Ram(|board| assert!(board.preload(0x0806_0000, &ironroot_prove::access::probe::image(0x0806_0000)))) => [
        UnlockOptions, Set(reg::BOOT_PRG, 0x1FF0_0806), Change(true), Is(reg::BOOT_CUR, u32::MAX, 0x1FF0_0806),
        Check("it boots there", |bench| bench.reset_by_core() == Some(0x0806_0000)),
    ];
    s7_tcm_axi_shared_takes_effect_at_the_next_reset on Ram(|_| {}) => [
        ReadFaults(0x0001_0000), Read(0x2404_0000, 0),
        UnlockOptions, Set(reg::OPTSR2_PRG, 1), Change(true), ReadFaults(0x0001_0000),
        Reset, Read(0x0001_0000, 0), ReadFaults(0x2404_0000),
    ];
    s7_reserved_bits_do_not_change on Ram(|_| {}) => [
        UnlockOptions, Set(reg::OPTSR_PRG, !(0x5500 | SECURITY)), Set(reg::WPSN_PRG, u32::MAX),
        Change(true),
        Is(reg::OPTSR_CUR, 0x9CC1_0022, FACTORY & 0x9CC1_0022), Is(reg::WPSN_CUR, u32::MAX, 0xFF),
    ];

    s7_a_refusal_raises_the_interrupt_when_asked on Ram(with_pcrop) => [
        UnlockOptions, Set(reg::OPTCR, optcr::OPTCHANGEERRIE), Set(reg::PRAR_PRG, NO_AREA),
        Read(ISPR0, 0), Set(reg::OPTCR, optcr::OPTCHANGEERRIE | optcr::OPTSTART), Read(ISPR0, FLASH_LINE),
    ];

    s7_1_rdp_rises_freely_and_level_2_never_changes_again on Ram(|_| {}) => [
        UnlockOptions, Set(reg::OPTSR_PRG, LEVEL_1), Change(true),
        Set(reg::OPTSR_PRG, LEVEL_2), Change(true),
        Set(reg::OPTSR_PRG, FACTORY), Change(false),
        Set(reg::OPTSR_PRG, LEVEL_1), Change(false),
        Set(reg::OPTSR_PRG, LEVEL_2), Set(reg::WPSN_PRG, 0xFD), Change(false),
        Check("for ever", |bench| bench.chip().options().read_protection() == ReadProtection::Level2),
    ];
    s7_1_write_protection_is_free on Ram(|_| {}) => [
        UnlockOptions, Set(reg::WPSN_PRG, 0), Change(true), Set(reg::WPSN_PRG, 0xFF), Change(true),
        Is(reg::WPSN_CUR, 0xFF, 0xFF),
    ];
    s7_1_pcrop_grows_and_does_not_shrink on Ram(|_| {}) => [
        UnlockOptions, Set(reg::PRAR_PRG, PCROP), Change(true), Set(reg::PRAR_PRG, LARGER), Change(true),
        Set(reg::PRAR_PRG, PCROP), Change(false), Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA), Change(false),
        Is(reg::PRAR_CUR, u32::MAX, LARGER),
    ];
    s7_1_pcrop_goes_in_a_regression_with_dmep
        on Ram(|board| options(|wanted| { wanted.prar = PCROP; wanted.optsr = LEVEL_1 })(board)) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Set(reg::PRAR_PRG, NO_AREA), Change(false),
        Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA), Change(true),
        Is(reg::PRAR_CUR, u32::MAX, NO_AREA | ERASE_AREA), Is(reg::OPTSR_CUR, 0xFF00, 0xAA00),
    ];
    s7_1_dmep_and_dmes_are_set_freely_and_not_cleared on Ram(|_| {}) => [
        UnlockOptions, Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA), Change(true),
        Set(reg::PRAR_PRG, NO_AREA), Change(false), Set(reg::PRAR_PRG, NO_AREA | ERASE_AREA),
        Set(reg::SCAR_PRG, NO_AREA), Change(false),
        Is(reg::SCAR_CUR, u32::MAX, NO_AREA | ERASE_AREA), Is(reg::PRAR_CUR, u32::MAX, NO_AREA | ERASE_AREA),
    ];
    s7_1_security_is_cleared_without_areas
        on Ram(|board| options(|wanted| wanted.optsr = FACTORY | SECURITY)(board)) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(true), Is(reg::OPTSR_CUR, SECURITY, 0),
    ];
    s7_1_security_is_not_cleared_with_a_secure_area on Secure => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(false),
        Check("which rule", |bench| bench.chip().flash().last_refusal() == Some(BrokenRule::SecurityCleared)),
    ];
    s7_1_security_is_not_cleared_with_a_pcrop_area
        on Ram(|board| options(|wanted| { wanted.prar = PCROP; wanted.optsr = FACTORY | SECURITY })(board)) => [
        UnlockOptions, Set(reg::OPTSR_PRG, FACTORY), Change(false),
    ];
    s7_1_the_secure_area_s_own_code_changes_its_size on Secure => [
        UnlockOptions, Set(reg::SCAR_PRG, 0x00FF_0000 | ERASE_AREA), Change(true),
        Is(reg::SCAR_CUR, u32::MAX, 0x00FF_0000 | ERASE_AREA),
        Set(reg::SCAR_PRG, SECTOR0 | ERASE_AREA), Change(true),
    ];
    s7_1_nobody_else_changes_the_secure_area on Exited => [
        UnlockOptions, Set(reg::SCAR_PRG, 0x03FF_0000 | ERASE_AREA), Change(false),
        Set(reg::SCAR_PRG, NO_AREA | ERASE_AREA), Change(false),
        Is(reg::SCAR_CUR, u32::MAX, SECTOR0 | ERASE_AREA),
        Check("which rule", |bench| bench.chip().flash().last_refusal() == Some(BrokenRule::SecureAreaForeign)),
    ];
    s7_1_in_standard_mode_no_secure_area_can_be_made on Ram(|_| {}) => [
        UnlockOptions, Set(reg::SCAR_PRG, SECTOR0 | ERASE_AREA), Change(false),
    ];
}
