//! Proof of the access rights, cell by cell (row A9): who may execute, read, write and debug which area, in which mode, at
//! which moment, at which readout protection level.
//!
//! 1. Every cell is tried: by a program on the core ([`probe`]), by a second bus master, or by the debugger, on a device
//!    that went through its real boot flow to that moment ([`situation`]).
//! 2. What should happen is written in [`documented`], from the manual, without a look at the chip's own rule table.
//! 3. What cannot be tried is a cell too: it says why, and that claim is measured as well where it can be.

pub mod attempt;
pub mod cell;
pub mod documented;
pub mod master;
pub mod probe;
pub mod situation;

use std::time::Instant;

use ironroot_chip::RomImage;

pub use cell::{Area, Cell, Key, Kind, Level, Mode, Moment, Outcome};
use situation::{Error, Situations};

/// Every cell, measured and compared.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The cells, in the order of [`Key::all`].
    pub cells: Vec<Cell>,
    /// Wall-clock time that it took.
    pub seconds: f64,
}

impl Matrix {
    /// The cells that are not as documented.
    pub fn differences(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| !cell.agrees())
    }
}

/// Tries every cell on devices with `rom` as system flash, giving each to `seen` as soon as it is known.
pub fn measure(rom: &RomImage, mut seen: impl FnMut(&Cell)) -> Result<Matrix, Error> {
    let started = Instant::now();
    let mut situations = Situations::new(rom)?;
    let mut cells = Vec::new();
    for key in Key::all() {
        let measured = match situations.at(key.situation())? {
            Ok(mut bench) => attempt::attempt(&mut bench, &key),
            Err(why) => Outcome::Impossible(why),
        };
        let cell = Cell { key, measured, documented: documented::says(&key) };
        seen(&cell);
        cells.push(cell);
    }
    Ok(Matrix { cells, seconds: started.elapsed().as_secs_f64() })
}
