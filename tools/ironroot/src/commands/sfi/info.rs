//! `ironroot sfi info`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::file::PackageFile;
use crate::error::Result;
use crate::hex;
use crate::report::{BOLD, DIM, Reporter};

/// Show header and table of a package, without a key and without believing them
#[derive(Args, Debug)]
#[command(after_help = "\
Nothing of it is authenticated: `ironroot sfi verify --key` does that.

Examples:
  ironroot sfi info app.sfi
  ironroot sfi info app.sfi --json")]
pub struct Info {
    /// Package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
}

/// Runs the command.
pub fn run(args: &Info, report: &mut Reporter<'_>) -> Result {
    let package = PackageFile::open(&args.package)?;
    let header = &package.header;
    let [patch, minor, major, _] = header.least_services.to_le_bytes();
    let areas: Vec<_> = package
        .areas
        .iter()
        .map(|area| {
            json!({
                "type": area.kind.letter().to_string(),
                "index": area.index,
                "address": area.address,
                "bytes": area.size,
                "version": area.version,
                "sha256": hex::encode(&area.hash),
            })
        })
        .collect();
    let data = json!({
        "file": args.package.display().to_string(),
        "package": package.id.to_string(),
        "product": header.product.to_string(),
        "version": header.version,
        "least_services": format!("{major}.{minor}.{patch}"),
        "bytes": header.total,
        "token": header.token,
        "nonce": hex::encode(&header.nonce.0),
        "areas": areas,
        "authenticated": false,
    });
    let mut text = format!(
        "{BOLD}package {}{BOLD:#}\nproduct {}, version {}, services from {major}.{minor}.{patch}, {} bytes, token {:#010x}",
        package.id, header.product, header.version, header.total, header.token
    );
    for area in &package.areas {
        let _ = write!(
            text,
            "\n  {:>4} {} {:#010x} {:>6} bytes  {DIM}{}…{DIM:#}",
            area.index,
            area.kind.letter(),
            area.address,
            area.size,
            hex::encode(area.hash.get(..8).unwrap_or_default())
        );
    }
    let _ = write!(text, "\n{DIM}not authenticated: no key was given{DIM:#}");
    report.result("sfi info", data, text);
    Ok(())
}
