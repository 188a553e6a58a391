//! What the comparison with objdump (`ironroot-prove`) does not show: remarks, and text in IT blocks at an address.

use super::disassemble;
use crate::decode::decode;
use crate::insn::Cond;

fn text(first: u16, second: u16, condition: Option<Cond>) -> String {
    let decoded = decode(first, second, condition.is_some());
    disassemble(&decoded, 0x0800_0102, condition)
}

#[test]
fn remarks_say_where_and_what() {
    // Literals count from the word-aligned PC.
    assert_eq!(text(0x4801, 0, None), "ldr\tr0, [pc, #4]\t@ (8000108)");
    assert_eq!(text(0xF2AF, 0x0104, None), "subw\tr1, pc, #4\t@ (8000100)");
    assert_eq!(text(0xED9F, 0x0A01, None), "vldr\ts0, [pc, #4]\t@ (8000108)");
    assert_eq!(text(0xEEF7, 0x0A08, None), "vmov.f32\ts1, #120\t@ 1.5");
}

#[test]
fn branches_print_their_targets() {
    assert_eq!(text(0xE7FE, 0, None), "b.n\t8000102");
    assert_eq!(text(0xF7FF, 0xFFFE, None), "bl\t8000102");
}

#[test]
fn conditions_come_before_size_and_type() {
    let greater = Some(Cond(12));
    assert_eq!(text(0x3001, 0, None), "adds\tr0, #1");
    assert_eq!(text(0x3001, 0, greater), "addgt\tr0, #1");
    assert_eq!(text(0xF110, 0x0001, greater), "addsgt.w\tr0, r0, #1");
    assert_eq!(text(0xEE30, 0x0A00, greater), "vaddgt.f32\ts0, s0, s0");
    assert_eq!(text(0xE7FE, 0, greater), "bgt.n\t8000102");
}

#[test]
fn it_spells_then_and_else() {
    assert_eq!(text(0xBF08, 0, None), "it\teq");
    assert_eq!(text(0xBF0C, 0, None), "ite\teq");
    assert_eq!(text(0xBF1C, 0, None), "itt\tne");
    assert_eq!(text(0xBFC5, 0, None), "ittet\tgt");
}
