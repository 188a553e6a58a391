//! A device in memory: what a host installs into to see what a chip would say.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use ironroot_codes::{Code, install as codes};

use crate::install::{HELD_BACK, NOTE_LEN};
use crate::package::AreaKind;
use crate::{OptionRegister, OptionValues, PackageId, Target};

/// What a flash word holds when it is erased.
const ERASED: u8 = 0xFF;

/// Flash and option registers as plain memory. Programming a word twice is refused, as flash with ECC refuses it.
#[derive(Clone, Debug)]
pub struct MemoryTarget {
    /// Version of the root security services.
    pub services: u32,
    /// The version that was installed before.
    pub installed: Option<u32>,
    /// User flash; starts where the chip boots.
    pub flash: Range<u32>,
    /// Memory-mapped external flash.
    pub external: Range<u32>,
    /// Content of user flash.
    pub bytes: Vec<u8>,
    /// What was programmed into the external flash, by address.
    pub external_bytes: BTreeMap<u32, Vec<u8>>,
    /// The option registers that were set: value, and the bits that were meant.
    pub options: BTreeMap<OptionRegister, (u32, u32)>,
    /// The package that is complete.
    pub complete: Option<PackageId>,
    /// The package that is under way.
    pub under_way: Option<PackageId>,
}

impl MemoryTarget {
    /// An erased device with this flash; it boots from the start of it.
    pub fn new(flash: Range<u32>, external: Range<u32>) -> Self {
        let size = flash.end.saturating_sub(flash.start) as usize;
        Self {
            services: u32::MAX,
            installed: None,
            flash,
            external,
            bytes: vec![ERASED; size],
            external_bytes: BTreeMap::new(),
            options: BTreeMap::new(),
            complete: None,
            under_way: None,
        }
    }

    /// Whether nothing is in user flash.
    pub fn is_empty(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == ERASED)
    }

    fn place(&mut self, address: u32, len: usize) -> Option<&mut [u8]> {
        let start = address.checked_sub(self.flash.start)? as usize;
        self.bytes.get_mut(start..start.checked_add(len)?)
    }
}

impl Target for MemoryTarget {
    fn services_version(&self) -> u32 {
        self.services
    }

    fn installed_version(&self) -> Option<u32> {
        self.installed
    }

    fn accepts(&mut self, kind: AreaKind, address: u32, size: u32) -> Result<(), Code> {
        let memory = if kind == AreaKind::External { &self.external } else { &self.flash };
        if kind == AreaKind::External && memory.is_empty() {
            return Err(codes::AREA_UNSUPPORTED);
        }
        if holds(memory, address, size) { Ok(()) } else { Err(codes::AREA_TARGET) }
    }

    fn accepts_token(&self, token: u32) -> bool {
        holds(&self.flash, token, NOTE_LEN as u32)
    }

    fn boot_address(&self) -> u32 {
        self.flash.start
    }

    fn erase(&mut self) -> Result<(), Code> {
        self.bytes.fill(ERASED);
        self.external_bytes.clear();
        self.under_way = None;
        self.complete = None;
        Ok(())
    }

    fn begin(&mut self, _token: u32, package: PackageId, _external: Range<u32>) -> Result<(), Code> {
        self.under_way = Some(package);
        Ok(())
    }

    fn program(&mut self, kind: AreaKind, address: u32, data: &[u8]) -> Result<(), Code> {
        if kind == AreaKind::External {
            self.external_bytes.insert(address, data.to_vec());
            return Ok(());
        }
        let place = self.place(address, data.len()).ok_or(codes::INSTALL_PROGRAM_FAILED)?;
        if place.iter().any(|byte| *byte != ERASED) {
            return Err(codes::INSTALL_PROGRAM_FAILED);
        }
        place.copy_from_slice(data);
        Ok(())
    }

    fn read(&mut self, kind: AreaKind, address: u32, into: &mut [u8]) -> Result<(), Code> {
        if kind == AreaKind::External {
            let (start, data) = self.external_bytes.range(..=address).next_back().ok_or(codes::READ_BACK)?;
            let from = (address - start) as usize;
            let data = data.get(from..).and_then(|rest| rest.get(..into.len())).ok_or(codes::READ_BACK)?;
            into.copy_from_slice(data);
            return Ok(());
        }
        let place = self.place(address, into.len()).ok_or(codes::READ_BACK)?;
        into.copy_from_slice(place);
        Ok(())
    }

    fn random(&mut self, into: &mut [u8]) -> Result<(), Code> {
        // Nobody uses this device: the place is what is checked, not the key.
        into.fill(0xA5);
        Ok(())
    }

    fn raise_version(&mut self, version: u32) -> Result<(), Code> {
        self.installed = self.installed.max(Some(version));
        Ok(())
    }

    fn apply(&mut self, options: &OptionValues<'_>) -> Result<(), Code> {
        for option in options.iter() {
            self.options.insert(option.register, (option.value, option.mask));
        }
        Ok(())
    }

    fn complete(&mut self, _token: u32, package: PackageId) -> Result<(), Code> {
        self.complete = Some(package);
        Ok(())
    }
}

/// Whether whole flash words lie in a memory.
fn holds(memory: &Range<u32>, address: u32, size: u32) -> bool {
    let word = HELD_BACK as u32;
    let end = address.checked_add(size);
    address >= memory.start
        && end.is_some_and(|end| end <= memory.end)
        && address.is_multiple_of(word)
        && size.is_multiple_of(word)
}
