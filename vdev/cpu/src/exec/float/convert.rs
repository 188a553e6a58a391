//! Conversions and VRINT (A7.7 VCVT, VCVTA …, VCVTB, VRINT).

use super::{Register, by, rounding, with_registers};
use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::insn::{CvtMode, FpUnary, Insn, Precision, RintMode};
use crate::op::{Args, Flow, Op};
use crate::softfloat::{self, Double, Rounding, Single};

/// Operand `a` for a rounding direction (see `ROUNDINGS` of the module above).
const fn rint_code(mode: RintMode) -> u8 {
    match mode {
        RintMode::A => 0,
        RintMode::N => 1,
        RintMode::P => 2,
        RintMode::M => 3,
        RintMode::Z => 4,
        RintMode::R | RintMode::X => 5,
    }
}

/// Operand `a` for a rounding direction.
const fn cvt_code(mode: CvtMode) -> u8 {
    match mode {
        CvtMode::A => 0,
        CvtMode::N => 1,
        CvtMode::P => 2,
        CvtMode::M => 3,
        CvtMode::Zero => 4,
        CvtMode::Fpscr => 5,
    }
}

/// `imm`: 1 raises inexact.
fn rint<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let mode = rounding(args, env);
        let result = softfloat::round_to_integral::<F>(F::get(fp, args.m), mode, args.imm != 0, env);
        F::set(fp, args.d, result);
    })
}

fn to_single<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let result = softfloat::double_to_single(fp.double(args.m), env);
        fp.set_single(args.d, result as u32);
    })
}

fn to_double<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let result = softfloat::single_to_double(u64::from(fp.single(args.m)), env);
        fp.set_double(args.d, result);
    })
}

/// `imm`: 16 for the top half of the S register, else 0. The other half stays.
fn to_half<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let result = softfloat::to_half::<F>(F::get(fp, args.m), env) as u32 & 0xFFFF;
        let kept = fp.single(args.d) & (0xFFFF_0000 >> (args.imm & 16));
        fp.set_single(args.d, kept | (result << (args.imm & 16)));
    })
}

/// `imm` as for [`to_half`].
fn from_half<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let half = (fp.single(args.m) >> (args.imm & 16)) & 0xFFFF;
        let result = softfloat::from_half::<F>(u64::from(half), env);
        F::set(fp, args.d, result);
    })
}

/// `imm`: 1 for signed.
fn to_int<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let mode = rounding(args, env);
        let result = softfloat::to_fixed::<F>(F::get(fp, args.m), 32, 0, args.imm != 0, mode, env);
        fp.set_single(args.d, result as u32);
    })
}

/// `imm`: 1 for signed.
fn from_int<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let source = u64::from(fp.single(args.m));
        let result = softfloat::from_fixed::<F>(source, 32, 0, args.imm != 0, env.rounding(), env);
        F::set(fp, args.d, result);
    })
}

/// `imm`: 1 for signed; `imm2`: fraction bits; `n`: size. Rounds towards zero; the result is extended to the register.
fn to_fixed<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let (size, signed) = (u32::from(args.n), args.imm != 0);
        let source = F::get(fp, args.d);
        let result = softfloat::to_fixed::<F>(source, size, args.imm2, signed, Rounding::Zero, env);
        F::set(fp, args.d, result);
    })
}

/// Operands as for [`to_fixed`]. Rounds to nearest whatever FPSCR says.
fn from_fixed<B: Bus, F: Register>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, env| {
        let (size, signed) = (u32::from(args.n), args.imm != 0);
        let source = F::get(fp, args.d);
        let result = softfloat::from_fixed::<F>(source, size, args.imm2, signed, Rounding::NearestEven, env);
        F::set(fp, args.d, result);
    })
}

/// The operations of this module.
pub(super) fn lower<B: Bus>(insn: &Insn, args: Args) -> Option<Op<B>> {
    let (run, args): (Run<B>, Args) = match *insn {
        Insn::FpUnary { op: FpUnary::Vrint(mode), precision, fd, fm } => {
            let exact = u32::from(mode == RintMode::X);
            let run = by(precision, rint::<B, Single>, rint::<B, Double>);
            (run, Args { d: fd, m: fm, a: rint_code(mode), imm: exact, ..args })
        }
        Insn::FpConvertPrecision { to, fd, fm } => {
            let run: Run<B> = match to {
                Precision::Single => to_single,
                Precision::Double => to_double,
            };
            (run, Args { d: fd, m: fm, ..args })
        }
        Insn::FpConvertHalf { precision, to_half: true, top, fd, fm } => {
            let run = by(precision, to_half::<B, Single>, to_half::<B, Double>);
            (run, Args { d: fd, m: fm, imm: u32::from(top) * 16, ..args })
        }
        Insn::FpConvertHalf { precision, to_half: false, top, fd, fm } => {
            let run = by(precision, from_half::<B, Single>, from_half::<B, Double>);
            (run, Args { d: fd, m: fm, imm: u32::from(top) * 16, ..args })
        }
        Insn::FpToInt { precision, signed, mode, fd, fm } => {
            let run = by(precision, to_int::<B, Single>, to_int::<B, Double>);
            (run, Args { d: fd, m: fm, a: cvt_code(mode), imm: u32::from(signed), ..args })
        }
        Insn::FpFromInt { precision, signed, fd, fm } => {
            let run = by(precision, from_int::<B, Single>, from_int::<B, Double>);
            (run, Args { d: fd, m: fm, imm: u32::from(signed), ..args })
        }
        Insn::FpFixed { precision, to_fixed: to, signed, size, frac, fd } => {
            let run = if to {
                by(precision, to_fixed::<B, Single>, to_fixed::<B, Double>)
            } else {
                by(precision, from_fixed::<B, Single>, from_fixed::<B, Double>)
            };
            // 16 and 32 are the only sizes; anything else would be a shift out of range further down.
            let size = if size == 16 { 16 } else { 32 };
            (run, Args { d: fd, n: size, imm: u32::from(signed), imm2: u32::from(frac), ..args })
        }
        _ => return None,
    };
    Some(Op { run, args })
}
