//! The update engine at work on the external flash.

use ironroot_boot::update::{ImageConfig, ImageSlots, SavedKeys, System, TrailerLayout, app};
use ironroot_boot::{BootPolicy, DeviceKind, Launch, Mode, Refusal, Stage, boot_with_keys};
use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_hal::area::Area;
use ironroot_hal::counters::ObkCounters;
use ironroot_hal::nor::Nor;
use ironroot_hal::sbs;
use ironroot_image::{Dependencies, HEADER_LEN, Policy};
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::map;

use crate::backend::{ContentKeyHolder, backend};
use crate::keys::Keys;
use crate::product;

const MODE: Mode = if cfg!(feature = "swap") { Mode::SwapScratch } else { Mode::OverwriteOnly };
/// Length of the TLV with the sealed image key that a swap keeps: ECIES-P256, AES-128.
const SEALED_KEY: u16 = 113;
const SAVED_KEYS: SavedKeys =
    if cfg!(feature = "swap") { SavedKeys::Sealed(SEALED_KEY) } else { SavedKeys::None };
const TRAILER: TrailerLayout =
    match TrailerLayout::new(MODE, product::ALIGN, product::ALIGN, product::MAX_SECTORS, SAVED_KEYS) {
        Some(layout) => layout,
        None => panic!("no trailer has this alignment"),
    };
const _: () = assert!(TRAILER.size() <= product::TRAILER_ROOM);

/// What is copied at a time: a subsector of the flash.
const BUFFER: usize = 4096;

/// Every image has a security counter: without one, an old image with a known hole could come back with its genuine signature.
fn policy() -> BootPolicy {
    let image = Policy {
        vendor_id: Some(map::VENDOR_ID),
        class_id: Some(map::CLASS_ID),
        slot_address: Some(product::PRIMARY.start().value()),
        dependencies: Dependencies::Refuse,
        encrypted: true,
        ..Policy::NONE
    };
    BootPolicy {
        slot: product::SLOT,
        stack_memories: &product::STACK_MEMORIES,
        device: DeviceKind::from_unique_id(&ironroot_hal::memory::unique_id()),
        image,
        debug_closed: sbs::debug_is_closed(),
    }
}

fn config(policy: &BootPolicy) -> ImageConfig {
    ImageConfig {
        saved_keys: SAVED_KEYS,
        policy: policy.image,
        header_size: Some(product::SLOT.header.bytes() as u16),
        max_size: Some(product::MAX_IMAGE),
        require_counter: true,
        bootstrap: true,
        ..ImageConfig::new(MODE, product::ALIGN, product::MAX_SECTORS)
    }
}

/// The slots in the memory.
pub struct Slots<'n> {
    primary: Area<'n>,
    secondary: Area<'n>,
    #[cfg(feature = "swap")]
    scratch: Area<'n>,
}

impl<'n> Slots<'n> {
    /// In `nor`. `None` if the memory is not there where the layout has it.
    pub fn new(nor: &'n Nor) -> Option<Self> {
        let sealed = product::SEALED.map_or(0, |region| region.size().bytes());
        let plain = |region: Region| Area::new(nor, region, 0);
        Some(Self {
            primary: Area::new(nor, product::PRIMARY, sealed)?,
            secondary: plain(product::SECONDARY)?,
            #[cfg(feature = "swap")]
            scratch: plain(product::SCRATCH)?,
        })
    }

    /// The installed image, for the loader.
    #[cfg(any(feature = "exec-external-ram", feature = "exec-internal-ram"))]
    pub fn primary(&self) -> &dyn ironroot_boot::Flash {
        &self.primary
    }

    /// Does what the application asked for by the flag: the image that is installed stays.
    pub fn confirm(&mut self) -> Result<(), Code> {
        if cfg!(feature = "swap") { app::confirm(&mut self.primary, &TRAILER) } else { Ok(()) }
    }

    /// Makes the updates and decides what is started.
    pub fn boot(&mut self, keys: &Keys) -> Result<Launch, Refusal> {
        let policy = policy();
        let holder = ContentKeyHolder::new(&keys.decryption).ok_or(Refusal::new(
            codes::STAGE_KEYS_CORRUPT,
            Stage::KeyStore,
            product::RUN.start(),
        ))?;
        let mut buffer = [0; BUFFER];
        let mut counters = ObkCounters::new(product::DATA, backend);
        let images = &mut [ImageSlots {
            primary: &mut self.primary,
            secondary: &mut self.secondary,
            config: config(&policy),
        }];
        let mut system = System::new(images, &[], &mut counters, &mut buffer);
        system.content_keys = &holder;
        #[cfg(feature = "swap")]
        {
            system.scratch = Some(&mut self.scratch);
        }
        let result = boot_with_keys(&mut system, &keys.authentication, &policy, &mut backend());
        result.map_err(|refusal| self.explain(refusal))
    }

    /// Behind the cipher nothing reads as erased: whether the slot is empty, the memory itself says.
    fn explain(&self, refusal: Refusal) -> Refusal {
        let mut header = [0; HEADER_LEN];
        if refusal.code() == image_codes::BAD_MAGIC && self.primary.is_erased(0, &mut header) {
            return refusal.because(codes::SLOT_EMPTY, Stage::Slot);
        }
        refusal
    }
}
