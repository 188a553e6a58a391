//! `ironroot provision plan`, `status` and `report`: what is wanted, what there is, and how far a journal is.

use std::fmt::{self, Write};
use std::path::PathBuf;

use anstyle::Style;
use clap::Args;
use ironroot_codes::project as codes;
use ironroot_layout::stm32h7rs::state::DebugAuthentication;
use serde_json::{Value, json};

use super::Inputs;
use super::bench::Bench;
use super::inputs::Recipe;
use super::journal::Journal;
use super::run::look;
use super::seen::{Seen, Status};
use super::steps::{Action, Step};
use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::files;
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter, printable};

/// Show every step, current and wanted, with the way back; nothing is written
#[derive(Args, Debug)]
#[command(after_help = "\
Steps that are still to be done are marked: + freely, * undone by a regression only, ! irreversible; * and ! need --confirm in \
`provision run`.

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
The report names digests, never a secret: neither keys nor passwords, nor anything that a password could be tried out against. A \
device that differs is IR-8116, exit 3, after the report was written. What is installed in a virtual device is told by a start of a \
copy of it; a newer image than the one named is shown as an update, and is no difference.

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
    let mut recipe = Recipe::read(inputs)?;
    let bench = inputs.open(&mut recipe)?;
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
    let verdict = Verdict::of(&recipe, &seen);
    let next = verdict.differs.first();
    let mut data = value(&recipe, &seen, &bench, &journal);
    if let Value::Object(data) = &mut data {
        data.insert("journal_stands".to_owned(), stands.into());
        data.insert("torn".to_owned(), journal.is_torn().into());
        data.insert("next".to_owned(), next.copied().into());
    }
    let mut text = table(&recipe, &seen, &bench.uid());
    let _ = write!(
        text,
        "\njournal  {stands}{}\nnext     {}",
        if journal.is_torn() { ", its last line is incomplete" } else { "" },
        next.map_or_else(|| format!("nothing: {verdict}"), |next| (*next).to_owned())
    );
    report.result("provision status", data, text);
    Ok(())
}

/// Runs `report`.
pub fn report(args: &Report, report: &mut Reporter<'_>) -> Result {
    let (recipe, mut bench, journal) = open(&args.inputs)?;
    if let Some(path) = &args.output {
        let beside = [args.inputs.journal_path(&bench), args.inputs.note_path(&bench)];
        let read = args.inputs.files(&recipe);
        files::not_an_input(path, read.iter().chain(&beside).map(PathBuf::as_path))?;
    }
    let seen = look(&recipe.steps, &mut bench, &journal)?;
    let verdict = Verdict::of(&recipe, &seen);
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
                "current": seen.current,
                "running": running(seen),
            })),
            _ => None,
        })
        .collect();
    let mut data = value(&recipe, &seen, &bench, &journal);
    if let Value::Object(data) = &mut data {
        data.insert("as_wanted".to_owned(), verdict.differs.is_empty().into());
        data.insert("differs".to_owned(), verdict.differs.clone().into());
        data.insert("updated".to_owned(), verdict.updated.clone().into());
        data.insert("not_read_back".to_owned(), verdict.hidden.clone().into());
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
    let style = if verdict.differs.is_empty() { GOOD } else { BAD };
    let text = format!(
        "{}\nproduct state  {}\n{style}{verdict}{style:#}",
        table(&recipe, &seen, &bench.uid()),
        state.name()
    );
    report.result("provision report", data, text);
    if verdict.differs.is_empty() {
        return Ok(());
    }
    // Behind the report: whoever asked gets it, and a script gets to know.
    let lines = recipe.steps.iter().zip(&seen).filter(|(_, seen)| seen.status == Status::Open);
    let lines: Vec<String> = lines
        .map(|(step, seen)| format!("{}: wanted {}, found {}", step.name, step.wanted(), seen.current))
        .collect();
    Err(Failure::new(codes::PROVISION_DIFFERS, lines.join("\n")).about(bench.name()))
}

/// The image that starts, where a start was looked at.
fn running(seen: &Seen) -> Option<Value> {
    let (version, sha256) = seen.running.as_ref()?;
    Some(json!({ "version": version, "sha256": sha256 }))
}

/// What all steps come to, by their names.
struct Verdict<'a> {
    differs: Vec<&'a str>,
    updated: Vec<String>,
    hidden: Vec<&'a str>,
}

impl<'a> Verdict<'a> {
    fn of(recipe: &'a Recipe, seen: &[Seen]) -> Self {
        let of = |status| {
            let steps = recipe.steps.iter().zip(seen).filter(move |(_, seen)| seen.status == status);
            steps.map(|(step, seen)| (step.name.as_str(), seen))
        };
        let name = |(name, _)| name;
        Self {
            differs: of(Status::Open).map(name).collect(),
            updated: of(Status::Updated).map(|(name, seen)| format!("{name}: {}", seen.current)).collect(),
            hidden: of(Status::Hidden).map(name).collect(),
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.differs.is_empty() {
            return write!(
                f,
                "the device differs from what the product describes: {}",
                self.differs.join(", ")
            );
        }
        match self.hidden.is_empty() {
            true => f.write_str("the device is what the product describes")?,
            false => f.write_str("as far as it can be read, the device is what the product describes")?,
        }
        if !self.updated.is_empty() {
            write!(f, "; updated since: {}", self.updated.join(", "))?;
        }
        if !self.hidden.is_empty() {
            write!(f, "; cannot be read back: {}", self.hidden.join(", "))?;
        }
        Ok(())
    }
}

/// Members of an event.
pub fn value(recipe: &Recipe, seen: &[Seen], bench: &Bench, journal: &Journal) -> Value {
    let product = &recipe.product;
    let debug = product.plan.product.protections.debug;
    let steps = recipe.steps.iter().zip(seen);
    let steps: Vec<Value> = steps
        .map(|(step, seen)| step.value(seen, debug, journal.last("done", &step.name).is_some()))
        .collect();
    let board = product.board.map(|board| {
        json!({ "name": board.name, "flash": board.flash, "flash_bytes": board.size, "loader": board.loader })
    });
    json!({
        "device": bench.name(),
        "unique_id": bench.uid(),
        "part": product.plan.product.part.name(),
        "product": product.path.display().to_string(),
        "name": product.description.name,
        "inputs": recipe.digest,
        "board": board,
        "journal": journal.path().display().to_string(),
        "steps": steps,
        "notes": recipe.notes,
    })
}

/// The marks of the table, and what they stand for.
const MARKS: [(char, Style, &str); 6] = [
    ('=', GOOD, "as wanted"),
    ('^', GOOD, "updated since"),
    ('?', Style::new(), "cannot be read back"),
    ('+', Style::new(), "to do"),
    ('*', Style::new(), "to do, undone by a regression only: --confirm"),
    ('!', BAD, "to do, irreversible: --confirm"),
];

/// The mark of a step.
fn mark(step: &Step, seen: &Seen, debug: DebugAuthentication) -> char {
    match seen.status {
        Status::Done | Status::Used => '=',
        Status::Updated => '^',
        Status::Hidden => '?',
        Status::Open if step.is_irreversible(debug) => '!',
        Status::Open if step.needs_confirm(seen) => '*',
        Status::Open => '+',
    }
}

/// What there is and what is wanted.
fn change(step: &Step, seen: &Seen) -> String {
    let (wanted, status, current) = (step.wanted(), seen.status.name(), &seen.current);
    match seen.status {
        Status::Open => format!("{current} -> {wanted}"),
        Status::Updated => format!("{wanted} -> {current} ({status})"),
        Status::Done if !step.is_image() => format!("{wanted} ({status})"),
        Status::Done | Status::Used | Status::Hidden => format!("{wanted} ({status}: {current})"),
    }
}

/// The steps as a table.
pub fn table(recipe: &Recipe, seen: &[Seen], uid: &str) -> String {
    let product = &recipe.product;
    let name = product.description.name.as_deref().unwrap_or("product");
    let part = product.plan.product.part.name();
    let mut text = format!("{BOLD}{}{BOLD:#}  {part}, device {uid}\n", printable(name));
    if let Some(board) = product.board {
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
    let debug = product.plan.product.protections.debug;
    let mut used = Vec::new();
    for (step, seen) in recipe.steps.iter().zip(seen) {
        let mark = mark(step, seen, debug);
        used.push(mark);
        let style =
            MARKS.iter().find(|(known, ..)| *known == mark).map_or(Style::new(), |(_, style, _)| *style);
        let _ = writeln!(
            text,
            "{style}{mark}{style:#} {:width$}  {}  {DIM}back: {}{DIM:#}",
            step.name,
            printable(&change(step, seen)),
            step.way_back(debug)
        );
    }
    let legend = MARKS.iter().filter(|(mark, ..)| used.contains(mark));
    let legend: Vec<String> =
        legend.map(|(mark, style, what)| format!("{style}{mark}{style:#} {what}")).collect();
    let _ = writeln!(text, "{DIM}marks{DIM:#} {}", legend.join("   "));
    for note in &recipe.notes {
        let _ = writeln!(text, "note  {note}");
    }
    text.trim_end().to_owned()
}
