//! Arithmetic, comparison and selection (A2.5, A7.7 VADD … VSUB).

use super::{Register, by, with_fp, with_registers};
use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::insn::{FpOp, FpUnary, Insn};
use crate::op::{Args, Flow, Op};
use crate::softfloat::{self, Double, Fpscr, Single, abs, neg};

/// `d`, `n`, `m` and FPSCR to the new `d`.
trait Binary {
    fn apply<F: Register>(d: u64, n: u64, m: u64, env: &mut Fpscr) -> u64;
}

/// Defines operations as types, so that each becomes a function of its own.
macro_rules! binary {
    ($($name:ident ($d:ident, $n:ident, $m:ident, $env:ident) = $body:expr;)*) => {$(
        struct $name;
        impl Binary for $name {
            #[inline(always)]
            fn apply<F: Register>($d: u64, $n: u64, $m: u64, $env: &mut Fpscr) -> u64 {
                $body
            }
        }
    )*};
}

binary! {
    Vadd(_d, n, m, env) = softfloat::add::<F>(n, m, env);
    Vsub(_d, n, m, env) = softfloat::sub::<F>(n, m, env);
    Vmul(_d, n, m, env) = softfloat::mul::<F>(n, m, env);
    Vnmul(_d, n, m, env) = neg::<F>(softfloat::mul::<F>(n, m, env));
    Vdiv(_d, n, m, env) = softfloat::div::<F>(n, m, env);
    Vmla(d, n, m, env) = softfloat::chained::<F>(d, n, m, false, false, env);
    Vmls(d, n, m, env) = softfloat::chained::<F>(d, n, m, false, true, env);
    Vnmla(d, n, m, env) = softfloat::chained::<F>(d, n, m, true, true, env);
    Vnmls(d, n, m, env) = softfloat::chained::<F>(d, n, m, true, false, env);
    Vfma(d, n, m, env) = softfloat::mul_add::<F>(d, n, m, env);
    Vfms(d, n, m, env) = softfloat::mul_add::<F>(d, neg::<F>(n), m, env);
    Vfnma(d, n, m, env) = softfloat::mul_add::<F>(neg::<F>(d), neg::<F>(n), m, env);
    Vfnms(d, n, m, env) = softfloat::mul_add::<F>(neg::<F>(d), n, m, env);
    Vmaxnm(_d, n, m, env) = softfloat::max_num::<F>(n, m, env);
    Vminnm(_d, n, m, env) = softfloat::min_num::<F>(n, m, env);
}

fn binary<B: Bus, F: Register, O: Binary>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let result = O::apply::<F>(F::get(fp, args.d), F::get(fp, args.n), F::get(fp, args.m), env);
        F::set(fp, args.d, result);
    })
}

fn abs_op<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, _| F::set(fp, args.d, abs::<F>(F::get(fp, args.m))))
}

fn neg_op<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, _| F::set(fp, args.d, neg::<F>(F::get(fp, args.m))))
}

fn move_op<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, _| F::set(fp, args.d, F::get(fp, args.m)))
}

fn sqrt_op<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let result = softfloat::sqrt::<F>(F::get(fp, args.m), env);
        F::set(fp, args.d, result);
    })
}

/// `imm`: bit 0 signals on quiet NaNs, bit 1 compares with zero.
fn compare<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let other = if args.imm & 2 != 0 { 0 } else { F::get(fp, args.m) };
        let nzcv = softfloat::compare::<F>(F::get(fp, args.d), other, args.imm & 1 != 0, env);
        env.set_nzcv(nzcv);
    })
}

/// `imm`: the condition.
fn select<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let chosen = if core.flags.passes(args.imm as u8) { args.n } else { args.m };
        let value = F::get(&core.fp, chosen);
        F::set(&mut core.fp, args.d, value);
        Ok(())
    })
}

/// The operations of this module.
pub(super) fn lower<B: Bus>(insn: &Insn, args: Args) -> Option<Op<B>> {
    let (run, args) = match *insn {
        Insn::Fp { op, precision, fd, fn_, fm } => {
            let (single, double) = binary_functions(op);
            (by(precision, single, double), Args { d: fd, n: fn_, m: fm, ..args })
        }
        Insn::FpUnary { op, precision, fd, fm } => {
            let (single, double): (Run<B>, Run<B>) = match op {
                FpUnary::Vmov => (move_op::<B, Single>, move_op::<B, Double>),
                FpUnary::Vabs => (abs_op::<B, Single>, abs_op::<B, Double>),
                FpUnary::Vneg => (neg_op::<B, Single>, neg_op::<B, Double>),
                FpUnary::Vsqrt => (sqrt_op::<B, Single>, sqrt_op::<B, Double>),
                FpUnary::Vrint(_) => return None,
            };
            (by(precision, single, double), Args { d: fd, m: fm, ..args })
        }
        Insn::FpCompare { precision, signal, fd, fm } => {
            let imm = u32::from(signal) | u32::from(fm.is_none()) << 1;
            let run = by(precision, compare::<B, Single>, compare::<B, Double>);
            (run, Args { d: fd, m: fm.unwrap_or(0), imm, ..args })
        }
        Insn::FpSelect { precision, cond, fd, fn_, fm } => {
            let run = by(precision, select::<B, Single>, select::<B, Double>);
            (run, Args { d: fd, n: fn_, m: fm, imm: u32::from(cond.0), ..args })
        }
        _ => return None,
    };
    Some(Op { run, args })
}

/// The functions of a two-operand operation, for single and for double.
fn binary_functions<B: Bus>(op: FpOp) -> (Run<B>, Run<B>) {
    macro_rules! table {
        ($($name:ident)*) => {
            match op {
                $(FpOp::$name => (binary::<B, Single, $name>, binary::<B, Double, $name>),)*
            }
        };
    }
    table!(Vadd Vsub Vmul Vnmul Vmla Vmls Vnmla Vnmls Vdiv Vfma Vfms Vfnma Vfnms Vmaxnm Vminnm)
}
