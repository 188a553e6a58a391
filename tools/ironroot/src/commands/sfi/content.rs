//! What goes into a package: firmware, modules and external content as areas of flash words, none longer than a device takes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use ironroot_codes::{input, install as codes};
use ironroot_layout::stm32h735::rss::INSTALL_NOTE;
use ironroot_layout::stm32h735::{ERASED, FLASH, FLASH_WORD, OCTOSPI1};
use ironroot_layout::{Address, Region, Size};
use ironroot_sfi::package::{AreaKind, MAX_PAYLOAD};
use ironroot_sfi::{MODULE_HEADER_LEN, ModuleHeader};

use crate::error::{Context, Failure, Result};
use crate::input::{self as application, Format, Piece};
use crate::{files, number};

/// The flash word as the package counts it.
const WORD: usize = FLASH_WORD.bytes() as usize;

/// A file, and where it goes if it does not say so itself.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The file.
    pub path: PathBuf,
    /// `@ADDRESS` behind its name.
    pub address: Option<u32>,
}

impl std::str::FromStr for Placed {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.rsplit_once('@') {
            Some((path, address)) if !path.is_empty() => match number::parse(address) {
                Ok(address) => Ok(Placed { path: path.into(), address: Some(address) }),
                // A name with an @ in it; an address that is none is worth a word.
                Err(how) if address.starts_with("0x") => Err(how),
                Err(_) => Ok(Placed { path: text.into(), address: None }),
            },
            _ => Ok(Placed { path: text.into(), address: None }),
        }
    }
}

/// Where the bytes of an area come from.
#[derive(Clone, Debug)]
enum Source {
    Memory(Arc<Vec<u8>>),
    File(Arc<Opened>),
}

/// A raw input that stays on disk.
#[derive(Debug)]
pub struct Opened {
    path: PathBuf,
    file: File,
    len: u64,
    changed: Option<SystemTime>,
}

impl Opened {
    fn open(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Failure::read(path, &e);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Failure::new(input::FILE_UNREADABLE, "it is no regular file").about(path.display()));
        }
        if metadata.len() == 0 {
            return Err(Failure::new(input::FILE_EMPTY, "the file has no bytes").about(path.display()));
        }
        Ok(Opened { path: path.to_owned(), file, len: metadata.len(), changed: metadata.modified().ok() })
    }

    /// Refuses a file that somebody has written since it was opened.
    pub fn unchanged(&self) -> Result {
        let now = self.file.metadata().map_err(|e| Failure::read(&self.path, &e))?;
        if now.len() == self.len && now.modified().ok() == self.changed {
            return Ok(());
        }
        let cause = format!("it had {} bytes and has {}, or was written again", self.len, now.len());
        Err(Failure::new(input::SFI_INPUT_CHANGED, cause).about(self.path.display()))
    }
}

/// One area of the package before it is encrypted.
#[derive(Clone, Debug)]
pub struct Area {
    /// What it is.
    pub kind: AreaKind,
    /// Where it goes.
    pub address: u32,
    /// Length of its payload.
    pub len: usize,
    /// What the inputs call it.
    pub name: String,
    source: Source,
    offset: u64,
}

impl Area {
    /// The configuration.
    pub fn configuration(bytes: Vec<u8>) -> Self {
        let (len, source) = (bytes.len(), Source::Memory(Arc::new(bytes)));
        Area {
            kind: AreaKind::Configuration,
            address: 0,
            len,
            name: "option bytes".into(),
            source,
            offset: 0,
        }
    }

    /// Places of keys that the device makes.
    pub fn keys(bytes: Vec<u8>) -> Self {
        let name = "keys of the device".to_owned();
        Area { kind: AreaKind::Keys, name, ..Self::configuration(bytes) }
    }

    /// Its payload, padded with erased bytes.
    pub fn read(&self, into: &mut Vec<u8>) -> Result {
        into.resize(self.len, ERASED);
        let all = match &self.source {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::File(opened) => opened.len,
        };
        let left = all.saturating_sub(self.offset).min(self.len as u64) as usize;
        let Some((to, padding)) = into.split_at_mut_checked(left) else { return Ok(()) };
        padding.fill(ERASED);
        match &self.source {
            Source::Memory(bytes) => {
                let from = self.offset as usize;
                if let Some(bytes) = bytes.get(from..from.saturating_add(left)) {
                    to.copy_from_slice(bytes);
                }
                Ok(())
            }
            Source::File(opened) => opened.file.read_exact_at(to, self.offset).map_err(|e| match e.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    Failure::new(input::SFI_INPUT_CHANGED, "it has become shorter")
                        .about(opened.path.display())
                }
                _ => Failure::read(&opened.path, &e),
            }),
        }
    }

    /// Bytes of flash that it takes.
    pub fn occupied(&self) -> u32 {
        let header = if self.kind == AreaKind::Module { MODULE_HEADER_LEN } else { 0 };
        self.len.saturating_sub(header) as u32
    }
}

/// All content of a package, as areas.
#[derive(Debug, Default)]
pub struct Content {
    /// By address.
    pub areas: Vec<Area>,
    pieces: Vec<Piece>,
    opened: Vec<Arc<Opened>>,
}

impl Content {
    /// Adds pieces of the internal flash.
    pub fn pieces(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        self.pieces.extend(pieces);
    }

    /// Adds firmware for the internal flash.
    pub fn firmware(&mut self, placed: &Placed) -> Result {
        let pieces = pieces(placed).about(placed.path.display())?;
        self.pieces.extend(pieces);
        Ok(())
    }

    /// Adds content of the external flash. A raw file stays where it is and is read area by area.
    pub fn external(&mut self, placed: &Placed) -> Result {
        let Some(address) = placed.address else {
            for piece in pieces(placed).about(placed.path.display())? {
                self.split_memory(AreaKind::External, piece.address, piece.bytes, &piece.name)?;
            }
            return Ok(());
        };
        let opened = Arc::new(Opened::open(&placed.path)?);
        let name = placed.path.display().to_string();
        let padded = opened.len.next_multiple_of(WORD as u64);
        // More than 4 GB has no address in any window.
        let end = u64::from(address).checked_add(padded).filter(|end| *end <= u64::from(u32::MAX));
        if end.is_none() {
            return Err(Failure::new(codes::AREA_TARGET, format!("{name} is too long for {address:#010x}")));
        }
        let mut offset = 0;
        while offset < padded {
            let len = (padded - offset).min(MAX_PAYLOAD as u64);
            self.areas.push(Area {
                kind: AreaKind::External,
                address: address.saturating_add(offset as u32),
                len: len as usize,
                name: name.clone(),
                source: Source::File(Arc::clone(&opened)),
                offset,
            });
            offset += len;
        }
        self.opened.push(opened);
        Ok(())
    }

    /// Adds a module as its owner delivered it.
    pub fn module(&mut self, path: &Path) -> Result {
        let mut bytes = files::read(path)?;
        let refused =
            |code| Failure::new(code, "it is no module, or its length is wrong").about(path.display());
        let (header, _) = ModuleHeader::split(&mut bytes).map_err(refused)?;
        if bytes.len() > MAX_PAYLOAD {
            let cause = format!("{} bytes; a device checks at most {MAX_PAYLOAD} at once", bytes.len());
            return Err(Failure::new(codes::AREA_TOO_LARGE, cause).about(path.display()));
        }
        self.areas.push(Area {
            kind: AreaKind::Module,
            address: header.destination,
            len: bytes.len(),
            name: path.display().to_string(),
            source: Source::Memory(Arc::new(bytes)),
            offset: 0,
        });
        Ok(())
    }

    /// Everything in the order in which it is installed; refused if a device would refuse it.
    pub fn arrange(&mut self) -> Result {
        self.lay_out_firmware()?;
        self.areas.sort_by_key(|area| area.address);
        let mut before: Option<&Area> = None;
        for area in &self.areas {
            let shown = || format!("{} at {:#010x}, {} bytes", area.name, area.address, area.occupied());
            let memory = if area.kind == AreaKind::External { OCTOSPI1 } else { FLASH };
            let place = Region::checked(Address::new(area.address), Size::new(area.occupied()));
            let whole =
                area.address.is_multiple_of(WORD as u32) && area.occupied().is_multiple_of(WORD as u32);
            let Some(place) = place.filter(|place| whole && memory.contains_region(*place)) else {
                let cause = format!(
                    "{} is not in whole flash words inside {:#010x}..{:#010x}",
                    shown(),
                    memory.start().value(),
                    memory.end().value()
                );
                return Err(Failure::new(codes::AREA_TARGET, cause));
            };
            if place.overlaps(INSTALL_NOTE) {
                let cause =
                    format!("{} covers the device's note at {:#010x}", shown(), INSTALL_NOTE.start().value());
                return Err(Failure::new(codes::AREA_OVERLAP, cause));
            }
            if let Some(before) = before
                && area.address < before.address.saturating_add(before.occupied())
            {
                let cause = format!("{} and {} at {:#010x} overlap", shown(), before.name, before.address);
                return Err(Failure::new(codes::AREA_OVERLAP, cause));
            }
            before = Some(area);
        }
        Ok(())
    }

    /// Refuses inputs that changed since they were opened.
    pub fn unchanged(&self) -> Result {
        self.opened.iter().try_for_each(|opened| opened.unchanged())
    }

    /// Pieces that share a flash word, or touch, become one stretch; what no piece names reads as erased.
    fn lay_out_firmware(&mut self) -> Result {
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.sort_by_key(|piece| piece.address);
        let mut stretch: Option<(u32, Vec<u8>, String)> = None;
        for piece in pieces {
            let at = piece.address & !(WORD as u32 - 1);
            let joined = match &mut stretch {
                Some((start, bytes, name)) => {
                    let end = u64::from(*start) + bytes.len() as u64;
                    if u64::from(piece.address) < end {
                        let a = application::describe_range(name, *start, end);
                        let b = application::describe_range(&piece.name, piece.address, piece.end());
                        return Err(application::overlap(&a, &b));
                    }
                    let joined = u64::from(at) <= end.next_multiple_of(WORD as u64);
                    if joined {
                        bytes.resize((piece.address - *start) as usize, ERASED);
                        bytes.extend_from_slice(&piece.bytes);
                    }
                    joined
                }
                None => false,
            };
            if !joined {
                let mut bytes = vec![ERASED; (piece.address - at) as usize];
                bytes.extend_from_slice(&piece.bytes);
                if let Some((start, bytes, name)) = stretch.replace((at, bytes, piece.name)) {
                    self.split_memory(AreaKind::Firmware, start, bytes, &name)?;
                }
            }
        }
        match stretch {
            Some((start, bytes, name)) => self.split_memory(AreaKind::Firmware, start, bytes, &name),
            None => Ok(()),
        }
    }

    fn split_memory(&mut self, kind: AreaKind, start: u32, bytes: Vec<u8>, name: &str) -> Result {
        let total = bytes.len().next_multiple_of(WORD);
        if u32::try_from(total).ok().and_then(|total| start.checked_add(total)).is_none() {
            return Err(Failure::new(
                codes::AREA_TARGET,
                format!("{name} at {start:#010x} ends beyond 4 GB"),
            ));
        }
        let bytes = Arc::new(bytes);
        let mut offset = 0;
        while offset < total {
            let len = (total - offset).min(MAX_PAYLOAD);
            self.areas.push(Area {
                kind,
                address: start.saturating_add(offset as u32),
                len,
                name: name.to_owned(),
                source: Source::Memory(Arc::clone(&bytes)),
                offset: offset as u64,
            });
            offset += len;
        }
        Ok(())
    }
}

/// The pieces of a file; a raw one needs an address, and only that one takes it.
fn pieces(placed: &Placed) -> Result<Vec<Piece>> {
    let data = files::read(&placed.path)?;
    let parsed = application::parse(&placed.path, &data)?;
    let mut pieces = parsed.pieces;
    match (parsed.format, placed.address) {
        // Somewhere else in its flash word it would be shifted without a word, and its vectors with it.
        (Format::Raw, Some(address)) if !address.is_multiple_of(WORD as u32) => {
            let cause = format!(
                "{address:#010x} is inside a flash word: a raw file begins on a multiple of {WORD} bytes"
            );
            let fix = "Write the address that it was linked for; it is a typing error otherwise.";
            return Err(Failure::new(codes::AREA_TARGET, cause).fix(fix));
        }
        (Format::Raw, Some(address)) => {
            for piece in &mut pieces {
                piece.address = address;
                piece.name = placed.path.display().to_string();
            }
        }
        (Format::Raw, None) => {
            let cause = "a raw file does not say where it goes";
            return Err(Failure::new(input::APP_WRONG_ADDRESS, cause).fix(format!(
                "Write {}@0x08000000, with the address that it is for.",
                placed.path.display()
            )));
        }
        (_, None) => {}
        (format, Some(_)) => {
            let cause = format!("the {} file says itself where it goes", format.name());
            return Err(Failure::new(input::USAGE, cause).fix("Leave @ADDRESS out."));
        }
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(address: u32, len: usize) -> Piece {
        Piece { address, bytes: vec![1; len], name: format!("p{address:x}") }
    }

    fn arranged(pieces: Vec<Piece>) -> Result<Vec<(u32, usize)>> {
        let mut content = Content { pieces, ..Content::default() };
        content.arrange()?;
        Ok(content.areas.iter().map(|area| (area.address, area.len)).collect())
    }

    #[test]
    fn pieces_become_whole_flash_words_and_areas_that_a_device_takes() {
        let base = 0x0800_0000;
        assert_eq!(arranged(vec![piece(base + 4, 8)]), Ok(vec![(base, 32)]));
        assert_eq!(arranged(vec![piece(base, 33), piece(base + 40, 1)]), Ok(vec![(base, 64)]));
        assert_eq!(
            arranged(vec![piece(base + 0x100, 1), piece(base, 1)]),
            Ok(vec![(base, 32), (base + 0x100, 32)])
        );
        let long = arranged(vec![piece(base, MAX_PAYLOAD + 1)]);
        assert_eq!(long, Ok(vec![(base, MAX_PAYLOAD), (base + MAX_PAYLOAD as u32, 32)]));
    }

    #[test]
    fn what_a_device_refuses_is_refused_here() {
        let code = |pieces| arranged(pieces).unwrap_err().code;
        assert_eq!(code(vec![piece(0x0800_0000, 64), piece(0x0800_0020, 4)]), input::APP_OVERLAP);
        assert_eq!(code(vec![piece(0x2000_0000, 4)]), codes::AREA_TARGET);
        assert_eq!(code(vec![piece(0x080F_FFFF, 2)]), codes::AREA_TARGET);
        assert_eq!(code(vec![piece(INSTALL_NOTE.start().value(), 4)]), codes::AREA_OVERLAP);
    }

    /// Two passes over a file that somebody writes in between would be hashed as one thing and packed as another.
    #[test]
    fn an_input_that_changes_while_it_is_packed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big.bin");
        let code = |outcome: Result| outcome.unwrap_err().code;
        std::fs::write(&path, vec![1; MAX_PAYLOAD + 64]).unwrap();
        let mut content = Content::default();
        content.external(&Placed { path: path.clone(), address: Some(0x9000_0000) }).unwrap();
        let opened = Arc::clone(&content.opened[0]);
        assert_eq!(opened.unchanged(), Ok(()));
        let mut payload = Vec::new();
        assert_eq!(content.areas[1].read(&mut payload), Ok(()));
        assert_eq!(payload, [1; 64]);
        // Shorter: the area that is gone cannot be read, the one that is left is not the whole.
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(MAX_PAYLOAD as u64).unwrap();
        assert_eq!(code(content.areas[1].read(&mut payload)), input::SFI_INPUT_CHANGED);
        assert_eq!(code(opened.unchanged()), input::SFI_INPUT_CHANGED);
        // As long as before, and written again.
        file.set_len(MAX_PAYLOAD as u64 + 64).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(code(opened.unchanged()), input::SFI_INPUT_CHANGED);
    }

    #[test]
    fn names_with_an_address() {
        let parse = |text: &str| text.parse::<Placed>().map(|p| (p.path, p.address));
        assert_eq!(parse("a.bin@0x10"), Ok(("a.bin".into(), Some(16))));
        assert_eq!(parse("a@b.elf"), Ok(("a@b.elf".into(), None)));
        assert!(parse("a.bin@0xZZ").is_err());
    }
}
