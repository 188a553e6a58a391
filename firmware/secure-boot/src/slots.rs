//! The slots of this product, and the engine at work on them.

#[cfg(feature = "external")]
use ironroot_boot::Flash;
#[cfg(feature = "encryption")]
use ironroot_boot::KeyStore;
use ironroot_boot::update::{ImageConfig, ImageSlots, SavedKeys, System};
use ironroot_boot::{BootPolicy, DeviceKind, Launch, Mode, Refusal};
use ironroot_boot::{boot as decide, stm32h735 as product};
#[cfg(not(feature = "encryption"))]
use ironroot_crypto::NoContentKeys;
#[cfg(feature = "encryption")]
use ironroot_crypto_device::DeviceKeys;
use ironroot_hal::area::InternalFlash;
use ironroot_hal::counters::CounterLog;
#[cfg(feature = "external")]
use ironroot_hal::nor::{Nor, NorFlash};
use ironroot_layout::stm32h735::{self as map, SCRATCH, SECONDARY_SLOT, SLOT};

use crate::stage;

const PRIMARY: InternalFlash = InternalFlash::new(SLOT.region);
const SECONDARY: InternalFlash = InternalFlash::new(SECONDARY_SLOT.region);
const SCRATCH_AREA: InternalFlash = InternalFlash::new(SCRATCH);

/// What is copied at a time. A page of the external flash, and eight words of the internal one.
const BUFFER: usize = map::EXTERNAL_PAGE.bytes() as usize;

/// What is demanded of an application, on a real chip.
pub const POLICY: BootPolicy = BootPolicy::stm32h735(DeviceKind::Real);

const CONFIG: ImageConfig = config(false);
#[cfg(feature = "external")]
const EXTERNAL_CONFIG: ImageConfig = config(true);

/// How an image is updated. Every image has a security counter: without one, an old image with a known hole could come
/// back with its genuine signature.
const fn config(external: bool) -> ImageConfig {
    let mode = match (external, cfg!(feature = "swap")) {
        (true, _) => product::EXTERNAL_MODE,
        (false, true) => product::MODE,
        (false, false) => Mode::OverwriteOnly,
    };
    let align = map::TRAILER_ALIGN.bytes();
    let slot = if external { map::EXTERNAL_SLOT } else { SLOT };
    let encrypted = cfg!(feature = "encryption");
    ImageConfig {
        saved_keys: if encrypted { product::SAVED_KEYS } else { SavedKeys::None },
        policy: ironroot_image::Policy {
            encrypted,
            slot_address: Some(slot.region.start().value()),
            ..POLICY.image
        },
        header_size: Some(slot.header.bytes() as u16),
        require_counter: true,
        bootstrap: true,
        ..ImageConfig::new(mode, align, map::TRAILER_SECTORS)
    }
}

/// Makes the updates and decides what is started.
pub fn boot(keys: &[u8], policy: &BootPolicy) -> Result<Launch, Refusal> {
    let image_0 = ImageSlots { primary: &mut { PRIMARY }, secondary: &mut { SECONDARY }, config: CONFIG };
    #[cfg(feature = "external")]
    if let Some(nor) = Nor::open() {
        let launch = match external(&nor) {
            Some((mut primary, mut secondary)) => {
                let config = EXTERNAL_CONFIG;
                let image_1 = ImageSlots { primary: &mut primary, secondary: &mut secondary, config };
                with(&mut [image_0, image_1], keys, policy)
            }
            None => with(&mut [image_0], keys, policy),
        };
        nor.close();
        return launch;
    }
    with(&mut [image_0], keys, policy)
}

/// The engine with these images. Not inlined: the number of images is all that differs between its callers.
#[inline(never)]
fn with(images: &mut [ImageSlots<'_>], keys: &[u8], policy: &BootPolicy) -> Result<Launch, Refusal> {
    let mut buffer = [0; BUFFER];
    let mut counters = CounterLog;
    let mut scratch = SCRATCH_AREA;
    let device_key = device_key(keys);
    let mut system = System::new(images, &[], &mut counters, &mut buffer);
    system.scratch = Some(&mut scratch);
    if let Some(key) = &device_key {
        system.content_keys = key;
    }
    decide(&mut system, keys, policy, &mut stage::Marked::new())
}

/// The holder of the device's key. A store that cannot be read is refused by the decision, with its code.
#[cfg(feature = "encryption")]
fn device_key(keys: &[u8]) -> Option<DeviceKeys> {
    let store = KeyStore::parse(keys, &mut stage::Marked::new()).ok()?;
    DeviceKeys::new(store.device_key()?.scalar())
}

#[cfg(not(feature = "encryption"))]
fn device_key(_: &[u8]) -> Option<NoContentKeys> {
    None
}

/// The slots of image 1, if there is such an image: where a header or a trailer would be, something is.
#[cfg(feature = "external")]
fn external(nor: &Nor) -> Option<(NorFlash<'_>, NorFlash<'_>)> {
    let primary = NorFlash::new(nor, map::EXTERNAL_SLOT.region)?;
    let secondary = NorFlash::new(nor, map::EXTERNAL_SECONDARY_SLOT.region)?;
    let used = |flash: &dyn Flash, offset: u32| {
        let mut bytes = [0; map::TRAILER_ALIGN.bytes() as usize];
        // What cannot be read is the engine's to refuse.
        flash.read(offset, &mut bytes).is_err() || bytes.iter().any(|byte| *byte != map::ERASED)
    };
    let any = [&primary as &dyn Flash, &secondary].into_iter().any(|flash| {
        let magic = flash.size().saturating_sub(map::TRAILER_ALIGN.bytes());
        // The second sector: there an update waits.
        [0, map::EXTERNAL_SECTOR.bytes(), magic].into_iter().any(|offset| used(flash, offset))
    });
    any.then_some((primary, secondary))
}
