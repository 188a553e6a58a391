//! The trailer of a slot, field by field, and what it says in words.

use std::fmt::{self, Write};
use std::ops::Range;

use ironroot_codes::input;
use ironroot_image::ReadAt;
use ironroot_image::trailer::{
    DEFAULT_MAX_SECTORS, FLAG_SET, MAGIC_LEN, Mode, SavedKeys, TrailerLayout, magic_bytes,
};
use serde_json::{Value, json};

use super::options::TrailerOptions;
use crate::error::{Failure, Result};

/// The alignments that have a magic of their own.
const ALIGNMENTS: [u32; 3] = [8, 16, 32];
/// Room for a saved encryption TLV where nothing says which: that of ECIES-P256 with AES-128.
const ANY_ENCRYPTION_TLV: u16 = 113;

/// The layout that the options describe. `found` is what the slot's magic says, `device` what a device's slots have.
pub fn layout(
    options: &TrailerOptions,
    found: Option<u32>,
    device: Option<(u32, u32)>,
    keys: SavedKeys,
) -> Result<TrailerLayout> {
    let write_size = options.align.or(device.map(|(align, _)| align));
    let max_align = options.max_align.or(found).or(write_size.map(|w| w.max(8))).unwrap_or(8);
    // Where nothing is known of the flash: imgtool's default for an image, the cell of a flag for a dump.
    let write_size = write_size.unwrap_or(if found.is_some() { max_align } else { 1 });
    let max_sectors = options.max_sectors.or(device.map(|(_, n)| n)).unwrap_or(DEFAULT_MAX_SECTORS);
    let mode = if options.overwrite_only { Mode::OverwriteOnly } else { Mode::SwapScratch };
    TrailerLayout::new(mode, write_size, max_align, max_sectors, keys).ok_or_else(|| {
        let cause = format!(
            "--align {write_size} must be 1, 2, 4, 8, 16 or 32 and at most --max-align {max_align}, which must be 8, 16 or 32; \
             --max-sectors {max_sectors} must be 1 to 65535"
        );
        Failure::new(input::BAD_ALIGN, cause)
    })
}

/// The layout of a trailer that is there already, behind an image in the last `room` bytes of a slot. How many sectors it has
/// status for is not in it; nobody having said it, it is as many as have room, up to the usual number.
pub fn layout_in(
    room: u32,
    options: &TrailerOptions,
    found: Option<u32>,
    keys: SavedKeys,
) -> Result<TrailerLayout> {
    let usual = layout(options, found, None, keys)?;
    if options.max_sectors.is_some() || usual.size() <= room || !usual.mode().swaps() {
        return Ok(usual);
    }
    let sector = usual.mode().states() * usual.write_size();
    let fitting = (room.saturating_sub(usual.info_len()) / sector).max(1);
    layout(&TrailerOptions { max_sectors: Some(fitting), ..options.clone() }, found, None, keys)
}

/// What is saved of the encryption, as far as the slot's size depends on it.
pub fn saved_keys(encrypted: bool, save_enctlv: bool, tlv: Option<u16>) -> SavedKeys {
    match (encrypted, save_enctlv) {
        (false, _) => SavedKeys::None,
        (true, false) => SavedKeys::Plain(16),
        (true, true) => SavedKeys::Sealed(tlv.unwrap_or(ANY_ENCRYPTION_TLV)),
    }
}

/// A field that is one of a few things, unset, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<T> {
    /// As erased.
    Unset,
    /// As a loader writes it.
    Good(T),
    /// Neither: a write that was cut off, or something else that lies there.
    Bad,
}

impl<T> State<T> {
    fn word(&self) -> &'static str {
        match self {
            State::Unset => "unset",
            State::Good(_) => "good",
            State::Bad => "bad",
        }
    }
}

/// A trailer that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// Where its fields are.
    pub layout: TrailerLayout,
    /// Where the slot ends, from the start of the file.
    pub slot_end: u32,
    /// The magic; good is the alignment it names.
    pub magic: State<u32>,
    /// The application has confirmed itself.
    pub image_ok: State<()>,
    /// The swap is complete.
    pub copy_done: State<()>,
    /// Type and image number of the swap.
    pub swap_info: State<(u8, u8)>,
    /// Bytes that are swapped.
    pub swap_size: Option<State<u32>>,
    /// Cells of saved keys that are not erased.
    pub saved_keys: u32,
    /// Status entries that are written, and all.
    pub status: (u32, u32),
}

/// The alignment that the magic at the end of the slot names.
pub fn find(source: &dyn ReadAt, slot_end: u32) -> Option<u32> {
    let mut magic = [0; MAGIC_LEN as usize];
    source.read_at(slot_end.checked_sub(MAGIC_LEN)?, &mut magic).ok()?;
    ALIGNMENTS.into_iter().find(|align| magic_bytes(*align) == magic)
}

impl Trailer {
    /// Reads the trailer of the slot that ends at `slot_end`; `None` if there is no room for one.
    pub fn read(source: &dyn ReadAt, slot_end: u32, layout: TrailerLayout, erased: u8) -> Option<Self> {
        let bytes = |before_end: u32, len: u32| -> Option<Vec<u8>> {
            let mut bytes = vec![0; len as usize];
            source.read_at(slot_end.checked_sub(before_end)?, &mut bytes).ok()?;
            Some(bytes)
        };
        let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == erased);
        // A field's first bytes decide; the rest of its cell is padding of a write unit.
        let flag = |at: u32| -> Option<State<()>> {
            Some(match bytes(at, 1)?.as_slice() {
                [FLAG_SET] => State::Good(()),
                [byte] if *byte == erased => State::Unset,
                _ => State::Bad,
            })
        };
        let magic = bytes(layout.magic(), MAGIC_LEN)?;
        let magic = match find(source, slot_end) {
            Some(align) => State::Good(align),
            None if is_erased(&magic) => State::Unset,
            None => State::Bad,
        };
        let swap_info = match bytes(layout.swap_info(), 1)?.as_slice() {
            [byte] if *byte == erased => State::Unset,
            [byte] if SWAP_TYPES.iter().any(|(number, _)| *number == byte & 0xF) => {
                State::Good((byte & 0xF, byte >> 4))
            }
            _ => State::Bad,
        };
        let swap_size = match layout.swap_size() {
            None => None,
            Some(at) => Some(match bytes(at, 4)?.as_slice() {
                raw if is_erased(raw) => State::Unset,
                &[a, b, c, d] if u32::from_le_bytes([a, b, c, d]) <= slot_end => {
                    State::Good(u32::from_le_bytes([a, b, c, d]))
                }
                _ => State::Bad,
            }),
        };
        let mut saved_keys = 0;
        for at in [0, 1].into_iter().filter_map(|slot| layout.saved_key(slot)) {
            saved_keys += u32::from(!is_erased(&bytes(at, layout.saved_key_len())?));
        }
        let entries = bytes(layout.status(), layout.status_len()).unwrap_or_default();
        // An entry is written when its first byte is not erased.
        let written = entries
            .chunks(layout.write_size() as usize)
            .filter(|entry| entry.first().is_some_and(|byte| *byte != erased))
            .count() as u32;
        Some(Trailer {
            layout,
            slot_end,
            magic,
            image_ok: flag(layout.image_ok())?,
            copy_done: flag(layout.copy_done())?,
            swap_info,
            swap_size,
            saved_keys,
            status: (written, layout.status_entries()),
        })
    }

    /// Where it lies in the file.
    pub fn range(&self) -> Range<u32> {
        self.slot_end.saturating_sub(self.layout.size())..self.slot_end
    }

    /// Every field: name, where it lies in the file, and its content in words.
    pub fn fields(&self) -> Vec<(&'static str, Range<u32>, String)> {
        let l = &self.layout;
        let at = |before_end: u32, len: u32| {
            let start = self.slot_end.saturating_sub(before_end);
            start..start + len
        };
        let mut fields = Vec::new();
        if l.status_len() > 0 {
            let (written, all) = self.status;
            fields.push((
                "swap status",
                at(l.status(), l.status_len()),
                format!("{written} of {all} entries written"),
            ));
        }
        for (name, slot) in [("saved key 1", 1), ("saved key 0", 0)] {
            if let Some(before) = l.saved_key(slot) {
                fields.push((
                    name,
                    at(before, l.saved_key_len()),
                    format!("{} saved in both cells", self.saved_keys),
                ));
            }
        }
        if let (Some(before), Some(size)) = (l.swap_size(), &self.swap_size) {
            let text = match size {
                State::Good(bytes) => format!("{bytes} bytes"),
                other => other.word().to_owned(),
            };
            fields.push(("swap size", at(before, l.max_align()), text));
        }
        let info = match self.swap_info {
            State::Good((kind, image)) => format!("{} of image {image}", swap_type(kind)),
            other => other.word().to_owned(),
        };
        fields.push(("swap info", at(l.swap_info(), l.max_align()), info));
        let flag = |state: State<()>| match state {
            State::Good(()) => "set".to_owned(),
            other => other.word().to_owned(),
        };
        fields.push(("copy done", at(l.copy_done(), l.max_align()), flag(self.copy_done)));
        fields.push(("image ok", at(l.image_ok(), l.max_align()), flag(self.image_ok)));
        let magic = match self.magic {
            State::Good(align) => format!("good, alignment {align}"),
            other => other.word().to_owned(),
        };
        fields.push(("magic", at(l.magic(), MAGIC_LEN), magic));
        fields
    }

    /// What the fields together mean.
    pub fn words(&self) -> String {
        let mut text = String::new();
        let row = MEANINGS.iter().find(|row| {
            row.magic.fits(&self.magic) && row.ok.fits(&self.image_ok) && row.done.fits(&self.copy_done)
        });
        text.push_str(row.map_or("unknown", |row| row.text));
        if self.copy_done == State::Unset {
            // Writing to a String cannot fail.
            let _ = match (self.swap_info, self.status.0) {
                (State::Good((kind, image)), _) => {
                    write!(text, "; a {} of image {image} has begun", swap_type(kind))
                }
                (State::Unset, 0) if self.layout.mode().swaps() && self.is_pending() => {
                    write!(text, ", swap not started")
                }
                _ => Ok(()),
            };
            if self.status.0 > 0 {
                let _ = write!(text, "; {} of {} steps are recorded", self.status.0, self.status.1);
            }
        }
        if self.saved_keys > 0 {
            let _ = write!(text, "; {} key cells are not erased", self.saved_keys);
        }
        text
    }

    /// An update is asked for.
    fn is_pending(&self) -> bool {
        matches!(self.magic, State::Good(_)) && self.image_ok != State::Bad
    }

    /// All of it for programs.
    pub fn json(&self) -> Value {
        let fields = self.fields().into_iter().map(|(name, range, value)| {
            json!({ "name": name, "offset": range.start, "length": range.end - range.start, "value": value })
        });
        json!({
            "offset": self.range().start,
            "length": self.layout.size(),
            "max_align": self.layout.max_align(),
            "magic": self.magic.word(),
            "image_ok": self.image_ok.word(),
            "copy_done": self.copy_done.word(),
            "meaning": self.words(),
            "fields": fields.collect::<Vec<_>>(),
        })
    }
}

/// Types of swap in the low nibble of swap_info.
const SWAP_TYPES: &[(u8, &str)] = &[
    (1, "no swap"),
    (2, "test swap"),
    (3, "permanent swap"),
    (4, "revert"),
    (5, "failed swap"),
    (0xF, "panic"),
];

fn swap_type(number: u8) -> &'static str {
    SWAP_TYPES.iter().find(|(n, _)| *n == number).map_or("swap of an unknown type", |(_, name)| name)
}

/// What a row of the table asks of a field.
#[derive(Clone, Copy)]
enum Want {
    Set,
    Unset,
    Bad,
    Any,
}

impl Want {
    fn fits<T>(self, state: &State<T>) -> bool {
        match self {
            Want::Any => true,
            Want::Set => matches!(state, State::Good(_)),
            Want::Unset => matches!(state, State::Unset),
            Want::Bad => matches!(state, State::Bad),
        }
    }
}

struct Meaning {
    magic: Want,
    ok: Want,
    done: Want,
    text: &'static str,
}

const fn row(magic: Want, ok: Want, done: Want, text: &'static str) -> Meaning {
    Meaning { magic, ok, done, text }
}

/// First match. A secondary slot has no copy_done, a primary slot has it after a swap: so the slots need no names.
const MEANINGS: &[Meaning] = &[
    row(Want::Bad, Want::Any, Want::Any, "the magic is damaged: a loader treats the trailer as absent"),
    row(Want::Any, Want::Bad, Want::Any, "image_ok is damaged: neither confirmed nor unconfirmed"),
    row(Want::Any, Want::Any, Want::Bad, "copy_done is damaged: whether the swap is complete is not known"),
    row(Want::Set, Want::Unset, Want::Unset, "test update pending"),
    row(Want::Set, Want::Set, Want::Unset, "permanent update pending"),
    row(
        Want::Set,
        Want::Unset,
        Want::Set,
        "swapped in and on trial: reverted at the next boot unless confirmed",
    ),
    row(Want::Set, Want::Set, Want::Set, "swapped in and confirmed"),
    row(Want::Unset, Want::Unset, Want::Unset, "no update pending"),
    row(Want::Unset, Want::Any, Want::Any, "flags without magic: a trailer that was being written or erased"),
];

impl fmt::Display for Trailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, range, value) in self.fields() {
            writeln!(f, "  {:#010x}  {name:<12} {value}", range.start)?;
        }
        Ok(())
    }
}
