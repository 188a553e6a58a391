//! `ironroot license`: the licence server, its quotas, and its audit log.

mod audit;
mod authority;
mod serve;
mod stock;
mod vault;

use clap::{Args, Subcommand};
use ironroot_license_server::store::Location;

use crate::error::Result;
use crate::report::Reporter;

/// Give out counted licences for secure firmware install, and prove how many
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license ca new ca/ --host licenses.example
  ironroot license station new line-1 --site plant-a --ca ca/ -o stations/
  ironroot license vault new vault.json --passphrase-file pass
  ironroot license firmware add pump-1.2 --package pump.irsfi --key pump.key --vault vault.json --passphrase-file pass
  ironroot license quota create pump-1.2 --site plant-a --granted 1000 --expires 2027-01-31
  ironroot license serve --tls-certificate ca/server.pem --tls-key ca/server.key --station-authority ca/authority.pem \\
      --maker maker.pub.pem --vault vault.json --passphrase-file pass
  ironroot license quota show
  ironroot license audit export -o audit.jsonl && ironroot license audit verify audit.jsonl")]
pub struct License {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Serve),
    #[command(subcommand)]
    Ca(authority::Ca),
    #[command(subcommand)]
    Station(authority::Station),
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    #[command(subcommand)]
    Firmware(stock::Firmware),
    #[command(subcommand)]
    Quota(stock::Quota),
    #[command(subcommand)]
    Revoke(stock::Revoke),
    #[command(subcommand)]
    Audit(audit::Audit),
}

/// Which store.
#[derive(Args, Debug)]
struct StoreOption {
    /// The store: a file (SQLite) or postgres://…
    #[arg(long, value_name = "FILE|URL", default_value = "licenses.sqlite")]
    store: Location,
}

/// Runs the command.
pub fn run(args: &License, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Serve(args) => serve::run(args, report),
        Command::Ca(args) => authority::ca(args, report),
        Command::Station(args) => authority::station(args, report),
        Command::Vault(args) => vault::run(args, report),
        Command::Firmware(args) => stock::firmware(args, report),
        Command::Quota(args) => stock::quota(args, report),
        Command::Revoke(args) => stock::revoke(args, report),
        Command::Audit(args) => audit::run(args, report),
    }
}
