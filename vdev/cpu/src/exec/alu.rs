//! Data processing with two operands (A7.7: AND to MVN, ADD to RSB, and the comparisons).
//!
//! One function, [`run`], over operation × second operand × destination × flags; [`select`] names the instance.

use crate::bus::Bus;
use crate::core::{Core, Flags};
use crate::exec::Run;
use crate::exec::shift::{Asr, Imm, ImmCarry, Lsl, Lsr, Plain, Ror, Rrx, Source, SourceKind};
use crate::insn::DpOp;
use crate::op::{Args, Flow};

/// AddWithCarry (A2.2.1): sum, carry out, signed overflow.
#[inline(always)]
pub(crate) fn add_with_carry(x: u32, y: u32, carry: bool) -> (u32, bool, bool) {
    let (sum, carry) = x.carrying_add(y, carry);
    (sum, carry, (((x ^ sum) & (y ^ sum)) as i32) < 0)
}

/// `x - y - borrow` as AddWithCarry(x, NOT y, NOT borrow) defines it: difference, carry (no borrow), signed overflow.
#[inline(always)]
pub(crate) fn subtract_with_borrow(x: u32, y: u32, borrow: bool) -> (u32, bool, bool) {
    let (difference, borrow) = x.borrowing_sub(y, borrow);
    (difference, !borrow, (((x ^ y) & (x ^ difference)) as i32) < 0)
}

/// An operation on `rn` and the second operand.
pub(crate) trait Alu {
    /// The result; `carry` is the carry flag.
    fn plain(n: u32, operand: u32, carry: bool) -> u32;
    /// The result, with flags set. `shifter_carry` is the carry of the second operand, which only logical operations use.
    fn flagged(flags: &mut Flags, n: u32, operand: u32, shifter_carry: bool) -> u32;
}

macro_rules! logical {
    ($($name:ident = |$n:pat_param, $operand:ident| $result:expr;)*) => {$(
        pub(crate) struct $name;
        impl Alu for $name {
            #[inline(always)]
            fn plain($n: u32, $operand: u32, _: bool) -> u32 {
                $result
            }
            #[inline(always)]
            fn flagged(flags: &mut Flags, n: u32, operand: u32, shifter_carry: bool) -> u32 {
                let result = Self::plain(n, operand, false);
                flags.set_nz(result);
                flags.c = shifter_carry;
                result
            }
        }
    )*};
}

logical! {
    And = |n, operand| n & operand;
    Bic = |n, operand| n & !operand;
    Orr = |n, operand| n | operand;
    Orn = |n, operand| n | !operand;
    Eor = |n, operand| n ^ operand;
    Mov = |_, operand| operand;
    Mvn = |_, operand| !operand;
}

macro_rules! arithmetic {
    ($($name:ident = |$n:ident, $operand:ident, $carry:pat_param| $result:expr;)*) => {$(
        pub(crate) struct $name;
        impl Alu for $name {
            #[inline(always)]
            fn plain($n: u32, $operand: u32, $carry: bool) -> u32 {
                $result.0
            }
            #[inline(always)]
            fn flagged(flags: &mut Flags, $n: u32, $operand: u32, _: bool) -> u32 {
                let $carry = flags.c;
                let (result, carry, overflow) = $result;
                flags.set_nz(result);
                flags.c = carry;
                flags.v = overflow;
                result
            }
        }
    )*};
}

arithmetic! {
    Add = |n, operand, _| add_with_carry(n, operand, false);
    Adc = |n, operand, carry| add_with_carry(n, operand, carry);
    Sub = |n, operand, _| subtract_with_borrow(n, operand, false);
    Sbc = |n, operand, carry| subtract_with_borrow(n, operand, !carry);
    Rsb = |n, operand, _| subtract_with_borrow(operand, n, false);
}

/// Where a result goes.
pub(crate) trait Destination {
    fn write<B: Bus>(core: &mut Core<B>, args: &Args, result: u32) -> Flow;
}

/// `args.d`, neither SP nor PC.
pub(crate) struct Register;
/// SP.
pub(crate) struct StackPointer;
/// PC: a jump without change of state (ALUWritePC).
pub(crate) struct ProgramCounter;
/// Nowhere: only the flags count.
pub(crate) struct Discard;

impl Destination for Register {
    #[inline(always)]
    fn write<B: Bus>(core: &mut Core<B>, args: &Args, result: u32) -> Flow {
        core.set(args.d, result);
        Flow::Next
    }
}
impl Destination for StackPointer {
    #[inline(always)]
    fn write<B: Bus>(core: &mut Core<B>, _: &Args, result: u32) -> Flow {
        core.set_or_sp(13, result);
        Flow::Next
    }
}
impl Destination for ProgramCounter {
    #[inline(always)]
    fn write<B: Bus>(core: &mut Core<B>, _: &Args, result: u32) -> Flow {
        core.branch(result)
    }
}
impl Destination for Discard {
    #[inline(always)]
    fn write<B: Bus>(_: &mut Core<B>, _: &Args, _: u32) -> Flow {
        Flow::Next
    }
}

/// `d = n operation operand`.
fn run<B: Bus, O: Alu, S: Source, D: Destination, const FLAGS: bool>(
    core: &mut Core<B>,
    args: &Args,
) -> Flow {
    let n = core.reg(args.n);
    let operand = S::value(core, args);
    let result = if FLAGS {
        let shifter_carry = S::carry(core, args);
        O::flagged(&mut core.flags, n, operand, shifter_carry)
    } else {
        O::plain(n, operand, core.flags.c)
    };
    D::write(core, args, result)
}

fn with_source<B: Bus, O: Alu, D: Destination, const FLAGS: bool>(source: SourceKind) -> Run<B> {
    match source {
        SourceKind::Imm => run::<B, O, Imm, D, FLAGS>,
        SourceKind::ImmCarry => run::<B, O, ImmCarry, D, FLAGS>,
        SourceKind::Plain => run::<B, O, Plain, D, FLAGS>,
        SourceKind::Lsl => run::<B, O, Lsl, D, FLAGS>,
        SourceKind::Lsr => run::<B, O, Lsr, D, FLAGS>,
        SourceKind::Asr => run::<B, O, Asr, D, FLAGS>,
        SourceKind::Ror => run::<B, O, Ror, D, FLAGS>,
        SourceKind::Rrx => run::<B, O, Rrx, D, FLAGS>,
    }
}

fn into_register<B: Bus, const FLAGS: bool>(op: DpOp, source: SourceKind) -> Run<B> {
    match op {
        DpOp::And => with_source::<B, And, Register, FLAGS>(source),
        DpOp::Bic => with_source::<B, Bic, Register, FLAGS>(source),
        DpOp::Orr => with_source::<B, Orr, Register, FLAGS>(source),
        DpOp::Orn => with_source::<B, Orn, Register, FLAGS>(source),
        DpOp::Eor => with_source::<B, Eor, Register, FLAGS>(source),
        DpOp::Add => with_source::<B, Add, Register, FLAGS>(source),
        DpOp::Adc => with_source::<B, Adc, Register, FLAGS>(source),
        DpOp::Sub => with_source::<B, Sub, Register, FLAGS>(source),
        DpOp::Sbc => with_source::<B, Sbc, Register, FLAGS>(source),
        DpOp::Rsb => with_source::<B, Rsb, Register, FLAGS>(source),
        DpOp::Mov => with_source::<B, Mov, Register, FLAGS>(source),
        DpOp::Mvn => with_source::<B, Mvn, Register, FLAGS>(source),
        DpOp::Tst => with_source::<B, And, Discard, true>(source),
        DpOp::Teq => with_source::<B, Eor, Discard, true>(source),
        DpOp::Cmp => with_source::<B, Sub, Discard, true>(source),
        DpOp::Cmn => with_source::<B, Add, Discard, true>(source),
    }
}

fn into_stack_pointer<B: Bus, const FLAGS: bool>(op: DpOp, source: SourceKind) -> Option<Run<B>> {
    match op {
        DpOp::Add => Some(with_source::<B, Add, StackPointer, FLAGS>(source)),
        DpOp::Sub => Some(with_source::<B, Sub, StackPointer, FLAGS>(source)),
        DpOp::Mov => Some(with_source::<B, Mov, StackPointer, FLAGS>(source)),
        _ => None,
    }
}

/// Whether an operation only sets flags.
pub(crate) fn is_comparison(op: DpOp) -> bool {
    matches!(op, DpOp::Tst | DpOp::Teq | DpOp::Cmp | DpOp::Cmn)
}

/// The function for an operation into `rd`. None where the manual says UNPREDICTABLE: only ADD, SUB and MOV may write SP,
/// only ADD and MOV without flags may write PC.
pub(crate) fn select<B: Bus>(op: DpOp, flags: bool, rd: u8, source: SourceKind) -> Option<Run<B>> {
    match (rd, flags, op) {
        _ if is_comparison(op) => Some(into_register::<B, true>(op, source)),
        (13, true, _) => into_stack_pointer::<B, true>(op, source),
        (13, false, _) => into_stack_pointer::<B, false>(op, source),
        (15, false, DpOp::Add) => Some(with_source::<B, Add, ProgramCounter, false>(source)),
        (15, false, DpOp::Mov) => Some(with_source::<B, Mov, ProgramCounter, false>(source)),
        (15, ..) => None,
        (_, true, _) => Some(into_register::<B, true>(op, source)),
        (_, false, _) => Some(into_register::<B, false>(op, source)),
    }
}
