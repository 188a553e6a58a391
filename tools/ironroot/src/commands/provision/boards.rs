//! Boards by name: their external flash, and the loader by which ST's programmer writes it.
//!
//! Source: board pages and examples of STM32CubeH7RS v1.3.0; the loaders are those that STM32CubeProgrammer ships.

use ironroot_codes::project as codes;

use crate::error::{Failure, Result};
use crate::product::Product;

/// A board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its name in descriptions.
    pub name: &'static str,
    /// The external flash.
    pub flash: &'static str,
    /// Its size in bytes.
    pub size: u32,
    /// The file name of its loader.
    pub loader: &'static str,
}

/// All that are known.
pub const BOARDS: [Board; 2] = [
    Board {
        name: "STM32H7S78-DK",
        flash: "MX66UW1G45G",
        size: 128 * 1024 * 1024,
        loader: "MX66UW1G45G_STM32H7S78-DK.stldr",
    },
    Board {
        name: "NUCLEO-H7S3L8",
        flash: "MX25UW25645G",
        size: 32 * 1024 * 1024,
        loader: "MX25UW25645G_NUCLEO-H7S3L8.stldr",
    },
];

/// The board of a product; `None` if the description names none.
pub fn of(product: &Product) -> Result<Option<Board>> {
    let Some(name) = product.description.board.as_deref() else { return Ok(None) };
    let refuse =
        |cause: String| Err(Failure::new(codes::PROVISION_BOARD, cause).about(product.path.display()));
    let Some(board) = BOARDS.into_iter().find(|board| board.name.eq_ignore_ascii_case(name)) else {
        let known: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
        return refuse(format!("board.name is {name:?}; known are {}", known.join(", ")));
    };
    let wanted = product.plan.product.flash.size;
    if wanted > board.size {
        let cause = format!(
            "memories.external-flash.size is {} MB; {} has an {} of {} MB",
            wanted >> 20,
            board.name,
            board.flash,
            board.size >> 20
        );
        return refuse(cause);
    }
    Ok(Some(board))
}
