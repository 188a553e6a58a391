//! The chips that a session can have, and their boards: one trait each, so that a command is written once.

use std::path::Path;

use clap::ValueEnum;
use ironroot_chip::external::ExternalFlash;
use ironroot_chip::warnings::Warning;
use ironroot_chip::{Board, BoardError, FlashOperation, PowerCut, RomImage, Stm32h735};
use ironroot_chip_h7rs::{BoardH7, RamError, Stm32h7rs};
use ironroot_cpu::bus::Bus;
use ironroot_layout::stm32h7rs::Part as H7rs;
use ironroot_layout::{Region, stm32h7rs, stm32h735};

use crate::error::Result;

/// A part that a virtual board can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// STM32H735: 1 MB of flash, secure user area, external flash behind OTFDEC
    Stm32h735,
    /// STM32H7S7: 64 KB of flash, boot from external flash, crypto blocks
    Stm32h7s7,
    /// STM32H7R7: the same without SAES, PKA, CRYP and MCE
    Stm32h7r7,
}

impl Part {
    /// The name on the command line and in results.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Stm32h735 => "stm32h735",
            Part::Stm32h7s7 => H7rs::Stm32h7s7.name(),
            Part::Stm32h7r7 => H7rs::Stm32h7r7.name(),
        }
    }
}

/// An error to be put into a word of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamFault {
    /// An address of the word.
    pub address: u32,
    /// Two bits, which are lost; or one, which is corrected.
    pub double: bool,
}

/// What a session asks of a chip.
pub trait Chip: Bus {
    /// What it is soldered to.
    type Board: BoardFile;
    /// Where a boot leaves its record.
    const HAND_OFF: Region;
    /// The serial port that the firmware of this project talks on.
    const CONSOLE: u8;
    /// Whether `ironroot explain fault` knows what an application may do here.
    const HAS_CONTRACT: bool;

    /// The chip on a board, just powered on.
    fn from_board(board: &Self::Board, rom: &RomImage) -> Self;
    /// What survives power-off.
    fn to_board(&self) -> Self::Board;
    /// The system flash that this build carries for it.
    fn system_flash() -> Result<RomImage>;
    /// Number and name of each serial port.
    fn ports() -> impl Iterator<Item = (u8, &'static str)>;
    /// What a serial port sent.
    fn take_uart_output(&mut self, number: u8) -> Vec<u8>;
    /// The host sends to a serial port.
    fn feed_uart_input(&mut self, number: u8, bytes: &[u8]) -> bool;
    /// What the core itself said.
    fn take_console(&mut self) -> Vec<u8>;
    /// What the model does not do.
    fn take_warnings(&mut self) -> Vec<Warning>;
    /// Virtual time as real time.
    fn nanoseconds(&self, now: u64) -> u64;
    /// Lets the flashes end what they do.
    fn finish_flash_operations(&mut self) -> u64;
    /// Cuts the power at an operation to come.
    fn cut_power_at(&mut self, cut: Option<PowerCut>);
    /// Operations so far.
    fn flash_operations(&self) -> u64;
    /// Keeps a list of them, or ends that.
    fn record_flash_operations(&mut self, on: bool);
    /// The list.
    fn take_flash_operations(&mut self) -> Vec<FlashOperation>;
    /// Puts an error into RAM. False if the memory there has no error correction.
    fn inject_ram_error(&mut self, fault: RamFault) -> bool;
}

/// A chip's own methods, by the names of the trait.
macro_rules! chip {
    ($chip:ty, $board:ty, $hand_off:expr, $console:expr, $contract:expr, $system_flash:path, $instances:expr, $ram_error:expr) => {
        impl Chip for $chip {
            type Board = $board;
            const HAND_OFF: Region = $hand_off;
            const CONSOLE: u8 = $console;
            const HAS_CONTRACT: bool = $contract;

            fn from_board(board: &$board, rom: &RomImage) -> Self {
                <$chip>::from_board(board, rom)
            }
            fn to_board(&self) -> $board {
                <$chip>::to_board(self)
            }
            fn system_flash() -> Result<RomImage> {
                $system_flash()
            }
            fn ports() -> impl Iterator<Item = (u8, &'static str)> {
                $instances.iter().map(|instance| (instance.number, instance.name))
            }
            fn take_uart_output(&mut self, number: u8) -> Vec<u8> {
                <$chip>::take_uart_output(self, number)
            }
            fn feed_uart_input(&mut self, number: u8, bytes: &[u8]) -> bool {
                <$chip>::feed_uart_input(self, number, bytes)
            }
            fn take_console(&mut self) -> Vec<u8> {
                <$chip>::take_console(self)
            }
            fn take_warnings(&mut self) -> Vec<Warning> {
                <$chip>::take_warnings(self)
            }
            fn nanoseconds(&self, now: u64) -> u64 {
                <$chip>::nanoseconds(self, now)
            }
            fn finish_flash_operations(&mut self) -> u64 {
                <$chip>::finish_flash_operations(self)
            }
            fn cut_power_at(&mut self, cut: Option<PowerCut>) {
                <$chip>::cut_power_at(self, cut)
            }
            fn flash_operations(&self) -> u64 {
                <$chip>::flash_operations(self)
            }
            fn record_flash_operations(&mut self, on: bool) {
                <$chip>::record_flash_operations(self, on)
            }
            fn take_flash_operations(&mut self) -> Vec<FlashOperation> {
                <$chip>::take_flash_operations(self)
            }
            fn inject_ram_error(&mut self, fault: RamFault) -> bool {
                $ram_error(self, fault)
            }
        }
    };
}

chip!(
    Stm32h735,
    Board,
    stm32h735::HAND_OFF,
    3,
    false,
    super::system_flash,
    ironroot_chip::peripherals::usart::INSTANCES,
    // Its RAMECC is not modelled.
    |_: &mut Stm32h735, _| false
);
chip!(
    Stm32h7rs,
    BoardH7,
    stm32h7rs::contract::HAND_OFF,
    4,
    true,
    super::system_flash_h7rs,
    ironroot_chip_h7rs::peripherals::usart::INSTANCES,
    |chip: &mut Stm32h7rs, fault: RamFault| {
        let error = if fault.double { RamError::Double } else { RamError::Single };
        chip.inject_ram_error(fault.address, error)
    }
);

/// A board as its file.
pub trait BoardFile: Clone + PartialEq {
    /// Reads a board file.
    fn load(path: &Path) -> std::result::Result<Self, BoardError>;
    /// Replaces a board file.
    fn save(&self, path: &Path) -> std::result::Result<(), BoardError>;
}

impl BoardFile for Board {
    fn load(path: &Path) -> std::result::Result<Self, BoardError> {
        Board::load(path)
    }
    fn save(&self, path: &Path) -> std::result::Result<(), BoardError> {
        Board::save(self, path)
    }
}

impl BoardFile for BoardH7 {
    fn load(path: &Path) -> std::result::Result<Self, BoardError> {
        BoardH7::load(path)
    }
    fn save(&self, path: &Path) -> std::result::Result<(), BoardError> {
        BoardH7::save(self, path)
    }
}

/// A board with any part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyBoard {
    /// With an STM32H735.
    H735(Box<Board>),
    /// With an STM32H7S7 or STM32H7R7.
    H7rs(Box<BoardH7>),
}

impl BoardFile for AnyBoard {
    fn load(path: &Path) -> std::result::Result<Self, BoardError> {
        let file = ironroot_chip::container::read_file(path)?;
        match ironroot_chip_h7rs::board::kind(&file) {
            Some(ironroot_chip_h7rs::board::Kind::H7rs) => {
                BoardH7::from_bytes(&file).map(|board| AnyBoard::H7rs(Box::new(board)))
            }
            // What is no board at all is refused there.
            Some(ironroot_chip_h7rs::board::Kind::H735) | None => {
                Board::from_bytes(&file).map(|board| AnyBoard::H735(Box::new(board)))
            }
        }
    }

    fn save(&self, path: &Path) -> std::result::Result<(), BoardError> {
        match self {
            AnyBoard::H735(board) => board.save(path),
            AnyBoard::H7rs(board) => board.save(path),
        }
    }
}

impl AnyBoard {
    /// The part.
    pub fn part(&self) -> Part {
        match self {
            AnyBoard::H735(_) => Part::Stm32h735,
            AnyBoard::H7rs(board) => match board.part() {
                H7rs::Stm32h7s7 => Part::Stm32h7s7,
                H7rs::Stm32h7r7 => Part::Stm32h7r7,
            },
        }
    }

    /// The unique id.
    pub fn uid(&self) -> &[u8; 12] {
        match self {
            AnyBoard::H735(board) => board.uid(),
            AnyBoard::H7rs(board) => board.uid(),
        }
    }

    /// The external flashes, with the first address of the window of each.
    pub fn external(&self) -> Vec<(u32, &ExternalFlash)> {
        match self {
            AnyBoard::H735(board) => {
                let windows = [stm32h735::OCTOSPI1, stm32h735::OCTOSPI2];
                windows.map(|window| window.start().value()).into_iter().zip(board.external()).collect()
            }
            // In the other window there is RAM, which keeps nothing.
            AnyBoard::H7rs(board) => {
                let window = board.part().external_flash();
                let all = [stm32h7rs::XSPI1, stm32h7rs::XSPI2].into_iter().zip(board.external());
                all.filter(|(place, _)| *place == window)
                    .map(|(place, flash)| (place.start().value(), flash))
                    .collect()
            }
        }
    }

    /// Puts bytes into an external flash at an address in its window. False if they do not fit.
    pub fn preload_external(&mut self, address: u32, bytes: &[u8]) -> bool {
        match self {
            AnyBoard::H735(board) => board.preload_external(address, bytes),
            AnyBoard::H7rs(board) => board.preload_external(address, bytes),
        }
    }
}
