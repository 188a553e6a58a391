//! Where objdump differs from the architecture manual (DDI 0403E). Version 2.40 was compared; it decodes Thumb for all
//! architectures at once, so most rules are instructions that ARMv7-M does not have.
//!
//! A rule is as narrow as the difference: it names the encodings, and where both sides print something, compares the rest.

use ironroot_cpu::insn::{Address, Hint, Insn};

use super::Case;
use super::matching::{
    FPV5, LATER_HINTS, TRANSFERS, barrier_name, first_operand, floating, has_wrong_fixed_bits, is_one_of,
    narrow, no_sense, prints_upper_double, same_before, same_mnemonic, unconditional, unpredictable, wide,
};

/// One known difference.
pub struct Rule {
    /// What differs.
    pub name: &'static str,
    /// The section of DDI 0403E that decides for the decoder.
    pub section: &'static str,
    /// Whether a case that does not agree is this difference.
    holds: fn(&Case) -> bool,
}

impl Rule {
    /// Whether a case that does not agree is this difference.
    #[must_use]
    pub fn applies(&self, case: &Case) -> bool {
        (self.holds)(case)
    }
}

/// All known differences, the first that holds is counted.
pub const RULES: &[Rule] = &[
    // Encodings that are instructions of other architectures or profiles only.
    Rule {
        name: "16-bit: HLT, SETEND, SETPAN of other architectures",
        section: "A5.2.5",
        holds: |case| {
            case.our_undefined()
                && (narrow(case, 0xFFC0, 0xBA80)
                    || narrow(case, 0xFFF7, 0xB650)
                    || narrow(case, 0xFFF7, 0xB610))
        },
    },
    Rule {
        name: "BLX to A32, and the loop and branch-future instructions in its place",
        section: "A5.3.4",
        holds: |case| case.our_undefined() && wide(case, 0xF800_D000, 0xF000_C000),
    },
    Rule {
        name: "SMC, HVC, DCPS, ERET and other control of the A profile",
        section: "A5.3.4",
        holds: |case| {
            case.our_undefined()
                && (wide(case, 0xFFF0_F000, 0xF7F0_8000)
                    || wide(case, 0xFFF0_F000, 0xF7E0_8000)
                    || wide(case, 0xFFF0_F000, 0xF780_8000)
                    || wide(case, 0xFFF0_D000, 0xF3D0_8000)
                    || wide(case, 0xFFF0_D000, 0xF3C0_8000))
        },
    },
    Rule {
        name: "CPS and SETPAN in the space of the 32-bit hints",
        section: "A5.3.5",
        holds: |case| {
            case.our_undefined() && wide(case, 0xFFF0_D000, 0xF3A0_8000) && case.encoding & 0x700 != 0
        },
    },
    Rule {
        name: "SB and other control where only CLREX, DSB, DMB, ISB are",
        section: "A5.3.6",
        holds: |case| {
            let operation = case.encoding >> 4 & 15;
            case.our_undefined() && wide(case, 0xFFF0_D000, 0xF3B0_8000) && !matches!(operation, 2 | 4..=6)
        },
    },
    Rule {
        name: "SRS, RFE",
        section: "A5.3.7",
        holds: |case| {
            case.our_undefined()
                && (wide(case, 0xFFC0_0000, 0xE800_0000) || wide(case, 0xFFC0_0000, 0xE980_0000))
        },
    },
    Rule {
        name: "LDREXD, STREXD, load-acquire, store-release",
        section: "A5.3.8",
        holds: |case| {
            let (load, operation) = (case.encoding & 1 << 20 != 0, case.encoding >> 4 & 15);
            let allocated = matches!(operation, 4 | 5) || (load && operation < 2);
            case.our_undefined() && wide(case, 0xFFE0_0000, 0xE8C0_0000) && !allocated
        },
    },
    Rule {
        name: "Advanced SIMD loads and stores",
        section: "A5.3.10, A5.3 (op2 001xxx0)",
        holds: |case| case.our_undefined() && wide(case, 0xFF10_0000, 0xF900_0000),
    },
    Rule {
        name: "Advanced SIMD and MVE data processing",
        section: "A5.3.18 (op1 11xxxx)",
        holds: |case| case.our_undefined() && wide(case, 0xEF00_0000, 0xEF00_0000),
    },
    Rule {
        name: "Coprocessor space with op1 00000x",
        section: "A5.3.18",
        holds: |case| case.our_undefined() && wide(case, 0xEFE0_0000, 0xEC00_0000),
    },
    Rule {
        name: "CRC32",
        section: "A5.3.15",
        holds: |case| case.our_undefined() && wide(case, 0xFFE0_F0C0, 0xFAC0_F080),
    },
    Rule {
        name: "Conditional select of ARMv8.1-M in the space of ORR and ORN",
        section: "A5.3.11",
        holds: |case| unpredictable(case) && wide(case, 0xFFF0_8000, 0xEA50_8000),
    },
    Rule {
        name: "D16 to D31",
        section: "A2.5.1, A6.3",
        holds: |case| case.our_undefined() && floating(case) && prints_upper_double(&case.theirs),
    },
    Rule {
        name: "FPU encodings with bit 28 set that are not of FPv5",
        section: "A6.4",
        holds: |case| {
            case.our_undefined()
                && floating(case)
                && wide(case, 0xF000_0000, 0xF000_0000)
                && !is_one_of(case, FPV5)
        },
    },
    Rule {
        name: "Transfers of the FPU's space outside A6.6 and A6.7",
        section: "A6.6, A6.7",
        holds: |case| {
            case.our_undefined()
                && floating(case)
                && (wide(case, 0xFF00_0010, 0xEE00_0010) || wide(case, 0xFFE0_0000, 0xEC40_0000))
                && !is_one_of(case, TRANSFERS)
        },
    },
    Rule {
        name: "VJCVT and conversions of bfloat16",
        section: "A6.4 (opc2 1001, 0011)",
        holds: |case| case.our_undefined() && wide(case, 0xFFBF_0E50, 0xEEB9_0A40),
    },
    Rule {
        name: "VLSTM, VLLDM of ARMv8-M",
        section: "A6.5",
        holds: |case| case.our_undefined() && wide(case, 0xFFE0_0FFF, 0xEC20_0A00),
    },
    Rule {
        name: "Stores with PC as base",
        section: "A7.7, STR, STRB, STRH, STRT, STRBT, STRHT",
        holds: |case| case.our_undefined() && wide(case, 0xFF1F_0000, 0xF80F_0000),
    },
    Rule {
        name: "Register offset with other bits than zero in 10:6",
        section: "A5.3.7 to A5.3.10 (op2 000000)",
        holds: |case| {
            case.our_undefined() && wide(case, 0xFE80_0800, 0xF800_0000) && case.encoding & 0x7C0 != 0
        },
    },
    // UNPREDICTABLE encodings that the decoder takes as UNDEFINED because no execution makes sense.
    Rule {
        name: "Bit fields that end before they begin or past bit 31",
        section: "A7.7, BFC, BFI, SBFX, UBFX",
        holds: |case| {
            let (lsb, last) = ((case.encoding >> 10 & 0x1C) | (case.encoding >> 6 & 3), case.encoding & 31);
            no_sense(case)
                && ((wide(case, 0xFBF0_8000, 0xF360_0000) && last < lsb)
                    || (wide(case, 0xFB70_8000, 0xF340_0000) && lsb + last > 31))
        },
    },
    Rule {
        name: "VLDM and VSTM of no register or past the last one",
        section: "A7.7, VLDM, VSTM, VPUSH, VPOP",
        holds: |case| {
            let (words, d) = (case.encoding & 0xFF, case.encoding >> 22 & 1);
            let vd = case.encoding >> 12 & 15;
            let none_or_past = if case.encoding & 0x100 == 0 {
                words == 0 || (vd << 1 | d) + words > 32
            } else {
                words < 2 || vd + words / 2 > 16
            };
            no_sense(case) && floating(case) && wide(case, 0xFE00_0000, 0xEC00_0000) && none_or_past
        },
    },
    Rule {
        name: "VCVT with more fraction bits than bits",
        section: "A7.7, VCVT (between floating-point and fixed-point)",
        holds: |case| {
            let fraction = (case.encoding & 15) << 1 | (case.encoding >> 5 & 1);
            no_sense(case) && floating(case) && wide(case, 0xFFBA_0090, 0xEEBA_0000) && fraction > 16
        },
    },
    // Should-be bits: UNPREDICTABLE for the manual, decoded with the flag; another instruction or UNDEFINED for objdump.
    Rule {
        name: "Should-be-zero and should-be-one bits that objdump requires",
        section: "A5.1.2, and the encoding diagrams of A7.7",
        holds: |case| case.their_undefined && unpredictable(case) && has_wrong_fixed_bits(case),
    },
    Rule {
        name: "BX and BLX with low bits set: BXNS, BLXNS of ARMv8-M",
        section: "A7.7, BLX, BX",
        holds: |case| unpredictable(case) && narrow(case, 0xFF07, 0x4704),
    },
    Rule {
        name: "CPS with the A bit, which the M profile does not have",
        section: "B5.2.1",
        holds: |case| unpredictable(case) && narrow(case, 0xFFEC, 0xB664),
    },
    Rule {
        name: "SSAT16, USAT16: bit 4 read as part of the width",
        section: "A7.7, SSAT16, USAT16",
        holds: |case| unpredictable(case) && wide(case, 0xFB70_F0D0, 0xF320_0010),
    },
    // Operands of UNPREDICTABLE forms, printed differently.
    Rule {
        name: "CLZ, RBIT, REV, REV16, REVSH with two different operands: objdump prints the other one",
        section: "A7.7, CLZ, RBIT, REV",
        holds: |case| unpredictable(case) && wide(case, 0xFFD0_F0C0, 0xFA90_F080) && same_before(case, ", "),
    },
    Rule {
        name: "Byte loads into the PC with writeback or unprivileged printed as preloads",
        section: "A7.7, LDRB, LDRSB, PLD, PLI",
        holds: |case| unpredictable(case) && wide(case, 0xFE70_F800, 0xF810_F800),
    },
    Rule {
        name: "Halfword loads into the PC: printed as loads or PLDW, are unallocated memory hints",
        section: "A5.3.9",
        holds: |case| {
            wide(case, 0xFE70_F000, 0xF830_F000)
                && (unpredictable(case) || matches!(case.decoded.insn, Insn::Hint(Hint::Memory)))
        },
    },
    Rule {
        name: "Literal loads with any second operand field: printed as if the base were a register",
        section: "A5.3.8 to A5.3.10 (Rn 1111)",
        holds: |case| match case.decoded.insn {
            Insn::Load { address: Address::Literal { offset, .. }, .. }
            | Insn::Preload { address: Address::Literal { offset, .. }, .. } => {
                wide(case, 0xFE9F_0000, 0xF81F_0000)
                    && offset == -((case.encoding & 0xFFF) as i32)
                    && first_operand(&case.ours) == first_operand(&case.theirs)
            }
            _ => false,
        },
    },
    Rule {
        name: "SMMLS without accumulator: PACG of ARMv8.1-M",
        section: "A7.7, SMMLS",
        holds: |case| unpredictable(case) && wide(case, 0xFFF0_F0E0, 0xFB60_F000),
    },
    Rule {
        name: "SMMLA into the PC: AUTG, BXAUT of ARMv8.1-M",
        section: "A7.7, SMMLA, SMMUL",
        holds: |case| unpredictable(case) && wide(case, 0xFFF0_0FE0, 0xFB50_0F00),
    },
    Rule {
        name: "VLDM with PC as base: VSCCLRM of ARMv8.1-M",
        section: "A7.7, VLDM",
        holds: |case| {
            let upper_bank = case.our_undefined() && wide(case, 0xFFFF_0F00, 0xECDF_0B00);
            (unpredictable(case) || upper_bank) && floating(case) && wide(case, 0xFFBF_0000, 0xEC9F_0000)
        },
    },
    Rule {
        name: "FPU transfers with wrong should-be-zero bits printed as MRC, MCR",
        section: "A6.6",
        holds: |case| {
            unpredictable(case)
                && has_wrong_fixed_bits(case)
                && (case.theirs.starts_with("mrc\t10")
                    || case.theirs.starts_with("mcr\t10")
                    || case.theirs.starts_with("mrc\t11")
                    || case.theirs.starts_with("mcr\t11"))
        },
    },
    Rule {
        name: "LDRD, STRD with writeback of a zero offset: objdump drops the mark of the writeback",
        section: "A7.7, LDRD, STRD",
        holds: |case| wide(case, 0xFF60_00FF, 0xE960_0000) && case.ours.replace('!', "") == case.theirs,
    },
    Rule {
        name: "STREX of the PC: TT of ARMv8-M",
        section: "A7.7, STREX",
        holds: |case| unpredictable(case) && wide(case, 0xFFF0_F03F, 0xE840_F000),
    },
    Rule {
        name: "LDM with PC as base: CLRM of ARMv8.1-M",
        section: "A7.7, LDM",
        holds: |case| unpredictable(case) && wide(case, 0xFFFF_0000, 0xE89F_0000),
    },
    // Names.
    Rule {
        name: "MRS, MSR: special registers that do not exist, or banked registers of the A profile",
        section: "B5.1.1",
        holds: |case| {
            let sysm = case.encoding & 0xFF;
            unpredictable(case)
                && (!matches!(sysm, 0..=3 | 5..=9 | 16..=20) || has_wrong_fixed_bits(case))
                && (wide(case, 0xFFE0_D000, 0xF380_8000) || wide(case, 0xFFE0_D000, 0xF3E0_8000))
        },
    },
    Rule {
        name: "APSR and its parts under their names in the A profile, or without the part",
        section: "B5.2.2, B5.2.3",
        holds: |case| match case.decoded.insn {
            Insn::Mrs { sysm: 0, .. } => case.theirs.replace("CPSR", "APSR") == case.ours,
            Insn::Msr { sysm: 0, mask, .. } => {
                let part =
                    ["", "_g", "_nzcvq", "_nzcvqg"].get(usize::from(mask)).copied().unwrap_or_default();
                let name = ["CPSR_", "CPSR_s", "CPSR_f", "CPSR_fs"].get(usize::from(mask)).copied();
                case.theirs.replace(name.unwrap_or_default(), &format!("APSR{part}")) == case.ours
            }
            Insn::Msr { sysm: 1..=3, .. } => {
                let without_part = case.ours.replace("_nzcvqg", "").replace("_nzcvq", "").replace("_g", "");
                case.theirs == without_part
            }
            _ => false,
        },
    },
    Rule {
        name: "Reserved options of DSB and DMB: names of other profiles",
        section: "A7.7, DMB, DSB",
        holds: |case| match case.decoded.insn {
            Insn::Barrier { option, .. } => barrier_name(case, option),
            _ => false,
        },
    },
    Rule {
        name: "Hints allocated later",
        section: "A5.3.5, A5.2.5",
        holds: |case| {
            matches!(case.decoded.insn, Insn::Hint(Hint::Reserved(number))
                if LATER_HINTS.contains(&(number, unconditional(case, &case.theirs))))
        },
    },
    Rule {
        name: "IT with condition 1111: the name of the condition",
        section: "A7.7, IT",
        holds: |case| {
            unpredictable(case)
                && narrow(case, 0xFFF0, 0xBFF0)
                && case.theirs.replace("<und>", "<nv>") == case.ours
        },
    },
    Rule {
        name: "MOV R8, R8 printed as NOP",
        section: "A7.7, MOV (register)",
        holds: |case| {
            narrow(case, 0xFFFF, 0x46C0)
                && case.ours.ends_with("\tr8, r8")
                && unconditional(case, case.theirs.split('\t').next().unwrap_or_default()) == "nop"
        },
    },
    Rule {
        name: "Absent coprocessors: names of FPA, Maverick, iWMMXt, FP16, MVE, CDE; UNPREDICTABLE operands",
        section: "A5.3.18, B1.5.14 (NOCP)",
        holds: |case| match case.decoded.insn {
            Insn::Coprocessor { number, .. } => {
                let same = case.ours == case.theirs || !same_mnemonic(case);
                // LDC and STC: a zero offset loses its writeback, coprocessor 9 counts in halfwords.
                let offset = first_operand(&case.ours) == first_operand(&case.theirs)
                    && first_operand(&case.ours).is_some()
                    && (number == 9 || case.encoding & 0xFF == 0);
                u32::from(number) == case.encoding >> 8 & 15 && (same || offset)
            }
            _ => false,
        },
    },
];
