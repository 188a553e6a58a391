//! The executable form of an instruction: a function and its operands, made once by the lowering and run many times.

use crate::bus::Bus;
use crate::core::Core;

/// What an operation tells the block loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flow {
    /// Completed; go on with the next operation.
    Next,
    /// Completed; the program counter was set (`core.r[15]`).
    Branch,
    /// Completed; something outside the core may have changed (device access, mask or control register): leave the block and
    /// look at interrupts before the next instruction.
    Sync,
    /// As `Sync`, and the program counter was set.
    BranchSync,
    /// Not completed: the exception in `core.pending_fault` is taken with this instruction's address as return address.
    Fault,
    /// Completed: the exception in `core.pending_fault` (SVC) is taken with the next instruction as return address.
    Supervisor,
    /// Completed: an exception return to the value in `core.r[15]`, which the block loop carries out when time and instruction
    /// count are true again (it reads the stack, and the chip must see when).
    Return,
    /// Waiting for an interrupt (WFI) or an event (WFE).
    Sleep,
    /// The instruction is a breakpoint with halting debug or semihosting; not completed.
    Halt,
}

/// Operands of an operation. What they mean is between the lowering and the function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Args {
    /// Constant operand.
    pub imm: u32,
    /// Second constant operand.
    pub imm2: u32,
    /// Destination (or transfer) register.
    pub d: u8,
    /// First operand register.
    pub n: u8,
    /// Second operand register.
    pub m: u8,
    /// Third operand register.
    pub a: u8,
    /// ITSTATE in force for this instruction (0: not in an IT block).
    pub it: u8,
    /// Offset of the instruction from the block's first byte.
    pub offset: u16,
    /// Number of the instruction in its block.
    pub index: u8,
    /// 2 or 4.
    pub length: u8,
}

/// One operation.
pub struct Op<B: Bus> {
    /// Does it. Never called when the IT condition fails.
    pub run: fn(&mut Core<B>, &Args) -> Flow,
    /// With these operands.
    pub args: Args,
}

impl<B: Bus> Clone for Op<B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B: Bus> Copy for Op<B> {}
