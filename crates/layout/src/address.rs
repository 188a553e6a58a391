//! Addresses, sizes and regions of a 32-bit address space.

use core::fmt;

/// An address on the device's bus.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(u32);

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u32);

/// A non-wrapping range of addresses, end exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    start: Address,
    size: Size,
}

impl Address {
    /// The address with this value.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value on the bus.
    pub const fn value(self) -> u32 {
        self.0
    }

    /// The address `size` further, or `None` behind the end of the address space.
    pub const fn checked_add(self, size: Size) -> Option<Self> {
        match self.0.checked_add(size.0) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// How far this address is behind `base`, or `None` if it is before it.
    pub const fn offset_from(self, base: Self) -> Option<Size> {
        match self.0.checked_sub(base.0) {
            Some(value) => Some(Size(value)),
            None => None,
        }
    }

    /// Whether this is a multiple of `alignment`, a power of two. Nothing is aligned to another number.
    pub const fn is_aligned(self, alignment: Size) -> bool {
        alignment.0.is_power_of_two() && self.0 & (alignment.0 - 1) == 0
    }
}

impl Size {
    /// A size in bytes.
    pub const fn new(bytes: u32) -> Self {
        Self(bytes)
    }

    /// A size in units of 1024 bytes. In a constant, a size of 4 GB or more does not compile.
    pub const fn kib(kib: u32) -> Self {
        match kib.checked_mul(1024) {
            Some(bytes) => Self(bytes),
            None => panic!("the size does not fit the address space"),
        }
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// The sum, or `None` if it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// The difference, or `None` if `other` is larger.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// Whether this is a multiple of `unit`. Nothing is a multiple of zero.
    pub const fn is_multiple_of(self, unit: Self) -> bool {
        unit.0 != 0 && self.0.is_multiple_of(unit.0)
    }
}

impl Region {
    /// The region of `size` bytes from `start`, or `None` if its last byte is behind the end of the address space.
    pub const fn checked(start: Address, size: Size) -> Option<Self> {
        match start.checked_add(size) {
            Some(_) => Some(Self { start, size }),
            None => None,
        }
    }

    /// For constants: the region from `start` to `end` (exclusive).
    ///
    /// # Panics
    /// If `end` is before `start`; in a constant that is a compile error.
    // The closed parts of system flash use it at run time and may not call anything outside of them.
    #[inline(always)]
    pub const fn between(start: u32, end: u32) -> Self {
        match end.checked_sub(start) {
            Some(size) => Self { start: Address(start), size: Size(size) },
            None => panic!("the region ends before it starts"),
        }
    }

    /// The first address.
    pub const fn start(self) -> Address {
        self.start
    }

    /// The number of bytes.
    pub const fn size(self) -> Size {
        self.size
    }

    /// The first address behind the region.
    pub const fn end(self) -> Address {
        // Both constructors checked that the sum does not wrap.
        Address(self.start.0.wrapping_add(self.size.0))
    }

    /// Whether the byte at `address` belongs to the region.
    pub const fn contains(self, address: Address) -> bool {
        self.start.0 <= address.0 && address.0 < self.end().0
    }

    /// Whether every byte of `other` belongs to this region. An empty region belongs where its start is, the end included.
    pub const fn contains_region(self, other: Self) -> bool {
        self.start.0 <= other.start.0 && other.end().0 <= self.end().0
    }

    /// Whether some byte belongs to both.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start.0 < other.end().0 && other.start.0 < self.end().0
    }

    /// What is left behind the first `size` bytes, or `None` if the region is smaller.
    pub const fn skip(self, size: Size) -> Option<Self> {
        match (self.start.checked_add(size), self.size.checked_sub(size)) {
            (Some(start), Some(size)) => Some(Self { start, size }),
            _ => None,
        }
    }
}

/// `0x0800_0000`: the form in which addresses are read aloud and searched for.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}_{:04X}", self.0 >> 16, self.0 & 0xFFFF)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `896 KB`, or bytes where it is not a whole number of KB.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1024, self.0 % 1024) {
            (kib, 0) if kib > 0 => write!(f, "{kib} KB"),
            _ => write!(f, "{} bytes", self.0),
        }
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `0x0802_0000..0x0810_0000`, end exclusive.
impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
