//! Lowering of everything that computes on registers alone.

use crate::bus::Bus;
use crate::exec::shift::{Asr, Lsl, Plain, SourceKind};
use crate::exec::{Run, alu, bits, multiply, shift, simd};
use crate::insn::{DpOp, Insn, MulOp, Operand, Reg, Shift, ShiftKind};
use crate::lower::{Lowered, literal_base, operand, pc_value, target};
use crate::op::Args;

pub(super) fn lower<B: Bus>(insn: &Insn, pc: u32, args: Args) -> Lowered<B> {
    Some(match *insn {
        Insn::Dp { op, setflags, rd, rn, src, .. } => {
            return two_operands(op, setflags, rd, rn, src, pc, args);
        }
        Insn::ShiftReg { kind, setflags, rd, rn, rm } => (
            shift::select(kind, setflags)?,
            Args { d: target(rd)?, n: operand(rn)?, m: operand(rm)?, ..args },
        ),
        Insn::Movw { rd, imm } => return constant(rd, imm.into(), args),
        Insn::Movt { rd, imm } => {
            (bits::move_top::<B> as Run<B>, Args { d: target(rd)?, imm: u32::from(imm) << 16, ..args })
        }
        Insn::Adr { rd, offset, .. } => {
            return constant(rd, literal_base(pc).wrapping_add_signed(offset), args);
        }
        Insn::Mul { op, setflags, rd, rn, rm, ra } => {
            return multiplication(op, setflags, [rd, rn, rm, ra], args);
        }
        Insn::Parallel { kind, op, rd, rn, rm } => {
            (simd::select_parallel(kind, op), three(rd, rn, rm, args)?)
        }
        Insn::Sat2 { op, rd, rn, rm } => (simd::select_saturating(op), three(rd, rn, rm, args)?),
        Insn::Sel { rd, rn, rm } => (simd::select_bytes::<B>, three(rd, rn, rm, args)?),
        Insn::Saturate { signed, rd, bits, rn, shift: Shift { kind, amount } } => {
            let run = simd::select_saturate(signed, kind, amount)?;
            let imm = amount.into();
            (run, Args { d: target(rd)?, m: operand(rn)?, imm, imm2: bits.into(), ..args })
        }
        Insn::Saturate16 { signed, rd, bits, rn } => {
            let run =
                if signed { simd::saturate_halves::<B, true> } else { simd::saturate_halves::<B, false> };
            (run, Args { d: target(rd)?, n: operand(rn)?, imm2: bits.into(), ..args })
        }
        Insn::Extend { op, rd, rn, rm, rotation } => {
            let operands = Args { d: target(rd)?, n: rn, m: operand(rm)?, imm: rotation.into(), ..args };
            (bits::select_extend(op, rn != 15), operands)
        }
        Insn::Pkh { top, rd, rn, rm, shift: Shift { kind, amount } } => {
            let run = match (top, kind, amount) {
                (false, ShiftKind::Lsl, 0) => bits::pack::<B, Plain, false>,
                (false, ShiftKind::Lsl, _) => bits::pack::<B, Lsl, false>,
                (true, ShiftKind::Asr, _) => bits::pack::<B, Asr, true>,
                _ => return None,
            };
            (run, Args { imm: amount.into(), ..three(rd, rn, rm, args)? })
        }
        Insn::Unary { op, rd, rm } => {
            (bits::select_unary(op), Args { d: target(rd)?, m: operand(rm)?, ..args })
        }
        Insn::Bfi { rd, rn, lsb, width } => {
            let mask = field_mask(width)?.wrapping_shl(lsb.into());
            (bits::insert::<B>, Args { d: target(rd)?, n: operand(rn)?, imm: mask, imm2: lsb.into(), ..args })
        }
        Insn::Bfc { rd, lsb, width } => {
            let keep = Operand::Imm { value: !field_mask(width)?.wrapping_shl(lsb.into()), carry: None };
            return two_operands(DpOp::And, false, rd, rd, keep, pc, args);
        }
        Insn::Bfx { signed, rd, rn, lsb, width } => {
            let mask = field_mask(width)?;
            let above = 32_u32.checked_sub(u32::from(lsb) + u32::from(width))?;
            let operands = Args { d: target(rd)?, n: operand(rn)?, ..args };
            if signed {
                let down = 32 - u32::from(width);
                (bits::extract_signed::<B>, Args { imm: above, imm2: down, ..operands })
            } else {
                (bits::extract_unsigned::<B>, Args { imm: lsb.into(), imm2: mask, ..operands })
            }
        }
        _ => return None,
    })
}

fn three(rd: Reg, rn: Reg, rm: Reg, args: Args) -> Option<Args> {
    Some(Args { d: target(rd)?, n: operand(rn)?, m: operand(rm)?, ..args })
}

/// The low `width` bits, 1 to 32 of them.
fn field_mask(width: u8) -> Option<u32> {
    u32::MAX.checked_shr(32_u32.checked_sub(width.into())?)
}

/// `rd = value`.
fn constant<B: Bus>(rd: Reg, value: u32, args: Args) -> Lowered<B> {
    let run = alu::select(DpOp::Mov, false, target(rd)?, SourceKind::Imm)?;
    Some((run, Args { d: rd, imm: value, ..args }))
}

/// Data processing. The PC as an operand is a constant here: `MOV Rd, PC`, `ADD Rd, PC`, `ADD PC, Rm`.
fn two_operands<B: Bus>(
    op: DpOp,
    setflags: bool,
    rd: Reg,
    rn: Reg,
    src: Operand,
    pc: u32,
    args: Args,
) -> Lowered<B> {
    let (rn, src) = match (op, rn, src) {
        (DpOp::Add, 15, Operand::Reg { rm, shift: Shift::NONE }) => {
            (rm, Operand::Imm { value: pc_value(pc), carry: None })
        }
        (_, _, Operand::Reg { rm: 15, shift: Shift::NONE }) => {
            (rn, Operand::Imm { value: pc_value(pc), carry: None })
        }
        _ => (rn, src),
    };
    let n = if matches!(op, DpOp::Mov | DpOp::Mvn) { 0 } else { operand(rn)? };
    let (source, operands) = match src {
        Operand::Imm { value, carry: Some(carry) } if setflags || alu::is_comparison(op) => {
            (SourceKind::ImmCarry, Args { imm: value, imm2: carry.into(), ..args })
        }
        Operand::Imm { value, .. } => (SourceKind::Imm, Args { imm: value, ..args }),
        Operand::Reg { rm, shift } => {
            (source_kind(shift), Args { m: operand(rm)?, imm: shift.amount.into(), ..args })
        }
    };
    Some((alu::select(op, setflags, rd, source)?, Args { d: rd, n, ..operands }))
}

fn source_kind(shift: Shift) -> SourceKind {
    match (shift.kind, shift.amount) {
        (ShiftKind::Rrx, _) => SourceKind::Rrx,
        (_, 0) => SourceKind::Plain,
        (ShiftKind::Lsl, _) => SourceKind::Lsl,
        (ShiftKind::Lsr, _) => SourceKind::Lsr,
        (ShiftKind::Asr, _) => SourceKind::Asr,
        (ShiftKind::Ror, _) => SourceKind::Ror,
    }
}

fn multiplication<B: Bus>(op: MulOp, setflags: bool, [rd, rn, rm, ra]: [Reg; 4], args: Args) -> Lowered<B> {
    let a = if multiply::is_long(op) {
        // The same register twice would make the result depend on the order of the writes.
        target(ra).filter(|&ra| ra != rd)?
    } else if multiply::accumulates(op) {
        operand(ra)?
    } else {
        0
    };
    let (run, imm) = multiply::select(op, setflags);
    Some((run, Args { a, imm, ..three(rd, rn, rm, args)? }))
}
