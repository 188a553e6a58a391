//! `ironroot license audit`: the log that everybody can check.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use ironroot_license_server::store::with_store;
use ironroot_license_server::{admin, audit};

use super::StoreOption;
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Failure, Result};
use crate::report::{GOOD, Reporter};

/// Export and check the hash-chained audit log
#[derive(Subcommand, Debug)]
pub enum Audit {
    /// Write the log as JSON Lines
    Export(Export),
    /// Check an exported log, without the server: the chain, and that no more devices got a licence than were granted
    Verify(Verify),
}

/// Arguments of `audit export`.
#[derive(Args, Debug)]
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
pub struct Verify {
    /// The exported log
    #[arg(value_name = "FILE")]
    log: PathBuf,
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
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let mut output = Pending::create(&args.output, Access::Public, existing).map_err(|e| refused(&e))?;
    let count = with_store(&args.store.store, async |store| {
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
    let summary =
        audit::verify(BufReader::new(log)).map_err(|e| Failure::from(e).about(args.log.display()))?;
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
