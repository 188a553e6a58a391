//! Secure user software, third use: firmware update over USART.
//!
//! 1. For a moment after reset it listens for an update ([`receive`]); nothing else on this device takes one.
//! 2. The image is collected in RAM and verified there, by the rules of the boot and not older than what is installed,
//!    before one bit of flash changes: a bad image costs nothing, the old one boots.
//! 3. Then the slot is erased, programmed, and verified again where it lies; only that decides about starting it.
//!
//! There is one slot: if the power fails between erase and the last word, the device has no application but still takes
//! an update. Flash is read word by word and never held as a slice, because this program changes it.
#![no_std]
#![no_main]

#[path = "../../common/mod.rs"]
mod common;
mod receive;

use common::report::Report;
use ironroot_boot::{BootPolicy, DeviceKind, Launch, decide};
use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::Software;
use ironroot_hal::usart::Console;
use ironroot_hal::{flash, memory};
use ironroot_image::{ReadAt, ReadError};
use ironroot_layout::stm32h735::{FLASH, FLASH_WORD, KEY_STORE, SECTOR, SECURE_AREA, SLOT};
use ironroot_layout::{Address, Region};
use receive::Staged;

pub use common::refuse_silently;

/// User flash, read a word at a time.
struct InFlash(Region);

impl ReadAt for InFlash {
    fn len(&self) -> u32 {
        self.0.size().bytes()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let start = self.0.start().value();
        for (at, byte) in (offset..).zip(buffer) {
            if at >= self.len() {
                return Err(ReadError::OutOfBounds);
            }
            let word = memory::flash_word((start + at) & !3).ok_or(ReadError::OutOfBounds)?;
            *byte = (word >> (8 * (at % 4))) as u8;
        }
        Ok(())
    }
}

const INSTALLED: InFlash = InFlash(SLOT.region);
const KEYS: InFlash = InFlash(KEY_STORE);

fn main() -> ! {
    let mut report = common::open("secure-update");
    match run(&mut report) {
        Ok((launch, vectors)) => {
            report.text("starting the application").end();
            common::leave(report, vectors, Some(launch.record()))
        }
        Err(code) => common::refuse(report, code),
    }
}

fn run(report: &mut Report) -> Result<(Launch, Address), Code> {
    if common::secure_area(report)? != SECURE_AREA {
        return Err(codes::SECURE_AREA_MISSING);
    }
    let policy = BootPolicy::stm32h735(DeviceKind::from_unique_id(&memory::unique_id()));
    report.text("update?").end();
    if let Some(received) = receive::receive(&mut Console::open()) {
        report.text("").end();
        match received.and_then(|staged| install(&staged, policy)) {
            Ok(()) => report.text("update installed").end(),
            Err(code) => report.text("update refused: ").code(code).end(),
        }
    }
    let launch = decide(&INSTALLED, &KEYS, &policy, &mut Software).map_err(|refusal| refusal.code())?;
    let vectors = launch.vector_table().map_err(|refusal| refusal.code())?;
    Ok((launch, vectors))
}

/// Verifies the image in RAM, then replaces the slot's content with it.
fn install(staged: &Staged, mut policy: BootPolicy) -> Result<(), Code> {
    // Without this yesterday's hole could be installed again, with its genuine signature.
    if let Ok(installed) = decide(&INSTALLED, &KEYS, &policy, &mut Software) {
        policy.image.min_security_counter = installed.image().security_counter();
    }
    let launch = decide(staged, &KEYS, &policy, &mut Software).map_err(|refusal| refusal.code())?;
    // The proof is asked once more, right before what cannot be undone.
    launch.vector_table().map_err(|refusal| refusal.code())?;
    program(staged).map_err(|_| codes::UPDATE_NOT_PROGRAMMED)
}

fn program(staged: &Staged) -> Result<(), flash::FlashError> {
    let start = SLOT.region.start().value();
    let first = (start - FLASH.start().value()) / SECTOR.bytes();
    for sector in 0..staged.len().div_ceil(SECTOR.bytes()) {
        flash::erase_sector(first + sector)?;
    }
    for offset in (0..staged.len()).step_by(FLASH_WORD.bytes() as usize) {
        flash::program_word(start + offset, staged.flash_word(offset))?;
    }
    Ok(())
}
