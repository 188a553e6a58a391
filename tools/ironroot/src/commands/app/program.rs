//! An application as its linker made it: sections with both addresses, symbols, vectors.

use ironroot_codes::input;
use ironroot_layout::{Address, Region, Size};
use object::read::elf::{ElfFile32, ProgramHeader, SectionHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SymbolKind, elf};

use crate::error::{Failure, Result};

/// A section that occupies memory while the program runs.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where it is used (virtual address).
    pub used: Region,
    /// Where its bytes are loaded (physical address), if it has any.
    pub loaded: Option<Region>,
    /// It holds code.
    pub code: bool,
    /// The program writes to it.
    pub writable: bool,
}

/// A symbol with a size.
#[derive(Debug, Clone)]
struct Symbol {
    name: String,
    area: Region,
}

/// A linked application.
#[derive(Debug)]
pub struct Program {
    /// By rising address of use.
    pub sections: Vec<Section>,
    /// Where the vector table is, if there is anything.
    pub table: Option<Address>,
    /// The vector table as far as its section reaches: its words.
    pub vectors: Vec<u32>,
    symbols: Vec<Symbol>,
    values: Vec<(String, u32)>,
}

impl Program {
    /// Reads an ELF file. Only ELF has what the checks are about; a raw binary has neither sections nor symbols.
    pub fn read(data: &[u8]) -> Result<Self> {
        // Class, byte order, machine and bounds: the same refusals as when it is signed.
        crate::input::elf::layout(data)?;
        let malformed = |error: object::Error| Failure::new(input::ELF_MALFORMED, error.to_string());
        let file = ElfFile32::<LittleEndian>::parse(data).map_err(malformed)?;
        let mut sections = Vec::new();
        // The lowest loaded bytes: what the header is followed by.
        let mut lowest: Option<(Region, Region, &[u8])> = None;
        for section in file.sections() {
            let header = section.elf_section_header();
            let flags = header.sh_flags(LittleEndian).0;
            let (address, size) = (section.address() as u32, section.size() as u32);
            if flags & elf::SHF_ALLOC.0 == 0 || size == 0 {
                continue;
            }
            let Some(used) = region(address, size) else {
                let cause =
                    format!("a section of {size:#x} bytes at {address:#010x} leaves the address space");
                return Err(Failure::new(input::ELF_MALFORMED, cause));
            };
            let has_bytes = header.sh_type(LittleEndian) != elf::SHT_NOBITS;
            let loaded = if has_bytes { loaded(&file, address, size) } else { None };
            if let (Some(loaded), Ok(bytes)) = (loaded, section.data())
                && lowest.is_none_or(|(least, ..)| loaded.start() < least.start())
            {
                lowest = Some((loaded, used, bytes));
            }
            sections.push(Section {
                name: section.name().unwrap_or_default().to_owned(),
                used,
                loaded,
                code: flags & elf::SHF_EXECINSTR.0 != 0,
                writable: flags & elf::SHF_WRITE.0 != 0,
            });
        }
        sections.sort_by_key(|section| section.used.start());
        let (table, vectors) =
            lowest.map_or((None, [].as_slice()), |(_, used, bytes)| (Some(used.start()), bytes));
        let (words, _) = vectors.as_chunks::<4>();
        let mut symbols = Vec::new();
        let mut values = Vec::new();
        for symbol in file.symbols() {
            let (Ok(name), Ok(address)) = (symbol.name(), u32::try_from(symbol.address())) else { continue };
            // Mapping symbols of the Arm ABI name nothing.
            if name.is_empty() || name.starts_with('$') {
                continue;
            }
            values.push((name.to_owned(), address));
            let start = if symbol.kind() == SymbolKind::Text { address & !1 } else { address };
            if let Some(area) = region(start, symbol.size() as u32).filter(|area| area.size().bytes() > 0) {
                symbols.push(Symbol { name: name.to_owned(), area });
            }
        }
        Ok(Self {
            sections,
            table,
            vectors: words.iter().map(|word| u32::from_le_bytes(*word)).collect(),
            symbols,
            values,
        })
    }

    /// The symbol whose bytes hold `address`.
    pub fn symbol_at(&self, address: Address) -> Option<&str> {
        let found = self.symbols.iter().find(|symbol| symbol.area.contains(address));
        found.map(|symbol| symbol.name.as_str())
    }

    /// The first symbol with bytes in `area`.
    pub fn symbol_in(&self, area: Region) -> Option<&str> {
        let found = self.symbols.iter().filter(|symbol| symbol.area.overlaps(area));
        found.min_by_key(|symbol| symbol.area.start()).map(|symbol| symbol.name.as_str())
    }

    /// The value of the first symbol of these names that is there.
    pub fn value(&self, names: &[&str]) -> Option<u32> {
        names
            .iter()
            .find_map(|name| self.values.iter().find(|(symbol, _)| symbol == name).map(|(_, value)| *value))
    }
}

fn region(start: u32, size: u32) -> Option<Region> {
    Region::checked(Address::new(start), Size::new(size))
}

/// Where a section's bytes are loaded: its place in the segment that holds it, from the segment's physical address.
fn loaded(file: &ElfFile32<'_, LittleEndian>, address: u32, size: u32) -> Option<Region> {
    file.elf_program_headers().iter().filter(|segment| segment.p_type(LittleEndian) == elf::PT_LOAD).find_map(
        |segment| {
            let start = segment.p_vaddr(LittleEndian);
            let inside = address.checked_sub(start)?;
            let end = inside.checked_add(size)?;
            if end > segment.p_filesz(LittleEndian) {
                return None;
            }
            region(segment.p_paddr(LittleEndian).checked_add(inside)?, size)
        },
    )
}
