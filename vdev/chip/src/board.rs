//! The board file: everything of a device that survives power-off. A copy of the file is a cloned board.
//!
//! Little-endian. Header: magic (8), version (4), length of the body (4), CRC-32 of the body (4). Body: part (4), unique
//! id (12), BOOT0 (1), zero (1), product id that the bootloader reports (2; 0: the part's own), option bytes (6 x 4),
//! bitmap of programmed flash words, damaged words (count, then index and kind each), flash blocks that are not erased (count, then index and 4096 bytes each). Since version 2: the same
//! list of blocks for the external flash at OCTOSPI1, then for the one at OCTOSPI2. Since version 3: 1 and the identity of the
//! device (private key, 32 bytes; certificate, 136 bytes), or 0 for a device that has none.

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ironroot_codes::{Code, input};
use ironroot_layout::stm32h735::{ERASED, FLASH, VIRTUAL_UNIQUE_ID_PREFIX};

use crate::external::{self, ExternalFlash};
use crate::flash::ecc::{Damage, Ecc, WORDS};
use crate::flash::options::OptionBytes;
use crate::peripherals::simple::IDCODE;

const MAGIC: [u8; 8] = *b"IRONBRD\0";
const VERSION: u32 = 3;
/// The first version, without external flash, is still read.
const VERSION_INTERNAL_ONLY: u32 = 1;
/// The second, without identity, too.
const VERSION_NO_IDENTITY: u32 = 2;
const HEADER: usize = 20;
const BLOCK: usize = 4096;
/// More than any board file has: a device file in its place must not fill the memory.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// DEV_ID of the only part of this version.
const PART: u32 = IDCODE & 0xFFF;
const FLASH_SIZE: usize = FLASH.size().bytes() as usize;
const BITMAP: usize = WORDS as usize / 8;

/// The key pair that a chip is born with.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The private number, big-endian.
    pub key: [u8; 32],
    /// The certificate of its maker.
    pub certificate: [u8; 136],
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// What is on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    uid: [u8; 12],
    options: OptionBytes,
    flash: Vec<u8>,
    ecc: Ecc,
    boot0: bool,
    bootloader_pid: Option<u16>,
    external: [ExternalFlash; 2],
    identity: Option<Identity>,
}

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
                write!(f, "the board file has version {version}, this tool reads version {VERSION}")
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

impl Board {
    /// A new board with a factory-fresh part. The unique id begins with "IRVD".
    pub fn create(uid: [u8; 12]) -> Result<Self, BoardError> {
        if !uid.starts_with(&VIRTUAL_UNIQUE_ID_PREFIX) {
            return Err(BoardError::NotVirtual(uid));
        }
        Ok(Board {
            uid,
            options: OptionBytes::FACTORY,
            flash: vec![ERASED; FLASH_SIZE],
            ecc: Ecc::default(),
            boot0: false,
            bootloader_pid: None,
            external: Default::default(),
            identity: None,
        })
    }

    /// The same from the 64 bits behind the mark of virtual devices.
    pub fn with_serial(serial: u64) -> Self {
        let mut uid = [0; 12];
        let (mark, rest) = uid.split_at_mut(VIRTUAL_UNIQUE_ID_PREFIX.len());
        mark.copy_from_slice(&VIRTUAL_UNIQUE_ID_PREFIX);
        rest.copy_from_slice(&serial.to_be_bytes());
        Board {
            uid,
            options: OptionBytes::FACTORY,
            flash: vec![ERASED; FLASH_SIZE],
            ecc: Ecc::default(),
            boot0: false,
            bootloader_pid: None,
            external: Default::default(),
            identity: None,
        }
    }

    pub(crate) fn from_parts(
        uid: [u8; 12],
        options: OptionBytes,
        flash: Vec<u8>,
        ecc: Ecc,
        boot0: bool,
    ) -> Self {
        Board {
            uid,
            options,
            flash,
            ecc,
            boot0,
            bootloader_pid: None,
            external: Default::default(),
            identity: None,
        }
    }

    pub(crate) fn with_external(mut self, external: [ExternalFlash; 2]) -> Self {
        self.external = external;
        self
    }

    pub(crate) fn with_identity(mut self, identity: Option<Identity>) -> Self {
        self.identity = identity;
        self
    }

    /// The key pair of the chip: in system flash, the private half where only the root security services read.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Gives the chip a key pair, as its maker does.
    pub fn set_identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    pub(crate) fn with_bootloader_pid(mut self, pid: u16) -> Self {
        self.set_bootloader_pid(Some(pid));
        self
    }

    /// The unique id.
    pub fn uid(&self) -> &[u8; 12] {
        &self.uid
    }

    /// The option bytes.
    pub fn options(&self) -> &OptionBytes {
        &self.options
    }

    /// The option bytes, to prepare a board for a test: no rule is checked.
    pub fn options_mut(&mut self) -> &mut OptionBytes {
        &mut self.options
    }

    /// The user flash, 1 MB.
    pub fn flash(&self) -> &[u8] {
        &self.flash
    }

    /// State of the flash words.
    pub fn ecc(&self) -> &Ecc {
        &self.ecc
    }

    /// Level of the BOOT0 pin.
    pub fn boot0(&self) -> bool {
        self.boot0
    }

    /// Sets the level of the BOOT0 pin.
    pub fn set_boot0(&mut self, high: bool) {
        self.boot0 = high;
    }

    /// The product id that the system bootloader reports.
    pub fn bootloader_pid(&self) -> u16 {
        self.bootloader_pid.unwrap_or(PART as u16)
    }

    /// Lets the system bootloader report another product id, for flashers that do not know this part: stm32flash 0.7 has of
    /// this family only 0x450, the STM32H743. `None` is the part's own. It is one word of system flash, nothing else.
    pub fn set_bootloader_pid(&mut self, pid: Option<u16>) {
        self.bootloader_pid = pid.filter(|pid| u32::from(*pid) != PART && *pid != 0);
    }

    /// Puts bytes into user flash past the controller, as a gang programmer would before soldering: whole words count as
    /// programmed. False if they do not fit.
    pub fn preload(&mut self, address: u32, bytes: &[u8]) -> bool {
        let Some(start) = address.checked_sub(FLASH.start().value()).map(|offset| offset as usize) else {
            return false;
        };
        let Some(target) = self.flash.get_mut(start..start.saturating_add(bytes.len())) else { return false };
        target.copy_from_slice(bytes);
        let word = FLASH_SIZE / WORDS as usize;
        if !bytes.is_empty() {
            for index in start / word..=(start + bytes.len() - 1) / word {
                self.ecc.set(index as u32, None);
            }
        }
        true
    }

    /// Erases a part of user flash past the controller: its words can be programmed again. False if it is not whole words of
    /// user flash.
    pub fn erase(&mut self, region: ironroot_layout::Region) -> bool {
        let word = FLASH_SIZE / WORDS as usize;
        let start = region.start().value().wrapping_sub(FLASH.start().value()) as usize;
        let end = start.saturating_add(region.size().bytes() as usize);
        if !FLASH.contains_region(region) || !start.is_multiple_of(word) || !end.is_multiple_of(word) {
            return false;
        }
        if let Some(target) = self.flash.get_mut(start..end) {
            target.fill(ERASED);
        }
        self.ecc.erase((start / word) as u32..(end / word) as u32);
        true
    }

    /// The external flash at OCTOSPI1 (0x9000_0000) and at OCTOSPI2 (0x7000_0000), 16 MB each.
    pub fn external(&self) -> &[ExternalFlash; 2] {
        &self.external
    }

    /// Puts bytes into the external flash at their address in the OCTOSPI1 or OCTOSPI2 window, as a programmer for the bare
    /// chip would. False if they do not fit.
    pub fn preload_external(&mut self, address: u32, bytes: &[u8]) -> bool {
        let Some((number, offset)) = external::locate(address) else { return false };
        self.external.get_mut(number).is_some_and(|flash| flash.load(offset, bytes))
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let put = |body: &mut Vec<u8>, value: u32| body.extend_from_slice(&value.to_le_bytes());
        put(&mut body, PART);
        body.extend_from_slice(&self.uid);
        put(&mut body, u32::from(self.boot0) | u32::from(self.bootloader_pid.unwrap_or(0)) << 16);
        let o = &self.options;
        for value in [o.optsr, o.prar, o.scar, o.wpsn, o.boot, o.optsr2] {
            put(&mut body, value);
        }
        for bits in self.ecc.programmed() {
            body.extend_from_slice(&bits.to_le_bytes());
        }
        let damaged: Vec<(u32, Damage)> = self.ecc.damaged().collect();
        put(&mut body, damaged.len() as u32);
        for (word, damage) in damaged {
            put(&mut body, word);
            put(&mut body, u32::from(damage == Damage::Double));
        }
        let blocks: Vec<(usize, &[u8])> = self
            .flash
            .chunks(BLOCK)
            .enumerate()
            .filter(|(_, block)| block.iter().any(|&byte| byte != ERASED))
            .collect();
        put(&mut body, blocks.len() as u32);
        for (index, block) in blocks {
            put(&mut body, index as u32);
            body.extend_from_slice(block);
        }

        for flash in &self.external {
            put(&mut body, flash.blocks().len() as u32);
            for (index, block) in flash.blocks() {
                put(&mut body, index);
                body.extend_from_slice(block);
            }
        }

        put(&mut body, u32::from(self.identity.is_some()));
        if let Some(identity) = &self.identity {
            body.extend_from_slice(&identity.key);
            body.extend_from_slice(&identity.certificate);
        }

        let mut file = MAGIC.to_vec();
        put(&mut file, VERSION);
        put(&mut file, body.len() as u32);
        put(&mut file, crc32fast::hash(&body));
        file.extend_from_slice(&body);
        file
    }

    /// From a file's content.
    pub fn from_bytes(file: &[u8]) -> Result<Self, BoardError> {
        let Some(rest) = file.strip_prefix(&MAGIC) else {
            // A file that ends inside the magic is a damaged board rather than a stranger, unless it is empty.
            return Err(match file.len() {
                1..8 if MAGIC.starts_with(file) => {
                    BoardError::Truncated { expected: HEADER, found: file.len() }
                }
                _ => BoardError::NotABoard,
            });
        };
        let short = BoardError::Truncated { expected: HEADER, found: file.len() };
        let mut header = Reader(rest);
        let Some(version) = header.u32() else { return Err(short) };
        if !(VERSION_INTERNAL_ONLY..=VERSION).contains(&version) {
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
        Self::parse(&mut Reader(body), version)
    }

    fn parse(body: &mut Reader<'_>, version: u32) -> Result<Self, BoardError> {
        const SHORT: BoardError = BoardError::Corrupt("a part is missing");
        let part = body.u32().ok_or(SHORT)?;
        if part != PART {
            return Err(BoardError::UnknownPart(part));
        }
        let uid = *body.array::<12>().ok_or(SHORT)?;
        let mut board = Board::create(uid)?;
        let identity = body.u32().ok_or(SHORT)?;
        board.boot0 = match identity & 0xFFFF {
            0 => false,
            1 => true,
            _ => return Err(BoardError::Corrupt("BOOT0 is neither 0 nor 1")),
        };
        board.set_bootloader_pid(Some((identity >> 16) as u16));
        let o = &mut board.options;
        for field in [&mut o.optsr, &mut o.prar, &mut o.scar, &mut o.wpsn, &mut o.boot, &mut o.optsr2] {
            *field = body.u32().ok_or(SHORT)?;
        }
        if OptionBytes::FACTORY.with(o) != *o {
            return Err(BoardError::Corrupt("reserved option bits are changed"));
        }
        let bitmap = body.take(BITMAP).ok_or(SHORT)?;
        let bits = bitmap.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        board.ecc = Ecc::from_programmed(bits).ok_or(SHORT)?;
        for _ in 0..body.u32().ok_or(SHORT)? {
            let (word, kind) = (body.u32().ok_or(SHORT)?, body.u32().ok_or(SHORT)?);
            let damage = match kind {
                0 => Damage::Single,
                1 => Damage::Double,
                _ => return Err(BoardError::Corrupt("unknown damage of a flash word")),
            };
            if word >= WORDS {
                return Err(BoardError::Corrupt("a damaged word outside the flash"));
            }
            board.ecc.set(word, Some(damage));
        }
        for _ in 0..body.u32().ok_or(SHORT)? {
            let index = body.u32().ok_or(SHORT)? as usize;
            let block = body.take(BLOCK).ok_or(SHORT)?;
            match board.flash.chunks_mut(BLOCK).nth(index) {
                Some(target) => target.copy_from_slice(block),
                None => return Err(BoardError::Corrupt("a block outside the flash")),
            }
        }
        for flash in board.external.iter_mut().filter(|_| version != VERSION_INTERNAL_ONLY) {
            for _ in 0..body.u32().ok_or(SHORT)? {
                let index = body.u32().ok_or(SHORT)?;
                let block = body.take(external::BLOCK).ok_or(SHORT)?;
                let fits = index.checked_mul(BLOCK as u32).is_some_and(|offset| flash.load(offset, block));
                if !fits {
                    return Err(BoardError::Corrupt("a block outside the external flash"));
                }
            }
        }
        if version > VERSION_NO_IDENTITY {
            board.identity = match body.u32().ok_or(SHORT)? {
                0 => None,
                1 => Some(Identity {
                    key: *body.array().ok_or(SHORT)?,
                    certificate: *body.array().ok_or(SHORT)?,
                }),
                _ => return Err(BoardError::Corrupt("the identity is neither there nor not")),
            };
        }
        if body.0.is_empty() { Ok(board) } else { Err(BoardError::Corrupt("bytes behind the end")) }
    }

    /// Reads a board file.
    pub fn load(path: &Path) -> Result<Self, BoardError> {
        let refused = |error| BoardError::Io { path: path.to_owned(), writing: false, error };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(refused)?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(refused)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(BoardError::TooLarge);
        }
        Self::from_bytes(&bytes)
    }

    /// Writes a board file. The old one is there, whole, until the new one is: a crash in between cannot take the board.
    pub fn save(&self, path: &Path) -> Result<(), BoardError> {
        self.replace(path).map_err(|error| BoardError::Io { path: path.to_owned(), writing: true, error })
    }

    fn replace(&self, path: &Path) -> std::io::Result<()> {
        let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        let written = (|| {
            let mut file = std::fs::File::create(&temporary)?;
            file.write_all(&self.to_bytes())?;
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
}

/// Takes fields from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.take(N)?.first_chunk()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }
}
