//! `ironroot cert`: device certificates.

mod issue;
mod read;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ironroot_crypto::{P256PublicKey, Software};
use ironroot_sfi::Certificate;
use serde_json::{Value, json};

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::report::{BOLD, GOOD, Reporter, printable};
use crate::{files, hex, identity, keyfile};

/// Read, check and issue device certificates: what tells a genuine chip from a copy
#[derive(Args, Debug)]
#[command(after_help = "\
A certificate has 136 bytes: product id, public key, the maker's signature (docs/sfi-format.md). Virtual devices have one of \
a demo maker, whose private key is public; name your own with `vdev new --maker-key`.

Examples:
  ironroot cert read --device vdev:my.board -o device.cert
  ironroot cert verify device.cert --maker maker.pub.pem
  ironroot cert issue --product 48302001 --key device.pub.pem --maker-key maker.pem -o device.cert
  ironroot cert demo-ca -o demo-maker.pub.pem")]
pub struct Cert {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Read(read::Read),
    Verify(Verify),
    Issue(issue::Issue),
    Info(Info),
    DemoCa(issue::DemoCa),
}

/// Check that a maker signed a certificate
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot cert verify device.cert --maker maker.pub.pem
  ironroot cert verify device.cert --demo")]
struct Verify {
    /// Certificate
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The maker's public key [default: none; --demo takes the demo maker's]
    #[arg(long, value_name = "FILE", required_unless_present = "demo")]
    maker: Option<PathBuf>,
    /// The demo maker of virtual devices
    #[arg(long, conflicts_with = "maker")]
    demo: bool,
}

/// Show what is in a certificate, without believing it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot cert info device.cert
  ironroot cert info device.cert --json")]
struct Info {
    /// Certificate
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes a file that is there whole or not at all; what is there already stays unless `force`.
fn write(path: &Path, bytes: &[u8], force: bool) -> Result {
    let existing = if force { Existing::Replace } else { Existing::Keep };
    atomic::write(path, bytes, Access::Public, existing).map_err(|e| Failure::write(path, &e))
}

/// A certificate file.
pub fn load(path: &Path) -> Result<Certificate> {
    let bytes = files::read(path)?;
    Certificate::parse(&bytes).map_err(|code| {
        Failure::new(code, format!("{} bytes that are no certificate", bytes.len())).about(path.display())
    })
}

/// Checks the maker's signature.
pub fn verify(certificate: &Certificate, maker: &P256PublicKey) -> Result {
    certificate.verify(maker, &mut Software).map_err(|code| {
        let cause =
            format!("the maker's key {} did not sign it", hex::encode(&maker.key_hash(&mut Software)[..8]));
        Failure::new(code, cause)
    })
}

/// A certificate as members of an event.
pub fn fields(certificate: &Certificate) -> Result<Value> {
    let demo = certificate.verify(&identity::demo_maker()?.public_key(), &mut Software).is_ok();
    Ok(json!({
        "product": certificate.product().to_string(),
        "device": hex::encode(&certificate.key().key_hash(&mut Software)),
        "public_key": hex::encode(certificate.key().sec1()),
        "demo_maker": demo,
    }))
}

/// The same for people.
pub fn text(certificate: &Certificate) -> Result<String> {
    let data = fields(certificate)?;
    let member = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(format!(
        "{BOLD}product {}{BOLD:#}\ndevice      {}\npublic key  {}\nmaker       {}",
        member("product"),
        member("device"),
        member("public_key"),
        if data.get("demo_maker") == Some(&Value::Bool(true)) {
            "the demo maker, whose private key is public"
        } else {
            "not the demo maker; `cert verify` says whether it is yours"
        }
    ))
}

/// Runs the command.
pub fn run(args: &Cert, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Read(args) => read::run(args, report),
        Command::Issue(args) => issue::run(args, report),
        Command::DemoCa(args) => issue::demo_ca(args, report),
        Command::Info(args) => {
            let certificate = load(&args.file)?;
            report.result("cert info", fields(&certificate)?, text(&certificate)?);
            Ok(())
        }
        Command::Verify(args) => {
            let certificate = load(&args.file)?;
            let maker = match &args.maker {
                Some(path) => keyfile::read(path)?.public,
                None => identity::demo_maker()?.public_key(),
            };
            verify(&certificate, &maker).map_err(|failure| failure.about(args.file.display()))?;
            let data = fields(&certificate)?;
            let text = format!(
                "{GOOD}signed by this maker{GOOD:#}: {}",
                printable(&args.file.display().to_string())
            );
            report.result("cert verify", data, text);
            Ok(())
        }
    }
}
