//! `ironroot license serve`.

use clap::Args;
use ironroot_license_server::server::{self, Arguments, Listening};
use serde_json::json;

use super::vault::VaultOptions;
use crate::error::Result;
use crate::report::Reporter;

/// Serve licences until SIGTERM or Ctrl-C; logs go to standard error as JSON (RUST_LOG chooses)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license serve --tls-certificate ca/server.pem --tls-key ca/server.key --station-authority ca/authority.pem \\
      --maker maker.pub.pem --vault vault.json --passphrase-file pass --listen 0.0.0.0:8443
  ironroot license serve --tls-certificate ca/server.pem --tls-key ca/server.key --station-authority ca/authority.pem \\
      --maker maker.pub.pem --vault 'pkcs11:token=owner;object=master' --store postgres://licenses@db/licenses")]
pub struct Serve {
    #[command(flatten)]
    server: Arguments,
    #[command(flatten)]
    vault: VaultOptions,
}

/// Runs the command.
pub fn run(args: &Serve, report: &mut Reporter<'_>) -> Result {
    let vault = args.vault.open(report)?;
    server::log();
    server::run(&args.server, vault, |Listening { stations, status }| {
        let data = json!({ "stations": stations.to_string(), "status": status.to_string() });
        report.result(
            "license serve",
            data,
            format!("listening on {stations}; health and metrics on {status}"),
        );
        // Whoever waits for this line must get it now.
        let _ = report.writer().flush();
    })?;
    Ok(())
}
