//! The boot state machine of Secure access mode: what every reset runs first.
//!
//! 1. A pending request for a secure area: check it, program it, reset.
//! 2. Else a valid secure area: start the secure user software at its beginning.
//! 3. Else BOOT0 chooses between BOOT_ADD0 and BOOT_ADD1.

use crate::library;
use crate::otfd;
use crate::request::{self, Block};
use ironroot_hal::{flash, jump, memory, rssc, scb};
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{FLASH, rss};

/// Runs the machine; ends in a reset or in the next stage.
#[inline(always)]
pub fn run() -> ! {
    jump::disable_interrupts();
    let boot = rssc::boot_state();
    if !boot.power_on {
        otfd::serve();
    }
    // After a power-on the block is noise at best. A well-formed one would be somebody's preparation.
    let block = if boot.power_on { Block::Empty } else { request::get() };
    match block {
        Block::Area(scar) => serve(scar),
        // Kept, so that the service refuses instead of asking for the same failure again.
        Block::Failed => {}
        Block::Empty => request::clear(),
    }
    let vectors = match flash::secure_area().area {
        SecureArea::WholeFlash => secure_user_software(FLASH.start().value()),
        SecureArea::Region(area) => secure_user_software(area.start().value()),
        SecureArea::None => boot_target(boot.boot0),
    };
    rssc::arm_handover();
    jump::wipe_and_enter(vectors, rss::RAM)
}

/// Serves a request for a secure area, then resets.
///
/// The block lies in RAM that any software can write: the checks of the call are made again here, where nobody
/// else can run between check and use.
#[inline(always)]
fn serve(scar: u32) -> ! {
    if library::no_area_yet() && library::is_possible(scar) {
        if flash::program_secure_area(scar).is_ok() {
            request::clear();
        } else {
            request::put_failed();
        }
    } else {
        request::clear();
    }
    scb::system_reset()
}

/// The vector table of the secure area. With nothing in it that could run, the core stays here, and debug access
/// stays closed: whoever could get behind a damaged area by damaging it would own what is left of it.
#[inline(always)]
fn secure_user_software(vectors: u32) -> u32 {
    if !can_run(vectors) {
        jump::halt();
    }
    vectors
}

/// The boot address that BOOT0 selects, or the bootloader when that holds nothing that can run: the way to
/// install something must stay open.
#[inline(always)]
fn boot_target(boot0: bool) -> u32 {
    let vectors = flash::boot_address(boot0);
    let in_flash = vectors >= FLASH.start().value() && vectors < FLASH.end().value();
    if in_flash && !can_run(vectors) { rss::BOOTLOADER.start().value() } else { vectors }
}

/// Whether the first words at `vectors`, in user flash, look like stack pointer and entry rather than like
/// erased flash.
#[inline(always)]
fn can_run(vectors: u32) -> bool {
    match (memory::flash_word(vectors), memory::flash_word(vectors + 4)) {
        (Some(stack), Some(entry)) => stack.is_multiple_of(4) && entry & 1 == 1 && entry != u32::MAX,
        _ => false,
    }
}
