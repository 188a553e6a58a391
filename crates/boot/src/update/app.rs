//! What an application does about updates: request one, confirm itself, see where it stands. No engine is needed.
//!
//! `trailer` is the layout of the system ([`TrailerLayout::new`]); an application and its boot must agree on it.

use ironroot_codes::{Code, boot as codes};

use super::TrailerLayout;
use super::areas::{Area, Areas};
use super::flash::{Flash, ReadOnly};
use super::trailer::{Flag, Info, Kind, Magic, Trailer};

/// The slot that a function works on.
const SLOT: Area = Area::Primary;

/// Requests that the image in the secondary slot is installed at the next boot: for a test, or for good.
///
/// Call it when the image is complete. A request that is there already stays as it is. If an earlier request was cut
/// short the slot must be erased and written again ([`codes::UPDATE_REQUEST_REFUSED`]): its trailer cannot be erased alone.
pub fn request(secondary: &mut dyn Flash, trailer: &TrailerLayout, permanent: bool) -> Result<(), Code> {
    let mut slot = Areas::only(secondary, trailer);
    let found = slot.trailer(SLOT);
    slot.result()?;
    if found.magic == Magic::Good {
        return Ok(());
    }
    let kind = if permanent { Kind::Permanent } else { Kind::Test };
    let unset = found.magic == Magic::Unset && found.copy_done == Flag::Unset;
    // What is there already may be what an interrupted request of the same kind wrote.
    let (write_info, write_ok) = match (unset, found.info, found.image_ok, permanent) {
        (true, Info::Unset, Flag::Unset, _) => (true, permanent),
        (true, Info::Swap(found, _), Flag::Unset, _) if found == kind => (false, permanent),
        (true, Info::Swap(found, _), Flag::Set, true) if found == kind => (false, false),
        _ => return Err(codes::UPDATE_REQUEST_REFUSED),
    };
    // The magic comes last, with it the request is one. MCUboot's own function writes it first; a cut in between makes a
    // test of its permanent request.
    if write_info {
        slot.write_field(SLOT, trailer.swap_info(), &[kind as u8]);
    }
    if write_ok {
        slot.set_flag(SLOT, trailer.image_ok());
    }
    slot.write_magic(SLOT);
    slot.result()
}

/// Confirms the running image: it stays. Without a test to confirm, nothing is written.
pub fn confirm(primary: &mut dyn Flash, trailer: &TrailerLayout) -> Result<(), Code> {
    let mut slot = Areas::only(primary, trailer);
    let found = slot.trailer(SLOT);
    slot.result()?;
    match (found.magic, found.image_ok) {
        (Magic::Good, Flag::Unset) => slot.set_flag(SLOT, trailer.image_ok()),
        (Magic::Good, Flag::Set | Flag::Damaged) | (Magic::Unset, _) => {}
        (Magic::Bad, _) => return Err(codes::UPDATE_CONFIRM_REFUSED),
    }
    slot.result()
}

/// What the trailer of a slot says. Unreadable fields are part of the answer; an error is a failure of the flash.
pub fn state(flash: &dyn Flash, trailer: &TrailerLayout) -> Result<Trailer, Code> {
    let mut flash = ReadOnly(flash);
    let mut slot = Areas::only(&mut flash, trailer);
    let found = slot.trailer(SLOT);
    slot.result().map(|()| found)
}

/// Whether the slot holds a request; [`Kind::Test`] if it is for a test only.
pub fn requested(secondary: &Trailer) -> Option<Kind> {
    match (secondary.magic, secondary.image_ok, secondary.info) {
        (Magic::Good, _, Info::Swap(Kind::Revert, _)) => Some(Kind::Revert),
        (Magic::Good, Flag::Set, _) => Some(Kind::Permanent),
        (Magic::Good, _, _) => Some(Kind::Test),
        _ => None,
    }
}
