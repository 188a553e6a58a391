//! `ironroot vdev external`.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::input as codes;
use serde_json::json;

use crate::atomic::{self, Access, Existing};
use crate::error::{Context, Failure, Result};
use crate::input::{self, Format, Piece};
use crate::report::{BOLD, Reporter, printable};
use crate::vdev::external::{self, Place};
use crate::{files, number, vdev};

/// Write or read the external flash of a board, as a programmer for the bare chip does
#[derive(Args, Debug)]
#[command(after_help = "\
An STM32H735 has external flash at OCTOSPI1 (0x90000000) and at OCTOSPI2 (0x70000000), an STM32H7S7 at XSPI1 (0x90000000), an \
STM32H7R7 at XSPI2 (0x70000000); each has 16 MB. The bytes are those that the memory chip stores: a region that OTFDEC or MCE \
decrypts holds ciphertext. What is written is read back. An Intel HEX file goes where its addresses say, and each 4 KB of flash \
that it touches is erased first; any other file replaces just its bytes, from --at on. An image goes into its slot, with the \
request that the boot stage acts on, by `ironroot vdev install`.

Examples:
  ironroot vdev external my.board --write asset.bin --at 0x90000000
  ironroot vdev external my.board --write update.hex
  ironroot vdev external my.board --read out.bin --at 0x90000000 --length 64K
  ironroot vdev external my.board --write asset.bin --at 0x90000000 --dry-run --json")]
pub struct External {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// File to write: Intel HEX, or bytes that go into the flash as they are
    #[arg(long, value_name = "FILE", required_unless_present = "read", conflicts_with_all = ["read", "length", "force"])]
    write: Option<PathBuf>,
    /// File to write the flash's bytes to
    #[arg(long, value_name = "FILE", requires_all = ["at", "length"])]
    read: Option<PathBuf>,
    /// Address in the window of the memory; an Intel HEX file has its own, and this must then be its first
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    at: Option<u32>,
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

/// Runs the command.
pub fn run(args: &External, report: &mut Reporter<'_>) -> Result {
    match (&args.write, &args.read, args.at.zip(args.length)) {
        (Some(file), ..) => write(args, file, report),
        (None, Some(file), Some((at, length))) => read(args, file, at, length, report),
        _ => {
            let cause = "--write FILE, or --read FILE with --at ADDRESS and --length BYTES, is missing";
            Err(Failure::new(codes::USAGE, cause))
        }
    }
}

/// What a file holds, and whether it says itself where that goes.
fn pieces(file: &Path, at: Option<u32>) -> Result<(Vec<Piece>, Format)> {
    let bytes = files::read(file)?;
    if bytes.is_empty() {
        return Err(Failure::new(codes::FILE_EMPTY, "the file has no bytes"));
    }
    // An ELF file may well be an asset; Intel HEX never is what a chip is to store.
    if Format::of(file, &bytes) != Format::Hex {
        let Some(address) = at else {
            let cause = "a file that is not Intel HEX does not say where it goes";
            return Err(Failure::new(codes::USAGE, cause).fix(
                "Add --at, like --at 0x90000000; an image goes into its slot by `ironroot vdev install`.",
            ));
        };
        return Ok((vec![Piece { address, bytes, name: "the file".to_owned() }], Format::Raw));
    }
    let pieces = input::parse(file, &bytes)?.pieces;
    let first = pieces.first().map_or(0, |piece| piece.address);
    match at {
        Some(at) if at != first => {
            let cause = format!("the Intel HEX file begins at {first:#010x}, --at says {at:#010x}");
            let fix = "Leave --at out: the file says where its bytes go. To put it elsewhere, make it for that address.";
            Err(Failure::new(codes::USAGE, cause).fix(fix))
        }
        _ => Ok((pieces, Format::Hex)),
    }
}

fn write(args: &External, file: &Path, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(&args.board, [file])?;
    let (pieces, format) = pieces(file, args.at).about(file.display())?;
    let held = vdev::load_any(&args.board)?;
    let mut board = held.board.clone();
    if format == Format::Hex {
        external::erase(&mut board, &pieces)?;
    }
    external::write(board, &args.board, &pieces, args.dry_run)?;
    let what = if args.dry_run { "would be written" } else { "written and read back" };
    let parts: Vec<(u32, usize)> = pieces.iter().map(|piece| (piece.address, piece.bytes.len())).collect();
    tell(args, file, format, &parts, what, report);
    Ok(())
}

fn read(args: &External, file: &Path, at: u32, length: u32, report: &mut Reporter<'_>) -> Result {
    if length == 0 {
        return Err(Failure::new(codes::USAGE, "--length 0: there is nothing to read"));
    }
    files::not_an_input(file, [args.board.as_path()])?;
    let held = vdev::load_any(&args.board)?;
    let place = Place::of(&held.board, at, length.into())?;
    let bytes = place.read(&held.board, length);
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    atomic::write(file, &bytes, Access::Public, existing).map_err(|e| Failure::write(file, &e))?;
    tell(args, file, Format::Raw, &[(at, bytes.len())], "read", report);
    Ok(())
}

fn tell(
    args: &External,
    file: &Path,
    format: Format,
    parts: &[(u32, usize)],
    what: &str,
    report: &mut Reporter<'_>,
) {
    let bytes: usize = parts.iter().map(|(_, bytes)| bytes).sum();
    let first = parts.first().map_or(0, |(address, _)| *address);
    let data = json!({
        "board": args.board.display().to_string(),
        "file": file.display().to_string(),
        "format": format.name(),
        "operation": if args.write.is_some() { "write" } else { "read" },
        "address": first,
        "bytes": bytes,
        "pieces": parts.iter().map(|(address, bytes)| json!({ "address": address, "bytes": bytes })).collect::<Vec<_>>(),
        "dry_run": args.dry_run,
    });
    let places = match parts {
        [_] => format!("at {first:#010x}"),
        _ => format!("in {} pieces from {first:#010x} on", parts.len()),
    };
    let file = printable(&file.display().to_string());
    report.result(
        "vdev external",
        data,
        format!("{BOLD}{bytes} bytes{BOLD:#} {places} {what} ({file}, {})", format.name()),
    );
}
