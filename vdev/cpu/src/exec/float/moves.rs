//! Transfers that compute nothing: between floating-point and core registers, constants, FPSCR (A7.7 VMOV, VMRS, VMSR).

use super::{read_core, with_fp, with_registers, write_core};
use crate::bus::Bus;
use crate::core::Core;
use crate::exec::Run;
use crate::insn::{Insn, Precision};
use crate::op::{Args, Flow, Op};
use crate::softfloat::Fpscr;

/// `imm`: the value.
fn constant_single<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, _| fp.set_single(args.d, args.imm))
}

/// `imm`, `imm2`: the value's low and high word.
fn constant_double<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_registers(core, args, |fp, _| {
        fp.set_double(args.d, u64::from(args.imm) | u64::from(args.imm2) << 32);
    })
}

/// `d`: core register, `n`: S register.
fn to_core<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        write_core(core, args.d, core.fp.single(args.n));
        Ok(())
    })
}

/// `d`: core register, `n`: S register.
fn from_core<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let value = read_core(core, args, args.d);
        core.fp.set_single(args.n, value);
        Ok(())
    })
}

/// `d`, `a`: core registers, `n`, `m`: S registers. Both S registers are read before a core register is written.
fn to_core2<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let (low, high) = (core.fp.single(args.n), core.fp.single(args.m));
        write_core(core, args.d, low);
        write_core(core, args.a, high);
        Ok(())
    })
}

/// Operands as for [`to_core2`].
fn from_core2<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        let (low, high) = (read_core(core, args, args.d), read_core(core, args, args.a));
        core.fp.set_single(args.n, low);
        core.fp.set_single(args.m, high);
        Ok(())
    })
}

fn vmrs<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        write_core(core, args.d, core.fp.fpscr);
        Ok(())
    })
}

fn vmrs_flags<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        core.flags.set_nzcv(core.fp.fpscr);
        Ok(())
    })
}

fn vmsr<B: Bus>(core: &mut Core<B>, args: &Args) -> Flow {
    with_fp(core, args, |core| {
        core.fp.fpscr = read_core(core, args, args.d) & Fpscr::MASK;
        Ok(())
    })
}

/// The operations of this module.
pub(super) fn lower<B: Bus>(insn: &Insn, args: Args) -> Option<Op<B>> {
    let (run, args): (Run<B>, Args) = match *insn {
        Insn::FpImm { precision, fd, value, .. } => {
            let run: Run<B> = match precision {
                Precision::Single => constant_single,
                Precision::Double => constant_double,
            };
            (run, Args { d: fd, imm: value as u32, imm2: (value >> 32) as u32, ..args })
        }
        Insn::FpMoveCore { to_core: to, rt, fn_ } => {
            (if to { to_core } else { from_core }, Args { d: rt, n: fn_, ..args })
        }
        Insn::FpMoveScalar { to_core: to, rt, fd, high } => {
            // Half of a D register is an S register.
            let n = (fd & 15) * 2 + u8::from(high);
            (if to { to_core } else { from_core }, Args { d: rt, n, ..args })
        }
        Insn::FpMoveCore2 { precision, to_core: to, rt, rt2, fm } => {
            let n = match precision {
                Precision::Single => fm & 31,
                Precision::Double => (fm & 15) * 2,
            };
            (if to { to_core2 } else { from_core2 }, Args { d: rt, a: rt2, n, m: n + 1, ..args })
        }
        Insn::Vmrs { rt: 15 } => (vmrs_flags, args),
        Insn::Vmrs { rt } => (vmrs, Args { d: rt, ..args }),
        Insn::Vmsr { rt } => (vmsr, Args { d: rt, ..args }),
        _ => return None,
    };
    Some(Op { run, args })
}
