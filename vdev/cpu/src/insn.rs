//! The instructions of ARMv7E-M with FPv5-D16, as data: what the decoder makes, what the disassembler prints, what the
//! lowering turns into executable operations. Nothing here knows how an instruction is executed.
//!
//! Names follow the Armv7-M Architecture Reference Manual (DDI 0403E), chapter A7.

/// A core register number, 0 to 15 (13 = SP, 14 = LR, 15 = PC).
pub type Reg = u8;

/// A condition (A7.3): the 4-bit field; 0b1110 is "always".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cond(pub u8);

impl Cond {
    /// Always.
    pub const AL: Cond = Cond(14);
}

/// Shift kinds (A7.4.2). `Rrx` is by one through carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShiftKind {
    /// Logical left.
    Lsl,
    /// Logical right.
    Lsr,
    /// Arithmetic right.
    Asr,
    /// Rotate right.
    Ror,
    /// Rotate right by one through carry.
    Rrx,
}

/// A constant shift: kind and amount. `Lsl` by 0 is no shift; `Lsr` and `Asr` go to 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shift {
    /// Kind.
    pub kind: ShiftKind,
    /// 0 to 32.
    pub amount: u8,
}

impl Shift {
    /// No shift.
    pub const NONE: Shift = Shift { kind: ShiftKind::Lsl, amount: 0 };
}

/// Second operand of a data-processing instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A constant. `carry`: what ThumbExpandImm_C makes of the carry flag (None: unchanged).
    Imm {
        /// The expanded value.
        value: u32,
        /// Carry out of the expansion.
        carry: Option<bool>,
    },
    /// A register, shifted by a constant.
    Reg {
        /// The register.
        rm: Reg,
        /// Its shift.
        shift: Shift,
    },
}

/// Data-processing operations with a second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the manual's mnemonics
pub enum DpOp {
    And,
    Bic,
    Orr,
    Orn,
    Eor,
    Add,
    Adc,
    Sub,
    Sbc,
    Rsb,
    /// Move; `rn` unused.
    Mov,
    /// Move NOT; `rn` unused.
    Mvn,
    /// Sets flags only; `rd` unused.
    Tst,
    /// Sets flags only; `rd` unused.
    Teq,
    /// Sets flags only; `rd` unused.
    Cmp,
    /// Sets flags only; `rd` unused.
    Cmn,
}

/// Lane operation of the parallel additions and subtractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ParallelOp {
    Add16,
    Asx,
    Sax,
    Sub16,
    Add8,
    Sub8,
}

/// Arithmetic of the parallel additions and subtractions (the mnemonic's prefix).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParallelKind {
    /// Signed modulo, sets GE.
    S,
    /// Signed saturating.
    Q,
    /// Signed halving.
    Sh,
    /// Unsigned modulo, sets GE.
    U,
    /// Unsigned saturating.
    Uq,
    /// Unsigned halving.
    Uh,
}

/// Width and signedness of a load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Width {
    Word,
    Half,
    Byte,
    /// Loads only.
    SignedHalf,
    /// Loads only.
    SignedByte,
}

/// Address of a single load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `[rn, #offset]`, or with `index` and `writeback` pre- or post-indexed.
    Imm {
        /// Base (15 only as `Literal`).
        rn: Reg,
        /// Signed offset in bytes.
        offset: i32,
        /// The offset is part of the address (false: post-indexed).
        index: bool,
        /// The base is updated.
        writeback: bool,
        /// The encoding subtracts (tells `#-0` from `#0`).
        subtract: bool,
    },
    /// `[rn, rm, LSL #shift]`.
    Reg {
        /// Base.
        rn: Reg,
        /// Index.
        rm: Reg,
        /// 0 to 3.
        shift: u8,
    },
    /// `[pc, #offset]`, from the word-aligned PC.
    Literal {
        /// Signed offset in bytes.
        offset: i32,
        /// The encoding subtracts.
        subtract: bool,
    },
    /// Unprivileged access `[rn, #offset]` (LDRT and kin).
    Unprivileged {
        /// Base.
        rn: Reg,
        /// 0 to 255.
        offset: u8,
    },
}

/// Multiplications and their accumulating forms: `rd`, `rn`, `rm`, `ra` (the long ones: `rd` = RdHi, `ra` = RdLo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
#[rustfmt::skip] // a table: one line an operation
pub enum MulOp {
    Mul,
    Mla,
    Mls,
    Umull,
    Smull,
    Umlal,
    Smlal,
    Umaal,
    /// SMLA<x><y>: `x`, `y` true for the top half.
    Smlaxy { x: bool, y: bool },
    Smulxy { x: bool, y: bool },
    Smlalxy { x: bool, y: bool },
    /// SMLAW<y>.
    Smlaw { y: bool },
    Smulw { y: bool },
    /// SMLAD{X}.
    Smlad { x: bool },
    Smlsd { x: bool },
    Smuad { x: bool },
    Smusd { x: bool },
    Smlald { x: bool },
    Smlsld { x: bool },
    /// SMMLA{R}.
    Smmla { round: bool },
    Smmls { round: bool },
    Smmul { round: bool },
    Usad8,
    Usada8,
    Sdiv,
    Udiv,
}

/// Sizes of exclusive accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ExclusiveSize {
    Word,
    Half,
    Byte,
}

/// Barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Barrier {
    Dmb,
    Dsb,
    Isb,
}

/// Hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Hint {
    Nop,
    Yield,
    Wfe,
    Wfi,
    Sev,
    Dbg(u8),
    /// Any other hint encoding: executes as NOP.
    Reserved(u8),
    /// A halfword load into the PC: an unallocated memory hint (A5.3.9), executes as NOP.
    Memory,
}

/// Reverse and count operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Rev,
    Rev16,
    Revsh,
    Rbit,
    Clz,
}

/// Saturating two-register arithmetic: `rd = rm op rn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum SatOp {
    Qadd,
    Qsub,
    Qdadd,
    Qdsub,
}

/// Extensions (with or without addition of `rn`; 15 = none).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ExtendOp {
    Sxtb,
    Sxth,
    Uxtb,
    Uxth,
    Sxtb16,
    Uxtb16,
}

/// A floating-point register: S0–S31 or D0–D15, by the precision beside it.
pub type FReg = u8;

/// Precision of a floating-point operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits, S registers.
    Single,
    /// 64 bits, D registers.
    Double,
}

/// Two-operand floating-point arithmetic, `fd = fn op fm` or accumulating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FpOp {
    Vadd,
    Vsub,
    Vmul,
    Vnmul,
    Vmla,
    Vmls,
    Vnmla,
    Vnmls,
    Vdiv,
    Vfma,
    Vfms,
    Vfnma,
    Vfnms,
    Vmaxnm,
    Vminnm,
}

/// One-operand floating-point operations, `fd = op fm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FpUnary {
    Vmov,
    Vabs,
    Vneg,
    Vsqrt,
    /// Round to integral: mode.
    Vrint(RintMode),
}

/// Rounding of VRINT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum RintMode {
    /// To nearest, ties away.
    A,
    /// To nearest, ties to even.
    N,
    /// Towards plus infinity.
    P,
    /// Towards minus infinity.
    M,
    /// By FPSCR.
    R,
    /// By FPSCR, raises inexact.
    X,
    /// Towards zero.
    Z,
}

/// Rounding of the directed conversions VCVT{A,N,P,M}, VCVT (towards zero) and VCVTR (by FPSCR).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CvtMode {
    A,
    N,
    P,
    M,
    /// VCVT: towards zero.
    Zero,
    /// VCVTR: by FPSCR.
    Fpscr,
}

/// One decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // fields are the manual's
#[rustfmt::skip] // a table: one line an instruction
pub enum Insn {
    /// Data processing. `setflags` already considers the IT block for 16-bit encodings. `imm12`: the plain 12-bit
    /// encodings ADDW/SUBW.
    Dp { op: DpOp, setflags: bool, rd: Reg, rn: Reg, src: Operand, imm12: bool },
    /// Register-controlled shift: `rd = rn shifted by rm` (LSL, LSR, ASR, ROR).
    ShiftReg { kind: ShiftKind, setflags: bool, rd: Reg, rn: Reg, rm: Reg },
    Movw { rd: Reg, imm: u16 },
    Movt { rd: Reg, imm: u16 },
    /// `rd = Align(PC, 4) + offset`.
    Adr { rd: Reg, offset: i32, subtract: bool },
    /// `setflags`: only the 16-bit MULS outside an IT block.
    Mul { op: MulOp, setflags: bool, rd: Reg, rn: Reg, rm: Reg, ra: Reg },
    Parallel { kind: ParallelKind, op: ParallelOp, rd: Reg, rn: Reg, rm: Reg },
    Sat2 { op: SatOp, rd: Reg, rn: Reg, rm: Reg },
    Sel { rd: Reg, rn: Reg, rm: Reg },
    /// SSAT/USAT: `bits` as in the syntax (1–32 signed, 0–31 unsigned).
    Saturate { signed: bool, rd: Reg, bits: u8, rn: Reg, shift: Shift },
    Saturate16 { signed: bool, rd: Reg, bits: u8, rn: Reg },
    /// `rotation` is 0, 8, 16 or 24; `rn` = 15: no addition.
    Extend { op: ExtendOp, rd: Reg, rn: Reg, rm: Reg, rotation: u8 },
    /// PKHBT (`top` false, LSL) and PKHTB (`top` true, ASR).
    Pkh { top: bool, rd: Reg, rn: Reg, rm: Reg, shift: Shift },
    Unary { op: UnaryOp, rd: Reg, rm: Reg },
    Bfi { rd: Reg, rn: Reg, lsb: u8, width: u8 },
    Bfc { rd: Reg, lsb: u8, width: u8 },
    Bfx { signed: bool, rd: Reg, rn: Reg, lsb: u8, width: u8 },
    Load { width: Width, rt: Reg, address: Address },
    Store { width: Width, rt: Reg, address: Address },
    /// LDRD; `rn` = 15 is the literal form.
    LoadDual { rt: Reg, rt2: Reg, rn: Reg, offset: i32, index: bool, writeback: bool, subtract: bool },
    StoreDual { rt: Reg, rt2: Reg, rn: Reg, offset: i32, index: bool, writeback: bool, subtract: bool },
    /// LDM/POP. `before`: decrement before (LDMDB); else increment after.
    LoadMultiple { rn: Reg, registers: u16, writeback: bool, before: bool },
    /// STM/PUSH. `before`: decrement before (STMDB, PUSH); else increment after.
    StoreMultiple { rn: Reg, registers: u16, writeback: bool, before: bool },
    /// `offset` only for words (0–1020).
    LoadExclusive { size: ExclusiveSize, rt: Reg, rn: Reg, offset: u16 },
    StoreExclusive { size: ExclusiveSize, rd: Reg, rt: Reg, rn: Reg, offset: u16 },
    Clrex,
    /// PLD, PLI (`instruction`). No effect.
    Preload { instruction: bool, address: Address },
    /// TBB (`half` false) and TBH.
    TableBranch { half: bool, rn: Reg, rm: Reg },
    /// `offset` from the PC (instruction address + 4).
    Branch { cond: Cond, offset: i32 },
    BranchLink { offset: i32 },
    Bx { rm: Reg },
    Blx { rm: Reg },
    /// CBZ (`nonzero` false) and CBNZ.
    CompareBranch { nonzero: bool, rn: Reg, offset: i32 },
    /// `first`: firstcond, `mask`: 4 bits, nonzero.
    It { first: Cond, mask: u8 },
    Hint(Hint),
    Barrier { kind: Barrier, option: u8 },
    /// CPSIE/CPSID; `primask`: i, `faultmask`: f.
    Cps { disable: bool, primask: bool, faultmask: bool },
    Mrs { rd: Reg, sysm: u8 },
    /// `mask`: bits 11:10 of the encoding (0b10 nzcvq, 0b01 g).
    Msr { rn: Reg, sysm: u8, mask: u8 },
    Svc { imm: u8 },
    Bkpt { imm: u8 },
    /// Permanently undefined (UDF), 8 or 16 bits of immediate.
    Udf { imm: u16 },
    /// Coprocessor instruction for a coprocessor that is not the FPU: UsageFault NOCP. `encoding` is kept to print.
    Coprocessor { number: u8, encoding: u32 },

    Fp { op: FpOp, precision: Precision, fd: FReg, fn_: FReg, fm: FReg },
    FpUnary { op: FpUnary, precision: Precision, fd: FReg, fm: FReg },
    /// VMOV immediate: the expanded value (single in the low 32 bits).
    FpImm { precision: Precision, fd: FReg, value: u64, imm8: u8 },
    /// VCMP, VCMPE (`signal`); `fm` None: with zero.
    FpCompare { precision: Precision, signal: bool, fd: FReg, fm: Option<FReg> },
    /// VSEL<cc>: `cond` is one of EQ, VS, GE, GT.
    FpSelect { precision: Precision, cond: Cond, fd: FReg, fn_: FReg, fm: FReg },
    /// Between single and double; `to` is the destination's precision.
    FpConvertPrecision { to: Precision, fd: FReg, fm: FReg },
    /// VCVTB/VCVTT between half (in half of an S register) and single/double. `to_half`: direction; `top`: which half.
    FpConvertHalf { precision: Precision, to_half: bool, top: bool, fd: FReg, fm: FReg },
    /// Float to 32-bit integer in an S register.
    FpToInt { precision: Precision, signed: bool, mode: CvtMode, fd: FReg, fm: FReg },
    /// 32-bit integer in an S register to float.
    FpFromInt { precision: Precision, signed: bool, fd: FReg, fm: FReg },
    /// VCVT with fixed point, in place. `size`: 16 or 32 bits; `frac`: fraction bits.
    FpFixed { precision: Precision, to_fixed: bool, signed: bool, size: u8, frac: u8, fd: FReg },
    /// VMOV between a core register and an S register. `to_core`: direction.
    FpMoveCore { to_core: bool, rt: Reg, fn_: FReg },
    /// VMOV between a core register and half of a D register (`high`).
    FpMoveScalar { to_core: bool, rt: Reg, fd: FReg, high: bool },
    /// VMOV between two core registers and two S registers (`fm`, `fm`+1) or a D register.
    FpMoveCore2 { precision: Precision, to_core: bool, rt: Reg, rt2: Reg, fm: FReg },
    /// VLDR/VSTR. `rn` = 15: literal.
    FpLoad { precision: Precision, fd: FReg, rn: Reg, offset: i32, subtract: bool },
    FpStore { precision: Precision, fd: FReg, rn: Reg, offset: i32, subtract: bool },
    /// VLDM/VPOP. `count`: registers of `precision`, never past the last one. `before`: decrement before. `extra_word`
    /// (double only): FLDMX, the block in memory is one word longer than the registers.
    FpLoadMultiple {
        precision: Precision,
        fd: FReg,
        count: u8,
        rn: Reg,
        writeback: bool,
        before: bool,
        extra_word: bool,
    },
    /// VSTM/VPUSH, fields as in `FpLoadMultiple`. `extra_word`: FSTMX, the last word is not written.
    FpStoreMultiple {
        precision: Precision,
        fd: FReg,
        count: u8,
        rn: Reg,
        writeback: bool,
        before: bool,
        extra_word: bool,
    },
    /// VMRS; `rt` = 15: APSR_nzcv.
    Vmrs { rt: Reg },
    Vmsr { rt: Reg },

    /// No instruction of this architecture, or UNPREDICTABLE: UsageFault UNDEFINSTR.
    Undefined { encoding: u32 },
}

/// What the decoder returns: the instruction, and how many bytes it takes (2 or 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The instruction.
    pub insn: Insn,
    /// 2 or 4.
    pub length: u8,
    /// UNPREDICTABLE by the manual although decodable; what a real core does varies. Executed as `insn` says.
    pub unpredictable: bool,
}
