//! The external flash of a board from outside, as a programmer for the bare chip sees it.

use std::path::Path;

use ironroot_chip::external::{ExternalFlash, SIZE};
use ironroot_codes::{input, vdev as codes};
use ironroot_layout::stm32h735::{ERASED, EXTERNAL_SECTOR};

use super::chip::{AnyBoard, BoardFile};
use crate::error::{Failure, Result};
use crate::input::Piece;

/// A stretch of one external flash.
pub struct Place {
    /// The first address of its window.
    window: u32,
    /// Its first byte there.
    offset: u32,
}

impl Place {
    /// Where `length` bytes at `address` are; a stretch that is not all in one flash is refused.
    pub fn of(board: &AnyBoard, address: u32, length: u64) -> Result<Self> {
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
                .fix("Choose the address and the length so that all bytes lie in one flash.")
        })
    }

    /// The bytes that the flash stores there.
    pub fn read(&self, board: &AnyBoard, length: u32) -> Vec<u8> {
        let flash = board.external().into_iter().find(|(window, _)| *window == self.window);
        let end = self.offset.saturating_add(length);
        let bytes = |(_, flash): (_, &ExternalFlash)| (self.offset..end).map(|at| flash.byte(at)).collect();
        flash.map(bytes).unwrap_or_default()
    }
}

/// The erase unit of the serial NOR.
const UNIT: usize = EXTERNAL_SECTOR.bytes() as usize;

/// Erases every erase unit that a piece touches: what a programmer does before it writes a file with addresses, so that nothing
/// of an earlier file is left in its gaps there.
pub fn erase(board: &mut AnyBoard, pieces: &[Piece]) -> Result {
    for piece in pieces {
        Place::of(board, piece.address, piece.bytes.len() as u64)?;
        let first = piece.address / EXTERNAL_SECTOR.bytes() * EXTERNAL_SECTOR.bytes();
        let end = u32::try_from(piece.end()).unwrap_or(u32::MAX);
        for at in (first..end).step_by(UNIT) {
            if !board.preload_external(at, &[ERASED; UNIT]) {
                return Err(Failure::internal("an erase unit that is not all in its flash"));
            }
        }
    }
    Ok(())
}

/// Writes the pieces into `board`, saves it at `path` unless this is a dry run, and reads everything back: from the file, because
/// what counts is what the next power-on finds.
pub fn write(mut board: AnyBoard, path: &Path, pieces: &[Piece], dry_run: bool) -> Result {
    let mut places = Vec::with_capacity(pieces.len());
    for piece in pieces {
        places.push(Place::of(&board, piece.address, piece.bytes.len() as u64)?);
        if !board.preload_external(piece.address, &piece.bytes) {
            return Err(Failure::internal("the external flash did not take what fits into it"));
        }
    }
    if !dry_run {
        super::save(&board, path)?;
        board = AnyBoard::load(path).map_err(|e| super::refused(e, path))?;
    }
    for (piece, place) in pieces.iter().zip(&places) {
        let found = place.read(&board, u32::try_from(piece.bytes.len()).unwrap_or(u32::MAX));
        let differs =
            piece.bytes.iter().zip(&found).enumerate().find(|(_, (wanted, actual))| wanted != actual);
        if let Some((index, (wanted, actual))) = differs {
            let address = u64::from(piece.address) + index as u64;
            let cause = format!("at {address:#010x}: wanted {wanted:#04x}, found {actual:#04x}");
            return Err(Failure::new(codes::READ_BACK_MISMATCH, cause).about(path.display()));
        }
    }
    Ok(())
}
