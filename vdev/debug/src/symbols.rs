//! Names for addresses, from the symbol tables of ELF files.

use object::{Object, ObjectSymbol, SymbolKind};

/// One function.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    start: u32,
    end: u32,
    name: String,
}

/// Functions of all loaded programs, by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    functions: Vec<Function>,
}

impl Symbols {
    /// None yet.
    pub fn new() -> Symbols {
        Symbols::default()
    }

    /// Adds the functions of an ELF file, each name prefixed with `program` and a colon unless that is empty.
    /// Returns how many were found; a file that is no ELF has none.
    pub fn add_elf(&mut self, program: &str, elf: &[u8]) -> usize {
        let Ok(file) = object::File::parse(elf) else { return 0 };
        let before = self.functions.len();
        for symbol in file.symbols().filter(|s| s.kind() == SymbolKind::Text && !s.is_undefined()) {
            let Ok(name) = symbol.name() else { continue };
            // Mapping symbols ($t, $d) are no functions.
            if name.is_empty() || name.starts_with('$') {
                continue;
            }
            let start = symbol.address() as u32 & !1;
            let plain = rustc_demangle::demangle(name);
            let name = if program.is_empty() { format!("{plain:#}") } else { format!("{program}:{plain:#}") };
            self.functions.push(Function { start, end: start.saturating_add(symbol.size() as u32), name });
        }
        self.functions.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
        self.functions.dedup_by_key(|f| f.start);
        self.functions.len().saturating_sub(before)
    }

    fn find(&self, address: u32) -> Option<&Function> {
        let after = self.functions.partition_point(|f| f.start <= address);
        let function = self.functions.get(after.checked_sub(1)?)?;
        // Assembly functions have size 0: they reach to the next symbol.
        (address < function.end || function.end == function.start).then_some(function)
    }

    /// First address of the function that holds `address`, and the one behind its last.
    pub fn bounds(&self, address: u32) -> Option<(u32, u32)> {
        let function = self.find(address)?;
        let end = if function.end > function.start { function.end } else { self.next_start(function.start) };
        Some((function.start, end))
    }

    fn next_start(&self, start: u32) -> u32 {
        let after = self.functions.partition_point(|f| f.start <= start);
        self.functions.get(after).map_or(u32::MAX, |f| f.start)
    }

    /// Name of the function that holds `address`.
    pub fn function(&self, address: u32) -> Option<&str> {
        self.find(address).map(|f| f.name.as_str())
    }

    /// `name+offset`, or the bare address.
    pub fn describe(&self, address: u32) -> String {
        match self.find(address) {
            Some(f) if f.start == address => f.name.clone(),
            Some(f) => format!("{}+{:#x}", f.name, address - f.start),
            None => format!("{address:#010x}"),
        }
    }

    /// Address of the function with this name (with or without program prefix).
    pub fn address_of(&self, name: &str) -> Option<u32> {
        let matches =
            |f: &&Function| f.name == name || f.name.split_once(':').is_some_and(|(_, plain)| plain == name);
        self.functions.iter().find(matches).map(|f| f.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_by_the_function_that_holds_it() {
        let function = |start, end, name: &str| Function { start, end, name: name.into() };
        let symbols = Symbols { functions: vec![function(0x100, 0x110, "a"), function(0x120, 0x120, "p:b")] };
        assert_eq!(symbols.describe(0x104), "a+0x4");
        assert_eq!(symbols.describe(0x118), "0x00000118");
        assert_eq!(symbols.describe(0x200), "p:b+0xe0");
        assert_eq!(symbols.address_of("b"), Some(0x120));
        assert_eq!((symbols.bounds(0x104), symbols.bounds(0x118)), (Some((0x100, 0x110)), None));
        assert_eq!(symbols.bounds(0x130), Some((0x120, u32::MAX)));
    }

    #[test]
    fn a_file_that_is_no_elf_has_no_symbols() {
        assert_eq!(Symbols::new().add_elf("x", b"garbage"), 0);
    }
}
