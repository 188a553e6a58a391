//! What an instruction does to registers and memory, as far as a generator must know it to keep a batch in its sandbox.

use ironroot_cpu::insn::{Address, DpOp, ExclusiveSize, Hint, Insn, Precision, Width};

/// The kinds of instruction that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Data processing: arithmetic, logic, moves, shifts, bit fields, flags.
    Data,
    /// Multiplication and division.
    Multiply,
    /// Saturating, parallel, packing and extending instructions.
    Saturating,
    /// Loads and stores, integer and floating-point.
    LoadStore,
    /// Floating point, single precision and half.
    Single,
    /// Floating point, double precision.
    Double,
    /// Branches.
    Branch,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 7] = [
        Class::Data,
        Class::Multiply,
        Class::Saturating,
        Class::LoadStore,
        Class::Single,
        Class::Double,
        Class::Branch,
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Class::Data => "data processing",
            Class::Multiply => "multiply",
            Class::Saturating => "saturating/SIMD",
            Class::LoadStore => "load/store",
            Class::Single => "float single",
            Class::Double => "float double",
            Class::Branch => "branch",
        }
    }
}

/// A memory access by base and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Base register (15: literal).
    pub base: u8,
    /// Index register, and the shift of it.
    pub index: Option<(u8, u8)>,
    /// First byte from the base.
    pub offset: i32,
    /// Bytes.
    pub length: u32,
    /// What writeback adds to the base (None: no writeback).
    pub writeback: Option<i32>,
    /// A store that depends on the exclusive monitor.
    pub store_exclusive: bool,
}

/// What matters of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Its class.
    pub class: Class,
    /// Core registers it writes to, base writeback not included.
    pub writes: u16,
    /// Its access, if any.
    pub memory: Option<Memory>,
}

fn simple(class: Class, rd: u8) -> Option<Effects> {
    Some(Effects { class, writes: 1 << (rd & 15), memory: None })
}

fn none(class: Class) -> Option<Effects> {
    Some(Effects { class, writes: 0, memory: None })
}

fn float(precision: Precision, writes: u16) -> Option<Effects> {
    let class = if precision == Precision::Single { Class::Single } else { Class::Double };
    Some(Effects { class, writes, memory: None })
}

fn access(writes: u16, memory: Memory) -> Option<Effects> {
    Some(Effects { class: Class::LoadStore, writes, memory: Some(memory) })
}

fn width(width: Width) -> u32 {
    match width {
        Width::Word => 4,
        Width::Half | Width::SignedHalf => 2,
        Width::Byte | Width::SignedByte => 1,
    }
}

fn bytes(precision: Precision) -> u32 {
    if precision == Precision::Single { 4 } else { 8 }
}

fn addressed(address: Address, length: u32) -> Memory {
    let at = |base, offset| block_at(base, offset, length);
    match address {
        Address::Imm { rn, offset, index, writeback, .. } => {
            Memory { writeback: writeback.then_some(offset), ..at(rn, if index { offset } else { 0 }) }
        }
        Address::Reg { rn, rm, shift } => Memory { index: Some((rm, shift)), ..at(rn, 0) },
        Address::Literal { offset, .. } => at(15, offset),
        Address::Unprivileged { rn, offset } => at(rn, i32::from(offset)),
    }
}

/// The effects of an instruction that may be part of a batch; None for one that may not.
pub fn effects(insn: &Insn) -> Option<Effects> {
    let block = |rn: u8, length: u32, writeback: bool, before: bool| Memory {
        base: rn,
        index: None,
        offset: if before { -(length as i32) } else { 0 },
        length,
        writeback: writeback.then_some(if before { -(length as i32) } else { length as i32 }),
        store_exclusive: false,
    };
    match *insn {
        Insn::Dp { op: DpOp::Tst | DpOp::Teq | DpOp::Cmp | DpOp::Cmn, .. } => none(Class::Data),
        Insn::Dp { rd, .. }
        | Insn::ShiftReg { rd, .. }
        | Insn::Movw { rd, .. }
        | Insn::Movt { rd, .. }
        | Insn::Adr { rd, .. }
        | Insn::Unary { rd, .. }
        | Insn::Bfi { rd, .. }
        | Insn::Bfc { rd, .. }
        | Insn::Bfx { rd, .. } => simple(Class::Data, rd),
        // The flags, MSP, PSP and the masks read the same on both sides; only the flags may be written.
        Insn::Mrs { rd, .. } => simple(Class::Data, rd),
        Insn::Msr { sysm: 0..=3, .. } => none(Class::Data),
        Insn::Hint(Hint::Nop | Hint::Yield | Hint::Sev | Hint::Dbg(_) | Hint::Reserved(_))
        | Insn::Barrier { .. } => none(Class::Data),
        Insn::Mul { op, rd, ra, .. } => {
            use ironroot_cpu::insn::MulOp as M;
            let long = matches!(
                op,
                M::Umull
                    | M::Smull
                    | M::Umlal
                    | M::Smlal
                    | M::Umaal
                    | M::Smlalxy { .. }
                    | M::Smlald { .. }
                    | M::Smlsld { .. }
            );
            let low = if long { 1 << (ra & 15) } else { 0 };
            Some(Effects { class: Class::Multiply, writes: 1 << (rd & 15) | low, memory: None })
        }
        Insn::Parallel { rd, .. }
        | Insn::Sat2 { rd, .. }
        | Insn::Sel { rd, .. }
        | Insn::Saturate { rd, .. }
        | Insn::Saturate16 { rd, .. }
        | Insn::Extend { rd, .. }
        | Insn::Pkh { rd, .. } => simple(Class::Saturating, rd),

        Insn::Load { width: w, rt, address } => access(1 << (rt & 15), addressed(address, width(w))),
        Insn::Store { width: w, address, .. } => access(0, addressed(address, width(w))),
        Insn::LoadDual { rt, rt2, rn, offset, index, writeback, .. } => access(
            1 << (rt & 15) | 1 << (rt2 & 15),
            Memory {
                base: rn,
                index: None,
                offset: if index { offset } else { 0 },
                length: 8,
                writeback: writeback.then_some(offset),
                store_exclusive: false,
            },
        ),
        Insn::StoreDual { rn, offset, index, writeback, .. } => access(
            0,
            Memory {
                base: rn,
                index: None,
                offset: if index { offset } else { 0 },
                length: 8,
                writeback: writeback.then_some(offset),
                store_exclusive: false,
            },
        ),
        Insn::LoadMultiple { rn, registers, writeback, before } => {
            access(registers, block(rn, 4 * registers.count_ones(), writeback, before))
        }
        Insn::StoreMultiple { rn, registers, writeback, before } => {
            access(0, block(rn, 4 * registers.count_ones(), writeback, before))
        }
        Insn::LoadExclusive { size, rt, rn, offset } => {
            access(1 << (rt & 15), block_at(rn, i32::from(offset), exclusive(size)))
        }
        Insn::StoreExclusive { size, rd, rn, offset, .. } => {
            let memory = block_at(rn, i32::from(offset), exclusive(size));
            access(1 << (rd & 15), Memory { store_exclusive: true, ..memory })
        }
        Insn::Clrex => none(Class::LoadStore),
        Insn::Preload { address, .. } => access(0, Memory { length: 0, ..addressed(address, 0) }),
        Insn::FpLoad { precision, rn, offset, .. } | Insn::FpStore { precision, rn, offset, .. } => {
            access(0, block_at(rn, offset, bytes(precision)))
        }
        Insn::FpLoadMultiple { precision, count, rn, writeback, before, extra_word, .. }
        | Insn::FpStoreMultiple { precision, count, rn, writeback, before, extra_word, .. } => {
            let length = bytes(precision) * u32::from(count) + if extra_word { 4 } else { 0 };
            access(0, block(rn, length, writeback, before))
        }

        Insn::Fp { precision, .. }
        | Insn::FpUnary { precision, .. }
        | Insn::FpImm { precision, .. }
        | Insn::FpCompare { precision, .. }
        | Insn::FpSelect { precision, .. }
        | Insn::FpConvertHalf { precision, .. }
        | Insn::FpToInt { precision, .. }
        | Insn::FpFromInt { precision, .. }
        | Insn::FpFixed { precision, .. } => float(precision, 0),
        Insn::FpConvertPrecision { .. } => float(Precision::Double, 0),
        Insn::FpMoveCore { to_core, rt, .. } => {
            float(Precision::Single, if to_core { 1 << (rt & 15) } else { 0 })
        }
        Insn::FpMoveScalar { to_core, rt, .. } => {
            float(Precision::Double, if to_core { 1 << (rt & 15) } else { 0 })
        }
        Insn::FpMoveCore2 { precision, to_core, rt, rt2, .. } => {
            float(precision, if to_core { 1 << (rt & 15) | 1 << (rt2 & 15) } else { 0 })
        }
        Insn::Vmrs { rt: 15 } => float(Precision::Single, 0),
        Insn::Vmrs { rt } => float(Precision::Single, 1 << (rt & 15)),
        Insn::Vmsr { .. } => float(Precision::Single, 0),
        _ => None,
    }
}

fn block_at(base: u8, offset: i32, length: u32) -> Memory {
    Memory { base, index: None, offset, length, writeback: None, store_exclusive: false }
}

fn exclusive(size: ExclusiveSize) -> u32 {
    match size {
        ExclusiveSize::Word => 4,
        ExclusiveSize::Half => 2,
        ExclusiveSize::Byte => 1,
    }
}
