//! Translations that the fast path of loads, stores and block entry may use without asking again.
//!
//! An entry covers one 1 KiB page whose every byte has the same rights for one kind of access at the current privilege; it
//! holds the page's place in the arena. Pages of mixed rights, devices, watched pages and pages with decoded code (for
//! writes) have no entry and go the byte-exact way.

/// Bytes in a page.
pub const PAGE_SIZE: u32 = 1024;
/// Address bits that name a page.
pub const PAGE_MASK: u32 = !(PAGE_SIZE - 1);
const ENTRIES: usize = 256;
/// A tag that no masked address equals: bit 9 is in neither the page number nor the alignment bits.
const INVALID: u32 = 0x200;

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    offset: u32,
}

/// Translations of one kind of access.
#[derive(Clone)]
pub struct Table {
    entries: [Entry; ENTRIES],
}

impl Table {
    const EMPTY: Table = Table { entries: [Entry { tag: INVALID, offset: 0 }; ENTRIES] };

    /// Arena offset of an access of `SIZE` bytes, if its page has an entry and the address is aligned.
    #[inline(always)]
    pub fn find<const SIZE: u32>(&self, address: u32) -> Option<usize> {
        let entry = &self.entries[((address / PAGE_SIZE) as usize) % ENTRIES];
        if address & (PAGE_MASK | (SIZE - 1)) == entry.tag {
            Some((entry.offset + (address & !PAGE_MASK)) as usize)
        } else {
            None
        }
    }

    /// Arena offset of `LENGTH` bytes at a word-aligned address, if they lie in one page with an entry.
    #[inline(always)]
    pub fn find_range<const LENGTH: u32>(&self, address: u32) -> Option<usize> {
        if (address & !PAGE_MASK) + LENGTH <= PAGE_SIZE { self.find::<4>(address) } else { None }
    }

    /// Remembers that the page of `address` starts at `offset` in the arena.
    pub fn insert(&mut self, address: u32, offset: u32) {
        self.entries[((address / PAGE_SIZE) as usize) % ENTRIES] = Entry { tag: address & PAGE_MASK, offset };
    }

    /// Forgets everything.
    pub fn flush(&mut self) {
        self.entries = Table::EMPTY.entries;
    }
}

/// All translations, and the chip's protection epoch they were made in.
#[derive(Clone)]
pub struct Tlb {
    /// Data reads.
    pub read: Table,
    /// Data writes.
    pub write: Table,
    /// Instruction fetches, by block entry.
    pub fetch: Table,
    /// [`crate::bus::Bus::epoch`] when the entries were made.
    pub epoch: u32,
}

impl Tlb {
    /// Empty.
    pub fn new() -> Tlb {
        Tlb { read: Table::EMPTY, write: Table::EMPTY, fetch: Table::EMPTY, epoch: 0 }
    }

    /// Forgets everything.
    pub fn flush(&mut self) {
        self.read.flush();
        self.write.flush();
        self.fetch.flush();
    }
}

impl Default for Tlb {
    fn default() -> Self {
        Tlb::new()
    }
}
