//! Does the application fit the slot, and can it start there?

use std::ops::Range;

use ironroot_codes::input;
use ironroot_layout::{Region, Slot};

use super::{Application, Format, Piece, describe, elf};
use crate::error::{Failure, Result};

/// Bytes of the vector table that every Cortex-M application has: stack pointer, reset, and the system exceptions.
const VECTOR_TABLE_SYSTEM_PART: usize = 16 * 4;

/// Where an application is to run, and what the device checks before it starts it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The slot, with the arithmetic that the device uses too.
    pub slot: Slot,
    /// The memories in which an initial stack pointer may lie.
    pub stack_memories: &'static [Region],
    /// What flash reads as when erased; fills gaps between pieces.
    pub erased: u8,
}

impl Target {
    /// The addresses an application may fill. The refusal is one of the options that describe the slot.
    fn room(&self) -> Result<Range<u64>> {
        let room = self.slot.application().filter(|room| room.size().bytes() > 0).ok_or_else(|| {
            let cause = format!(
                "header, TLVs and trailer leave nothing of {} bytes",
                self.slot.region.size().bytes()
            );
            Failure::new(input::BAD_SLOT_SIZE, cause)
        })?;
        Ok(u64::from(room.start().value())..u64::from(room.start().value()) + u64::from(room.size().bytes()))
    }
}

/// The linker setting that most problems here are repaired with.
fn linker_hint(room: &Range<u64>) -> String {
    format!(
        "Link with the vector table first in `FLASH : ORIGIN = {:#010x}, LENGTH = {:#x}` (slot start plus image header, \
         up to where signature and trailer begin), then sign again.",
        room.start,
        room.end - room.start
    )
}

/// An application that can start from the slot: the payload of an image.
#[derive(Debug, PartialEq, Eq)]
pub struct Placed {
    /// The bytes from the slot's payload address on, gaps filled with the erased value.
    pub payload: Vec<u8>,
    /// The initial stack pointer.
    pub stack: u32,
    /// The reset vector, with the Thumb bit.
    pub reset: u32,
    /// True for a raw file that began with room for the header: zeros, which imgtool then keeps as the header's padding.
    pub brought_header: bool,
}

/// Checks `application` against `target` and lays its pieces out as the payload of an image.
///
/// `file` is the input file itself, for the names of symbols in messages.
pub fn place(application: &Application, target: &Target, file: &[u8]) -> Result<Placed> {
    let room = target.room()?;
    let (pieces, brought_header) = at_addresses(application, target, &room);
    for piece in &pieces {
        check_range(piece, target, &room)?;
    }
    // An ELF or HEX file whose lowest byte is above the payload's start would get a vector table of erased flash.
    if let Some(first) = pieces.first()
        && u64::from(first.address) != room.start
    {
        let cause = format!(
            "the lowest part, {}, leaves {:#010x} empty, where the vector table must be",
            describe(first),
            room.start
        );
        return Err(Failure::new(input::APP_WRONG_ADDRESS, cause).fix(linker_hint(&room)));
    }
    let payload = lay_out(&pieces, &room, target.erased);
    let named = |address: u32| match elf::symbol_at(file, address) {
        Some(symbol) => format!("{address:#010x} ({symbol})"),
        None => format!("{address:#010x}"),
    };
    let end = room.start + payload.len() as u64;
    let inside = |address: u32| (room.start..end).contains(&u64::from(address));
    let extent = format!("{:#010x}..{end:#010x}", room.start);
    let (stack, reset) = start(&payload, room.start, target.stack_memories, &inside, &extent, &named)
        .map_err(|failure| failure.fix(linker_hint(&room)))?;
    if let Some(entry) = application.entry {
        check_inside("entry point", entry, &inside, &extent, &named)
            .map_err(|failure| failure.fix(linker_hint(&room)))?;
    }
    Ok(Placed { payload, stack, reset, brought_header })
}

/// The pieces where they are to lie: a raw file has no address of its own and gets that of the payload.
fn at_addresses(application: &Application, target: &Target, room: &Range<u64>) -> (Vec<Piece>, bool) {
    let mut brought_header = false;
    let mut pieces = application.pieces.clone();
    if application.format == Format::Raw
        && let [piece] = pieces.as_mut_slice()
    {
        // Inside the slot, so it fits.
        piece.address = room.start as u32;
        let header = target.slot.header.bytes() as usize;
        // Like imgtool: a raw file that begins with a whole header of zeros has kept the room for it.
        if piece.bytes.len() > header && piece.bytes.iter().take(header).all(|b| *b == 0) {
            piece.bytes.drain(..header);
            brought_header = true;
        }
    }
    (pieces, brought_header)
}

fn check_range(piece: &Piece, target: &Target, room: &Range<u64>) -> Result {
    // Before the addresses: a signed image has its header where the slot starts, and "below the payload" would send
    // the user to the linker script.
    if piece.bytes.starts_with(&ironroot_image::MAGIC.to_le_bytes()) {
        return Err(Failure::new(
            input::WRONG_FILE_KIND,
            "the file is a signed image already (MCUboot magic)",
        )
        .fix(
            "Pass the application that the image was made from, or use `ironroot image verify` on the image.",
        ));
    }
    let start = u64::from(piece.address);
    let slot = target.slot.region;
    let slot_end = u64::from(slot.start().value()) + u64::from(slot.size().bytes());
    if start < room.start {
        let place = if piece.address < slot.start().value() {
            "below the slot"
        } else {
            "in the room of the image header"
        };
        let cause = format!(
            "{} is {place}; the slot begins at {:#010x}, the vector table must be at {:#010x}",
            describe(piece),
            slot.start().value(),
            room.start
        );
        return Err(Failure::new(input::APP_WRONG_ADDRESS, cause).fix(linker_hint(room)));
    }
    if start >= slot_end {
        let cause = format!("{} is behind the slot, which ends at {slot_end:#010x}", describe(piece));
        return Err(Failure::new(input::APP_OUTSIDE_SLOT, cause));
    }
    match piece.end().checked_sub(room.end) {
        None | Some(0) => Ok(()),
        Some(over) => {
            let cause = format!(
                "{} ends {over} bytes too far: from {:#010x} on, the slot has its TLVs and its trailer",
                describe(piece),
                room.end
            );
            let fix = format!(
                "Make the application smaller: the slot has room for {} bytes.",
                room.end - room.start
            );
            Err(Failure::new(input::APP_TOO_LARGE, cause).fix(fix))
        }
    }
}

fn lay_out(pieces: &[Piece], room: &Range<u64>, erased: u8) -> Vec<u8> {
    let mut payload = Vec::new();
    for piece in pieces {
        // check_range() bounds both by the slot's size.
        let offset = (u64::from(piece.address) - room.start) as usize;
        payload.resize(payload.len().max(offset), erased);
        payload.extend_from_slice(&piece.bytes);
    }
    payload
}

/// Checks the vector table at the beginning of `payload`, which lies at `address`: the initial stack pointer and the reset
/// vector. `inside`: whether an address is one of the program, which `extent` says in words; `named` shows an address.
///
/// # Errors
/// `APP_BAD_STACK`, `APP_BAD_ENTRY`.
pub fn start(
    payload: &[u8],
    address: u64,
    stack_memories: &[Region],
    inside: &dyn Fn(u32) -> bool,
    extent: &str,
    named: &dyn Fn(u32) -> String,
) -> Result<(u32, u32)> {
    let (stack, reset) = vectors(payload)?;
    check_stack(stack, address, stack_memories)?;
    check_inside("reset vector", reset, inside, extent, named)?;
    if reset & 1 == 0 {
        let cause = format!("the reset vector {} has bit 0 clear: the core has no Arm state", named(reset));
        return Err(Failure::new(input::APP_BAD_ENTRY, cause));
    }
    Ok((stack, reset))
}

/// Refuses a code address outside the program.
fn check_inside(
    what: &str,
    address: u32,
    inside: &dyn Fn(u32) -> bool,
    extent: &str,
    named: &dyn Fn(u32) -> String,
) -> Result {
    if inside(address & !1) {
        return Ok(());
    }
    let cause = format!("the {what} {} is outside the application ({extent})", named(address));
    Err(Failure::new(input::APP_BAD_ENTRY, cause))
}

/// The initial stack pointer and the reset vector.
fn vectors(payload: &[u8]) -> Result<(u32, u32)> {
    match payload {
        [a, b, c, d, e, f, g, h, ..] if payload.len() >= VECTOR_TABLE_SYSTEM_PART => {
            Ok((u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h])))
        }
        _ => {
            let cause = format!(
                "the application has {} bytes; the vectors of the core alone take {VECTOR_TABLE_SYSTEM_PART}",
                payload.len()
            );
            Err(Failure::new(input::APP_BAD_ENTRY, cause))
        }
    }
}

fn check_stack(stack: u32, place: u64, memories: &[Region]) -> Result {
    // The stack grows down from the pointer: the end of a RAM is a good value, its start is not.
    let in_ram = memories.iter().any(|memory| {
        let start = u64::from(memory.start().value());
        start < u64::from(stack) && u64::from(stack) <= start + u64::from(memory.size().bytes())
    });
    let what = match (in_ram, stack % 8) {
        (true, 0) => return Ok(()),
        (true, _) => "not 8-byte aligned",
        (false, _) => "not in a RAM of the chip",
    };
    let cause = format!(
        "the first word at {place:#010x} is {stack:#010x}, {what}: there is no vector table there, or its stack is wrong"
    );
    Err(Failure::new(input::APP_BAD_STACK, cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_codes::Code;
    use ironroot_layout::Size;
    use std::path::Path;

    fn slot() -> Target {
        const STACK: [Region; 1] = [Region::between(0x2400_0000, 0x2405_0000)];
        let slot = Slot {
            region: Region::between(0x0802_0000, 0x0802_1000),
            header: Size::new(0x400),
            tlv_room: Size::new(0x100),
            trailer: Size::new(0x100),
        };
        Target { slot, stack_memories: &STACK, erased: 0xff }
    }

    fn program(len: usize) -> Vec<u8> {
        let mut bytes = vec![0x11; len];
        bytes[..4].copy_from_slice(&0x2405_0000u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&0x0802_0441u32.to_le_bytes());
        bytes
    }

    fn app(format: Format, pieces: &[(u32, Vec<u8>)], entry: Option<u32>) -> Application {
        let pieces = pieces
            .iter()
            .map(|(address, bytes)| Piece { address: *address, bytes: bytes.clone(), name: ".text".into() })
            .collect();
        Application { format, pieces, entry }
    }

    fn refusal(application: &Application) -> (Code, String) {
        let failure = place(application, &slot(), &[]).unwrap_err();
        (failure.code, failure.cause)
    }

    #[test]
    fn pieces_are_laid_out_and_the_gap_reads_as_erased() {
        let pieces = [(0x0802_0400, program(0x80)), (0x0802_0490, vec![7; 4])];
        let placed = place(&app(Format::Elf, &pieces, Some(0x0802_0441)), &slot(), &[]).unwrap();
        assert_eq!(placed.payload.len(), 0x94);
        assert_eq!(placed.payload[0x80..0x90], [0xff; 0x10]);
        assert_eq!((placed.stack, placed.reset), (0x2405_0000, 0x0802_0441));
    }

    #[test]
    fn a_raw_file_may_keep_room_for_the_header_or_not() {
        let parse = |data: &[u8]| super::super::parse(Path::new("a.bin"), data).unwrap();
        let mut with_room = vec![0; 0x400];
        with_room.extend(program(0x80));
        let bare = place(&parse(&program(0x80)), &slot(), &[]).unwrap();
        let with_room = place(&parse(&with_room), &slot(), &[]).unwrap();
        assert_eq!((bare.brought_header, with_room.brought_header), (false, true));
        assert_eq!(bare.payload, program(0x80));
        assert_eq!(with_room.payload, bare.payload);
    }

    #[test]
    fn a_piece_outside_the_slot_is_refused_and_named() {
        let (code, cause) = refusal(&app(Format::Elf, &[(0x0800_0000, program(0x80))], None));
        assert_eq!(code, input::APP_WRONG_ADDRESS);
        assert!(cause.starts_with(".text at 0x08000000..0x08000080 is below the slot"), "{cause}");
        let (code, cause) = refusal(&app(Format::Hex, &[(0x0802_0000, program(0x80))], None));
        assert_eq!(code, input::APP_WRONG_ADDRESS);
        assert!(cause.contains("in the room of the image header"), "{cause}");
        let (code, _) = refusal(&app(Format::Elf, &[(0x0802_0500, program(0x80))], None));
        assert_eq!(code, input::APP_WRONG_ADDRESS);
        let (code, _) =
            refusal(&app(Format::Elf, &[(0x0802_0400, program(0x80)), (0x2400_0000, vec![1])], None));
        assert_eq!(code, input::APP_OUTSIDE_SLOT);
    }

    #[test]
    fn the_last_byte_of_the_room_may_be_used_and_not_one_more() {
        assert!(place(&app(Format::Elf, &[(0x0802_0400, program(0xa00))], None), &slot(), &[]).is_ok());
        let (code, cause) = refusal(&app(Format::Elf, &[(0x0802_0400, program(0xa01))], None));
        assert_eq!(code, input::APP_TOO_LARGE);
        assert!(cause.contains("ends 1 bytes too far"), "{cause}");
    }

    #[test]
    fn the_vector_table_must_be_one() {
        for stack in [0x0805_0000u32, 0x2405_0004, 0x2400_0000, 0] {
            let mut bad = program(0x80);
            bad[..4].copy_from_slice(&stack.to_le_bytes());
            assert_eq!(refusal(&app(Format::Raw, &[(0, bad)], None)).0, input::APP_BAD_STACK, "{stack:#x}");
        }
        for len in [3, 8, 63] {
            let mut short = program(64);
            short.truncate(len);
            assert_eq!(refusal(&app(Format::Raw, &[(0, short)], None)).0, input::APP_BAD_ENTRY, "{len}");
        }
    }

    #[test]
    fn reset_and_entry_must_be_thumb_code_inside() {
        for (reset, why) in [(0x0800_0441u32, "outside"), (0x0802_0440, "bit 0 clear"), (0, "outside")] {
            let mut bad = program(0x80);
            bad[4..8].copy_from_slice(&reset.to_le_bytes());
            let (code, cause) = refusal(&app(Format::Raw, &[(0, bad)], None));
            assert_eq!(code, input::APP_BAD_ENTRY);
            assert!(cause.contains(why), "{cause}");
        }
        let (code, cause) = refusal(&app(Format::Elf, &[(0x0802_0400, program(0x80))], Some(0x0800_0001)));
        assert_eq!(code, input::APP_BAD_ENTRY);
        assert!(cause.contains("entry point"), "{cause}");
    }

    #[test]
    fn a_signed_image_is_not_signed_again() {
        let mut image = ironroot_image::MAGIC.to_le_bytes().to_vec();
        image.extend([0; 0x500]);
        assert_eq!(refusal(&app(Format::Raw, &[(0, image)], None)).0, input::WRONG_FILE_KIND);
    }
}
