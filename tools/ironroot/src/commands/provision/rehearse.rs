//! `ironroot provision rehearse`: everything on a clone, which is then booted and brought back.

use clap::Args;
use ironroot_boot::{HandOff, Status as Boot};
use ironroot_chip_h7rs::{BoardH7, RomImage};
use ironroot_codes::project as codes;
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h7rs::contract;
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};
use serde_json::json;

use super::bench::{self, Bench};
use super::credential::{self, Credential, CredentialArgs};
use super::inputs::Recipe;
use super::run::Flow;
use super::stops::Stops;
use super::{Inputs, note};
use crate::error::{Context, Failure, Result};
use crate::interrupt;
use crate::report::{GOOD, Reporter};
use crate::vdev;

/// Instructions of a first boot: it installs the image, encrypts it for its memory, and verifies it.
const BOOT: u64 = 2_000_000_000;
/// Instructions between two looks at a boot.
const LOOK: u64 = 1_000_000;

/// Do everything on a clone of the board, boot it, and bring it back with the credential
#[derive(Args, Debug)]
#[command(after_help = "\
The clone is in memory; the device and its board file stay as they are. For a device on a serial port the clone is a fresh virtual \
device of the same part. What is shown: that every step is taken by the device's own services, that the boot chain reaches \
the application, and that the closed product comes back to Open with the credential. Then a note is written beside the board, \
without which `provision run` closes nothing. It holds for these very inputs and this device.

Examples:
  ironroot provision rehearse --device vdev:my.board --image app.hex
  ironroot provision rehearse --device vdev:my.board --image app.hex --credential debug-root.pem
  ironroot provision rehearse --device uart:/dev/ttyACM0 --image app.hex --json")]
pub struct Rehearse {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub credential: CredentialArgs,
}

/// Runs the command.
pub fn run(args: &Rehearse, report: &mut Reporter<'_>) -> Result {
    let recipe = Recipe::read(&args.inputs)?;
    let mut device = args.inputs.open(&recipe)?;
    let (uid, path) = (device.uid(), args.inputs.note_path(&device));
    let credential = Credential::read(&recipe.product, &args.credential)?;
    note::remove(&path)?;
    let fresh = BoardH7::with_serial(recipe.product.plan.product.part, 1);
    let clone = device.board().unwrap_or(fresh);
    let rom = vdev::system_flash_h7rs()?;

    report.task_begin("provision", "provisioning the clone");
    let mut bench = Bench::on_board(clone, "the clone");
    let mut stops = Stops::default();
    let mut flow = Flow {
        recipe: &recipe,
        external_programmed: false,
        no_close: false,
        journal: None,
        stops: &mut stops,
    };
    let done = flow.perform(&mut bench, report).about("the clone")?;
    let board = bench.board().ok_or_else(|| Failure::internal("the clone has no board"))?;
    let state = board.options().product_state();
    report.task_end("provision", json!({ "performed": done.performed, "state": state.name() }));

    report.task_begin("boot", "booting the clone");
    let reached = boot(&recipe, &board, &rom).about("the clone")?;
    report.task_end("boot", json!({ "instructions": reached.instructions, "version": reached.version }));

    let way_back = way_back(&board, &rom, credential.as_ref(), report)?;
    let result = json!({
        "device": uid,
        "product": recipe.digest,
        "state": state.name(),
        "application": { "reached": true, "version": reached.version, "vector_table": format!("{:#010x}", reached.vectors) },
        "instructions": reached.instructions,
        "credential": way_back,
        "note": path.display().to_string(),
    });
    note::write(&path, &uid, &recipe.digest, &result)?;
    let back = match way_back {
        Some(name) => format!("comes back to Open with the {name}"),
        None if state == ProductState::Locked => {
            "is locked: there is no way back, and none was asked for".to_owned()
        }
        None => "stays open".to_owned(),
    };
    let text = format!(
        "{GOOD}rehearsed{GOOD:#}: {} steps, the application {} is reached at {:#010x}; the clone {back}\nnote  {}",
        done.performed,
        reached.version,
        reached.vectors,
        path.display()
    );
    report.result("provision rehearse", result, text);
    Ok(())
}

/// Brings a closed clone back; the name of the credential.
fn way_back(
    board: &BoardH7,
    rom: &RomImage,
    credential: Option<&Credential>,
    report: &mut Reporter<'_>,
) -> Result<Option<&'static str>> {
    if board.options().product_state() != ProductState::Closed {
        return Ok(None);
    }
    let credential = credential.ok_or_else(|| {
        Failure::new(codes::PROVISION_CREDENTIAL, "the product would be closed, and has no credential")
    })?;
    report.task_begin("regression", "bringing the clone back");
    credential::regress(board, rom, credential).about("the clone")?;
    report.task_end("regression", json!({ "state": ProductState::Open.name() }));
    Ok(Some(credential.name()))
}

/// A boot that reached the application.
struct Reached {
    version: String,
    vectors: u32,
    instructions: u64,
}

/// Boots a board until its application runs at level 3.
fn boot(recipe: &Recipe, board: &BoardH7, rom: &RomImage) -> Result<Reached> {
    let plan = &recipe.product.plan;
    let mut session = bench::power_on(board, rom);
    loop {
        interrupt::check()?;
        let stop = session.machine.run(LOOK);
        let instructions = session.machine.core.instructions;
        let record = HandOff::decode(&bench::peek(&session, contract::HAND_OFF));
        let (level, pc) = (session.chip().hdpl(), session.machine.core.r[15]);
        if let Ok(record) = &record
            && record.status == Boot::Booted
            && level == Hdpl::Level3
            && bench::is_in(plan.application.run, record.vector_table.value())
            && bench::is_in(plan.application.run, pc)
        {
            let version = record.version.map_or("unknown".to_owned(), |version| version.to_string());
            return Ok(Reached { version, vectors: record.vector_table.value(), instructions });
        }
        if stop == Stop::Limit && instructions < BOOT {
            continue;
        }
        let cause = match record {
            Ok(HandOff { status: Boot::Refused(code), stage, .. }) => {
                let summary =
                    code.entry().map_or("a code that this tool does not know", |entry| entry.summary);
                format!("the boot refused with {code} in stage `{}`: {summary}", stage.name())
            }
            _ => format!(
                "after {instructions} instructions the core is at {pc:#010x}, level {}, and no stage has started the application",
                level.number()
            ),
        };
        return Err(Failure::new(codes::PROVISION_NOT_BOOTED, cause));
    }
}
