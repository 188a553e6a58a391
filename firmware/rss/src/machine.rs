//! The boot state machine of Secure access mode: what every reset runs first.
//!
//! 1. A request that waits: check it, serve it, keep how it ended, reset.
//! 2. Else a valid secure area: start the secure user software at its beginning.
//! 3. Else BOOT0 chooses between BOOT_ADD0 and BOOT_ADD1.
//!
//! Before another stage starts, the whole RAM window of RSS is zeroed, the request block and the stack included.

use crate::library;
use crate::otfd;
use crate::request::{self, Request};
use ironroot_codes::{install as install_codes, rss as codes};
use ironroot_hal::flash::{self, FlashError, OptionChange, ReadProtection};
use ironroot_hal::install::{self, Note};
use ironroot_hal::memory::REQUEST;
use ironroot_hal::{jump, memory, rssc, scb};
use ironroot_layout::stm32h735::FLASH;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::rss::{self, service};

/// Runs the machine; ends in a reset or in the next stage.
#[inline(always)]
pub fn run() -> ! {
    jump::disable_interrupts();
    let boot = rssc::boot_state();
    // Gone with this read: whatever happens from here on, the same request is not served again.
    let kept = rssc::take_request();
    // After a power-on the block is noise at best. A well-formed one would be somebody's preparation.
    if !boot.power_on {
        otfd::serve(kept);
        if let Some(request) = request::get(kept) {
            serve(request);
        }
    }
    // Before anything of user flash is looked at: what an interrupted installation left must not run, and the installer alone
    // may take it away. With a secure area the installation was complete.
    if library::no_area_yet() && install::note() == Note::UnderWay {
        enter_installer(0)
    }
    let vectors = match flash::secure_area().area {
        SecureArea::WholeFlash => secure_user_software(FLASH.start().value()),
        SecureArea::Region(area) => secure_user_software(area.start().value()),
        SecureArea::None => boot_target(boot.boot0),
    };
    rssc::arm_handover();
    jump::wipe_and_enter(vectors, rss::WINDOW)
}

/// Serves a request, keeps how it ended, and resets.
///
/// The checks of the call are made again here, where nobody else can run between check and use.
#[inline(always)]
fn serve(request: Request) -> ! {
    request::clear();
    let code = match request.service {
        service::INITIALIZE_SECURE_AREAS => {
            if library::no_area_yet() && library::is_possible(request.argument) {
                outcome(flash::program_secure_area(request.argument))
            } else {
                codes::AREA_INVALID.number()
            }
        }
        service::REMOVE_PCROP_AREA => outcome(flash::change_option(OptionChange::no_pcrop_area())),
        service::INSTALL if library::no_area_yet() => enter_installer(rss::INSTALL_ASKED),
        service::INSTALL => install_codes::IN_SERVICE.number(),
        _ => codes::UNKNOWN_SERVICE.number(),
    };
    rssc::set_status(rss::status(request.service, code));
    scb::system_reset()
}

/// Enters the installer, which ends in a reset. `reason` is what it finds in the request block.
#[inline(always)]
fn enter_installer(reason: u32) -> ! {
    REQUEST.write(0, reason);
    jump::enter(rss::INSTALLER.start().value())
}

/// The code of an option change: 0 for success.
#[inline(always)]
fn outcome(result: Result<(), FlashError>) -> u16 {
    match result {
        Ok(()) => 0,
        Err(FlashError(0)) => codes::OPTIONS_NOT_AS_ASKED.number(),
        Err(_) => codes::OPTION_CHANGE_REFUSED.number(),
    }
}

/// The vector table of the secure area, or of the only place that may boot. With nothing in it that could run, the core stays here, and debug access
/// stays closed: whoever could get behind a damaged area by damaging it would own what is left of it.
#[inline(always)]
fn secure_user_software(vectors: u32) -> u32 {
    if !can_run(vectors) {
        jump::halt();
    }
    vectors
}

/// The boot address that BOOT0 selects, or the bootloader when that holds nothing that can run: the way to
/// install something must stay open. At read protection level 2 only user flash may boot, and nothing is installed any more.
#[inline(always)]
fn boot_target(boot0: bool) -> u32 {
    let chosen = flash::boot_address(boot0);
    let in_flash = chosen >= FLASH.start().value() && chosen < FLASH.end().value();
    if flash::read_protection() == ReadProtection::Level2 {
        let vectors = if in_flash { chosen } else { FLASH.start().value() };
        return secure_user_software(vectors);
    }
    if in_flash && !can_run(chosen) { rss::BOOTLOADER.start().value() } else { chosen }
}

/// Whether the first words at `vectors`, in user flash, look like stack pointer and entry rather than like
/// erased flash.
#[inline(always)]
fn can_run(vectors: u32) -> bool {
    match (memory::flash_word(vectors), memory::flash_word(vectors + 4)) {
        (Some(stack), Some(entry)) => library::is_entry(stack, entry),
        _ => false,
    }
}
