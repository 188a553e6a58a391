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

use super::flash::{Flash, FlashError, MAX_WRITE_SIZE, is_blank, sector_of};
use crate::crc::crc32;

/// Longest encryption TLV that is saved.
pub(crate) const MAX_SAVED_KEY: usize = ironroot_crypto::Sealing::MAX_LEN;
/// Length of the field that holds the swap size: the size and Ironroot's tag behind it.
const PLAN_LEN: usize = 8;
/// Length of the field that holds type and image number, and Ironroot's note on the old image.
const INFO_LEN: usize = 8;

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

/// What a swap is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Until the next reset, unless it is confirmed.
    Test,
    /// For good.
    Permanent,
    /// Back to the image before a test.
    Revert,
}

impl Kind {
    pub(crate) const fn nibble(self) -> u8 {
        match self {
            Self::Test => 2,
            Self::Permanent => 3,
            Self::Revert => 4,
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

    /// Reads the trailer at the end of `flash`. Fails only where no power cut can be the reason.
    pub fn read(flash: &dyn Flash, layout: &TrailerLayout) -> Result<Self, FlashError> {
        Ok(Self {
            magic: read_magic(flash, layout)?,
            image_ok: read_flag(flash, layout.image_ok())?,
            copy_done: read_flag(flash, layout.copy_done())?,
            info: read_info(flash, layout)?,
        })
    }

    /// Whether a test image waits for its confirmation: swapped in, and not confirmed.
    pub const fn is_unconfirmed(&self) -> bool {
        matches!(self.magic, Magic::Good) && self.copy_done.is_set() && !self.image_ok.is_set()
    }
}

/// What a swap in progress needs to go on, from the trailer of the area that holds its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub kind: Kind,
    pub image: u8,
    /// Bytes that are swapped.
    pub size: u32,
    /// `None`: MCUboot began this swap.
    pub tag: Option<Tag>,
    /// Only kept where images are encrypted.
    pub old: OldImage,
}

/// How the image leaves the primary slot, as it was when the swap was planned. It stands behind swap_info, in bytes that
/// MCUboot leaves erased and does not read: the header that says the same is soon in the secondary slot, where somebody
/// could make it say that nothing is to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldImage {
    /// As it is.
    Plain,
    /// Encrypted: start and size of its payload.
    Encrypted(u16, u32),
    /// Not at all: it is damaged, and with it the knowledge of how to encrypt it.
    Lost,
}

impl OldImage {
    const fn encode(self) -> (u16, u32) {
        match self {
            Self::Plain => (0, 0),
            Self::Encrypted(start, size) => (start, size),
            Self::Lost => (0, u32::MAX),
        }
    }

    const fn decode(start: u16, size: u32) -> Self {
        match (start, size) {
            (0, 0) => Self::Plain,
            (0, _) => Self::Lost,
            (start, size) => Self::Encrypted(start, size),
        }
    }
}

/// Ties a plan to the two images that it was made for, and tells a plan from stray bytes. It stands behind the swap size,
/// in bytes that MCUboot leaves erased and does not read.
///
/// Without it, a trailer that is left from the last swap and half erased could not be told from one that was just set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u32);

impl Tag {
    /// The tag of a plan for two images with these identities.
    pub fn new(kind: Kind, image: u8, size: u32, identities: (u32, u32)) -> Self {
        let [a, b, c, d] = identities.0.to_le_bytes();
        let [e, f, g, h] = identities.1.to_le_bytes();
        Self::seal(kind, image, size, crc32(&[a, b, c, d, e, f, g, h]) as u16)
    }

    /// Another tag for the same plan: of two trailers of equal plans, one may have to be told from the other.
    pub fn other(self, kind: Kind, image: u8, size: u32) -> Self {
        Self::seal(kind, image, size, !(self.0 as u16))
    }

    fn seal(kind: Kind, image: u8, size: u32, identity: u16) -> Self {
        let [a, b, c, d] = size.to_le_bytes();
        let [e, f] = identity.to_le_bytes();
        let check = crc32(&[kind.nibble() | image << 4, a, b, c, d, e, f]) as u16;
        // Neither erased value: an erased tag is none.
        let check = if check == 0 || check == u16::MAX { 0x5AA5 } else { check };
        Self(u32::from(check) << 16 | u32::from(identity))
    }

    fn belongs_to(self, kind: Kind, image: u8, size: u32) -> bool {
        self == Self::seal(kind, image, size, self.0 as u16)
    }
}

impl Plan {
    /// The plan in the trailer of `flash`; `None` if there is none or it is damaged.
    pub fn read(flash: &dyn Flash, layout: &TrailerLayout) -> Result<Option<Self>, FlashError> {
        let (Info::Swap(kind, image), Some(distance)) = (read_info(flash, layout)?, layout.swap_size())
        else {
            return Ok(None);
        };
        let (mut bytes, mut info) = ([0; PLAN_LEN], [0; INFO_LEN]);
        if !read_field(flash, distance, &mut bytes)? || !read_field(flash, layout.swap_info(), &mut info)? {
            return Ok(None);
        }
        let [_, _, i, j, k, l, m, n] = info;
        let old = OldImage::decode(u16::from_le_bytes([i, j]), u32::from_le_bytes([k, l, m, n]));
        let [a, b, c, d, t @ ..] = bytes;
        let size = u32::from_le_bytes([a, b, c, d]);
        let tag = if t == [flash.erased_value(); 4] { None } else { Some(Tag(u32::from_le_bytes(t))) };
        let sound = size != 0 && tag.is_none_or(|tag| tag.belongs_to(kind, image, size));
        Ok(sound.then_some(Self { kind, image, size, tag, old }))
    }

    /// Writes the plan and everything a trailer needs to be one, the magic last: an interrupted one is none.
    pub fn write(
        &self,
        flash: &mut dyn Flash,
        layout: &TrailerLayout,
        extra: &Extra<'_>,
    ) -> Result<(), FlashError> {
        let info = self.kind.nibble() | self.image << 4;
        if layout.saved_key_len() == 0 {
            write_field(flash, layout.swap_info(), &[info])?;
        } else {
            let (start, size) = self.old.encode();
            let ([a, b], [c, d, e, f]) = (start.to_le_bytes(), size.to_le_bytes());
            let erased = flash.erased_value();
            write_field(flash, layout.swap_info(), &[info, erased, a, b, c, d, e, f])?;
        }
        if self.kind != Kind::Test {
            write_flag(flash, layout.image_ok())?;
        }
        if let Some(distance) = layout.tlv_sizes() {
            let [old, new] = extra.tlv_sizes;
            let ([a, b], [c, d]) = (old.to_le_bytes(), new.to_le_bytes());
            write_field(flash, distance, &[a, b, c, d])?;
        }
        write_size(flash, layout, self.size, self.tag)?;
        for (slot, sealed) in extra.sealed_keys.iter().enumerate() {
            if let (Some(distance), false) = (layout.saved_key(slot as u32), sealed.is_empty()) {
                write_field(flash, distance, sealed)?;
            }
        }
        write_magic(flash, layout)
    }
}

/// What else a swap keeps in its trailer.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extra<'k> {
    /// Sizes of the unprotected TLV areas of the image in the primary and in the secondary slot.
    pub tlv_sizes: [u16; 2],
    /// The encryption TLVs of the image in the primary and in the secondary slot; empty for a plain one.
    pub sealed_keys: [&'k [u8]; 2],
}

/// Writes the fields that make a secondary slot look like a permanent request, for a revert: while the primary trailer is
/// made anew, this is what remembers the intention. MCUboot's own order.
pub(crate) fn write_revert_request(
    flash: &mut dyn Flash,
    layout: &TrailerLayout,
    size: u32,
) -> Result<(), FlashError> {
    // swap-offset tells a revert by copy_done, because the image is then in another place; the others by image_ok.
    let flag = if layout.tlv_sizes().is_some() { layout.copy_done() } else { layout.image_ok() };
    write_flag(flash, flag)?;
    write_field(flash, layout.swap_info(), &[Kind::Revert.nibble()])?;
    write_size(flash, layout, size, None)?;
    write_magic(flash, layout)
}

fn write_size(
    flash: &mut dyn Flash,
    layout: &TrailerLayout,
    size: u32,
    tag: Option<Tag>,
) -> Result<(), FlashError> {
    let erased = flash.erased_value();
    let [a, b, c, d] = size.to_le_bytes();
    let [e, f, g, h] = tag.map_or([erased; 4], |tag| tag.0.to_le_bytes());
    let distance = layout.swap_size().ok_or(FlashError::OutOfBounds)?;
    write_field(flash, distance, &[a, b, c, d, e, f, g, h])
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
        true if bytes.iter().all(|byte| *byte == flash.erased_value()) => Magic::Unset,
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
        // Neither a flag nor a type.
        false => Some(UNREADABLE),
    })
}

/// Stands for a byte that cannot be read.
const UNREADABLE: u8 = 0xEE;

fn read_flag(flash: &dyn Flash, distance: u32) -> Result<Flag, FlashError> {
    Ok(match read_byte(flash, distance)? {
        None => Flag::Unset,
        Some(FLAG_SET) => Flag::Set,
        Some(_) => Flag::Damaged,
    })
}

fn read_info(flash: &dyn Flash, layout: &TrailerLayout) -> Result<Info, FlashError> {
    let Some(byte) = read_byte(flash, layout.swap_info())? else { return Ok(Info::Unset) };
    let kind = match byte & 0xF {
        2 => Kind::Test,
        3 => Kind::Permanent,
        4 => Kind::Revert,
        _ => return Ok(Info::Damaged),
    };
    Ok(Info::Swap(kind, byte >> 4))
}

/// Reads a saved encryption TLV; `false` if it is unreadable or erased.
pub(crate) fn read_saved_key(
    flash: &dyn Flash,
    layout: &TrailerLayout,
    slot: u32,
    sealed: &mut [u8],
) -> Result<bool, FlashError> {
    let Some(distance) = layout.saved_key(slot) else { return Ok(false) };
    Ok(read_field(flash, distance, sealed)? && sealed.iter().any(|byte| *byte != flash.erased_value()))
}

/// Reads what is `distance` before the end of the area; `false` if it cannot be read.
pub(crate) fn read_field(flash: &dyn Flash, distance: u32, bytes: &mut [u8]) -> Result<bool, FlashError> {
    match flash.read(at(flash, distance)?, bytes) {
        Ok(()) => Ok(true),
        Err(FlashError::Unreadable) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes `data` at `distance` before the end of the area, filled up with erased bytes to whole units.
pub(crate) fn write_field(flash: &mut dyn Flash, distance: u32, data: &[u8]) -> Result<(), FlashError> {
    let unit = flash.write_size().clamp(1, MAX_WRITE_SIZE) as usize;
    let mut offset = at(flash, distance)?;
    let mut cell = [flash.erased_value(); MAX_WRITE_SIZE as usize];
    // A piece is a whole number of units: their size divides 32.
    for piece in data.chunks(MAX_WRITE_SIZE as usize) {
        let len = piece.len().next_multiple_of(unit);
        cell.fill(flash.erased_value());
        for (to, from) in cell.iter_mut().zip(piece) {
            *to = *from;
        }
        flash.write(offset, cell.get(..len).ok_or(FlashError::OutOfBounds)?)?;
        offset = offset.saturating_add(len as u32);
    }
    Ok(())
}

/// The offset that lies `distance` before the end of the area.
fn at(flash: &dyn Flash, distance: u32) -> Result<u32, FlashError> {
    flash.size().checked_sub(distance).ok_or(FlashError::OutOfBounds)
}

/// Erases the sectors that a trailer lies in, the last one first: it holds the magic.
pub(crate) fn erase_trailer(flash: &mut dyn Flash, layout: &TrailerLayout) -> Result<(), FlashError> {
    let first = sector_of(flash, at(flash, layout.size())?).ok_or(FlashError::OutOfBounds)?;
    for sector in (first..flash.sector_count()).rev() {
        flash.erase(sector)?;
    }
    Ok(())
}

/// Whether there is no trace of a trailer.
pub(crate) fn is_trailer_blank(flash: &dyn Flash, layout: &TrailerLayout) -> Result<bool, FlashError> {
    is_blank(flash, at(flash, layout.size())?, flash.size())
}
