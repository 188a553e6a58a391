//! `ironroot keys`: make keys, look at them, give their public halves away; in files and in tokens.

mod check;
mod export;
mod generate;
mod info;
mod list;

use std::path::Path;

use clap::{Args, Subcommand};

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::report::Reporter;

/// Make, show and convert keys: in files, and in hardware modules through PKCS#11
#[derive(Args, Debug)]
#[command(after_help = "\
KEY is a file (PEM, DER, or base64 of an AES key) or a pkcs11: URI (RFC 7512); the last example has one. The module \
may also come from IRONROOT_PKCS11_MODULE, the PIN from IRONROOT_PIN or the terminal; a passphrase comes from \
--passphrase-file, IRONROOT_PASSPHRASE or the terminal. Neither belongs into an argument.

Examples:
  ironroot keys generate -o key.pem
  ironroot keys info key.pem
  ironroot keys public key.pem -o pub.pem
  ironroot keys list 'pkcs11:?module-path=/usr/lib/softhsm/libsofthsm2.so'
  ironroot keys check 'pkcs11:token=a;object=b?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin'")]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Generate(generate::Generate),
    #[command(visible_alias = "show")]
    Info(info::Info),
    Public(export::Public),
    Hash(export::Hash),
    Private(export::Private),
    List(list::List),
    Check(check::Check),
}

/// Runs the command.
pub fn run(args: &Keys, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Generate(args) => generate::run(args, report),
        Command::Info(args) => info::run(args, report),
        Command::Public(args) => export::public(args, report),
        Command::Hash(args) => export::hash(args, report),
        Command::Private(args) => export::private(args, report),
        Command::List(args) => list::run(args, report),
        Command::Check(args) => check::run(args, report),
    }
}

/// Writes a file, whole or not at all.
fn write(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result {
    let existing = if force { Existing::Replace } else { Existing::Keep };
    atomic::write(path, bytes, access, existing).map_err(|e| Failure::write(path, &e))
}
