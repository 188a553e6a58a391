//! `ironroot prove power-loss`: every cut of power in every update.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Args;
use ironroot_codes::{input, internal};
use ironroot_prove::power_loss::campaign::{Campaign, Progress};
use ironroot_prove::power_loss::case::named;
use ironroot_prove::power_loss::encryption::Encryption;
use ironroot_prove::power_loss::layout::{Layout, layouts};
use ironroot_prove::power_loss::loader::Engine;
use ironroot_prove::power_loss::results::{Outcome, Row, Shard};
use ironroot_prove::power_loss::scenario::{SCENARIOS, Scenario};
use ironroot_prove::power_loss::world::MODES;
use serde_json::{Value, json};

use super::heat;
use crate::atomic::{Access as Readers, Existing, Pending};
use crate::error::{Failure, Result};
use crate::interrupt;
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter};

/// Time between two reports of how far the run is.
const REPORT: Duration = Duration::from_secs(1);
/// Counter-examples that are shown.
const SHOWN: usize = 12;

/// Cut power at every flash operation of every update, and of the recovery
#[derive(Args, Debug)]
#[command(after_help = "\
The update engine of the secure boot runs on models of flash with the sector maps of real parts. Power is cut at each flash \
operation of an update, of the way back, of the application's confirmation, and again in the recovery, and leaves the \
operation not begun, done, torn, unreadable (ECC) or half done. After each the device must end in the old or the new image, \
bit for bit. Without --all a selection that takes seconds. Exit code 0 means that every case holds, 9 that one does not: \
it is printed as a CASE that `ironroot prove replay` plays again. docs/power-loss.md lists layouts and encryptions.

Examples:
  ironroot prove power-loss
  ironroot prove power-loss --all --html power-loss.html
  ironroot prove power-loss --all --mode swap-move --layout h735
  ironroot prove power-loss --all --layout h7s7 --layout h7s7-ram --layout stirot
  ironroot prove power-loss --all --shard 1/4 --json > part1.jsonl
  ironroot prove merge part1.jsonl part2.jsonl part3.jsonl part4.jsonl")]
pub struct PowerLoss {
    /// The full table: every layout, every encryption, images of every size
    #[arg(long)]
    all: bool,
    /// Only this mode (can be given several times)
    #[arg(long, value_name = "MODE")]
    mode: Vec<String>,
    /// Only this layout (can be given several times)
    #[arg(long, value_name = "LAYOUT")]
    layout: Vec<String>,
    /// Only this encryption (can be given several times)
    #[arg(long, value_name = "ENCRYPTION")]
    encryption: Vec<String>,
    /// Only this scenario (can be given several times)
    #[arg(long, value_name = "SCENARIO")]
    scenario: Vec<String>,
    /// Start of all random choices: payloads, and what a cut leaves
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only part I of N of the work, for N machines
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Random second and third cuts after one in N first cuts, where not all pairs are tried
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    sample: u32,
    #[command(flatten)]
    output: Output,
}

/// Where results go besides the terminal.
#[derive(Args, Debug)]
pub(super) struct Output {
    /// Write table and heat map as a self-contained page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the heat map as a picture too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Output {
    /// Begins the files. What cannot be written is found before hours of work, not after them.
    pub(super) fn begin(&self) -> Result<Files> {
        let begin = |path: &PathBuf| {
            Pending::create(path, Readers::Public, Existing::Replace)
                .map(|pending| (path.clone(), pending))
                .map_err(|error| Failure::write(path, &error))
        };
        Ok(Files {
            html: self.html.as_ref().map(begin).transpose()?,
            svg: self.svg.as_ref().map(begin).transpose()?,
        })
    }

    /// The files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.html, &self.svg].into_iter().flatten()
    }
}

/// The files of an [`Output`], begun.
pub(super) struct Files {
    html: Option<(PathBuf, Pending)>,
    svg: Option<(PathBuf, Pending)>,
}

impl Files {
    fn write(self, outcome: &Outcome) -> Result {
        let html = self.html.map(|file| (file, heat::page(outcome)));
        let svg = self.svg.map(|file| (file, heat::picture(outcome)));
        for ((path, mut pending), text) in html.into_iter().chain(svg) {
            let written = pending.file().write_all(text.as_bytes()).and_then(|()| pending.commit());
            written.map_err(|error| Failure::write(&path, &error))?;
        }
        Ok(())
    }
}

/// Runs the command.
pub fn run(args: &PowerLoss, report: &mut Reporter<'_>) -> Result {
    let campaign = campaign(args)?;
    let files = args.output.begin()?;
    let outcome = with_progress(&campaign, report);
    interrupt::check()?;
    show("prove power-loss", &outcome, &args.output, files, report)
}

fn campaign(args: &PowerLoss) -> Result<Campaign> {
    let mut campaign = Campaign::full(args.seed);
    campaign.full = args.all;
    campaign.shard = args.shard;
    campaign.sample = args.sample;
    campaign.threads = args.threads.map_or(campaign.threads, usize::from);
    for name in &args.mode {
        campaign.modes.push(entry("mode", name, MODES, |(_, name)| name)?.0);
    }
    for name in &args.layout {
        campaign.layouts.push(entry("layout", name, layouts(), |layout: &&Layout| layout.name)?);
    }
    for name in &args.encryption {
        campaign.encryptions.push(entry("encryption", name, Encryption::ALL, |e| e.name())?);
    }
    for name in &args.scenario {
        campaign.scenarios.push(entry("scenario", name, SCENARIOS, |s: &&Scenario| s.name)?);
    }
    Ok(campaign)
}

fn entry<T>(
    what: &str,
    name: &str,
    all: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> &'static str,
) -> Result<T> {
    named(what, name, all, of).map_err(|why| Failure::new(input::BAD_CASE, why.to_string()).about(name))
}

/// Runs the campaign on threads of its own and reports how far it is.
fn with_progress(campaign: &Campaign, report: &mut Reporter<'_>) -> Outcome {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let told = |progress: Progress| {
        let sender = sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Nobody listens any more only if the run is over.
        sender.send(progress).is_ok() && !interrupt::asked()
    };
    std::thread::scope(|scope| {
        let run = scope.spawn(|| campaign.run(&Engine, &told));
        follow(&receiver, report, || run.is_finished());
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn follow(receiver: &Receiver<Progress>, report: &mut Reporter<'_>, finished: impl Fn() -> bool) {
    let begun = Instant::now();
    let bar = !report.is_json() && std::io::stderr().is_terminal();
    let mut next = begun + REPORT;
    let mut last = None;
    while !finished() {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(progress) => last = Some(progress),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let (Some(progress), true) = (last, Instant::now() >= next) else { continue };
        next = Instant::now() + REPORT;
        let seconds = begun.elapsed().as_secs_f64();
        report.progress(
            "prove power-loss",
            json!({
                "type": "progress",
                "devices": progress.devices,
                "of": progress.of,
                "cases": progress.cases,
                "failures": progress.failures,
                "seconds": seconds,
            }),
        );
        if bar {
            let Progress { devices, of, cases, failures } = progress;
            // Only for the eye: if it cannot be written nothing is lost.
            let _ = write!(
                std::io::stderr(),
                "\r{devices} of {of} devices, {cases} cases, {failures} failures, {seconds:.0} s "
            );
        }
    }
    if bar {
        let _ = write!(std::io::stderr(), "\r{:70}\r", "");
    }
}

/// Reports an outcome, writes the files, and refuses if there is a counter-example.
pub(super) fn show(
    command: &str,
    outcome: &Outcome,
    output: &Output,
    files: Files,
    report: &mut Reporter<'_>,
) -> Result {
    for row in &outcome.rows {
        report.progress(command, line(row));
    }
    table(outcome, report);
    let total = Total::of(outcome);
    let summary = json!({
        "type": "summary",
        "cases": total.cases,
        "failures": total.failures,
        "seconds": outcome.seconds,
        "core_seconds": total.seconds,
        "cases_per_core_second": total.rate(),
        "pairs": total.pairs,
        "triples": total.triples,
        "devices": total.devices,
        "asked": outcome.asked,
        "shard": outcome.shard,
    });
    report.result(command, summary, total.text(outcome, output));
    // After the words: they are not lost with a disk that has become full.
    files.write(outcome)?;
    verdict(outcome, &total)
}

fn verdict(outcome: &Outcome, total: &Total) -> Result {
    let Some(first) = outcome.rows.iter().flat_map(|row| &row.examples).next() else {
        return if total.cases == 0 {
            Err(Failure::new(input::BAD_CASE, "the selection contains nothing that can be tried"))
        } else {
            Ok(())
        };
    };
    let cause = format!(
        "{} of {} cases; the first: {} ({}: {})",
        total.failures, total.cases, first.case, first.kind, first.why
    );
    Err(Failure::new(internal::COUNTER_EXAMPLE, cause).fix(format!("ironroot prove replay {}", first.case)))
}

/// A row as a line of JSON.
fn line(row: &Row) -> Value {
    let mut line = serde_json::to_value(row).unwrap_or_default();
    if let Value::Object(fields) = &mut line {
        fields.insert("type".to_owned(), "row".into());
        fields.insert("cases_per_second".to_owned(), row.rate().into());
    }
    line
}

/// Sums over all rows.
#[derive(Default)]
pub(super) struct Total {
    pub(super) cases: u64,
    pub(super) pairs: u64,
    pub(super) triples: u64,
    pub(super) failures: u64,
    pub(super) devices: u64,
    seconds: f64,
}

impl Total {
    pub(super) fn of(outcome: &Outcome) -> Total {
        let mut total = Total::default();
        for row in &outcome.rows {
            total.cases += row.cases;
            total.pairs += row.pairs;
            total.triples += row.triples;
            total.failures += row.failures;
            total.devices += row.devices;
            total.seconds += row.seconds;
        }
        total
    }

    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.cases as f64 / self.seconds } else { 0.0 }
    }

    fn text(&self, outcome: &Outcome, output: &Output) -> String {
        let (style, verdict) = if self.failures == 0 {
            (GOOD, "none fails".to_owned())
        } else {
            (BAD, format!("{} FAIL", self.failures))
        };
        let mut text = format!(
            "\n{BOLD}{} cases{BOLD:#} ({} with two cuts, {} with three) on {} devices in {:.1} s, {:.0} a second on one core: \
             {style}{verdict}{style:#}.",
            self.cases,
            self.pairs,
            self.triples,
            self.devices,
            outcome.seconds,
            self.rate()
        );
        if outcome.shard != Shard::WHOLE {
            text.push_str(&format!(" This is part {} only.", outcome.shard));
        }
        for path in output.paths() {
            text.push_str(&format!("\nWritten: {}", crate::report::printable(&path.display().to_string())));
        }
        text
    }
}

/// The row of a mode and a layout.
pub(super) fn row_of<'a>(outcome: &'a Outcome, mode: &str, layout: &str) -> Option<&'a Row> {
    outcome.rows.iter().find(|row| row.mode == mode && row.layout == layout)
}

/// Modes and layouts that have rows, in the order of the tables.
pub(super) fn axes(outcome: &Outcome) -> (Vec<&str>, Vec<&str>) {
    let (mut modes, mut layouts): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for row in &outcome.rows {
        if !modes.contains(&row.mode.as_str()) {
            modes.push(&row.mode);
        }
        if !layouts.contains(&row.layout.as_str()) {
            layouts.push(&row.layout);
        }
    }
    (modes, layouts)
}

/// What a cell of the table says.
pub(super) fn cell(row: Option<&Row>) -> String {
    match row {
        None => String::new(),
        Some(row) if row.failures > 0 => format!("{} FAIL of {}", row.failures, row.cases),
        Some(row) if row.cases > 0 => format!("{} ok", row.cases),
        Some(Row { refused: Some(code), .. }) => format!("- {code}"),
        Some(row) if row.no_room > 0 => "- no room".to_owned(),
        Some(_) => "-".to_owned(),
    }
}

fn table(outcome: &Outcome, report: &mut Reporter<'_>) {
    let (modes, layouts) = axes(outcome);
    let heads: String = modes.iter().map(|mode| format!("{mode:>20}")).collect();
    report.text(format!("{:10}{DIM}{heads}{DIM:#}", ""));
    for layout in layouts {
        let cells: String = modes.iter().map(|mode| coloured(row_of(outcome, mode, layout))).collect();
        report.text(format!("{layout:10}{cells}"));
    }
    report.text(format!(
        "{DIM}cases; \"- IR-…\": the engine does not serve the layout in that mode, and says so with this code; nothing: the \
         boot stage of the layout has not this mode{DIM:#}"
    ));
    let examples = outcome.rows.iter().flat_map(|row| &row.examples);
    for example in examples.take(SHOWN) {
        report.text(format!("{BAD}{}{BAD:#} {}: {}", example.case, example.kind, example.why));
    }
}

fn coloured(row: Option<&Row>) -> String {
    let style = match row {
        Some(row) if row.failures > 0 => BAD,
        Some(row) if row.cases > 0 => GOOD,
        _ => DIM,
    };
    format!("{style}{:>20}{style:#}", cell(row))
}
