//! An application as its linker made it: sections with both addresses, symbols, vectors.

use ironroot_codes::input;
use ironroot_layout::{Address, Region, Size};
use object::read::elf::{ElfFile32, ProgramHeader, SectionHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SymbolKind, elf};

use crate::error::{Failure, Result};

/// Words of a vector table, at most: stack pointer, 15 exceptions, and the 240 interrupts that Armv7-M has room for.
const MAX_VECTORS: usize = 256;
/// Words of the vector table that every Cortex-M application has: stack pointer, reset, and the system exceptions.
pub const SYSTEM_VECTORS: usize = 16;

/// A section that occupies memory while the program runs.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where it is used (virtual address).
    pub used: Region,
    /// Where its bytes are loaded (physical address), if it has any.
    pub loaded: Option<Region>,
    /// The file has bytes for it (PROGBITS and its kin, not NOBITS).
    pub has_bytes: bool,
    /// It holds code.
    pub code: bool,
    /// The program writes to it.
    pub writable: bool,
    /// Its first words, as many as a vector table has at most.
    head: Vec<u32>,
}

/// A symbol with a size.
#[derive(Debug, Clone)]
struct Symbol {
    name: String,
    area: Region,
    /// A variable or table, no function.
    data: bool,
}

/// How far a vector table reaches, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// The whole of a section that is named like a vector table.
    Section(String),
    /// A symbol at its start, or at its first interrupt.
    Symbol(String),
    /// Nothing says so: the words of the core.
    Core,
}

/// The vector table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Where it is used.
    pub start: Address,
    /// Its words.
    pub words: Vec<u32>,
    /// What says that these are all.
    pub extent: Extent,
}

/// A linked application.
#[derive(Debug)]
pub struct Program {
    /// By rising address of use.
    pub sections: Vec<Section>,
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
            let bytes = section.data().ok().filter(|_| loaded.is_some()).unwrap_or_default();
            let (words, _) = bytes.as_chunks::<4>();
            sections.push(Section {
                name: section.name().unwrap_or_default().to_owned(),
                used,
                loaded,
                has_bytes,
                code: flags & elf::SHF_EXECINSTR.0 != 0,
                writable: flags & elf::SHF_WRITE.0 != 0,
                head: words.iter().take(MAX_VECTORS).map(|word| u32::from_le_bytes(*word)).collect(),
            });
        }
        sections.sort_by_key(|section| section.used.start());
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
                symbols.push(Symbol { name: name.to_owned(), area, data: symbol.kind() == SymbolKind::Data });
            }
        }
        Ok(Self { sections, symbols, values })
    }

    /// The section that the image begins with: the lowest that is loaded into `run`, or else the lowest that is loaded at all.
    pub fn first(&self, run: Region) -> Option<&Section> {
        let loaded = || {
            self.sections.iter().filter_map(|section| section.loaded.map(|loaded| (loaded.start(), section)))
        };
        let inside = loaded().filter(|(start, _)| run.contains(*start)).min_by_key(|(start, _)| *start);
        inside.or_else(|| loaded().min_by_key(|(start, _)| *start)).map(|(_, section)| section)
    }

    /// The vector table that a section begins with.
    pub fn table(&self, section: &Section) -> Table {
        let start = section.used.start();
        let name = section.name.to_ascii_lowercase();
        let (extent, words) = if name.contains("vector") || name.contains("intvec") {
            (Extent::Section(section.name.clone()), MAX_VECTORS)
        } else {
            // Some have the exceptions and the interrupts under a symbol each.
            let interrupts = start.checked_add(Size::new(4 * SYSTEM_VECTORS as u32));
            let places = [Some(start), interrupts];
            let symbols = self.symbols.iter().filter(|symbol| symbol.data);
            let last = symbols
                .filter(|symbol| places.contains(&Some(symbol.area.start())))
                .max_by_key(|symbol| symbol.area.end());
            let words = last.and_then(|last| last.area.end().offset_from(start));
            match (last, words.map(|size| size.bytes() as usize / 4)) {
                (Some(last), Some(words)) if words >= SYSTEM_VECTORS => {
                    (Extent::Symbol(last.name.clone()), words)
                }
                _ => (Extent::Core, SYSTEM_VECTORS),
            }
        };
        Table { start, words: section.head.iter().copied().take(words).collect(), extent }
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
