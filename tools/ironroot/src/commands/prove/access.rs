//! `ironroot prove access`: the documented access rights, measured cell by cell.

use std::io::Write as _;
use std::path::PathBuf;

use anstyle::Style;
use clap::Args;
use ironroot_codes::{internal, vdev as codes};
use ironroot_prove::access::{self, Area, Cell, Kind, Level, Matrix, Mode, Moment, Outcome};
use serde_json::{Value, json};

use super::page;
use crate::atomic::{Access as Readers, Existing, Pending};
use crate::error::{Failure, Result};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter};
use crate::{files, interrupt, vdev};

/// Try every access to every protected area, and compare with the manual's table
#[derive(Args, Debug)]
#[command(after_help = "\
A program on the Arm core of a virtual STM32H735 (as secure user software, as application, in the place of RSS), a DMA \
controller and a debugger try to execute, read, write and halt: each area, in both device modes, before and after the exit \
from the secure area and after a reset, at each readout protection level. Exit code 0 means that every cell is as \
documented, 9 that one is not.

Examples:
  ironroot prove access
  ironroot prove access --html access.html
  ironroot prove access --json")]
pub struct Access {
    /// Write the matrix as a self-contained page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Access, report: &mut Reporter<'_>) -> Result {
    // Before the measurement: what cannot be written is found before the work, not after it.
    let begin = |path: &PathBuf| {
        Pending::create(path, Readers::Public, Existing::Replace)
            .map_err(|error| Failure::write(path, &error))
    };
    let pending = args.html.as_ref().map(begin).transpose()?;
    let rom = vdev::system_flash()?;
    let measured = access::measure(&rom, |cell| report.progress("prove access", line(cell)));
    let matrix = measured.map_err(|error| Failure::new(codes::BOOT_NOT_AS_EXPECTED, error.to_string()))?;
    interrupt::check()?;
    if let (Some(path), Some(mut pending)) = (&args.html, pending) {
        let page = page::render(&matrix);
        let written = pending.file().write_all(page.as_bytes()).and_then(|()| pending.commit());
        written.map_err(|error| Failure::write(path, &error))?;
        if files::read(path)? != page.as_bytes() {
            return Err(Failure::internal("the page reads back differently").about(path.display()));
        }
    }
    tables(&matrix, report);
    let failures = matrix.differences().count();
    let summary = json!({
        "type": "summary",
        "cases": matrix.cells.len(),
        "failures": failures,
        "seconds": matrix.seconds,
    });
    report.result("prove access", summary, summary_text(&matrix, args));
    verdict(&matrix)
}

/// The refusal that a difference is.
fn verdict(matrix: &Matrix) -> Result {
    let Some(first) = matrix.differences().next() else { return Ok(()) };
    let failures = matrix.differences().count();
    let cause =
        format!("{failures} of {} cells differ; the first: {}", matrix.cells.len(), difference(first));
    Err(Failure::new(internal::COUNTER_EXAMPLE, cause))
}

/// A cell as a line of JSON.
fn line(cell: &Cell) -> Value {
    let key = &cell.key;
    json!({
        "type": "cell",
        "mode": key.mode.name(),
        "level": key.level.name(),
        "moment": key.moment.name(),
        "area": key.area.name(),
        "kind": key.kind.name(),
        "measured": cell.measured.to_string(),
        "documented": cell.documented.map(|documented| documented.outcome.to_string()),
        "source": cell.documented.map(|documented| documented.source),
        "agrees": cell.agrees(),
    })
}

pub(super) fn difference(cell: &Cell) -> String {
    let documented = match &cell.documented {
        Some(documented) => format!("documented: {} ({})", documented.outcome, documented.source),
        None => "nothing is documented".to_owned(),
    };
    format!("{}: measured: {}; {documented}", cell.key, cell.measured)
}

fn summary_text(matrix: &Matrix, args: &Access) -> String {
    let count = |wanted: &str| matrix.cells.iter().filter(|cell| cell.measured.short() == wanted).count();
    let failures = matrix.differences().count();
    let (style, verdict) = if failures == 0 {
        (GOOD, "every one as documented".to_owned())
    } else {
        (BAD, format!("{failures} NOT as documented"))
    };
    let page = args
        .html
        .as_ref()
        .map(|path| format!("\nPage: {}", crate::report::printable(&path.display().to_string())));
    format!(
        "\n{BOLD}{} cells tried{BOLD:#} in {:.1} s: {} granted, {} refused, {} that cannot be tried; {style}{verdict}{style:#}.{}",
        matrix.cells.len(),
        matrix.seconds,
        count("yes"),
        count("no"),
        count("-"),
        page.unwrap_or_default(),
    )
}

/// The cells of one row: one area at one moment, by kind.
type Row<'a> = Vec<&'a Cell>;

/// The rows of a mode and level, by area; moments with the same outcomes share one.
pub(super) fn rows<'a>(matrix: &'a Matrix, mode: Mode, level: Level) -> Vec<(Area, Vec<Moment>, Row<'a>)> {
    let mut rows: Vec<(Area, Vec<Moment>, Row<'a>)> = Vec::new();
    for &area in Area::ALL {
        for &moment in Moment::ALL {
            let wanted = |cell: &&Cell| {
                (cell.key.mode, cell.key.level, cell.key.area, cell.key.moment) == (mode, level, area, moment)
            };
            let row: Row<'a> = matrix.cells.iter().filter(wanted).collect();
            if row.iter().all(|cell| matches!(cell.measured, Outcome::Impossible(_)) && cell.agrees()) {
                continue;
            }
            let same = |other: &Row<'_>| {
                other.iter().zip(&row).all(|(a, b)| {
                    a.measured == b.measured
                        && a.documented.map(|d| d.outcome) == b.documented.map(|d| d.outcome)
                })
            };
            match rows.iter_mut().find(|(there, _, cells)| *there == area && same(cells)) {
                Some((_, moments, _)) => moments.push(moment),
                None => rows.push((area, vec![moment], row)),
            }
        }
    }
    rows
}

/// What the row is about, beside the area.
pub(super) fn moments(moments: &[Moment]) -> String {
    moments.iter().map(|moment| moment.name()).collect::<Vec<_>>().join(", ")
}

fn tables(matrix: &Matrix, report: &mut Reporter<'_>) {
    let kinds: String = Kind::ALL.iter().map(|kind| format!("{:>12}", kind.name())).collect();
    for &mode in Mode::ALL {
        for &level in Level::ALL {
            report.text(format!("\n{BOLD}{mode} mode, {level}{BOLD:#}\n{:22}{DIM}{kinds}{DIM:#}", ""));
            for (area, when, row) in rows(matrix, mode, level) {
                let cells: String = row.iter().map(|cell| coloured(cell)).collect();
                let when = if mode == Mode::Standard { String::new() } else { moments(&when) };
                report.text(format!("{:22}{cells}  {DIM}{when}{DIM:#}", area.name()));
            }
        }
    }
    for cell in matrix.differences() {
        report.text(format!("{BAD}differs{BAD:#} {}", difference(cell)));
    }
}

fn coloured(cell: &Cell) -> String {
    let plain = Style::new();
    let style = match (cell.agrees(), cell.measured) {
        (false, _) => BAD,
        (true, Outcome::Granted) => GOOD,
        (true, Outcome::Impossible(_)) => DIM,
        (true, _) => plain,
    };
    let text = format!("{}{}", cell.measured.short(), if cell.agrees() { "" } else { "!" });
    format!("{style}{text:>12}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_codes::Exit;
    use ironroot_prove::access::{Key, documented};

    #[test]
    fn one_cell_that_differs_is_a_counter_example() {
        let key = Key::all().next().expect("there are cells");
        let says = documented::says(&key).expect("all are documented");
        let matrix =
            |measured| Matrix { cells: vec![Cell { key, measured, documented: Some(says) }], seconds: 0.0 };
        assert!(verdict(&matrix(says.outcome)).is_ok());
        let failure = verdict(&matrix(Outcome::Granted)).expect_err("a difference");
        assert_eq!(failure.exit(), Exit::CounterExample);
        assert!(failure.cause.contains("measured: granted"), "{}", failure.cause);
    }
}
