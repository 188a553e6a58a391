//! Execution of the floating-point instructions: registers, memory and FPSCR around the arithmetic of [`crate::softfloat`].
//!
//! Every operation first asks [`Core::fp_access`]: the coprocessor may be closed (UsageFault NOCP), lazy stacking may be due.
//! Nothing is read or written before that.

mod arith;
mod convert;
mod memory;
mod moves;
#[cfg(test)]
mod tests;

use crate::bus::Bus;
use crate::core::{Core, Fault, FpRegs};
use crate::exec::Run;
use crate::insn::{Insn, Precision};
use crate::op::{Args, Flow, Op};
use crate::softfloat::{Double, Format, Fpscr, Rounding, Single};

/// The executable form of a floating-point instruction (`Fp*`, `Vmrs`, `Vmsr`); `args` brings position and ITSTATE. Any other
/// instruction becomes an undefined one.
pub fn lower<B: Bus>(insn: &Insn, args: Args) -> Op<B> {
    arith::lower(insn, args)
        .or_else(|| convert::lower(insn, args))
        .or_else(|| moves::lower(insn, args))
        .or_else(|| memory::lower(insn, args))
        .unwrap_or(Op { run: |core, _| core.raise(Fault::Undefined), args })
}

/// A format that has registers: S or D.
trait Register: Format {
    fn get(fp: &FpRegs, n: u8) -> u64;
    fn set(fp: &mut FpRegs, n: u8, value: u64);
}

impl Register for Single {
    #[inline(always)]
    fn get(fp: &FpRegs, n: u8) -> u64 {
        u64::from(fp.single(n))
    }
    #[inline(always)]
    fn set(fp: &mut FpRegs, n: u8, value: u64) {
        fp.set_single(n, value as u32);
    }
}

impl Register for Double {
    #[inline(always)]
    fn get(fp: &FpRegs, n: u8) -> u64 {
        fp.double(n)
    }
    #[inline(always)]
    fn set(fp: &mut FpRegs, n: u8, value: u64) {
        fp.set_double(n, value);
    }
}

/// Runs `body` once the floating-point unit may be used.
#[inline(always)]
fn with_fp<B: Bus>(
    core: &mut Core<B>,
    args: &Args,
    body: impl FnOnce(&mut Core<B>) -> Result<(), Flow>,
) -> Flow {
    match core.fp_access(args).and_then(|()| body(core)) {
        Ok(()) => core.done(),
        Err(flow) => flow,
    }
}

/// Runs `body` on registers and FPSCR once the floating-point unit may be used.
#[inline(always)]
fn with_registers<B: Bus>(
    core: &mut Core<B>,
    args: &Args,
    body: impl FnOnce(&mut FpRegs, &mut Fpscr),
) -> Flow {
    with_fp(core, args, |core| {
        let mut env = Fpscr(core.fp.fpscr);
        body(&mut core.fp, &mut env);
        core.fp.fpscr = env.0;
        Ok(())
    })
}

/// The function for the precision.
fn by<B: Bus>(precision: Precision, single: Run<B>, double: Run<B>) -> Run<B> {
    match precision {
        Precision::Single => single,
        Precision::Double => double,
    }
}

/// Rounding directions as operands: the place in this table; the number after it means "by FPSCR".
const ROUNDINGS: [Rounding; 5] =
    [Rounding::NearestAway, Rounding::NearestEven, Rounding::Up, Rounding::Down, Rounding::Zero];

/// The direction that operand `a` chose.
#[inline(always)]
fn rounding(args: &Args, env: &Fpscr) -> Rounding {
    ROUNDINGS.get(usize::from(args.a)).copied().unwrap_or(env.rounding())
}

/// A core register as operand. The PC reads as the instruction's address plus 4.
#[inline(always)]
fn read_core<B: Bus>(core: &Core<B>, args: &Args, n: u8) -> u32 {
    if n == 15 { core.pc_of(args).wrapping_add(4) } else { core.reg(n) }
}

/// Sets a core register. Transfers to the PC are UNPREDICTABLE in every encoding: here they have no effect, so that the block
/// loop alone moves the PC.
#[inline(always)]
fn write_core<B: Bus>(core: &mut Core<B>, n: u8, value: u32) {
    if n != 15 {
        core.set_or_sp(n, value);
    }
}
