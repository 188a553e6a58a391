//! STM32H7R/7S: the chip ([`chip`]), its states and levels ([`state`]), the option-byte keys ([`obkeys`]), the services of
//! system flash ([`rsslib`]), what boot stages and application agree on ([`contract`], [`iloader`]), and what follows from the
//! description of a product ([`product`]).

pub mod chip;
pub mod contract;
pub mod iloader;
pub mod map;
pub mod obkeys;
pub mod product;
pub mod rsslib;
pub mod state;
pub mod stirot;

pub use chip::*;
