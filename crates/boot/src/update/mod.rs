//! The update engine: what was begun is finished, what is requested is installed, and a power cut at any moment, with words
//! that cannot be read afterwards, leads to the old or to the new image.
//!
//! 1. Every step can be made again from its beginning: its source is not touched before the step is noted as done.
//! 2. A unit of flash is written once between two erases, and nothing is concluded from a unit that may have been cut
//!    short but what holds in both cases.
//! 3. What decides is written last: a plan is one when its magic is there, and the request that it came from is erased
//!    only then.
//! 4. Nothing that could still be needed is erased: no secondary image before the primary was verified.
//! 5. Trailers and status are MCUboot's, so that either can finish what the other began.
//!
//! docs/update-engine.md has the tables and the reasons.

// A build with some of the modes has parts that only the others use.
#![cfg_attr(
    not(all(
        feature = "overwrite",
        feature = "swap-scratch",
        feature = "swap-move",
        feature = "swap-offset"
    )),
    allow(dead_code)
)]

pub mod app;
mod areas;
mod cipher;
mod copy;
mod counters;
mod dependencies;
mod engine;
mod flash;
mod judge;
mod layout;
mod plan;
#[cfg(feature = "ram-load")]
mod ram_load;
mod report;
mod swap;
mod swap_move;
mod swap_offset;
mod swap_scratch;
mod trailer;
mod work;

use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{ContentKeys, Crypto, NoContentKeys};
use ironroot_image::{Dependencies, Dialect, Limits, Policy, PublicKey};

use areas::Areas;
use flash::ReadOnly;

pub use counters::{CounterError, Counters, NoCounters};
pub use flash::{Flash, FlashError, MAX_WRITE_SIZE, Sector, View};
pub use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
#[cfg(feature = "ram-load")]
pub use ram_load::{LoadMemory, Loaded};
pub use report::{Action, ImageReport, Report, UpdateError, Updated};
pub use trailer::{Flag, Info, Kind, Magic, Trailer};

/// The most images of a system.
pub const MAX_IMAGES: usize = if cfg!(feature = "multi-image") { 4 } else { 1 };

/// The most images that a boot record tells about: those of the system, and that of a stage before.
pub const MAX_REPORTED: usize = if MAX_IMAGES == 1 && cfg!(feature = "two-stages") { 2 } else { MAX_IMAGES };

/// Whether this build can handle encrypted images.
const ENCRYPTS: bool = cfg!(feature = "encryption");

/// The mode, if this build has it.
const fn built_in(mode: Mode) -> Option<Mode> {
    let is = match mode {
        Mode::OverwriteOnly => cfg!(feature = "overwrite"),
        Mode::SwapScratch => cfg!(feature = "swap-scratch"),
        Mode::SwapMove => cfg!(feature = "swap-move"),
        Mode::SwapOffset => cfg!(feature = "swap-offset"),
        Mode::RamLoad => cfg!(feature = "ram-load"),
    };
    if is { Some(mode) } else { None }
}

/// The only mode of this build: what asks for the mode is then decided by the compiler.
const ONLY: Option<Mode> = {
    let all = [
        built_in(Mode::OverwriteOnly),
        built_in(Mode::SwapScratch),
        built_in(Mode::SwapMove),
        built_in(Mode::SwapOffset),
        built_in(Mode::RamLoad),
    ];
    match all {
        [only @ Some(_), None, None, None, None]
        | [None, only @ Some(_), None, None, None]
        | [None, None, only @ Some(_), None, None]
        | [None, None, None, only @ Some(_), None]
        | [None, None, None, None, only @ Some(_)] => only,
        _ => None,
    }
};

/// How one image is updated. Configuration of the product: the same at every boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageConfig {
    /// How an update gets into the primary slot.
    pub mode: Mode,
    /// The largest write size of the system, at least 8: MCUboot's BOOT_MAX_ALIGN.
    pub max_align: u32,
    /// The most sectors of a slot: MCUboot's BOOT_MAX_IMG_SECTORS.
    pub max_sectors: u32,
    /// `Sealed` with the length of the encryption TLV if images are encrypted, else `None`.
    pub saved_keys: SavedKeys,
    /// What an image must be besides authentic. The engine fills in the least counter and what is done about dependencies.
    pub policy: Policy,
    /// Whose format.
    pub dialect: Dialect,
    /// The header size that images of this product have.
    pub header_size: Option<u16>,
    /// The largest image, where less room counts than the slots have: that of the RAM it runs from, for one.
    pub max_size: Option<u32>,
    /// An image without a security counter, or with a lower one than [`Counters`] has, is refused.
    pub require_counter: bool,
    /// An update with a lower version than the installed image is refused.
    pub prevent_downgrade: bool,
    /// If the primary slot has no valid image, the secondary's is installed without a request.
    pub bootstrap: bool,
    /// ram-load: an image has to be requested, and to confirm itself when it ran. Without it, the newest image is loaded
    /// whatever its trailer says.
    pub trial: bool,
}

impl ImageConfig {
    /// A product without encryption, rollback protection and bootstrap.
    pub const fn new(mode: Mode, max_align: u32, max_sectors: u32) -> Self {
        Self {
            mode,
            max_align,
            max_sectors,
            saved_keys: SavedKeys::None,
            policy: Policy::NONE,
            dialect: Dialect::Mcuboot,
            header_size: None,
            max_size: None,
            require_counter: false,
            prevent_downgrade: false,
            bootstrap: false,
            trial: false,
        }
    }
}

/// One image: its slots, and how it is updated.
pub struct ImageSlots<'f> {
    /// Where it runs.
    pub primary: &'f mut dyn Flash,
    /// Where its updates are put.
    pub secondary: &'f mut dyn Flash,
    /// How.
    pub config: ImageConfig,
}

impl ImageSlots<'_> {
    /// The layout of the trailers of these slots, and the limits of their images.
    ///
    /// Refused if the sector maps do not suit the mode ([`codes::UPDATE_LAYOUT`]).
    pub fn check(&self, scratch: Option<&dyn Flash>) -> Result<(TrailerLayout, Limits), Code> {
        let (mut primary, mut secondary) = (ReadOnly(self.primary), ReadOnly(self.secondary));
        let mut scratch = scratch.map(ReadOnly);
        let scratch = scratch.as_mut().map(|scratch| scratch as &mut dyn Flash);
        let areas = Areas::new([Some(&mut primary), Some(&mut secondary), scratch], &self.config);
        let (areas, geometry) = areas.ok_or(codes::UPDATE_LAYOUT)?;
        Ok((areas.layout, Limits { max_size: geometry.max_size, dialect: self.config.dialect }))
    }
}

/// Everything the engine works on.
pub struct System<'a, 'f> {
    /// The images, at most [`MAX_IMAGES`]; image 0 is the one that is started.
    pub images: &'a mut [ImageSlots<'f>],
    /// The scratch area, one for all images; needed by swap-scratch only.
    pub scratch: Option<&'a mut dyn Flash>,
    /// The security counters.
    pub counters: &'a mut dyn Counters,
    /// The keys that may sign.
    pub keys: &'a [PublicKey],
    /// The holder of the decryption key.
    pub content_keys: &'a dyn ContentKeys,
    /// What is copied at a time; at least 32 bytes.
    pub buffer: &'a mut [u8],
}

impl<'a, 'f> System<'a, 'f> {
    /// A system without scratch area and encryption.
    pub fn new(
        images: &'a mut [ImageSlots<'f>],
        keys: &'a [PublicKey],
        counters: &'a mut dyn Counters,
        buffer: &'a mut [u8],
    ) -> Self {
        Self { images, scratch: None, counters, keys, content_keys: &NoContentKeys, buffer }
    }
}

/// Finishes what was begun, installs what is requested, verifies the image in every primary slot, and raises the
/// counters. To be called once at each boot: a second call would take a test for one that was not confirmed.
pub fn update(system: &mut System<'_, '_>, crypto: &mut impl Crypto) -> Result<Updated, UpdateError> {
    with_keys(system, system.keys, crypto)
}

/// ram-load: chooses the image of image 0's two slots that is to run, copies it to RAM and verifies it there.
///
/// The image must have been built for a load address inside `memory`, and the policy must have its `ram_load` window.
#[cfg(feature = "ram-load")]
pub fn load(
    system: &mut System<'_, '_>,
    memory: &mut LoadMemory<'_>,
    crypto: &mut impl Crypto,
) -> Result<Loaded, UpdateError> {
    load_with_keys(system, memory, system.keys, crypto)
}

#[cfg(feature = "ram-load")]
pub(crate) fn load_with_keys(
    system: &mut System<'_, '_>,
    memory: &mut LoadMemory<'_>,
    keys: &[PublicKey],
    crypto: &mut impl Crypto,
) -> Result<Loaded, UpdateError> {
    ram_load::run(system, memory, &mut judge::WithCrypto::new(keys, crypto))
}

/// The same as [`update`] with other keys than the system's.
pub(crate) fn with_keys(
    system: &mut System<'_, '_>,
    keys: &[PublicKey],
    crypto: &mut impl Crypto,
) -> Result<Updated, UpdateError> {
    engine::run(system, &mut judge::WithCrypto::new(keys, crypto))
}

/// Makes a policy the one under which the engine verifies: with the counter, and with dependencies left to it where there
/// are images to depend on.
fn set_policy(policy: &mut Policy, least: Option<u32>) {
    policy.min_security_counter = least;
    policy.dependencies = match cfg!(feature = "multi-image") {
        true => Dependencies::LeaveToDevice,
        false => Dependencies::Refuse,
    };
}
