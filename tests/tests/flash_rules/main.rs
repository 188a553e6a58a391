//! The rules of the flash interface (h73x-flash 3 to 10), each tried by code on the Arm core of the virtual STM32H735 and
//! named after the section it comes from. A rule is a table of steps; [`player`] does them.

mod crc;
mod erase;
mod keys;
mod options;
mod player;
mod power;
mod program;
mod protection;
