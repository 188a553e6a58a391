//! LDM, STM, PUSH and POP: `imm` is the register list, `imm2` four times its length.
//!
//! A load changes no register before all of its words are there, and the base is written last, so that a fault in the
//! middle leaves an instruction that can simply run again (the ICI bits are not used: A7.3.3 lets an implementation restart).

use crate::bus::Bus;
use crate::core::Core;
use crate::exec::{Run, attempt};
use crate::op::{Args, Flow};
use crate::tlb::{PAGE_MASK, PAGE_SIZE, Tlb};

/// `length` bytes at `address` as words, if they lie in one page that the fast path may read.
#[inline(always)]
pub(crate) fn readable_run<'a, B: Bus>(
    tlb: &Tlb,
    bus: &'a B,
    address: u32,
    length: u32,
) -> Option<&'a [[u8; 4]]> {
    let offset = tlb.read.find::<4>(address)?;
    if (address & !PAGE_MASK) + length > PAGE_SIZE {
        return None;
    }
    let bytes = bus.memory().bytes().get(offset..offset + length as usize)?;
    Some(bytes.as_chunks().0)
}

/// `length` bytes at `address` as words, if they lie in one page that the fast path may write.
#[inline(always)]
pub(crate) fn writable_run<'a, B: Bus>(
    tlb: &Tlb,
    bus: &'a mut B,
    address: u32,
    length: u32,
) -> Option<&'a mut [[u8; 4]]> {
    let offset = tlb.write.find::<4>(address)?;
    if (address & !PAGE_MASK) + length > PAGE_SIZE {
        return None;
    }
    let bytes = bus.memory_mut().bytes_mut().get_mut(offset..offset + length as usize)?;
    Some(bytes.as_chunks_mut().0)
}

/// The registers of a list, lowest first.
struct List(u32);

impl Iterator for List {
    type Item = usize;
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let register = self.0.trailing_zeros() as usize & 15;
        self.0 &= self.0 - 1;
        Some(register)
    }
}

#[inline(always)]
fn start_and_base<B: Bus, const BEFORE: bool>(core: &Core<B>, args: &Args) -> (u32, u32) {
    let n = core.reg(args.n);
    if BEFORE {
        let start = n.wrapping_sub(args.imm2);
        (start, start)
    } else {
        (n, n.wrapping_add(args.imm2))
    }
}

/// LDM. The list is without SP. With PC (`PC`) it ends in a jump or an exception return, on the new stack pointer.
fn load<B: Bus, const BEFORE: bool, const WRITEBACK: bool, const PC: bool>(
    core: &mut Core<B>,
    args: &Args,
) -> Flow {
    let (start, base) = start_and_base::<B, BEFORE>(core, args);
    let Some(words) = readable_run(&core.tlb, &core.bus, start, args.imm2) else {
        return load_slow::<B, BEFORE, WRITEBACK, PC>(core, args);
    };
    for (register, word) in List(args.imm).zip(words) {
        core.r[register] = u32::from_le_bytes(*word);
    }
    if WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    if PC { core.branch_exchange(core.r[15]) } else { Flow::Next }
}

#[cold]
#[inline(never)]
fn load_slow<B: Bus, const BEFORE: bool, const WRITEBACK: bool, const PC: bool>(
    core: &mut Core<B>,
    args: &Args,
) -> Flow {
    let (start, base) = start_and_base::<B, BEFORE>(core, args);
    let mut values = [0; 16];
    let mut address = start;
    for register in List(args.imm) {
        values[register] = attempt!(core.load_word_aligned(address, args));
        address = address.wrapping_add(4);
    }
    for register in List(args.imm) {
        core.r[register] = values[register];
    }
    if WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    if PC {
        let flow = core.branch_exchange(core.r[15]);
        return core.done_branch(flow);
    }
    core.done()
}

/// STM. The base, if it is in the list, is stored as it was before.
fn store<B: Bus, const BEFORE: bool, const WRITEBACK: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let (start, base) = start_and_base::<B, BEFORE>(core, args);
    let Some(words) = writable_run(&core.tlb, &mut core.bus, start, args.imm2) else {
        return store_slow::<B, BEFORE, WRITEBACK>(core, args);
    };
    for (register, word) in List(args.imm).zip(words) {
        *word = core.r[register].to_le_bytes();
    }
    if WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    Flow::Next
}

#[cold]
#[inline(never)]
fn store_slow<B: Bus, const BEFORE: bool, const WRITEBACK: bool>(core: &mut Core<B>, args: &Args) -> Flow {
    let (start, base) = start_and_base::<B, BEFORE>(core, args);
    let mut address = start;
    for register in List(args.imm) {
        attempt!(core.store_word_aligned(address, core.r[register], args));
        address = address.wrapping_add(4);
    }
    if WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.done()
}

/// The function of LDM or POP.
pub(crate) fn select_load<B: Bus>(before: bool, writeback: bool, pc: bool) -> Run<B> {
    match (before, writeback, pc) {
        (false, false, false) => load::<B, false, false, false>,
        (false, false, true) => load::<B, false, false, true>,
        (false, true, false) => load::<B, false, true, false>,
        (false, true, true) => load::<B, false, true, true>,
        (true, false, false) => load::<B, true, false, false>,
        (true, false, true) => load::<B, true, false, true>,
        (true, true, false) => load::<B, true, true, false>,
        (true, true, true) => load::<B, true, true, true>,
    }
}

/// The function of STM or PUSH.
pub(crate) fn select_store<B: Bus>(before: bool, writeback: bool) -> Run<B> {
    match (before, writeback) {
        (false, false) => store::<B, false, false>,
        (false, true) => store::<B, false, true>,
        (true, false) => store::<B, true, false>,
        (true, true) => store::<B, true, true>,
    }
}
