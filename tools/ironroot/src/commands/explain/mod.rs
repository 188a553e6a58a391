//! `ironroot explain`: what a code means and what to do.

mod fault;

use std::fmt::Write;

use clap::{Args, Subcommand};
use ironroot_codes::{ALL, Code, Entry, Exit, input};
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::report::{BOLD, DIM, GOOD, Reporter};

/// The exit codes with their meaning: one table for all commands.
pub const EXIT_CODES: &[(Exit, &str)] = &[
    (Exit::Ok, "done; what was written was read back"),
    (Exit::Internal, "a fault of Ironroot itself"),
    (Exit::Usage, "the command line or an input file cannot be used"),
    (Exit::Verification, "a verification failed"),
    (Exit::Device, "the device refused, or is locked"),
    (Exit::NotConfirmed, "an irreversible step was not confirmed"),
    (Exit::Licence, "a licence or quota was refused"),
    (Exit::Transport, "the link to the device failed"),
    (Exit::Interrupted, "interrupted; the same command resumes"),
    (Exit::CounterExample, "a proof found a counter-example"),
];

/// The exit codes as the last paragraph of `ironroot --help`.
pub fn exit_code_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in EXIT_CODES {
        let _ = writeln!(text, "  {}  {meaning}", exit.code());
    }
    text
}

/// Explain a code like IR-2003, or list all of them (--list)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot explain IR-2203
  ironroot explain 2203
  ironroot explain hash-mismatch
  ironroot explain exit-codes
  ironroot explain fault --cfsr 0x82 --mmfar 0x20000000
  ironroot explain --list --json")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Explain {
    #[command(subcommand)]
    command: Option<Command>,
    /// The code (IR-2203, 2203 or its name), or `exit-codes`
    #[arg(value_name = "CODE", required_unless_present = "list")]
    code: Option<String>,
    /// List every code with its name and one line
    #[arg(long, conflicts_with = "code")]
    list: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    Fault(fault::Fault),
}

/// Runs the command.
pub fn run(args: &Explain, report: &mut Reporter<'_>) -> Result {
    if let Some(Command::Fault(args)) = &args.command {
        return fault::run(args, report);
    }
    match args.code.as_deref() {
        None => list(report),
        Some("exit-codes") => exit_codes(report),
        Some(text) => {
            let entry = find(text)?;
            report.result("explain", fields(entry), render(entry));
        }
    }
    Ok(())
}

fn list(report: &mut Reporter<'_>) {
    let mut text = String::new();
    for entry in ALL {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}  {:<28} {}", entry.code, entry.name, entry.summary);
    }
    report.result("explain", json!({ "codes": ALL.iter().map(fields).collect::<Vec<_>>() }), text.trim_end());
}

fn exit_codes(report: &mut Reporter<'_>) {
    let data: Vec<Value> =
        EXIT_CODES.iter().map(|(exit, meaning)| json!({ "exit": exit.code(), "meaning": meaning })).collect();
    report.result("explain", json!({ "exit_codes": data }), exit_code_help().trim_end());
}

fn find(text: &str) -> Result<&'static Entry> {
    let lower = text.to_ascii_lowercase();
    if let Some(entry) = ALL.iter().find(|e| e.name == lower) {
        return Ok(entry);
    }
    let unknown = |cause: String| {
        Failure::new(input::UNKNOWN_CODE, cause).about(text).fix("`ironroot explain --list` shows all codes.")
    };
    let code: Code = text.parse().map_err(|e| match similar(&lower) {
        Some(name) => unknown(format!("{e}, or as a name; did you mean `{name}`?")),
        None => unknown(format!("{e}, or as a name")),
    })?;
    code.entry().ok_or_else(|| unknown(format!("this version of the tool has no code {code}")))
}

/// The name most like `text`, if there is one that could have been meant.
fn similar(text: &str) -> Option<&'static str> {
    /// Where names of one word in common end and slips of the finger begin.
    const ALIKE: f64 = 0.85;
    ALL.iter()
        .map(|entry| (strsim::jaro_winkler(text, entry.name), entry.name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn fields(entry: &Entry) -> Value {
    json!({
        "code": entry.code.to_string(),
        "name": entry.name,
        "message": entry.summary,
        "cause": entry.cause,
        "consequence": entry.consequence,
        "fix": entry.remedy,
        "exit": entry.exit.code(),
    })
}

fn render(entry: &Entry) -> String {
    let Entry { code, name, summary, cause, consequence, remedy, exit } = entry;
    let meaning = EXIT_CODES.iter().find(|(e, _)| e == exit).map_or("", |(_, meaning)| meaning);
    format!(
        "{BOLD}{code} {summary}{BOLD:#}  {DIM}({name}){DIM:#}\n\
         \x20 cause   {cause}\n\
         \x20 then    {consequence}\n\
         \x20 {GOOD}fix{GOOD:#}     {remedy}\n\
         \x20 {DIM}exit    {}: {meaning}{DIM:#}",
        exit.code()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_number_and_by_name() {
        for text in ["IR-2203", "ir-2203", "2203", "hash-mismatch", "HASH-MISMATCH"] {
            assert_eq!(find(text).unwrap().name, "hash-mismatch", "{text}");
        }
    }

    #[test]
    fn an_unknown_code_is_refused_with_a_hint() {
        assert_eq!(find("IR-0000").unwrap_err().code, input::UNKNOWN_CODE);
        assert!(find("hash-missmatch").unwrap_err().cause.contains("did you mean `hash-mismatch`"));
    }

    #[test]
    fn every_exit_code_of_the_table_has_a_line() {
        for entry in ALL {
            assert!(EXIT_CODES.iter().any(|(e, _)| *e == entry.exit), "{}", entry.code);
        }
        let codes: Vec<u8> = EXIT_CODES.iter().map(|(e, _)| e.code()).collect();
        assert_eq!(codes, (0..=9).collect::<Vec<u8>>());
    }
}
