//! The loader under trial: the engine of `crates/boot`, behind a narrow interface, so that a worse one can take its place;
//! and where STiRoT installs, a model of that.

mod stirot;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use ironroot_boot::update::{
    Action, Counters, Flash, ImageSlots, LoadMemory, Mode, System, UpdateError, app, load, update,
};
use ironroot_image::Version;

use super::counters::Log;
use super::crypto::Memo;
use super::encryption::Keys;
use super::flash::{Area, Machine};
use super::world::{COUNTERS, Made, RAM, SCRATCH, World, primary, secondary, write_padded};

/// Bytes of the engine's copy buffer.
const BUFFER: usize = 512;

/// What the loader says of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The version that runs.
    pub version: Version,
    /// What was done for it.
    pub action: Action,
    /// An update was refused.
    pub refused: Option<ironroot_codes::Code>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { major, minor, revision, .. } = self.version;
        write!(f, "runs {major}.{minor}.{revision}, action: {}", self.action.name())?;
        match self.refused {
            Some(code) => write!(f, ", update refused: {code}"),
            None => Ok(()),
        }
    }
}

/// A device that is being tried.
#[derive(Debug)]
pub struct Device {
    /// Its flashes.
    pub machine: Rc<RefCell<Machine>>,
    /// What was loaded to RAM, if images run there.
    pub ram: Vec<u8>,
    memo: Memo,
    keys: Keys,
}

impl Device {
    /// A device of this world, off.
    pub fn new(world: &World) -> Device {
        let mut machine = Machine::new(Rc::clone(&world.geometries));
        if let Some(secrets) = &world.secrets {
            machine.watch(Rc::clone(secrets));
        }
        let ram = vec![0; world.ram_size()];
        Device { machine: machine.shared(), ram, memo: Memo::new(), keys: world.setup.encryption.keys() }
    }

    /// One of its areas.
    pub fn area(&self, index: usize) -> Area {
        Area::new(&self.machine, index)
    }

    /// A security counter.
    pub fn counter(&self, image: usize) -> Option<u32> {
        Log::new(self.area(COUNTERS)).get(image as u8).ok()
    }
}

/// A loader with what its applications use to talk to it. An error may be anything once power is off.
pub trait Loader {
    /// One boot: what was started, or why nothing was.
    fn boot(&self, world: &World, device: &mut Device) -> Result<Vec<Said>, String>;

    /// The application asks for the update in this slot.
    fn ask(&self, world: &World, device: &mut Device, slot: usize, permanent: bool) -> Result<(), String> {
        let mut area = device.area(slot);
        app::request(&mut area, &world.trailer, permanent).map_err(|code| code.to_string())
    }

    /// The application keeps what runs, which is in this slot.
    fn confirm(&self, world: &World, device: &mut Device, slot: usize) -> Result<(), String> {
        let mut area = device.area(slot);
        app::confirm(&mut area, &world.trailer).map_err(|code| code.to_string())
    }

    /// The application erases this slot and writes an update to it.
    fn receive(&self, world: &World, device: &mut Device, slot: usize, update: &Made) -> Result<(), String> {
        receive(world, device, slot, update)
    }
}

fn receive(world: &World, device: &mut Device, slot: usize, update: &Made) -> Result<(), String> {
    let mut area = device.area(slot);
    for sector in 0..area.sector_count() {
        area.erase(sector).map_err(|error| format!("{error:?}"))?;
    }
    write_padded(&mut area, world.update_offset(), &update.sent).map_err(|error| format!("{error:?}"))
}

/// The engine.
#[derive(Clone, Copy, Debug)]
pub struct Engine;

impl Loader for Engine {
    fn ask(&self, world: &World, device: &mut Device, slot: usize, permanent: bool) -> Result<(), String> {
        if world.is_stirot() {
            return stirot::ask(world, device, slot);
        }
        let mut area = device.area(slot);
        app::request(&mut area, &world.trailer, permanent).map_err(|code| code.to_string())
    }

    fn receive(&self, world: &World, device: &mut Device, slot: usize, update: &Made) -> Result<(), String> {
        if world.is_stirot() {
            return stirot::receive(device, slot, update);
        }
        receive(world, device, slot, update)
    }

    fn boot(&self, world: &World, device: &mut Device) -> Result<Vec<Said>, String> {
        if world.is_stirot() {
            return stirot::boot(world, device).map(|said| vec![said]);
        }
        let pairs = world.images.len();
        let mut areas: Vec<(Area, Area)> =
            (0..pairs).map(|image| (device.area(primary(image)), device.area(secondary(image)))).collect();
        let mut images: Vec<ImageSlots<'_>> = areas
            .iter_mut()
            .map(|(primary, secondary)| ImageSlots { primary, secondary, config: world.config })
            .collect();
        let mut scratch = device.area(SCRATCH);
        let mut counters = Log::new(device.area(COUNTERS));
        let mut buffer = [0; BUFFER];
        let scratched = world.setup.mode == Mode::SwapScratch;
        let mut system = System {
            images: &mut images,
            scratch: if scratched { Some(&mut scratch) } else { None },
            counters: &mut counters,
            keys: &world.keys,
            content_keys: &device.keys,
            buffer: &mut buffer,
        };
        let failed = |error: UpdateError| format!("image {}: {}", error.image, error.code);
        let report = if world.loads() {
            device.ram.fill(0);
            let mut memory = LoadMemory { bytes: &mut device.ram, address: RAM };
            load(&mut system, &mut memory, &mut device.memo).map_err(failed)?.report
        } else {
            update(&mut system, &mut device.memo).map_err(failed)?.report
        };
        let said = report.images().iter().map(|image| Said {
            version: image.version,
            action: image.action,
            refused: image.refused,
        });
        Ok(said.collect())
    }
}
