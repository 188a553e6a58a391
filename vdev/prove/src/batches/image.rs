//! Many batches as one program: the runtime assembled once, batches laid out in memory, results read back.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ironroot_mps2::{End, Program, run};

use super::generate::Batch;
use crate::qemu;
use crate::report::Error;

/// Where batches' code lies, and where it must end.
pub const CODE: u32 = 0x6000_1000;
const LIST: u32 = 0x6040_0000;
const RESULTS: u32 = 0x60A0_0000;
const IN_WORDS: usize = 52;
const OUT_WORDS: usize = 56;
/// Batches in one image at most: results and list fit.
pub const MAX_BATCHES: usize = 25_000;
/// Instructions that our machine may take for one batch (the sandbox's filling and hashing included), and QEMU's time.
const BUDGET: u64 = 60_000;
const QEMU_TIME: Duration = Duration::from_secs(300);
const SVC: u16 = 0xDF00;

/// The state after a batch, as the runtime writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome(pub [u32; OUT_WORDS]);

/// Name of a word of an outcome.
pub fn word_name(index: usize) -> String {
    match index {
        0 => "exception".into(),
        1 => "CFSR".into(),
        2 => "sandbox hash".into(),
        3 => "xPSR".into(),
        4..=16 => format!("R{}", index - 4),
        17 => "LR".into(),
        18 => "PSP".into(),
        19 => "FPSCR".into(),
        20..=51 => format!("S{}", index - 20),
        52 => "PC".into(),
        53 => "HFSR".into(),
        _ => "unused".into(),
    }
}

/// Assembles a program for the board (vectors and code at 0) in `directory`: the ELF, and what is in it.
pub fn assemble(source: &str, directory: &Path) -> Result<(PathBuf, Program), Error> {
    let (file, script, elf) =
        (directory.join("program.s"), directory.join("program.ld"), directory.join("program.elf"));
    std::fs::write(&file, source).map_err(|error| Error::new("program.s", error))?;
    std::fs::write(&script, include_str!("image.ld")).map_err(|error| Error::new("program.ld", error))?;
    let output = Command::new("arm-none-eabi-gcc")
        .args(["-nostdlib", "-T"])
        .args([&script, &file])
        .arg("-o")
        .arg(&elf)
        .output()
        .map_err(|error| Error::new("arm-none-eabi-gcc", error))?;
    if !output.status.success() {
        return Err(Error::new("arm-none-eabi-gcc", String::from_utf8_lossy(&output.stderr)));
    }
    let bytes = std::fs::read(&elf).map_err(|error| Error::new("program.elf", error))?;
    let program = Program::parse(&bytes).map_err(|error| Error::new("program.elf", error))?;
    Ok((elf, program))
}

/// The assembled runtime and a directory for QEMU's files.
pub struct Stage {
    directory: tempfile::TempDir,
    elf: PathBuf,
    program: Program,
}

impl Stage {
    /// Assembles the runtime.
    pub fn new() -> Result<Stage, Error> {
        let directory = tempfile::tempdir().map_err(|error| Error::new("temporary directory", error))?;
        let (elf, program) = assemble(include_str!("runtime.s"), directory.path())?;
        Ok(Stage { directory, elf, program })
    }

    /// Runs batches on both; the outcomes of ours and of QEMU.
    pub fn run(&self, batches: &[Batch]) -> Result<(Vec<Outcome>, Vec<Outcome>), Error> {
        let (code, list) = lay_out(batches)?;
        std::thread::scope(|scope| {
            let theirs = scope.spawn(|| self.run_theirs(batches.len(), &code, &list));
            let ours = self.run_ours(batches.len(), &code, &list)?;
            let theirs = theirs.join().map_err(|_| Error("the thread that runs QEMU panicked".into()))??;
            Ok((ours, theirs))
        })
    }

    fn run_ours(&self, count: usize, code: &[u8], list: &[u8]) -> Result<Vec<Outcome>, Error> {
        let mut machine = self.program.machine().map_err(|error| Error::new("runtime.elf", error))?;
        machine.core.bus.put(CODE, code);
        machine.core.bus.put(LIST, list);
        let end = run(&mut machine, BUDGET * (count as u64 + 1));
        if end != End::Exit(true) {
            let at = machine.core.r[15];
            return Err(Error(format!("our machine did not finish the batches: {end:?} at {at:#010x}")));
        }
        Ok(outcomes(machine.core.bus.bytes_at(RESULTS, 4 * OUT_WORDS * count)))
    }

    fn run_theirs(&self, count: usize, code: &[u8], list: &[u8]) -> Result<Vec<Outcome>, Error> {
        let directory = self.directory.path();
        let write = |name: &str, bytes: &[u8]| {
            let path = directory.join(name);
            std::fs::write(&path, bytes).map_err(|error| Error::new(name, error))?;
            Ok(path)
        };
        let (code, list) = (write("code", code)?, write("list", list)?);
        let results = directory.join("results");
        // Of an earlier run; usually absent.
        let _ = std::fs::remove_file(&results);
        let mut command = qemu::command(&self.elf, directory);
        for (path, address) in [(&code, CODE), (&list, LIST)] {
            command.arg("-device");
            command.arg(format!("loader,file={},addr={address:#x},force-raw=on", path.display()));
        }
        if !qemu::run_to_end(&mut command, QEMU_TIME)? {
            return Err(Error("QEMU did not finish the batches".into()));
        }
        let bytes = std::fs::read(&results).map_err(|error| Error::new("QEMU's results", error))?;
        if bytes.len() != 4 * OUT_WORDS * count {
            return Err(Error(format!("QEMU wrote {} bytes of results for {count} batches", bytes.len())));
        }
        Ok(outcomes(&bytes))
    }
}

fn outcomes(bytes: &[u8]) -> Vec<Outcome> {
    bytes
        .chunks_exact(4 * OUT_WORDS)
        .map(|record| {
            let mut words = [0; OUT_WORDS];
            for (word, raw) in words.iter_mut().zip(record.chunks_exact(4)) {
                *word = raw.first_chunk().map_or(0, |raw| u32::from_le_bytes(*raw));
            }
            Outcome(words)
        })
        .collect()
}

/// Code and list of an image.
fn lay_out(batches: &[Batch]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut code: Vec<u8> = Vec::new();
    let mut list: Vec<u8> = Vec::new();
    // The first record only holds the count.
    let mut head = [0u32; IN_WORDS];
    head[0] = batches.len() as u32;
    list.extend(head.iter().flat_map(|word| word.to_le_bytes()));
    for batch in batches {
        // Not always word-aligned: PC-relative instructions must align it themselves.
        let at = CODE + code.len() as u32;
        for half in batch.units.iter().flat_map(|unit| &unit.code).chain([&SVC]) {
            code.extend(half.to_le_bytes());
        }
        let mut record = [0u32; IN_WORDS];
        record[0] = at;
        record[1] = u32::from(batch.sandbox) | batch.traps;
        record[2] = batch.seed;
        record[3] = batch.apsr;
        record[4..19].copy_from_slice(&batch.r);
        record[19] = batch.fpscr;
        record[20..52].copy_from_slice(&batch.s);
        list.extend(record.iter().flat_map(|word| word.to_le_bytes()));
    }
    // Literals may lie behind the last batch.
    code.resize(code.len() + 0x1010, 0xA5);
    if code.len() > (LIST - CODE) as usize || list.len() + 4 * OUT_WORDS > (RESULTS - LIST) as usize {
        return Err(Error(format!("{} batches do not fit the image", batches.len())));
    }
    Ok((code, list))
}
