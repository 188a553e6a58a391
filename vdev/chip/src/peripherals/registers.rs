//! Register blocks as tables: what most registers do is remember what was written to their writable bits.

use std::hash::{Hash, Hasher};

use ironroot_cpu::bus::Size;

/// One register of a block.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Byte offset from the block's base.
    pub offset: u16,
    /// Name in the manual.
    pub name: &'static str,
    /// Value after reset.
    pub reset: u32,
    /// Bits that keep what software writes. The others change only by the block's own rules.
    pub writable: u32,
}

/// Shorthand for a table line.
pub const fn register(offset: u16, name: &'static str, reset: u32, writable: u32) -> Register {
    Register { offset, name, reset, writable }
}

/// A write as the bus delivers it to a 32-bit register: narrower writes have a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Data on the byte lanes that are written; other lanes zero.
    pub value: u32,
    /// Ones on the written lanes.
    pub mask: u32,
}

impl Written {
    /// A write of all 32 bits.
    pub const fn word(value: u32) -> Self {
        Written { value, mask: u32::MAX }
    }

    /// What a register that held `old` holds if all its bits are writable.
    pub const fn over(self, old: u32) -> u32 {
        (old & !self.mask) | (self.value & self.mask)
    }

    /// The write with bits outside `writable` taken away.
    pub const fn only(self, writable: u32) -> Self {
        Written { value: self.value & writable, mask: self.mask & writable }
    }
}

/// A 32-bit register of a block, and where in it an access lies: narrower ones use a part of its byte lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Byte offset of the register from the block's base.
    pub offset: u32,
    shift: u32,
    mask: u32,
}

impl Lanes {
    /// Of an access at an address in the block at `base`.
    pub const fn new(base: u32, address: u32, size: Size) -> Self {
        let shift = (address & 3) * 8;
        Lanes { offset: (address - base) & !3, shift, mask: size.mask() << shift }
    }

    /// What a read gives of the register's value.
    pub const fn read(self, value: u32) -> u32 {
        (value & self.mask) >> self.shift
    }

    /// What a write of `value` brings to the register.
    pub const fn written(self, value: u32) -> Written {
        Written { value: (value << self.shift) & self.mask, mask: self.mask }
    }
}

/// The values of one block.
#[derive(Clone, Debug)]
pub struct Registers {
    table: &'static [Register],
    values: Vec<u32>,
    /// Place in table and values by offset / 4: polling loops read registers millions of times.
    places: Vec<u8>,
}

/// No register at this offset.
const NONE: u8 = u8::MAX;

impl Registers {
    /// A block in reset state. `table` is sorted by offset.
    pub fn new(table: &'static [Register]) -> Self {
        debug_assert!(table.is_sorted_by(|a, b| a.offset < b.offset) && table.len() < usize::from(NONE));
        let mut places = vec![NONE; table.last().map_or(0, |last| usize::from(last.offset) / 4 + 1)];
        for (index, register) in table.iter().enumerate() {
            places[usize::from(register.offset) / 4] = index as u8;
        }
        Registers { table, values: table.iter().map(|register| register.reset).collect(), places }
    }

    #[inline]
    fn index(&self, offset: u32) -> Option<usize> {
        match self.places.get(offset as usize / 4) {
            Some(&place) if place != NONE => Some(usize::from(place)),
            _ => None,
        }
    }

    /// The value, or `None` for an offset that has no register.
    #[inline]
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.index(offset).map(|index| self.values[index])
    }

    /// The value; 0 for an offset that has no register.
    pub fn get(&self, offset: u32) -> u32 {
        self.read(offset).unwrap_or(0)
    }

    /// Writes the writable bits. False for an offset that has no register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        let Some(index) = self.index(offset) else { return false };
        self.values[index] = written.only(self.table[index].writable).over(self.values[index]);
        true
    }

    /// Sets a value regardless of which bits are writable: the block's own rules.
    pub fn set(&mut self, offset: u32, value: u32) {
        if let Some(index) = self.index(offset) {
            self.values[index] = value;
        }
    }

    /// Back to reset values.
    pub fn reset(&mut self) {
        for (value, register) in self.values.iter_mut().zip(self.table) {
            *value = register.reset;
        }
    }
}

impl Hash for Registers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.hash(state);
    }
}
