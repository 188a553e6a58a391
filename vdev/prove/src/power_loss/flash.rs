//! Flash that can lose power: what is programmed, what is unreadable, and what a cut leaves behind.
//!
//! 1. An operation is one call of `write` or `erase`; each has a number. When power is cut at one, an [`Effect`] says what
//!    of it reached the cells, and from then on every access fails until the next boot.
//! 2. Cells follow their [`Geometry`]: programming a unit twice without an erase, writing across units or outside the
//!    area are faults of the program, which the model records ([`Machine::fault`]) instead of forgiving.
//! 3. With ECC a unit may become unreadable until its sector is erased.
//! 4. What one run did is kept as a journal, so that the state a cut leaves is the state before the operation with one
//!    entry applied, not a run from the start.

use std::cell::RefCell;
use std::rc::Rc;

use ironroot_boot::update::{Flash, FlashError, Sector};

use super::secrets::Secrets;
use crate::rng::Rng;

/// Most accesses of one boot before the model calls it endless.
const READS: u64 = 2_000_000;

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
}

impl Geometry {
    /// An area of sectors of these sizes, all multiples of `unit`, in this kind of cells.
    pub fn new(sizes: &[u32], cells: CellKind) -> Geometry {
        let CellKind { unit, erased, write_once, ecc } = cells;
        let mut size = 0;
        let sectors = sizes.iter().map(|bytes| {
            assert!(bytes.is_multiple_of(unit), "a sector is whole units");
            size += bytes;
            Sector { offset: size - bytes, size: *bytes }
        });
        Geometry { sectors: sectors.collect(), size, unit, erased, write_once, ecc }
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
        self.write_once || self.ecc
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
}

/// What a cut leaves of the operation that it interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing of it happened.
    Before,
    /// All of it happened.
    After,
    /// Write: some units whole, one with a random mix of old and new bits. Erase: every bit of the sector old or erased.
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

const ERASED: u8 = 0;
const WRITTEN: u8 = 1;
const UNREADABLE: u8 = 2;

/// The cells of one area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    bytes: Vec<u8>,
    /// What each unit went through; empty if nothing depends on it.
    units: Vec<u8>,
    unreadable: u32,
}

impl Cells {
    /// An erased area.
    pub fn erased(geometry: &Geometry) -> Cells {
        let units = if geometry.keeps_units() { geometry.units() } else { 0 };
        Cells {
            bytes: vec![geometry.erased; geometry.size() as usize],
            units: vec![ERASED; units],
            unreadable: 0,
        }
    }

    /// The bytes, readable or not.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether every unit of the range can be read.
    pub fn readable(&self, geometry: &Geometry, offset: u32, len: u32) -> bool {
        if self.unreadable == 0 || len == 0 {
            return true;
        }
        let range = (offset / geometry.unit) as usize..=((offset + len - 1) / geometry.unit) as usize;
        self.units.get(range).is_some_and(|units| units.iter().all(|unit| *unit != UNREADABLE))
    }

    /// Whether the whole range reads as erased.
    pub fn is_erased(&self, geometry: &Geometry, offset: u32, len: u32) -> bool {
        self.readable(geometry, offset, len)
            && self
                .bytes
                .get(offset as usize..(offset + len) as usize)
                .is_some_and(|bytes| bytes.iter().all(|byte| *byte == geometry.erased))
    }

    fn copy_from(&mut self, other: &Cells) {
        self.bytes.copy_from_slice(&other.bytes);
        self.units.copy_from_slice(&other.units);
        self.unreadable = other.unreadable;
    }

    fn set_unit(&mut self, unit: usize, state: u8) {
        if let Some(place) = self.units.get_mut(unit) {
            self.unreadable -= u32::from(*place == UNREADABLE);
            self.unreadable += u32::from(state == UNREADABLE);
            *place = state;
        }
    }

    /// Programs whole units. False if one of them was programmed before and may not be again.
    fn program(&mut self, geometry: &Geometry, offset: u32, data: &[u8]) -> bool {
        let unit = geometry.unit as usize;
        let first = offset as usize / unit;
        let count = data.len() / unit;
        let states = self.units.get_mut(first..first + count);
        if geometry.write_once && states.as_deref().is_some_and(|s| s.iter().any(|s| *s != ERASED)) {
            return false;
        }
        if let Some(states) = states {
            // Without write-once an unreadable unit stays so: only an erase makes it good.
            for state in states.iter_mut().filter(|state| **state == ERASED) {
                *state = WRITTEN;
            }
        }
        let Some(cells) = self.bytes.get_mut(offset as usize..offset as usize + data.len()) else {
            return false;
        };
        if geometry.write_once {
            cells.copy_from_slice(data);
        } else {
            for (cell, byte) in cells.iter_mut().zip(data) {
                *cell = merged(*cell, *byte, geometry.erased);
            }
        }
        true
    }

    fn erase(&mut self, geometry: &Geometry, sector: Sector) {
        let range = sector.offset as usize..(sector.offset + sector.size) as usize;
        self.bytes[range].fill(geometry.erased);
        if !self.units.is_empty() {
            let unit = geometry.unit;
            let units = (sector.offset / unit) as usize..((sector.offset + sector.size) / unit) as usize;
            if self.unreadable != 0 {
                let broken = self.units[units.clone()].iter().filter(|u| **u == UNREADABLE).count();
                self.unreadable -= broken as u32;
            }
            self.units[units].fill(ERASED);
        }
    }

    /// A unit in which each bit is the old or the new one.
    fn mix(&mut self, geometry: &Geometry, unit: usize, new: &[u8], rng: &mut Rng) {
        let size = geometry.unit as usize;
        let cells = &mut self.bytes[unit * size..(unit + 1) * size];
        let mut changed = false;
        for (chunk, new) in cells.chunks_mut(8).zip(new.chunks(8)) {
            let choice = rng.long().to_le_bytes();
            for ((cell, new), choice) in chunk.iter_mut().zip(new).zip(choice) {
                let mixed = *cell & choice | new & !choice;
                changed |= mixed != *cell;
                *cell = mixed;
            }
        }
        // What reads as erased is erased: nobody could tell, and the next program succeeds. See the module about the limit.
        let cells = &self.bytes[unit * size..(unit + 1) * size];
        if cells.iter().all(|byte| *byte == geometry.erased) {
            self.set_unit(unit, ERASED);
        } else if changed {
            self.set_unit(unit, WRITTEN);
        }
    }

    /// What the cut leaves of an operation.
    fn interrupt(&mut self, geometry: &Geometry, action: &Action, effect: Effect, rng: &mut Rng) {
        match (effect, action) {
            (Effect::Before, _) => {}
            (Effect::After, Action::Write { offset, data }) => {
                self.program(geometry, *offset, data);
            }
            (Effect::After, Action::Erase { sector }) => {
                if let Some(sector) = geometry.sector(*sector) {
                    self.erase(geometry, sector);
                }
            }
            (_, Action::Write { offset, data }) => self.interrupt_write(geometry, *offset, data, effect, rng),
            (_, Action::Erase { sector }) => {
                if let Some(sector) = geometry.sector(*sector) {
                    self.interrupt_erase(geometry, sector, effect, rng);
                }
            }
        }
    }

    fn interrupt_write(
        &mut self,
        geometry: &Geometry,
        offset: u32,
        data: &[u8],
        effect: Effect,
        rng: &mut Rng,
    ) {
        let unit = geometry.unit as usize;
        let count = data.len() / unit;
        let whole = match effect {
            Effect::Half if count > 1 => 1 + rng.below(count - 1),
            _ => rng.below(count),
        };
        let (done, rest) = data.split_at(whole * unit);
        self.program(geometry, offset, done);
        let at = offset as usize / unit + whole;
        match effect {
            Effect::Torn => {
                let mut new = rest[..unit].to_vec();
                if !geometry.write_once {
                    let old = &self.bytes[at * unit..(at + 1) * unit];
                    new.iter_mut().zip(old).for_each(|(new, old)| *new = merged(*old, *new, geometry.erased));
                }
                self.mix(geometry, at, &new, rng);
            }
            Effect::Broken => self.set_unit(at, UNREADABLE),
            _ => {}
        }
    }

    fn interrupt_erase(&mut self, geometry: &Geometry, sector: Sector, effect: Effect, rng: &mut Rng) {
        let unit = geometry.unit as usize;
        let blank = vec![geometry.erased; unit];
        let first = sector.offset as usize / unit;
        for at in first..first + sector.size as usize / unit {
            let choice = match effect {
                Effect::Torn => 2,
                Effect::Broken => 3,
                _ => rng.below(if geometry.ecc { 4 } else { 3 }),
            };
            match choice {
                0 => {}
                1 => {
                    self.bytes[at * unit..(at + 1) * unit].fill(geometry.erased);
                    self.set_unit(at, ERASED);
                }
                // An unreadable unit stays so until an erase has come to its end.
                2 if self.units.get(at) != Some(&UNREADABLE) => self.mix(geometry, at, &blank, rng),
                2 => {}
                _ => self.set_unit(at, UNREADABLE),
            }
        }
    }
}

/// What programming `new` over `old` gives where a unit may be programmed again: bits leave the erased state, never return.
fn merged(old: u8, new: u8, erased: u8) -> u8 {
    if erased == 0 { old | new } else { old & new }
}

/// Every area of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// One entry for each area.
    pub areas: Vec<Cells>,
}

impl Store {
    /// All areas erased.
    pub fn erased(geometries: &[Geometry]) -> Store {
        Store { areas: geometries.iter().map(Cells::erased).collect() }
    }

    /// Becomes `other`, which has the same areas, without allocating.
    pub fn copy_from(&mut self, other: &Store) {
        for (mine, theirs) in self.areas.iter_mut().zip(&other.areas) {
            mine.copy_from(theirs);
        }
    }

    /// What a cut with this effect leaves of `operation`.
    pub fn interrupt(
        &mut self,
        geometries: &[Geometry],
        operation: &Operation,
        effect: Effect,
        rng: &mut Rng,
    ) {
        if let (Some(cells), Some(geometry)) =
            (self.areas.get_mut(operation.area), geometries.get(operation.area))
        {
            cells.interrupt(geometry, &operation.action, effect, rng);
        }
    }
}

/// A cut that is to come.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Number of the operation, from 0 at the last [`Machine::power_on`].
    pub at: u32,
    /// What it leaves.
    pub effect: Effect,
    /// Source of its random choices.
    pub rng: Rng,
}

/// The powered flashes of one device.
#[derive(Debug)]
pub struct Machine {
    geometries: Rc<[Geometry]>,
    /// The cells.
    pub store: Store,
    operations: u32,
    limit: u32,
    reads: u64,
    off: bool,
    cut: Option<Cut>,
    fault: Option<String>,
    journal: Option<Vec<Operation>>,
    secrets: Option<Rc<Secrets>>,
}

impl Machine {
    /// A device with erased areas, off.
    pub fn new(geometries: Rc<[Geometry]>) -> Machine {
        let store = Store::erased(&geometries);
        Machine {
            geometries,
            store,
            operations: 0,
            limit: u32::MAX,
            reads: 0,
            off: true,
            cut: None,
            fault: None,
            journal: None,
            secrets: None,
        }
    }

    /// The same, to be used by several areas.
    pub fn shared(self) -> Rc<RefCell<Machine>> {
        Rc::new(RefCell::new(self))
    }

    /// What must never stand in an area in clear.
    pub fn watch(&mut self, secrets: Rc<Secrets>) {
        self.secrets = Some(secrets);
    }

    /// Power comes back; operations count from 0. After `limit` of them the model calls the program endless.
    pub fn power_on(&mut self, limit: u32, cut: Option<Cut>, keep_journal: bool) {
        self.operations = 0;
        self.reads = 0;
        self.limit = limit;
        self.off = false;
        self.cut = cut;
        self.fault = None;
        self.journal = keep_journal.then(Vec::new);
    }

    /// Whether power was cut.
    pub fn is_off(&self) -> bool {
        self.off
    }

    /// Operations since power came.
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// What the program did that no flash forgives, if anything.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The operations since power came, if they were to be kept.
    pub fn take_journal(&mut self) -> Vec<Operation> {
        self.journal.take().unwrap_or_default()
    }

    /// The areas' geometries.
    pub fn geometries(&self) -> &Rc<[Geometry]> {
        &self.geometries
    }

    fn blame(&mut self, why: String) -> FlashError {
        self.fault.get_or_insert(why);
        FlashError::Failed
    }

    fn read(&mut self, area: usize, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        if self.off {
            return Err(FlashError::Failed);
        }
        self.reads += 1;
        if self.reads > READS {
            return Err(self.blame(format!("more than {READS} reads in one boot: it does not end")));
        }
        let (Some(cells), Some(geometry)) = (self.store.areas.get(area), self.geometries.get(area)) else {
            return Err(FlashError::OutOfBounds);
        };
        let end = (offset as usize).saturating_add(buffer.len());
        let bytes = cells.bytes.get(offset as usize..end).ok_or(FlashError::OutOfBounds)?;
        if !cells.readable(geometry, offset, bytes.len() as u32) {
            return Err(FlashError::Unreadable);
        }
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn act(&mut self, area: usize, action: Action) -> Result<(), FlashError> {
        if self.off {
            return Err(FlashError::Failed);
        }
        let geometries = Rc::clone(&self.geometries);
        let (Some(geometry), Some(cells)) = (geometries.get(area), self.store.areas.get_mut(area)) else {
            return Err(FlashError::OutOfBounds);
        };
        let number = self.operations;
        if number >= self.limit {
            return Err(
                self.blame(format!("more than {} operations in one boot: it does not end", self.limit))
            );
        }
        self.operations += 1;
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.at == number) {
            cells.interrupt(geometry, &action, cut.effect, &mut cut.rng);
            self.off = true;
            if let Some(journal) = &mut self.journal {
                journal.push(Operation { area, action });
            }
            return Err(FlashError::Failed);
        }
        match &action {
            Action::Write { offset, data } => {
                if !cells.program(geometry, *offset, data) {
                    return Err(self.blame(format!(
                        "area {area}: a unit at {offset:#x} was programmed again without an erase"
                    )));
                }
                if let Some(secrets) = &self.secrets
                    && let Some(found) = secrets.find(area, &cells.bytes, *offset as usize, data.len())
                {
                    return Err(self.blame(format!("area {area}, {offset:#x}: {found}")));
                }
            }
            Action::Erase { sector } => match geometry.sector(*sector) {
                Some(sector) => cells.erase(geometry, sector),
                None => return Err(self.blame(format!("area {area} has no sector {sector}"))),
            },
        }
        if let Some(journal) = &mut self.journal {
            journal.push(Operation { area, action });
        }
        Ok(())
    }
}

/// One area of a shared [`Machine`], as the engine sees it.
#[derive(Clone, Debug)]
pub struct Area {
    machine: Rc<RefCell<Machine>>,
    geometry: Rc<[Geometry]>,
    index: usize,
}

impl Area {
    /// The area with this index.
    pub fn new(machine: &Rc<RefCell<Machine>>, index: usize) -> Area {
        let geometry = Rc::clone(machine.borrow().geometries());
        Area { machine: Rc::clone(machine), geometry, index }
    }

    /// Its geometry.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry[self.index]
    }
}

impl Flash for Area {
    fn size(&self) -> u32 {
        self.geometry().size()
    }

    fn write_size(&self) -> u32 {
        self.geometry().unit
    }

    fn erased_value(&self) -> u8 {
        self.geometry().erased
    }

    fn sector_count(&self) -> u32 {
        self.geometry().sectors().len() as u32
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        self.geometry().sector(index)
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        self.machine.borrow_mut().read(self.index, offset, buffer)
    }

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let (unit, size) = (self.write_size(), self.size());
        let mut machine = self.machine.borrow_mut();
        let end = u64::from(offset) + data.len() as u64;
        if end > u64::from(size) || !offset.is_multiple_of(unit) || !end.is_multiple_of(u64::from(unit)) {
            let area = self.index;
            return Err(machine.blame(format!(
                "area {area}: write of {} bytes at {offset:#x} is outside or not whole units of {unit}",
                data.len()
            )));
        }
        if data.is_empty() {
            return Ok(());
        }
        machine.act(self.index, Action::Write { offset, data: data.into() })
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.machine.borrow_mut().act(self.index, Action::Erase { sector })
    }
}
