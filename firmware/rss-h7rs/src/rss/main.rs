//! Root security services: what every reset runs first, at HDPL 0.
//!
//! 1. A host that asks for debug authentication by the mailbox is served: regression, or the debug port opens. Then, on a closed
//!    device, nobody else opens it before the next reset.
//! 2. A command that needs HDPL 0 is served, in Open and Provisioning.
//! 3. Then the path: the bootloader, STiRoT, or the first stage in user flash.
//!
//! It leaves through the library, with all its RAM zeroed, and with that its window is hidden until the next reset.
#![no_std]
#![no_main]

mod backend;
mod debug;
mod path;
mod serve;

#[path = "../../../secure-boot/src/bytes.rs"]
mod bytes;
#[path = "../../../secure-boot/src/report.rs"]
#[allow(dead_code)] // shared: each stage prints what it knows
mod report;
#[path = "../../../secure-boot/src/startup.rs"]
mod startup;

use ironroot_boot::{HandOff, Stage};
use ironroot_codes::Code;
use ironroot_hal::{flash, jump, memory, rcc};
use ironroot_layout::stm32h7rs::chip::FLASH;
use ironroot_rss_h7rs::{hw, state};

fn main() -> ! {
    rcc::enable_shared();
    hw::enable_sbs();
    debug::serve();
    if !state::is_unsettled(flash::product_state()) {
        hw::lock_debug();
    }
    serve::commands();
    path::take()
}

/// Says why nothing is started, leaves the record and stays.
fn refuse(code: Code) -> ! {
    let record = HandOff::refused(code, Stage::Chip, FLASH.start());
    memory::write(memory::HAND_OFF, &record.encode());
    let mut report = report::Report::open();
    report.text("ironroot rss refused: ").code(code).end();
    report.close();
    jump::halt()
}

/// A fault: the console may be where it came from.
fn refuse_silently(code: Code) -> ! {
    let record = HandOff::refused(code, Stage::Chip, FLASH.start());
    memory::write(memory::HAND_OFF, &record.encode());
    jump::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    startup::panicked()
}
