//! Why a description cannot be built.

use core::fmt;

use ironroot_codes::{Code, product as codes};

use super::entry::Entry;
use super::mpu::Unexpressible;
use crate::{Region, Size};

/// A refusal: what is wrong, and which entry to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The entry to change first.
    pub entry: Entry,
    /// Another entry that has a part in it.
    pub with: Option<Entry>,
    /// What is wrong, with its numbers.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The field follows from another entry.
    SaidTwice,
    /// The part has no STiRoT.
    NoStirot,
    /// The boot path does not run applications there.
    NotThere,
    /// The boot path does not update so.
    NotSo,
    /// The entry has no meaning here.
    Unused,
    /// The memory is not described.
    NoMemory,
    /// Two areas share bytes.
    Overlap(Region, Region),
    /// The number is no multiple of this.
    NotMultiple(u32, Size),
    /// The area is not inside its memory; `None` where its end does not fit the address space.
    Outside(Option<Region>, Region),
    /// The number is none that the window or memory can have.
    NoWindow(u32),
    /// The slot has less than this.
    TooSmall(Size, Size),
    /// The entry takes the first of each slot, which has the second.
    NoRoom(Size, Size),
    /// The sizes of the two slots.
    SizesDiffer(Size, Size),
    /// The trailer has less than this.
    TrailerTooSmall(Size, Size),
    /// The image may have as much as the first, and internal RAM takes the second.
    InternalRam(Size, Size),
    /// The room for boot code, and the most there is.
    StageTooLarge(Size, Size),
    /// The area is no MPU region.
    Mpu(Unexpressible),
    /// The application's RAM covers the reserved area.
    Reserved(Region, Region),
    /// The application's RAM is not open.
    Closed(Region, Region),
    /// The data image's slot has less than this.
    DataTooSmall(Size, Size),
    /// The header that was asked for, and the one that is expected.
    HeaderSize(Size, Size),
    /// The clock in MHz, and the most with these settings.
    Clock(u32, u32),
    /// State and debug authentication contradict each other.
    NoWayBack,
    /// A closed product without the protection.
    Unprotected,
    /// The iLoader would be hidden.
    LoaderHidden,
    /// STiRoT takes only encrypted images.
    NotEncrypted,
    /// The alignment that was asked for, and the most or only one there is.
    Align(u32, u32),
}

impl Refusal {
    /// A refusal because of one entry.
    pub(crate) const fn of(entry: Entry, cause: Cause) -> Self {
        Self { entry, with: None, cause }
    }

    /// A refusal because of two entries.
    pub(crate) const fn between(entry: Entry, with: Entry, cause: Cause) -> Self {
        Self { entry, with: Some(with), cause }
    }

    /// The code.
    pub const fn code(&self) -> Code {
        match self.cause {
            Cause::SaidTwice => codes::PRODUCT_SAID_TWICE,
            Cause::NoStirot => codes::PRODUCT_PATH_PART,
            Cause::NotThere => codes::PRODUCT_PATH_PLACE,
            Cause::NotSo => codes::PRODUCT_PATH_UPDATE,
            Cause::Unused => codes::PRODUCT_ENTRY_UNUSED,
            Cause::NoMemory => codes::PRODUCT_MEMORY_MISSING,
            Cause::Overlap(..) => codes::PRODUCT_OVERLAP,
            Cause::NotMultiple(..) => codes::PRODUCT_ALIGNMENT,
            Cause::Outside(..) => codes::PRODUCT_OUT_OF_REACH,
            Cause::NoWindow(..) => codes::PRODUCT_BAD_VALUE,
            Cause::TooSmall(..) => codes::PRODUCT_SLOT_TOO_SMALL,
            Cause::NoRoom(..) => codes::PRODUCT_NO_ROOM,
            Cause::SizesDiffer(..) => codes::PRODUCT_SLOTS_DIFFER,
            Cause::TrailerTooSmall(..) => codes::PRODUCT_TRAILER,
            Cause::InternalRam(..) => codes::PRODUCT_INTERNAL_RAM,
            Cause::StageTooLarge(..) => codes::PRODUCT_STAGE_TOO_LARGE,
            Cause::Mpu(..) => codes::PRODUCT_MPU,
            Cause::Reserved(..) => codes::PRODUCT_RESERVED_RAM,
            Cause::Closed(..) => codes::PRODUCT_RAM_CLOSED,
            Cause::DataTooSmall(..) => codes::PRODUCT_DATA_SLOT,
            Cause::HeaderSize(..) => codes::PRODUCT_HEADER,
            Cause::Clock(..) => codes::PRODUCT_CLOCK,
            Cause::NoWayBack => codes::PRODUCT_NO_WAY_BACK,
            Cause::Unprotected => codes::PRODUCT_UNPROTECTED,
            Cause::LoaderHidden => codes::PRODUCT_LOADER_HIDDEN,
            Cause::NotEncrypted => codes::PRODUCT_ENCRYPTION,
            Cause::Align(..) => codes::PRODUCT_ALIGN,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.entry.path();
        let with = self.with.map_or("", Entry::path);
        match self.cause {
            Cause::SaidTwice => write!(f, "{name} follows from {with}, and is set by hand too"),
            Cause::NoStirot => write!(f, "this part ignores IROT_SELECT and has no STiRoT"),
            Cause::NotThere => write!(f, "STiRoT runs applications from internal RAM only"),
            Cause::NotSo => write!(f, "STiRoT overwrites; it cannot swap"),
            Cause::Unused => write!(f, "{name} has no meaning with this {with}"),
            Cause::NoMemory => write!(f, "{name} needs a memory that {with} does not give"),
            Cause::Overlap(one, other) => write!(f, "{one} ({name}) and {other} ({with}) overlap"),
            Cause::NotMultiple(value, unit) => {
                write!(f, "{value:#x} is no multiple of {unit} ({:#x})", unit.bytes())
            }
            Cause::Outside(Some(area), memory) => write!(f, "{area} is not inside {memory}"),
            Cause::Outside(None, memory) => {
                write!(f, "it ends behind the end of the address space; the memory is {memory}")
            }
            Cause::NoWindow(value) => write!(
                f,
                "{value:#x} is not what an XSPI interface can have: windows are 0x70000000 and 0x90000000, of up to 256 MB, each used once"
            ),
            Cause::TooSmall(size, least) => {
                write!(f, "a slot of {size} has no room for header, trailer and a payload: {least} at least")
            }
            Cause::NoRoom(taken, slot) => {
                write!(f, "{name} takes {taken} of each slot, which has {slot} ({with}): no application fits")
            }
            Cause::SizesDiffer(one, other) => write!(f, "{name} is {one}, {with} is {other}"),
            Cause::TrailerTooSmall(size, least) => {
                write!(f, "{size} do not hold what an update keeps there: {least} at least")
            }
            Cause::InternalRam(size, most) => write!(
                f,
                "an image of up to {size} does not fit the {most} of internal RAM that it is loaded into"
            ),
            Cause::StageTooLarge(size, most) => write!(f, "{size} for boot code, and there are {most}"),
            Cause::Mpu(what) => what.fmt(f),
            Cause::Reserved(ram, reserved) => {
                write!(f, "{ram} covers {reserved}, which boot stage and application share")
            }
            Cause::Closed(ram, open) => {
                write!(f, "{ram} is not inside {open}, which is all that is open at the start")
            }
            Cause::DataTooSmall(size, least) => {
                write!(f, "a slot of {size} for a data image: {least} at least")
            }
            Cause::HeaderSize(size, expected) => {
                write!(f, "a header of {size}, and the boot path expects {expected}")
            }
            Cause::Clock(mhz, most) => write!(f, "{mhz} MHz, and {with} permits {most} MHz"),
            Cause::NoWayBack => write!(f, "{name} and {with} contradict each other"),
            Cause::Unprotected => write!(f, "{name} is off, and {with} closes the product"),
            Cause::LoaderHidden => write!(f, "user flash holds the iLoader, which runs at HDPL 3"),
            Cause::NotEncrypted => write!(f, "STiRoT takes encrypted images only"),
            Cause::Align(align, most) => write!(f, "an alignment of {align}, and the boot path takes {most}"),
        }
    }
}

impl core::error::Error for Refusal {}
