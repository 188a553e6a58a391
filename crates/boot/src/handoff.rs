//! The hand-off record: 256 bytes in RAM in which the boot says what it did.
//!
//! The application reads it to report why an update was refused; the host decodes it from a memory dump. Little-endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `IRHANDOF` |
//! | 8 | 2 | version: 1, or 2 if the update engine ran |
//! | 10 | 2 | length, 256 |
//! | 12 | 4 | status word: booted or refused |
//! | 16 | 2 | code, 0 if booted |
//! | 18 | 1 | stage reached |
//! | 19 | 1 | zero |
//! | 20 | 4 | flags |
//! | 24 | 4 | slot address |
//! | 28 | 4 | vector table address, 0 if refused |
//! | 32 | 8 | image version: u8 major, u8 minor, u16 revision, u32 build |
//! | 40 | 4 | security counter, 0 if the image has none (see flags) |
//! | 44 | 4 | zero |
//! | 48 | 32 | SHA-256 of the image, zero if not verified |
//! | 80 | 8 | first bytes of the hash of the key, zero if not verified |
//! | 88 | 1 | version 2: number of images that the update engine looked at, 1 to 4 |
//! | 89 | 7 | zero |
//! | 96 | 24 each | version 2: one entry for each image |
//! | behind the last entry | to 252 | zero |
//! | 252 | 4 | CRC-32 (IEEE) of bytes 0 to 251 |

//!
//! An entry: u8 mode (1 overwrite-only, 2 swap-scratch, 3 swap-move, 4 swap-offset, 5 ram-load), u8 action (0 none, 1
//! installed, 2 testing, 3 reverted, 4 bootstrapped), u8 flags (1 resumed, 2 confirmed), zero; three u16 codes, 0 if there is
//! none: why the update was refused, why the image before was put back, why the counter was not raised; two zeros; version of
//! the image in the primary slot (as above), four zeros.

use core::fmt;

use ironroot_codes::{Code, boot as codes};
use ironroot_image::Version;
use ironroot_layout::{Address, stm32h735};

use crate::crc::crc32;
use crate::update::{Action, ImageReport, MAX_REPORTED, Mode, Report};

/// Length of the record.
pub const RECORD_LEN: usize = 256;

const MAGIC: [u8; 8] = *b"IRHANDOF";
/// Version of a record without a report.
const PLAIN: u16 = 1;
/// Version of a record with one.
const WITH_REPORT: u16 = 2;
const BOOTED: u32 = 0x600D_B007;
const REFUSED: u32 = !BOOTED;

const AT_VERSION: usize = 8;
const AT_LENGTH: usize = 10;
const AT_STATUS: usize = 12;
const AT_CODE: usize = 16;
const AT_STAGE: usize = 18;
const AT_ZERO_0: usize = 19;
const AT_FLAGS: usize = 20;
const AT_SLOT: usize = 24;
const AT_VECTORS: usize = 28;
const AT_IMAGE_VERSION: usize = 32;
const AT_COUNTER: usize = 40;
const AT_ZERO_1: usize = 44;
const AT_DIGEST: usize = 48;
const AT_KEY_ID: usize = 80;
const AT_COUNT: usize = 88;
const AT_IMAGES: usize = 96;
const IMAGE_LEN: usize = 24;
const AT_CRC: usize = 252;

const FLAG_DEMO_KEY: u32 = 1;
const FLAG_DEBUG_CLOSED: u32 = 2;
const FLAG_HAS_IMAGE: u32 = 4;
const FLAG_HAS_COUNTER: u32 = 8;
const FLAGS: u32 = FLAG_DEMO_KEY | FLAG_DEBUG_CLOSED | FLAG_HAS_IMAGE | FLAG_HAS_COUNTER;

const _: () = {
    assert!(RECORD_LEN == stm32h735::HAND_OFF.size().bytes() as usize);
    assert!(AT_STATUS == AT_LENGTH + 2 && AT_FLAGS == AT_ZERO_0 + 1);
    assert!(AT_COUNTER == AT_IMAGE_VERSION + 8 && AT_DIGEST == AT_ZERO_1 + 4);
    assert!(AT_KEY_ID == AT_DIGEST + 32);
    assert!(AT_CRC + 4 == RECORD_LEN);
    assert!(AT_LENGTH == AT_VERSION + 2 && AT_STAGE == AT_CODE + 2);
    assert!(AT_COUNT == AT_KEY_ID + 8 && AT_IMAGES + MAX_REPORTED * IMAGE_LEN <= AT_CRC);
    // Whatever RAM holds after power-on must not look like a decision.
    assert!(BOOTED != 0 && BOOTED != u32::MAX && (BOOTED ^ REFUSED).count_ones() == 32);
};

/// How the boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The image was verified and started.
    Booted,
    /// Nothing was started, for this reason.
    Refused(Code),
}

/// How far the boot got: the stage that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// State of the chip.
    Chip = 0,
    /// Reading the key store.
    KeyStore = 1,
    /// Looking for an image.
    Slot = 2,
    /// Structure of the image.
    Parse = 3,
    /// Hash, signature, policy.
    Verify = 4,
    /// Vector table of the application.
    Vectors = 5,
    /// The hand-over itself.
    Launch = 6,
    /// Finishing and installing updates: behind the key store, before the slot is looked at.
    Update = 7,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Chip,
        Self::KeyStore,
        Self::Slot,
        Self::Parse,
        Self::Verify,
        Self::Vectors,
        Self::Launch,
        Self::Update,
    ];

    /// The name in kebab-case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chip => "chip",
            Self::KeyStore => "key-store",
            Self::Slot => "slot",
            Self::Parse => "parse",
            Self::Verify => "verify",
            Self::Vectors => "vectors",
            Self::Launch => "launch",
            Self::Update => "update",
        }
    }
}

/// The record. Fields about the image are unauthenticated claims where the status is a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// How the boot ended.
    pub status: Status,
    /// How far it got.
    pub stage: Stage,
    /// The slot that was looked at.
    pub slot: Address,
    /// Where the application was started; 0 if it was not.
    pub vector_table: Address,
    /// Version of the image, once its header was read.
    pub version: Option<Version>,
    /// Security counter of the image, if it has one.
    pub security_counter: Option<u32>,
    /// SHA-256 of the image; zero until verified.
    pub digest: [u8; 32],
    /// First bytes of the hash of the key that verified it; zero until verified.
    pub key_id: [u8; 8],
    /// Verified by a key that is marked as a demo key.
    pub demo_key: bool,
    /// Debug access stays closed at the hand-over.
    pub debug_closed: bool,
    /// What the update engine did; without images if it did not run.
    pub updates: Report,
}

impl HandOff {
    /// The record of a refusal about which nothing else is known.
    #[inline(never)]
    pub const fn refused(code: Code, stage: Stage, slot: Address) -> Self {
        Self {
            status: Status::Refused(code),
            stage,
            slot,
            vector_table: Address::new(0),
            version: None,
            security_counter: None,
            digest: [0; 32],
            key_id: [0; 8],
            demo_key: false,
            debug_closed: true,
            updates: Report::NONE,
        }
    }

    /// The 256 bytes.
    pub fn encode(&self) -> [u8; RECORD_LEN] {
        let (status, code) = match self.status {
            Status::Booted => (BOOTED, 0),
            Status::Refused(code) => (REFUSED, code.number()),
        };
        let mut flags = 0;
        if self.demo_key {
            flags |= FLAG_DEMO_KEY;
        }
        if self.debug_closed {
            flags |= FLAG_DEBUG_CLOSED;
        }
        if self.version.is_some() {
            flags |= FLAG_HAS_IMAGE;
        }
        if self.security_counter.is_some() {
            flags |= FLAG_HAS_COUNTER;
        }
        let images = self.updates.images();
        let format = if images.is_empty() { PLAIN } else { WITH_REPORT };
        let [version, build] = version_words(self.version.unwrap_or_default());
        // As words: then a field is a store to a constant place.
        let mut words = [0; RECORD_LEN / 4];
        let [m0, m1, m2, m3, m4, m5, m6, m7] = MAGIC;
        words[0] = u32::from_le_bytes([m0, m1, m2, m3]);
        words[1] = u32::from_le_bytes([m4, m5, m6, m7]);
        words[AT_VERSION / 4] = u32::from(format) | (RECORD_LEN as u32) << 16;
        words[AT_STATUS / 4] = status;
        words[AT_CODE / 4] = u32::from(code) | (self.stage as u32) << 16;
        words[AT_FLAGS / 4] = flags;
        words[AT_SLOT / 4] = self.slot.value();
        words[AT_VECTORS / 4] = self.vector_table.value();
        words[AT_IMAGE_VERSION / 4] = version;
        words[AT_IMAGE_VERSION / 4 + 1] = build;
        words[AT_COUNTER / 4] = self.security_counter.unwrap_or(0);
        words[AT_COUNT / 4] = images.len() as u32;
        let (_, places) = words.split_at_mut(AT_IMAGES / 4);
        for (place, image) in places.as_chunks_mut().0.iter_mut().zip(images) {
            *place = image_words(image);
        }
        let mut bytes = [0; RECORD_LEN];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        let (_, digest) = bytes.split_at_mut(AT_DIGEST);
        for (to, from) in digest.iter_mut().zip(self.digest.iter().chain(&self.key_id)) {
            *to = *from;
        }
        let (covered, crc) = bytes.split_at_mut(AT_CRC);
        for (to, from) in crc.iter_mut().zip(crc32(covered).to_le_bytes()) {
            *to = from;
        }
        bytes
    }

    /// Takes the record from the first 256 bytes; what is behind them is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, HandOffError> {
        let record = bytes.first_chunk::<RECORD_LEN>().ok_or(HandOffError::Missing)?;
        if get(record, 0) != MAGIC {
            return Err(HandOffError::Missing);
        }
        let (covered, _) = record.split_at(AT_CRC);
        if crc32(covered) != u32::from_le_bytes(get(record, AT_CRC)) {
            return Err(HandOffError::Corrupt);
        }
        // The checksum is right, so another version is not damage.
        let format = u16::from_le_bytes(get(record, AT_VERSION));
        if format != PLAIN && format != WITH_REPORT {
            return Err(HandOffError::Version);
        }
        let [count] = get(record, AT_COUNT);
        let count = usize::from(count);
        if (format == PLAIN) != (count == 0) || count > MAX_REPORTED {
            return Err(HandOffError::Corrupt);
        }
        let mut images = [ImageReport::default(); MAX_REPORTED];
        for (index, image) in images.iter_mut().take(count).enumerate() {
            *image =
                decode_image(&get(record, AT_IMAGES + index * IMAGE_LEN)).ok_or(HandOffError::Corrupt)?;
        }
        let behind = AT_IMAGES + count * IMAGE_LEN;
        let flags = u32::from_le_bytes(get(record, AT_FLAGS));
        let zeros: u8 = [AT_ZERO_0..AT_FLAGS, AT_ZERO_1..AT_DIGEST, AT_COUNT + 1..AT_IMAGES, behind..AT_CRC]
            .into_iter()
            .filter_map(|range| record.get(range))
            .flatten()
            .fold(0, |all, byte| all | byte);
        let code = Code::from_number(u16::from_le_bytes(get(record, AT_CODE)));
        let status = match (u32::from_le_bytes(get(record, AT_STATUS)), code.number()) {
            (BOOTED, 0) => Status::Booted,
            (REFUSED, 1..) => Status::Refused(code),
            _ => return Err(HandOffError::Corrupt),
        };
        let [stage] = get(record, AT_STAGE);
        let stage =
            Stage::ALL.into_iter().find(|known| *known as u8 == stage).ok_or(HandOffError::Corrupt)?;
        if zeros != 0
            || flags & !FLAGS != 0
            || usize::from(u16::from_le_bytes(get(record, AT_LENGTH))) != RECORD_LEN
        {
            return Err(HandOffError::Corrupt);
        }
        let [major, minor] = get(record, AT_IMAGE_VERSION);
        let version = Version {
            major,
            minor,
            revision: u16::from_le_bytes(get(record, AT_IMAGE_VERSION + 2)),
            build: u32::from_le_bytes(get(record, AT_IMAGE_VERSION + 4)),
        };
        let counter = u32::from_le_bytes(get(record, AT_COUNTER));
        Ok(Self {
            status,
            stage,
            slot: Address::new(u32::from_le_bytes(get(record, AT_SLOT))),
            vector_table: Address::new(u32::from_le_bytes(get(record, AT_VECTORS))),
            version: (flags & FLAG_HAS_IMAGE != 0).then_some(version),
            security_counter: (flags & FLAG_HAS_COUNTER != 0).then_some(counter),
            digest: get(record, AT_DIGEST),
            key_id: get(record, AT_KEY_ID),
            demo_key: flags & FLAG_DEMO_KEY != 0,
            debug_closed: flags & FLAG_DEBUG_CLOSED != 0,
            updates: Report::of(&images, count),
        })
    }
}

const MODES: [(Option<Mode>, u8); 6] = [
    (None, 0),
    (Some(Mode::OverwriteOnly), 1),
    (Some(Mode::SwapScratch), 2),
    (Some(Mode::SwapMove), 3),
    (Some(Mode::SwapOffset), 4),
    (Some(Mode::RamLoad), 5),
];
// Their numbers are the modes' own and one more.
const _: () = {
    let mut index = 1;
    while index < MODES.len() {
        assert!(
            matches!(MODES[index], (Some(mode), number) if mode as u8 + 1 == number && number as usize == index)
        );
        index += 1;
    }
};

/// An entry about an image.
fn image_words(image: &ImageReport) -> [u32; IMAGE_LEN / 4] {
    let mode = image.mode.map_or(0, |mode| mode as u32 + 1);
    let flags = u32::from(image.resumed) | u32::from(image.confirmed) << 1;
    let code = |code: Option<Code>| code.map_or(0, |code| u32::from(code.number()));
    let [version, build] = version_words(image.version);
    [
        mode | (image.action as u32) << 8 | flags << 16,
        code(image.refused) | code(image.reverted) << 16,
        code(image.counter),
        version,
        build,
        0,
    ]
}

fn decode_image(bytes: &[u8; IMAGE_LEN]) -> Option<ImageReport> {
    let [mode, action, flags, 0, a, b, c, d, e, f, 0, 0, major, minor, g, h, i, j, k, l, 0, 0, 0, 0] = *bytes
    else {
        return None;
    };
    let code = |low, high| match u16::from_le_bytes([low, high]) {
        0 => None,
        number => Some(Code::from_number(number)),
    };
    (flags & !3 == 0).then_some(())?;
    Some(ImageReport {
        mode: MODES.iter().find(|(_, number)| *number == mode)?.0,
        action: Action::ALL.into_iter().find(|known| *known as u8 == action)?,
        resumed: flags & 1 != 0,
        confirmed: flags & 2 != 0,
        refused: code(a, b),
        reverted: code(c, d),
        counter: code(e, f),
        version: Version {
            major,
            minor,
            revision: u16::from_le_bytes([g, h]),
            build: u32::from_le_bytes([i, j, k, l]),
        },
    })
}

/// Why there is no record to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOffError {
    /// The memory does not hold one.
    Missing,
    /// It holds one that is damaged.
    Corrupt,
    /// It holds one of another version.
    Version,
}

impl HandOffError {
    /// The code of this refusal.
    pub const fn code(self) -> Code {
        match self {
            Self::Missing => codes::HANDOFF_MISSING,
            Self::Corrupt => codes::HANDOFF_CORRUPT,
            Self::Version => codes::HANDOFF_VERSION,
        }
    }
}

impl fmt::Display for HandOffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no hand-off record"),
            Self::Corrupt => f.write_str("the hand-off record is damaged"),
            Self::Version => f.write_str("the hand-off record is of an unknown version"),
        }
    }
}

impl core::error::Error for HandOffError {}

/// A version in the order of an image's header.
fn version_words(version: Version) -> [u32; 2] {
    let Version { major, minor, revision, build } = version;
    [u32::from(major) | u32::from(minor) << 8 | u32::from(revision) << 16, build]
}

/// Reads a field.
fn get<const N: usize>(bytes: &[u8; RECORD_LEN], offset: usize) -> [u8; N] {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
