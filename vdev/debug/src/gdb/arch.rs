//! The M-profile register file as GDB numbers it, from the target description below.

use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId, Registers};

/// Armv7-M with FPv5-D16.
#[derive(Debug)]
pub enum CortexM {}

/// Core registers in GDB's order: R0–R12, SP, LR, PC, xPSR, then MSP, PSP, PRIMASK, BASEPRI, FAULTMASK, CONTROL.
pub const CORE_REGISTERS: usize = 23;
/// D0–D15.
pub const DOUBLES: usize = 16;

/// All registers, in the order of the target description.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct RegisterFile {
    /// See [`CORE_REGISTERS`].
    pub core: [u32; CORE_REGISTERS],
    /// D registers.
    pub doubles: [u64; DOUBLES],
    /// FPSCR.
    pub fpscr: u32,
    /// The debug port is closed: none of the values is known.
    pub hidden: bool,
}

impl Registers for RegisterFile {
    type ProgramCounter = u32;

    fn pc(&self) -> u32 {
        self.core[15]
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        if self.hidden {
            // GDB drops a connection without a PC, and without stack pointers gets stuck before it asks us anything that we
            // could refuse with a reason: these are zero for form's sake.
            let bytes = CORE_REGISTERS * 4 + DOUBLES * 8 + 4;
            (0..bytes).for_each(|at| write_byte(matches!(at / 4, 13 | 15 | 17 | 18).then_some(0)));
            return;
        }
        let core = self.core.iter().flat_map(|word| word.to_le_bytes());
        let doubles = self.doubles.iter().flat_map(|double| double.to_le_bytes());
        for byte in core.chain(doubles).chain(self.fpscr.to_le_bytes()) {
            write_byte(Some(byte));
        }
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let (core, rest) = bytes.split_at_checked(CORE_REGISTERS * 4).ok_or(())?;
        let (doubles, fpscr) = rest.split_at_checked(DOUBLES * 8).ok_or(())?;
        for (register, raw) in self.core.iter_mut().zip(core.as_chunks::<4>().0) {
            *register = u32::from_le_bytes(*raw);
        }
        for (register, raw) in self.doubles.iter_mut().zip(doubles.as_chunks::<8>().0) {
            *register = u64::from_le_bytes(*raw);
        }
        self.fpscr = u32::from_le_bytes(fpscr.try_into().map_err(|_| ())?);
        Ok(())
    }
}

/// One register by GDB's number.
#[derive(Debug, Clone, Copy)]
pub enum Register {
    /// Index into [`RegisterFile::core`].
    Core(usize),
    /// D register.
    Double(usize),
    /// FPSCR.
    Fpscr,
}

impl RegId for Register {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        const FPSCR: usize = CORE_REGISTERS + DOUBLES;
        match id {
            0..CORE_REGISTERS => Some((Register::Core(id), NonZeroUsize::new(4))),
            CORE_REGISTERS..FPSCR => Some((Register::Double(id - CORE_REGISTERS), NonZeroUsize::new(8))),
            FPSCR => Some((Register::Fpscr, NonZeroUsize::new(4))),
            _ => None,
        }
    }
}

impl Arch for CortexM {
    type Usize = u32;
    type Registers = RegisterFile;
    type BreakpointKind = usize;
    type RegId = Register;

    fn target_description_xml() -> Option<&'static str> {
        Some(include_str!("target.xml"))
    }
}
