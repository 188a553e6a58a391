//! STiRoT: the first boot stage in system flash, at HDPL 1, for an image that is loaded into internal RAM.
//!
//! It has no driver for external flash: the iLoader, a program of the product in user flash, reads and writes it at HDPL 3 and
//! resets. Nothing that the iLoader says is believed but where to look:
//!
//! 1. Configuration and keys come from option-byte keys that only this level can read.
//! 2. Without an answer of the iLoader it is asked to load; with one, RAM is looked at ([`ask`]).
//! 3. A download is verified as it is, encrypted; if it is good the iLoader is asked to save it as the installed image, and in any case
//!    to erase the download.
//! 4. The installed image is decrypted in place, verified, its version recorded, and started.
//!
//! A refusal goes to the console and into the hand-off record, and the core stays. The iLoader is started a bounded number of times
//! for one boot, counted in a register that survives the resets in between, and each time under the watchdog.
#![no_std]
#![no_main]

mod ask;
mod config;
#[path = "../../../oemirot/src/exit.rs"]
mod exit;
mod image;
mod protect;
mod record;

#[path = "../../../secure-boot/src/bytes.rs"]
mod bytes;
#[path = "../../../secure-boot/src/report.rs"]
mod report;
#[path = "../../../secure-boot/src/startup.rs"]
mod startup;

use ask::Progress;
use config::Config;
use image::{Accepted, Loaded};
use ironroot_boot::update::{Action, ImageReport, Report as Updates};
use ironroot_boot::{HandOff, Stage, Status};
use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::{flash, jump, memory, ramecc, rcc, sbs, scb};
use ironroot_layout::Address;
use ironroot_layout::stm32h7rs::chip::{DTCM, FLASH};
use ironroot_layout::stm32h7rs::contract::STIROT_LOAD;
use ironroot_layout::stm32h7rs::iloader::{Answer, Operation, erase, save};
use ironroot_layout::stm32h7rs::product::Open;
use ironroot_layout::stm32h7rs::rsslib::Service;
use ironroot_layout::stm32h7rs::state::ProductState;
use ironroot_rss_h7rs::hw;
use protect::Next;
use report::Report;

/// Points of the boot that the host can watch, see `secure-boot`.
mod stage {
    pub const START: u32 = 1;
    pub const PARSE: u32 = 2;
    pub const HANDOFF: u32 = 7;
    pub const REFUSED: u32 = 8;
}

/// A refusal with how far it got.
pub struct Refused(Code, Stage);

fn main() -> ! {
    startup::stage(stage::START);
    rcc::enable_shared();
    hw::enable_sbs();
    // The record of an earlier boot must not pass for this one's.
    memory::clear(memory::HAND_OFF);
    let mut report = Report::open();
    report.text("ironroot stirot ").text(env!("CARGO_PKG_VERSION")).end();
    match run(&mut report) {
        Ok((config, accepted)) => hand_over(report, &config, &accepted),
        Err(refused) => refuse(report, &refused),
    }
}

/// Ends with an image that may be started, or with a reset through the iLoader.
fn run(report: &mut Report) -> Result<(Config, Accepted), Refused> {
    let config = config::load().map_err(|code| Refused(code, Stage::KeyStore))?;
    if order(flash::product_state()) < order(config.least_state) {
        return Err(Refused(codes::STIROT_STATE, Stage::Chip));
    }
    if config.raises_clock {
        rcc::start();
    }
    let installed = record::load().map_err(|code| Refused(code, Stage::KeyStore))?;
    let mut progress = Progress::load();
    // The answer is good for one look: whatever comes next, RAM is loaded again.
    let answer = Answer::from_bits(sbs::command());
    sbs::set_command(0);
    startup::stage(stage::PARSE);
    let loaded = Loaded::new(&config);
    let erased = progress.take_erasing();
    match answer {
        Some(Answer::Empty) if erased => ask::now(&config, &mut progress, Operation::Load, 0),
        None | Some(Answer::NoLoad) => {
            progress.unanswered();
            ask::now(&config, &mut progress, Operation::Load, 0)
        }
        Some(Answer::Empty) => Err(Refused(codes::ILOADER_EMPTY, Stage::Slot)),
        Some(Answer::Error) => Err(Refused(codes::ILOADER_ERROR, Stage::Slot)),
        Some(Answer::Secondary) => {
            let (steps, code) = match loaded.check(&config, installed.version) {
                Ok(_) => (save(0) | erase(0), None),
                Err(Refused(code, _)) => (erase(0), Some(code)),
            };
            match code {
                None => report.text("download accepted").end(),
                Some(code) => report.text("download refused: ").code(code).end(),
            }
            progress.download(code);
            ask::now(&config, &mut progress, Operation::Update, steps)
        }
        Some(Answer::Primary) => {
            let accepted = loaded.open(&config, installed.version)?;
            let recorded = installed.raise(&accepted);
            Ok((config, Accepted { counter_code: recorded.err(), ..accepted }))
        }
    }
}

/// Position of a state in a product's life.
fn order(state: ProductState) -> usize {
    ProductState::ALL.iter().position(|known| *known == state).unwrap_or(0)
}

/// What happened to the download, as the hand-off record has it.
fn updates(progress: &Progress, accepted: Option<&Accepted>) -> Updates {
    let image = ImageReport {
        action: if progress.installed() { Action::Installed } else { Action::None },
        resumed: false,
        refused: progress.refused(),
        reverted: None,
        counter: accepted.and_then(|accepted| accepted.counter_code),
        version: accepted.map(|accepted| accepted.version).unwrap_or_default(),
        mode: None,
        confirmed: false,
    };
    Updates::single(image)
}

fn hand_over(mut report: Report, config: &Config, accepted: &Accepted) -> ! {
    let progress = Progress::load();
    let version = accepted.version;
    if let Some(code) = accepted.counter_code {
        report.text("version not recorded: ").code(code).end();
    }
    report.text("verified: version ");
    report.number(version.major.into(), 1).text(".").number(version.minor.into(), 1).text(".");
    report.number(version.revision.into(), 1).text("+").number(version.build, 1);
    report.text(" counter ").number(accepted.counter, 1).text(" key ").hex(&accepted.key_id).end();
    report.close();

    let record = HandOff {
        status: Status::Booted,
        stage: Stage::Launch,
        slot: config.area.start(),
        vector_table: accepted.vectors,
        version: Some(version),
        security_counter: Some(accepted.counter),
        digest: accepted.digest,
        key_id: accepted.key_id,
        demo_key: false,
        debug_closed: sbs::debug_is_closed(),
        updates: updates(&progress, Some(accepted)),
    };
    memory::write(memory::HAND_OFF, &record.encode());
    ramecc::start();
    progress.clear();
    sbs::set_command(0);
    startup::stage(stage::HANDOFF);
    let service = match config.next {
        Next::Stage => Service::JumpToLevel2,
        Next::Application(_) => Service::JumpToLevel3,
    };
    scb::quiesce();
    // Asked again right before the jump: one skipped branch on the way here must not start an image.
    if !accepted.proof.is_intact().is_accepted() {
        refuse_silently(codes::STIROT_FAULT);
    }
    // The stack is where every table has RAM, whatever `open` says. The iLoader's request lies in DTCM too.
    exit::leave(&exit::Way {
        vectors: accepted.vectors,
        service,
        table: &config.table,
        ram: DTCM,
        stack: Open::AhbSram2.area().end(),
    })
}

/// Says why, leaves the record and stays. What the iLoader loaded goes: it may be half decrypted.
fn refuse(mut report: Report, refused: &Refused) -> ! {
    let progress = Progress::load();
    if let Some(code) = progress.refused() {
        report.text("download refused: ").code(code).end();
    }
    report.text("refused: ").code(refused.0).end();
    report.close();
    let mut record = HandOff::refused(refused.0, refused.1, STIROT_LOAD.start());
    record.updates = updates(&progress, None);
    memory::write(memory::HAND_OFF, &record.encode());
    progress.clear();
    sbs::set_command(0);
    image::wipe();
    startup::stage(stage::REFUSED);
    jump::halt()
}

/// As [`refuse`], without a word: for faults, which may have come from the console.
fn refuse_silently(code: Code) -> ! {
    let record = HandOff::refused(code, Stage::Launch, Address::new(FLASH.start().value()));
    memory::write(memory::HAND_OFF, &record.encode());
    startup::stage(stage::REFUSED);
    jump::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    startup::panicked()
}
