//! What the examples of secure user software share: start-up and console of the secure boot, the state of the chip that
//! all of them demand, and the two ways out.
#![allow(dead_code)] // each program uses a part

#[path = "../../secure-boot/src/report.rs"]
pub mod report;
#[path = "../../secure-boot/src/startup.rs"]
mod startup;

use ironroot_boot::{HandOff, Refusal, Stage};
use ironroot_codes::{Code, boot as codes, internal};
use ironroot_hal::rss::{self, Debug, SecureAreaArgument};
use ironroot_hal::{flash, jump, memory};
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{SECURE_AREA, SECURE_BOOT_RAM, SLOT};
use ironroot_layout::{Address, Region};
use report::Report;

/// Opens the console and says who is there. The record of an earlier boot must not pass for this one's.
pub fn open(name: &str) -> Report {
    memory::write_handoff(&[0; memory::HANDOFF_LEN]);
    let mut report = Report::open();
    report.text(name).end();
    report
}

/// The secure area, in Secure access mode. Where there is none yet RSS is asked for the layout's, and resets.
pub fn secure_area(report: &mut Report) -> Result<Region, Code> {
    if !flash::secure_mode() {
        return Err(codes::SECURITY_NOT_SET);
    }
    match flash::secure_area().area {
        SecureArea::Region(area) => Ok(area),
        SecureArea::WholeFlash => Err(codes::SECURE_AREA_MISSING),
        SecureArea::None => {
            report.text("no secure area yet: asking RSS for it").end();
            rss::initialize_secure_area(&SecureAreaArgument {
                size: SECURE_AREA.size().bytes(),
                start: SECURE_AREA.start().value(),
                remove_during_bank_erase: 1,
            });
            // Reached only when RSS refused.
            Err(codes::SECURE_AREA_MISSING)
        }
    }
}

/// Leaves the secure area for the application behind `vectors`, debug access closed.
///
/// `record`: what is to be said about the application, if it was verified.
pub fn leave(report: Report, vectors: Address, record: Option<&HandOff>) -> ! {
    report.close();
    if let Some(record) = record {
        memory::write_handoff(&record.encode());
    }
    rss::exit_secure_area(vectors.value(), Debug::Closed, SECURE_BOOT_RAM, exit_refused)
}

extern "C" fn exit_refused() -> ! {
    refuse_silently(codes::EXIT_REFUSED)
}

fn refusal(code: Code) -> Refusal {
    Refusal::new(code, Stage::Chip, SLOT.region.start())
}

/// Says why, leaves the record and stays.
pub fn refuse(mut report: Report, code: Code) -> ! {
    memory::write_handoff(&refusal(code).record().encode());
    report.text("refused: ").code(code).end();
    jump::halt()
}

/// The same without a word: for faults, which may have come from the console.
pub fn refuse_silently(code: Code) -> ! {
    memory::write_handoff(&refusal(code).record().encode());
    jump::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    refuse_silently(internal::INTERNAL)
}
