//! Whose bytes they are. By line, not by symbol: the linker inlines across crates, and a symbol then has bytes of several.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use object::{Object, ObjectSection, SectionKind};

/// A part and what of an instruction's origin puts it there: pieces of the path of its source file, or of the name of its
/// function. The first that matches counts.
const PARTS: &[(&str, &[&str])] = &[
    ("P-256", &["P256_", "p256-cm4", "mul288x288", "add_sub_helper", "setzero", "crypto-device/src/p256"]),
    ("ECIES", &["crypto-device/src/ecies"]),
    ("SHA-256, HMAC, HKDF", &["crypto-device/src/sha256", "/hmac-sha256-"]),
    ("AES-128-CTR", &["/aes-0", "crypto-device/src/aes_ctr", "/cipher-", "/inout-", "aes::"]),
    ("keys and verdicts", &["crates/crypto/", "crypto-device/src/lib"]),
    ("image: parse, verify, decrypt", &["crates/image/"]),
    ("update engine", &["crates/boot/src/update"]),
    ("decision, key store, record", &["crates/boot/", "crates/codes/", "crates/layout/"]),
    ("drivers", &["firmware/hal/"]),
    ("secure-boot: start-up, slots, console", &["firmware/secure-boot/"]),
    (
        "memory copies (compiler-builtins)",
        &["compiler-builtins", "compiler_builtins", "__aeabi", "memcpy", "memset", "memmove", "memcmp"],
    ),
];
/// What nothing of the above claims: inlined pieces of `core`.
const REST: &str = "core, and what has no line";
const CONSTANTS: &str = "constants and texts";
const VECTORS: &str = "vector table";

/// What the C reference leaves to its platform, and its figures do not have.
const PLATFORM: [&str; 3] = ["drivers", "secure-boot: start-up, slots, console", VECTORS];

/// The bytes of flash that a program takes, by part.
pub struct Sizes {
    /// All of it: what is loaded into flash.
    pub total: u32,
    /// Part and bytes, largest first.
    pub parts: Vec<(&'static str, u32)>,
}

impl Sizes {
    /// The loader as the C reference counts it: without what it leaves to its platform.
    pub fn loader(&self) -> u32 {
        let platform = self.parts.iter().filter(|(name, _)| PLATFORM.contains(name));
        self.total - platform.map(|(_, size)| size).sum::<u32>()
    }
}

/// Measures a program.
pub fn measure(elf: &Path) -> Sizes {
    let bytes = std::fs::read(elf).expect("readable");
    let file = object::File::parse(&*bytes).expect("our own firmware is ELF");
    let mut parts: Vec<(&'static str, u32)> = Vec::new();
    let mut add = |part: &'static str, size: u32| match parts.iter_mut().find(|(name, _)| *name == part) {
        Some((_, sum)) => *sum += size,
        None => parts.push((part, size)),
    };
    let mut code = 0;
    for section in file.sections().filter(in_flash) {
        let size = section.size() as u32;
        match section.kind() {
            SectionKind::Text => code += size,
            _ => add(if section.name() == Ok(".vectors") { VECTORS } else { CONSTANTS }, size),
        }
    }
    let addresses = instructions(elf);
    let origins = origins(elf, &addresses);
    let mut seen = 0;
    for ((_, size), origin) in addresses.iter().zip(&origins) {
        seen += size;
        add(part_of(origin), *size);
    }
    // Constants between the instructions, and gaps.
    add(CONSTANTS, code - seen);
    parts.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    Sizes { total: total(elf), parts }
}

/// Whether a section is loaded into flash.
fn in_flash<'data>(section: &impl ObjectSection<'data>) -> bool {
    use SectionKind::{Data, ReadOnlyData, ReadOnlyString, Text};
    matches!(section.kind(), Text | ReadOnlyData | ReadOnlyString | Data)
}

/// The bytes of flash that a program takes.
pub fn total(elf: &Path) -> u32 {
    let bytes = std::fs::read(elf).expect("readable");
    let file = object::File::parse(&*bytes).expect("our own firmware is ELF");
    file.sections().filter(in_flash).map(|section| section.size() as u32).sum()
}

/// The frames of an instruction, innermost first: function and file, alternating.
fn part_of(origin: &[String]) -> &'static str {
    // The innermost frame that is no library's: a loop of `core` belongs to whoever wrote the loop.
    for text in origin {
        if let Some((part, _)) = PARTS.iter().find(|(_, marks)| marks.iter().any(|mark| text.contains(mark)))
        {
            return part;
        }
    }
    REST
}

/// Address and size of every instruction.
fn instructions(elf: &Path) -> Vec<(u32, u32)> {
    let output = Command::new("arm-none-eabi-objdump")
        .arg("--disassemble")
        .arg(elf)
        .output()
        .expect("arm-none-eabi-objdump is installed: `cargo xtask test` sees to it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(address), Some(halves)) = (fields.next(), fields.next()) else { continue };
        let address =
            address.trim().strip_suffix(':').and_then(|address| u32::from_str_radix(address, 16).ok());
        // A constant between instructions is printed as one word of eight digits.
        let size = halves.split_whitespace().filter(|half| half.len() == 4).count() as u32 * 2;
        if let (Some(address), 1..) = (address, size) {
            found.push((address, size));
        }
    }
    found
}

/// The frames of each instruction, innermost first: function and file with line, alternating. The second of a pair is the size,
/// which is not looked at.
pub(super) fn origins(elf: &Path, addresses: &[(u32, u32)]) -> Vec<Vec<String>> {
    let mut child = Command::new("arm-none-eabi-addr2line")
        .args(["--functions", "--demangle", "--inlines", "--addresses", "--exe"])
        .arg(elf)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("arm-none-eabi-addr2line is installed: `cargo xtask test` sees to it");
    let mut stdin = child.stdin.take().expect("piped");
    let asked: String = addresses.iter().map(|(address, _)| format!("{address:#x}\n")).collect();
    // From another thread: it answers while it is asked.
    let writer = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it takes all of it");
    let mut origins: Vec<Vec<String>> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if line.starts_with("0x") {
            origins.push(Vec::new());
        } else if let Some(origin) = origins.last_mut() {
            origin.push(line.to_owned());
        }
    }
    assert_eq!(origins.len(), addresses.len(), "an answer for each instruction");
    origins
}
