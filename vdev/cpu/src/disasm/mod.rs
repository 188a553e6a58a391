//! The disassembler: an instruction as `arm-none-eabi-objdump -d -M reg-names-std` prints it, mnemonic and operands
//! separated by a tab, so that a trace reads like the listing beside it and the decoder can be proven against objdump.
//!
//! After `\t@ ` may follow a remark: where a PC-relative operand points, the value of a constant.

mod coprocessor;
mod dataproc;
mod float;
mod memory;

use crate::insn::{Barrier, Cond, Decoded, Hint, Insn, Operand, Shift, ShiftKind};

/// Prints an instruction. `address` is where it is; `condition` is the one of its IT block, None outside.
///
/// In an IT block the 16-bit additions with a destination that is also the first operand are printed in the short form
/// (`addeq r0, r1`); outside, in the form with three registers.
#[must_use]
pub fn disassemble(decoded: &Decoded, address: u32, condition: Option<Cond>) -> String {
    let condition = condition.map_or("", condition_name);
    Printer { address, wide: decoded.length == 4, condition }.print(&decoded.insn)
}

/// The suffix of a condition; "always" has none.
#[must_use]
pub fn condition_name(condition: Cond) -> &'static str {
    const NAMES: [&str; 16] =
        ["eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "", "<nv>"];
    NAMES[usize::from(condition.0 & 15)]
}

/// The name of a core register.
#[must_use]
pub fn register_name(register: u8) -> &'static str {
    const NAMES: [&str; 16] =
        ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr", "pc"];
    NAMES[usize::from(register & 15)]
}

use register_name as reg;

/// What the printing functions share.
struct Printer {
    address: u32,
    wide: bool,
    condition: &'static str,
}

impl Printer {
    /// A mnemonic with the condition and then `suffix` (a data type).
    fn typed(&self, name: &str, suffix: &str) -> String {
        format!("{name}{}{suffix}\t", self.condition)
    }

    /// A mnemonic with the condition.
    fn name(&self, name: &str) -> String {
        self.typed(name, "")
    }

    /// A mnemonic of which a 16-bit encoding exists: the 32-bit one is marked.
    fn sized(&self, name: &str) -> String {
        self.typed(name, if self.wide { ".w" } else { "" })
    }

    /// A branch target.
    fn target(&self, offset: i32) -> String {
        format!("{:x}", self.address.wrapping_add(4).wrapping_add_signed(offset))
    }

    /// The remark on a PC-relative operand.
    fn literal(&self, offset: i32) -> String {
        let base = self.address.wrapping_add(4) & !3;
        format!("\t@ ({:x})", base.wrapping_add_signed(offset))
    }

    fn print(&self, insn: &Insn) -> String {
        match *insn {
            Insn::Dp { .. }
            | Insn::ShiftReg { .. }
            | Insn::Movw { .. }
            | Insn::Movt { .. }
            | Insn::Adr { .. }
            | Insn::Mul { .. }
            | Insn::Parallel { .. }
            | Insn::Sat2 { .. }
            | Insn::Sel { .. }
            | Insn::Saturate { .. }
            | Insn::Saturate16 { .. }
            | Insn::Extend { .. }
            | Insn::Pkh { .. }
            | Insn::Unary { .. }
            | Insn::Bfi { .. }
            | Insn::Bfc { .. }
            | Insn::Bfx { .. } => self.data_processing(insn),
            Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::LoadDual { .. }
            | Insn::StoreDual { .. }
            | Insn::LoadMultiple { .. }
            | Insn::StoreMultiple { .. }
            | Insn::LoadExclusive { .. }
            | Insn::StoreExclusive { .. }
            | Insn::Preload { .. }
            | Insn::TableBranch { .. } => self.memory(insn),
            Insn::Branch { cond, offset } => {
                let size = if self.wide { ".w" } else { ".n" };
                // A branch has a condition of its own or that of the IT block, never both.
                let condition = if cond == Cond::AL { self.condition } else { condition_name(cond) };
                format!("b{condition}{size}\t{}", self.target(offset))
            }
            Insn::BranchLink { offset } => format!("{}{}", self.name("bl"), self.target(offset)),
            Insn::Bx { rm } => format!("{}{}", self.name("bx"), reg(rm)),
            Insn::Blx { rm } => format!("{}{}", self.name("blx"), reg(rm)),
            Insn::CompareBranch { nonzero, rn, offset } => {
                let name = if nonzero { "cbnz" } else { "cbz" };
                format!("{name}\t{}, {}", reg(rn), self.target(offset))
            }
            Insn::It { first, mask } => if_then(first, mask),
            Insn::Hint(hint) => self.hint(hint),
            Insn::Clrex => "clrex".to_owned() + self.condition,
            Insn::Barrier { kind, option } => {
                let name = match kind {
                    Barrier::Dmb => "dmb",
                    Barrier::Dsb => "dsb",
                    Barrier::Isb => "isb",
                };
                format!("{}{}", self.name(name), barrier_option(kind, option))
            }
            Insn::Cps { disable, primask, faultmask } => {
                let effect = if disable { "cpsid" } else { "cpsie" };
                let masks = [(primask, "i"), (faultmask, "f")];
                let masks: String = masks.iter().filter(|mask| mask.0).map(|mask| mask.1).collect();
                format!("{effect}\t{masks}")
            }
            Insn::Mrs { rd, sysm } => format!("{}{}, {}", self.name("mrs"), reg(rd), special(sysm)),
            Insn::Msr { rn, sysm, mask } => {
                // Only the APSR has parts to choose from.
                let part = match (sysm, mask) {
                    (0..=3, 0b01) => "_g",
                    (0..=3, 0b10) => "_nzcvq",
                    (0..=3, 0b11) => "_nzcvqg",
                    _ => "",
                };
                format!("{}{}{part}, {}", self.name("msr"), special(sysm), reg(rn))
            }
            Insn::Svc { imm } => format!("{}{imm}", self.name("svc")),
            Insn::Bkpt { imm } => format!("bkpt\t{imm:#06x}"),
            Insn::Udf { imm } => format!("{}#{imm}", self.sized("udf")),
            Insn::Coprocessor { number, encoding } => self.coprocessor(number, encoding),
            Insn::Undefined { encoding } => {
                if self.wide {
                    format!("<UNDEFINED> instruction: {encoding:#010x}")
                } else {
                    format!("<UNDEFINED> instruction: {encoding:#06x}")
                }
            }
            _ => self.float(insn),
        }
    }

    fn hint(&self, hint: Hint) -> String {
        match hint {
            Hint::Nop => self.sized("nop").trim_end().to_owned(),
            Hint::Yield => self.sized("yield").trim_end().to_owned(),
            Hint::Wfe => self.sized("wfe").trim_end().to_owned(),
            Hint::Wfi => self.sized("wfi").trim_end().to_owned(),
            Hint::Sev => self.sized("sev").trim_end().to_owned(),
            Hint::Dbg(option) => format!("{}#{option}", self.name("dbg")),
            Hint::Reserved(number) => format!("{}{{{number}}}", self.sized("nop")),
            Hint::Memory => "nop\t{memory hint}".to_owned(),
        }
    }
}

/// IT with its then and else letters.
fn if_then(first: Cond, mask: u8) -> String {
    let length = 4 - mask.trailing_zeros().min(3);
    let letters = (1..length).map(|slot| {
        let same = (mask >> (4 - slot)) & 1 == first.0 & 1;
        if same { 't' } else { 'e' }
    });
    let condition = if first == Cond::AL { "al" } else { condition_name(first) };
    format!("it{}\t{condition}", letters.collect::<String>())
}

/// Barrier options (A7.7, DMB, DSB, ISB): the M profile knows only the full system.
fn barrier_option(kind: Barrier, option: u8) -> String {
    let name = match (kind, option) {
        (_, 0b1111) => "sy",
        (Barrier::Isb, _) => "",
        (_, 0b1110) => "st",
        (_, 0b1011) => "ish",
        (_, 0b1010) => "ishst",
        (_, 0b0111) => "un",
        (_, 0b0110) => "unst",
        (_, 0b0011) => "osh",
        (_, 0b0010) => "oshst",
        _ => "",
    };
    if name.is_empty() { format!("#{option}") } else { name.to_owned() }
}

/// Special registers of MRS and MSR (B5.1.1).
fn special(sysm: u8) -> String {
    let name = match sysm {
        0 => "APSR",
        1 => "IAPSR",
        2 => "EAPSR",
        3 => "PSR",
        5 => "IPSR",
        6 => "EPSR",
        7 => "IEPSR",
        8 => "MSP",
        9 => "PSP",
        16 => "PRIMASK",
        17 => "BASEPRI",
        18 => "BASEPRI_MAX",
        19 => "FAULTMASK",
        20 => "CONTROL",
        _ => return format!("({sysm})"),
    };
    name.to_owned()
}

/// A constant shift after a register: `, lsl #2`; nothing for none.
fn shift_text(shift: Shift) -> String {
    match shift {
        Shift::NONE => String::new(),
        Shift { kind: ShiftKind::Rrx, .. } => ", rrx".to_owned(),
        Shift { kind, amount } => format!(", {} #{amount}", shift_name(kind)),
    }
}

/// The name of a shift.
fn shift_name(kind: ShiftKind) -> &'static str {
    match kind {
        ShiftKind::Lsl => "lsl",
        ShiftKind::Lsr => "lsr",
        ShiftKind::Asr => "asr",
        ShiftKind::Ror => "ror",
        ShiftKind::Rrx => "rrx",
    }
}

/// A second operand.
fn operand(operand: Operand) -> String {
    match operand {
        Operand::Imm { value, .. } => format!("#{value}"),
        Operand::Reg { rm, shift } => format!("{}{}", reg(rm), shift_text(shift)),
    }
}

#[cfg(test)]
mod tests;
