//! Cached basic blocks: pre-decoded operations, found by address and IT state, dropped when their bytes are written to.

use std::collections::HashMap;

use crate::bus::Bus;
use crate::op::Op;

/// Operations in a block at most. Also bounds how far an instruction's index can go (it is a byte).
pub const MAX_OPS: usize = 96;
/// Blocks kept at most; beyond that all are dropped (a program that writes code for ever must not eat the host's memory).
const MAX_BLOCKS: usize = 1 << 16;
const FAST_ENTRIES: usize = 1 << 13;

/// A run of instructions with one entry.
#[derive(Clone)]
pub struct Block<B: Bus> {
    /// Address of the first instruction.
    pub pc: u32,
    /// ITSTATE it was decoded under.
    pub it: u8,
    /// ITSTATE behind the last instruction.
    pub end_it: u8,
    /// Bytes of code.
    pub length: u32,
    /// Place of the first byte in the arena.
    pub arena: u32,
    /// Address of the second page, if the (then only) instruction straddles two.
    pub second_page: Option<u32>,
    /// The instructions.
    pub ops: Vec<Op<B>>,
}

#[derive(Clone, Copy)]
struct Fast {
    key: u64,
    id: u32,
}

const NONE: u64 = u64::MAX;

fn key(pc: u32, it: u8, arena: u32) -> u64 {
    // The arena offset takes part so that a remapped address finds its own code.
    (u64::from(arena) << 32 | u64::from(pc)) ^ (u64::from(it) << 56)
}

/// The cache.
#[derive(Clone)]
pub struct Blocks<B: Bus> {
    blocks: Vec<Option<Block<B>>>,
    free: Vec<u32>,
    index: HashMap<u64, u32>,
    fast: Vec<Fast>,
    /// Blocks by the 4 KiB arena page they have bytes on.
    by_page: HashMap<u32, Vec<u32>>,
}

impl<B: Bus> Blocks<B> {
    /// Empty.
    pub fn new() -> Self {
        Blocks {
            blocks: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            fast: vec![Fast { key: NONE, id: 0 }; FAST_ENTRIES],
            by_page: HashMap::new(),
        }
    }

    #[inline(always)]
    fn slot(pc: u32) -> usize {
        (pc >> 1) as usize % FAST_ENTRIES
    }

    /// Finds the block at `pc` decoded under `it` from `arena`.
    #[inline(always)]
    pub fn find(&mut self, pc: u32, it: u8, arena: u32) -> Option<u32> {
        let wanted = key(pc, it, arena);
        let fast = &mut self.fast[Self::slot(pc)];
        if fast.key == wanted {
            return Some(fast.id);
        }
        let id = *self.index.get(&wanted)?;
        *fast = Fast { key: wanted, id };
        Some(id)
    }

    /// The block of an id that [`Blocks::find`] or [`Blocks::insert`] returned.
    #[inline(always)]
    pub fn get(&self, id: u32) -> Option<&Block<B>> {
        self.blocks.get(id as usize).and_then(Option::as_ref)
    }

    /// Whether the next insertion will drop everything.
    pub fn is_full(&self) -> bool {
        self.index.len() >= MAX_BLOCKS
    }

    /// Adds a block.
    pub fn insert(&mut self, block: Block<B>) -> u32 {
        let wanted = key(block.pc, block.it, block.arena);
        let id = self.free.pop().unwrap_or(self.blocks.len() as u32);
        for page in pages(&block) {
            self.by_page.entry(page).or_default().push(id);
        }
        self.fast[Self::slot(block.pc)] = Fast { key: wanted, id };
        self.index.insert(wanted, id);
        if id as usize == self.blocks.len() {
            self.blocks.push(Some(block));
        } else {
            self.blocks[id as usize] = Some(block);
        }
        id
    }

    /// Drops every block with a byte in the arena range `from..to`. True if the page of `from` has none left.
    pub fn invalidate(&mut self, from: u32, to: u32) -> bool {
        let page = from / PAGE;
        let Some(ids) = self.by_page.get(&page) else { return true };
        let doomed: Vec<u32> = ids
            .iter()
            .copied()
            .filter(|&id| self.get(id).is_some_and(|b| b.arena < to && from < b.arena + b.length))
            .collect();
        for id in doomed {
            self.remove(id);
        }
        self.by_page.get(&page).is_none_or(Vec::is_empty)
    }

    fn remove(&mut self, id: u32) {
        let Some(block) = self.blocks.get_mut(id as usize).and_then(Option::take) else { return };
        let dead = key(block.pc, block.it, block.arena);
        self.index.remove(&dead);
        let fast = &mut self.fast[Self::slot(block.pc)];
        if fast.key == dead {
            fast.key = NONE;
        }
        for page in pages(&block) {
            if let Some(ids) = self.by_page.get_mut(&page) {
                ids.retain(|&other| other != id);
            }
        }
        self.free.push(id);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Blocks::new();
    }
}

const PAGE: u32 = crate::memory::PAGE as u32;

/// Arena pages a block has bytes on. The second page of a straddling instruction lies elsewhere in the arena only if the
/// address map has a seam there; blocks are not made across seams.
fn pages<B: Bus>(block: &Block<B>) -> impl Iterator<Item = u32> + use<B> {
    let first = block.arena / PAGE;
    let last = (block.arena + block.length.max(1) - 1) / PAGE;
    first..=last
}

impl<B: Bus> Default for Blocks<B> {
    fn default() -> Self {
        Blocks::new()
    }
}
