//! What the comparison with objdump (`ironroot-prove`) cannot see: carries, expanded values, flags in IT blocks, and the
//! `unpredictable` mark.

use super::decode;
use crate::insn::{Address, Cond, DpOp, Insn, Operand, Precision, Shift, ShiftKind};

fn narrow(encoding: u16) -> Insn {
    decode(encoding, 0, false).insn
}

fn wide(encoding: u32) -> Insn {
    decode((encoding >> 16) as u16, encoding as u16, false).insn
}

fn constant(encoding: u32) -> (u32, Option<bool>) {
    match wide(encoding) {
        Insn::Dp { src: Operand::Imm { value, carry }, .. } => (value, carry),
        other => panic!("{encoding:#x} is {other:?}"),
    }
}

#[test]
fn modified_immediates_have_value_and_carry() {
    // mov.w r0, #const (A5.3.2): imm8 in four patterns, then rotations.
    let cases = [
        (0xF04F_00AB, 0x0000_00AB, None),
        (0xF04F_10AB, 0x00AB_00AB, None),
        (0xF04F_20AB, 0xAB00_AB00, None),
        (0xF04F_30AB, 0xABAB_ABAB, None),
        (0xF04F_4000, 0x8000_0000, Some(true)),
        (0xF04F_407F, 0xFF00_0000, Some(true)),
        (0xF04F_4080, 0x4000_0000, Some(false)),
        (0xF44F_7080, 0x0000_0100, Some(false)),
        (0xF44F_70FF, 0x0000_01FE, Some(false)),
    ];
    for (encoding, value, carry) in cases {
        assert_eq!(constant(encoding), (value, carry), "{encoding:#x}");
    }
}

#[test]
fn repeated_zero_is_unpredictable() {
    assert!(decode(0xF04F, 0x1000, false).unpredictable);
    assert!(!decode(0xF04F, 0x0000, false).unpredictable);
}

#[test]
fn shifts_by_zero_are_by_thirty_two_or_rrx() {
    let shift_of = |insn| match insn {
        Insn::Dp { op: DpOp::Mov, src: Operand::Reg { shift, .. }, .. } => shift,
        other => panic!("{other:?}"),
    };
    assert_eq!(shift_of(narrow(0x0008)), Shift::NONE);
    assert_eq!(shift_of(narrow(0x0808)), Shift { kind: ShiftKind::Lsr, amount: 32 });
    assert_eq!(shift_of(narrow(0x1008)), Shift { kind: ShiftKind::Asr, amount: 32 });
    assert_eq!(shift_of(wide(0xEA4F_0011)), Shift { kind: ShiftKind::Lsr, amount: 32 });
    assert_eq!(shift_of(wide(0xEA4F_0021)), Shift { kind: ShiftKind::Asr, amount: 32 });
    assert_eq!(shift_of(wide(0xEA4F_0031)), Shift { kind: ShiftKind::Rrx, amount: 1 });
    assert_eq!(shift_of(wide(0xEA4F_0071)), Shift { kind: ShiftKind::Ror, amount: 1 });
}

#[test]
fn branch_offsets_reach_both_ends() {
    let cases =
        [(0xF000_F800, 0), (0xF3FF_D7FF, 0x00FF_FFFE), (0xF400_D000, -0x0100_0000), (0xF7FF_FFFE, -4)];
    for (encoding, offset) in cases {
        assert_eq!(wide(encoding), Insn::BranchLink { offset }, "{encoding:#x}");
    }
    assert_eq!(wide(0xF43F_AFFE), Insn::Branch { cond: Cond(0), offset: -4 });
    assert_eq!(wide(0xF03F_AFFF), Insn::Branch { cond: Cond(0), offset: 0xF_FFFE });
    assert_eq!(narrow(0xE7FE), Insn::Branch { cond: Cond::AL, offset: -4 });
    assert_eq!(narrow(0xB3F8), Insn::CompareBranch { nonzero: false, rn: 0, offset: 126 });
}

#[test]
fn subtracting_literals_have_negative_offsets() {
    assert_eq!(wide(0xF2AF_0104), Insn::Adr { rd: 1, offset: -4, subtract: true });
    let address = Address::Literal { offset: -8, subtract: true };
    assert_eq!(wide(0xF85F_1008), Insn::Load { width: crate::insn::Width::Word, rt: 1, address });
    assert_eq!(
        wide(0xED1F_0A02),
        Insn::FpLoad { precision: Precision::Single, fd: 0, rn: 15, offset: -8, subtract: true }
    );
}

#[test]
fn floating_constants_expand() {
    let value = |encoding| match wide(encoding) {
        Insn::FpImm { precision: Precision::Single, value, .. } => f64::from(f32::from_bits(value as u32)),
        Insn::FpImm { precision: Precision::Double, value, .. } => f64::from_bits(value),
        other => panic!("{other:?}"),
    };
    // (imm8, value): both ends of both exponent ranges, one and minus one.
    let cases =
        [(0x00, 2.0), (0x3F, 31.0), (0x40, 0.125), (0x70, 1.0), (0x7F, 1.9375), (0xF0, -1.0), (0x80, -2.0)];
    for (imm8, expected) in cases {
        let fields = (imm8 >> 4) << 16 | (imm8 & 15);
        assert_eq!(value(0xEEB0_0A00 | fields), expected, "single {imm8:#x}");
        assert_eq!(value(0xEEB0_0B00 | fields), expected, "double {imm8:#x}");
    }
}

#[test]
fn in_an_it_block_only_the_flags_differ() {
    let mut without_flags = 0;
    for first in 0..0xE800_u16 {
        let outside = decode(first, 0, false);
        let inside = decode(first, 0, true);
        assert_eq!(outside.length, 2);
        if outside.insn == inside.insn {
            continue;
        }
        let cleared = match outside.insn {
            Insn::Dp { op, setflags: true, rd, rn, src, imm12 } => {
                Insn::Dp { op, setflags: false, rd, rn, src, imm12 }
            }
            Insn::ShiftReg { kind, setflags: true, rd, rn, rm } => {
                Insn::ShiftReg { kind, setflags: false, rd, rn, rm }
            }
            Insn::Mul { op, setflags: true, rd, rn, rm, ra } => {
                Insn::Mul { op, setflags: false, rd, rn, rm, ra }
            }
            other => panic!("{first:#06x}: {other:?} differs in an IT block"),
        };
        assert_eq!(inside.insn, cleared, "{first:#06x}");
        without_flags += 1;
    }
    // Shifts, additions and subtractions: 0x0000..0x2000; MOV; ADD, SUB of 8 bits; 12 of the 16 operations of A5.2.2.
    assert_eq!(without_flags, 0x2000 + 0x800 + 0x1000 + 13 * 64);
}

#[test]
fn compares_set_flags_in_an_it_block() {
    for first in [0x2800, 0x4280, 0x42C0, 0x4200, 0x4580] {
        assert!(matches!(decode(first, 0, true).insn, Insn::Dp { setflags: true, .. }), "{first:#x}");
    }
}

#[test]
fn unpredictable_encodings_are_marked() {
    // One for each rule of A7.7 that the decoder applies; beside each, a legal neighbour.
    let cases: [(u32, u32); 40] = [
        (0x4508_0000, 0x4540_0000), // CMP of two low registers by the high encoding
        (0x44FF_0000, 0x4487_0000), // ADD PC, PC
        (0x47F8_0000, 0x47F0_0000), // BLX PC
        (0xB400_0000, 0xB401_0000), // PUSH of nothing
        (0xBC00_0000, 0xBC01_0000), // POP of nothing
        (0xC103_0000, 0xC003_0000), // STM with a listed base that is not the first
        (0xC000_0000, 0xC001_0000), // STM of nothing
        (0xBFF8_0000, 0xBF08_0000), // IT <nv>
        (0xBFEC_0000, 0xBFE8_0000), // ITE AL
        (0xB660_0000, 0xB661_0000), // CPSIE of nothing
        (0xF100_0D01, 0xF100_0C01), // ADD SP, r0, #1
        (0xF100_0F01, 0xF110_0F01), // ADD PC (with S: CMN)
        (0xF00D_0001, 0xF00C_0001), // AND of SP
        (0xF11F_0F01, 0xF11D_0F01), // CMN PC
        (0xF04F_0D01, 0xF04F_0C01), // MOV SP, #1
        (0xF240_0D00, 0xF240_0E00), // MOVW SP
        (0xF300_0F00, 0xF300_0E00), // SSAT PC
        (0xEA4F_0D0D, 0xEA4F_0D0C), // MOV SP, SP
        (0xEA5F_0D01, 0xEA4F_0D01), // MOVS SP
        (0xEB0D_1D01, 0xEB0D_0DC1), // ADD SP, SP, r1, LSL #4 (legal: #3)
        (0xEA00_000F, 0xEA00_000E), // AND with PC
        (0xFA00_F00D, 0xFA00_F00C), // LSL by SP
        (0xFA91_F082, 0xFA91_F081), // REV with two different operands
        (0xFB00_FF01, 0xFB00_FE01), // MUL into the PC
        (0xFB00_F011, 0xFB00_E011), // MLS without accumulator
        (0xFB80_1101, 0xFB80_1201), // SMULL with one destination
        (0xE8A1_0003, 0xE8A2_0003), // STM with writeback of a listed base
        (0xE8B0_0100, 0xE8B0_0102), // LDM of one register
        (0xE8B0_C002, 0xE8B0_8002), // LDM of LR and PC
        (0xE8F1_1200, 0xE8F0_1200), // LDRD with writeback of a destination
        (0xE9D0_1100, 0xE9D0_1200), // LDRD into one register
        (0xE840_1000, 0xE840_1200), // STREX with status over the base
        (0xE840_1100, 0xE840_1300), // STREX with status over the value
        (0xE8DD_F001, 0xE8DF_F001), // TBB with SP as base
        (0xF851_1B04, 0xF850_1B04), // LDR with writeback of the destination
        (0xF850_100D, 0xF850_100C), // LDR with SP as index
        (0xF810_D001, 0xF810_C001), // LDRB into SP
        (0xF380_8408, 0xF380_8400), // MSR MSP with the mask of APSR_g
        (0xEE0F_FA10, 0xEE0F_EA10), // VMOV of the PC
        (0xEC51_1B10, 0xEC52_1B10), // VMOV into one core register
    ];
    for (encoding, neighbour) in cases {
        let flag = |word: u32| decode((word >> 16) as u16, word as u16, false).unpredictable;
        assert!(flag(encoding), "{encoding:#010x}");
        assert!(!flag(neighbour), "neighbour {neighbour:#010x}");
    }
}

#[test]
fn branches_and_it_are_unpredictable_in_an_it_block() {
    for (first, second) in
        [(0xB100, 0), (0xB900, 0), (0xBF08, 0), (0xB662, 0), (0xD001, 0), (0xF000, 0x8001), (0xFE00, 0x0A00)]
    {
        assert!(decode(first, second, true).unpredictable, "{first:#x}");
        assert!(!decode(first, second, false).unpredictable, "{first:#x}");
    }
}

#[test]
fn every_first_halfword_is_decoded_without_panic() {
    // A deterministic walk over second halfwords; odd multiplier, so all values are met over the space.
    for first in 0..=u16::MAX {
        for step in 0..64_u16 {
            let second = step.wrapping_mul(0x9E3B) ^ first.wrapping_mul(0x61C9);
            let decoded = decode(first, second, step & 1 != 0);
            assert_eq!(decoded.length == 4, super::is_wide(first));
        }
    }
}
