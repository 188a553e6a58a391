//! `ironroot ob diff`.

use std::fmt::Write;
use std::path::Path;

use clap::Args;
use ironroot_codes::input;
use serde_json::{Value, json};

use super::describe;
use super::probe::Probe;
use super::wanted::Wanted;
use crate::error::{Failure, Result};
use crate::report::{BOLD, GOOD, Reporter};

/// Compare two devices, or a device with a TOML file of wanted options
#[derive(Args, Debug)]
#[command(after_help = "\
A difference ends with IR-1608 and exit code 3. Of a TOML file only the named fields are compared.

Examples:
  ironroot ob diff vdev:a.board vdev:b.board
  ironroot ob diff vdev:my.board product.toml --json")]
pub struct DiffArgs {
    /// Device: vdev:FILE
    #[arg(value_name = "DEVICE")]
    a: String,
    /// Another device, or a TOML file
    #[arg(value_name = "DEVICE|FILE.toml")]
    b: String,
}

/// Runs the command.
pub fn run(args: &DiffArgs, report: &mut Reporter<'_>) -> Result {
    // The file first: what is wrong with it needs no device.
    let wanted = if args.b.contains(':') { None } else { Some(Wanted::from_file(Path::new(&args.b))?) };
    // One after the other: both sides may be the same board.
    let left = Probe::connect(&args.a)?.options()?;
    let right = match wanted {
        None => Probe::connect(&args.b)?.options()?,
        Some(wanted) => wanted.over(&left),
    };
    let differences = describe::differences(&left, &right);
    let mut text = String::new();
    for difference in &differences {
        let (field, before, after) = (difference.field, difference.before, difference.after);
        let _ = writeln!(
            text,
            "{BOLD}{:<16}{BOLD:#} {}  |  {}",
            field.name,
            field.human(before),
            field.human(after)
        );
    }
    if differences.is_empty() {
        let _ = writeln!(text, "{GOOD}no difference{GOOD:#}");
    }
    let values: Vec<Value> = differences
        .iter()
        .map(|d| {
            json!({
                "field": d.field.name,
                "a": d.before, "a_text": d.field.human(d.before),
                "b": d.after, "b_text": d.field.human(d.after),
            })
        })
        .collect();
    report.result("ob diff", json!({ "a": args.a, "b": args.b, "differences": values }), text.trim_end());
    if differences.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = differences.iter().map(|d| d.field.name).collect();
    Err(Failure::new(input::OPTIONS_DIFFER, names.join(", ")).about(format!("{} and {}", args.a, args.b)))
}
