//! `ironroot license audit`: the log that everybody can check.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use ironroot_license_server::store::{Open, with_store};
use ironroot_license_server::{admin, audit};

use super::StoreOption;
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Failure, Result};
use crate::files;
use crate::report::{GOOD, Reporter};

/// Export and check the hash-chained audit log
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license audit export -o audit.jsonl
  ironroot license audit verify audit.jsonl")]
pub enum Audit {
    /// Write the log as JSON Lines
    Export(Export),
    /// Check an exported log, without the server: the chain, and that no more devices got a licence than were granted
    Verify(Verify),
}

/// Arguments of `audit export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license audit export -o audit.jsonl
  ironroot license audit export -o audit.jsonl --force --store postgres://licenses@db/licenses")]
pub struct Export {
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    store: StoreOption,
}

/// Arguments of `audit verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
A chain of hashes shows every change but one: entries missing at its end. Keep the last hash of each export where \
the owner of the store cannot write, and ask for it.

Examples:
  ironroot license audit verify audit.jsonl
  ironroot license audit verify audit.jsonl --entries 1204 \\
      --last-hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  ironroot license audit verify today.jsonl \\
      --earlier-hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub struct Verify {
    /// The exported log
    #[arg(value_name = "FILE")]
    log: PathBuf,
    /// The hash that its last entry must have
    #[arg(long, value_name = "HASH", value_parser = super::stock::id)]
    last_hash: Option<String>,
    /// The number of entries that it must have
    #[arg(long, value_name = "N")]
    entries: Option<u64>,
    /// A hash that an earlier export ended with: the log must go on from there
    #[arg(long, value_name = "HASH", value_parser = super::stock::id)]
    earlier_hash: Option<String>,
}

/// Runs the command.
pub fn run(args: &Audit, report: &mut Reporter<'_>) -> Result {
    match args {
        Audit::Export(args) => export(args, report),
        Audit::Verify(args) => verify(args, report),
    }
}

fn export(args: &Export, report: &mut Reporter<'_>) -> Result {
    let refused = |e: &std::io::Error| Failure::write(&args.output, e);
    let store = args.store.store.files();
    files::not_an_input(&args.output, store.iter().map(PathBuf::as_path))?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let mut output = Pending::create(&args.output, Access::Public, existing).map_err(|e| refused(&e))?;
    let count = with_store(&args.store.store, Open::Existing, async |store| {
        let mut writer = BufWriter::new(output.file());
        let count = admin::export(store, &mut writer).await?;
        let flushed = writer.flush();
        flushed
            .map_err(|e| ironroot_license_server::Error::new(ironroot_codes::input::FILE_UNWRITABLE, e))?;
        Ok(count)
    })?;
    output.commit().map_err(|e| refused(&e))?;
    let data = serde_json::json!({ "log": args.output.display().to_string(), "entries": count });
    report.result("license audit export", data, format!("{}: {count} entries", args.output.display()));
    Ok(())
}

fn verify(args: &Verify, report: &mut Reporter<'_>) -> Result {
    let log = File::open(&args.log).map_err(|e| Failure::read(&args.log, &e))?;
    let known = audit::Known {
        last_hash: args.last_hash.clone(),
        entries: args.entries,
        earlier_hash: args.earlier_hash.clone(),
    };
    let summary = audit::verify_known(BufReader::new(log), &known)
        .map_err(|e| Failure::from(e).about(args.log.display()))?;
    let mut text = format!(
        "{GOOD}intact{GOOD:#}: {} entries, {} licences, {} given again, {} refused",
        summary.entries, summary.issued, summary.reissued, summary.refused
    );
    for quota in &summary.quotas {
        text += &format!("\n  {} at {}: {} of {}", quota.firmware, quota.site, quota.issued, quota.granted);
    }
    text += &format!("\n  last hash {}", summary.head);
    report.result("license audit verify", &summary, text);
    Ok(())
}
