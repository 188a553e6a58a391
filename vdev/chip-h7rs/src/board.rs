//! The board file: everything of a device that survives power-off. A copy of the file is a cloned board.
//!
//! Header as [`ironroot_chip::container`] says. Body: DEV_ID (4), part (4: 0 STM32H7S7, 1 STM32H7R7), unique id (12), BOOT0
//! (4), number of resets (4), the eight option words (4 each), user flash (state of the words, then blocks that are not
//! erased), one-time programmable words (state, then 1024 bytes), keys (count; level, index, size, bytes each), backup
//! registers (32 x 4), backup SRAM (0, or 1 and 4096 bytes), external flash at XSPI1, then at XSPI2 (blocks), external memories that
//! are not fitted (4: bit 0 at XSPI1, bit 1 at XSPI2; from version 2).

use std::path::Path;

use ironroot_chip::container::{self, Reader, SHORT, put};
use ironroot_chip::external::ExternalFlash;
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::stm32h7rs::{BACKUP_SRAM, ERASED, FLASH, OTP, Part, XSPI1, XSPI2};
use ironroot_layout::stm32h735::VIRTUAL_UNIQUE_ID_PREFIX;
use ironroot_layout::{Address, Region};

use crate::flash::obkeys::ObKey;
use crate::flash::options::{FIELDS, IWDG_SOFTWARE, OptionWords, Word};
use crate::flash::{Persistent, WORD};
use crate::peripherals::dbgmcu::IDCODE;
use crate::peripherals::tamp;

pub use ironroot_chip::container::BoardError;

/// How a board file of these parts begins.
pub const MAGIC: [u8; 8] = *b"IRONBH7\0";
/// Version 1 knew no watchdog: its boards had IWDG_HW as its hardware starts it.
const VERSION: u32 = 2;
const DEV_ID: u32 = IDCODE & 0xFFF;
const FLASH_SIZE: usize = FLASH.size().bytes() as usize;
const OTP_SIZE: usize = OTP.size().bytes() as usize;
const BACKUP_SIZE: usize = BACKUP_SRAM.size().bytes() as usize;
/// The windows of the external flashes: XSPI1, XSPI2.
const WINDOWS: [Region; 2] = [XSPI1, XSPI2];

/// Which part's board a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A board with an STM32H735 ([`ironroot_chip::Board`]).
    H735,
    /// A board with an STM32H7S7 or STM32H7R7.
    H7rs,
}

/// What the first bytes of a file say; `None` if it is no board file. Eight bytes are enough.
pub fn kind(file: &[u8]) -> Option<Kind> {
    match file.first_chunk::<8>()? {
        magic if *magic == MAGIC => Some(Kind::H7rs),
        magic if *magic == ironroot_chip::board::MAGIC => Some(Kind::H735),
        _ => None,
    }
}

/// What is on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardH7 {
    part: Part,
    uid: [u8; 12],
    boot0: bool,
    resets: u32,
    persistent: Persistent,
    flash: Vec<u8>,
    otp: Vec<u8>,
    backup: [u32; tamp::COUNT],
    backup_sram: Vec<u8>,
    external: [ExternalFlash; 2],
    fitted: [bool; 2],
}

/// What a chip gives back to its board.
pub(crate) struct Remains {
    pub boot0: bool,
    pub resets: u32,
    pub persistent: Persistent,
    pub flash: Vec<u8>,
    pub otp: Vec<u8>,
    pub backup: [u32; tamp::COUNT],
    pub backup_sram: Vec<u8>,
    pub external: [ExternalFlash; 2],
    pub fitted: [bool; 2],
}

impl BoardH7 {
    /// A new board with a factory-fresh part. The unique id begins with "IRVD".
    pub fn create(part: Part, uid: [u8; 12]) -> Result<Self, BoardError> {
        if !uid.starts_with(&VIRTUAL_UNIQUE_ID_PREFIX) {
            return Err(BoardError::NotVirtual(uid));
        }
        Ok(Self::fresh(part, uid))
    }

    /// The same from the 64 bits behind the mark of virtual devices.
    pub fn with_serial(part: Part, serial: u64) -> Self {
        let mut uid = [0; 12];
        let (mark, rest) = uid.split_at_mut(VIRTUAL_UNIQUE_ID_PREFIX.len());
        mark.copy_from_slice(&VIRTUAL_UNIQUE_ID_PREFIX);
        rest.copy_from_slice(&serial.to_be_bytes());
        Self::fresh(part, uid)
    }

    fn fresh(part: Part, uid: [u8; 12]) -> Self {
        BoardH7 {
            part,
            uid,
            boot0: false,
            resets: 0,
            persistent: Persistent::default(),
            flash: vec![ERASED; FLASH_SIZE],
            otp: vec![ERASED; OTP_SIZE],
            backup: [0; tamp::COUNT],
            backup_sram: vec![0; BACKUP_SIZE],
            external: Default::default(),
            fitted: [true; 2],
        }
    }

    pub(crate) fn from_remains(part: Part, uid: [u8; 12], remains: Remains) -> Self {
        let Remains { boot0, resets, persistent, flash, otp, backup, backup_sram, external, fitted } =
            remains;
        BoardH7 { part, uid, boot0, resets, persistent, flash, otp, backup, backup_sram, external, fitted }
    }

    /// The part.
    pub fn part(&self) -> Part {
        self.part
    }

    /// The unique id.
    pub fn uid(&self) -> &[u8; 12] {
        &self.uid
    }

    /// Level of the BOOT0 pin.
    pub fn boot0(&self) -> bool {
        self.boot0
    }

    /// Sets the level of the BOOT0 pin.
    pub fn set_boot0(&mut self, high: bool) {
        self.boot0 = high;
    }

    /// How often the device was reset: the random numbers of each life are others.
    pub fn resets(&self) -> u32 {
        self.resets
    }

    /// Options, keys, and the state of the words.
    pub fn persistent(&self) -> &Persistent {
        &self.persistent
    }

    /// The option words.
    pub fn options(&self) -> &OptionWords {
        &self.persistent.options
    }

    /// The option words, to prepare a board for a test: no rule is checked.
    pub fn options_mut(&mut self) -> &mut OptionWords {
        &mut self.persistent.options
    }

    /// Puts a key in its place, past the controller. False if there is no such place.
    pub fn set_key(&mut self, level: Hdpl, index: u8, key: ObKey) -> bool {
        self.persistent.keys.set(level, index, Some(key))
    }

    /// The user flash, 64 KB.
    pub fn flash(&self) -> &[u8] {
        &self.flash
    }

    /// The one-time programmable words, 1 KB.
    pub fn otp(&self) -> &[u8] {
        &self.otp
    }

    /// The backup registers.
    pub fn backup_registers(&self) -> &[u32; tamp::COUNT] {
        &self.backup
    }

    /// The backup SRAM, 4 KB.
    pub fn backup_sram(&self) -> &[u8] {
        &self.backup_sram
    }

    /// Puts bytes into user flash past the controller, as a gang programmer would before soldering: whole words count as
    /// programmed. False if they do not fit.
    pub fn preload(&mut self, address: u32, bytes: &[u8]) -> bool {
        let Some(start) = address.checked_sub(FLASH.start().value()).map(|offset| offset as usize) else {
            return false;
        };
        let Some(target) = self.flash.get_mut(start..start.saturating_add(bytes.len())) else { return false };
        target.copy_from_slice(bytes);
        if !bytes.is_empty() {
            for index in start / WORD..=(start + bytes.len() - 1) / WORD {
                self.persistent.ecc.set(index as u32, None);
            }
        }
        true
    }

    /// The external flash at XSPI1 (0x9000_0000) and at XSPI2 (0x7000_0000), 16 MB each. Only the one that belongs to the part
    /// ([`Part::external_flash`]) is on the board; the other window has RAM.
    pub fn external(&self) -> &[ExternalFlash; 2] {
        &self.external
    }

    /// Puts bytes into the external flash at their address in its window, as a programmer for the bare chip would. False if
    /// they do not fit, or there is RAM, or nothing.
    pub fn preload_external(&mut self, address: u32, bytes: &[u8]) -> bool {
        let window = self.part.external_flash();
        if !window.contains(Address::new(address)) {
            return false;
        }
        let offset = address - window.start().value();
        let number = WINDOWS.iter().position(|other| *other == window);
        let mut places = self.external.iter_mut().zip(self.fitted);
        let place = number.and_then(|number| places.nth(number));
        place.is_some_and(|(flash, fitted)| fitted && flash.load(offset, bytes))
    }

    /// Whether there is a memory at XSPI1 and at XSPI2. What is not fitted reads as ones.
    pub fn fitted(&self) -> [bool; 2] {
        self.fitted
    }

    /// Solders a new external memory where the window is that an address is in, or takes it off. False for an address in no window.
    pub fn set_fitted(&mut self, address: u32, fitted: bool) -> bool {
        let number = WINDOWS.iter().position(|window| window.contains(Address::new(address)));
        let places = self.fitted.iter_mut().zip(&mut self.external);
        let Some((place, content)) = number.and_then(|number| places.into_iter().nth(number)) else {
            return false;
        };
        *place = fitted;
        *content = ExternalFlash::default();
        true
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put(&mut body, DEV_ID);
        put(&mut body, Part::ALL.iter().position(|part| *part == self.part).unwrap_or(0) as u32);
        body.extend_from_slice(&self.uid);
        put(&mut body, u32::from(self.boot0));
        put(&mut body, self.resets);
        for word in Word::ALL {
            put(&mut body, self.persistent.options.get(word));
        }
        container::put_words(&mut body, &self.persistent.ecc);
        container::put_blocks(&mut body, &self.flash);
        container::put_words(&mut body, &self.persistent.otp);
        body.extend_from_slice(&self.otp);
        put(&mut body, self.persistent.keys.iter().count() as u32);
        for (level, index, key) in self.persistent.keys.iter() {
            put(&mut body, u32::from(level.number()));
            put(&mut body, u32::from(index));
            put(&mut body, key.bytes().len() as u32);
            body.extend_from_slice(key.bytes());
        }
        for register in self.backup {
            put(&mut body, register);
        }
        let any = self.backup_sram.iter().any(|&byte| byte != 0);
        put(&mut body, u32::from(any));
        if any {
            body.extend_from_slice(&self.backup_sram);
        }
        for flash in &self.external {
            container::put_external(&mut body, flash);
        }
        let absent = (0..).zip(self.fitted).fold(0, |mask, (bit, fitted)| mask | u32::from(!fitted) << bit);
        put(&mut body, absent);
        container::pack(&MAGIC, VERSION, &body)
    }

    /// From a file's content.
    pub fn from_bytes(file: &[u8]) -> Result<Self, BoardError> {
        let (version, body) = container::unpack(file, &MAGIC, 1..=VERSION)?;
        let body = &mut Reader::new(body);
        let device = body.u32().ok_or(SHORT)?;
        if device != DEV_ID {
            return Err(BoardError::UnknownPart(device));
        }
        let part = body.u32().ok_or(SHORT)?;
        let part = *Part::ALL.get(part as usize).ok_or(BoardError::UnknownPart(part))?;
        let mut board = Self::create(part, *body.array::<12>().ok_or(SHORT)?)?;
        board.boot0 = match body.u32().ok_or(SHORT)? {
            0 => false,
            1 => true,
            _ => return Err(BoardError::Corrupt("BOOT0 is neither 0 nor 1")),
        };
        board.resets = body.u32().ok_or(SHORT)?;
        for word in Word::ALL {
            let value = body.u32().ok_or(SHORT)?;
            let fields = FIELDS.iter().filter(|field| field.word == word);
            let writable = fields.fold(0, |mask, field| mask | field.mask);
            if (value ^ OptionWords::FACTORY.get(word)) & !writable != 0 {
                return Err(BoardError::Corrupt("reserved option bits are changed"));
            }
            *board.persistent.options.word_mut(word) = value;
        }
        if version == 1 {
            board.persistent.options.obw1sr |= IWDG_SOFTWARE;
        }
        board.persistent.ecc = container::take_words(body)?;
        container::take_blocks(body, &mut board.flash)?;
        board.persistent.otp = container::take_words(body)?;
        board.otp = body.take(OTP_SIZE).ok_or(SHORT)?.to_vec();
        for _ in 0..body.u32().ok_or(SHORT)? {
            let (level, index) = (body.u32().ok_or(SHORT)?, body.u32().ok_or(SHORT)?);
            let size = body.u32().ok_or(SHORT)?;
            let key = ObKey::new(body.take(size as usize).ok_or(SHORT)?);
            let placed = key
                .zip(Hdpl::ALL.get(level as usize))
                .zip(u8::try_from(index).ok())
                .is_some_and(|((key, level), index)| board.set_key(*level, index, key));
            if !placed {
                return Err(BoardError::Corrupt("a key of an impossible level, index or size"));
            }
        }
        for register in &mut board.backup {
            *register = body.u32().ok_or(SHORT)?;
        }
        match body.u32().ok_or(SHORT)? {
            0 => {}
            1 => board.backup_sram = body.take(BACKUP_SIZE).ok_or(SHORT)?.to_vec(),
            _ => return Err(BoardError::Corrupt("the backup SRAM is neither there nor not")),
        }
        for flash in &mut board.external {
            container::take_external(body, flash)?;
        }
        if version != 1 {
            let absent = body.u32().ok_or(SHORT)?;
            if absent > 3 {
                return Err(BoardError::Corrupt("an external memory at no interface is missing"));
            }
            board.fitted = [absent & 1 == 0, absent & 2 == 0];
        }
        if body.is_empty() { Ok(board) } else { Err(BoardError::Corrupt("bytes behind the end")) }
    }

    /// Reads a board file.
    pub fn load(path: &Path) -> Result<Self, BoardError> {
        Self::from_bytes(&container::read_file(path)?)
    }

    /// Writes a board file. The old one is there, whole, until the new one is.
    pub fn save(&self, path: &Path) -> Result<(), BoardError> {
        container::write_file(path, &self.to_bytes())
    }
}
