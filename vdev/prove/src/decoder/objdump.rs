//! Running the assembler, objcopy and objdump, and reading what objdump prints.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::Place;

/// Why objdump could not be asked.
#[derive(Debug)]
pub enum Error {
    /// A tool of the Arm binutils cannot be started.
    Absent {
        /// Its name.
        tool: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A tool failed.
    Failed {
        /// Its name.
        tool: &'static str,
        /// What it said.
        message: String,
    },
    /// A file of the scratch directory.
    Scratch(std::io::Error),
    /// objdump printed something else than one line for each instruction.
    Output(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Absent { tool, source } => {
                write!(f, "{tool} cannot be started ({source}): install binutils-arm-none-eabi")
            }
            Error::Failed { tool, message } => write!(f, "{tool} failed: {message}"),
            Error::Scratch(source) => write!(f, "scratch directory: {source}"),
            Error::Output(line) => write!(f, "unexpected output of objdump: {line}"),
        }
    }
}

impl std::error::Error for Error {}

const ASSEMBLER: &str = "arm-none-eabi-as";
const OBJCOPY: &str = "arm-none-eabi-objcopy";
const OBJDUMP: &str = "arm-none-eabi-objdump";

/// An object file with the architecture's attributes and one Thumb instruction; its text section is then replaced. So
/// the whole section counts as Thumb code, which `.incbin` would not.
const STUB: &str = ".syntax unified\n.arch armv7e-m\n.fpu fpv5-d16\n.thumb\nnop\n";

/// How objdump says that an encoding is UNDEFINED: in general; an addressing form of load and store; a size of load and
/// store; a condition of the 32-bit branch.
const UNDEFINED: [&str; 4] = ["<UNDEFINED>", "<undefined>", "??", "undefined (bcc"];

const NOP: u16 = 0xBF00;
const IT_EQ: u16 = 0xBF08;

/// One disassembled instruction.
pub(super) struct Line {
    /// The encoding; a 32-bit one with its first halfword on top.
    pub(super) encoding: u32,
    /// Where it was put.
    pub(super) address: u32,
    /// Mnemonic, tab, operands, and remarks.
    pub(super) text: String,
    /// objdump says UNDEFINED.
    pub(super) undefined: bool,
    /// objdump says UNPREDICTABLE.
    pub(super) unpredictable: bool,
}

/// A scratch directory with the stub object in it.
pub(super) struct Tools {
    directory: PathBuf,
}

impl Tools {
    /// Makes the directory and assembles the stub.
    pub(super) fn new() -> Result<Tools, Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ironroot-prove-decoder-{}-{number}", std::process::id());
        let tools = Tools { directory: std::env::temp_dir().join(name) };
        std::fs::create_dir_all(&tools.directory).map_err(Error::Scratch)?;
        std::fs::write(tools.path("stub.s"), STUB).map_err(Error::Scratch)?;
        let mut assembler = Command::new(ASSEMBLER);
        check(ASSEMBLER, assembler.arg(tools.path("stub.s")).arg("-o").arg(tools.path("stub.o")))?;
        Ok(tools)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Disassembles the encodings, one [`Line`] for each, in order.
    pub(super) fn disassemble(&self, encodings: &[u32], place: Place) -> Result<Vec<Line>, Error> {
        let (bytes, addresses) = lay_out(encodings, place);
        std::fs::write(self.path("text.bin"), bytes).map_err(Error::Scratch)?;
        let section = format!(".text={}", self.path("text.bin").display());
        let mut objcopy = Command::new(OBJCOPY);
        objcopy.arg("--update-section").arg(section).arg(self.path("stub.o")).arg(self.path("code.o"));
        check(OBJCOPY, &mut objcopy)?;
        // -z: runs of zeros are instructions too.
        let mut child = Command::new(OBJDUMP)
            .args(["-d", "-z", "-M", "force-thumb,reg-names-std"])
            .arg(self.path("code.o"))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Absent { tool: OBJDUMP, source })?;
        let mut lines = Vec::with_capacity(encodings.len());
        let mut expected = addresses.iter().zip(encodings).peekable();
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let line = line.map_err(Error::Scratch)?;
                let Some((address, text)) = split(&line) else { continue };
                if let Some((_, &encoding)) = expected.next_if(|next| *next.0 == address) {
                    let undefined = UNDEFINED.iter().any(|mark| text.contains(mark));
                    let unpredictable = text.contains("<UNPREDICTABLE>");
                    lines.push(Line { encoding, address, text: text.to_owned(), undefined, unpredictable });
                }
            }
        }
        let status = child.wait().map_err(Error::Scratch)?;
        if !status.success() {
            return Err(Error::Failed { tool: OBJDUMP, message: status.to_string() });
        }
        match expected.next() {
            None => Ok(lines),
            Some((address, encoding)) => {
                Err(Error::Output(format!("no line for {encoding:#x} at address {address:#x}")))
            }
        }
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        // A left-over scratch directory harms nothing.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Runs a tool to its end.
fn check(tool: &'static str, command: &mut Command) -> Result<(), Error> {
    let output = command.output().map_err(|source| Error::Absent { tool, source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Failed { tool, message: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// Whether a 16-bit encoding is IT.
pub(super) fn is_if_then(encoding: u32) -> bool {
    encoding >> 8 == 0xBF && encoding & 15 != 0
}

/// The bytes, and the address of each encoding. objdump follows IT blocks: each IT is followed by four NOPs, so that no
/// other encoding is printed with its condition.
fn lay_out(encodings: &[u32], place: Place) -> (Vec<u8>, Vec<u32>) {
    let mut bytes = Vec::with_capacity(encodings.len() * 4);
    let mut addresses = Vec::with_capacity(encodings.len());
    for &encoding in encodings {
        if place == Place::NarrowInIt {
            bytes.extend(IT_EQ.to_le_bytes());
        }
        addresses.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        if place == Place::Wide {
            bytes.extend(((encoding >> 16) as u16).to_le_bytes());
        }
        bytes.extend((encoding as u16).to_le_bytes());
        if place == Place::Narrow && is_if_then(encoding) {
            bytes.extend([NOP; 4].iter().flat_map(|nop| nop.to_le_bytes()));
        }
    }
    (bytes, addresses)
}

/// Splits `   2c:\tf000 0001 \tand.w\tr0, r0, #1` into address and text. None: not an instruction.
fn split(line: &str) -> Option<(u32, &str)> {
    let (address, rest) = line.split_once(":\t")?;
    let address = u32::from_str_radix(address.trim(), 16).ok()?;
    let (_, text) = rest.split_once('\t')?;
    Some((address, text))
}
