//! Printing of data processing and multiplication.

use super::{Printer, operand, reg, shift_name, shift_text};
use crate::insn::{DpOp, ExtendOp, Insn, MulOp, Operand, ParallelKind, ParallelOp, SatOp, Shift, UnaryOp};

impl Printer {
    pub(super) fn data_processing(&self, insn: &Insn) -> String {
        match *insn {
            Insn::Dp { op, setflags, rd, rn, src, imm12 } => {
                self.two_operands(op, setflags, rd, rn, src, imm12)
            }
            Insn::ShiftReg { kind, setflags, rd, rn, rm } => {
                let head = self.sized(&with_flags(shift_name(kind), setflags));
                if self.wide {
                    format!("{head}{}, {}, {}", reg(rd), reg(rn), reg(rm))
                } else {
                    format!("{head}{}, {}", reg(rd), reg(rm))
                }
            }
            Insn::Movw { rd, imm } => format!("{}{}, #{imm}", self.name("movw"), reg(rd)),
            Insn::Movt { rd, imm } => format!("{}{}, #{imm}", self.name("movt"), reg(rd)),
            Insn::Adr { rd, offset, subtract } => {
                let name = match (self.wide, subtract) {
                    (false, _) => "add",
                    (true, false) => "addw",
                    (true, true) => "subw",
                };
                let (head, remark) = (self.name(name), self.literal(offset));
                let magnitude = if subtract { offset.wrapping_neg() } else { offset };
                format!("{head}{}, pc, #{magnitude}{remark}", reg(rd))
            }
            Insn::Mul { op, setflags, rd, rn, rm, ra } => self.multiply(op, setflags, [rd, rn, rm, ra]),
            Insn::Parallel { kind, op, rd, rn, rm } => {
                let name = format!("{}{}", parallel_prefix(kind), parallel_lanes(op));
                self.three(&self.name(&name), rd, rn, rm)
            }
            Insn::Sat2 { op, rd, rn, rm } => {
                let name = match op {
                    SatOp::Qadd => "qadd",
                    SatOp::Qsub => "qsub",
                    SatOp::Qdadd => "qdadd",
                    SatOp::Qdsub => "qdsub",
                };
                self.three(&self.name(name), rd, rm, rn)
            }
            Insn::Sel { rd, rn, rm } => self.three(&self.name("sel"), rd, rn, rm),
            Insn::Saturate { signed, rd, bits, rn, shift } => {
                let head = self.name(if signed { "ssat" } else { "usat" });
                format!("{head}{}, #{bits}, {}{}", reg(rd), reg(rn), shift_text(shift))
            }
            Insn::Saturate16 { signed, rd, bits, rn } => {
                let head = self.name(if signed { "ssat16" } else { "usat16" });
                format!("{head}{}, #{bits}, {}", reg(rd), reg(rn))
            }
            Insn::Extend { op, rd, rn, rm, rotation } => self.extend(op, rd, rn, rm, rotation),
            Insn::Pkh { top, rd, rn, rm, shift } => {
                let head = self.name(if top { "pkhtb" } else { "pkhbt" });
                format!("{head}{}, {}, {}{}", reg(rd), reg(rn), reg(rm), shift_text(shift))
            }
            Insn::Unary { op, rd, rm } => {
                let head = match op {
                    UnaryOp::Rev => self.sized("rev"),
                    UnaryOp::Rev16 => self.sized("rev16"),
                    UnaryOp::Revsh => self.sized("revsh"),
                    UnaryOp::Rbit => self.name("rbit"),
                    UnaryOp::Clz => self.name("clz"),
                };
                format!("{head}{}, {}", reg(rd), reg(rm))
            }
            Insn::Bfi { rd, rn, lsb, width } => {
                format!("{}{}, {}, #{lsb}, #{width}", self.name("bfi"), reg(rd), reg(rn))
            }
            Insn::Bfc { rd, lsb, width } => format!("{}{}, #{lsb}, #{width}", self.name("bfc"), reg(rd)),
            Insn::Bfx { signed, rd, rn, lsb, width } => {
                let head = self.name(if signed { "sbfx" } else { "ubfx" });
                format!("{head}{}, {}, #{lsb}, #{width}", reg(rd), reg(rn))
            }
            _ => String::new(),
        }
    }

    fn three(&self, head: &str, a: u8, b: u8, c: u8) -> String {
        format!("{head}{}, {}, {}", reg(a), reg(b), reg(c))
    }

    fn two_operands(&self, op: DpOp, setflags: bool, rd: u8, rn: u8, src: Operand, imm12: bool) -> String {
        let name = dp_name(op);
        match op {
            DpOp::Tst | DpOp::Teq | DpOp::Cmp | DpOp::Cmn => {
                let head = if op == DpOp::Teq { self.name(name) } else { self.sized(name) };
                return format!("{head}{}, {}", reg(rn), operand(src));
            }
            DpOp::Mov | DpOp::Mvn => return self.move_or_shift(name, setflags, rd, src),
            _ => {}
        }
        let flagged = with_flags(name, setflags);
        if self.wide {
            let head = match op {
                _ if imm12 => self.name(&format!("{flagged}w")),
                DpOp::Orn | DpOp::Rsb => self.name(&flagged),
                _ => self.sized(&flagged),
            };
            return format!("{head}{}, {}, {}", reg(rd), reg(rn), operand(src));
        }
        if op == DpOp::Rsb {
            let head = self.name(&with_flags("neg", setflags));
            return format!("{head}{}, {}", reg(rd), reg(rn));
        }
        let head = self.name(&flagged);
        // The additions and subtractions of low registers have three operands, everything else on two registers has two.
        let three = match (op, src) {
            (DpOp::Add | DpOp::Sub, Operand::Imm { .. }) => rd != rn,
            (DpOp::Add | DpOp::Sub, Operand::Reg { .. }) => setflags || rd != rn,
            _ => false,
        };
        if three {
            format!("{head}{}, {}, {}", reg(rd), reg(rn), operand(src))
        } else {
            format!("{head}{}, {}", reg(rd), operand(src))
        }
    }

    /// MOV and MVN; a 16-bit move with a shift is the shift.
    fn move_or_shift(&self, name: &str, setflags: bool, rd: u8, src: Operand) -> String {
        match src {
            Operand::Reg { rm, shift } if !self.wide && shift != Shift::NONE => {
                let head = self.name(&with_flags(shift_name(shift.kind), setflags));
                format!("{head}{}, {}, #{}", reg(rd), reg(rm), shift.amount)
            }
            _ => format!("{}{}, {}", self.sized(&with_flags(name, setflags)), reg(rd), operand(src)),
        }
    }

    fn extend(&self, op: ExtendOp, rd: u8, rn: u8, rm: u8, rotation: u8) -> String {
        // (alone, with addition, alone has a 16-bit encoding)
        let (alone, adding, sized) = match op {
            ExtendOp::Sxtb => ("sxtb", "sxtab", true),
            ExtendOp::Sxth => ("sxth", "sxtah", true),
            ExtendOp::Uxtb => ("uxtb", "uxtab", true),
            ExtendOp::Uxth => ("uxth", "uxtah", true),
            ExtendOp::Sxtb16 => ("sxtb16", "sxtab16", false),
            ExtendOp::Uxtb16 => ("uxtb16", "uxtab16", false),
        };
        let rotation = if rotation == 0 { String::new() } else { format!(", ror #{rotation}") };
        if rn == 15 {
            let head = if sized { self.sized(alone) } else { self.name(alone) };
            format!("{head}{}, {}{rotation}", reg(rd), reg(rm))
        } else {
            format!("{}{}, {}, {}{rotation}", self.name(adding), reg(rd), reg(rn), reg(rm))
        }
    }

    /// `registers`: rd (RdHi), rn, rm, ra (RdLo).
    fn multiply(&self, op: MulOp, setflags: bool, registers: [u8; 4]) -> String {
        let [rd, rn, rm, ra] = registers.map(reg);
        let (name, shape) = multiply_name(op);
        if op == MulOp::Mul {
            if !self.wide {
                return format!("{}{rd}, {rn}", self.name(&with_flags(&name, setflags)));
            }
            return format!("{}{rd}, {rn}, {rm}", self.sized(&name));
        }
        let head = self.name(&name);
        match shape {
            Shape::Three => format!("{head}{rd}, {rn}, {rm}"),
            Shape::Accumulate => format!("{head}{rd}, {rn}, {rm}, {ra}"),
            Shape::Long => format!("{head}{ra}, {rd}, {rn}, {rm}"),
        }
    }
}

/// Operands of a multiplication.
enum Shape {
    /// rd, rn, rm.
    Three,
    /// rd, rn, rm, ra.
    Accumulate,
    /// RdLo, RdHi, rn, rm.
    Long,
}

fn multiply_name(op: MulOp) -> (String, Shape) {
    let half = |top| if top { "t" } else { "b" };
    let swap = |x| if x { "x" } else { "" };
    let round = |r| if r { "r" } else { "" };
    match op {
        MulOp::Mul => ("mul".to_owned(), Shape::Three),
        MulOp::Mla => ("mla".to_owned(), Shape::Accumulate),
        MulOp::Mls => ("mls".to_owned(), Shape::Accumulate),
        MulOp::Umull => ("umull".to_owned(), Shape::Long),
        MulOp::Smull => ("smull".to_owned(), Shape::Long),
        MulOp::Umlal => ("umlal".to_owned(), Shape::Long),
        MulOp::Smlal => ("smlal".to_owned(), Shape::Long),
        MulOp::Umaal => ("umaal".to_owned(), Shape::Long),
        MulOp::Smlaxy { x, y } => (format!("smla{}{}", half(x), half(y)), Shape::Accumulate),
        MulOp::Smulxy { x, y } => (format!("smul{}{}", half(x), half(y)), Shape::Three),
        MulOp::Smlalxy { x, y } => (format!("smlal{}{}", half(x), half(y)), Shape::Long),
        MulOp::Smlaw { y } => (format!("smlaw{}", half(y)), Shape::Accumulate),
        MulOp::Smulw { y } => (format!("smulw{}", half(y)), Shape::Three),
        MulOp::Smlad { x } => (format!("smlad{}", swap(x)), Shape::Accumulate),
        MulOp::Smlsd { x } => (format!("smlsd{}", swap(x)), Shape::Accumulate),
        MulOp::Smuad { x } => (format!("smuad{}", swap(x)), Shape::Three),
        MulOp::Smusd { x } => (format!("smusd{}", swap(x)), Shape::Three),
        MulOp::Smlald { x } => (format!("smlald{}", swap(x)), Shape::Long),
        MulOp::Smlsld { x } => (format!("smlsld{}", swap(x)), Shape::Long),
        MulOp::Smmla { round: r } => (format!("smmla{}", round(r)), Shape::Accumulate),
        MulOp::Smmls { round: r } => (format!("smmls{}", round(r)), Shape::Accumulate),
        MulOp::Smmul { round: r } => (format!("smmul{}", round(r)), Shape::Three),
        MulOp::Usad8 => ("usad8".to_owned(), Shape::Three),
        MulOp::Usada8 => ("usada8".to_owned(), Shape::Accumulate),
        MulOp::Sdiv => ("sdiv".to_owned(), Shape::Three),
        MulOp::Udiv => ("udiv".to_owned(), Shape::Three),
    }
}

/// A mnemonic with "s" where it sets the flags.
fn with_flags(name: &str, setflags: bool) -> String {
    let flags = if setflags { "s" } else { "" };
    format!("{name}{flags}")
}

fn dp_name(op: DpOp) -> &'static str {
    match op {
        DpOp::And => "and",
        DpOp::Bic => "bic",
        DpOp::Orr => "orr",
        DpOp::Orn => "orn",
        DpOp::Eor => "eor",
        DpOp::Add => "add",
        DpOp::Adc => "adc",
        DpOp::Sub => "sub",
        DpOp::Sbc => "sbc",
        DpOp::Rsb => "rsb",
        DpOp::Mov => "mov",
        DpOp::Mvn => "mvn",
        DpOp::Tst => "tst",
        DpOp::Teq => "teq",
        DpOp::Cmp => "cmp",
        DpOp::Cmn => "cmn",
    }
}

fn parallel_prefix(kind: ParallelKind) -> &'static str {
    match kind {
        ParallelKind::S => "s",
        ParallelKind::Q => "q",
        ParallelKind::Sh => "sh",
        ParallelKind::U => "u",
        ParallelKind::Uq => "uq",
        ParallelKind::Uh => "uh",
    }
}

fn parallel_lanes(op: ParallelOp) -> &'static str {
    match op {
        ParallelOp::Add16 => "add16",
        ParallelOp::Asx => "asx",
        ParallelOp::Sax => "sax",
        ParallelOp::Sub16 => "sub16",
        ParallelOp::Add8 => "add8",
        ParallelOp::Sub8 => "sub8",
    }
}
