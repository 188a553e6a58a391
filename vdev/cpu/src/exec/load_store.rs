//! Single and dual loads and stores (A7.7: LDR to LDRT, STR to STRT, LDRD, STRD).
//!
//! The base is written after the access succeeded, so that a fault leaves it as it was. What the TLB knows is done in place;
//! everything else is a tail call to a cold function that does the whole instruction, so that the common path needs no
//! stack frame.

use crate::bus::{Bus, Size};
use crate::core::{Core, Fault};
use crate::exec::multiple::{readable_run, writable_run};
use crate::exec::{Run, attempt};
use crate::insn::Width;
use crate::op::{Args, Flow};

/// What is transferred.
pub(crate) trait Cell {
    const SIZE: Size;
    /// The loaded value as the register gets it.
    fn extend(value: u32) -> u32;

    /// Loads, not yet extended, if the TLB knows the page.
    #[inline(always)]
    fn load_fast<B: Bus>(core: &Core<B>, address: u32) -> Option<u32> {
        let (tlb, bytes) = (&core.tlb.read, core.bus.memory().bytes());
        match Self::SIZE {
            Size::Word => {
                let offset = tlb.find::<4>(address)?;
                bytes.get(offset..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
            }
            Size::Half => {
                let offset = tlb.find::<2>(address)?;
                bytes.get(offset..)?.first_chunk().map(|half| u16::from_le_bytes(*half).into())
            }
            Size::Byte => bytes.get(tlb.find::<1>(address)?).map(|byte| (*byte).into()),
        }
    }

    /// Stores, if the TLB knows the page.
    #[inline(always)]
    fn store_fast<B: Bus>(core: &mut Core<B>, address: u32, value: u32) -> Option<()> {
        let (tlb, bytes) = (&core.tlb.write, core.bus.memory_mut().bytes_mut());
        match Self::SIZE {
            Size::Word => {
                let offset = tlb.find::<4>(address)?;
                *bytes.get_mut(offset..)?.first_chunk_mut()? = value.to_le_bytes();
            }
            Size::Half => {
                let offset = tlb.find::<2>(address)?;
                *bytes.get_mut(offset..)?.first_chunk_mut()? = (value as u16).to_le_bytes();
            }
            Size::Byte => *bytes.get_mut(tlb.find::<1>(address)?)? = value as u8,
        }
        Some(())
    }

    /// Loads, not yet extended; any alignment that the rules allow.
    #[inline(always)]
    fn load<B: Bus>(core: &mut Core<B>, address: u32, args: &Args) -> Result<u32, Flow> {
        match Self::SIZE {
            Size::Word => core.load_word(address, args),
            Size::Half => core.load_half(address, args),
            Size::Byte => core.load_byte(address, args),
        }
    }

    /// Stores; any alignment that the rules allow.
    #[inline(always)]
    fn store<B: Bus>(core: &mut Core<B>, address: u32, value: u32, args: &Args) -> Result<(), Flow> {
        match Self::SIZE {
            Size::Word => core.store_word(address, value, args),
            Size::Half => core.store_half(address, value, args),
            Size::Byte => core.store_byte(address, value, args),
        }
    }
}

macro_rules! cell {
    ($($name:ident: $size:ident, |$value:ident| $extended:expr;)*) => {$(
        pub(crate) struct $name;
        impl Cell for $name {
            const SIZE: Size = Size::$size;
            #[inline(always)]
            fn extend($value: u32) -> u32 {
                $extended
            }
        }
    )*};
}

cell! {
    Word: Word, |value| value;
    Half: Half, |value| value;
    Byte: Byte, |value| value;
    SignedHalf: Half, |value| value as i16 as u32;
    SignedByte: Byte, |value| value as i8 as u32;
}

/// How the address is made.
trait Addressing {
    /// The base (`args.n`) is updated.
    const WRITEBACK: bool;
    /// Address of the access, and the new base.
    fn resolve<B: Bus>(core: &Core<B>, args: &Args) -> (u32, u32);
}

/// Names an addressing form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// The constant `imm`: PC-relative, folded.
    Literal,
    /// `n + imm`.
    Offset,
    /// `n + m`.
    Index,
    /// `n + (m << imm)`.
    IndexShifted,
    /// `n + imm`, which becomes the base.
    Pre,
    /// `n`, and `n + imm` becomes the base.
    Post,
}

macro_rules! addressing {
    ($($name:ident: $writeback:literal, |$core:ident, $args:ident| $resolved:expr;)*) => {$(
        struct $name;
        impl Addressing for $name {
            const WRITEBACK: bool = $writeback;
            #[inline(always)]
            #[allow(unused_variables)] // a literal needs no core
            fn resolve<B: Bus>($core: &Core<B>, $args: &Args) -> (u32, u32) {
                $resolved
            }
        }
    )*};
}

addressing! {
    Literal: false, |core, args| (args.imm, 0);
    Offset: false, |core, args| (core.reg(args.n).wrapping_add(args.imm), 0);
    Index: false, |core, args| (core.reg(args.n).wrapping_add(core.reg(args.m)), 0);
    IndexShifted: false, |core, args| {
        (core.reg(args.n).wrapping_add(core.reg(args.m).wrapping_shl(args.imm)), 0)
    };
    Pre: true, |core, args| {
        let address = core.reg(args.n).wrapping_add(args.imm);
        (address, address)
    };
    Post: true, |core, args| (core.reg(args.n), core.reg(args.n).wrapping_add(args.imm));
}

/// Load into a register that is neither SP nor PC.
fn load<B: Bus, C: Cell, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let Some(value) = C::load_fast(core, address) else { return load_slow::<B, C, A>(core, args) };
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.set(args.d, C::extend(value));
    Flow::Next
}

#[cold]
#[inline(never)]
fn load_slow<B: Bus, C: Cell, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let value = attempt!(C::load(core, address, args));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.set(args.d, C::extend(value));
    core.done()
}

/// Load of a word into SP.
fn load_sp<B: Bus, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let value = attempt!(core.load_word(address, args));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.set_or_sp(13, value);
    core.done()
}

/// Load of a word into PC (LoadWritePC). The base is written first: an exception return works on the new stack pointer.
fn load_pc<B: Bus, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let value = attempt!(core.load_word(address, args));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    let flow = core.branch_exchange(value);
    core.done_branch(flow)
}

/// Store.
fn store<B: Bus, C: Cell, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    if C::store_fast(core, address, core.reg(args.d)).is_none() {
        return store_slow::<B, C, A>(core, args);
    }
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    Flow::Next
}

#[cold]
#[inline(never)]
fn store_slow<B: Bus, C: Cell, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    attempt!(C::store(core, address, core.reg(args.d), args));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.done()
}

fn load_from<B: Bus, A: Addressing>(width: Width, rt: u8) -> Option<Run<B>> {
    Some(match (rt, width) {
        (13, Width::Word) => load_sp::<B, A>,
        (15, Width::Word) => load_pc::<B, A>,
        (13 | 15, _) => return None,
        (_, Width::Word) => load::<B, Word, A>,
        (_, Width::Half) => load::<B, Half, A>,
        (_, Width::Byte) => load::<B, Byte, A>,
        (_, Width::SignedHalf) => load::<B, SignedHalf, A>,
        (_, Width::SignedByte) => load::<B, SignedByte, A>,
    })
}

fn store_to<B: Bus, A: Addressing>(width: Width) -> Option<Run<B>> {
    Some(match width {
        Width::Word => store::<B, Word, A>,
        Width::Half => store::<B, Half, A>,
        Width::Byte => store::<B, Byte, A>,
        Width::SignedHalf | Width::SignedByte => return None,
    })
}

/// The function of a load into `rt`. None where the manual says UNPREDICTABLE (only words go to SP or PC).
pub(crate) fn select_load<B: Bus>(width: Width, rt: u8, address: AddressKind) -> Option<Run<B>> {
    match address {
        AddressKind::Literal => load_from::<B, Literal>(width, rt),
        AddressKind::Offset => load_from::<B, Offset>(width, rt),
        AddressKind::Index => load_from::<B, Index>(width, rt),
        AddressKind::IndexShifted => load_from::<B, IndexShifted>(width, rt),
        AddressKind::Pre => load_from::<B, Pre>(width, rt),
        AddressKind::Post => load_from::<B, Post>(width, rt),
    }
}

/// The function of a store.
pub(crate) fn select_store<B: Bus>(width: Width, address: AddressKind) -> Option<Run<B>> {
    match address {
        AddressKind::Literal => None,
        AddressKind::Offset => store_to::<B, Offset>(width),
        AddressKind::Index => store_to::<B, Index>(width),
        AddressKind::IndexShifted => store_to::<B, IndexShifted>(width),
        AddressKind::Pre => store_to::<B, Pre>(width),
        AddressKind::Post => store_to::<B, Post>(width),
    }
}

fn load_unprivileged<B: Bus, C: Cell>(core: &mut Core<B>, args: &Args) -> Flow {
    let address = core.reg(args.n).wrapping_add(args.imm);
    let value = attempt!(core.load_unprivileged(address, C::SIZE, args));
    core.set(args.d, C::extend(value));
    core.done()
}

fn store_unprivileged<B: Bus, C: Cell>(core: &mut Core<B>, args: &Args) -> Flow {
    let address = core.reg(args.n).wrapping_add(args.imm);
    attempt!(core.store_unprivileged(address, core.reg(args.d), C::SIZE, args));
    core.done()
}

/// The function of LDRT and kin.
pub(crate) fn select_load_unprivileged<B: Bus>(width: Width) -> Run<B> {
    match width {
        Width::Word => load_unprivileged::<B, Word>,
        Width::Half => load_unprivileged::<B, Half>,
        Width::Byte => load_unprivileged::<B, Byte>,
        Width::SignedHalf => load_unprivileged::<B, SignedHalf>,
        Width::SignedByte => load_unprivileged::<B, SignedByte>,
    }
}

/// The function of STRT and kin.
pub(crate) fn select_store_unprivileged<B: Bus>(width: Width) -> Option<Run<B>> {
    Some(match width {
        Width::Word => store_unprivileged::<B, Word>,
        Width::Half => store_unprivileged::<B, Half>,
        Width::Byte => store_unprivileged::<B, Byte>,
        Width::SignedHalf | Width::SignedByte => return None,
    })
}

/// LDRD into `d` and `a`. Both words are there before either register changes.
fn load_dual<B: Bus, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let Some([first, second]) = readable_run(&core.tlb, &core.bus, address, 8) else {
        return load_dual_slow::<B, A>(core, args);
    };
    let (first, second) = (u32::from_le_bytes(*first), u32::from_le_bytes(*second));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.set(args.d, first);
    core.set(args.a, second);
    Flow::Next
}

#[cold]
#[inline(never)]
fn load_dual_slow<B: Bus, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let first = attempt!(core.load_word_aligned(address, args));
    let second = attempt!(core.load_word_aligned(address.wrapping_add(4), args));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.set(args.d, first);
    core.set(args.a, second);
    core.done()
}

/// STRD of `d` and `a`.
fn store_dual<B: Bus, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    let Some([low, high]) = writable_run(&core.tlb, &mut core.bus, address, 8) else {
        return store_dual_slow::<B, A>(core, args);
    };
    *low = core.r[usize::from(args.d & 15)].to_le_bytes();
    *high = core.r[usize::from(args.a & 15)].to_le_bytes();
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    Flow::Next
}

#[cold]
#[inline(never)]
fn store_dual_slow<B: Bus, A: Addressing>(core: &mut Core<B>, args: &Args) -> Flow {
    let (address, base) = A::resolve(core, args);
    attempt!(core.store_word_aligned(address, core.reg(args.d), args));
    attempt!(core.store_word_aligned(address.wrapping_add(4), core.reg(args.a), args));
    if A::WRITEBACK {
        core.set_or_sp(args.n, base);
    }
    core.done()
}

/// The function of LDRD. None for an addressing form it does not have.
pub(crate) fn select_load_dual<B: Bus>(address: AddressKind) -> Option<Run<B>> {
    Some(match address {
        AddressKind::Literal => load_dual::<B, Literal>,
        AddressKind::Offset => load_dual::<B, Offset>,
        AddressKind::Pre => load_dual::<B, Pre>,
        AddressKind::Post => load_dual::<B, Post>,
        AddressKind::Index | AddressKind::IndexShifted => return None,
    })
}

/// The function of STRD. None for an addressing form it does not have.
pub(crate) fn select_store_dual<B: Bus>(address: AddressKind) -> Option<Run<B>> {
    Some(match address {
        AddressKind::Offset => store_dual::<B, Offset>,
        AddressKind::Pre => store_dual::<B, Pre>,
        AddressKind::Post => store_dual::<B, Post>,
        AddressKind::Literal | AddressKind::Index | AddressKind::IndexShifted => return None,
    })
}

/// Refuses an address that is not a multiple of the size, as exclusive accesses do whatever CCR says.
#[inline(always)]
pub(crate) fn require_alignment<B: Bus, C: Cell>(core: &mut Core<B>, address: u32) -> Result<(), Flow> {
    if address & (C::SIZE.bytes() - 1) != 0 { Err(core.raise(Fault::Unaligned)) } else { Ok(()) }
}
