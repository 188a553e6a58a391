//! The licence server as a program of its own: the same as `ironroot license serve` with a vault file.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ironroot_license_server::error::{Error, Result};
use ironroot_license_server::server::{self, Arguments, Listening};
use ironroot_license_server::vault::Vault;

/// Counted licences for secure firmware install
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  license-server --vault vault.json --passphrase-file pass --tls-certificate server.pem \\\n      --tls-key server.key --station-authority stations.pem --maker maker.pub.pem"
)]
struct Cli {
    #[command(flatten)]
    server: Arguments,
    /// The vault with the master key of the firmware keys
    #[arg(long, value_name = "FILE")]
    vault: PathBuf,
    /// The file whose first line is the vault's passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    server::log();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error { code, cause }) => {
            let _ = writeln!(std::io::stderr(), "error: {code}: {cause}");
            ExitCode::from(code.entry().map_or(1, |entry| entry.exit.code()))
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let passphrase = server::read(&cli.passphrase_file)?;
    let passphrase = passphrase.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let vault = server::read(&cli.vault)?;
    let vault = Vault::open(&String::from_utf8_lossy(&vault), passphrase)?;
    server::run(&cli.server, vault, |Listening { stations, status }| {
        let line = serde_json::json!({
            "event": "listening", "stations": stations.to_string(), "status": status.to_string(),
        });
        let _ = writeln!(std::io::stdout(), "{line}");
    })
}
