//! Boot stage of the STM32H7R/7S: OEMiRoT in user flash, or, with the feature `urot`, OEMuRoT behind STiRoT.
//!
//! What it does:
//! 1. Closes everything by the MPU but what it needs, and refuses to run at another protection level than its own, or on a closed
//!    device whose options do not protect it as planned.
//! 2. Takes its keys from OBKeys, and the external flash through the memory cipher engine where the part has one.
//! 3. Confirms the installed image if the application asked for it by the flag in RAM, then lets `ironroot-boot` finish, make
//!    or refuse updates, and decide whether the image may run. Engine and decision are that crate's.
//! 4. Copies the image to RAM if it runs from there, and compares what is in RAM with what was verified.
//! 5. Leaves through RSSLIB: RAM wiped, the MPU as the product has it, level 3, and the verified image as all that executes.
//!
//! A watchdog that the options start is widened and served; this stage starts none.
//!
//! What it never does: enable an interrupt, take input, write flash outside of slots and scratch area. How failures look from
//! outside: one line `refused: IR-…` on the console, the same code in the hand-off record, and a core that sleeps. An update
//! that is refused is no failure: the installed image starts, and the record says why.
#![no_std]
#![no_main]

mod backend;
mod before;
#[path = "../../secure-boot/src/bytes.rs"]
mod bytes;
mod exit;
mod keys;
#[cfg(any(feature = "exec-external-ram", feature = "exec-internal-ram"))]
mod load;
mod product;
mod protect;
#[path = "../../secure-boot/src/report.rs"]
mod report;
mod slots;
#[path = "../../secure-boot/src/startup.rs"]
mod startup;

use ironroot_boot::update::{Action, ImageReport};
use ironroot_boot::{HandOff, Launch, Refusal, Stage};
use ironroot_codes::{Code, boot as codes};
use ironroot_hal::nor::Nor;
use ironroot_hal::{iwdg, jump, memory, ramecc, rcc, sbs, scb};
use ironroot_layout::Address;
use ironroot_layout::stm32h7rs::product::confine;
use ironroot_layout::stm32h7rs::rsslib::Service;
use report::Report;
use startup::stage as mark;

/// Points of the boot that the host can watch.
mod stage {
    /// `main` begins.
    pub const START: u32 = 1;
    /// Keys and images are about to be read.
    pub const PARSE: u32 = 2;
    /// The image is accepted; wiping and exit follow.
    pub const HANDOFF: u32 = 7;
    /// Refused: the core stays.
    pub const REFUSED: u32 = 8;
}

const NAME: &str = if cfg!(feature = "urot") { "ironroot oemurot " } else { "ironroot oemirot " };

/// Entered once, from start-up, with `.data` and `.bss` in place.
fn main() -> ! {
    mark(stage::START);
    // Half a second is over before an update is.
    iwdg::widen(iwdg::Time::Seconds65);
    rcc::enable_shared();
    protect::during();
    let before = before::report();
    // The record of an earlier boot must not pass for this one's, however this one ends.
    memory::clear(memory::HAND_OFF);
    rcc::start();
    let mut report = Report::open();
    report.text(NAME).text(env!("CARGO_PKG_VERSION")).end();

    match run(&mut report) {
        Ok((launch, vectors)) => hand_over(report, &launch, vectors, before),
        Err(refusal) => refuse(report, &refusal, before),
    }
}

fn early(code: Code, stage: Stage) -> Refusal {
    Refusal::new(code, stage, product::RUN.start())
}

/// State of the chip, then the decision. The vector table comes with its proof.
fn run(report: &mut Report) -> Result<(Launch, Address), Refusal> {
    if sbs::level() != product::LEVEL {
        return Err(early(codes::WRONG_LEVEL, Stage::Chip));
    }
    protect::options().map_err(|code| early(code, Stage::Chip))?;
    mark(stage::PARSE);
    let keys =
        keys::read(product::CONFIG, &mut backend::backend()).map_err(|code| early(code, Stage::KeyStore))?;
    #[cfg(feature = "exec-external-ram")]
    ironroot_hal::psram::open(product::RAM_AT, product::RUN)
        .ok_or(early(codes::EXTERNAL_RAM_ABSENT, Stage::Chip))?;
    #[cfg(feature = "exec-external-ram")]
    protect::seal_ram().map_err(|code| early(code, Stage::Chip))?;
    let nor = Nor::open(product::FLASH_AT).ok_or(early(codes::EXTERNAL_FLASH_ABSENT, Stage::Chip))?;
    // Its clock is that of the interface.
    protect::seal_flash().map_err(|code| early(code, Stage::Chip))?;
    let mut slots = slots::Slots::new(&nor).ok_or(early(codes::UPDATE_LAYOUT, Stage::Update))?;

    if memory::is_confirmed() {
        match slots.confirm() {
            Ok(()) => report.text("confirmed").end(),
            Err(code) => report.text("not confirmed: ").code(code).end(),
        }
    }
    // After it was acted on: a power cut before is no confirmation lost that the application could not repeat.
    memory::clear(memory::CONFIRMATION);

    let launch = slots.boot(&keys)?;
    let vectors = launch.vector_table()?;
    #[cfg(any(feature = "exec-external-ram", feature = "exec-internal-ram"))]
    load::load(slots.primary(), &launch)?;
    protect::lock_flash();
    if product::LOADS {
        nor.close();
    } else {
        nor.leave_mapped();
    }
    Ok((launch, vectors))
}

/// Says what became of the update, if there was one.
fn tell(report: &mut Report, image: &ImageReport) {
    let what = match image.action {
        Action::None => None,
        Action::Installed => Some("update installed"),
        Action::Testing => Some("update on trial"),
        Action::Reverted => Some("reverted"),
        Action::Bootstrapped => Some("first image installed"),
    };
    let mut line = |text: &str, code: Option<Code>| {
        report.text("image: ").text(text);
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
fn hand_over(mut report: Report, launch: &Launch, vectors: Address, before: Option<ImageReport>) -> ! {
    for image in launch.record().updates.images() {
        tell(&mut report, image);
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

    // What is behind the protected TLVs, the signature does not cover.
    let signed = launch.image().image().protected().end;
    let end = product::RUN.start().value().saturating_add(signed);
    let mut table = product::MPU_HAND_OFF;
    if confine(&mut table, product::RUN, Address::new(end)).is_none() {
        refuse_silently(codes::HAND_OVER_REFUSED);
    }
    leave_record(launch.record(), before);
    ramecc::start();
    scb::quiesce();
    mark(stage::HANDOFF);
    exit::leave(&exit::Way {
        vectors,
        service: Service::JumpToLevel3,
        table: &table,
        ram: product::STAGE_RAM,
        stack: Address::new(product::EXIT_STACK),
    })
}

/// Says why, leaves the record and stays.
fn refuse(mut report: Report, refusal: &Refusal, before: Option<ImageReport>) -> ! {
    for image in refusal.record().updates.images() {
        tell(&mut report, image);
    }
    leave_record(refusal.record(), before);
    report.text("refused: ").code(refusal.code()).end();
    mark(stage::REFUSED);
    jump::halt()
}

/// The record, with what only the chip knows, and what the stage before said about its own image.
fn leave_record(record: &HandOff, before: Option<ImageReport>) {
    let mut record = record.clone();
    record.debug_closed = sbs::debug_is_closed();
    if let Some(image) = before {
        record.updates.push(image);
    }
    memory::write(memory::HAND_OFF, &record.encode());
}

/// Leaves the record and stays, without a word on the console: for faults, which may have come from there.
fn refuse_silently(code: Code) -> ! {
    leave_record(early(code, Stage::Launch).record(), None);
    mark(stage::REFUSED);
    jump::halt()
}

/// No message: it would print addresses, and its code would be as large as the boot. The record says "internal".
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    startup::panicked()
}
