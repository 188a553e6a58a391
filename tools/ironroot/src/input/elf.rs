//! ELF files: what the linker says is loaded where.

use std::ops::Range;

use ironroot_codes::input;
use object::elf;
use object::read::elf::{ElfFile32, FileHeader, ProgramHeader, SectionHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, ReadRef, SymbolKind};

use super::Piece;
use crate::error::{Failure, Result};

/// Offsets of the class and of the byte order in the identification.
const EI_CLASS: usize = 4;
const EI_DATA: usize = 5;

/// What an ELF file holds for the flash.
#[derive(Debug)]
pub struct Elf {
    /// The bytes of every LOAD segment that has any, cut at its sections, at physical (load) addresses, by rising address.
    pub pieces: Vec<Piece>,
    /// `e_entry`, if the linker set one.
    pub entry: Option<u32>,
}

/// A stretch of the file that is to lie at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where the first byte goes.
    pub address: u32,
    /// Where the bytes are in the file.
    pub file: Range<u64>,
    /// The section's name.
    pub name: String,
}

impl Span {
    fn len(&self) -> u64 {
        self.file.end.saturating_sub(self.file.start)
    }

    fn end(&self) -> u64 {
        u64::from(self.address) + self.len()
    }
}

/// Parses a whole file. Section and symbol names are only for messages: a stripped file is as good.
pub fn parse(data: &[u8]) -> Result<Elf> {
    let (spans, entry) = layout(data)?;
    let pieces = spans.into_iter().map(|span| {
        // In the file: layout() checked it.
        let range = span.file.start as usize..span.file.end as usize;
        Piece { address: span.address, bytes: data.get(range).unwrap_or_default().to_vec(), name: span.name }
    });
    Ok(Elf { pieces: pieces.collect(), entry })
}

/// Where the bytes of a file go, and its entry point, without the bytes themselves: for a file that is not in memory.
pub fn layout<'data, R: ReadRef<'data>>(data: R) -> Result<(Vec<Span>, Option<u32>)> {
    // The class and the byte order first: the parser below would only say "unsupported".
    let byte = |at: usize| data.read_bytes_at(at as u64, 1).ok().and_then(|bytes| bytes.first().copied());
    match (byte(EI_CLASS), byte(EI_DATA)) {
        (Some(2), _) => return Err(wrong_target("it is a 64-bit file")),
        (_, Some(2)) => return Err(wrong_target("it is big-endian")),
        _ => {}
    }
    let len = data.len().unwrap_or(0);
    let file = ElfFile32::<LittleEndian, R>::parse(data).map_err(|e| malformed(e.to_string()))?;
    let header = file.elf_header();
    let endian = LittleEndian;
    if header.e_machine(endian) != elf::EM_ARM {
        return Err(wrong_target(&format!("its machine number is {}, Arm is 40", header.e_machine(endian))));
    }
    match header.e_type(endian) {
        elf::ET_EXEC => {}
        elf::ET_REL => return Err(wrong_target("it is an object file that was never linked")),
        _ => return Err(wrong_target("it is not a statically linked executable (ET_EXEC)")),
    }
    let mut spans: Vec<Span> = Vec::new();
    for segment in file.elf_program_headers() {
        if segment.p_type(endian) != elf::PT_LOAD || segment.p_filesz(endian) == 0 {
            continue;
        }
        let address = segment.p_paddr(endian);
        let start = u64::from(segment.p_offset(endian));
        let file_range = start..start + u64::from(segment.p_filesz(endian));
        if file_range.end > len {
            return Err(malformed(format!(
                "the segment for {address:#010x} lies beyond the end of the file: the file is cut off"
            )));
        }
        if address.checked_add(segment.p_filesz(endian)).is_none() {
            return Err(malformed(format!(
                "the segment at {address:#010x} goes beyond the 32-bit address space"
            )));
        }
        spans.extend(by_section(&file, file_range, address));
    }
    if spans.is_empty() {
        return Err(Failure::new(input::ELF_NO_SEGMENTS, "no LOAD segment has bytes in the file"));
    }
    spans.sort_by_key(|span| span.address);
    for pair in spans.windows(2) {
        if let [a, b] = pair
            && a.end() > u64::from(b.address)
        {
            let [a, b] = [a, b].map(|span| super::describe_range(&span.name, span.address, span.end()));
            return Err(super::overlap(&a, &b));
        }
    }
    let entry = header.e_entry(endian);
    Ok((spans, (entry != 0).then_some(entry)))
}

/// The function whose code holds `address`, for a message. `None` in a stripped file.
pub fn symbol_at(data: &[u8], address: u32) -> Option<String> {
    let file = ElfFile32::<LittleEndian>::parse(data).ok()?;
    let address = u64::from(address & !1);
    file.symbols()
        .filter(|s| s.kind() == SymbolKind::Text)
        .find(|s| {
            let start = s.address() & !1;
            start == address || (start < address && address < start.saturating_add(s.size()))
        })
        .and_then(|s| s.name().ok().map(str::to_owned))
}

/// The address of the symbol `name`, without the Thumb bit.
pub fn symbol_address(data: &[u8], name: &str) -> Option<u32> {
    let file = ElfFile32::<LittleEndian>::parse(data).ok()?;
    let symbol = file.symbols().find(|s| s.name() == Ok(name))?;
    u32::try_from(symbol.address()).ok().map(|address| address & !1)
}

/// A segment's bytes cut at its sections: a message can then name `.rodata`, and what only the file needs is left out.
///
/// GNU ld's default layout lets the first segment begin at a page of the file, so that the ELF header itself becomes
/// "loaded" bytes below the vector table. Like objcopy, only what allocated sections hold goes to the flash; the
/// padding between two of them is kept as the file has it. Without section headers the segment is taken whole. A segment of
/// NOBITS sections alone, as of ST's confirmation flag, has bytes for the same reason, and they are nothing but the headers.
fn by_section<'data, R: ReadRef<'data>>(
    file: &ElfFile32<'data, LittleEndian, R>,
    segment: Range<u64>,
    address: u32,
) -> Vec<Span> {
    let mut sections: Vec<(u64, u64, &str)> = file
        .sections()
        .filter(|s| s.elf_section_header().sh_flags(LittleEndian).0 & elf::SHF_ALLOC.0 != 0)
        // A section without bytes in the file (.bss) has no range.
        .filter_map(|s| s.file_range().map(|(at, len)| (at, at.saturating_add(len), s.name().unwrap_or("?"))))
        .filter(|(from, to, _)| from < to && segment.start <= *from && *to <= segment.end)
        .collect();
    sections.sort_by_key(|(from, ..)| *from);
    if sections.is_empty() && segment.start == 0 && segment.end <= headers(file) {
        return Vec::new();
    }
    if sections.is_empty() {
        return vec![Span { address, file: segment, name: "LOAD segment".to_owned() }];
    }
    let next: Vec<u64> = sections.iter().skip(1).map(|(from, ..)| *from).collect();
    let mut spans = Vec::with_capacity(sections.len());
    for (index, (from, to, name)) in sections.iter().enumerate() {
        let to = next.get(index).copied().unwrap_or(*to);
        if *from < to {
            // In the segment, which has 32 bits: filtered above.
            let address = address.saturating_add((from - segment.start) as u32);
            spans.push(Span { address, file: *from..to, name: (*name).to_owned() });
        }
    }
    spans
}

/// Where the ELF header and the program headers behind it end; 0 if they do not follow each other.
fn headers<'data, R: ReadRef<'data>>(file: &ElfFile32<'data, LittleEndian, R>) -> u64 {
    let header = file.elf_header();
    let (start, size) = (header.e_phoff(LittleEndian), u32::from(header.e_ehsize(LittleEndian)));
    let table = u32::from(header.e_phnum(LittleEndian)) * u32::from(header.e_phentsize(LittleEndian));
    if start == size { u64::from(start) + u64::from(table) } else { 0 }
}

fn malformed(what: String) -> Failure {
    Failure::new(input::ELF_MALFORMED, what)
}

fn wrong_target(what: &str) -> Failure {
    Failure::new(input::ELF_WRONG_MACHINE, what)
}
