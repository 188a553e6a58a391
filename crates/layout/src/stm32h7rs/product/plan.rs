//! What follows from a description.

use super::flow::{self, FLOW, FlowStage};
use super::image::ImageOptions;
use super::keys::{CONTENTS, KeyContent};
use super::mpu::MpuTable;
use super::options::{OptionStep, STEPS};
use super::refusal::Refusal;
use super::{Product, rules};
use crate::stm32h7rs::state::Hdpl;
use crate::{Address, Region, Size};

/// The slots of one image in external flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSlots {
    /// The image that is used.
    pub installed: Region,
    /// Where an update is put.
    pub download: Region,
    /// Scratch area, if images are swapped.
    pub scratch: Option<Region>,
    /// Header in bytes.
    pub header: Size,
    /// Room for TLVs and trailer at the end of each slot.
    pub trailer: Size,
    /// What is erased at a time: one step of the swap. 4 KB or 64 KB.
    pub sector: Size,
    /// The most sectors of a slot, for the trailer's status.
    pub max_sectors: u32,
}

/// A boot stage of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its level: 1 for OEMiRoT, 2 for OEMuRoT.
    pub level: Hdpl,
    /// Where it is stored or loaded: code room with, for OEMuRoT, the image header in front.
    pub room: Region,
    /// What its linker may fill, from the vector table.
    pub code: Region,
    /// Its RAM.
    pub ram: Region,
    /// Where the stack must point when the hand-off table is switched on.
    pub exit_stack: Address,
}

/// The application as its linker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application {
    /// Where it runs: the partition, header and trailer room included.
    pub run: Region,
    /// What its linker may fill, from the vector table.
    pub code: Region,
    /// RAM that is open when it starts.
    pub ram: Region,
}

/// The symbols that ST's application projects are linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbols {
    /// Start of the memory that the application runs from.
    pub partition_start: u32,
    /// The image's distance from it.
    pub code_offset: u32,
    /// Room for the application behind the header.
    pub code_size: u32,
    /// The header in front of the vector table.
    pub image_header_size: u32,
}

/// Something that is allowed, and that one should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The part has no MCE: the installed image lies decrypted in external flash.
    PlainInFlash,
    /// The part has no MCE: the application lies decrypted in external RAM.
    PlainInRam,
    /// The product stays open.
    StaysOpen,
    /// Images are not encrypted.
    NotEncrypted,
    /// The application's own clock is above what holds with RAM ECC and over the full temperature range.
    Fast,
}

impl Note {
    /// All of them.
    pub const ALL: [Note; 5] =
        [Self::PlainInFlash, Self::PlainInRam, Self::StaysOpen, Self::NotEncrypted, Self::Fast];

    /// As a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::PlainInFlash => {
                "this part has no MCE: the installed image lies in external flash as it runs, readable on the board"
            }
            Self::PlainInRam => {
                "this part has no MCE: the application lies in external RAM readable on the board"
            }
            Self::StaysOpen => "the product state leaves debug and flash open: for development only",
            Self::NotEncrypted => "images are signed but not encrypted",
            Self::Fast => {
                "above 380 MHz only without RAM ECC, with the internal regulator, and not over the full temperature range"
            }
        }
    }

    /// Whether it holds for a product.
    pub const fn holds(self, product: &Product) -> bool {
        use super::Place;
        use crate::stm32h7rs::contract::CORE_CLOCK_MHZ;
        use crate::stm32h7rs::state::ProductState;
        match self {
            Self::PlainInFlash => !product.part.has_crypto() && matches!(product.place, Place::ExternalFlash),
            Self::PlainInRam => !product.part.has_crypto() && matches!(product.place, Place::ExternalRam),
            Self::StaysOpen => {
                matches!(product.protections.state, ProductState::Open | ProductState::Provisioning)
            }
            Self::NotEncrypted => !product.encrypt,
            Self::Fast => {
                product.clocks.core_mhz > CORE_CLOCK_MHZ || product.clocks.application_mhz > CORE_CLOCK_MHZ
            }
        }
    }
}

/// Everything that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The description.
    pub product: Product,
    /// External flash, as far as the memory reaches.
    pub flash: Region,
    /// External RAM, if there is any.
    pub ram: Option<Region>,
    /// The product's own stage; `None` with STiRoT alone.
    pub stage: Option<Stage>,
    /// The iLoader in user flash, with STiRoT.
    pub iloader: Option<Region>,
    /// Slots of the application.
    pub slots: ImageSlots,
    /// Slots of the data image.
    pub data: Option<ImageSlots>,
    /// Slots of what STiRoT loads: the application, or the second stage.
    pub stirot_slots: Option<ImageSlots>,
    /// The application.
    pub application: Application,
    /// Its symbols.
    pub symbols: Symbols,
    /// How the application's image is made.
    pub image: ImageOptions,
    /// How the image for STiRoT is made: the application's, or the second stage's.
    pub stirot_image: Option<ImageOptions>,
    /// The MPU while the product's own stage works; `None` with STiRoT alone.
    pub mpu_init: Option<MpuTable>,
    /// The MPU when STiRoT starts the second stage, until that puts [`Plan::mpu_init`] in force.
    pub mpu_second_stage: Option<MpuTable>,
    /// The MPU at the hand-off to the application.
    pub mpu_hand_off: MpuTable,
    /// Option bytes, in order.
    pub options: [Option<OptionStep>; STEPS],
    /// OBKeys, in order.
    pub keys: [Option<KeyContent>; CONTENTS],
}

impl Plan {
    /// Applies every rule.
    ///
    /// # Errors
    /// The first rule that is broken, with the entry to change.
    pub fn resolve(product: &Product) -> Result<Self, Refusal> {
        rules::resolve(product)
    }

    /// The option bytes, in order.
    pub fn option_steps(&self) -> impl Iterator<Item = &OptionStep> {
        self.options.iter().flatten()
    }

    /// The OBKeys, in order.
    pub fn key_contents(&self) -> impl Iterator<Item = &KeyContent> {
        self.keys.iter().flatten()
    }

    /// The boot sequence.
    pub const fn flow(&self) -> [Option<FlowStage>; FLOW] {
        flow::flow(self)
    }

    /// What one should know.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        let product = self.product;
        Note::ALL.into_iter().filter(move |note| note.holds(&product))
    }

    /// Every area of the external flash that is used: name and region.
    pub fn flash_areas(&self) -> impl Iterator<Item = (&'static str, Region)> {
        let own = self.stirot_slots.filter(|slots| slots.installed.start() != self.slots.installed.start());
        let pairs = [
            ("installed second stage", own.map(|slots| slots.installed)),
            ("download of the second stage", own.map(|slots| slots.download)),
            ("installed image", Some(self.slots.installed)),
            ("download", Some(self.slots.download)),
            ("scratch area", self.slots.scratch),
            ("installed data image", self.data.map(|slots| slots.installed)),
            ("download of the data image", self.data.map(|slots| slots.download)),
        ];
        pairs.into_iter().filter_map(|(name, area)| Some((name, area?)))
    }
}
