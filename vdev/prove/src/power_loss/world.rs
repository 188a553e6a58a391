//! One device to try: its layout, its images, its configuration. Everything that does not change while power fails.

use std::fmt;
use std::rc::Rc;

use ironroot_boot::update::{Counters, Flash, FlashError, ImageConfig, ImageSlots, Mode, TrailerLayout, app};
use ironroot_crypto::SigningKey;
use ironroot_image::build::Builder;
use ironroot_image::{Dialect, PublicKey, RamWindow, Version};

use super::counters;
use super::crypto::Memo;
use super::encryption::Encryption;
use super::flash::{Area, Geometry, Machine, Store};
use super::layout::{Layout, Stage, saved_keys};
use super::scenario::{Scenario, Sizes, Spec};
use super::secrets::Secrets;
use super::truth::Which;
use crate::rng::Rng;

/// Index of the scratch area.
pub const SCRATCH: usize = 0;
/// Index of the area with the security counters.
pub const COUNTERS: usize = 1;

/// Index of an image's primary slot.
pub const fn primary(image: usize) -> usize {
    2 + image * 2
}

/// Index of an image's secondary slot.
pub const fn secondary(image: usize) -> usize {
    3 + image * 2
}

/// Header size of the images: small, so that small slots have room for a payload.
const HEADER: u16 = 64;
/// Where images are loaded to, if they are.
pub const RAM: u32 = 0x2400_0000;
/// And how much room is there: more than any slot of the tables has that images are loaded from.
pub const RAM_SIZE: u32 = 64 * 1024;
/// Least payload.
const LEAST_PAYLOAD: u32 = 64;

/// The modes with their names.
pub const MODES: [(Mode, &str); 5] = [
    (Mode::OverwriteOnly, "overwrite-only"),
    (Mode::SwapScratch, "swap-scratch"),
    (Mode::SwapMove, "swap-move"),
    (Mode::SwapOffset, "swap-offset"),
    (Mode::RamLoad, "ram-load"),
];

/// A mode's name.
pub fn mode_name(mode: Mode) -> &'static str {
    MODES.iter().find(|(there, _)| *there == mode).map_or("?", |(_, name)| name)
}

/// What is tried, without the cuts.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How updates are made.
    pub mode: Mode,
    /// Where.
    pub layout: &'static Layout,
    /// How updates are encrypted.
    pub encryption: Encryption,
    /// What happens.
    pub scenario: &'static Scenario,
    /// How large the images are.
    pub sizes: Sizes,
    /// Source of payloads and of what cuts leave.
    pub seed: u64,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, layout) = (mode_name(self.mode), self.layout.name);
        let (encryption, scenario, sizes) = (self.encryption.name(), self.scenario.name, self.sizes.name());
        write!(f, "{mode}/{layout}/{encryption}/{scenario}/{sizes}/{}", self.seed)
    }
}

/// An image as it is sent and as it is installed.
#[derive(Clone, Debug)]
pub struct Made {
    /// What the application receives: encrypted, if anything is.
    pub sent: Vec<u8>,
    /// What runs.
    pub plain: Vec<u8>,
    /// The version in its header.
    pub version: Version,
    /// Its security counter.
    pub counter: u32,
}

/// A device that can be tried.
#[derive(Debug)]
pub struct World {
    /// What it is for.
    pub setup: Setup,
    /// Every area.
    pub geometries: Rc<[Geometry]>,
    /// The images of each slot pair.
    pub images: Vec<Vec<Made>>,
    /// How each pair is updated.
    pub config: ImageConfig,
    /// Where a slot's trailer is.
    pub trailer: TrailerLayout,
    /// The key of the images.
    pub keys: [PublicKey; 1],
    /// The flashes at the start.
    pub start: Store,
    /// What must not be seen, if anything.
    pub secrets: Option<Rc<Secrets>>,
}

/// Why a device cannot be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The engine refuses the layout for this mode, with this code.
    Refused(ironroot_codes::Code),
    /// An image of the least size has no room.
    NoRoom(u32),
    /// The harness could not make it.
    Fault(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Refused(code) => write!(f, "the engine refuses it: {code}"),
            Unfit::NoRoom(room) => write!(f, "room for {room} bytes only"),
            Unfit::Fault(why) => f.write_str(why),
        }
    }
}

impl World {
    /// The device of this setup.
    pub fn new(setup: Setup) -> Result<World, Unfit> {
        let fault = |why: &dyn fmt::Display| Unfit::Fault(why.to_string());
        let pairs = setup.scenario.images.len();
        let [first, second, scratch] = setup.layout.geometries();
        let mut geometries = vec![scratch, counters::geometry(setup.layout.counters())];
        for _ in 0..pairs {
            geometries.extend([first.clone(), second.clone()]);
        }
        let config = config(setup);
        let (trailer, most) = limits(&geometries, config)?;
        if setup.layout.device.is_some_and(|device| trailer.size() > device.trailer_room) {
            return Err(fault(&"the trailer reaches in front of its room"));
        }
        let scalar = [0x5A; 32];
        let signer = SigningKey::from_scalar(&scalar).map_err(|_| fault(&"the signing key"))?;
        let mut world = World {
            setup,
            geometries: geometries.into(),
            images: Vec::new(),
            config,
            trailer,
            keys: [PublicKey::P256(signer.public_key())],
            start: Store { areas: Vec::new() },
            secrets: None,
        };
        world.make_images(most, &signer)?;
        world.start = world.at_the_start().map_err(|why| fault(&why))?;
        world.secrets = world.secrets().map(Rc::new);
        Ok(world)
    }

    /// Where an update begins in the secondary slot: in swap-offset behind one step, which is the largest sector of both.
    pub fn update_offset(&self) -> u32 {
        let slots = [primary(0), secondary(0)].into_iter().filter_map(|slot| self.geometries.get(slot));
        let largest = slots.flat_map(Geometry::sectors).map(|sector| sector.size).max();
        if self.setup.mode == Mode::SwapOffset { largest.unwrap_or(0) } else { 0 }
    }

    /// Whether the mode can take an update back.
    pub fn has_trials(&self) -> bool {
        self.setup.mode != Mode::OverwriteOnly
    }

    /// Whether images run from RAM, and either slot may hold the one that runs.
    pub fn loads(&self) -> bool {
        self.setup.mode == Mode::RamLoad
    }

    /// Whether STiRoT installs: what is installed stays as it was sent, and runs from RAM.
    pub fn is_stirot(&self) -> bool {
        self.setup.layout.device.is_some_and(|device| device.stage == Stage::Stirot)
    }

    /// Whether images run from RAM, and are in flash as they were sent.
    pub fn runs_in_ram(&self) -> bool {
        self.loads() || self.is_stirot()
    }

    /// Bytes of RAM that images are loaded to: under STiRoT, a slot.
    pub fn ram_size(&self) -> usize {
        let slot = self.geometries.get(primary(0)).map_or(0, Geometry::size);
        match (self.loads(), self.is_stirot()) {
            (true, _) => RAM_SIZE as usize,
            (_, true) => slot as usize,
            _ => 0,
        }
    }

    fn make_images(&mut self, most: u32, signer: &SigningKey) -> Result<(), Unfit> {
        let setup = self.setup;
        let mut rng = Rng::new(setup.seed ^ 0x1234_5678);
        let unit = self.geometries[primary(0)].unit;
        let sector = self.geometries[primary(0)].sector(0).map_or(unit, |sector| sector.size);
        let maker = Maker { setup, signer };
        let least =
            u32::try_from(maker.make(0, 0, setup.scenario.images[0][0], LEAST_PAYLOAD, &mut rng)?.sent.len())
                .unwrap_or(u32::MAX)
                + 8;
        if most < least {
            return Err(Unfit::NoRoom(most));
        }
        for (image, specs) in setup.scenario.images.iter().enumerate() {
            let mut made = Vec::new();
            for (which, spec) in (0..).zip(*specs) {
                let bytes = setup.sizes.bytes(which, least, most, sector, unit);
                made.push(maker.of_size(image, which, *spec, bytes, &mut rng)?);
            }
            self.images.push(made);
        }
        Ok(())
    }

    /// The flashes as they leave the factory.
    fn at_the_start(&self) -> Result<Store, String> {
        let machine = Machine::new(Rc::clone(&self.geometries)).shared();
        machine.borrow_mut().power_on(u32::MAX, None, false);
        let mut counters = counters::Log::new(Area::new(&machine, COUNTERS));
        for (image, made) in self.images.iter().enumerate() {
            let [first, ..] = made.as_slice() else { return Err("a slot pair without images".to_owned()) };
            let (slot, bytes, offset) = match (self.setup.scenario.empty, made.get(1)) {
                (true, Some(next)) => (secondary(image), &next.sent, self.update_offset()),
                _ if self.runs_in_ram() => (primary(image), &first.sent, 0),
                _ => (primary(image), &first.plain, 0),
            };
            let mut area = Area::new(&machine, slot);
            write_padded(&mut area, offset, bytes).map_err(|error| format!("at the start: {error:?}"))?;
            if self.loads() && !self.setup.scenario.empty {
                // Where nothing is moved a factory image is one that was confirmed.
                app::request(&mut area, &self.trailer, true).map_err(|code| code.to_string())?;
            }
            counters.raise(image as u8, first.counter).map_err(|error| format!("counters: {error:?}"))?;
        }
        let store = machine.borrow().store.clone();
        match machine.borrow().fault() {
            Some(fault) => Err(fault.to_owned()),
            None => Ok(store),
        }
    }

    fn secrets(&self) -> Option<Secrets> {
        if self.setup.encryption == Encryption::NONE {
            return None;
        }
        // Where images run from RAM no flash needs them in clear.
        let open = |area: usize| !self.runs_in_ram() && area >= 2 && area.is_multiple_of(2);
        let open = (0..self.geometries.len()).map(open).collect();
        let mut secrets = Secrets::new(open);
        for (image, made) in self.images.iter().enumerate() {
            for (which, made) in (0..).zip(made) {
                secrets.key(&self.setup.encryption.content_key(image, which, self.setup.seed));
                // Header and TLVs stay in clear.
                let payload = made.plain.get(usize::from(HEADER)..).and_then(|rest| {
                    let size = made.plain.get(12..16)?.first_chunk().map(|size| u32::from_le_bytes(*size))?;
                    rest.get(..size as usize)
                });
                secrets.payload(payload.unwrap_or_default());
            }
        }
        Some(secrets)
    }
}

/// Writes bytes from `offset` on, the last unit filled with erased bytes, in pieces of one sector or less.
pub fn write_padded(area: &mut dyn Flash, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
    const PIECE: usize = 1024;
    let unit = area.write_size().max(area.cipher_block()) as usize;
    for (at, piece) in bytes.chunks(PIECE).enumerate() {
        let mut piece = piece.to_vec();
        piece.resize(piece.len().next_multiple_of(unit), area.erased_value());
        area.write(offset + (at * PIECE) as u32, &piece)?;
    }
    Ok(())
}

/// How the images are updated.
fn config(setup: Setup) -> ImageConfig {
    let Setup { mode, layout, encryption, scenario, .. } = setup;
    let mut config = ImageConfig::new(mode, u32::from(layout.max_align), u32::from(layout.max_sectors));
    config.saved_keys = encryption.saved_keys();
    config.policy.encrypted = encryption != Encryption::NONE;
    config.require_counter = true;
    config.bootstrap = scenario.empty;
    if mode == Mode::RamLoad {
        config.trial = true;
        config.policy.ram_load = Some(RamWindow { start: RAM, size: RAM_SIZE });
    }
    if let Some(device) = layout.device {
        // As the stage has it, whatever the images are.
        config.saved_keys = saved_keys(mode);
        config.policy.encrypted = true;
        config.header_size = Some(HEADER);
        config.max_size = Some(device.max_image);
        config.bootstrap = true;
        if device.stage == Stage::Stirot {
            config.dialect = Dialect::StirotH7s;
        }
    }
    config
}

/// Where the trailer is and the largest image, as the engine says.
fn limits(geometries: &[Geometry], config: ImageConfig) -> Result<(TrailerLayout, u32), Unfit> {
    let machine = Machine::new(geometries.to_vec().into()).shared();
    machine.borrow_mut().power_on(0, None, false);
    let area = |index| Area::new(&machine, index);
    let (mut first, mut second, scratch) = (area(primary(0)), area(secondary(0)), area(SCRATCH));
    let scratch: Option<&dyn Flash> = if config.mode == Mode::SwapScratch { Some(&scratch) } else { None };
    let slots = ImageSlots { primary: &mut first, secondary: &mut second, config };
    let (trailer, limits) = slots.check(scratch).map_err(Unfit::Refused)?;
    Ok((trailer, limits.max_size))
}

/// Makes images.
struct Maker<'a> {
    setup: Setup,
    signer: &'a SigningKey,
}

impl Maker<'_> {
    /// An image of exactly `bytes` bytes.
    fn of_size(
        &self,
        image: usize,
        which: Which,
        spec: Spec,
        bytes: u32,
        rng: &mut Rng,
    ) -> Result<Made, Unfit> {
        // Signatures differ in length by a byte or two: try, correct, try again. Encrypted payloads come in blocks of 16.
        let slack = if self.setup.encryption == Encryption::NONE { 0 } else { 17 };
        let mut payload = bytes.saturating_sub(u32::from(HEADER) + 300).max(LEAST_PAYLOAD);
        let mut best: Option<Made> = None;
        for _ in 0..40 {
            let made = self.make(image, which, spec, payload, rng)?;
            let size = made.sent.len() as u32;
            if size <= bytes && bytes - size <= slack {
                return Ok(made);
            }
            let wanted = i64::from(payload) + i64::from(bytes) - i64::from(size);
            payload = u32::try_from(wanted).unwrap_or(LEAST_PAYLOAD).max(LEAST_PAYLOAD);
            if size < bytes && best.as_ref().is_none_or(|best| best.sent.len() < made.sent.len()) {
                best = Some(made);
            }
        }
        best.ok_or_else(|| Unfit::Fault(format!("no image of {bytes} bytes could be made")))
    }

    fn make(
        &self,
        image: usize,
        which: Which,
        spec: Spec,
        payload: u32,
        rng: &mut Rng,
    ) -> Result<Made, Unfit> {
        let fault = |why: &dyn fmt::Display| Unfit::Fault(format!("an image could not be made: {why}"));
        let version = Version { major: 1, minor: which, revision: image as u16, build: 0 };
        let builder = Builder::new(version).header_size(HEADER).security_counter(spec.counter);
        let builder = if self.setup.mode == Mode::RamLoad { builder.ram_load(RAM) } else { builder };
        let builder = match self.setup.layout.device {
            Some(device) if device.stage == Stage::Stirot => {
                builder.dialect(Dialect::StirotH7s).primary_only()
            }
            _ => builder,
        };
        let builder = match spec.needs {
            Some((other, least)) => {
                let version = Version { major: 1, minor: least, revision: other as u16, build: 0 };
                builder.dependency(other as u8, version)
            }
            None => builder,
        };
        let payload: Vec<u8> = (0..payload).map(|_| rng.word() as u8).collect();
        let key = self.setup.encryption.content_key(image, which, self.setup.seed);
        let (mut sent, plain) = self
            .setup
            .encryption
            .build(builder, &payload, &key, self.signer, &mut Memo::new())
            .map_err(|why| fault(&why))?;
        if spec.corrupt {
            // In the middle of the payload, so that only the hash tells.
            let middle = usize::from(HEADER) + payload.len() / 2;
            sent.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 0x10);
        }
        Ok(Made { sent, plain, version, counter: spec.counter })
    }
}
