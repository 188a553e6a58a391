//! Traces: every instruction with its symbol, every bus access, every exception, as text or JSON Lines.

use std::io::{self, Write};

use ironroot_cpu::bus::{Bus, Kind, Size};
use ironroot_cpu::core::Core;
use ironroot_cpu::decode;
use ironroot_cpu::disasm;
use ironroot_cpu::insn::{Address, Cond, Insn, Width};
use ironroot_cpu::machine::{Action, Hook};
use ironroot_cpu::op::Args;

use crate::symbols::Symbols;

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An instruction, before it runs.
    Instruction {
        /// Instructions since power-on.
        count: u64,
        /// Its address.
        pc: u32,
        /// Function and offset.
        symbol: String,
        /// As an assembler writes it.
        text: String,
        /// False when its IT condition fails.
        runs: bool,
    },
    /// A data access that the instruction above makes.
    Access {
        /// Instructions since power-on.
        count: u64,
        /// `read` or `write`.
        kind: &'static str,
        /// First byte.
        address: u32,
        /// Bytes.
        size: u32,
        /// What is written; None for reads.
        value: Option<u32>,
    },
    /// An exception was entered, or (0) Thread mode reached again.
    Exception {
        /// Instructions since power-on.
        count: u64,
        /// Exception number.
        number: u16,
        /// First instruction of the handler.
        pc: u32,
    },
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Event::Instruction { count, pc, symbol, text, runs } => {
                let skipped = if *runs { "" } else { "   ; not run" };
                write!(f, "{count:>10}  {pc:08x}  {text:<40} {symbol}{skipped}")
            }
            Event::Access { kind, address, size, value, .. } => {
                write!(f, "{:>10}            {kind:<5} {address:#010x} {size}", "")?;
                value.map_or(Ok(()), |value| write!(f, " = {value:#x}"))
            }
            Event::Exception { count, number, pc } => {
                write!(f, "{count:>10}  -------- exception {number}, handler {pc:#010x}")
            }
        }
    }
}

/// What to trace.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only instructions and handlers with an address in this range.
    pub range: std::ops::Range<u64>,
    /// Data accesses too.
    pub accesses: bool,
    /// Stop after this many instructions were written.
    pub most: u64,
}

impl Default for Filter {
    fn default() -> Self {
        Filter { range: 0..1 << 32, accesses: false, most: u64::MAX }
    }
}

/// Writes a trace while the machine runs.
pub struct Tracer<'a, W: Write> {
    out: W,
    json: bool,
    filter: Filter,
    symbols: &'a Symbols,
    written: u64,
    error: Option<io::Error>,
}

impl<'a, W: Write> Tracer<'a, W> {
    /// A tracer that writes text, or JSON Lines.
    pub fn new(out: W, json: bool, filter: Filter, symbols: &'a Symbols) -> Self {
        Tracer { out, json, filter, symbols, written: 0, error: None }
    }

    /// Instructions written; or what went wrong while writing.
    pub fn finish(mut self) -> io::Result<u64> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.written),
        }
    }

    fn emit(&mut self, event: &Event) {
        if self.error.is_some() {
            return;
        }
        let result = if self.json {
            serde_json::to_writer(&mut self.out, event)
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n"))
        } else {
            writeln!(self.out, "{event}")
        };
        self.error = result.err();
    }
}

impl<B: Bus, W: Write> Hook<B> for Tracer<'_, W> {
    fn before(&mut self, core: &mut Core<B>, pc: u32, args: &Args) -> Action {
        if self.error.is_some() || self.written >= self.filter.most {
            return Action::Stop;
        }
        if !self.filter.range.contains(&u64::from(pc)) {
            return Action::Run;
        }
        self.written += 1;
        let count = core.instructions + u64::from(args.index);
        let in_it = args.it & 0xF != 0;
        let runs = !in_it || core.flags.passes(args.it >> 4);
        let Some((first, second)) = core.peek_code(pc) else { return Action::Run };
        let decoded = decode::decode(first, second, in_it);
        let text = disasm::disassemble(&decoded, pc, in_it.then_some(Cond(args.it >> 4)));
        let symbol = self.symbols.describe(pc);
        self.emit(&Event::Instruction { count, pc, symbol, text, runs });
        if self.filter.accesses && runs {
            for (kind, address, size, value) in accesses(core, &decoded.insn, pc) {
                let kind = if kind == Kind::Write { "write" } else { "read" };
                self.emit(&Event::Access { count, kind, address, size: size.bytes(), value });
            }
        }
        Action::Run
    }

    fn exception(&mut self, core: &Core<B>, exception: u16) {
        let pc = core.r[15];
        if self.filter.range.contains(&u64::from(pc)) {
            self.emit(&Event::Exception { count: core.instructions, number: exception, pc });
        }
    }
}

type DataAccess = (Kind, u32, Size, Option<u32>);

/// The data accesses that an instruction is about to make, from the registers before it.
fn accesses<B: Bus>(core: &Core<B>, insn: &Insn, pc: u32) -> Vec<DataAccess> {
    let size_of = |width: Width| match width {
        Width::Word => Size::Word,
        Width::Half | Width::SignedHalf => Size::Half,
        Width::Byte | Width::SignedByte => Size::Byte,
    };
    let base = |rn: u8| if rn == 15 { pc.wrapping_add(4) & !3 } else { core.reg(rn) };
    let resolve = |address: &Address| match *address {
        Address::Imm { rn, offset, index, .. } => {
            if index {
                base(rn).wrapping_add_signed(offset)
            } else {
                base(rn)
            }
        }
        Address::Reg { rn, rm, shift } => base(rn).wrapping_add(core.reg(rm) << shift),
        Address::Literal { offset, .. } => base(15).wrapping_add_signed(offset),
        Address::Unprivileged { rn, offset } => base(rn).wrapping_add(u32::from(offset)),
    };
    let words = |kind: Kind, start: u32, values: Vec<Option<u32>>| {
        (0u32..).zip(values).map(|(i, value)| (kind, start.wrapping_add(4 * i), Size::Word, value)).collect()
    };
    match *insn {
        Insn::Load { width, ref address, .. } => vec![(Kind::Read, resolve(address), size_of(width), None)],
        Insn::Store { width, rt, ref address } => {
            let size = size_of(width);
            vec![(Kind::Write, resolve(address), size, Some(core.reg(rt) & size.mask()))]
        }
        Insn::LoadDual { rn, offset, index, .. } => {
            let start = if index { base(rn).wrapping_add_signed(offset) } else { base(rn) };
            words(Kind::Read, start, vec![None; 2])
        }
        Insn::StoreDual { rt, rt2, rn, offset, index, .. } => {
            let start = if index { base(rn).wrapping_add_signed(offset) } else { base(rn) };
            words(Kind::Write, start, vec![Some(core.reg(rt)), Some(core.reg(rt2))])
        }
        Insn::LoadMultiple { rn, registers, before, .. } => {
            let count = registers.count_ones();
            let start = if before { base(rn).wrapping_sub(4 * count) } else { base(rn) };
            words(Kind::Read, start, vec![None; count as usize])
        }
        Insn::StoreMultiple { rn, registers, before, .. } => {
            let count = registers.count_ones();
            let start = if before { base(rn).wrapping_sub(4 * count) } else { base(rn) };
            let values = (0..16u8).filter(|n| registers & (1 << n) != 0).map(|n| Some(core.reg(n))).collect();
            words(Kind::Write, start, values)
        }
        Insn::FpLoad { rn, offset, .. } => {
            words(Kind::Read, base(rn).wrapping_add_signed(offset), vec![None])
        }
        Insn::FpStore { rn, offset, .. } => {
            words(Kind::Write, base(rn).wrapping_add_signed(offset), vec![None])
        }
        _ => Vec::new(),
    }
}
