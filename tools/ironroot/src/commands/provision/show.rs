//! `ironroot provision plan`, `status` and `report`: what is wanted, what there is, and how far a journal is.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Inputs;
use super::bench::Bench;
use super::inputs::Recipe;
use super::journal::Journal;
use super::run::look;
use super::steps::{Action, Seen, Status};
use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter, printable};

/// Show every step, current and wanted, with the way back; nothing is written
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot provision plan --device vdev:my.board --image app.hex
  ironroot provision plan --device vdev:my.board --product board/ironroot.toml --json")]
pub struct Plan {
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Show where the journal stands against the device as it is
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot provision status --device vdev:my.board --image app.hex
  ironroot provision status --device vdev:my.board --image app.hex --json")]
pub struct Standing {
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Say what is on the device, and whether it is what the product describes
#[derive(Args, Debug)]
#[command(after_help = "\
The report names digests, never a secret: neither keys nor passwords, nor anything that a password could be tried out against.

Examples:
  ironroot provision report --device vdev:my.board --image app.hex
  ironroot provision report --device vdev:my.board --image app.hex -o report.json")]
pub struct Report {
    #[command(flatten)]
    pub inputs: Inputs,
    /// File for the report (JSON)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// Runs `plan`.
pub fn plan(args: &Plan, report: &mut Reporter<'_>) -> Result {
    let (recipe, mut bench, journal) = open(&args.inputs)?;
    let seen = look(&recipe.steps, &mut bench, &journal)?;
    let data = value(&recipe, &seen, &bench, &journal);
    report.result("provision plan", data, table(&recipe, &seen, &bench.uid()));
    Ok(())
}

fn open(inputs: &Inputs) -> Result<(Recipe, Bench, Journal)> {
    let recipe = Recipe::read(inputs)?;
    let bench = inputs.open(&recipe)?;
    let journal = Journal::read(&inputs.journal_path(&bench))?;
    // A finished run may have been one with other inputs: it says nothing of these.
    let journal = match journal.check(&bench.uid(), Some(&recipe.digest)) {
        Ok(()) => journal,
        Err(_) if journal.is_ended() => journal.fresh(),
        Err(failure) => return Err(failure),
    };
    Ok((recipe, bench, journal))
}

/// Runs `status`.
pub fn status(args: &Standing, report: &mut Reporter<'_>) -> Result {
    let (recipe, mut bench, journal) = open(&args.inputs)?;
    let seen = look(&recipe.steps, &mut bench, &journal)?;
    let stands = match (journal.is_begun(), journal.is_ended()) {
        (false, _) => "not begun",
        (true, false) => "unfinished",
        (true, true) => "finished",
    };
    let next = recipe.steps.iter().zip(&seen).find(|(_, seen)| seen.status == Status::Open);
    let next = next.map(|(step, _)| step.name.as_str());
    let mut data = value(&recipe, &seen, &bench, &journal);
    if let Value::Object(data) = &mut data {
        data.insert("journal_stands".to_owned(), stands.into());
        data.insert("torn".to_owned(), journal.is_torn().into());
        data.insert("next".to_owned(), next.into());
    }
    let mut text = table(&recipe, &seen, &bench.uid());
    let _ = write!(
        text,
        "\njournal  {stands}{}\nnext     {}",
        if journal.is_torn() { ", its last line is incomplete" } else { "" },
        next.unwrap_or("nothing: the device is as the product describes")
    );
    report.result("provision status", data, text);
    Ok(())
}

/// Runs `report`.
pub fn report(args: &Report, report: &mut Reporter<'_>) -> Result {
    let (recipe, mut bench, journal) = open(&args.inputs)?;
    let seen = look(&recipe.steps, &mut bench, &journal)?;
    let as_wanted = seen.iter().all(|seen| seen.status != Status::Open);
    let state = bench.options()?.state();
    let images: Vec<Value> = recipe
        .steps
        .iter()
        .zip(&seen)
        .filter_map(|(step, seen)| match &step.action {
            Action::Image(image) => Some(json!({
                "image": image.name,
                "version": image.version,
                "sha256": image.sha256,
                "status": seen.status.name(),
            })),
            _ => None,
        })
        .collect();
    let mut data = value(&recipe, &seen, &bench, &journal);
    if let Value::Object(data) = &mut data {
        data.insert("as_wanted".to_owned(), as_wanted.into());
        data.insert("state".to_owned(), state.name().into());
        data.insert("finished".to_owned(), journal.is_ended().into());
        data.insert("images".to_owned(), images.into());
    }
    if let Some(path) = &args.output {
        let existing = if args.force { Existing::Replace } else { Existing::Keep };
        let bytes = format!("{data:#}\n");
        atomic::write(path, bytes.as_bytes(), Access::Public, existing)
            .map_err(|e| Failure::write(path, &e))?;
    }
    let verdict = if as_wanted {
        format!("{GOOD}the device is what the product describes{GOOD:#}")
    } else {
        format!("{BAD}the device differs from what the product describes{BAD:#}")
    };
    let text = format!("{}\nproduct state  {}\n{verdict}", table(&recipe, &seen, &bench.uid()), state.name());
    report.result("provision report", data, text);
    Ok(())
}

/// Members of an event.
pub fn value(recipe: &Recipe, seen: &[Seen], bench: &Bench, journal: &Journal) -> Value {
    let steps: Vec<Value> = recipe
        .steps
        .iter()
        .zip(seen)
        .map(|(step, seen)| {
            let mut value = step.value(seen, journal.last("done", &step.name).is_some());
            if let Value::Object(value) = &mut value {
                let debug = recipe.product.plan.product.protections.debug;
                value.insert("way_back".to_owned(), step.way_back(debug).into());
            }
            value
        })
        .collect();
    let board = recipe.board.map(|board| {
        json!({ "name": board.name, "flash": board.flash, "flash_bytes": board.size, "loader": board.loader })
    });
    json!({
        "device": bench.name(),
        "unique_id": bench.uid(),
        "part": recipe.product.plan.product.part.name(),
        "product": recipe.product.path.display().to_string(),
        "name": recipe.product.description.name,
        "inputs": recipe.digest,
        "board": board,
        "journal": journal.path().display().to_string(),
        "steps": steps,
        "notes": recipe.notes,
    })
}

/// The steps as a table.
pub fn table(recipe: &Recipe, seen: &[Seen], uid: &str) -> String {
    let name = recipe.product.description.name.as_deref().unwrap_or("product");
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  {}, device {uid}\n",
        printable(name),
        recipe.product.plan.product.part.name()
    );
    if let Some(board) = recipe.board {
        let _ = writeln!(
            text,
            "board {}: {} of {} MB, loader {}",
            board.name,
            board.flash,
            board.size >> 20,
            board.loader
        );
    }
    let width = recipe.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for (step, seen) in recipe.steps.iter().zip(seen) {
        let debug = recipe.product.plan.product.protections.debug;
        let mark = match seen.status {
            Status::Open if step.way_back(debug).starts_with("none") => format!("{BAD}!{BAD:#}"),
            Status::Open => "*".to_owned(),
            Status::Done | Status::Used | Status::Hidden => format!("{GOOD}={GOOD:#}"),
        };
        let change = match seen.status {
            Status::Open => format!("{} -> {}", seen.current, step.wanted()),
            _ => format!("{} ({})", step.wanted(), seen.status.name()),
        };
        let _ = writeln!(
            text,
            "{mark} {:width$}  {}  {DIM}back: {}{DIM:#}",
            step.name,
            printable(&change),
            step.way_back(debug)
        );
    }
    for note in &recipe.notes {
        let _ = writeln!(text, "note  {note}");
    }
    text.trim_end().to_owned()
}
