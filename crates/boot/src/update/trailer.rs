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

use ironroot_image::trailer::{FLAG_SET, MAGIC_LEN, TrailerLayout};

use super::flash::{self, Flash, FlashError, MAX_WRITE_SIZE, is_erased};

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

impl Default for Info {
    fn default() -> Self {
        Self::Unset
    }
}

impl Default for Trailer {
    fn default() -> Self {
        Self::BLANK
    }
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

    /// Reads the trailer at the end of `flash`. Fails only where no power cut can be the reason.
    pub fn read(flash: &dyn Flash, layout: &TrailerLayout) -> Result<Self, FlashError> {
        Ok(Self {
            magic: read_magic(flash, layout)?,
            image_ok: read_flag(flash, layout.image_ok())?,
            copy_done: read_flag(flash, layout.copy_done())?,
            info: read_info(flash, layout)?,
        })
    }

    /// Whether this is the trailer of a swap that is not complete, as far as it goes without the plan.
    pub(crate) const fn is_begun(&self) -> bool {
        matches!(self.magic, Magic::Good) && !self.copy_done.is_set()
    }

    /// Whether a test image waits for its confirmation: swapped in, and not confirmed.
    pub const fn is_unconfirmed(&self) -> bool {
        matches!(self.magic, Magic::Good) && self.copy_done.is_set() && !self.image_ok.is_set()
    }
}

/// Sets a flag. The caller has seen that it is erased.
pub(crate) fn write_flag(flash: &mut dyn Flash, distance: u32) -> Result<(), FlashError> {
    write_field(flash, distance, &[FLAG_SET])
}

/// Writes the magic. The caller has seen that it is erased.
pub(crate) fn write_magic(flash: &mut dyn Flash, layout: &TrailerLayout) -> Result<(), FlashError> {
    // The magic ends the slot; where a unit is larger than it, the unit begins with erased bytes.
    let mut cell = [flash.erased_value(); MAX_WRITE_SIZE as usize];
    if let Some(end) = cell.last_chunk_mut() {
        *end = layout.magic_bytes();
    }
    let unit = flash.write_size().clamp(MAGIC_LEN, MAX_WRITE_SIZE);
    let lead = MAX_WRITE_SIZE.saturating_sub(unit);
    write_field(flash, unit, cell.get(lead as usize..).unwrap_or_default())
}

fn read_magic(flash: &dyn Flash, layout: &TrailerLayout) -> Result<Magic, FlashError> {
    let mut bytes = [0; MAGIC_LEN as usize];
    Ok(match read_field(flash, layout.magic(), &mut bytes)? {
        true if bytes == layout.magic_bytes() => Magic::Good,
        true if is_erased(flash, &bytes) => Magic::Unset,
        _ => Magic::Bad,
    })
}

/// The byte at `distance`; `None` if it is erased. Unreadable is what nobody writes.
fn read_byte(flash: &dyn Flash, distance: u32) -> Result<Option<u8>, FlashError> {
    let mut byte = [0];
    let readable = read_field(flash, distance, &mut byte)?;
    let [byte] = byte;
    Ok(match readable {
        true if byte == flash.erased_value() => None,
        true => Some(byte),
        false => Some(UNREADABLE),
    })
}

/// Stands for a byte that cannot be read: neither a flag nor a type.
const UNREADABLE: u8 = 0xEE;

fn read_flag(flash: &dyn Flash, distance: u32) -> Result<Flag, FlashError> {
    Ok(match read_byte(flash, distance)? {
        None => Flag::Unset,
        Some(FLAG_SET) => Flag::Set,
        Some(_) => Flag::Damaged,
    })
}

pub(crate) fn read_info(flash: &dyn Flash, layout: &TrailerLayout) -> Result<Info, FlashError> {
    let Some(byte) = read_byte(flash, layout.swap_info())? else { return Ok(Info::Unset) };
    let kind = match byte & 0xF {
        2 => Kind::Test,
        3 => Kind::Permanent,
        4 => Kind::Revert,
        _ => return Ok(Info::Damaged),
    };
    Ok(Info::Swap(kind, byte >> 4))
}

/// Reads what is `distance` before the end of the area; `false` if it cannot be read.
pub(crate) fn read_field(flash: &dyn Flash, distance: u32, bytes: &mut [u8]) -> Result<bool, FlashError> {
    flash::read(flash, at(flash, distance)?, bytes)
}

/// Writes `data` at `distance` before the end of the area, filled up with erased bytes to whole units.
pub(crate) fn write_field(flash: &mut dyn Flash, distance: u32, data: &[u8]) -> Result<(), FlashError> {
    let offset = at(flash, distance)?;
    flash::write(flash, offset, data)
}

/// The offset that lies `distance` before the end of the area.
fn at(flash: &dyn Flash, distance: u32) -> Result<u32, FlashError> {
    flash.size().checked_sub(distance).ok_or(FlashError::OutOfBounds)
}
