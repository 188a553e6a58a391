//! The application that a user brings: ELF, Intel HEX or raw, and whether it fits where it is to run.
//!
//! 1. Nothing is guessed: a file that looks like ELF or HEX must be right to the last byte.
//! 2. The check is against the same slot that the device boots from (`ironroot-layout`), and comes before anything is
//!    signed: an image that verifies and cannot run is the mistake that costs most time on a bench.
//! 3. A problem names the section, the line or the symbol, the addresses, and the linker setting that repairs it.

pub mod elf;
pub mod hex;
mod place;

pub use place::{Placed, Target, place, start};

use std::path::Path;

use ironroot_codes::input;

use crate::error::{Failure, Result};

/// A stretch of bytes for the flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where the first byte goes.
    pub address: u32,
    /// The bytes, at least one.
    pub bytes: Vec<u8>,
    /// What the input calls it: section names of an ELF file, the first line of a HEX file.
    pub name: String,
}

impl Piece {
    /// The address after the last byte; 64 bits, because that of a piece at the very top is 2^32.
    pub fn end(&self) -> u64 {
        u64::from(self.address) + self.bytes.len() as u64
    }
}

/// The format of an input file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An ELF executable.
    Elf,
    /// Intel HEX.
    Hex,
    /// The bytes as they are to lie in flash, from the payload's first address on.
    Raw,
}

impl Format {
    /// The format's name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Format::Elf => "ELF",
            Format::Hex => "Intel HEX",
            Format::Raw => "raw binary",
        }
    }

    /// By content first, then by the name's ending: `app.elf` full of zeros is a broken ELF file, not a raw binary
    /// that happens to be called so.
    pub fn of(path: &Path, data: &[u8]) -> Format {
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            _ if data.starts_with(ELF_MAGIC) => Format::Elf,
            Some("elf" | "axf" | "out") => Format::Elf,
            Some("hex" | "ihex" | "ihx") => Format::Hex,
            // A raw image starts with a stack pointer, whose last byte a HEX digit could be; the colon, the length and
            // the line end make the difference.
            _ if data.first() == Some(&b':') && data.is_ascii() => Format::Hex,
            _ => Format::Raw,
        }
    }
}

/// What the file says, before anything is known of a slot.
#[derive(Debug)]
pub struct Application {
    /// The format it came in.
    pub format: Format,
    /// The bytes, by rising address, without overlap. Of a raw file one piece at address 0.
    pub pieces: Vec<Piece>,
    /// The entry point, if the format has one and the file says it.
    pub entry: Option<u32>,
}

/// Reads the bytes of an application file. `path` is only for its ending.
pub fn parse(path: &Path, data: &[u8]) -> Result<Application> {
    if data.is_empty() {
        return Err(Failure::new(input::FILE_EMPTY, "the file has no bytes"));
    }
    let format = Format::of(path, data);
    let (pieces, entry) = match format {
        Format::Elf if !data.starts_with(ELF_MAGIC) => {
            let cause = "the name says ELF, but the file does not begin with the ELF magic";
            return Err(Failure::new(input::APP_UNKNOWN_FORMAT, cause));
        }
        Format::Elf => {
            let elf = elf::parse(data)?;
            (elf.pieces, elf.entry)
        }
        Format::Hex => {
            let hex = hex::parse(data)?;
            (hex.pieces, hex.entry)
        }
        Format::Raw => {
            let piece = Piece { address: 0, bytes: data.to_vec(), name: "the file".to_owned() };
            (vec![piece], None)
        }
    };
    if pieces.is_empty() {
        return Err(Failure::new(input::APP_EMPTY, format!("the {} file has no data", format.name())));
    }
    Ok(Application { format, pieces, entry })
}

const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Two stretches, as [`describe_range`] shows them, claim the same address.
pub(crate) fn overlap(a: &str, b: &str) -> Failure {
    Failure::new(input::APP_OVERLAP, format!("{a} and {b} overlap"))
}

/// A piece as messages show it: `.text at 0x08020400..0x08021000`.
fn describe(piece: &Piece) -> String {
    describe_range(&piece.name, piece.address, piece.end())
}

/// The same of a stretch whose bytes are elsewhere.
pub(crate) fn describe_range(name: &str, address: u32, end: u64) -> String {
    format!("{name} at {address:#010x}..{end:#010x}")
}
