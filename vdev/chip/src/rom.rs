//! Our system flash as bytes: what the firmware build made for addresses in system flash.

use ironroot_codes::{Code, input};
use ironroot_layout::stm32h7rs;
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

/// The image: segments inside system flash, none of which touches what the maker of the chip writes there.
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
    /// Where it belongs.
    pub system_flash: Region,
    /// What of that is taken, as text.
    pub except: &'static str,
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
            "{} bytes at 0x{:08X} are no part of a system flash image ({:?}{})",
            self.size, self.address, self.system_flash, self.except
        )
    }
}

impl std::error::Error for RomError {}

impl RomImage {
    /// The STM32H735's, from load segments (physical address and bytes), as an ELF file has them. Empty ones are left out.
    pub fn from_segments<B: Into<Vec<u8>>>(
        segments: impl IntoIterator<Item = (u32, B)>,
    ) -> Result<Self, RomError> {
        let taken = [UNIQUE_ID, FLASH_SIZE_WORD];
        Self::checked(segments, SYSTEM_FLASH, &taken, " without unique id and flash size")
    }

    /// The same for an STM32H7R/7S, whose unique id is elsewhere.
    pub fn h7rs<B: Into<Vec<u8>>>(segments: impl IntoIterator<Item = (u32, B)>) -> Result<Self, RomError> {
        Self::checked(segments, stm32h7rs::SYSTEM_FLASH, &[], "")
    }

    fn checked<B: Into<Vec<u8>>>(
        segments: impl IntoIterator<Item = (u32, B)>,
        system_flash: Region,
        taken: &[Region],
        except: &'static str,
    ) -> Result<Self, RomError> {
        let mut image = RomImage::default();
        for (address, bytes) in segments {
            let bytes = bytes.into();
            if bytes.is_empty() {
                continue;
            }
            let error = RomError { address, size: bytes.len(), system_flash, except };
            let size = u32::try_from(bytes.len()).map_err(|_| error)?;
            let place = Region::checked(Address::new(address), Size::new(size)).ok_or(error)?;
            let reserved = taken.iter().any(|reserved| reserved.overlaps(place));
            if reserved || !system_flash.contains_region(place) {
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
            let refused = RomImage::from_segments([(address, vec![0; size])]);
            let refused = refused.map_err(|error| (error.address, error.size));
            assert_eq!(refused, Err((address, size)), "{address:08X}");
        }
        let image = RomImage::from_segments([(0x1FF1_0000, vec![1, 2]), (0, vec![])]);
        assert!(image.is_ok_and(|image| image.segments().len() == 1 && image.has_rss()));
        assert!(
            RomImage::h7rs([(0x1FF1_E800, vec![0; 12])]).is_ok(),
            "the unique id of that part is elsewhere"
        );
        assert!(RomImage::h7rs([(0x1FF1_FFFF, vec![0; 2])]).is_err());
    }
}
