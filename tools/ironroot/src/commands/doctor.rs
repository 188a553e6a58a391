//! `ironroot doctor`: what this build carries and what it can do here.

use std::fmt::Write;

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::firmware;
use crate::report::{BAD, BOLD, GOOD, Reporter};

/// Show what this build carries: version, firmware, devices, algorithms
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot doctor
  ironroot doctor --json")]
pub struct Doctor {}

/// Runs the command. A build without firmware is not a failure of this command: it is what the command is there to say.
pub fn run(_: &Doctor, report: &mut Reporter<'_>) -> Result {
    let programs: Vec<_> = firmware::ALL
        .iter()
        .map(|p| json!({ "name": p.name, "purpose": p.purpose, "bytes": p.elf.map(<[u8]>::len) }))
        .collect();
    let data = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "devices": ["stm32h735"],
        "signatures": ["ecdsa-p256"],
        "hashes": ["sha256"],
        "firmware": programs,
        "codes": ironroot_codes::ALL.len(),
    });
    let mut text = format!("{BOLD}ironroot {}{BOLD:#}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "  devices           stm32h735 (virtual)");
    let _ = writeln!(text, "  images            MCUboot; SHA-256, ECDSA P-256");
    for p in firmware::ALL {
        let _ = match p.elf {
            Some(elf) => writeln!(
                text,
                "  {:<17} {GOOD}embedded{GOOD:#}, {} bytes of ELF: {}",
                p.name,
                elf.len(),
                p.purpose
            ),
            None => writeln!(text, "  {:<17} {BAD}missing{BAD:#}: {}", p.name, p.purpose),
        };
    }
    if firmware::ALL.iter().any(|p| p.elf.is_none()) {
        let _ = writeln!(text, "  `cargo xtask build`, then building the tool again, adds what is missing.");
    }
    report.result("doctor", data, text.trim_end());
    Ok(())
}
