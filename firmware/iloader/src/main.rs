//! iLoader: STiRoT, which cannot drive external memories, asks it to copy images between external flash and internal RAM.
//!
//! 1. STiRoT writes a request into DTCM ([`ironroot_layout::stm32h7rs::iloader`]), raises the level to 3 and jumps here: this
//!    program is not trusted with anything. What it brings into RAM, STiRoT verifies after the reset that ends every run.
//! 2. It answers in SBS_RSSCMDR and resets. Whatever goes wrong, faults included, is the answer "error". STiRoT has started the
//!    watchdog: what takes longer than a copy or an installation can, ends in its reset.
//! 3. Every address of the request is checked: RAM only inside AXI SRAM, flash only inside the external flash, and an update
//!    only where image and download do not overlap.
#![no_std]
#![no_main]

#[path = "../../secure-boot/src/bytes.rs"]
mod bytes;
mod request;
#[path = "../../secure-boot/src/startup.rs"]
mod startup;

use ironroot_codes::Code;
use ironroot_hal::nor::{ERASED, Nor, SECTOR, SUBSECTOR};
use ironroot_hal::window::Window;
use ironroot_hal::{memory, rcc, sbs, scb};
use ironroot_layout::stm32h7rs::contract::STIROT_MAGIC;
use ironroot_layout::stm32h7rs::iloader::Answer;
use request::{Area, Request};

/// XSPI of the external flash: the STM32H7S alone has STiRoT.
const FLASH_AT: usize = 0;
/// What is written at a time: a page of the flash.
const PIECE: usize = 256;

/// Why nothing was copied; STiRoT learns that it was not, no more.
struct Failed;

impl From<ironroot_hal::xspi::Failed> for Failed {
    fn from(_: ironroot_hal::xspi::Failed) -> Self {
        Self
    }
}

fn main() -> ! {
    rcc::enable_shared();
    rcc::start();
    let answer = serve().unwrap_or(Answer::Error);
    end(answer)
}

fn end(answer: Answer) -> ! {
    sbs::set_command(answer.bits());
    scb::system_reset()
}

fn serve() -> Result<Answer, Failed> {
    // Once: what was checked is what is used.
    let request = Request::read(memory::ILOADER_REQUEST).ok_or(Failed)?;
    let nor = Nor::open(FLASH_AT).ok_or(Failed)?;
    let answer = match request {
        Request::Load { ram, primary, secondary } => load(&nor, &ram, &primary, &secondary),
        Request::Update { ram, primary, secondary, save, erase } => {
            if save {
                store(&nor, &ram, &primary)?;
            }
            if erase {
                clear(&nor, &secondary)?;
            }
            Ok(if save { Answer::Primary } else { Answer::Empty })
        }
    };
    nor.close();
    answer
}

/// The download, if there is one; else the installed image, unless RAM holds an image already.
fn load(nor: &Nor, ram: &Window, primary: &Area, secondary: &Area) -> Result<Answer, Failed> {
    if starts_an_image(nor, secondary)? {
        nor.copy(secondary.start, ram, secondary.size)?;
        return Ok(Answer::Secondary);
    }
    if !starts_an_image(nor, primary)? {
        return Ok(Answer::Empty);
    }
    let mut magic = [0; 4];
    ram.read(0, &mut magic).ok_or(Failed)?;
    if u32::from_le_bytes(magic) == STIROT_MAGIC {
        // It was loaded, and decrypted, before this reset.
        return Ok(Answer::Empty);
    }
    nor.copy(primary.start, ram, primary.size)?;
    Ok(Answer::Primary)
}

fn starts_an_image(nor: &Nor, area: &Area) -> Result<bool, Failed> {
    let mut magic = [0; 4];
    nor.read_raw(area.start, &mut magic)?;
    Ok(u32::from_le_bytes(magic) == STIROT_MAGIC)
}

/// Writes RAM over the installed image. The start of it comes last: what was cut short has no magic.
fn store(nor: &Nor, ram: &Window, primary: &Area) -> Result<(), Failed> {
    clear(nor, primary)?;
    let mut buffer = [0; PIECE];
    let mut end = primary.size;
    while end != 0 {
        let start = end.saturating_sub(1) / PIECE as u32 * PIECE as u32;
        let piece = buffer.get_mut(..end.saturating_sub(start) as usize).ok_or(Failed)?;
        ram.read(start, piece).ok_or(Failed)?;
        if piece.iter().any(|byte| *byte != ERASED) {
            nor.program(primary.start.wrapping_add(start), piece)?;
        }
        end = start;
    }
    Ok(())
}

/// Erases an area, the start of it first: what was cut short has no magic.
fn clear(nor: &Nor, area: &Area) -> Result<(), Failed> {
    let end = area.start.saturating_add(area.size);
    let mut place = area.start;
    while place < end {
        if place.is_multiple_of(SECTOR.bytes()) && end.saturating_sub(place) >= SECTOR.bytes() {
            nor.erase(place)?;
            place = place.saturating_add(SECTOR.bytes());
        } else {
            nor.erase_subsector(place)?;
            place = place.saturating_add(SUBSECTOR.bytes());
        }
    }
    Ok(())
}

/// Every exception.
fn refuse_silently(_: Code) -> ! {
    end(Answer::Error)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    startup::panicked()
}
