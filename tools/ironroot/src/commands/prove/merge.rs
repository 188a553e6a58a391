//! `ironroot prove merge`: the parts of a divided campaign as one result.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::input;
use ironroot_prove::power_loss::results::{Outcome, Row, Shard, merge};
use serde_json::Value;

use super::power_loss::{Output, show};
use crate::error::{Failure, Result};
use crate::files;
use crate::report::Reporter;

/// Join the results of `prove power-loss --shard I/N --json`
#[derive(Args, Debug)]
#[command(after_help = "\
All parts of one division must be there, each once, and together they must have tried every place for a first cut: else \
nothing is joined. Exit code 9 means that a part found a counter-example.

Examples:
  ironroot prove power-loss --all --shard 1/2 --json > part1.jsonl
  ironroot prove power-loss --all --shard 2/2 --json > part2.jsonl
  ironroot prove merge part1.jsonl part2.jsonl --html power-loss.html
  ironroot prove merge part*.jsonl --json")]
pub struct Merge {
    /// What the parts wrote to standard output
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub fn run(args: &Merge, report: &mut Reporter<'_>) -> Result {
    for path in args.output.paths() {
        files::not_an_input(path, args.files.iter().map(PathBuf::as_path))?;
    }
    let files = args.output.begin()?;
    let parts: Vec<Outcome> = args.files.iter().map(|path| part(path)).collect::<Result<_>>()?;
    let whole = merge(parts).map_err(|apart| Failure::new(input::RESULTS_APART, apart.to_string()))?;
    show("prove merge", &whole, &args.output, files, report)
}

/// The result that a file holds.
fn part(path: &Path) -> Result<Outcome> {
    let bytes = files::read(path)?;
    parse(&bytes).map_err(|why| Failure::new(input::BAD_RESULTS, why).about(path.display()))
}

fn parse(bytes: &[u8]) -> std::result::Result<Outcome, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let mut rows: Vec<Row> = Vec::new();
    let mut whole = None;
    for (number, line) in (1..).zip(text.lines()) {
        let value: Value = serde_json::from_str(line).map_err(|why| format!("line {number}: {why}"))?;
        match value.get("type").and_then(Value::as_str) {
            Some("row") => {
                let row = serde_json::from_value(value).map_err(|why| format!("line {number}: {why}"))?;
                rows.push(row);
            }
            Some("summary") => {
                let missing = |what: &str| format!("line {number}: no \"{what}\"");
                let asked = value.get("asked").and_then(Value::as_str).ok_or_else(|| missing("asked"))?;
                let shard = value.get("shard").cloned().ok_or_else(|| missing("shard"))?;
                let shard: Shard =
                    serde_json::from_value(shard).map_err(|why| format!("line {number}: {why}"))?;
                let seconds =
                    value.get("seconds").and_then(Value::as_f64).ok_or_else(|| missing("seconds"))?;
                if whole.replace((asked.to_owned(), shard, seconds)).is_some() {
                    return Err("it holds more than one result".to_owned());
                }
            }
            _ => {}
        }
    }
    let (asked, shard, seconds) = whole.ok_or("it has no summary: the run did not come to its end")?;
    Ok(Outcome { asked, shard, rows, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_result_is_refused_in_words() {
        for bad in ["", "{", "null", "\u{0}", "{\"type\":\"row\"}", "{\"type\":\"summary\"}"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(&[0xFF]).is_err());
    }
}
