//! Section 10: the CRC unit, against a computation of our own over the same words.

use ironroot_chip::flash::registers::{self as reg, cr, crccr, sr};
use ironroot_prove::access::probe::Bench;

use crate::player::On::{Exited, Ram, Secure};
use crate::player::Step::*;
use crate::player::{PSIZE, S1, S2, options};
use crate::rules;

const ON: u32 = cr::CRC_EN | PSIZE;
const CLEAN: u32 = crccr::CLEAN_CRC | crccr::CLEAN_SECT;
/// Offsets in the bank.
const AT_S1: u32 = 0x2_0000;

fn filled(board: &mut ironroot_chip::Board) {
    let bytes: Vec<u8> = (0..0x400u32).map(|n| ((n * 7) >> 2) as u8).collect();
    assert!(board.preload(S1, &bytes));
}

/// CRC-32 with the Ethernet polynomial, most significant bit first, from ones, over words: by the definition as a
/// remainder of polynomials, bit by bit, unlike the unit's shift register.
fn expected(bench: &Bench, ranges: &[(u32, u32)]) -> u32 {
    let mut remainder = u64::from(u32::MAX);
    let words = ranges.iter().flat_map(|&(start, end)| (start..end).step_by(4));
    for word in words.map(|address| bench.peek(address)) {
        let mut value = (remainder ^ u64::from(word)) << 32;
        for bit in (32..64).rev() {
            if value >> bit & 1 != 0 {
                value ^= 0x1_04C1_1DB7 << (bit - 32);
            }
        }
        remainder = value & 0xFFFF_FFFF;
    }
    remainder as u32
}

fn result_is(bench: &mut Bench, ranges: &[(u32, u32)]) -> bool {
    let wanted = expected(bench, ranges);
    bench.read(0x5200_2000 + reg::CRCDATA).value() == Some(wanted)
}

rules! {
    s10_the_crc_of_an_address_range_in_whole_bursts on Ram(filled) => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, AT_S1), Set(reg::CRCEADD, AT_S1 + 0xFC),
        Set(reg::CRCCR, crccr::START_CRC),
        Settle, Flags(sr::CRCEND), Is(reg::CRCCR, crccr::START_CRC, 0),
        Check("two bursts of 4 words", |bench| result_is(bench, &[(S1, S1 + 0x100)])),
        Clear(sr::CRCEND), Flags(0),
    ];
    s10_larger_bursts_round_the_range on Ram(filled) => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, AT_S1), Set(reg::CRCEADD, AT_S1 + 4),
        Set(reg::CRCCR, crccr::START_CRC | 1 << crccr::CRC_BURST_SHIFT), Settle,
        Check("one burst of 16 words", |bench| result_is(bench, &[(S1, S1 + 0x200)])),
    ];
    s10_the_crc_of_a_list_of_sectors on Ram(filled) => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCCR, crccr::ADD_SECT | 1), Set(reg::CRCCR, crccr::ADD_SECT | 7),
        Set(reg::CRCCR, crccr::START_CRC | crccr::CRC_BY_SECT), Settle, Flags(sr::CRCEND),
        Check("sectors 1 and 7", |bench| result_is(bench, &[(S1, S2), (0x080E_0000, 0x0810_0000)])),
    ];
    s10_the_crc_of_the_whole_bank on Ram(filled) => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCCR, crccr::START_CRC | crccr::ALL_BANK),
        Is(reg::SR, sr::CRC_BUSY | sr::CRCEND, sr::CRC_BUSY), Is(reg::CRCCR, crccr::START_CRC, crccr::START_CRC),
        Settle, Is(reg::SR, sr::CRC_BUSY | sr::CRCEND, sr::CRCEND),
        Check("all", |bench| result_is(bench, &[(0x0800_0000, 0x0810_0000)])),
    ];
    s10_a_second_range_goes_on_and_clean_crc_begins_again on Ram(filled) => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, AT_S1), Set(reg::CRCEADD, AT_S1), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Set(reg::CRCSADD, AT_S1 + 0x80), Set(reg::CRCEADD, AT_S1 + 0x80), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Check("both", |bench| result_is(bench, &[(S1, S1 + 0x100)])),
        Set(reg::CRCCR, CLEAN), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Check("the second alone", |bench| result_is(bench, &[(S1 + 0x80, S1 + 0x100)])),
    ];
    s10_without_crc_en_nothing_starts_and_clearing_it_clears_the_result on Ram(filled) => [
        Unlock, Set(reg::CRCCR, crccr::START_CRC | crccr::ALL_BANK), Settle, Flags(0), Is(reg::CRCDATA, u32::MAX, 0),
        Set(reg::CR, ON), Set(reg::CRCCR, CLEAN), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Check("a result", |bench| bench.read(0x5200_2000 + reg::CRCDATA).value() != Some(0)),
        Set(reg::CR, PSIZE), Is(reg::CRCDATA, u32::MAX, 0),
    ];
    s10_a_range_with_a_pcrop_area_is_crcrderr_without_result
        on Ram(|board| { filled(board); options(|wanted| wanted.prar = 0x400 | 0x403 << 16)(board) }) => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCCR, crccr::START_CRC | crccr::ALL_BANK), Settle,
        Flags(sr::CRCRDERR), Is(reg::CRCDATA, u32::MAX, u32::MAX), Clear(sr::CRCRDERR),
        // A burst is enough, and just beside it is none.
        Set(reg::CRCSADD, 0x4_0000), Set(reg::CRCEADD, 0x4_0000), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Flags(sr::CRCRDERR), Clear(sr::CRCRDERR),
        Set(reg::CRCSADD, 0x4_0400), Set(reg::CRCEADD, 0x4_0400), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Flags(sr::CRCEND),
    ];
    s10_the_closed_secure_area_has_no_crc on Exited => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, 0x1_0000), Set(reg::CRCEADD, 0x1_0000), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Flags(sr::CRCRDERR), Is(reg::CRCDATA, u32::MAX, u32::MAX),
    ];
    s10_the_open_secure_area_s_own_code_gets_one on Secure => [
        Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, 0x1_0000), Set(reg::CRCEADD, 0x1_0000), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Flags(sr::CRCEND),
        Check("its words", |bench| result_is(bench, &[(0x0801_0000, 0x0801_0080)])),
    ];
    s10_an_intrusion_at_level_1_leaves_no_crc
        on Ram(|board| { filled(board); options(|wanted| wanted.optsr = 0x179E_BBF0)(board) }) => [
        Connect, Unlock, Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, AT_S1), Set(reg::CRCEADD, AT_S1), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Flags(sr::CRCRDERR),
    ];
    s10_a_word_that_cannot_be_read_shows_in_the_flags on Ram(filled) => [
        Unlock, Program(S2, 0xF0), Program(S2, 0x0F),
        Set(reg::CR, ON), Set(reg::CRCCR, CLEAN),
        Set(reg::CRCSADD, 0x4_0000), Set(reg::CRCEADD, 0x4_0000), Set(reg::CRCCR, crccr::START_CRC), Settle,
        Flags(sr::CRCEND | sr::DBECCERR), Is(reg::ECC_FA, u32::MAX, 0x4_0000 / 32),
    ];
}
