//! What board files of all parts have in common: header, sections, and how a file is replaced.
//!
//! Little-endian. Header: magic (8), version (4), length of the body (4), CRC-32 of the body (4).

use std::fmt;
use std::io::{Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use ironroot_codes::{Code, input};

use crate::external::{self, ExternalFlash};
use crate::flash::ecc::{Damage, Words};

const HEADER: usize = 20;
const BLOCK: usize = 4096;
const ERASED: u8 = 0xFF;
/// More than any board file has: a device file in its place must not fill the memory.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// A body that ends early.
pub const SHORT: BoardError = BoardError::Corrupt("a part is missing");

/// A board that cannot be made, read or written.
#[derive(Debug)]
pub enum BoardError {
    /// The file does not start with the magic of a board file.
    NotABoard,
    /// The file ends early, or goes on behind its end.
    Truncated {
        /// Bytes that the header promises.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The file is larger than any board.
    TooLarge,
    /// The checksum is wrong, or a field is impossible.
    Corrupt(&'static str),
    /// Another version of the format.
    Version(u32),
    /// A part that this version does not know, by DEV_ID.
    UnknownPart(u32),
    /// A unique id that does not begin with the mark of virtual devices.
    NotVirtual([u8; 12]),
    /// The system said no.
    Io {
        /// The file.
        path: PathBuf,
        /// True if it was to be written.
        writing: bool,
        /// What the system said.
        error: std::io::Error,
    },
}

impl BoardError {
    /// The documented code.
    pub fn code(&self) -> Code {
        match self {
            BoardError::NotABoard => input::BOARD_UNREADABLE,
            BoardError::Truncated { .. } => input::BOARD_TRUNCATED,
            BoardError::TooLarge => input::FILE_TOO_LARGE,
            BoardError::Corrupt(_) | BoardError::NotVirtual(_) => input::BOARD_CORRUPT,
            BoardError::Version(_) => input::BOARD_VERSION,
            BoardError::UnknownPart(_) => input::BOARD_UNKNOWN_PART,
            BoardError::Io { writing: false, error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                input::FILE_NOT_FOUND
            }
            BoardError::Io { writing: false, .. } => input::FILE_UNREADABLE,
            BoardError::Io { writing: true, .. } => input::FILE_UNWRITABLE,
        }
    }
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoardError::NotABoard => f.write_str("not a board file"),
            BoardError::Truncated { expected, found } => {
                write!(f, "the board file has {found} bytes where {expected} belong")
            }
            BoardError::TooLarge => {
                write!(f, "the file has more than {} MB, a board has less", MAX_FILE / 1024 / 1024)
            }
            BoardError::Corrupt(what) => write!(f, "the board file is damaged: {what}"),
            BoardError::Version(version) => {
                write!(f, "the board file has version {version}, which this tool does not read")
            }
            BoardError::UnknownPart(part) => write!(f, "the board has a part with DEV_ID 0x{part:03X}"),
            BoardError::NotVirtual(uid) => {
                write!(
                    f,
                    "the unique id {uid:02X?} does not begin with \"IRVD\", the mark of virtual devices"
                )
            }
            BoardError::Io { path, writing, error } => {
                let verb = if *writing { "write" } else { "read" };
                write!(f, "cannot {verb} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for BoardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BoardError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// A file from its body.
pub fn pack(magic: &[u8; 8], version: u32, body: &[u8]) -> Vec<u8> {
    let mut file = magic.to_vec();
    put(&mut file, version);
    put(&mut file, body.len() as u32);
    put(&mut file, crc32fast::hash(body));
    file.extend_from_slice(body);
    file
}

/// Version and body of a file.
pub fn unpack<'a>(
    file: &'a [u8],
    magic: &[u8; 8],
    versions: RangeInclusive<u32>,
) -> Result<(u32, &'a [u8]), BoardError> {
    let Some(rest) = file.strip_prefix(magic) else {
        // A file that ends inside the magic is a damaged board rather than a stranger, unless it is empty.
        return Err(match file.len() {
            1..8 if magic.starts_with(file) => BoardError::Truncated { expected: HEADER, found: file.len() },
            _ => BoardError::NotABoard,
        });
    };
    let short = BoardError::Truncated { expected: HEADER, found: file.len() };
    let mut header = Reader(rest);
    let Some(version) = header.u32() else { return Err(short) };
    if !versions.contains(&version) {
        return Err(BoardError::Version(version));
    }
    let (Some(length), Some(checksum)) = (header.u32(), header.u32()) else { return Err(short) };
    let body = header.0;
    if body.len() != length as usize {
        let expected = HEADER.saturating_add(length as usize);
        return Err(BoardError::Truncated { expected, found: file.len() });
    }
    if crc32fast::hash(body) != checksum {
        return Err(BoardError::Corrupt("the checksum does not match"));
    }
    Ok((version, body))
}

/// Appends a word.
pub fn put(body: &mut Vec<u8>, value: u32) {
    body.extend_from_slice(&value.to_le_bytes());
}

/// Appends the state of a bank's words: bitmap of the programmed ones, then the damaged ones (count; index and kind each).
pub fn put_words<const W: usize, const N: usize>(body: &mut Vec<u8>, words: &Words<W, N>) {
    for bits in words.programmed() {
        body.extend_from_slice(&bits.to_le_bytes());
    }
    let damaged: Vec<(u32, Damage)> = words.damaged().collect();
    put(body, damaged.len() as u32);
    for (word, damage) in damaged {
        put(body, word);
        put(body, u32::from(damage == Damage::Double));
    }
}

/// Takes what [`put_words`] put.
pub fn take_words<const W: usize, const N: usize>(body: &mut Reader<'_>) -> Result<Words<W, N>, BoardError> {
    let bitmap = body.take(N.div_ceil(64) * 8).ok_or(SHORT)?;
    let bits = bitmap.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let mut words = Words::from_programmed(bits).ok_or(SHORT)?;
    for _ in 0..body.u32().ok_or(SHORT)? {
        let (word, kind) = (body.u32().ok_or(SHORT)?, body.u32().ok_or(SHORT)?);
        let damage = match kind {
            0 => Damage::Single,
            1 => Damage::Double,
            _ => return Err(BoardError::Corrupt("unknown damage of a flash word")),
        };
        if word as usize >= N {
            return Err(BoardError::Corrupt("a damaged word outside the flash"));
        }
        words.set(word, Some(damage));
    }
    Ok(words)
}

/// Appends the blocks of a memory that are not erased: count; index and 4096 bytes each.
pub fn put_blocks(body: &mut Vec<u8>, bytes: &[u8]) {
    let blocks: Vec<(usize, &[u8])> = bytes
        .chunks(BLOCK)
        .enumerate()
        .filter(|(_, block)| block.iter().any(|&byte| byte != ERASED))
        .collect();
    put(body, blocks.len() as u32);
    for (index, block) in blocks {
        put(body, index as u32);
        body.extend_from_slice(block);
    }
}

/// Takes what [`put_blocks`] put, into a memory of whole blocks that is erased.
pub fn take_blocks(body: &mut Reader<'_>, bytes: &mut [u8]) -> Result<(), BoardError> {
    for _ in 0..body.u32().ok_or(SHORT)? {
        let index = body.u32().ok_or(SHORT)? as usize;
        let block = body.take(BLOCK).ok_or(SHORT)?;
        match bytes.chunks_exact_mut(BLOCK).nth(index) {
            Some(target) => target.copy_from_slice(block),
            None => return Err(BoardError::Corrupt("a block outside the flash")),
        }
    }
    Ok(())
}

/// Appends the content of an external flash, as [`put_blocks`].
pub fn put_external(body: &mut Vec<u8>, flash: &ExternalFlash) {
    put(body, flash.blocks().len() as u32);
    for (index, block) in flash.blocks() {
        put(body, index);
        body.extend_from_slice(block);
    }
}

/// Takes what [`put_external`] put.
pub fn take_external(body: &mut Reader<'_>, flash: &mut ExternalFlash) -> Result<(), BoardError> {
    for _ in 0..body.u32().ok_or(SHORT)? {
        let index = body.u32().ok_or(SHORT)?;
        let block = body.take(external::BLOCK).ok_or(SHORT)?;
        let fits = index.checked_mul(BLOCK as u32).is_some_and(|offset| flash.load(offset, block));
        if !fits {
            return Err(BoardError::Corrupt("a block outside the external flash"));
        }
    }
    Ok(())
}

/// The content of a board file.
pub fn read_file(path: &Path) -> Result<Vec<u8>, BoardError> {
    let refused = |error| BoardError::Io { path: path.to_owned(), writing: false, error };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(refused)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(BoardError::TooLarge);
    }
    Ok(bytes)
}

/// Replaces a board file. The old one is there, whole, until the new one is: a crash in between cannot take the board.
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), BoardError> {
    replace(path, content).map_err(|error| BoardError::Io { path: path.to_owned(), writing: true, error })
}

fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = (|| {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        // The rename itself is durable only once the directory is.
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // Nothing to do if this fails too: the error that matters is the first.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Takes fields from the front.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over a body.
    pub fn new(body: &'a [u8]) -> Self {
        Reader(body)
    }

    /// True at the end.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.take(N)?.first_chunk()
    }

    /// The next word.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }
}
