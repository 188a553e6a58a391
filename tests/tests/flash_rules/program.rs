//! Sections 4 and 6: the write buffer, programming, its flags, and ECC.

use ironroot_chip::flash::ecc::Damage;
use ironroot_chip::flash::registers::{self as reg, cr, sr};
use ironroot_cpu::bus::Size;

use crate::player::On::Ram;
use crate::player::Step::*;
use crate::player::{PSIZE, S1, S2, options};
use crate::rules;

const PG: u32 = cr::PG | PSIZE;
const ONES: u32 = u32::MAX;
/// Pending interrupts 0 to 31; FLASH is line 4.
const ISPR0: u32 = 0xE000_E200;
/// Number of the flash word at [`S1`].
const WORD_S1: u32 = 0x2_0000 / 32;

fn damage(bench: &mut ironroot_prove::access::probe::Bench, word: u32, damage: Damage) -> bool {
    bench.chip().flash_mut().ecc_mut().set(word, Some(damage));
    bench.machine.poke();
    true
}

rules! {
    s4_eight_words_program_a_flash_word on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Fill(S1, 0xCAFE_0001),
        Is(reg::SR, sr::QW, sr::QW),
        Settle,
        Is(reg::SR, sr::QW | sr::WBNE, 0),
        Read(S1, 0xCAFE_0001), Read(S1 + 28, 0xCAFE_0001), Read(S1 + 32, ONES),
        Flags(0),
    ];
    s4_any_widths_fill_a_word_and_the_32nd_byte_starts on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Byte, S1, 0x11), Write(Size::Byte, S1 + 1, 0x22),
        Write(Size::Half, S1 + 2, 0x4433),
        Write64(S1 + 8, 0x0B0A_0908, 0x0F0E_0D0C),
        Write64(S1 + 16, 1, 2), Write64(S1 + 24, 3, 4),
        Is(reg::SR, sr::WBNE | sr::QW, sr::WBNE),
        Cell(S1, ONES),
        Write(Size::Word, S1 + 4, 0x8877_6655),
        Is(reg::SR, sr::WBNE | sr::QW, sr::QW),
        Settle,
        Read(S1, 0x4433_2211), Read(S1 + 4, 0x8877_6655), Read(S1 + 12, 0x0F0E_0D0C), Read(S1 + 28, 4),
        Flags(0),
    ];
    s4_fw_completes_the_word_with_ones on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Half, S1 + 6, 0x1234),
        Set(reg::CR, PG | cr::FW),
        Is(reg::CR, cr::FW, 0),
        Settle,
        Read(S1, ONES), Read(S1 + 4, 0x1234_FFFF), Read(S1 + 28, ONES),
        Flags(0),
    ];
    s4_fw_with_an_empty_buffer_does_nothing on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG | cr::FW),
        Is(reg::SR, sr::QW | sr::WBNE, 0), Flags(0),
    ];
    s4_clearing_pg_discards_the_buffer on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Word, S1, 0),
        Is(reg::SR, sr::WBNE, sr::WBNE),
        Set(reg::CR, PSIZE),
        Is(reg::SR, sr::WBNE, 0),
        Set(reg::CR, PG), Set(reg::CR, PG | cr::FW), Settle,
        Cell(S1, ONES), Flags(0),
    ];
    s4_a_write_without_pg_is_pgserr_and_ignored_without_bus_error on Ram(|_| {}) => [
        Unlock,
        Write(Size::Word, S1, 0),
        Flags(sr::PGSERR), Is(reg::SR, sr::WBNE, 0), Settle, Cell(S1, ONES),
    ];
    s4_pgserr_blocks_programming_until_it_is_cleared on Ram(|_| {}) => [
        Unlock,
        Write(Size::Word, S1, 0),
        Set(reg::CR, PG),
        Fill(S1, 7), Settle, Cell(S1, ONES), Flags(sr::PGSERR),
        Clear(sr::PGSERR),
        Fill(S1, 7), Settle, Cell(S1, 7), Flags(0),
    ];
    s4_a_byte_written_twice_is_strberr_and_the_new_data_counts on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Byte, S1 + 1, 0xAA),
        Write(Size::Byte, S1 + 1, 0xBB),
        Flags(sr::STRBERR),
        Set(reg::CR, PG | cr::FW), Settle,
        Read(S1, 0xFFFF_BBFF),
    ];
    s4_another_word_before_the_first_is_complete_is_incerr_and_keeps_the_first on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Word, S1, 0x1111_1111),
        Write(Size::Word, S1 + 32, 0x2222_2222),
        Flags(sr::INCERR), Is(reg::SR, sr::WBNE, sr::WBNE),
        Clear(sr::INCERR),
        Set(reg::CR, PG | cr::FW), Settle,
        Read(S1, 0x1111_1111), Read(S1 + 32, ONES),
    ];
    s4_incerr_not_cleared_is_pgserr_on_the_next_write on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Word, S1, 1), Write(Size::Word, S1 + 32, 2),
        Write(Size::Word, S1 + 4, 3),
        Flags(sr::INCERR | sr::PGSERR),
    ];
    s4_a_write_protected_sector_is_wrperr_at_the_queue_and_blocks_nothing
        on Ram(|board| options(|wanted| wanted.wpsn = 0xFD)(board)) => [
        Unlock, Set(reg::CR, PG),
        Write(Size::Word, S1, 0), Flags(0),
        Set(reg::CR, PG | cr::FW), Flags(sr::WRPERR), Settle, Cell(S1, ONES),
        Fill(S2, 5), Settle, Read(S2, 5), Flags(sr::WRPERR),
    ];
    s4_a_word_programmed_twice_is_the_and_and_fails_ecc on Ram(|_| {}) => [
        Unlock, Program(S1, 0xF0F0_F0F0), Program(S1, 0xFF00_FF00),
        Cell(S1, 0xF000_F000),
        ReadFaults(S1), Flags(sr::DBECCERR),
        Is(reg::ECC_FA, u32::MAX, WORD_S1),
    ];
    s4_all_zeros_may_be_programmed_over_anything on Ram(|_| {}) => [
        Unlock, Program(S1, 0xF0F0_F0F0), Program(S1, 0), Read(S1, 0), Flags(0),
    ];
    s4_a_word_of_ones_is_programmed_too on Ram(|_| {}) => [
        Unlock, Program(S1, ONES), Program(S1, 0x1234_5678), ReadFaults(S1), Flags(sr::DBECCERR),
    ];
    s4_eop_is_set_only_with_eopie on Ram(|_| {}) => [
        Unlock, Program(S1, 1), Flags(0),
        Set(reg::CR, PG | cr::EOPIE), Fill(S1 + 32, 2), Settle, Flags(sr::EOP),
        Clear(sr::EOP), Flags(0),
    ];
    s4_reading_the_bank_waits_for_the_operation on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Fill(S1, 9), Is(reg::SR, sr::QW, sr::QW),
        Read(S1, 9), Is(reg::SR, sr::QW, 0), Flags(0),
    ];
    s4_two_operations_queue_and_a_third_waits_without_error on Ram(|_| {}) => [
        Unlock, Set(reg::CR, PG),
        Fill(S1, 1), Fill(S1 + 32, 2), Fill(S1 + 64, 3), Fill(S1 + 96, 4),
        Settle,
        Read(S1, 1), Read(S1 + 32, 2), Read(S1 + 64, 3), Read(S1 + 96, 4), Flags(0),
    ];
    s4_flags_are_cleared_by_a_one_at_their_own_place_only on Ram(|_| {}) => [
        Unlock, Write(Size::Word, S1, 0), Flags(sr::PGSERR),
        Clear(!sr::PGSERR), Flags(sr::PGSERR),
        Clear(sr::PGSERR), Flags(0),
    ];
    s6_a_flag_raises_the_interrupt_only_with_its_enable on Ram(|_| {}) => [
        Unlock, Write(Size::Word, S1, 0), Flags(sr::PGSERR), Read(ISPR0, 0),
        Set(reg::CR, sr::PGSERR | PSIZE), Read(ISPR0, 1 << 4),
    ];
    s6_a_single_bit_error_is_corrected_and_flagged on Ram(|_| {}) => [
        Unlock, Program(S1 + 64, 0x1234_5678),
        Check("damage", |bench| damage(bench, WORD_S1 + 2, Damage::Single)),
        Read(S1 + 64, 0x1234_5678), Flags(sr::SNECCERR),
        Is(reg::ECC_FA, u32::MAX, WORD_S1 + 2),
    ];
    s6_the_first_failing_word_is_kept_until_its_flags_are_cleared on Ram(|_| {}) => [
        Check("damage", |bench| damage(bench, WORD_S1 + 1, Damage::Double) && damage(bench, WORD_S1 + 9, Damage::Double)),
        ReadFaults(S1 + 32), Flags(sr::DBECCERR), Is(reg::ECC_FA, u32::MAX, WORD_S1 + 1),
        ReadFaults(S1 + 288), Is(reg::ECC_FA, u32::MAX, WORD_S1 + 1),
        Clear(sr::DBECCERR),
        ReadFaults(S1 + 292), Is(reg::ECC_FA, u32::MAX, WORD_S1 + 9),
    ];
    s6_a_damaged_word_cannot_be_executed_and_its_neighbour_can
        on Ram(|board| crate::player::with_target(board, S1 + 32)) => [
        Check("damage", |bench| damage(bench, WORD_S1, Damage::Double)),
        RunFaults(S1), Flags(sr::DBECCERR), Runs(S1 + 32),
    ];
}
