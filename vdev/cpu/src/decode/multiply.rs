//! Multiplication, division and absolute differences (A5.3.16, A5.3.17).

use super::{Found, bad, bit, bits, field, undefined};
use crate::insn::{Insn, MulOp};

/// Results of 32 bits (A5.3.16).
pub(super) fn short(word: u32) -> Found {
    let (rd, rn, rm, ra) = (field(word, 11, 8), field(word, 19, 16), field(word, 3, 0), field(word, 15, 12));
    if bits(word, 7, 6) != 0 {
        return undefined(word);
    }
    let alone = ra == 15;
    let (x, y) = (bit(word, 5), bit(word, 4));
    let choose = |without, with| if alone { without } else { with };
    // `needs_ra`: the forms where 15 does not mean "no accumulator".
    let (op, needs_ra) = match (bits(word, 22, 20), bits(word, 5, 4)) {
        (0, 0) => (choose(MulOp::Mul, MulOp::Mla), false),
        (0, 1) => (MulOp::Mls, true),
        (1, _) => (choose(MulOp::Smulxy { x, y }, MulOp::Smlaxy { x, y }), false),
        (2, 0 | 1) => (choose(MulOp::Smuad { x: y }, MulOp::Smlad { x: y }), false),
        (3, 0 | 1) => (choose(MulOp::Smulw { y }, MulOp::Smlaw { y }), false),
        (4, 0 | 1) => (choose(MulOp::Smusd { x: y }, MulOp::Smlsd { x: y }), false),
        (5, 0 | 1) => (choose(MulOp::Smmul { round: y }, MulOp::Smmla { round: y }), false),
        (6, 0 | 1) => (MulOp::Smmls { round: y }, true),
        (7, 0) => (choose(MulOp::Usad8, MulOp::Usada8), false),
        _ => return undefined(word),
    };
    let unpredictable = bad(rd) || bad(rn) || bad(rm) || ra == 13 || (needs_ra && alone);
    (Insn::Mul { op, setflags: false, rd, rn, rm, ra }, unpredictable)
}

/// Results of 64 bits, and the divisions (A5.3.17). `rd` is RdHi, `ra` is RdLo.
pub(super) fn long(word: u32) -> Found {
    let (rd, rn, rm, ra) = (field(word, 11, 8), field(word, 19, 16), field(word, 3, 0), field(word, 15, 12));
    let (x, y) = (bit(word, 5), bit(word, 4));
    let op = match (bits(word, 22, 20), bits(word, 7, 4)) {
        (0, 0) => MulOp::Smull,
        (1, 15) => MulOp::Sdiv,
        (2, 0) => MulOp::Umull,
        (3, 15) => MulOp::Udiv,
        (4, 0) => MulOp::Smlal,
        (4, 8..=11) => MulOp::Smlalxy { x, y },
        (4, 12 | 13) => MulOp::Smlald { x: y },
        (5, 12 | 13) => MulOp::Smlsld { x: y },
        (6, 0) => MulOp::Umlal,
        (6, 6) => MulOp::Umaal,
        _ => return undefined(word),
    };
    let operands = bad(rd) || bad(rn) || bad(rm);
    let unpredictable = match op {
        MulOp::Sdiv | MulOp::Udiv => operands || ra != 15,
        _ => operands || bad(ra) || rd == ra,
    };
    (Insn::Mul { op, setflags: false, rd, rn, rm, ra }, unpredictable)
}
