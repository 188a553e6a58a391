//! The CRC unit of the flash interface (h73x-flash 10): a checksum of the cells that needs no reader.
//!
//! Polynomial 0x04C1_1DB7 over 32-bit words in address order, most significant bit first, as ST's CRC peripheral does it;
//! initial value 0xFFFF_FFFF. Order of the words, initial value and duration are unverified and are all in this file.
//! It must not become a way to look into closed areas: a range that touches one gives CRCRDERR and no result.

use std::ops::Range;

use ironroot_cpu::memory::Memory;
use ironroot_layout::stm32h735::{FLASH, SECTOR, SECTOR_COUNT};

use super::ecc::WORD;
use super::options::{OptionBytes, extent};
use super::registers::{cr, crccr, sr};
use super::{Caller, Flash};
use crate::flash::change::Requester;
use crate::peripherals::registers::Written;

const POLYNOMIAL: u32 = 0x04C1_1DB7;
const INITIAL: u32 = 0xFFFF_FFFF;
/// Core cycles that a flash word takes.
const WORD_CYCLES: u64 = 8;
/// What of the address registers counts: an offset in the bank, in words.
const ADDRESS_MASK: u32 = 0x000F_FFFC;

/// The unit's registers and what it is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Crc {
    control: u32,
    /// CRCSADD1.
    pub start: u32,
    /// CRCEADD1.
    pub end: u32,
    /// CRCDATA.
    pub data: u32,
    /// What the next computation goes on from.
    value: u32,
    /// The list of ADD_SECT: bit n is sector n.
    sectors: u32,
    running: Option<Run>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Run {
    ranges: Vec<Range<u32>>,
    end: u64,
}

impl Crc {
    /// CRCCR1 as it is read: the bits that start or clean something read 0 when that is done.
    pub fn control(&self) -> u32 {
        self.control | if self.running.is_some() { crccr::START_CRC } else { 0 }
    }

    /// CRC_BUSY.
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// When the running computation ends; `u64::MAX` for none.
    pub fn next_event(&self) -> u64 {
        self.running.as_ref().map_or(u64::MAX, |run| run.end)
    }

    /// CRC_EN was cleared.
    pub fn disable(&mut self) {
        *self = Crc { start: self.start, end: self.end, ..Crc::default() };
    }

    /// The ranges of the bank that the registers select, as offsets.
    fn selected(&self) -> Vec<Range<u32>> {
        let bank = FLASH.size().bytes();
        if self.control & crccr::CRC_BY_SECT != 0 && self.control & crccr::ALL_BANK == 0 {
            let listed = (0..SECTOR_COUNT).filter(|n| self.sectors >> n & 1 != 0);
            return listed.map(|n| n * SECTOR.bytes()..(n + 1) * SECTOR.bytes()).collect();
        }
        // Whole bursts, from the one that holds the first word to the one that holds the last.
        let burst = (4 << (2 * (self.control >> crccr::CRC_BURST_SHIFT & 3))) * WORD as u32;
        let (start, end) = (self.start & ADDRESS_MASK, self.end & ADDRESS_MASK);
        let range = match self.control & crccr::ALL_BANK {
            0 => start / burst * burst..(end / burst * burst + burst).min(bank),
            _ => 0..bank,
        };
        // END before START selects nothing.
        let nothing = self.control & crccr::ALL_BANK == 0 && start > end;
        std::iter::once(range).filter(|_| !nothing).collect()
    }
}

/// True if the unit must not read this for the caller.
fn is_protected(options: &OptionBytes, range: &Range<u32>, caller: &Caller) -> bool {
    let base = FLASH.start().value();
    let touches = |area| {
        extent(area).is_some_and(|region| {
            let (start, end) = (region.start().value() - base, region.end().value() - base);
            start < range.end && range.start < end
        })
    };
    let secure = touches(options.secure_area()) && caller.requester == Requester::Other;
    caller.intrusion || touches(options.pcrop()) || secure
}

fn update(mut crc: u32, word: u32) -> u32 {
    crc ^= word;
    for _ in 0..32 {
        crc = (crc << 1) ^ if crc >> 31 != 0 { POLYNOMIAL } else { 0 };
    }
    crc
}

impl Flash {
    /// A write to CRCCR1. Without CRC_EN it has no effect.
    pub(super) fn write_crc_control(&mut self, written: Written, caller: &Caller) {
        if self.cr & cr::CRC_EN == 0 || self.crc.is_busy() {
            return;
        }
        let crc = &mut self.crc;
        crc.control = written.only(crccr::STORED).over(crc.control);
        if written.value & crccr::CLEAN_CRC != 0 {
            (crc.value, crc.data) = (INITIAL, INITIAL);
        }
        if written.value & crccr::CLEAN_SECT != 0 {
            crc.sectors = 0;
        }
        if written.value & crccr::ADD_SECT != 0 {
            crc.sectors |= 1 << (crc.control & crccr::CRC_SECT);
        }
        if written.value & crccr::START_CRC != 0 {
            self.start_crc(caller);
        }
    }

    fn start_crc(&mut self, caller: &Caller) {
        let ranges = self.crc.selected();
        if ranges.iter().any(|range| is_protected(&self.options, range, caller)) {
            self.flags |= sr::CRCRDERR;
            return;
        }
        let words: u64 = ranges.iter().map(|range| u64::from(range.end - range.start) / WORD as u64).sum();
        let after = self.busy_until().unwrap_or(caller.now).max(caller.now);
        self.crc.running = Some(Run { ranges, end: after + (words * WORD_CYCLES).max(1) });
    }

    /// Ends a computation that is due.
    pub(super) fn advance_crc(&mut self, memory: &Memory, base: u32, now: u64) {
        let Some(run) = self.crc.running.take_if(|run| run.end <= now) else { return };
        let mut value = self.crc.value;
        for range in run.ranges {
            let bytes = memory.slice(base + range.start, (range.end - range.start) as usize);
            for word in bytes.chunks_exact(4) {
                value = update(value, word.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)));
            }
            let words = range.start / WORD as u32..range.end / WORD as u32;
            let damaged = self.ecc.first_damaged(words);
            if let Some(word) = damaged {
                // Whoever reads the result learns from the flag that it is none; there is no reader to give an error.
                let _ = self.check_word(word * WORD as u32);
            }
        }
        (self.crc.value, self.crc.data) = (value, value);
        self.flags |= sr::CRCEND;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_the_polynomial_is_that_of_crc_32_mpeg_2() {
        // Check value of CRC-32/MPEG-2 over "12345678" as two big-endian words, from a bytewise computation.
        let bytes = |data: &[u8]| {
            data.iter().fold(INITIAL, |crc, &byte| {
                (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
                    (crc << 1) ^ if crc >> 31 != 0 { POLYNOMIAL } else { 0 }
                })
            })
        };
        assert_eq!(bytes(b"123456789"), 0x0376_E6E7, "the published check value");
        let words = [u32::from_be_bytes(*b"1234"), u32::from_be_bytes(*b"5678")];
        assert_eq!(words.into_iter().fold(INITIAL, update), bytes(b"12345678"));
    }

    #[test]
    fn s10_bursts_round_the_range_outwards() {
        let mut crc = Crc { start: 0x24, end: 0x80, ..Crc::default() };
        assert_eq!(crc.selected().first(), Some(&(0..0x100)), "4 flash words a burst");
        crc.control = 1 << crccr::CRC_BURST_SHIFT;
        assert_eq!(crc.selected().first(), Some(&(0..0x200)), "16 flash words");
        crc.end = 0x20;
        assert!(crc.selected().is_empty(), "END before START");
    }
}
