//! The installer of encrypted firmware: a critical service of RSS, which runs alone after a reset of its own.
//!
//! The boot state machine enters it for two reasons, which it finds in the request block: a host asked for an installation, or
//! the note in flash says that one was interrupted. In both cases whatever an interrupted one left is erased first.
//!
//! It serves the host over the USART of the bootloader ([`serve`]) and drives the flash ([`target`]); what is decided, and in which order, is in
//! `ironroot-sfi`, which the host's `ironroot sfi verify` runs as well. It ends in a reset, with all its RAM zeroed.
#![no_std]
#![no_main]

mod serve;
mod startup;
mod target;

use ironroot_boot::{Flash, FlashError};
use ironroot_codes::install as codes;
use ironroot_crypto::Software;
use ironroot_hal::install::{self, Note};
use ironroot_hal::memory::REQUEST;
use ironroot_hal::nor::{Nor, NorFlash};
use ironroot_hal::{jump, rssc};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::rss::{self, INSTALLER_RAM, service};
use ironroot_sfi::{Certificate, DeviceKey, Installer};
use target::Chip;
use zeroize::Zeroize;

fn main(table: &'static mut [u8], buffer: &'static mut [u8]) -> ! {
    let asked = REQUEST.read(0) == rss::INSTALL_ASKED;
    REQUEST.write(0, 0);
    if install::note() == Note::UnderWay {
        let erased = erase().is_ok();
        if !asked || !erased {
            end(if erased {
                codes::INSTALL_INTERRUPTED.number()
            } else {
                codes::INSTALL_ERASE_FAILED.number()
            });
        }
    }
    let Some(device) = identity() else { end(codes::NO_IDENTITY.number()) };
    let mut installer = Installer::new(Chip::default(), Software, &device, table, buffer);
    serve::run(&mut installer);
    let status = installer.status();
    drop(installer);
    drop(device);
    end(status.refusal.map_or(0, |code| code.number()))
}

/// The key pair of this device.
fn identity() -> Option<DeviceKey> {
    let certificate = Certificate::parse(&install::certificate()).ok()?;
    let mut key = install::device_key()?;
    let device = DeviceKey::new(certificate.product(), *certificate.key(), &key).ok();
    key.zeroize();
    device
}

/// Keeps how it ended, and resets.
fn end(code: u16) -> ! {
    rssc::set_status(rss::status(service::INSTALL, code));
    jump::wipe_and_reset(INSTALLER_RAM)
}

/// Erases user flash, and of the external flash what the note says: the sector that the chip starts from first, the one with
/// the note last. So at every moment nothing could be started, or the note says that it must not.
fn erase() -> Result<(), FlashError> {
    let mut flash = install::USER_FLASH;
    let last = flash.sector_count().saturating_sub(1);
    for sector in 0..last {
        flash.erase(sector)?;
    }
    if let Some(region) = install::note_external() {
        erase_external(region)?;
    }
    flash.erase(last)
}

/// Erases whole sectors of the external flash. A memory that is gone has nothing to erase.
fn erase_external(region: Region) -> Result<(), FlashError> {
    let Some(nor) = Nor::open() else { return Ok(()) };
    let mut flash = NorFlash::new(&nor, region).ok_or(FlashError::OutOfBounds)?;
    let outcome = (0..flash.sector_count()).try_for_each(|sector| flash.erase(sector));
    nor.close();
    outcome
}

/// Not reachable from input by design; should it be reached, nothing was made startable that is not complete.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    end(ironroot_codes::internal::INTERNAL.number())
}
