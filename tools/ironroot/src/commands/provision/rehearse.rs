//! `ironroot provision rehearse`: everything on a clone, which is then booted and brought back.

use clap::Args;
use ironroot_chip_h7rs::{BoardH7, RomImage};
use ironroot_codes::project as codes;
use ironroot_layout::stm32h7rs::state::ProductState;
use serde_json::json;

use super::bench::Bench;
use super::credential::{self, Credential, CredentialArgs};
use super::inputs::Recipe;
use super::run::Flow;
use super::start::Start;
use super::stops::Stops;
use super::{Inputs, note};
use crate::error::{Context, Failure, Result};
use crate::report::{GOOD, Reporter};
use crate::vdev;

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
    let mut recipe = Recipe::read(&args.inputs)?;
    let mut device = args.inputs.open(&mut recipe)?;
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
    let started = Start::of(&board, &rom, recipe.product.plan.application.run)?;
    let reached = started
        .application
        .map_err(|cause| Failure::new(codes::PROVISION_NOT_BOOTED, cause).about("the clone"))?;
    let (version, vectors) = (reached.version(), reached.record.vector_table.value());
    report.task_end("boot", json!({ "instructions": reached.instructions, "version": version }));

    let way_back = way_back(&board, &rom, credential.as_ref(), report)?;
    let result = json!({
        "device": uid,
        "product": recipe.digest,
        "state": state.name(),
        "application": { "reached": true, "version": version, "vector_table": format!("{vectors:#010x}") },
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
        "{GOOD}rehearsed{GOOD:#}: {} steps, the application {version} is reached at {vectors:#010x}; the clone {back}\nnote  {}",
        done.performed,
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
