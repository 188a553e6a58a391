//! `ironroot vdev new`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use clap::Args;
use ironroot_chip::Board;
use ironroot_chip_h7rs::BoardH7;
use ironroot_codes::input;
use ironroot_layout::stm32h7rs;
use ironroot_sfi::Product;
use serde_json::json;

use crate::error::{Failure, Result};
use crate::report::{BOLD, Reporter, printable};
use crate::vdev::chip::{AnyBoard, Part};
use crate::{atomic, files, hex, identity, number, vdev};

/// Make a board file with a factory-fresh part
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot vdev new my.board
  ironroot vdev new my.board --uid 495256440000000000000001
  ironroot vdev new my.board --part stm32h7s7
  ironroot vdev new my.board --maker-key maker.pem
  ironroot vdev new my.board --force --json")]
pub struct New {
    /// Board file to write
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// The part
    #[arg(long, value_enum, default_value = "stm32h735")]
    part: Part,
    /// Unique id, 24 hex digits that begin with 49525644 ("IRVD", the mark of virtual devices) [default: a random one]
    #[arg(long, value_name = "HEX")]
    uid: Option<String>,
    /// Product id that the system bootloader reports: stm32flash 0.7 knows 0x450 [default: the part's own, 0x483]
    #[arg(long, value_name = "PID", value_parser = number::parse_pid)]
    bootloader_pid: Option<u16>,
    /// The maker whose certificate the chip gets: a P-256 private key [default: the demo maker, whose key is public]
    #[arg(long, value_name = "FILE")]
    maker_key: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &New, report: &mut Reporter<'_>) -> Result {
    let uid = match &args.uid {
        None => None,
        Some(text) => {
            let uid = hex::decode(text).and_then(|bytes| <[u8; 12]>::try_from(bytes).ok());
            let refused = |cause: String| {
                Failure::new(input::USAGE, cause)
                    .fix("Write 24 hex digits that begin with 49525644, like 495256440000000000000001.")
            };
            let uid = uid.ok_or_else(|| refused(format!("--uid {text}: not 24 hex digits")))?;
            // Every part asks the same of it.
            Board::create(uid).map_err(|e| refused(format!("--uid {text}: {e}")))?;
            Some(uid)
        }
    };
    let board = match args.part {
        Part::Stm32h735 => AnyBoard::H735(Box::new(h735(args, uid)?)),
        Part::Stm32h7s7 => AnyBoard::H7rs(Box::new(h7rs(args, stm32h7rs::Part::Stm32h7s7, uid)?)),
        Part::Stm32h7r7 => AnyBoard::H7rs(Box::new(h7rs(args, stm32h7rs::Part::Stm32h7r7, uid)?)),
    };
    files::not_an_input(&args.board, args.maker_key.as_deref())?;
    atomic::target(&args.board).map_err(|e| Failure::write(&args.board, &e))?;
    if args.force {
        // Held if somebody runs it: a board must not change under a running device.
        match vdev::load_any(&args.board) {
            Err(failure) if failure.code == input::BOARD_IN_USE => return Err(failure),
            _ => {}
        }
    } else if args.board.symlink_metadata().is_ok() {
        return Err(Failure::new(input::OUTPUT_EXISTS, "the file exists").about(args.board.display()));
    }
    vdev::save(&board, &args.board)?;
    let uid = hex::encode(board.uid());
    let demo = args.part == Part::Stm32h735 && args.maker_key.is_none();
    let data = json!({ "board": args.board.display().to_string(), "part": args.part.name(), "unique_id": uid, "demo_maker": demo });
    let text = format!(
        "{BOLD}{}{BOLD:#}  {}, unique id {uid}{}",
        printable(&args.board.display().to_string()),
        args.part.name(),
        if demo { ", certificate of the demo maker" } else { "" }
    );
    report.result("vdev new", data, text);
    Ok(())
}

fn h735(args: &New, uid: Option<[u8; 12]>) -> Result<Board> {
    let mut board = match uid {
        None => Board::with_serial(random_serial()),
        Some(uid) => Board::create(uid).map_err(|e| vdev::refused(e, &args.board))?,
    };
    board.set_bootloader_pid(args.bootloader_pid);
    let maker = identity::maker(args.maker_key.as_deref())?;
    board.set_identity(identity::create(Product::STM32H735, &maker)?);
    Ok(board)
}

fn h7rs(args: &New, part: stm32h7rs::Part, uid: Option<[u8; 12]>) -> Result<BoardH7> {
    if args.bootloader_pid.is_some() || args.maker_key.is_some() {
        let cause =
            format!("--bootloader-pid and --maker-key are for the stm32h735; an {} has neither", part.name());
        return Err(Failure::new(input::USAGE, cause).fix("Leave them out."));
    }
    match uid {
        None => Ok(BoardH7::with_serial(part, random_serial())),
        Some(uid) => BoardH7::create(part, uid).map_err(|e| vdev::refused(e, &args.board)),
    }
}

/// A serial number that two boards hardly share. It is a name and no secret: the standard library's random hash keys do.
fn random_serial() -> u64 {
    RandomState::new().build_hasher().finish()
}
