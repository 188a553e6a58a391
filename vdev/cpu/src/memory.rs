//! All storage of a chip in one arena, with snapshots that cost only what changed.
//!
//! The running machine works on one flat array: the fast path is one bounds-checked index. Beside it, each 4 KiB page
//! remembers the immutable copy it was last equal to; a snapshot copies only pages written since the last one, and a restore
//! copies back only pages that differ. Pages that hold decoded instructions are marked, so that any write to them (by the
//! core, by DMA, by the flash controller) is noticed in this one place.

use std::sync::Arc;

/// Size of a page of the arena in bytes.
pub const PAGE: usize = 4096;
const PAGE_SHIFT: u32 = 12;

type Page = [u8; PAGE];

const DIRTY: u8 = 1;
const CODE: u8 = 2;

/// The arena.
#[derive(Clone, Default)]
pub struct Memory {
    bytes: Vec<u8>,
    /// What each page was equal to when it was last clean.
    base: Vec<Arc<Page>>,
    flags: Vec<u8>,
    dirty: Vec<u32>,
    /// Byte ranges written that lie on pages with decoded code; taken by the engine.
    code_writes: Vec<(u32, u32)>,
}

/// An immutable copy of an arena. Pages are shared with other snapshots.
#[derive(Clone)]
pub struct MemorySnapshot {
    pages: Vec<Arc<Page>>,
}

impl MemorySnapshot {
    /// Bytes that this snapshot holds for itself alone, given what `other` already holds.
    pub fn bytes_beyond(&self, other: &MemorySnapshot) -> usize {
        self.pages.iter().zip(&other.pages).filter(|(a, b)| !Arc::ptr_eq(a, b)).count() * PAGE
    }
}

impl Memory {
    /// An arena of `size` bytes (rounded up to whole pages), all zero.
    pub fn new(size: usize) -> Self {
        let pages = size.div_ceil(PAGE);
        Memory {
            bytes: vec![0; pages * PAGE],
            base: std::iter::repeat_n(Arc::new([0; PAGE]), pages).collect(),
            flags: vec![0; pages],
            dirty: Vec::new(),
            code_writes: Vec::new(),
        }
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True for an arena of no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The whole arena, to read from.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `length` bytes at `offset`; empty when outside.
    pub fn slice(&self, offset: u32, length: usize) -> &[u8] {
        let start = offset as usize;
        self.bytes.get(start..start.saturating_add(length)).unwrap_or(&[])
    }

    /// Reads a little-endian value of 1, 2 or 4 bytes. Outside the arena: 0.
    #[inline]
    pub fn read(&self, offset: u32, size: crate::bus::Size) -> u32 {
        let mut raw = [0; 4];
        let n = size.bytes() as usize;
        if let Some(bytes) = self.bytes.get(offset as usize..offset as usize + n) {
            raw[..n].copy_from_slice(bytes);
        }
        u32::from_le_bytes(raw)
    }

    /// Writes a little-endian value of 1, 2 or 4 bytes. Outside the arena: nothing.
    #[inline]
    pub fn write(&mut self, offset: u32, value: u32, size: crate::bus::Size) {
        self.write_bytes(offset, &value.to_le_bytes()[..size.bytes() as usize]);
    }

    /// Writes bytes. What lies outside the arena is dropped.
    pub fn write_bytes(&mut self, offset: u32, data: &[u8]) {
        let start = offset as usize;
        let end = start.saturating_add(data.len()).min(self.bytes.len());
        if start >= end {
            return;
        }
        self.touch(start, end);
        self.bytes[start..end].copy_from_slice(&data[..end - start]);
    }

    /// Sets `length` bytes at `offset` to `value`.
    pub fn fill(&mut self, offset: u32, length: usize, value: u8) {
        let start = (offset as usize).min(self.bytes.len());
        let end = start.saturating_add(length).min(self.bytes.len());
        if start >= end {
            return;
        }
        self.touch(start, end);
        self.bytes[start..end].fill(value);
    }

    fn touch(&mut self, start: usize, end: usize) {
        for page in start / PAGE..=(end - 1) / PAGE {
            if self.flags[page] & DIRTY == 0 {
                self.flags[page] |= DIRTY;
                self.dirty.push(page as u32);
            }
            if self.flags[page] & CODE != 0 {
                let from = start.max(page * PAGE) as u32;
                let to = end.min((page + 1) * PAGE) as u32;
                self.code_writes.push((from, to));
            }
        }
    }

    /// Marks the page of `offset` as written to and says whether the core may write to it directly from now on: not while
    /// it holds decoded code.
    pub(crate) fn open_for_direct_writes(&mut self, offset: u32) -> bool {
        let page = (offset >> PAGE_SHIFT) as usize;
        let Some(flags) = self.flags.get_mut(page) else { return false };
        if *flags & CODE != 0 {
            return false;
        }
        if *flags & DIRTY == 0 {
            *flags |= DIRTY;
            self.dirty.push(page as u32);
        }
        true
    }

    /// The arena for direct writes inside pages that [`Memory::open_for_direct_writes`] opened.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Marks the page of `offset` as holding decoded code. True if it was not marked before (direct writes to it must then
    /// be closed).
    pub(crate) fn mark_code(&mut self, offset: u32) -> bool {
        match self.flags.get_mut((offset >> PAGE_SHIFT) as usize) {
            Some(flags) if *flags & CODE == 0 => {
                *flags |= CODE;
                true
            }
            _ => false,
        }
    }

    /// Forgets that the page of `offset` holds decoded code.
    pub(crate) fn unmark_code(&mut self, offset: u32) {
        if let Some(flags) = self.flags.get_mut((offset >> PAGE_SHIFT) as usize) {
            *flags &= !CODE;
        }
    }

    /// True when something wrote to a page with decoded code since the last [`Memory::take_code_writes`].
    #[inline(always)]
    pub(crate) fn has_code_writes(&self) -> bool {
        !self.code_writes.is_empty()
    }

    /// The ranges (offset from, to) written on pages with decoded code.
    pub(crate) fn take_code_writes(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.code_writes)
    }

    /// A copy of the arena as it is now: copies the pages written since the last snapshot or restore, shares the rest.
    /// Direct writes must be closed by the caller (their pages are clean again).
    pub fn snapshot(&mut self) -> MemorySnapshot {
        for page in std::mem::take(&mut self.dirty) {
            let page = page as usize;
            self.flags[page] &= !DIRTY;
            if let Some(bytes) = self.bytes[page * PAGE..].first_chunk::<PAGE>() {
                self.base[page] = Arc::new(*bytes);
            }
        }
        MemorySnapshot { pages: self.base.clone() }
    }

    /// Makes the arena equal to `snapshot`: copies back the pages that were written or differ. Direct writes must be closed
    /// by the caller. Pages with decoded code that change are reported as code writes.
    pub fn restore(&mut self, snapshot: &MemorySnapshot) {
        for page in std::mem::take(&mut self.dirty) {
            self.flags[page as usize] &= !DIRTY;
            self.copy_back(page as usize, snapshot);
        }
        for page in 0..self.base.len().min(snapshot.pages.len()) {
            if !Arc::ptr_eq(&self.base[page], &snapshot.pages[page]) {
                self.copy_back(page, snapshot);
            }
        }
    }

    fn copy_back(&mut self, page: usize, snapshot: &MemorySnapshot) {
        let (Some(source), Some(target)) = (snapshot.pages.get(page), self.bytes.get_mut(page * PAGE..))
        else {
            return;
        };
        let Some(target) = target.first_chunk_mut::<PAGE>() else { return };
        if self.flags[page] & CODE != 0 && *target != **source {
            self.code_writes.push(((page * PAGE) as u32, ((page + 1) * PAGE) as u32));
        }
        *target = **source;
        self.base[page] = source.clone();
    }

    /// Feeds the content into a hash.
    pub fn hash_content(&self, hasher: &mut dyn core::hash::Hasher) {
        hasher.write(&self.bytes);
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} bytes, {} pages dirty)", self.bytes.len(), self.dirty.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Size;

    #[test]
    fn a_restore_brings_back_the_bytes_and_shares_the_rest() {
        let mut memory = Memory::new(16 * PAGE);
        memory.write_bytes(5000, &[1, 2, 3, 4]);
        let first = memory.snapshot();
        memory.write(5000, 0xDEAD_BEEF, Size::Word);
        memory.fill(3 * PAGE as u32 - 2, 4, 9);
        let second = memory.snapshot();
        assert_eq!(second.bytes_beyond(&first), 3 * PAGE);
        memory.write(0, 7, Size::Byte);
        memory.restore(&first);
        assert_eq!(memory.read(5000, Size::Word), 0x0403_0201);
        assert_eq!(memory.read(0, Size::Byte), 0);
        memory.restore(&second);
        assert_eq!(memory.read(5000, Size::Word), 0xDEAD_BEEF);
        assert_eq!(memory.read(3 * PAGE as u32 - 1, Size::Half), 0x0909);
    }

    #[test]
    fn writes_outside_are_dropped() {
        let mut memory = Memory::new(PAGE);
        memory.write_bytes(PAGE as u32 - 2, &[1, 2, 3, 4]);
        memory.write_bytes(u32::MAX - 1, &[1, 2, 3, 4]);
        assert_eq!(memory.read(PAGE as u32 - 2, Size::Half), 0x0201);
        assert_eq!(memory.read(PAGE as u32 - 2, Size::Word), 0);
    }
}
