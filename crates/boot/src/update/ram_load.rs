//! ram-load: the newest image of two slots is copied to RAM and runs there.
//!
//! Nothing is ever moved in flash. With [`ImageConfig::trial`](super::ImageConfig) the trailers say which image may be
//! loaded:
//!
//! | magic | image_ok | copy_done | |
//! |---|---|---|---|
//! | good | set | any | confirmed |
//! | good | unset | unset | requested: loaded once, copy_done is set before it is started |
//! | good | unset | set | was tried and not confirmed: the last resort |
//! | not good | | | not requested: the last resort |
//!
//! The last resort is what is loaded if nothing else can be: a device does not lock itself out. An image is verified in
//! RAM, where nobody can exchange it afterwards.

use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_image::trailer::Mode;
use ironroot_image::{Header, Image, Limits, Policy, ReadAt, VerifiedImage};

use super::areas::{Area, Areas};
use super::cipher::Cipher;
use super::flash::{Flash, View};
use super::judge::{Facts, Judge, Question};
use super::report::{Action, ImageReport, Report, UpdateError};
use super::trailer::{Magic, Trailer};
use super::{MAX_REPORTED, System, TrailerLayout, set_policy};

/// The memory that images are loaded to.
pub struct LoadMemory<'r> {
    /// Its bytes.
    pub bytes: &'r mut [u8],
    /// The address of the first one.
    pub address: u32,
}

/// The image is in RAM and verified there.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was done.
    pub report: Report,
    /// The proof.
    pub image: VerifiedImage,
    /// The slot it was loaded from: 0 primary, 1 secondary. It is there that an application confirms itself.
    pub slot: u8,
    /// Where the image is, header first, from the start of the load memory.
    pub offset: u32,
}

/// What the trailer of a slot says about loading its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    LastResort,
    Requested,
    Confirmed,
}

fn standing(trailer: &Trailer, trial: bool) -> Standing {
    match (trial, trailer.magic) {
        (false, _) => Standing::Confirmed,
        (true, Magic::Good) if trailer.image_ok.is_set() => Standing::Confirmed,
        (true, Magic::Good) if !trailer.copy_done.is_set() => Standing::Requested,
        _ => Standing::LastResort,
    }
}

pub(super) fn run(
    system: &mut System<'_, '_>,
    memory: &mut LoadMemory<'_>,
    judge: &mut dyn Judge,
) -> Result<Loaded, UpdateError> {
    let mut entry = ImageReport { mode: Some(Mode::RamLoad), ..ImageReport::default() };
    let result = load(system, memory, judge, &mut entry);
    let mut images = [ImageReport::default(); MAX_REPORTED];
    if let Some(first) = images.first_mut() {
        *first = entry;
    }
    let report = Report::of(&images, 1);
    match result {
        Ok((image, slot, offset)) => Ok(Loaded { report, image, slot, offset }),
        Err(code) => Err(UpdateError { code, image: 0, report }),
    }
}

fn load(
    system: &mut System<'_, '_>,
    memory: &mut LoadMemory<'_>,
    judge: &mut dyn Judge,
    report: &mut ImageReport,
) -> Result<(VerifiedImage, u8, u32), Code> {
    let System { images, counters, content_keys, .. } = system;
    let slots = images.first_mut().ok_or(codes::UPDATE_LAYOUT)?;
    let config = slots.config;
    let (layout, limits) = slots.check(None)?;
    if config.mode != Mode::RamLoad {
        return Err(codes::UPDATE_LAYOUT);
    }
    let least = match config.require_counter {
        true => Some(counters.get(0).map_err(|error| error.code())?),
        false => None,
    };
    let mut policy = config.policy;
    set_policy(&mut policy, least);

    let mut choices = [None; 2];
    for (slot, choice) in [&*slots.primary, &*slots.secondary].into_iter().zip(&mut choices) {
        *choice = examine(slot, &layout, limits, config.trial, report)?;
    }
    // The newest that may be loaded; the last resort only after all others. Of equals, the primary.
    let [first, second] = choices
        .map(|choice| choice.map(|(standing, version): Choice| (standing != Standing::LastResort, version)));
    let order: [u8; 2] = if second > first { [1, 0] } else { [0, 1] };
    for index in order {
        let Some((standing, version)) = choices.get(usize::from(index)).copied().flatten() else { continue };
        let flash: &mut dyn Flash = if index == 0 { &mut *slots.primary } else { &mut *slots.secondary };
        let found = copy_and_verify(flash, limits, &policy, config.header_size, *content_keys, memory, judge);
        let offset = match found {
            Ok(offset) => offset,
            Err(code) => {
                report.refused = Some(code);
                continue;
            }
        };
        let verified = judge.take().ok_or(codes::SELF_CHECK_FAILED)?;
        if standing == Standing::LastResort {
            report.action = Action::None;
            report.reverted = None;
            report.refused.get_or_insert(codes::UPDATE_NO_WAY_BACK);
        }
        report.version = version;
        report.confirmed = standing == Standing::Confirmed;
        if standing == Standing::Requested {
            // Before it runs: whatever it does, it is loaded again only if it confirms itself.
            let mut slot = Areas::only(flash, &layout);
            slot.set_flag(Area::Primary, layout.copy_done());
            slot.result()?;
            report.action = Action::Testing;
        }
        if let (true, Some(least), Some(counter)) = (report.confirmed, least, verified.security_counter())
            && counter > least
        {
            report.counter = counters.raise(0, counter).err().map(super::CounterError::code);
        }
        return Ok((verified, index, offset));
    }
    Err(report.refused.unwrap_or(codes::UPDATE_NO_IMAGE))
}

/// An image that may be loaded.
type Choice = (Standing, ironroot_image::Version);

/// The image in a slot, if there is one.
fn examine(
    slot: &dyn Flash,
    layout: &TrailerLayout,
    limits: Limits,
    trial: bool,
    report: &mut ImageReport,
) -> Result<Option<Choice>, Code> {
    let trailer = super::app::state(slot, layout)?;
    let image = match Image::parse(&View::new(slot, 0), limits) {
        Ok(image) => image,
        Err(error) => {
            // A slot without any image is not worth a word.
            if error.code() != image_codes::BAD_MAGIC {
                report.refused = Some(error.code());
            }
            return Ok(None);
        }
    };
    let standing = standing(&trailer, trial);
    if standing == Standing::LastResort && trailer.is_unconfirmed() {
        report.action = Action::Reverted;
        report.reverted = Some(codes::UPDATE_NOT_CONFIRMED);
    }
    Ok(Some((standing, image.header().version)))
}

/// Copies the image to where it says, decrypts it there and verifies it there.
fn copy_and_verify(
    slot: &dyn Flash,
    limits: Limits,
    policy: &Policy,
    header_size: Option<u16>,
    keys: &dyn ironroot_crypto::ContentKeys,
    memory: &mut LoadMemory<'_>,
    judge: &mut dyn Judge,
) -> Result<u32, Code> {
    let view = View::new(slot, 0);
    let code = |error: ironroot_image::Error| error.code();
    let image = Image::parse(&view, limits).map_err(code)?;
    // Unverified so far: it must not be written anywhere but into the load memory.
    let offset = image.header().load_address.checked_sub(memory.address).ok_or(codes::UPDATE_RAM_ADDRESS)?;
    let end = offset.checked_add(image.size()).ok_or(codes::UPDATE_RAM_ADDRESS)?;
    let target = memory.bytes.get_mut(offset as usize..end as usize).ok_or(codes::UPDATE_RAM_ADDRESS)?;
    view.read_at(0, target).map_err(|_| image_codes::READ_FAILED)?;
    if image.encryption().is_some() && policy.encrypted {
        let key = ironroot_image::open_key(&image, &view, keys).map_err(code)?;
        Cipher { key, payload: image.payload() }.apply(keys, 0, target);
    }
    // Everything again from RAM: the flash, or the bus to it, may have shown something else before.
    let question = Question { limits, header_size, policy };
    let loaded: &[u8] = target;
    let accepted = match Header::parse(loaded, limits.dialect) {
        Ok(header) if header.load_address.checked_sub(memory.address) == Some(offset) => {
            judge.judge(&loaded, &question, &mut Facts::default()).map(|()| offset)
        }
        Ok(_) => Err(codes::UPDATE_RAM_ADDRESS),
        Err(error) => Err(error.code()),
    };
    if accepted.is_err() {
        target.fill(0);
    }
    accepted
}
