//! Boards by name: their external flash, and the loader by which ST's programmer writes it.
//!
//! Source: board pages and examples of STM32CubeH7RS v1.3.0; the loaders are those that STM32CubeProgrammer ships.

use ironroot_codes::project as codes;
use ironroot_layout::description::{Description, Problem};
use ironroot_layout::stm32h7rs::product::{Entry, Plan};

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

/// The board that a description names; `None` if it names none.
///
/// # Errors
/// A name that is not known, or less flash than described (IR-8110), at the line of the entry.
pub fn of(description: &Description, plan: &Plan) -> Result<Option<Board>, Problem> {
    let Some(name) = description.board.as_deref() else { return Ok(None) };
    let Some(board) = BOARDS.into_iter().find(|board| board.name.eq_ignore_ascii_case(name)) else {
        let known: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
        let message = format!("board.name is {name:?}; known are {}", known.join(", "));
        return Err(description.problem(Entry::Board, codes::PROVISION_BOARD, message));
    };
    let wanted = plan.product.flash.size;
    if wanted > board.size {
        let message = format!(
            "memories.external-flash.size is {} MB; {} has an {} of {} MB",
            wanted >> 20,
            board.name,
            board.flash,
            board.size >> 20
        );
        return Err(description.problem(Entry::FlashSize, codes::PROVISION_BOARD, message));
    }
    Ok(Some(board))
}
