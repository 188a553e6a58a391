//! Printing of loads and stores.

use super::{Printer, reg};
use crate::insn::{Address, ExclusiveSize, Insn, Width};

impl Printer {
    pub(super) fn memory(&self, insn: &Insn) -> String {
        match *insn {
            Insn::Load { width, rt, address } => self.single("ldr", width, rt, address),
            Insn::Store { width, rt, address } => self.single("str", width, rt, address),
            Insn::LoadDual { rt, rt2, rn, offset, index, writeback, subtract } => {
                let address = self.dual_address(rn, offset, index, writeback, subtract);
                format!("{}{}, {}, {address}", self.name("ldrd"), reg(rt), reg(rt2))
            }
            Insn::StoreDual { rt, rt2, rn, offset, index, writeback, subtract } => {
                let address = self.dual_address(rn, offset, index, writeback, subtract);
                format!("{}{}, {}, {address}", self.name("strd"), reg(rt), reg(rt2))
            }
            Insn::LoadMultiple { rn, registers, writeback, before } => {
                self.multiple(["pop", "ldmdb", "ldmia"], before, rn, registers, writeback)
            }
            Insn::StoreMultiple { rn, registers, writeback, before } => {
                self.multiple(["push", "stmdb", "stmia"], before, rn, registers, writeback)
            }
            Insn::LoadExclusive { size, rt, rn, offset } => {
                let head = self.name(&format!("ldrex{}", exclusive_suffix(size)));
                format!("{head}{}, {}", reg(rt), exclusive_address(rn, offset))
            }
            Insn::StoreExclusive { size, rd, rt, rn, offset } => {
                let head = self.name(&format!("strex{}", exclusive_suffix(size)));
                format!("{head}{}, {}, {}", reg(rd), reg(rt), exclusive_address(rn, offset))
            }
            Insn::Preload { instruction, address } => {
                let head = self.name(if instruction { "pli" } else { "pld" });
                format!("{head}{}", self.address_text(address))
            }
            Insn::TableBranch { half: false, rn, rm } => {
                format!("{}[{}, {}]", self.name("tbb"), reg(rn), reg(rm))
            }
            Insn::TableBranch { half: true, rn, rm } => {
                format!("{}[{}, {}, lsl #1]", self.name("tbh"), reg(rn), reg(rm))
            }
            _ => String::new(),
        }
    }

    fn single(&self, base: &str, width: Width, rt: u8, address: Address) -> String {
        let suffix = match width {
            Width::Word => "",
            Width::Half => "h",
            Width::Byte => "b",
            Width::SignedHalf => "sh",
            Width::SignedByte => "sb",
        };
        let head = match address {
            Address::Unprivileged { .. } => self.name(&format!("{base}{suffix}t")),
            _ => self.sized(&format!("{base}{suffix}")),
        };
        format!("{head}{}, {}", reg(rt), self.address_text(address))
    }

    fn address_text(&self, address: Address) -> String {
        match address {
            Address::Imm { rn, offset, index: false, .. } => format!("[{}], #{offset}", reg(rn)),
            Address::Imm { rn, offset: 0, writeback: true, .. } => format!("[{}]!", reg(rn)),
            Address::Imm { rn, offset, writeback: true, .. } => format!("[{}, #{offset}]!", reg(rn)),
            // The 16-bit forms show a zero, the 32-bit ones do not.
            Address::Imm { rn, offset: 0, .. } if self.wide => format!("[{}]", reg(rn)),
            Address::Imm { rn, offset, .. } => format!("[{}, #{offset}]", reg(rn)),
            Address::Reg { rn, rm, shift: 0 } => format!("[{}, {}]", reg(rn), reg(rm)),
            Address::Reg { rn, rm, shift } => format!("[{}, {}, lsl #{shift}]", reg(rn), reg(rm)),
            Address::Literal { offset: 0, subtract: false } if self.wide => {
                format!("[pc]{}", self.literal(0))
            }
            Address::Literal { offset, subtract } => {
                format!("[pc, #{}]{}", signed(offset, subtract), self.literal(offset))
            }
            Address::Unprivileged { rn, offset: 0 } => format!("[{}]", reg(rn)),
            Address::Unprivileged { rn, offset } => format!("[{}, #{offset}]", reg(rn)),
        }
    }

    fn dual_address(&self, rn: u8, offset: i32, index: bool, writeback: bool, subtract: bool) -> String {
        let text = signed(offset, subtract);
        if !index {
            return format!("[{}], #{text}", reg(rn));
        }
        let mark = if writeback { "!" } else { "" };
        let literal = if rn == 15 { self.literal(offset) } else { String::new() };
        if offset == 0 && !subtract {
            format!("[{}]{mark}{literal}", reg(rn))
        } else {
            format!("[{}, #{text}]{mark}{literal}", reg(rn))
        }
    }

    /// `names`: on the stack (16-bit), decrementing before, incrementing after.
    fn multiple(&self, names: [&str; 3], before: bool, rn: u8, registers: u16, writeback: bool) -> String {
        let [stack, down, up] = names;
        let list = register_list(registers);
        if !self.wide && rn == 13 {
            return format!("{}{list}", self.name(stack));
        }
        let head = if before { self.name(down) } else { self.sized(up) };
        let mark = if writeback { "!" } else { "" };
        format!("{head}{}{mark}, {list}", reg(rn))
    }
}

/// An offset with its sign even when it is zero.
pub(super) fn signed(offset: i32, subtract: bool) -> String {
    if offset == 0 && subtract { "-0".to_owned() } else { offset.to_string() }
}

fn register_list(registers: u16) -> String {
    let names: Vec<&str> = (0..16).filter(|r| (registers >> r) & 1 != 0).map(reg).collect();
    format!("{{{}}}", names.join(", "))
}

fn exclusive_suffix(size: ExclusiveSize) -> &'static str {
    match size {
        ExclusiveSize::Word => "",
        ExclusiveSize::Half => "h",
        ExclusiveSize::Byte => "b",
    }
}

fn exclusive_address(rn: u8, offset: u16) -> String {
    if offset == 0 { format!("[{}]", reg(rn)) } else { format!("[{}, #{offset}]", reg(rn)) }
}
