//! An image or a dump of a slot in a file, read at random: binary of any size, or Intel HEX.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use ironroot_codes::input;
use ironroot_image::{ReadAt, ReadError};

use super::payload::{Expected, Pieces};
use crate::error::{Context, Failure, Result};

/// An image is read front to back in small steps: one window of this size makes them few system calls.
const WINDOW: usize = 256 * 1024;

/// The file.
#[derive(Debug)]
pub struct ImageFile {
    path: PathBuf,
    pieces: Pieces,
    len: u32,
    window: RefCell<Window>,
}

impl ImageFile {
    /// Opens it. What a HEX file leaves out reads as erased.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_as(path, Expected::Image)
    }

    /// Opens it as what the caller knows it to be.
    pub fn open_as(path: &Path, expected: Expected) -> Result<Self> {
        let pieces = Pieces::open(path, expected, 0xff, u64::from(u32::MAX))?;
        let len = u32::try_from(pieces.len())
            .map_err(|_| Failure::new(input::FILE_TOO_LARGE, "an image has less than 4 GB"))
            .about(path.display())?;
        Ok(ImageFile { path: path.to_owned(), pieces, len, window: RefCell::default() })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Address of the first byte, if the format has addresses.
    pub fn address(&self) -> Option<u32> {
        self.pieces.address
    }

    /// The bytes from `start` to `end`, for who reads them all.
    pub fn part(&self, start: u32, end: u32) -> Result<Pieces> {
        let part = self.pieces.part(start.into(), end.into());
        part.map_err(|e| Failure::read(&self.path, &e))
    }

    /// The `len` bytes at `offset`, few enough for memory; `None` if they are not all there.
    pub fn bytes(&self, offset: u32, len: u32) -> Option<Vec<u8>> {
        let end = offset.checked_add(len).filter(|end| *end <= self.len)?;
        let mut bytes = vec![0; (end - offset) as usize];
        self.read_at(offset, &mut bytes).ok()?;
        Some(bytes)
    }
}

impl ReadAt for ImageFile {
    fn len(&self) -> u32 {
        self.len
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> std::result::Result<(), ReadError> {
        self.window.borrow_mut().read(self.len, offset, buffer, |at, piece| {
            self.pieces.read_at(at.into(), piece).map_err(|_| ReadError::Unreadable)
        })
    }
}

/// A source that is read in windows: what is done to each piece on its way, as decrypting, costs less in large pieces.
#[derive(Debug)]
pub struct Windowed<S> {
    source: S,
    window: RefCell<Window>,
}

impl<S: ReadAt> Windowed<S> {
    /// Reads `source` in windows.
    pub fn new(source: S) -> Self {
        Windowed { source, window: RefCell::default() }
    }
}

impl<S: ReadAt> ReadAt for Windowed<S> {
    fn len(&self) -> u32 {
        self.source.len()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> std::result::Result<(), ReadError> {
        let read = |at: u32, piece: &mut [u8]| self.source.read_at(at, piece);
        self.window.borrow_mut().read(self.source.len(), offset, buffer, read)
    }
}

#[derive(Debug, Default)]
struct Window {
    start: u32,
    bytes: Vec<u8>,
}

impl Window {
    /// Fills `buffer` from `offset` of a source of `len` bytes; `fill` reads the source.
    fn read(
        &mut self,
        len: u32,
        offset: u32,
        buffer: &mut [u8],
        fill: impl FnOnce(u32, &mut [u8]) -> std::result::Result<(), ReadError>,
    ) -> std::result::Result<(), ReadError> {
        let (start, wanted) = (u64::from(offset), buffer.len() as u64);
        if start + wanted > u64::from(len) {
            return Err(ReadError::OutOfBounds);
        }
        if buffer.len() >= WINDOW {
            return fill(offset, buffer);
        }
        let window = u64::from(self.start);
        if start < window || start + wanted > window + self.bytes.len() as u64 {
            self.bytes.resize((len - offset).min(WINDOW as u32) as usize, 0);
            self.start = offset;
            if let Err(error) = fill(offset, &mut self.bytes) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let at = (offset - self.start) as usize;
        let part = self.bytes.get(at..at.saturating_add(buffer.len())).ok_or(ReadError::OutOfBounds)?;
        buffer.copy_from_slice(part);
        Ok(())
    }
}
