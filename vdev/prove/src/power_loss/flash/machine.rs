//! The powered flashes of one device, and one of them as the engine sees it.

use std::cell::RefCell;
use std::rc::Rc;

use ironroot_boot::update::{Flash, FlashError, Sector};

use super::cells::Store;
use super::{Action, CIPHER_BLOCK, Effect, Geometry, Operation};
use crate::power_loss::secrets::Secrets;
use crate::rng::Rng;

/// Most accesses of one boot before the model calls it endless.
const READS: u64 = 2_000_000;

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
        let bytes = cells.bytes().get(offset as usize..end).ok_or(FlashError::OutOfBounds)?;
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
                if let Err(why) = cells.program(geometry, *offset, data) {
                    return Err(self.blame(format!("area {area}: a unit at {offset:#x} {}", why.words())));
                }
                if let Some(secrets) = &self.secrets
                    && let Some(found) = secrets.find(area, cells.bytes(), *offset as usize, data.len())
                {
                    return Err(self.blame(format!("area {area}, {offset:#x}: {found}")));
                }
            }
            Action::Erase { sector } => {
                if !cells.erase(geometry, *sector) {
                    return Err(self.blame(format!("area {area} has no sector {sector}")));
                }
            }
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

    fn cipher_block(&self) -> u32 {
        if self.geometry().sealed() == 0 { 0 } else { CIPHER_BLOCK as u32 }
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
