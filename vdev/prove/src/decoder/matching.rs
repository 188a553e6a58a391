//! What the rules of difference are made of: encodings of the manual as value and mask, and comparisons of parts of the
//! texts.

use super::Case;

/// Hints that later architectures gave a meaning; NOP here.
pub(super) const LATER_HINTS: [(u8, &str); 9] = [
    (5, "sevl"),
    (13, "pacbti\tr12, lr, sp"),
    (15, "bti"),
    (16, "esb"),
    (17, "psb\tcsync"),
    (18, "tsb\tcsync"),
    (20, "csdb"),
    (29, "pac\tr12, lr, sp"),
    (45, "aut\tr12, lr, sp"),
];

/// Bits that the manual writes "(0)" and "(1)" although objdump takes an encoding with others for UNDEFINED: value and mask
/// of the instruction, then the should-be bits and their mask.
const FIXED: &[(u32, u32, u32, u32)] = &[
    // Shifted register: bit 15.
    (0xEA00_0000, 0xFE00_0000, 0, 0x8000),
    // Plain immediate, saturation and bit fields: bits 26 and 5.
    (0xF300_0000, 0xFB00_8000, 0, 0x0400_0020),
    // STM: bits 15 and 13. LDM: bit 13.
    (0xE800_0000, 0xFE50_0000, 0, 0xA000),
    (0xE810_0000, 0xFE50_0000, 0, 0x2000),
    // LDREX, LDREXB, LDREXH, STREXB, STREXH, TBB, TBH.
    (0xE850_0000, 0xFFF0_0000, 0xF00, 0xF00),
    (0xE8D0_0040, 0xFFF0_00E0, 0xF0F, 0xF0F),
    (0xE8C0_0040, 0xFFF0_00E0, 0xF00, 0xF00),
    (0xE8D0_0000, 0xFFF0_00E0, 0xF000, 0xFF00),
    // MSR, MRS, hints, barriers and CLREX.
    (0xF380_8000, 0xFFE0_D000, 0, 0x0010_2300),
    (0xF3E0_8000, 0xFFE0_D000, 0x000F_0000, 0x001F_2000),
    (0xF3A0_8000, 0xFFF0_D000, 0x000F_0000, 0x000F_2800),
    (0xF3B0_8000, 0xFFF0_D000, 0x000F_0F00, 0x000F_2F00),
    (0xF3B0_8020, 0xFFF0_D0F0, 0xF, 0xF),
    // SDIV, UDIV.
    (0xFB90_00F0, 0xFFD0_00F0, 0xF000, 0xF000),
    // Extensions: bit 6.
    (0xFA00_F080, 0xFF80_F080, 0, 0x40),
    // VMOV of a constant, VCMP with zero, VMOV with core registers, VMRS, VMSR.
    (0xEEB0_0A00, 0xFFB0_0E50, 0, 0xA0),
    (0xEEB5_0A40, 0xFFBF_0E50, 0, 0x2F),
    (0xEE00_0A10, 0xFFE0_0F10, 0, 0x6F),
    (0xEE00_0B10, 0xFFC0_0F70, 0, 0xF),
    (0xEEE1_0A10, 0xFFEF_0F10, 0, 0xEF),
];

/// The same for 16-bit encodings: BX and BLX, CPS.
const FIXED_NARROW: &[(u32, u32, u32, u32)] = &[(0x4700, 0xFF00, 0, 7), (0xB660, 0xFFE0, 0, 0xC)];

/// The instructions with bit 28 set (A6.4): VSEL; VMAXNM and VMINNM; VRINT; VCVT.
pub(super) const FPV5: &[(u32, u32)] = &[
    (0xFE00_0A00, 0xFF80_0E50),
    (0xFE80_0A00, 0xFFB0_0E10),
    (0xFEB8_0A40, 0xFFBC_0ED0),
    (0xFEBC_0A40, 0xFFBC_0E50),
];

/// The transfers: one core register and a single register, half of a double register, FPSCR; two core registers.
pub(super) const TRANSFERS: &[(u32, u32)] = &[
    (0xEE00_0A10, 0xFFE0_0F10),
    (0xEE00_0B10, 0xFFC0_0FF0),
    (0xEEE1_0A10, 0xFFEF_0F10),
    (0xEC40_0A10, 0xFFE0_0FD0),
    (0xEC40_0B10, 0xFFE0_0FF0),
];

pub(super) fn is_one_of(case: &Case, table: &[(u32, u32)]) -> bool {
    table.iter().any(|&(value, mask)| wide(case, mask, value))
}

pub(super) fn has_wrong_fixed_bits(case: &Case) -> bool {
    let table = if case.wide { FIXED } else { FIXED_NARROW };
    table.iter().any(|&(value, mask, bits, bits_mask)| {
        case.encoding & mask == value && case.encoding & bits_mask != bits
    })
}

/// Whether the name of a reserved barrier option is the one objdump has for it.
pub(super) fn barrier_name(case: &Case, option: u8) -> bool {
    let name = match option {
        1 => "oshld",
        5 => "nshld",
        9 => "ishld",
        13 => "ld",
        0 if case.theirs == "ssbb" => return case.ours == "dsb\t#0",
        4 if case.theirs == "pssbb" => return case.ours == "dsb\t#4",
        12 if case.theirs == "dfb" => return case.ours == "dsb\t#12",
        _ => return false,
    };
    case.theirs.replace(name, &format!("#{option}")) == case.ours
}

pub(super) fn wide(case: &Case, mask: u32, value: u32) -> bool {
    case.wide && case.encoding & mask == value
}

pub(super) fn narrow(case: &Case, mask: u32, value: u32) -> bool {
    !case.wide && case.encoding & mask == value
}

/// An instruction for the decoder, with the flag.
pub(super) fn unpredictable(case: &Case) -> bool {
    case.decoded.unpredictable && !case.our_undefined()
}

/// UNDEFINED for the decoder because UNPREDICTABLE.
pub(super) fn no_sense(case: &Case) -> bool {
    case.decoded.unpredictable && case.our_undefined()
}

/// Coprocessors 10 and 11.
pub(super) fn floating(case: &Case) -> bool {
    wide(case, 0xEC00_0E00, 0xEC00_0A00)
}

/// A mnemonic without condition and size.
pub(super) fn unconditional<'a>(case: &Case, text: &'a str) -> &'a str {
    let text = text.trim_end_matches(".w");
    if case.in_it { text.trim_end_matches("eq") } else { text }
}

/// Mnemonic and everything before the last `mark` are the same.
pub(super) fn same_before(case: &Case, mark: &str) -> bool {
    let before = |text: &'_ str| text.rsplit_once(mark).map(|parts| parts.0.to_owned());
    before(&case.ours) == before(&case.theirs)
}

/// What is between the mnemonic and the address.
pub(super) fn first_operand(text: &str) -> Option<&str> {
    text.split_once('\t')?.1.split_once('[').map(|parts| parts.0)
}

pub(super) fn same_mnemonic(case: &Case) -> bool {
    case.ours.split('\t').next() == case.theirs.split('\t').next()
}

/// Whether a text names a register of D16 to D31 as an operand.
pub(super) fn prints_upper_double(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.strip_prefix('d').and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > 15)
    })
}
