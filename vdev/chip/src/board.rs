//! The board file: everything of a device that survives power-off. A copy of the file is a cloned board.
//!
//! Little-endian. Header: magic (8), version (4), length of the body (4), CRC-32 of the body (4). Body: part (4), unique
//! id (12), BOOT0 (1), zero (1), product id that the bootloader reports (2; 0: the part's own), option bytes (6 x 4),
//! bitmap of programmed flash words, damaged words (count, then index and kind each), flash blocks that are not erased (count, then index and 4096 bytes each). Since version 2: the same
//! list of blocks for the external flash at OCTOSPI1, then for the one at OCTOSPI2. Since version 3: 1 and the identity of the
//! device (private key, 32 bytes; certificate, 136 bytes), or 0 for a device that has none. Since version 4: the highest version
//! of a package that was installed (4), and how many blocks of random numbers the chip has made (8).

use std::fmt;
use std::path::Path;

use ironroot_layout::stm32h735::{ERASED, FLASH, VIRTUAL_UNIQUE_ID_PREFIX};

use crate::container::{self, Reader, put};
use crate::external::{self, ExternalFlash};
use crate::flash::ecc::{Ecc, WORDS};
use crate::flash::options::OptionBytes;
use crate::peripherals::simple::IDCODE;

pub use crate::container::BoardError;

/// How a board file of this part begins.
pub const MAGIC: [u8; 8] = *b"IRONBRD\0";
const VERSION: u32 = 4;
/// The first version, without external flash, is still read.
const VERSION_INTERNAL_ONLY: u32 = 1;
/// The second, without identity, too.
const VERSION_NO_IDENTITY: u32 = 2;
/// The third, without counters, too.
const VERSION_NO_COUNTERS: u32 = 3;
/// DEV_ID of the only part of this version.
const PART: u32 = IDCODE & 0xFFF;
const FLASH_SIZE: usize = FLASH.size().bytes() as usize;

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
    installed_version: u32,
    random_blocks: u64,
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
            installed_version: 0,
            random_blocks: 0,
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
            installed_version: 0,
            random_blocks: 0,
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
            installed_version: 0,
            random_blocks: 0,
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

    pub(crate) fn with_counters(mut self, installed_version: u32, random_blocks: u64) -> Self {
        (self.installed_version, self.random_blocks) = (installed_version, random_blocks);
        self
    }

    /// The highest version of a package that was installed; 0 for none.
    pub fn installed_version(&self) -> u32 {
        self.installed_version
    }

    /// How many blocks of random numbers the chip has made: none comes twice.
    pub fn random_blocks(&self) -> u64 {
        self.random_blocks
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
        put(&mut body, PART);
        body.extend_from_slice(&self.uid);
        put(&mut body, u32::from(self.boot0) | u32::from(self.bootloader_pid.unwrap_or(0)) << 16);
        let o = &self.options;
        for value in [o.optsr, o.prar, o.scar, o.wpsn, o.boot, o.optsr2] {
            put(&mut body, value);
        }
        container::put_words(&mut body, &self.ecc);
        container::put_blocks(&mut body, &self.flash);
        for flash in &self.external {
            container::put_external(&mut body, flash);
        }

        put(&mut body, u32::from(self.identity.is_some()));
        if let Some(identity) = &self.identity {
            body.extend_from_slice(&identity.key);
            body.extend_from_slice(&identity.certificate);
        }

        put(&mut body, self.installed_version);
        body.extend_from_slice(&self.random_blocks.to_le_bytes());

        container::pack(&MAGIC, VERSION, &body)
    }

    /// From a file's content.
    pub fn from_bytes(file: &[u8]) -> Result<Self, BoardError> {
        let (version, body) = container::unpack(file, &MAGIC, VERSION_INTERNAL_ONLY..=VERSION)?;
        Self::parse(&mut Reader::new(body), version)
    }

    fn parse(body: &mut Reader<'_>, version: u32) -> Result<Self, BoardError> {
        const SHORT: BoardError = container::SHORT;
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
        board.ecc = container::take_words(body)?;
        container::take_blocks(body, &mut board.flash)?;
        for flash in board.external.iter_mut().filter(|_| version != VERSION_INTERNAL_ONLY) {
            container::take_external(body, flash)?;
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
        if version > VERSION_NO_COUNTERS {
            board.installed_version = body.u32().ok_or(SHORT)?;
            board.random_blocks = body.array().map(|bytes| u64::from_le_bytes(*bytes)).ok_or(SHORT)?;
        }
        if body.is_empty() { Ok(board) } else { Err(BoardError::Corrupt("bytes behind the end")) }
    }

    /// Reads a board file.
    pub fn load(path: &Path) -> Result<Self, BoardError> {
        Self::from_bytes(&container::read_file(path)?)
    }

    /// Writes a board file. The old one is there, whole, until the new one is: a crash in between cannot take the board.
    pub fn save(&self, path: &Path) -> Result<(), BoardError> {
        container::write_file(path, &self.to_bytes())
    }
}
