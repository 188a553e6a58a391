//! What the engine did, for the hand-off record and the console.

use ironroot_codes::Code;
use ironroot_image::{VerifiedImage, Version};

use super::{ImageSlots, MAX_REPORTED, Mode};

/// What happened to an image at this boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// Nothing.
    #[default]
    None = 0,
    /// An update was installed for good.
    Installed = 1,
    /// An update was installed for a test.
    Testing = 2,
    /// The image before a test was put back.
    Reverted = 3,
    /// The first image of an empty or damaged primary slot was installed.
    Bootstrapped = 4,
}

impl Action {
    /// Every action, by number.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Installed, Self::Testing, Self::Reverted, Self::Bootstrapped];

    /// The name in kebab-case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Installed => "installed",
            Self::Testing => "testing",
            Self::Reverted => "reverted",
            Self::Bootstrapped => "bootstrapped",
        }
    }
}

/// What happened to one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageReport {
    /// How this image is updated.
    pub mode: Option<Mode>,
    /// What was done.
    pub action: Action,
    /// Whether an earlier boot had begun it.
    pub resumed: bool,
    /// Why the image in the secondary slot was not installed.
    pub refused: Option<Code>,
    /// Why the image before was put back: it was not confirmed, or this code of its verification.
    pub reverted: Option<Code>,
    /// Why the security counter was not raised.
    pub counter: Option<Code>,
    /// Version of the image in the primary slot.
    pub version: Version,
    /// Whether that image is there to stay, as opposed to waiting for its confirmation.
    pub confirmed: bool,
}

/// What happened to all images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    images: [ImageReport; MAX_REPORTED],
    count: usize,
}

impl Report {
    /// No image was looked at.
    pub const NONE: Self = {
        let version = Version { major: 0, minor: 0, revision: 0, build: 0 };
        let image = ImageReport {
            mode: None,
            action: Action::None,
            resumed: false,
            refused: None,
            reverted: None,
            counter: None,
            version,
            confirmed: false,
        };
        Self { images: [image; MAX_REPORTED], count: 0 }
    };

    /// Of one image, by a stage that has no engine.
    pub const fn single(image: ImageReport) -> Self {
        Self { images: [image; MAX_REPORTED], count: 1 }
    }

    /// Adds what another stage did to an image; false if there is no room for it.
    pub fn push(&mut self, image: ImageReport) -> bool {
        let place = self.images.get_mut(self.count);
        self.count += usize::from(place.is_some());
        place.map(|place| *place = image).is_some()
    }

    pub(crate) fn of(images: &[ImageReport; MAX_REPORTED], count: usize) -> Self {
        Self { images: *images, count: count.min(MAX_REPORTED) }
    }

    /// One entry for each image.
    pub fn images(&self) -> &[ImageReport] {
        self.images.get(..self.count).unwrap_or_default()
    }

    /// Nothing was done to these images yet.
    pub(super) fn begin(images: &[ImageSlots<'_>]) -> Self {
        let mut report = Self { count: images.len().min(MAX_REPORTED), ..Self::NONE };
        for (image, slots) in report.images.iter_mut().zip(images) {
            image.mode = Some(slots.config.mode);
        }
        report
    }

    /// The entry of an image.
    pub(super) fn of_image(&mut self, index: usize) -> &mut ImageReport {
        // Of the first one if there is none of this number, which the engine does not ask for.
        let [first, rest @ ..] = &mut self.images;
        rest.get_mut(index.wrapping_sub(1)).unwrap_or(first)
    }
}

/// All updates are done and every primary slot is verified.
#[derive(Clone, Debug)]
pub struct Updated {
    /// What was done.
    pub report: Report,
    /// The proof for image 0, from which the product is started.
    pub image: VerifiedImage,
}

/// The device cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateError {
    /// The reason.
    pub code: Code,
    /// The image that it is about.
    pub image: u8,
    /// What was done before.
    pub report: Report,
}
