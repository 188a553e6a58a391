//! Options of the images, as imgtool and ST's package creator call them.

use core::fmt;

use super::{Product, UpdateMode};
use crate::stm32h7rs::contract;
use crate::{Address, Region};

/// The version of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Major.
    pub major: u8,
    /// Minor.
    pub minor: u8,
    /// Revision.
    pub revision: u16,
    /// Build.
    pub build: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.revision)?;
        if self.build == 0 { Ok(()) } else { write!(f, "+{}", self.build) }
    }
}

/// The security counter of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// From the version: major, minor and revision.
    Auto,
    /// This number.
    Value(u32),
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Value(value) => value.fmt(f),
        }
    }
}

/// Who verifies the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFor {
    /// STiRoT.
    Stirot,
    /// OEMiRoT or OEMuRoT.
    OwnStage,
}

/// How an image is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// Who verifies it.
    pub verifier: ImageFor,
    /// Where it runs, header included.
    pub run: Region,
    /// `-H`
    pub header: u32,
    /// `-S`
    pub slot_size: u32,
    /// `--align`
    pub align: u32,
    /// `-M`
    pub max_sectors: u32,
    /// `--overwrite-only`
    pub overwrite_only: bool,
    /// `--primary-only`, of ST's imgtool.
    pub primary_only: bool,
    /// `-ma`, of ST's imgtool: a magic other than MCUboot's.
    pub magic: Option<u32>,
    /// `-v`
    pub version: Version,
    /// `-s`
    pub counter: Counter,
    /// `-E`
    pub encrypted: bool,
    /// `-x`: the download slot.
    pub hex_address: Address,
}

/// What ST's projects pass as `-M` wherever it is not more.
pub(super) const ST_MAX_SECTORS: u32 = 33;

impl ImageOptions {
    /// For an image that STiRoT verifies.
    pub(super) const fn stirot(product: &Product, run: Region, download: Region) -> Self {
        Self {
            verifier: ImageFor::Stirot,
            run,
            header: contract::IMAGE_HEADER.bytes(),
            slot_size: download.size().bytes(),
            align: 16,
            max_sectors: ST_MAX_SECTORS,
            overwrite_only: false,
            primary_only: true,
            magic: Some(contract::STIROT_MAGIC),
            version: product.version,
            counter: product.counter,
            encrypted: true,
            hex_address: download.start(),
        }
    }

    /// For an image that OEMiRoT or OEMuRoT verifies.
    pub(super) const fn own(product: &Product, run: Region, download: Region, max_sectors: u32) -> Self {
        Self {
            verifier: ImageFor::OwnStage,
            run,
            header: product.header(),
            slot_size: download.size().bytes(),
            align: product.align(),
            max_sectors,
            overwrite_only: matches!(product.update, UpdateMode::Overwrite),
            primary_only: false,
            magic: None,
            version: product.version,
            counter: product.counter,
            encrypted: product.encrypt,
            hex_address: download.start(),
        }
    }

    /// The arguments of ST's imgtool for these options, in the order of the package creator's XML files. `key` signs,
    /// `encrypt` is the public half of the encryption key.
    #[cfg(feature = "product")]
    pub fn arguments(&self, key: &str, encrypt: &str) -> std::vec::Vec<std::string::String> {
        use std::format;
        let mut arguments = std::vec!["-k".into(), key.into()];
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).into()));
        if self.encrypted {
            add(&["-E", encrypt]);
        }
        if let Some(magic) = self.magic {
            add(&["-ma", &format!("{magic:#x}")]);
        }
        if self.primary_only {
            add(&["--primary-only"]);
        } else {
            add(&["-M", &format!("{}", self.max_sectors)]);
        }
        add(&["-e", "little", "--pad", "-S", &format!("{:#x}", self.slot_size)]);
        add(&["-H", &format!("{:#x}", self.header), "--pad-header", "-v", &format!("{}", self.version)]);
        add(&["-s", &format!("{}", self.counter), "--align", &format!("{}", self.align)]);
        add(&["-x", &format!("{:#x}", self.hex_address.value())]);
        if self.overwrite_only {
            add(&["--overwrite-only"]);
        }
        arguments
    }
}

impl Product {
    /// The image header in bytes.
    pub const fn header(&self) -> u32 {
        match self.header {
            Some(header) => header,
            None => contract::IMAGE_HEADER.bytes(),
        }
    }

    /// The alignment of the application's image.
    pub const fn align(&self) -> u32 {
        match self.align {
            Some(align) => align,
            None if self.boot.has_own_stage() => 4,
            None => 16,
        }
    }
}
