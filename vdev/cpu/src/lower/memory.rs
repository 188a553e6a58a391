//! Lowering of loads and stores.

use crate::bus::Bus;
use crate::exec::load_store::{self, AddressKind};
use crate::exec::{exclusive, multiple};
use crate::insn::{Address, Insn, Reg};
use crate::lower::{Lowered, literal_base, operand, target};
use crate::op::Args;

pub(super) fn lower<B: Bus>(insn: &Insn, pc: u32, args: Args) -> Lowered<B> {
    Some(match *insn {
        Insn::Load { width, rt, address: Address::Unprivileged { rn, offset } } => {
            let operands = Args { d: target(rt)?, n: operand(rn)?, imm: offset.into(), ..args };
            (load_store::select_load_unprivileged(width), operands)
        }
        Insn::Store { width, rt, address: Address::Unprivileged { rn, offset } } => {
            let operands = Args { d: operand(rt)?, n: operand(rn)?, imm: offset.into(), ..args };
            (load_store::select_store_unprivileged(width)?, operands)
        }
        Insn::Load { width, rt, address } => {
            let (kind, operands) = single_address(address, pc, args)?;
            (load_store::select_load(width, rt, kind)?, Args { d: rt, ..operands })
        }
        Insn::Store { width, rt, address } => {
            let (kind, operands) = single_address(address, pc, args)?;
            (load_store::select_store(width, kind)?, Args { d: operand(rt)?, ..operands })
        }
        Insn::LoadDual { rt, rt2, rn, offset, index, writeback, .. } => {
            let (kind, operands) = base_and_offset(rn, offset, index, writeback, pc, args)?;
            (load_store::select_load_dual(kind)?, Args { d: target(rt)?, a: target(rt2)?, ..operands })
        }
        Insn::StoreDual { rt, rt2, rn, offset, index, writeback, .. } => {
            let (kind, operands) = base_and_offset(rn, offset, index, writeback, pc, args)?;
            (load_store::select_store_dual(kind)?, Args { d: operand(rt)?, a: operand(rt2)?, ..operands })
        }
        Insn::LoadMultiple { rn, registers, writeback, before } => {
            if registers == 0 || registers & STACK_POINTER != 0 {
                return None;
            }
            // A loaded base wins over its update.
            let writeback = writeback && registers & 1_u16.wrapping_shl(rn.into()) == 0;
            let run = multiple::select_load(before, writeback, registers & PROGRAM_COUNTER != 0);
            (run, list(rn, registers, args)?)
        }
        Insn::StoreMultiple { rn, registers, writeback, before } => {
            if registers == 0 || registers & (STACK_POINTER | PROGRAM_COUNTER) != 0 {
                return None;
            }
            (multiple::select_store(before, writeback), list(rn, registers, args)?)
        }
        Insn::LoadExclusive { size, rt, rn, offset } => {
            let operands = Args { d: target(rt)?, n: operand(rn)?, imm: offset.into(), ..args };
            (exclusive::select_load(size), operands)
        }
        Insn::StoreExclusive { size, rd, rt, rn, offset } => {
            let operands =
                Args { d: target(rd)?, a: operand(rt)?, n: operand(rn)?, imm: offset.into(), ..args };
            (exclusive::select_store(size), operands)
        }
        _ => return None,
    })
}

const STACK_POINTER: u16 = 1 << 13;
const PROGRAM_COUNTER: u16 = 1 << 15;

fn list(rn: Reg, registers: u16, args: Args) -> Option<Args> {
    Some(Args { n: operand(rn)?, imm: registers.into(), imm2: registers.count_ones() * 4, ..args })
}

fn single_address(address: Address, pc: u32, args: Args) -> Option<(AddressKind, Args)> {
    match address {
        Address::Imm { rn, offset, index, writeback, .. } => {
            base_and_offset(operand(rn)?, offset, index, writeback, pc, args)
        }
        Address::Reg { rn, rm, shift } => {
            let kind = if shift == 0 { AddressKind::Index } else { AddressKind::IndexShifted };
            Some((kind, Args { n: operand(rn)?, m: operand(rm)?, imm: shift.into(), ..args }))
        }
        Address::Literal { offset, .. } => {
            Some((AddressKind::Literal, Args { imm: literal_base(pc).wrapping_add_signed(offset), ..args }))
        }
        Address::Unprivileged { .. } => None,
    }
}

/// `[rn, #offset]` in its three forms; with the PC as base it is a constant and cannot be updated.
fn base_and_offset(
    rn: Reg,
    offset: i32,
    index: bool,
    writeback: bool,
    pc: u32,
    args: Args,
) -> Option<(AddressKind, Args)> {
    if rn == 15 {
        let imm = literal_base(pc).wrapping_add_signed(offset);
        return (index && !writeback).then_some((AddressKind::Literal, Args { imm, ..args }));
    }
    let kind = match (index, writeback) {
        (true, false) => AddressKind::Offset,
        (true, true) => AddressKind::Pre,
        (false, _) => AddressKind::Post,
    };
    Some((kind, Args { n: rn, imm: offset as u32, ..args }))
}
