//! Reading and writing the fields of a trailer.
//!
//! Where they are is `ironroot_image::trailer`. What they mean when they cannot be read is decided here, once:
//!
//! | field | unreadable, or a value that nobody writes |
//! |---|---|
//! | magic | not good: it is written last, so what it would make valid was not complete |
//! | image_ok | damaged, which counts as set: somebody was writing it, and nothing but "set" is ever written |
//! | copy_done | the same: the swap before it was complete |
//! | swap_info, sizes | there is no plan: they are complete before the magic, or the magic is not good |
//! | status entry | written: the step before it was complete |

use ironroot_image::trailer::{FLAG_SET, MAGIC_LEN};

use super::areas::{Area, Areas};
use super::flash::MAX_WRITE_SIZE;

/// The magic of a trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// The 16 bytes of this system.
    Good,
    /// Erased.
    Unset,
    /// Anything else, or unreadable.
    Bad,
}

/// image_ok or copy_done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// 0x01.
    Set,
    /// Erased.
    Unset,
    /// Anything else, or unreadable: it was being written.
    Damaged,
}

impl Flag {
    /// Whether somebody at least began to set it. Only a flag that is still erased counts as unset, so that a damaged one
    /// means the same at every boot.
    pub const fn is_set(self) -> bool {
        !matches!(self, Self::Unset)
    }
}

/// What a swap is for: the low nibble of the field swap_info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Until the next reset, unless it is confirmed.
    Test = 2,
    /// For good.
    Permanent = 3,
    /// Back to the image before a test.
    Revert = 4,
}

impl Kind {
    /// From the byte swap_info.
    pub(crate) const fn of_info(byte: u8) -> Option<Self> {
        match byte & 0xF {
            2 => Some(Self::Test),
            3 => Some(Self::Permanent),
            4 => Some(Self::Revert),
            _ => None,
        }
    }
}

/// The field swap_info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Info {
    /// Erased.
    Unset,
    /// A swap of this kind, of the image of this number.
    Swap(Kind, u8),
    /// Anything else, or unreadable.
    Damaged,
}

/// The fields of a trailer that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Whether it is one.
    pub magic: Magic,
    /// Whether the image was confirmed, or is wanted for good.
    pub image_ok: Flag,
    /// Whether the swap is complete.
    pub copy_done: Flag,
    /// Which swap.
    pub info: Info,
}

impl Trailer {
    /// The trailer of an area that has none.
    pub const BLANK: Self =
        Self { magic: Magic::Unset, image_ok: Flag::Unset, copy_done: Flag::Unset, info: Info::Unset };

    /// Whether a test image waits for its confirmation: swapped in, and not confirmed.
    pub const fn is_unconfirmed(&self) -> bool {
        matches!(self.magic, Magic::Good) && self.copy_done.is_set() && !self.image_ok.is_set()
    }
}

impl Areas<'_> {
    /// Where the field lies that is `distance` before the end of an area.
    #[inline(never)]
    pub fn field(&mut self, area: Area, distance: u32) -> u32 {
        // Outside of any flash, which then refuses it, if the area is too small.
        self.size(area).checked_sub(distance).unwrap_or(u32::MAX)
    }

    /// What the trailer of an area says.
    pub fn trailer(&mut self, area: Area) -> Trailer {
        let layout = self.layout;
        Trailer {
            magic: self.magic(area),
            image_ok: self.flag(area, layout.image_ok()),
            copy_done: self.flag(area, layout.copy_done()),
            info: self.info(area),
        }
    }

    /// Whether the trailer of an area is one.
    pub fn magic(&mut self, area: Area) -> Magic {
        let mut bytes = [0; MAGIC_LEN as usize];
        let offset = self.field(area, MAGIC_LEN);
        if !self.read(area, offset, &mut bytes) {
            Magic::Bad
        } else if bytes == self.layout.magic_bytes() {
            Magic::Good
        } else if self.is_erased(area, &bytes) {
            Magic::Unset
        } else {
            Magic::Bad
        }
    }

    /// Writes the magic. The caller has seen that it is erased.
    pub fn write_magic(&mut self, area: Area) {
        // The magic ends the slot; where a unit is larger than it, the unit begins with erased bytes.
        let mut cell = [self.erased(area); MAX_WRITE_SIZE as usize];
        if let Some(end) = cell.last_chunk_mut() {
            *end = self.layout.magic_bytes();
        }
        let unit = self.unit(area).max(MAGIC_LEN);
        let offset = self.field(area, unit);
        let lead = MAX_WRITE_SIZE.wrapping_sub(unit);
        self.write(area, offset, cell.get(lead as usize..).unwrap_or_default());
    }

    /// The byte at `distance`; `None` if it is erased. Unreadable is what nobody writes.
    pub fn byte(&mut self, area: Area, distance: u32) -> Option<u8> {
        let mut byte = [0];
        let offset = self.field(area, distance);
        if !self.read(area, offset, &mut byte) {
            Some(UNREADABLE)
        } else if self.is_erased(area, &byte) {
            None
        } else {
            let [byte] = byte;
            Some(byte)
        }
    }

    pub fn flag(&mut self, area: Area, distance: u32) -> Flag {
        match self.byte(area, distance) {
            None => Flag::Unset,
            Some(FLAG_SET) => Flag::Set,
            Some(_) => Flag::Damaged,
        }
    }

    /// Sets a flag. The caller has seen that it is erased.
    pub fn set_flag(&mut self, area: Area, distance: u32) {
        self.write_field(area, distance, &[FLAG_SET]);
    }

    /// Writes the field at `distance`, filled up with erased bytes to whole units.
    pub fn write_field(&mut self, area: Area, distance: u32, bytes: &[u8]) {
        let offset = self.field(area, distance);
        self.write(area, offset, bytes);
    }

    /// Which swap a trailer is of.
    pub fn info(&mut self, area: Area) -> Info {
        match self.byte(area, self.layout.swap_info()) {
            None => Info::Unset,
            Some(byte) => Kind::of_info(byte).map_or(Info::Damaged, |kind| Info::Swap(kind, byte >> 4)),
        }
    }

    /// Erases the sectors that the trailer of a slot lies in.
    pub fn erase_trailer(&mut self, area: Area) {
        let start = self.field(area, self.layout.size());
        self.erase(area, start, u32::MAX);
    }

    /// Erases the trailer of a slot, unless there is no trace of one.
    pub fn clear_trailer(&mut self, area: Area) {
        if !self.is_blank(area, self.layout.size()) {
            self.erase_trailer(area);
        }
    }

    /// Whether everything from `distance` before its end on is erased.
    pub fn is_blank(&mut self, area: Area, mut distance: u32) -> bool {
        let mut unit = [0; MAX_WRITE_SIZE as usize];
        while distance != 0 {
            let len = distance.min(MAX_WRITE_SIZE);
            let bytes = unit.get_mut(..len as usize).unwrap_or_default();
            let offset = self.field(area, distance);
            if !self.read(area, offset, bytes) || !self.is_erased(area, bytes) {
                return false;
            }
            distance = distance.wrapping_sub(len);
        }
        true
    }

    /// How many of the `len` status entries from `first` on are done: the number of the last written one, and one.
    ///
    /// An entry is one write unit, so it is never written twice; it counts as written as soon as it is anything but erased.
    /// An entry that cannot be read was being written, and it is written only when its step is complete.
    pub fn done(&mut self, area: Area, first: u32, len: u32) -> u32 {
        let mut entry = len;
        while entry != 0 {
            let last = entry.wrapping_sub(1);
            let distance = self.entry(area, first.wrapping_add(last));
            if self.byte(area, distance).is_some() {
                break;
            }
            entry = last;
        }
        entry
    }

    /// Notes that a step is complete. `state` is what MCUboot writes: which step of its sector it was, from 1.
    pub fn note(&mut self, area: Area, entry: u32, state: u32) {
        let distance = self.entry(area, entry);
        self.write_field(area, distance, &[state as u8]);
    }

    /// Where a status entry is.
    fn entry(&self, area: Area, entry: u32) -> u32 {
        let first = if area == Area::Scratch { self.layout.scratch_size() } else { self.layout.status() };
        first.wrapping_sub(entry.wrapping_mul(self.layout.write_size()))
    }
}

/// Stands for a byte that cannot be read: neither a flag nor a type.
const UNREADABLE: u8 = 0xEE;
