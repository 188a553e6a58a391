//! From the bytes of one instruction to its operation, and what the block builder must know about it.

use crate::bus::Bus;
use crate::core::Core;
use crate::decode;
use crate::insn::{Address, Insn, Operand};
use crate::lower::lower;
use crate::op::{Args, Op};

/// Decodes and lowers one instruction. Returns the operation, the IT state behind it, and whether it ends a block.
pub(crate) fn translate<B: Bus>(first: u16, second: u16, pc: u32, args: Args) -> (Op<B>, u8, bool) {
    let in_it = args.it & 0xF != 0;
    let decoded = decode::decode(first, second, in_it);
    let op = lower::<B>(&decoded.insn, pc, Args { length: decoded.length, ..args });
    let next_it = match decoded.insn {
        Insn::It { first, mask } => (first.0 << 4) | (mask & 0xF),
        _ => Core::<B>::it_advance(args.it),
    };
    (op, next_it, ends_block(&decoded.insn))
}

/// Whether nothing behind this instruction is reached by falling through it (or only rarely).
fn ends_block(insn: &Insn) -> bool {
    match *insn {
        Insn::Branch { .. }
        | Insn::BranchLink { .. }
        | Insn::Bx { .. }
        | Insn::Blx { .. }
        | Insn::CompareBranch { .. }
        | Insn::TableBranch { .. }
        | Insn::Svc { .. }
        | Insn::Bkpt { .. }
        | Insn::Udf { .. }
        | Insn::Undefined { .. }
        | Insn::Barrier { .. } => true,
        Insn::LoadMultiple { registers, .. } => registers & 0x8000 != 0,
        Insn::Load {
            rt,
            address: Address::Imm { .. } | Address::Reg { .. } | Address::Literal { .. },
            ..
        } => rt == 15,
        Insn::Dp { rd: 15, src: Operand::Reg { .. }, .. } => true,
        _ => false,
    }
}
