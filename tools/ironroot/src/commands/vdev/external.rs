//! `ironroot vdev external`.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_chip::external::{ExternalFlash, SIZE};
use ironroot_codes::{input, vdev as codes};
use serde_json::json;

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::report::{BOLD, Reporter, printable};
use crate::vdev::chip::{AnyBoard, BoardFile};
use crate::{files, number, vdev};

/// Write or read the external flash of a board, as a programmer for the bare chip does
#[derive(Args, Debug)]
#[command(after_help = "\
An STM32H735 has external flash at OCTOSPI1 (0x90000000) and at OCTOSPI2 (0x70000000), an STM32H7S7 at XSPI1 (0x90000000), an \
STM32H7R7 at XSPI2 (0x70000000); each has 16 MB. The bytes are those that the memory chip stores: a region that OTFDEC or MCE \
decrypts holds ciphertext. What is written is read back.

Examples:
  ironroot vdev external my.board --write asset.bin --at 0x90000000
  ironroot vdev external my.board --read out.bin --at 0x90000000 --length 64K
  ironroot vdev external my.board --write asset.bin --at 0x70000000 --json")]
pub struct External {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// File whose bytes go into the flash, as they are
    #[arg(long, value_name = "FILE", required_unless_present = "read", conflicts_with_all = ["read", "length", "force"])]
    write: Option<PathBuf>,
    /// File to write the flash's bytes to
    #[arg(long, value_name = "FILE", requires = "length")]
    read: Option<PathBuf>,
    /// Address in the window of the memory
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    at: u32,
    /// Number of bytes to read
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    length: Option<u32>,
    /// Replace an existing file that --read names
    #[arg(long)]
    force: bool,
    /// Leave the board file as it is
    #[arg(long, conflicts_with = "read")]
    dry_run: bool,
}

/// A stretch of one external flash.
struct Place {
    /// The first address of its window.
    window: u32,
    /// Its first byte there.
    offset: u32,
}

impl Place {
    /// Where `length` bytes at `address` are; a stretch that is not all in one flash is refused.
    fn of(board: &AnyBoard, address: u32, length: u64) -> Result<Self> {
        let windows: Vec<u32> = board.external().iter().map(|(window, _)| *window).collect();
        let place = windows.iter().find_map(|&window| {
            let offset = address.checked_sub(window)?;
            (u64::from(offset) + length <= u64::from(SIZE) && offset < SIZE)
                .then_some(Place { window, offset })
        });
        place.ok_or_else(|| {
            let cause = format!(
                "{length} bytes at {address:#010x} are not all in an external flash of an {}: {}, {} MB each",
                board.part().name(),
                windows.iter().map(|window| format!("{window:#010x}")).collect::<Vec<_>>().join(" and "),
                SIZE / 1024 / 1024
            );
            Failure::new(input::USAGE, cause)
                .fix("Choose --at and the length so that all bytes lie in one flash.")
        })
    }

    /// The bytes that the flash stores there.
    fn read(&self, board: &AnyBoard, length: u32) -> Vec<u8> {
        let flash = board.external().into_iter().find(|(window, _)| *window == self.window);
        let end = self.offset.saturating_add(length);
        let bytes = |(_, flash): (_, &ExternalFlash)| (self.offset..end).map(|at| flash.byte(at)).collect();
        flash.map(bytes).unwrap_or_default()
    }
}

/// Runs the command.
pub fn run(args: &External, report: &mut Reporter<'_>) -> Result {
    match (&args.write, &args.read, args.length) {
        (Some(file), ..) => write(args, file, report),
        (None, Some(file), Some(length)) => read(args, file, length, report),
        _ => Err(Failure::new(input::USAGE, "--write FILE, or --read FILE and --length BYTES, is missing")),
    }
}

fn write(args: &External, file: &Path, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(&args.board, [file])?;
    let bytes = files::read(file)?;
    if bytes.is_empty() {
        return Err(Failure::new(input::FILE_EMPTY, "the file has no bytes").about(file.display()));
    }
    let held = vdev::load_any(&args.board)?;
    let place = Place::of(&held.board, args.at, bytes.len() as u64)?;
    let mut board = held.board.clone();
    if !board.preload_external(args.at, &bytes) {
        return Err(Failure::internal("the external flash did not take what fits into it"));
    }
    if !args.dry_run {
        vdev::save(&board, &args.board)?;
        // From the file again: what counts is what the next power-on finds.
        board = AnyBoard::load(&args.board).map_err(|e| vdev::refused(e, &args.board))?;
    }
    let found = place.read(&board, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    if let Some((index, (wanted, actual))) =
        bytes.iter().zip(&found).enumerate().find(|(_, (wanted, actual))| wanted != actual)
    {
        let address = u64::from(args.at) + index as u64;
        let cause = format!("at {address:#010x}: wanted {wanted:#04x}, found {actual:#04x}");
        return Err(Failure::new(codes::READ_BACK_MISMATCH, cause).about(args.board.display()));
    }
    tell(
        args,
        file,
        bytes.len(),
        if args.dry_run { "would be written" } else { "written and read back" },
        report,
    );
    Ok(())
}

fn read(args: &External, file: &Path, length: u32, report: &mut Reporter<'_>) -> Result {
    if length == 0 {
        return Err(Failure::new(input::USAGE, "--length 0: there is nothing to read"));
    }
    files::not_an_input(file, [args.board.as_path()])?;
    let held = vdev::load_any(&args.board)?;
    let place = Place::of(&held.board, args.at, length.into())?;
    let bytes = place.read(&held.board, length);
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    atomic::write(file, &bytes, Access::Public, existing).map_err(|e| Failure::write(file, &e))?;
    tell(args, file, bytes.len(), "read", report);
    Ok(())
}

fn tell(args: &External, file: &Path, bytes: usize, what: &str, report: &mut Reporter<'_>) {
    let data = json!({
        "board": args.board.display().to_string(),
        "file": file.display().to_string(),
        "operation": if args.write.is_some() { "write" } else { "read" },
        "address": args.at,
        "bytes": bytes,
        "dry_run": args.dry_run,
    });
    let file = printable(&file.display().to_string());
    report.result(
        "vdev external",
        data,
        format!("{BOLD}{bytes} bytes{BOLD:#} at {:#010x} {what} ({file})", args.at),
    );
}
