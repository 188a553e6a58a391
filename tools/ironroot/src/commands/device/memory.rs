//! `ironroot device read|write|verify|erase|reset|go`.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::{input as codes, vdev};
use ironroot_layout::stm32h735::{FLASH, SECTOR, SECTOR_COUNT};
use ironroot_uart_bootloader::host::Exchange;
use serde_json::json;

use super::bootloader::Bootloader;
use crate::atomic::{self, Access, Existing};
use crate::error::{Context, Failure, Result};
use crate::input::{self, Format, Piece};
use crate::report::{BOLD, GOOD, Reporter};
use crate::{files, number};

/// Bytes between two reports of progress.
const STEP: usize = 16 * 1024;
/// Where the program that resets the chip is put: RAM that every bootloader of this family leaves to the host.
const RESET_PROGRAM: u32 = 0x2400_0000;

/// Read memory to a file
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot device read --address 0x08000000 --size 128K -o flash.bin --device vdev:my.board
  ironroot device read --address 0x08000000 --size 16 -o head.bin --force --device uart:/dev/ttyACM0")]
pub struct Read {
    /// First address
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    address: u32,
    /// Number of bytes
    #[arg(long, value_name = "SIZE", value_parser = number::parse)]
    size: u32,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// A file and where it goes.
#[derive(Args, Debug)]
pub struct Source {
    /// ELF, Intel HEX or raw file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Address of a raw file
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    address: Option<u32>,
}

/// Erase what is needed, write a file, and read it back
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot device write app.elf --device uart:/dev/ttyACM0
  ironroot device write app.bin --address 0x08020000 --dry-run --device vdev:my.board")]
pub struct Write {
    #[command(flatten)]
    source: Source,
    /// Do not erase: the flash there is erased already
    #[arg(long)]
    no_erase: bool,
    /// Do not read back
    #[arg(long)]
    no_verify: bool,
}

/// Compare memory with a file
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot device verify app.elf --device uart:/dev/ttyACM0
  ironroot device verify app.bin --address 0x08020000 --device vdev:my.board")]
pub struct Verify {
    #[command(flatten)]
    source: Source,
}

/// Erase sectors, or all of the flash
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot device erase --sectors 1,2 --dry-run --device vdev:my.board
  ironroot device erase --all --device uart:/dev/ttyACM0")]
#[group(required = true, multiple = false)]
pub struct Erase {
    /// Sector numbers, 0 to 7
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(0..i64::from(SECTOR_COUNT)))]
    sectors: Vec<u16>,
    /// The whole flash
    #[arg(long)]
    all: bool,
}

/// Start the program whose vector table is at an address
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot device go --device uart:/dev/ttyACM0
  ironroot device go --address 0x08020000 --device vdev:my.board")]
pub struct Go {
    /// Address of the vector table
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse, default_value = "0x08000000")]
    address: u32,
}

impl Source {
    fn pieces(&self) -> Result<Vec<Piece>> {
        let data = files::read(&self.file)?;
        let mut application = input::parse(&self.file, &data).about(self.file.display())?;
        match (application.format, self.address) {
            (Format::Raw, Some(address)) => {
                application.pieces.iter_mut().for_each(|piece| piece.address = address);
            }
            (Format::Raw, None) => {
                return Err(Failure::new(codes::USAGE, "a raw file does not say where it goes")
                    .about(self.file.display())
                    .fix("Add --address, like --address 0x08000000."));
            }
            (_, Some(_)) => {
                let cause = format!("--address is for raw files; this is {}", application.format.name());
                return Err(Failure::new(codes::USAGE, cause).about(self.file.display()));
            }
            (_, None) => {}
        }
        // The end of the address space: what a device serves it says itself.
        match application.pieces.iter().find(|piece| piece.end() > 1 << 32) {
            Some(piece) => Err(Failure::new(
                codes::USAGE,
                format!(
                    "{:#010x} and {} bytes are behind the last address",
                    piece.address,
                    piece.bytes.len()
                ),
            )),
            None => Ok(application.pieces),
        }
    }
}

/// Sectors of user flash that the pieces touch.
fn sectors_of(pieces: &[Piece]) -> Vec<u16> {
    let start = u64::from(FLASH.start().value());
    let touches = |sector: &u16| {
        let first = start + u64::from(*sector) * u64::from(SECTOR.bytes());
        let end = first + u64::from(SECTOR.bytes());
        pieces.iter().any(|piece| u64::from(piece.address) < end && piece.end() > first)
    };
    (0..SECTOR_COUNT as u16).filter(touches).collect()
}

fn total(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.bytes.len()).sum()
}

/// Reports progress of a task, every [`STEP`] bytes.
fn progress<'a>(report: &'a mut Reporter<'_>, task: &'a str, total: usize) -> impl FnMut(usize) + 'a {
    move |done| {
        if done == total || done % STEP == 0 {
            report.progress(task, json!({ "bytes": done, "of": total }));
        }
    }
}

/// `device read`.
pub fn read(args: &Read, mut device: Bootloader, report: &mut Reporter<'_>) -> Result {
    let size = args.size as usize;
    report.task_begin("read", "reading memory");
    let bytes = device.read(args.address, size, &mut progress(report, "read", size))?;
    device.link.close()?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    atomic::write(&args.output, &bytes, Access::Public, existing)
        .map_err(|e| Failure::write(&args.output, &e))?;
    report.task_end("read", json!({ "bytes": size }));
    let file = args.output.display().to_string();
    let text = format!("{BOLD}{size} bytes{BOLD:#} from {:#010x} to {file}", args.address);
    report.result("device read", json!({ "address": args.address, "bytes": size, "file": file }), text);
    Ok(())
}

/// Compares memory with the pieces.
fn compare(device: &mut Bootloader, pieces: &[Piece], report: &mut Reporter<'_>) -> Result {
    report.task_begin("verify", "reading back");
    for piece in pieces {
        let size = piece.bytes.len();
        let found = device.read(piece.address, size, &mut progress(report, "verify", size))?;
        let differs = found.iter().zip(&piece.bytes).position(|(found, wanted)| found != wanted);
        if let Some((at, (found, wanted))) =
            differs.zip(differs.and_then(|at| Some((found.get(at)?, piece.bytes.get(at)?))))
        {
            let address = piece.address.wrapping_add(at as u32);
            let cause = format!("at {address:#010x}: wanted {wanted:#04x}, actual {found:#04x}");
            return Err(Failure::new(vdev::READ_BACK_MISMATCH, cause));
        }
    }
    report.task_end("verify", json!({ "bytes": total(pieces) }));
    Ok(())
}

/// `device write`. The file is looked at before the device is touched.
pub fn write(
    args: &Write,
    dry_run: bool,
    connect: impl FnOnce() -> Result<Bootloader>,
    report: &mut Reporter<'_>,
) -> Result {
    let pieces = args.source.pieces()?;
    let sectors = if args.no_erase { Vec::new() } else { sectors_of(&pieces) };
    let mut device = connect()?;
    if !dry_run {
        if !sectors.is_empty() {
            report.task_begin("erase", "erasing");
            device.erase(Some(&sectors))?;
            report.task_end("erase", json!({ "sectors": sectors }));
        }
        report.task_begin("write", "writing");
        for piece in &pieces {
            device.write(piece.address, &piece.bytes, &mut progress(report, "write", piece.bytes.len()))?;
        }
        report.task_end("write", json!({ "bytes": total(&pieces) }));
        if !args.no_verify {
            compare(&mut device, &pieces, report)?;
        }
    }
    device.link.close()?;
    let verified = !dry_run && !args.no_verify;
    let data = json!({
        "bytes": total(&pieces),
        "sectors_erased": sectors,
        "pieces": pieces.iter().map(|piece| json!({ "address": piece.address, "bytes": piece.bytes.len() })).collect::<Vec<_>>(),
        "verified": verified,
        "dry_run": dry_run,
    });
    let what = match (dry_run, verified) {
        (true, _) => "would be written",
        (false, true) => "written and read back",
        (false, false) => "written",
    };
    report.result(
        "device write",
        data,
        format!("{GOOD}{} bytes {what}{GOOD:#}, sectors erased: {sectors:?}", total(&pieces)),
    );
    Ok(())
}

/// `device verify`.
pub fn verify(
    args: &Verify,
    connect: impl FnOnce() -> Result<Bootloader>,
    report: &mut Reporter<'_>,
) -> Result {
    let pieces = args.source.pieces()?;
    let mut device = connect()?;
    compare(&mut device, &pieces, report)?;
    device.link.close()?;
    let text = format!("{GOOD}{} bytes are as in the file{GOOD:#}", total(&pieces));
    report.result("device verify", json!({ "bytes": total(&pieces), "equal": true }), text);
    Ok(())
}

/// `device erase`.
pub fn erase(args: &Erase, dry_run: bool, mut device: Bootloader, report: &mut Reporter<'_>) -> Result {
    if !dry_run {
        report.task_begin("erase", "erasing");
        device.erase(if args.all { None } else { Some(&args.sectors) })?;
        report.task_end("erase", json!({ "all": args.all, "sectors": args.sectors }));
    }
    device.link.close()?;
    let what = if args.all { "the whole flash".to_owned() } else { format!("sectors {:?}", args.sectors) };
    let verb = if dry_run { "would be erased" } else { "erased" };
    let data = json!({ "all": args.all, "sectors": args.sectors, "dry_run": dry_run });
    report.result("device erase", data, format!("{what} {verb}"));
    Ok(())
}

/// `device reset`: the protocol has no command for it; a program of a few instructions asks the core.
pub fn reset(dry_run: bool, mut device: Bootloader, report: &mut Reporter<'_>) -> Result {
    // ldr r0, =AIRCR; ldr r1, =VECTKEY | SYSRESETREQ; dsb; str r1, [r0]; b .
    let words: [u32; 7] = [
        RESET_PROGRAM + 0x1000,
        RESET_PROGRAM + 9,
        0x4903_4802,
        0x8F4F_F3BF,
        0xE7FE_6001,
        0xE000_ED0C,
        0x05FA_0004,
    ];
    if !dry_run {
        let program: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        device.write(RESET_PROGRAM, &program, &mut |_| {})?;
        device.run(Exchange::go(RESET_PROGRAM))?;
        if let Some(session) = device.link.virtual_session() {
            session.machine.run(1_000_000);
        }
    }
    device.link.close()?;
    report.result(
        "device reset",
        json!({ "dry_run": dry_run }),
        if dry_run { "would be reset" } else { "reset" },
    );
    Ok(())
}

/// `device go`.
pub fn go(args: &Go, dry_run: bool, mut device: Bootloader, report: &mut Reporter<'_>) -> Result {
    /// Instructions that a started program of a virtual device is run.
    const RUN: u64 = 50_000_000;
    if !dry_run {
        device.run(Exchange::go(args.address))?;
        if let Some(session) = device.link.virtual_session() {
            session.run(RUN, &mut |_, output| {
                report.raw(&output.bytes);
                true
            });
        }
    }
    device.link.close()?;
    let text = format!("{} at {:#010x}", if dry_run { "would be started" } else { "started" }, args.address);
    report.result("device go", json!({ "address": args.address, "dry_run": dry_run }), text);
    Ok(())
}
