//! Copying the image of the secondary slot over the primary: overwrite-only, and the first image of an empty primary.

use ironroot_codes::Code;

use super::copy::{Recode, copy, erase};
use super::pair::Pair;
use super::trailer::{erase_trailer, is_trailer_blank};

/// Bytes that are written last: the header without its padding.
const HEAD: u32 = ironroot_image::HEADER_LEN as u32;

/// Copies the `size` bytes of the image at `offset` of the secondary slot. From the end to the start: as long as it is
/// not complete, there is no image in the primary slot.
pub(crate) fn install(
    pair: &mut Pair<'_>,
    offset: u32,
    size: u32,
    recode: Recode<'_, '_>,
) -> Result<(), Code> {
    let cipher = recode.map(|(cipher, _)| cipher);
    let layout = pair.layout();
    if !is_trailer_blank(pair.primary, &layout)? {
        erase_trailer(pair.primary, &layout)?;
    }
    erase(pair.primary, 0, size)?;
    let mut copy_part = |start: u32, end: u32| {
        let recode = cipher.map(|cipher| (cipher, start));
        let from = offset.saturating_add(start);
        copy(pair.secondary, from, pair.primary, start, end.saturating_sub(start), pair.buffer, recode)
    };
    let mut end = size;
    while end > HEAD {
        let start = end.saturating_sub(PART).max(HEAD) / HEAD * HEAD;
        copy_part(start, end)?;
        end = start;
    }
    copy_part(0, HEAD)?;
    Ok(())
}

/// What is copied forward at a time; the parts are copied backward.
const PART: u32 = 4096;
