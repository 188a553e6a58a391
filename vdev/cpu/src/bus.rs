//! What the core asks of a chip: typed bus accesses, and the contract of the fast path.
//!
//! Every access says who and how ([`Access`]); the chip answers with a value or a [`BusFault`]. An access that the chip
//! ignores (a write to a closed flash area, say) is `Ok`: the flag it raises is the chip's own business.

use crate::memory::Memory;

/// Who drives the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Master {
    /// The core itself.
    Cpu,
    /// A DMA controller.
    Dma,
    /// The debug port (GDB, SWD/JTAG, host tools that go through it).
    Debugger,
}

/// What kind of access it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Instruction fetch.
    Fetch,
    /// Data read.
    Read,
    /// Data write.
    Write,
}

/// Width of an access in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Size {
    /// 8 bits.
    Byte = 1,
    /// 16 bits.
    Half = 2,
    /// 32 bits.
    Word = 4,
}

impl Size {
    /// Width in bytes.
    pub const fn bytes(self) -> u32 {
        self as u32
    }
    /// The bits of a value of this width.
    pub const fn mask(self) -> u32 {
        match self {
            Size::Byte => 0xFF,
            Size::Half => 0xFFFF,
            Size::Word => u32::MAX,
        }
    }
}

/// Everything a chip may base a decision on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub master: Master,
    /// Fetch, read or write.
    pub kind: Kind,
    /// Privileged (Handler mode, or Thread mode with nPRIV = 0).
    pub privileged: bool,
    /// Secure state (always false on cores without TrustZone).
    pub secure: bool,
    /// Width. The address is a multiple of it: the core splits unaligned accesses.
    pub size: Size,
    /// Address of the instruction that makes the access (equal to the address itself for a fetch; 0 for other masters).
    /// Chips whose protections depend on where code runs (RSS, secure user software) decide by it.
    pub pc: u32,
    /// Virtual time of the access in core cycles since power-on.
    pub now: u64,
}

/// The bus answered with an error. What the error was is in the chip's own flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusFault;

/// A system-level request that an access or an event raised; the engine acts on it after the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Reset of the core and all of the chip that a system reset reaches (SYSRESETREQ, watchdog, option bytes).
    SystemReset,
    /// The chip asks the run loop to return to the host (a host-visible stop, with a chip-defined reason).
    Stop(u32),
}

/// State of the interrupt lines into the NVIC: bit n of word n/32 is line n, level-sensitive.
pub type IrqLines = [u32; 8];

/// A chip as its core sees it.
///
/// The fast path: the core keeps a small TLB of 1 KiB pages. [`Bus::map`] says whether a page may be served straight from
/// [`Memory`] for one kind of CPU access, at one privilege, with no further check; such an answer stays valid until
/// [`Bus::epoch`] changes. Everything else goes through [`Bus::read`] and [`Bus::write`], byte-exact.
pub trait Bus: Clone + Send + 'static {
    /// All storage of the chip that code can run from or data can live in.
    fn memory(&self) -> &Memory;
    /// The same, to write to.
    fn memory_mut(&mut self) -> &mut Memory;

    /// If **every** byte of the 1 KiB page of `address` may be accessed as `access` says (CPU master, any width, any `pc` and
    /// any time until the epoch changes) without side effect: the offset in [`Memory`] of the page's
    /// first byte, itself a multiple of 1 KiB.
    fn map(&mut self, address: u32, access: Access) -> Option<u32>;

    /// Any access that is not on the fast path. `address` is aligned to `access.size`.
    fn read(&mut self, address: u32, access: Access) -> Result<u32, BusFault>;
    /// As [`Bus::read`]; the upper bits of `value` beyond the width are zero.
    fn write(&mut self, address: u32, value: u32, access: Access) -> Result<(), BusFault>;

    /// Changes whenever any earlier answer of [`Bus::map`] may no longer hold.
    fn epoch(&self) -> u32;

    /// Interrupt lines as they are now.
    fn irq_lines(&self) -> &IrqLines;

    /// Virtual time (core cycles) of the next thing the chip wants to do by itself; `u64::MAX` for never.
    fn next_event(&self) -> u64;
    /// Does everything that is due at or before `now`.
    fn advance(&mut self, now: u64);

    /// Cycles that the last access had to wait (a flash operation in progress); the core adds them to its time. Taken once.
    fn take_stall(&mut self) -> u64 {
        0
    }

    /// A request raised since the last call, if any.
    fn take_request(&mut self) -> Option<Request>;

    /// A system reset reached the chip. The core resets itself and then fetches its vectors from [`Bus::reset_vector_base`].
    fn system_reset(&mut self, now: u64);
    /// Where the core takes its vector table from at reset (VTOR's reset value).
    fn reset_vector_base(&self) -> u32;

    /// Whether a debugger may stop the core before the instruction at `pc`. Where the chip says no, debug events are ignored
    /// and a halt request waits.
    fn debug_halt_allowed(&self, _pc: u32) -> bool {
        true
    }

    /// Which core this chip has, and how it is configured.
    fn core_config(&self) -> crate::scs::CoreConfig;
    /// Text that the core itself produced (ITM stimulus ports, semihosting).
    fn console(&mut self, text: &[u8]);
    /// Feeds everything that distinguishes two states of the chip into a hash (not [`Memory`], which the core hashes itself).
    fn hash_state(&self, hasher: &mut dyn core::hash::Hasher);
}
