//! Secure user software: the first code of the product that runs after RSS, in the secure area.
//!
//! What it does:
//! 1. Refuses to run where it could not protect anything (SECURITY not set), and has RSS create the secure area
//!    when there is none yet.
//! 2. Lets `ironroot-boot` finish, make or refuse updates, and decide whether the image in the primary slot may run. The
//!    engine and the decision are that crate's; this program wires flash, counters, cryptography and console to them.
//! 3. Starts the image through the exit service of RSS, which closes the secure area with this program and the
//!    keys in it, after wiping its RAM. Debug access stays closed.
//!
//! What it never does: enable an interrupt, take input, write flash outside the slots, the scratch area and the counter
//! log. How failures look from outside: one line `refused: IR-…` on the console, the same code in the hand-off record, and a
//! core that sleeps. An update that is refused is no failure: the installed image starts, and the record says why.
#![no_std]
#![no_main]

mod bytes;
mod report;
mod slots;
mod stage;
mod startup;

use ironroot_boot::update::{Action, ImageReport};
use ironroot_boot::{BootPolicy, DeviceKind, Launch, Refusal, Stage};
use ironroot_codes::{Code, boot as codes, internal};
use ironroot_hal::rss::{self, Debug, SecureAreaArgument};
use ironroot_hal::{flash, jump, memory};
use ironroot_layout::Address;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{KEY_STORE, SECURE_AREA, SECURE_BOOT_RAM, SLOT};
use report::Report;
use startup::stage as mark;

/// Entered once, from start-up, with `.data` and `.bss` in place.
fn main() -> ! {
    mark(stage::START);
    // The record of an earlier boot must not pass for this one's, however this one ends.
    memory::clear_handoff();
    let mut report = Report::open();
    report.text(concat!("ironroot secure-boot ", env!("CARGO_PKG_VERSION"))).end();

    let policy = BootPolicy { device: DeviceKind::from_unique_id(&memory::unique_id()), ..slots::POLICY };
    let keys = match check_chip(&mut report) {
        Ok(keys) => keys,
        Err(code) => refuse(report, &Refusal::new(code, Stage::Chip, SLOT.region.start())),
    };
    mark(stage::PARSE);
    match slots::boot(keys, &policy) {
        Ok(launch) => match launch.vector_table() {
            Ok(vectors) => hand_over(report, &launch, vectors),
            Err(refusal) => refuse(report, &refusal),
        },
        Err(refusal) => refuse(report, &refusal),
    }
}

/// State of the chip; the key store, if it is one in which anything can be kept.
fn check_chip(report: &mut Report) -> Result<&'static [u8], Code> {
    if !flash::secure_mode() {
        return Err(codes::SECURITY_NOT_SET);
    }
    match flash::secure_area().area {
        SecureArea::None => {
            request_area(report);
            // Reached only when RSS refused.
            return Err(codes::SECURE_AREA_MISSING);
        }
        // A smaller area leaves the keys or the verifier outside; a larger one would close over the application.
        SecureArea::Region(area) if area == SECURE_AREA => {}
        SecureArea::Region(_) | SecureArea::WholeFlash => return Err(codes::SECURE_AREA_MISSING),
    }
    memory::flash(KEY_STORE).ok_or(internal::INTERNAL)
}

/// Asks RSS for the secure area. On success the chip resets inside.
fn request_area(report: &mut Report) {
    report.text("no secure area yet: asking RSS for it").end();
    mark(stage::AREA_REQUEST);
    rss::initialize_secure_area(&SecureAreaArgument {
        size: SECURE_AREA.size().bytes(),
        start: SECURE_AREA.start().value(),
        remove_during_bank_erase: 1,
    });
}

/// Says what became of the update of an image, if there was one.
fn tell(report: &mut Report, number: usize, image: &ImageReport) {
    let what = match image.action {
        Action::None => None,
        Action::Installed => Some("update installed"),
        Action::Testing => Some("update on trial"),
        Action::Reverted => Some("reverted"),
        Action::Bootstrapped => Some("first image installed"),
    };
    let mut line = |text: &str, code: Option<Code>| {
        report.text("image ").number(number as u32, 1).text(": ").text(text);
        if let Some(code) = code {
            report.text(": ").code(code);
        }
        report.end();
    };
    if let Some(what) = what {
        line(what, image.reverted);
        if image.resumed {
            line("was interrupted and is complete", None);
        }
    }
    if image.refused.is_some() {
        line("update refused", image.refused);
    }
    if image.counter.is_some() {
        line("counter not raised", image.counter);
    }
}

/// Says what was verified, leaves the record and leaves for good.
fn hand_over(mut report: Report, launch: &Launch, vectors: Address) -> ! {
    for (number, image) in launch.record().updates.images().iter().enumerate() {
        tell(&mut report, number, image);
    }
    let version = launch.image().header().version;
    report.text("verified: version ");
    report.number(version.major.into(), 1).text(".").number(version.minor.into(), 1).text(".");
    report.number(version.revision.into(), 1).text("+").number(version.build, 1).text(" counter ");
    match launch.image().security_counter() {
        Some(counter) => report.number(counter, 1),
        None => report.text("none"),
    };
    report.text(" key ").hex(launch.image().key_hash().get(..8).unwrap_or_default()).end();
    report.close();

    memory::write_handoff(&launch.record().encode());
    mark(stage::HANDOFF);
    rss::exit_secure_area(vectors.value(), Debug::Closed, SECURE_BOOT_RAM, exit_refused)
}

/// The exit service came back: it did not take the vectors, or it is not there. Runs on an empty stack.
extern "C" fn exit_refused() -> ! {
    refuse_silently(codes::EXIT_REFUSED)
}

/// Says why, leaves the record and stays.
fn refuse(mut report: Report, refusal: &Refusal) -> ! {
    for (number, image) in refusal.record().updates.images().iter().enumerate() {
        tell(&mut report, number, image);
    }
    memory::write_handoff(&refusal.record().encode());
    report.text("refused: ").code(refusal.code()).end();
    mark(stage::REFUSED);
    jump::halt()
}

/// Leaves the record and stays, without a word on the console: for faults, which may have come from there.
fn refuse_silently(code: Code) -> ! {
    memory::write_handoff(&Refusal::new(code, Stage::Launch, SLOT.region.start()).record().encode());
    mark(stage::REFUSED);
    jump::halt()
}

/// No message: it would print addresses, and its code would be as large as the boot. The record says "internal".
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    startup::panicked()
}
