//! STiRoT and its iLoader: how the first stage of the STM32H7S installs what it loads.
//!
//! A model: `firmware/rss-h7rs/src/stirot` and `firmware/iloader` are bound to the chip. The order of their writes, the decisions
//! and the checks are the same, and the checks are made by the same functions of `ironroot-image`. On the chip a system reset
//! stands between the two programs; here a loop does, for RAM and the register with the progress survive that reset and not
//! a cut of power.
//!
//! 1. A download that begins with STiRoT's magic is loaded and verified as it is, encrypted. If it is good, the iLoader erases
//!    the installed image, start first, writes RAM over it, start last, and erases the download, start first. If not, it only
//!    erases the download.
//! 2. Then the installed image is loaded, decrypted in RAM, verified again, its counter recorded, and started.

use ironroot_boot::update::{Action, Counters, Flash, FlashError};
use ironroot_codes::Code;
use ironroot_crypto::ContentKeys;
use ironroot_image::{Dialect, Error, Image, Limits, Plain, Policy, ReadAt, open_key, verify};
use ironroot_layout::stm32h7rs::stirot::TRIES;

use super::{Device, Said};
use crate::power_loss::counters::Log;
use crate::power_loss::flash::Area;
use crate::power_loss::world::{COUNTERS, Made, World, primary, secondary};

/// What the iLoader copies at a time: a page.
const PIECE: usize = 256;
/// What is behind an image: the magic.
const TRAILER: u32 = 16;

fn failed(error: FlashError) -> String {
    format!("{error:?}")
}

/// The application writes a download, all but its first page: without the magic it is none.
pub(super) fn receive(device: &mut Device, slot: usize, update: &Made) -> Result<(), String> {
    let mut area = device.area(slot);
    erase(&mut area).map_err(failed)?;
    for (at, piece) in update.sent.chunks(PIECE).enumerate().skip(1) {
        write(&mut area, at * PIECE, piece).map_err(failed)?;
    }
    Ok(())
}

/// The application completes the download in this slot, and so asks for it.
pub(super) fn ask(world: &World, device: &mut Device, slot: usize) -> Result<(), String> {
    let mut area = device.area(slot);
    let mut there = vec![0; area.size() as usize];
    area.read(0, &mut there).map_err(failed)?;
    let same = |made: &&Made| there.get(PIECE..made.sent.len()) == made.sent.get(PIECE..);
    let update =
        world.images.iter().flatten().find(same).ok_or("no download is complete but for its start")?;
    write(&mut area, 0, update.sent.get(..PIECE).unwrap_or(&update.sent)).map_err(failed)
}

/// One boot, with all the resets between STiRoT and the iLoader.
pub(super) fn boot(world: &World, device: &mut Device) -> Result<Said, String> {
    let (mut installed, mut download) = (device.area(primary(0)), device.area(secondary(0)));
    let mut counters = Log::new(device.area(COUNTERS));
    let mut memo = std::mem::take(&mut device.memo);
    let mut said = None;
    // A start of the iLoader, or two: it loads, and installs.
    for _ in 0..TRIES {
        let least = counters.get(0).map_err(|error| format!("{error:?}"))?;
        let mut stirot = Stirot { world, keys: &device.keys, least, memo: &mut memo };
        device.ram.fill(0);
        if starts_an_image(&download).map_err(failed)? {
            load(&download, &mut device.ram).map_err(failed)?;
            let was_empty = !starts_an_image(&installed).map_err(failed)?;
            match stirot.check(&device.ram) {
                Ok(()) => {
                    store(&device.ram, &mut installed).map_err(failed)?;
                    said = Some((if was_empty { Action::Bootstrapped } else { Action::Installed }, None));
                }
                Err(code) => said = Some((Action::None, Some(code))),
            }
            erase(&mut download).map_err(failed)?;
            continue;
        }
        if !starts_an_image(&installed).map_err(failed)? {
            break;
        }
        load(&installed, &mut device.ram).map_err(failed)?;
        let opened = stirot.open(&mut device.ram);
        device.memo = memo;
        let image = opened.map_err(|code| code.to_string())?;
        if image.counter > least {
            counters.raise(0, image.counter).map_err(|error| format!("{error:?}"))?;
        }
        let (action, refused) = said.unwrap_or((Action::None, None));
        return Ok(Said { version: image.version, action, refused });
    }
    Err("no image is installed".to_owned())
}

struct Opened {
    version: ironroot_image::Version,
    counter: u32,
}

/// The stage, with what it knows of the device.
struct Stirot<'a> {
    world: &'a World,
    keys: &'a dyn ContentKeys,
    least: u32,
    memo: &'a mut crate::power_loss::crypto::Memo,
}

impl Stirot<'_> {
    fn parse(&self, ram: &[u8]) -> Result<Image, Code> {
        let max_size = (ram.len() as u32).saturating_sub(TRAILER);
        Image::parse(ram, Limits { max_size, dialect: Dialect::StirotH7s }).map_err(code)
    }

    fn verified(&mut self, image: &Image, source: &dyn ReadAt) -> Result<(), Code> {
        let policy = Policy { min_security_counter: Some(self.least), encrypted: true, ..Policy::NONE };
        verify(image, source, &self.world.keys, &policy, self.memo).map(drop).map_err(code)
    }

    /// A download, decrypted as it is read.
    fn check(&mut self, ram: &[u8]) -> Result<(), Code> {
        let image = self.parse(ram)?;
        let key = open_key(&image, ram, self.keys).map_err(code)?;
        self.verified(&image, &Plain::new(ram, &image, &key, self.keys))
    }

    /// The installed image, decrypted where it is.
    fn open(&mut self, ram: &mut [u8]) -> Result<Opened, Code> {
        let image = self.parse(ram)?;
        let key = open_key(&image, &*ram, self.keys).map_err(code)?;
        let payload = image.payload();
        if let Some(payload) = ram.get_mut(payload.start as usize..payload.end as usize) {
            self.keys.apply(&key, 0, payload);
        }
        self.verified(&image, &&*ram)?;
        let counter = image.security_counter().unwrap_or(0);
        Ok(Opened { version: image.header().version, counter })
    }
}

fn code(error: Error) -> Code {
    error.code()
}

fn starts_an_image(area: &Area) -> Result<bool, FlashError> {
    let mut magic = [0; 4];
    area.read(0, &mut magic)?;
    Ok(u32::from_le_bytes(magic) == Dialect::StirotH7s.magic())
}

fn load(area: &Area, ram: &mut [u8]) -> Result<(), FlashError> {
    area.read(0, ram)
}

fn store(ram: &[u8], area: &mut Area) -> Result<(), FlashError> {
    erase(area)?;
    for (at, piece) in ram.chunks(PIECE).enumerate().rev() {
        if piece.iter().any(|byte| *byte != area.erased_value()) {
            write(area, at * PIECE, piece)?;
        }
    }
    Ok(())
}

fn write(area: &mut Area, at: usize, piece: &[u8]) -> Result<(), FlashError> {
    let mut piece = piece.to_vec();
    piece.resize(piece.len().next_multiple_of(area.write_size() as usize), area.erased_value());
    area.write(at as u32, &piece)
}

fn erase(area: &mut Area) -> Result<(), FlashError> {
    (0..area.sector_count()).try_for_each(|sector| area.erase(sector))
}
