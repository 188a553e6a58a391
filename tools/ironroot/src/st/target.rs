//! Which part a configuration is for, and where on it its content goes.
//!
//! The same word means another place on another family, and a place that is wrong is found out when the part is closed. So
//! the part that a file names, its destination and its content have to fit each other.
//!
//! Source: destinations of the 23 `.obk` files of STM32CubeH7RS v1.3.0 and STM32CubeH5 v1.7.0; the key areas of the STM32H5 are
//! those of its CMSIS header (FLASH_OBK_HDPL0_SIZE and following).

use ironroot_layout::stm32h7rs::chip::Part;
use ironroot_layout::stm32h7rs::obkeys::{DA_CONFIG, DA_PASSWORD, Destination, KEY_SIZE, KEYS};
use ironroot_layout::stm32h7rs::state::Hdpl;

/// A family that project files are known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// STM32H7R and STM32H7S: the destination is an index, a level and the debug authentication to set.
    Stm32h7rs,
    /// STM32H5: the destination is an address.
    Stm32h5,
}

/// Where the option-byte keys of each level of the STM32H5 begin and end.
const H5_LEVELS: [(u32, u32); 4] = [
    (0x0FFD_0000, 0x0FFD_0100),
    (0x0FFD_0100, 0x0FFD_0900),
    (0x0FFD_0900, 0x0FFD_0C00),
    (0x0FFD_0C00, 0x0FFD_2000),
];

impl Family {
    /// Of the name in `MCU`; `None` for a part that nothing is known of.
    pub fn of_mcu(mcu: &str) -> Option<Self> {
        let rest = mcu.strip_prefix("STM32H")?;
        if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        match rest.as_bytes() {
            [b'7', b'R' | b'S', b'0'..=b'9', ..] => Some(Self::Stm32h7rs),
            [b'5', _, b'0'..=b'9', ..] => Some(Self::Stm32h5),
            _ => None,
        }
    }

    /// Of a destination word; `None` if it is none of a family.
    pub fn of_destination(word: u32) -> Option<Self> {
        if H5_LEVELS.iter().any(|(start, end)| (*start..*end).contains(&word)) {
            return Some(Self::Stm32h5);
        }
        let place = Destination::from_word(word)?;
        let known = match place.level {
            // Level 0 is for debug authentication. What locks for ever is in no project file.
            Hdpl::Level0 => place == DA_CONFIG || place == DA_PASSWORD,
            _ => place.debug_authentication.is_none(),
        };
        known.then_some(Self::Stm32h7rs)
    }

    /// Bytes from the destination to the end of the keys of its level.
    pub fn room(self, word: u32) -> u32 {
        match self {
            Self::Stm32h5 => {
                let level = H5_LEVELS.iter().find(|(start, end)| (*start..*end).contains(&word));
                level.map_or(0, |(_, end)| end - word)
            }
            Self::Stm32h7rs => {
                Destination::from_word(word).map_or(0, |place| u32::from(KEYS - place.index) * KEY_SIZE)
            }
        }
    }

    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stm32h7rs => "STM32H7R/S",
            Self::Stm32h5 => "STM32H5",
        }
    }
}

/// The part as product descriptions call it. H7S3 and H7S7, H7R3 and H7R7 differ in nothing that a boot stage sees.
pub fn part(mcu: &str) -> Option<Part> {
    match (Family::of_mcu(mcu)?, mcu.as_bytes().get(7)?) {
        (Family::Stm32h7rs, b'S') => Some(Part::Stm32h7s7),
        (Family::Stm32h7rs, _) => Some(Part::Stm32h7r7),
        (Family::Stm32h5, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_st_s_names() {
        for (mcu, family, known) in [
            ("STM32H7S78", Some(Family::Stm32h7rs), Some(Part::Stm32h7s7)),
            ("STM32H7S3L8", Some(Family::Stm32h7rs), Some(Part::Stm32h7s7)),
            ("STM32H7R7", Some(Family::Stm32h7rs), Some(Part::Stm32h7r7)),
            ("STM32H573", Some(Family::Stm32h5), None),
            ("STM32H5F5", Some(Family::Stm32h5), None),
            ("STM32H735", None, None),
            ("STM32U585", None, None),
            ("STM32H7", None, None),
            ("STM32H7S", None, None),
            ("STM32H7S7\u{202e}", None, None),
            ("", None, None),
        ] {
            assert_eq!((Family::of_mcu(mcu), part(mcu)), (family, known), "{mcu}");
        }
    }

    #[test]
    fn every_destination_of_st_s_files_is_known_and_has_room() {
        for (word, size) in [
            (0x0051_0008, 96),
            (0x008A_0008, 96),
            (0x108, 256),
            (0x10F, 192),
            (0x110, 192),
            (0x208, 224),
            (0x20F, 192),
            (0x0FFD_0100, 96),
            (0x0FFD_0160, 288),
            (0x0FFD_0280, 192),
            (0x0FFD_0200, 256),
            (0x0FFD_0400, 96),
            (0x0FFD_0900, 336),
            (0x0FFD_0A50, 192),
        ] {
            let family = Family::of_destination(word).unwrap_or_else(|| panic!("{word:#x}"));
            assert!(family.room(word) >= size, "{word:#x}");
        }
        for word in
            [0, 8, 0x00FF_0399, 0x308, 0x120, 0x0051_0108, 0x0100_0108, 0x0FFC_FFFF, 0x0FFD_2000, u32::MAX]
        {
            assert_eq!(Family::of_destination(word), None, "{word:#x}");
        }
        assert_eq!(Family::Stm32h7rs.room(0x11F), 32);
        assert_eq!(Family::Stm32h5.room(0x0FFD_08F0), 16);
    }
}
