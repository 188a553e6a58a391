//! The payload of an image, read piece by piece: an application file of any size is never in memory as a whole.
//!
//! 1. A raw file is read where it is. So are the segments of an ELF file, which may be smaller than its debug information
//!    by far.
//! 2. An Intel HEX file may have its records in any order, so its bytes go to a nameless temporary file first.
//! 3. Gaps read as erased flash.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use ironroot_codes::input;
use object::ReadCache;

use crate::error::{Context, Failure, Result};
use crate::input::{Format, describe_range, elf, hex, overlap};

/// Enough of a file to recognise it by.
const START: usize = 64;

/// A stretch of a file, and where it lies in what is made of it.
#[derive(Debug, Clone)]
struct Extent {
    at: u64,
    len: u64,
    from: u64,
}

/// Bytes of a file in the order of their addresses, gaps filled.
#[derive(Debug)]
pub struct Pieces {
    store: Store,
    /// By rising `at`, without overlap.
    extents: Vec<Extent>,
    len: u64,
    fill: u8,
    /// Address of the first byte, if the format has addresses.
    pub address: Option<u32>,
    /// The format of the file.
    pub format: Format,
}

/// What a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// An application: ELF, HEX or raw.
    Application,
    /// An image or a dump: HEX or raw.
    Image,
    /// This, whatever its name and its first bytes say.
    Only(Format),
}

#[derive(Debug)]
enum Store {
    Memory(Vec<u8>),
    File(File),
}

impl Pieces {
    /// Bytes that are in memory already.
    pub fn of_bytes(bytes: Vec<u8>, format: Format) -> Self {
        let len = bytes.len() as u64;
        let extents = vec![Extent { at: 0, len, from: 0 }];
        Pieces { store: Store::Memory(bytes), extents, len, fill: 0xff, address: None, format }
    }

    /// Opens a file. What is between its parts reads as `fill`; from the first to the last byte there may be at most `max`
    /// bytes.
    pub fn open(path: &Path, expected: Expected, fill: u8, max: u64) -> Result<Self> {
        Self::open_as(path, expected, fill, max).about(path.display())
    }

    fn open_as(path: &Path, expected: Expected, fill: u8, max: u64) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| Failure::read(path, &e))?;
        let metadata = file.metadata().map_err(|e| Failure::read(path, &e))?;
        if !metadata.is_file() {
            // A pipe cannot be read twice, nor from the middle.
            file = spool(path, &mut file)?;
        }
        let mut start = [0; START];
        let known = read_up_to(&file, &mut start).map_err(|e| Failure::read(path, &e))?;
        let start = start.get(..known).unwrap_or_default();
        if start.is_empty() {
            return Err(Failure::new(input::FILE_EMPTY, "the file has no bytes"));
        }
        let format = match (expected, Format::of(path, start)) {
            (Expected::Image, Format::Elf) => Format::Raw,
            (Expected::Only(format), _) => format,
            (_, found) => found,
        };
        let pieces = match format {
            Format::Raw => {
                let len = file.metadata().map_err(|e| Failure::read(path, &e))?.len();
                let extents = vec![Extent { at: 0, len, from: 0 }];
                Pieces { store: Store::File(file), extents, len, fill, address: None, format }
            }
            Format::Elf if !start.starts_with(b"\x7fELF") => {
                let cause = "the name says ELF, but the file does not begin with the ELF magic";
                return Err(Failure::new(input::APP_UNKNOWN_FORMAT, cause));
            }
            Format::Elf => of_elf(file, fill)?,
            Format::Hex => of_hex(path, file, fill)?,
        };
        if pieces.len == 0 {
            return Err(Failure::new(input::APP_EMPTY, format!("the {} file has no data", format.name())));
        }
        if pieces.len > max {
            let cause =
                format!("from its first to its last byte there are {} bytes, {max} are the most", pieces.len);
            return Err(Failure::new(input::APP_TOO_LARGE, cause));
        }
        Ok(pieces)
    }

    /// Number of bytes, gaps included.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Leaves out the first `bytes`.
    pub fn skip(&mut self, bytes: u64) {
        self.len = self.len.saturating_sub(bytes);
        self.address = self.address.map(|a| a.wrapping_add(bytes as u32));
        for extent in &mut self.extents {
            let cut = bytes.saturating_sub(extent.at).min(extent.len);
            extent.at = (extent.at + cut).saturating_sub(bytes);
            extent.from += cut;
            extent.len -= cut;
        }
        self.extents.retain(|extent| extent.len > 0);
    }

    /// The bytes from `start` to `end` as pieces of their own; the file is not opened again.
    pub fn part(&self, start: u64, end: u64) -> io::Result<Pieces> {
        let store = match &self.store {
            Store::File(file) => Store::File(file.try_clone()?),
            Store::Memory(bytes) => Store::Memory(bytes.clone()),
        };
        let (extents, address) = (self.extents.clone(), self.address);
        let mut part =
            Pieces { store, extents, len: self.len, fill: self.fill, address, format: self.format };
        part.skip(start);
        part.cut(end.saturating_sub(start));
        Ok(part)
    }

    /// Leaves out what is behind the first `len` bytes.
    fn cut(&mut self, len: u64) {
        self.len = self.len.min(len);
        for extent in &mut self.extents {
            extent.len = extent.len.min(len.saturating_sub(extent.at));
        }
        self.extents.retain(|extent| extent.len > 0);
    }

    /// Fills `buffer` from `offset`.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let first = self.extents.partition_point(|extent| extent.at + extent.len <= offset);
        let mut position = offset;
        for extent in self.extents.iter().skip(first).take_while(|extent| extent.at < end) {
            let (from, to) = (extent.at.max(offset), (extent.at + extent.len).min(end));
            self.gap(buffer, position - offset, from - offset);
            // Both are inside the buffer: cut to `offset..end` above.
            if let Some(part) = buffer.get_mut((from - offset) as usize..(to - offset) as usize) {
                self.store.read_at(extent.from + (from - extent.at), part)?;
            }
            position = to;
        }
        self.gap(buffer, position - offset, end - offset);
        Ok(())
    }

    fn gap(&self, buffer: &mut [u8], from: u64, to: u64) {
        buffer.get_mut(from as usize..to as usize).unwrap_or_default().fill(self.fill);
    }
}

impl Store {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Store::File(file) => file.read_exact_at(buffer, offset),
            Store::Memory(bytes) => {
                let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
                let part = bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
                buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

/// As much of the start of `file` as there is and fits.
fn read_up_to(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut known = 0;
    while let Some(rest) = buffer.get_mut(known..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, known as u64) {
            Ok(0) => break,
            Ok(n) => known += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(known)
}

/// A nameless temporary file: no other process can reach it, and it is gone with this one.
fn temporary(path: &Path) -> Result<File> {
    tempfile::tempfile().map_err(|e| {
        Failure::new(input::FILE_UNWRITABLE, format!("a temporary file for {}: {e}", path.display()))
    })
}

/// More than any input is; an endless pipe must end.
const MOST_SPOOLED: u64 = 4 * 1024 * 1024 * 1024;

fn spool(path: &Path, from: &mut File) -> Result<File> {
    let mut to = temporary(path)?;
    let copied = io::copy(&mut from.take(MOST_SPOOLED + 1), &mut to).map_err(|e| Failure::read(path, &e))?;
    if copied > MOST_SPOOLED {
        return Err(Failure::new(input::FILE_TOO_LARGE, "there is no end to it"));
    }
    to.seek(SeekFrom::Start(0)).map_err(|e| Failure::read(path, &e))?;
    Ok(to)
}

fn of_elf(file: File, fill: u8) -> Result<Pieces> {
    let reader = file.try_clone().map_err(|e| Failure::new(input::FILE_UNREADABLE, e.to_string()))?;
    // Headers and names only are kept in the cache.
    let cache = ReadCache::new(reader);
    let (spans, _) = elf::layout(&cache)?;
    let base = spans.first().map_or(0, |span| span.address);
    let extents: Vec<Extent> = spans
        .iter()
        .map(|span| Extent {
            at: u64::from(span.address - base),
            len: span.file.end - span.file.start,
            from: span.file.start,
        })
        .collect();
    let len = extents.last().map_or(0, |last| last.at + last.len);
    Ok(Pieces { store: Store::File(file), extents, len, fill, address: Some(base), format: Format::Elf })
}

fn of_hex(path: &Path, file: File, fill: u8) -> Result<Pieces> {
    let spooled = temporary(path)?;
    let mut out = io::BufWriter::with_capacity(1 << 18, spooled);
    let mut written = 0;
    // `at` is the address until the first one is known.
    let mut extents: Vec<Extent> = Vec::new();
    let unwritable = |e: io::Error| Failure::new(input::FILE_UNWRITABLE, format!("a temporary file: {e}"));
    hex::read(BufReader::with_capacity(1 << 18, &file), |address, data, _| {
        out.write_all(data).map_err(unwritable)?;
        let len = data.len() as u64;
        match extents.last_mut() {
            Some(last) if last.at + last.len == u64::from(address) => last.len += len,
            _ if data.is_empty() => {}
            _ => extents.push(Extent { at: address.into(), len, from: written }),
        }
        written += len;
        Ok(())
    })?;
    let spooled = out.into_inner().map_err(|e| unwritable(e.into_error()))?;
    extents.sort_by_key(|extent| extent.at);
    for pair in extents.windows(2) {
        if let [a, b] = pair
            && a.at + a.len > b.at
        {
            let [a, b] = [a, b].map(|e| describe_range("data", e.at as u32, e.at + e.len));
            return Err(overlap(&a, &b));
        }
    }
    let base = extents.first().map_or(0, |first| first.at);
    for extent in &mut extents {
        extent.at -= base;
    }
    let len = extents.last().map_or(0, |last| last.at + last.len);
    let address = Some(base as u32);
    Ok(Pieces { store: Store::File(spooled), extents, len, fill, address, format: Format::Hex })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &Pieces) -> Vec<u8> {
        let mut bytes = vec![0; pieces.len() as usize];
        pieces.read_at(0, &mut bytes).unwrap();
        // The same in crooked steps.
        let mut again = vec![0; bytes.len()];
        let mut at = 0;
        for part in again.chunks_mut(7) {
            pieces.read_at(at, part).unwrap();
            at += part.len() as u64;
        }
        assert_eq!(bytes, again);
        bytes
    }

    #[test]
    fn records_in_any_order_with_gaps() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.hex");
        let mut text = Vec::new();
        let mut writer = hex::Writer::new(&mut text);
        writer.at(0x1020).unwrap();
        writer.write(&[2; 5]).unwrap();
        writer.at(0x1000).unwrap();
        writer.write(&[1; 20]).unwrap();
        writer.finish().unwrap();
        std::fs::write(&path, text).unwrap();
        let mut pieces = Pieces::open(&path, Expected::Application, 0xEE, 1000).unwrap();
        let wanted = [vec![1; 20], vec![0xEE; 12], vec![2; 5]].concat();
        assert_eq!(all(&pieces), wanted);
        assert_eq!(pieces.address, Some(0x1000));
        for skipped in [3, 20, 10] {
            let before = all(&pieces);
            pieces.skip(skipped);
            assert_eq!(all(&pieces), before[skipped as usize..], "{skipped}");
        }
        assert_eq!(pieces.address, Some(0x1000 + 33));
        assert!(pieces.read_at(3, &mut [0; 2]).is_err());
        assert_eq!(
            Pieces::open(&path, Expected::Application, 0xEE, 36).unwrap_err().code,
            input::APP_TOO_LARGE
        );
    }

    #[test]
    fn a_pipe_is_read_like_a_file() {
        let (mut from, mut to) = {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("fifo");
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            let for_writer = path.clone();
            let writer = std::thread::spawn(move || std::fs::write(for_writer, [7; 100_000]).unwrap());
            let pieces = Pieces::open(&path, Expected::Application, 0xff, 1 << 20).unwrap();
            writer.join().unwrap();
            (pieces, vec![0; 100_000])
        };
        from.read_at(0, &mut to).unwrap();
        assert_eq!((to, from.len()), (vec![7; 100_000], 100_000));
        from.skip(0);
    }
}
