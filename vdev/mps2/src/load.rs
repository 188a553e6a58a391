//! Loading an ELF as the board's loader would: every loadable segment at its physical address.

use ironroot_cpu::machine::Machine;
use object::read::elf::{ElfFile32, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

use crate::Mps2An500;

/// Why an ELF could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Not a 32-bit ELF, or a damaged one.
    Format(String),
    /// A segment (address, bytes) lies where the board has no memory.
    Outside(u32, u32),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Format(why) => write!(f, "not a loadable 32-bit ELF: {why}"),
            LoadError::Outside(address, length) => {
                write!(f, "segment of {length} bytes at {address:#010x}: the board has no memory there")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// What is loaded, and the names of its places.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Segments with content: address and bytes.
    pub segments: Vec<(u32, Vec<u8>)>,
    /// Symbols: address (bit 0 clear) and name, ascending.
    pub symbols: Vec<(u32, String)>,
}

impl Program {
    /// Reads an ELF.
    pub fn parse(elf: &[u8]) -> Result<Program, LoadError> {
        let bad = |error: object::Error| LoadError::Format(error.to_string());
        let file: ElfFile32<'_, Endianness> = ElfFile32::parse(elf).map_err(bad)?;
        let endian = file.endian();
        let mut program = Program::default();
        for header in file.elf_header().program_headers(endian, elf).map_err(bad)? {
            if header.p_type(endian) != object::elf::PT_LOAD || header.p_filesz(endian) == 0 {
                continue;
            }
            let data = header
                .data(endian, elf)
                .map_err(|()| LoadError::Format("a segment lies outside the file".into()))?;
            program.segments.push((header.p_paddr(endian), data.to_vec()));
        }
        for symbol in file.symbols() {
            if let Ok(name) = symbol.name()
                && !name.is_empty()
                && !name.starts_with('$')
            {
                program.symbols.push((symbol.address() as u32 & !1, name.to_string()));
            }
        }
        program.symbols.sort();
        Ok(program)
    }

    /// A board with the program in its memory.
    pub fn board(&self) -> Result<Mps2An500, LoadError> {
        let mut board = Mps2An500::new();
        for (address, bytes) in &self.segments {
            if !board.put(*address, bytes) {
                return Err(LoadError::Outside(*address, bytes.len() as u32));
            }
        }
        Ok(board)
    }

    /// A machine at its reset, with semihosting on.
    pub fn machine(&self) -> Result<Machine<Mps2An500>, LoadError> {
        let mut machine = Machine::new(self.board()?);
        machine.core.semihosting = true;
        Ok(machine)
    }

    /// Address of a symbol.
    pub fn symbol(&self, name: &str) -> Option<u32> {
        self.symbols.iter().find(|(_, n)| n == name).map(|&(address, _)| address)
    }

    /// The symbol at or before `address`, with the distance to it.
    pub fn nearest(&self, address: u32) -> Option<(&str, u32)> {
        let after = self.symbols.partition_point(|&(at, _)| at <= address);
        let (at, name) = self.symbols.get(after.checked_sub(1)?)?;
        Some((name, address - at))
    }
}
