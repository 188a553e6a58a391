//! A virtual device in this process: what a bench with a board, a debug probe and a serial cable is otherwise for.

pub mod chip;
pub mod external;
pub mod fault;
pub mod names;
pub mod record;
pub mod session;
pub mod slots;

use std::fs::File;
use std::path::Path;

use chip::{AnyBoard, BoardFile};
use ironroot_chip::{Board, BoardError, RomImage};
use ironroot_codes::input;

use crate::error::{Failure, Result};
use crate::{atomic, firmware, input as application, interrupt};

/// The system flash of every virtual device: the root security services that this build carries.
pub fn system_flash() -> Result<RomImage> {
    let mut pieces = program(&firmware::RSS)?;
    pieces.extend(program(&firmware::RSS_INSTALL)?);
    let rom = RomImage::from_segments(pieces.into_iter().map(|p| (p.address, p.bytes)))
        .map_err(|e| Failure::new(input::FIRMWARE_INVALID, e.to_string()).about(firmware::RSS.name))?;
    if !rom.has_rss() {
        let cause = "the firmware has nothing at the entry of the root security services";
        return Err(Failure::new(input::FIRMWARE_INVALID, cause).about(firmware::RSS.name));
    }
    Ok(rom)
}

/// The system flash of an STM32H7R/7S: one program for each of its windows.
pub fn system_flash_h7rs() -> Result<RomImage> {
    let mut pieces = Vec::new();
    for part in firmware::SYSTEM_H7RS {
        pieces.extend(program(part)?);
    }
    RomImage::h7rs(pieces.into_iter().map(|p| (p.address, p.bytes)))
        .map_err(|e| Failure::new(input::FIRMWARE_INVALID, e.to_string()).about(firmware::RSS_H7RS.name))
}

/// The load pieces of a program that this build carries.
pub fn program(program: &firmware::Program) -> Result<Vec<application::Piece>> {
    let elf = application::elf::parse(program.require()?);
    elf.map(|elf| elf.pieces).map_err(|f| Failure::new(input::FIRMWARE_INVALID, f.cause).about(program.name))
}

/// A board file that this process holds: a second command on the same board is refused, not interleaved.
#[derive(Debug)]
pub struct HeldBoard<B = Board> {
    /// The board as it was loaded.
    pub board: B,
    // Locked as long as it is open.
    _lock: File,
}

/// Loads and holds a board file with an STM32H735.
pub fn load(path: &Path) -> Result<HeldBoard> {
    let HeldBoard { board, _lock } = load_any(path)?;
    match board {
        AnyBoard::H735(board) => Ok(HeldBoard { board: *board, _lock }),
        other => {
            let cause =
                format!("the board has an {}; this command is for the stm32h735", other.part().name());
            Err(Failure::new(input::BOARD_UNKNOWN_PART, cause).about(path.display()).fix(
                "`ironroot vdev run`, `show`, `gdb`, `install` and `external` take boards with this part.",
            ))
        }
    }
}

/// Loads and holds a board file, whatever its part.
pub fn load_any(path: &Path) -> Result<HeldBoard<AnyBoard>> {
    // The file itself and not a link to it: that is what is held, and later replaced. A pipe would be waited for.
    let real = path.canonicalize().map_err(|e| Failure::read(path, &e))?;
    if !real.is_file() {
        return Err(Failure::new(input::FILE_UNREADABLE, "it is no regular file").about(path.display()));
    }
    let lock = File::open(&real).map_err(|e| Failure::read(path, &e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            return Err(
                Failure::new(input::BOARD_IN_USE, "another process holds the file").about(path.display())
            );
        }
        Err(std::fs::TryLockError::Error(e)) => return Err(Failure::read(path, &e)),
    }
    let board = AnyBoard::load(&real).map_err(|e| refused(e, path))?;
    Ok(HeldBoard { board, _lock: lock })
}

/// Saves a board file, and reads it back. A link stays, the file that it leads to is replaced.
pub fn save<B: BoardFile>(board: &B, path: &Path) -> Result {
    let real = atomic::target(path).map_err(|e| Failure::write(path, &e))?;
    let _busy = interrupt::writing();
    board.save(&real).map_err(|e| refused(e, path))?;
    let written = B::load(&real).map_err(|e| refused(e, path))?;
    if written != *board {
        return Err(Failure::new(input::FILE_UNWRITABLE, "the file does not hold what was written")
            .about(path.display()));
    }
    Ok(())
}

/// A refusal of the board file, with its name.
pub fn refused(error: BoardError, path: &Path) -> Failure {
    Failure::new(error.code(), error.to_string()).about(path.display())
}
