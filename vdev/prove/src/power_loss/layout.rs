//! Where slots and scratch lie.
//!
//! 1. `reference` has the sector maps of real parts, as a table: each is tried in every mode. Units, ratios of sector sizes and
//!    the behaviour of the cells are the parts'.
//! 2. `stm32h7rs` has what the boot stages of the STM32H7R/S do, in their modes, worked out from the product's layout.
//! 3. Sectors of more than 8 KB are scaled down (the text says by how much): what an update does depends on how many sectors
//!    there are, not on how long each takes.

mod reference;
mod stm32h7rs;

use std::borrow::Cow;
use std::sync::LazyLock;

use ironroot_boot::update::Mode;

use super::flash::{CellKind, Geometry};
pub(super) use stm32h7rs::saved_keys;

/// One area of a layout: cells and sectors.
pub type Map = (CellKind, Cow<'static, [u32]>);

const fn map(cells: CellKind, sectors: &'static [u32]) -> Map {
    (cells, Cow::Borrowed(sectors))
}

/// A place for an update.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Its name in case ids.
    pub name: &'static str,
    /// Which part, at which scale.
    pub about: &'static str,
    /// The slot that code runs from.
    pub primary: Map,
    /// The slot that updates arrive in.
    pub secondary: Map,
    /// The scratch area of swap-scratch.
    pub scratch: Map,
    /// BOOT_MAX_ALIGN: 8, 16 or 32.
    pub max_align: u16,
    /// BOOT_MAX_IMG_SECTORS.
    pub max_sectors: u16,
    /// How many cuts one case may have so that all of them can be tried.
    pub depth: Depth,
    /// What a boot stage fixes that this layout is of. `None`: every mode, every encryption.
    pub device: Option<Device>,
}

/// What a boot stage fixes beside the sector maps.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Who installs.
    pub stage: Stage,
    /// The modes that the stage can be built with.
    pub modes: &'static [Mode],
    /// Bytes of the primary slot, from its start, behind a memory cipher.
    pub sealed: u32,
    /// Room at the end of a slot that no image reaches into.
    pub trailer_room: u32,
    /// The largest image.
    pub max_image: u32,
    /// The cells that the security counters are kept in.
    pub counters: CellKind,
}

/// Who installs an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The update engine, in OEMiRoT and OEMuRoT.
    Engine,
    /// STiRoT and its iLoader.
    Stirot,
}

/// How far the campaign goes on a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every cut, and after each of them every cut of the recovery.
    Pairs,
    /// Every cut, and random triples.
    Triples,
}

/// All of them.
pub fn layouts() -> &'static [Layout] {
    static ALL: LazyLock<Vec<Layout>> =
        LazyLock::new(|| reference::REFERENCE.iter().cloned().chain(stm32h7rs::layouts()).collect());
    &ALL
}

impl Layout {
    /// The layout of this name.
    pub fn named(name: &str) -> Option<&'static Layout> {
        layouts().iter().find(|layout| layout.name == name)
    }

    /// Primary, secondary, scratch.
    pub fn geometries(&self) -> [Geometry; 3] {
        let [primary, secondary, scratch] = [&self.primary, &self.secondary, &self.scratch]
            .map(|(cells, sectors)| Geometry::new(sectors, *cells));
        let sealed = self.device.map_or(0, |device| device.sealed);
        [primary.behind_cipher(sealed), secondary, scratch]
    }

    /// The cells of the security counters.
    pub fn counters(&self) -> CellKind {
        self.device.map_or(self.primary.0, |device| device.counters)
    }

    /// Whether a stage for this layout can have the mode.
    pub fn has(&self, mode: Mode) -> bool {
        self.device.is_none_or(|device| device.modes.contains(&mode))
    }
}
