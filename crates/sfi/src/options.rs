//! The configuration area: option bytes by register, applied last.
//!
//! Each entry has 12 bytes, little-endian: u32 register (its offset in the flash interface), u32 value, u32 mask. Only bits of
//! the mask change. The registers are those of the first bank of the STM32H73x, by their `_PRG` names.

use ironroot_codes::{Code, install as codes};
use ironroot_layout::Address;
use ironroot_layout::stm32h735::options::Scar;

use crate::bytes::u32_at;

/// Length of an entry.
pub const ENTRY_LEN: usize = 12;
/// START and END of an area register: both must be meant, or nobody knows the area.
const BOUNDS: u32 = 0x0FFF_0FFF;

/// An option register that a package may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum OptionRegister {
    /// FLASH_OPTSR_PRG: read protection, SECURITY, watchdogs, brown-out.
    Options = 0x020,
    /// FLASH_PRAR_PRG1: the execute-only area.
    Pcrop = 0x02C,
    /// FLASH_SCAR_PRG1: the secure area.
    SecureArea = 0x034,
    /// FLASH_WPSN_PRG1: write protection.
    WriteProtection = 0x03C,
    /// FLASH_BOOT_PRG: the two boot addresses.
    Boot = 0x044,
    /// FLASH_OPTSR2_PRG: shared RAM, CPU frequency boost.
    Options2 = 0x074,
}

impl OptionRegister {
    /// All of them, by offset.
    pub const ALL: [Self; 6] =
        [Self::Options, Self::Pcrop, Self::SecureArea, Self::WriteProtection, Self::Boot, Self::Options2];

    /// The register at this offset.
    pub fn from_offset(offset: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|register| *register as u32 == offset)
    }
}

/// One register and what it shall hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionValue {
    /// Which.
    pub register: OptionRegister,
    /// The wanted bits.
    pub value: u32,
    /// The bits that are meant.
    pub mask: u32,
}

/// The entries of a configuration area, in its bytes.
#[derive(Clone, Copy, Debug)]
pub struct OptionValues<'a>(&'a [u8]);

impl<'a> OptionValues<'a> {
    /// Reads and checks all entries: registers ascend, so that none is set twice, and no value has a bit outside its mask.
    ///
    /// # Errors
    /// `OPTIONS_MALFORMED`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Code> {
        let entries = Self(bytes);
        let mut last = None;
        let mut read = 0_usize;
        for entry in entries.iter() {
            if last >= Some(entry.register) || entry.value & !entry.mask != 0 {
                return Err(codes::OPTIONS_MALFORMED);
            }
            last = Some(entry.register);
            read = read.saturating_add(ENTRY_LEN);
        }
        if read == bytes.len() { Ok(entries) } else { Err(codes::OPTIONS_MALFORMED) }
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = OptionValue> + 'a {
        self.0.chunks_exact(ENTRY_LEN).map_while(|entry| {
            Some(OptionValue {
                register: OptionRegister::from_offset(u32_at(entry, 0))?,
                value: u32_at(entry, 4),
                mask: u32_at(entry, 8),
            })
        })
    }

    /// What a register shall hold, if it is named.
    pub fn get(&self, register: OptionRegister) -> Option<OptionValue> {
        self.iter().find(|entry| entry.register == register)
    }

    /// Whether the area in `register` ([`OptionRegister::Pcrop`] or [`OptionRegister::SecureArea`], which are encoded alike)
    /// covers all of `size` bytes at `address`, once the options are in force.
    pub fn closes(&self, register: OptionRegister, address: u32, size: u32) -> bool {
        let Some(option) = self.get(register).filter(|option| option.mask & BOUNDS == BOUNDS) else {
            return false;
        };
        let Some(last) = size.checked_sub(1).and_then(|more| address.checked_add(more)) else { return false };
        // An area has no holes: its first and last byte tell.
        let area = Scar::decode(option.value);
        area.covers(Address::new(address)) && area.covers(Address::new(last))
    }
}

#[cfg(feature = "build")]
impl OptionValue {
    /// The bytes of an entry.
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        crate::bytes::put(&mut bytes, 0, &(self.register as u32).to_le_bytes());
        crate::bytes::put(&mut bytes, 4, &self.value.to_le_bytes());
        crate::bytes::put(&mut bytes, 8, &self.mask.to_le_bytes());
        bytes
    }
}
