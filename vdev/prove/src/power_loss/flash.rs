//! Flash that can lose power: what is programmed, what is unreadable, and what a cut leaves behind.
//!
//! 1. An operation is one call of `write` or `erase`; each has a number. When power is cut at one, an [`Effect`] says what
//!    of it reached the cells, and from then on every access fails until the next boot.
//! 2. Cells follow their [`Geometry`]: programming a unit twice without an erase, writing across units or outside the
//!    area are faults of the program, which the model records ([`Machine::fault`]) instead of forgiving.
//! 3. With ECC a unit may become unreadable until its sector is erased. A sector whose erase was cut short may read as erased
//!    and is not: to program it before it was erased again is a fault.
//! 4. The first bytes of an area may lie behind a memory cipher of whole blocks ([`Geometry::behind_cipher`]). There erased
//!    bytes read as noise, and so does a block of which some bits changed.
//! 5. What one run did is kept as a journal, so that the state a cut leaves is the state before the operation with one
//!    entry applied, not a run from the start.

mod cells;
mod machine;

use std::rc::Rc;

use ironroot_boot::update::Sector;

use crate::rng::Rng;

pub use cells::{Cells, Store};
pub use machine::{Area, Cut, Machine};

/// Block of the memory cipher: that of MCE in its block modes.
pub const CIPHER_BLOCK: usize = 16;

/// One flash area: its erase units and how its cells behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    sectors: Vec<Sector>,
    size: u32,
    /// Smallest programmable unit in bytes.
    pub unit: u32,
    /// What an erased byte reads as: 0xFF or 0x00.
    pub erased: u8,
    /// A unit may be programmed only once after an erase.
    pub write_once: bool,
    /// An interrupted operation may leave units that cannot be read.
    pub ecc: bool,
    /// Bytes that are programmed at once: a cut may leave any of them half programmed.
    pub page: u32,
    /// What erased bytes behind the cipher read as; as long as what is behind it.
    noise: Rc<[u8]>,
}

impl Geometry {
    /// An area of sectors of these sizes, all multiples of `unit`, in this kind of cells.
    pub fn new(sizes: &[u32], cells: CellKind) -> Geometry {
        let CellKind { unit, erased, write_once, ecc, page } = cells;
        let mut size = 0;
        let sectors = sizes.iter().map(|bytes| {
            assert!(bytes.is_multiple_of(unit), "a sector is whole units");
            size += bytes;
            Sector { offset: size - bytes, size: *bytes }
        });
        let sectors = sectors.collect();
        Geometry { sectors, size, unit, erased, write_once, ecc, page, noise: Rc::default() }
    }

    /// The same with its first `bytes`, whole blocks, behind a memory cipher.
    pub fn behind_cipher(mut self, bytes: u32) -> Geometry {
        assert!(bytes <= self.size && (bytes as usize).is_multiple_of(CIPHER_BLOCK), "whole blocks");
        let mut rng = Rng::new(0xC1F);
        self.noise = (0..bytes).map(|_| rng.word() as u8).collect();
        self
    }

    /// How many bytes are behind the cipher.
    pub fn sealed(&self) -> u32 {
        self.noise.len() as u32
    }

    /// Its cells, the cipher aside.
    pub fn cells(&self) -> CellKind {
        let Geometry { unit, erased, write_once, ecc, page, .. } = *self;
        CellKind { unit, erased, write_once, ecc, page }
    }

    /// Bytes of the area.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Its sectors in order.
    pub fn sectors(&self) -> &[Sector] {
        &self.sectors
    }

    /// Where a sector lies.
    pub fn sector(&self, index: u32) -> Option<Sector> {
        self.sectors.get(index as usize).copied()
    }

    fn units(&self) -> usize {
        (self.size() / self.unit) as usize
    }

    /// Whether anything depends on what a unit went through.
    fn keeps_units(&self) -> bool {
        self.write_once || self.ecc || !self.noise.is_empty()
    }
}

/// How the cells of a flash behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellKind {
    /// Smallest programmable unit in bytes.
    pub unit: u32,
    /// What an erased byte reads as.
    pub erased: u8,
    /// See [`Geometry::write_once`].
    pub write_once: bool,
    /// See [`Geometry::ecc`].
    pub ecc: bool,
    /// See [`Geometry::page`]; 0: the unit.
    pub page: u32,
}

/// What a cut leaves of the operation that it interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing of it happened.
    Before,
    /// All of it happened; of an erase, that every byte reads as erased. Whether it came to its end nobody can tell.
    After,
    /// Write: some units whole, one (where a page is programmed at once: the rest of the page) with a random mix of old and
    /// new bits. Erase: every bit of the sector old or erased.
    Torn,
    /// Write: some units whole, one unreadable. Erase: every unit unreadable.
    Broken,
    /// Write: some units whole, the others untouched. Erase: each unit on its own old, erased, mixed or unreadable.
    Half,
}

impl Effect {
    /// All of them, in the order of tables.
    pub const ALL: [Effect; 5] = [Self::Before, Self::After, Self::Torn, Self::Broken, Self::Half];

    /// One letter for case ids.
    pub const fn letter(self) -> char {
        match self {
            Self::Before => 'b',
            Self::After => 'a',
            Self::Torn => 't',
            Self::Broken => 'e',
            Self::Half => 'h',
        }
    }

    /// A word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Torn => "torn",
            Self::Broken => "ecc-broken",
            Self::Half => "half",
        }
    }

    /// The effect of a letter.
    pub fn of(letter: char) -> Option<Effect> {
        Self::ALL.into_iter().find(|effect| effect.letter() == letter)
    }
}

/// A flash operation as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Programs whole units.
    Write {
        /// First byte.
        offset: u32,
        /// What.
        data: Box<[u8]>,
    },
    /// Erases one sector.
    Erase {
        /// Which.
        sector: u32,
    },
}

/// An operation and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Index of the area.
    pub area: usize,
    /// What was done.
    pub action: Action,
}

impl Operation {
    /// Whether the effect is another one than [`Effect::Before`] and [`Effect::After`] and can happen here.
    pub fn has(&self, effect: Effect, geometry: &Geometry) -> bool {
        match (effect, &self.action) {
            (Effect::Broken, _) => geometry.ecc,
            (Effect::Half, Action::Write { data, .. }) => data.len() as u32 > geometry.unit,
            _ => true,
        }
    }
}
