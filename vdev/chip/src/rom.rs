//! Our system flash as bytes: what the firmware build made for addresses in system flash.

use ironroot_codes::{Code, input};
use ironroot_layout::stm32h735::{FLASH_SIZE_WORD, SYSTEM_FLASH, UNIQUE_ID, rss};
use ironroot_layout::{Address, Region, Size};

/// Bytes at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub address: u32,
    /// Content.
    pub bytes: Vec<u8>,
}

/// The image: segments inside system flash, none of which touches unique id or flash size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RomImage {
    segments: Vec<Segment>,
}

/// A segment cannot be in system flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RomError {
    /// Where the segment begins.
    pub address: u32,
    /// Its size in bytes.
    pub size: usize,
}

impl RomError {
    /// The documented code.
    pub fn code(&self) -> Code {
        input::NO_FIRMWARE
    }
}

impl std::fmt::Display for RomError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} bytes at 0x{:08X} are no part of a system flash image ({:?} without unique id and flash size)",
            self.size, self.address, SYSTEM_FLASH
        )
    }
}

impl std::error::Error for RomError {}

impl RomImage {
    /// From load segments (physical address and bytes), as an ELF file has them. Empty ones are left out.
    pub fn from_segments<B: Into<Vec<u8>>>(
        segments: impl IntoIterator<Item = (u32, B)>,
    ) -> Result<Self, RomError> {
        let mut image = RomImage::default();
        for (address, bytes) in segments {
            let bytes = bytes.into();
            if bytes.is_empty() {
                continue;
            }
            let error = RomError { address, size: bytes.len() };
            let size = u32::try_from(bytes.len()).map_err(|_| error)?;
            let place = Region::checked(Address::new(address), Size::new(size)).ok_or(error)?;
            let taken = [UNIQUE_ID, FLASH_SIZE_WORD].into_iter().any(|reserved| reserved.overlaps(place));
            if taken || !SYSTEM_FLASH.contains_region(place) {
                return Err(error);
            }
            image.segments.push(Segment { address, bytes });
        }
        Ok(image)
    }

    /// The segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// True if there is something where every secure boot enters.
    pub fn has_rss(&self) -> bool {
        let entry = rss::RSS.start().value();
        self.segments.iter().any(|segment| {
            segment.address <= entry
                && (entry - segment.address) < u32::try_from(segment.bytes.len()).unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_outside_or_over_the_unique_id_are_refused() {
        for (address, size) in
            [(0x0800_0000, 4), (0x1FF1_FFFE, 4), (0x1FF1_E7FF, 2), (0x1FF1_E880, 1), (u32::MAX, 2)]
        {
            assert_eq!(
                RomImage::from_segments([(address, vec![0; size])]),
                Err(RomError { address, size }),
                "{address:08X}"
            );
        }
        let image = RomImage::from_segments([(0x1FF1_0000, vec![1, 2]), (0, vec![])]);
        assert!(image.is_ok_and(|image| image.segments().len() == 1 && image.has_rss()));
    }
}
