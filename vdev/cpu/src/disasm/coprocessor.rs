//! Printing of instructions for coprocessors that are not there (A5.3.18).

use super::{Printer, reg};

impl Printer {
    pub(super) fn coprocessor(&self, number: u8, encoding: u32) -> String {
        let field = |high: u32, low: u32| (encoding >> low) & ((1 << (high - low + 1)) - 1);
        let register = |low: u32| reg(((encoding >> low) & 15) as u8);
        let second = if field(28, 28) == 1 { "2" } else { "" };
        let load = field(20, 20) == 1;
        let named = |store: &str, loading: &str| {
            self.name(&format!("{}{second}", if load { loading } else { store }))
        };
        if field(25, 24) == 0b10 {
            let (crn, crm, opc2) = (field(19, 16), field(3, 0), field(7, 5));
            if field(4, 4) == 1 {
                // Into the PC means into the flags.
                let rt = match register(12) {
                    "pc" if load && second.is_empty() => "APSR_nzcv",
                    rt => rt,
                };
                let head = named("mcr", "mrc");
                return format!("{head}{number}, {}, {rt}, cr{crn}, cr{crm}, {{{opc2}}}", field(23, 21));
            }
            let head = self.name(&format!("cdp{second}"));
            let crd = field(15, 12);
            return format!("{head}{number}, {}, cr{crd}, cr{crn}, cr{crm}, {{{opc2}}}", field(23, 20));
        }
        if field(25, 21) == 0b00010 {
            let head = named("mcrr", "mrrc");
            let (rt, rt2) = (register(12), register(16));
            return format!("{head}{number}, {}, {rt}, {rt2}, cr{}", field(7, 4), field(3, 0));
        }
        let long = if field(22, 22) == 1 { "l" } else { "" };
        let head = self.name(&format!("{}{second}{long}", if load { "ldc" } else { "stc" }));
        let (crd, imm8) = (field(15, 12), field(7, 0));
        let rn = register(16);
        let minus = if field(23, 23) == 1 { "" } else { "-" };
        let address = match (field(24, 24), field(21, 21)) {
            (1, 0) if imm8 == 0 && minus.is_empty() => format!("[{rn}]"),
            (1, writeback) => {
                let mark = if writeback == 1 { "!" } else { "" };
                format!("[{rn}, #{minus}{}]{mark}", imm8 * 4)
            }
            (_, 1) => format!("[{rn}], #{minus}{}", imm8 * 4),
            _ => format!("[{rn}], {{{imm8}}}"),
        };
        format!("{head}{number}, cr{crd}, {address}")
    }
}
