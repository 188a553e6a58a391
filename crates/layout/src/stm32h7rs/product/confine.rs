//! Code that executes ends where the verified image ends: the application's region of the MPU, cut to the image.
//!
//! What lies behind an image in its slot, or in the RAM that it was copied to, nobody signed: the room of a trailer, the rest of a
//! sector that a swap moved, older content. A region is a power of two or eighths of one (ARMv7-M B3.5), so the image is covered
//! from its start by the largest region that does not go beyond its end, the rest by the next, and so on. The last one may go
//! beyond: by less than an eighth of an eighth for each region that was free.

use crate::stm32h7rs::chip::MPU_REGIONS;
use crate::stm32h7rs::contract::MPU_REGION_APPLICATION;
use crate::{Address, Region};

/// RBAR and RASR of every region, by number.
pub type Rows = [[u32; 2]; MPU_REGIONS as usize];

/// RBAR: the number in it counts.
const VALID: u32 = 1 << 4;
/// RASR.
const ENABLE: u32 = 1;
/// SIZE and SRD.
const EXTENT: u32 = 0xFF3E;
/// The least block, the least with eighths, and the largest that an external memory needs.
const LEAST: u32 = 5;
const EIGHTHS: u32 = 8;
const LARGEST: u32 = 28;

/// Some of a block.
#[derive(Clone, Copy)]
struct Piece {
    base: u32,
    extent: u32,
    end: u32,
}

/// The eighths from `at` on that end at or before `end`, or, rounded up, at or behind it, of the block of this size.
fn piece(at: u32, end: u32, log2: u32, up: bool) -> Option<Piece> {
    let block = 1 << log2;
    let base = at & !(block - 1);
    // By shifts: a division has a check, and the stages have none that can fail.
    let (bits, parts) = if log2 < EIGHTHS { (log2, 1) } else { (log2 - 3, 8) };
    let rest = (1 << bits) - 1;
    if at & rest != 0 {
        return None;
    }
    let first = (at - base) >> bits;
    let length = end.checked_sub(at)?;
    let wanted = if up { length.saturating_add(rest) >> bits } else { length >> bits };
    let room = parts - first;
    let count = if up && wanted > room { return None } else { wanted.min(room) };
    if count == 0 {
        return None;
    }
    let on = ((1 << count) - 1) << first;
    let left_out = if parts == 1 { 0 } else { !on & 0xFF };
    Some(Piece { base, extent: (log2 - 1) << 1 | left_out << 8, end: at + (count << bits) })
}

/// The piece from `at` on that comes nearest to `end` without going beyond.
fn within(at: u32, end: u32) -> Option<Piece> {
    let mut best: Option<Piece> = None;
    for log2 in LEAST..=LARGEST {
        if let Some(found) = piece(at, end, log2, false)
            && best.is_none_or(|best| found.end > best.end)
        {
            best = Some(found);
        }
    }
    best
}

/// The piece from `at` on that reaches `end` and goes least beyond.
fn around(at: u32, end: u32) -> Option<Piece> {
    (LEAST..=LARGEST).find_map(|log2| piece(at, end, log2, true))
}

/// Whether a region that is on, and so wins over lower numbers, has something of `area`. Its eighths are not looked at.
fn hides([rbar, rasr]: [u32; 2], area: Region) -> bool {
    let last = (2_u32 << (rasr >> 1 & 0x1F)).wrapping_sub(1);
    let base = rbar & !0x1F & !last;
    rasr & ENABLE != 0 && base < area.end().value() && area.start().value() <= base | last
}

/// Cuts the application's region in a table of the hand-off to the image, which begins where `run` does and has its last byte
/// before `end`: in the regions that are off, and that no other hides, the image goes on. They are on at once, the application's
/// own is not: RSSLIB switches it on.
///
/// Returns where execution ends: `end`, or the next address where a region can end. `None`, and nothing changed: `end` is not in
/// `run`.
pub fn confine(table: &mut Rows, run: Region, end: Address) -> Option<Address> {
    let application = usize::from(MPU_REGION_APPLICATION);
    let (start, end) = (run.start().value(), end.value());
    if end <= start || end > run.end().value() {
        return None;
    }
    let rights = table.get(application)?[1] & !(EXTENT | ENABLE);
    let mut pieces = [None; MPU_REGIONS as usize];
    // Without the regions that are hidden: the lowest number first that is above every other region on this area.
    let mut lowest = 0;
    for (number, row) in table.iter().enumerate() {
        if number != application && hides(*row, run) {
            lowest = number + 1;
        }
    }
    let is_free = |number: usize, row: &[u32; 2]| number >= lowest && row[1] & ENABLE == 0;
    let mut free = table
        .iter()
        .enumerate()
        .filter(|(number, row)| *number != application && is_free(*number, row))
        .count();
    let mut at = start;
    let numbers =
        core::iter::once(application).chain((0..table.len()).rev().filter(|number| *number != application));
    for number in numbers {
        let row = table.get(number)?;
        if number != application && !is_free(number, row) {
            continue;
        }
        let last = free == 0;
        free = free.saturating_sub(1);
        let inside = if last { None } else { within(at, end) };
        // What cannot be divided any more, and the last region, go beyond.
        let piece = inside.or_else(|| around(at, end))?;
        *pieces.get_mut(number)? = Some(piece);
        at = piece.end;
        if at >= end {
            break;
        }
    }
    if at < end || at > run.end().value() {
        return None;
    }
    for (number, (row, piece)) in (0_u32..).zip(table.iter_mut().zip(pieces)) {
        if let Some(Piece { base, extent, .. }) = piece {
            let on = if number == u32::from(MPU_REGION_APPLICATION) { 0 } else { ENABLE };
            *row = [base | VALID | number, rights | extent | on];
        }
    }
    Some(Address::new(at))
}
