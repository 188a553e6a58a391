//! Section 3: keys and locks.

use ironroot_chip::flash::registers::{self as reg, cr, optcr, sr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_cpu::bus::Size;

use crate::player::On::Ram;
use crate::player::Step::*;
use crate::rules;

rules! {
    s3_two_keys_open_cr1_and_lock_closes_it on Ram(|_| {}) => [
        Is(reg::CR, u32::MAX, cr::RESET),
        Unlock,
        Is(reg::CR, cr::LOCK, 0),
        Set(reg::CR, cr::LOCK),
        Is(reg::CR, cr::LOCK, cr::LOCK),
    ];
    s3_a_locked_cr1_ignores_writes on Ram(|_| {}) => [
        Set(reg::CR, cr::PG),
        Is(reg::CR, u32::MAX, cr::RESET),
    ];
    s3_bits_written_together_with_lock_are_not_modified on Ram(|_| {}) => [
        Unlock,
        Set(reg::CR, cr::LOCK | cr::PG),
        Unlock,
        Is(reg::CR, cr::PG, 0),
    ];
    s3_a_wrong_first_key_is_a_bus_error_and_locks_until_reset on Ram(|_| {}) => [
        SetFaults(reg::KEYR, 0x1234_5678),
        SetFaults(reg::KEYR, reg::KEY1),
        Is(reg::CR, cr::LOCK, cr::LOCK),
        Reset,
        Unlock,
        Is(reg::CR, cr::LOCK, 0),
    ];
    s3_a_wrong_second_key_is_a_bus_error_and_locks_until_reset on Ram(|_| {}) => [
        Set(reg::KEYR, reg::KEY1),
        SetFaults(reg::KEYR, reg::KEY1),
        SetFaults(reg::KEYR, reg::KEY1),
        Reset,
        Unlock,
    ];
    s3_a_key_written_while_open_is_a_bus_error_and_locks_until_reset on Ram(|_| {}) => [
        Unlock,
        SetFaults(reg::KEYR, reg::KEY1),
        Is(reg::CR, cr::LOCK, cr::LOCK),
        SetFaults(reg::KEYR, reg::KEY1),
        Reset,
        Unlock,
    ];
    s3_a_narrow_key_is_a_bus_error_and_locks_until_reset on Ram(|_| {}) => [
        WriteFaults(Size::Half, FLASH_REGISTERS + reg::KEYR, reg::KEY1 & 0xFFFF),
        SetFaults(reg::KEYR, reg::KEY1),
        Reset,
        Unlock,
    ];
    s3_another_register_of_the_bank_between_the_keys_locks_until_reset on Ram(|_| {}) => [
        Set(reg::KEYR, reg::KEY1),
        IsFaults(reg::SR),
        SetFaults(reg::KEYR, reg::KEY2),
        Reset,
        Unlock,
    ];
    s3_registers_that_are_not_the_bank_s_may_come_between_the_keys on Ram(|_| {}) => [
        Set(reg::KEYR, reg::KEY1),
        Is(reg::ACR, 0xF, 7),
        Set(reg::KEYR, reg::KEY2),
        Is(reg::CR, cr::LOCK, 0),
    ];
    s3_prg_registers_are_read_only_until_the_option_keys_come on Ram(|_| {}) => [
        Set(reg::WPSN_PRG, 0x7F),
        Is(reg::WPSN_PRG, 0xFF, 0xFF),
        Is(reg::OPTCR, optcr::OPTLOCK, optcr::OPTLOCK),
        UnlockOptions,
        Is(reg::OPTCR, optcr::OPTLOCK, 0),
        Set(reg::WPSN_PRG, 0x7F),
        Is(reg::WPSN_PRG, 0xFF, 0x7F),
        Is(reg::WPSN_CUR, 0xFF, 0xFF),
        Set(reg::OPTCR, optcr::OPTLOCK),
        Set(reg::WPSN_PRG, 0xFF),
        Is(reg::WPSN_PRG, 0xFF, 0x7F),
    ];
    s3_wrong_option_keys_lock_the_options_until_reset_and_not_cr1 on Ram(|_| {}) => [
        SetFaults(reg::OPTKEYR, reg::KEY1),
        SetFaults(reg::OPTKEYR, reg::OPTKEY1),
        Unlock,
        Is(reg::CR, cr::LOCK, 0),
        Reset,
        UnlockOptions,
        Is(reg::OPTCR, optcr::OPTLOCK, 0),
    ];
    s11_latency_reads_back on Ram(|_| {}) => [
        Is(reg::ACR, u32::MAX, 0x37),
        Set(reg::ACR, 0x23),
        Is(reg::ACR, u32::MAX, 0x23),
        Flags(0),
        Is(reg::SR, sr::QW | sr::BSY | sr::WBNE, 0),
    ];
}
