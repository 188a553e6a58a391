//! STM32H735, 1 MB part: the chip ([`chip`]) and what Ironroot puts where on it ([`map`]), in one flat name space.

pub mod chip;
pub mod map;
pub mod options;
pub mod rss;
pub mod rssc;

pub use chip::*;
pub use map::*;
