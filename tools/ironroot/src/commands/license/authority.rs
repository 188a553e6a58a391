//! `ironroot license ca` and `license station`: certificates for the way between stations and server.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ironroot_codes::licence as codes;
use ironroot_license_server::pki::{self, Pair};
use serde_json::json;
use zeroize::Zeroizing;

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::files;
use crate::report::Reporter;

/// The files of an authority.
const CERTIFICATE: &str = "authority.pem";
const KEY: &str = "authority.key";

/// Make an authority for stations and server
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license ca new ca/ --host licenses.example")]
pub enum Ca {
    /// Make an authority and the server's certificate: authority.pem, authority.key, server.pem, server.key
    New(NewCa),
}

/// Arguments of `ca new`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license ca new ca/ --host licenses.example --host 10.0.0.7")]
pub struct NewCa {
    /// Directory to write to; made if it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Name of the authority
    #[arg(long, default_value = "Ironroot licence server", value_parser = super::line)]
    name: String,
    /// Host name or address of the server; may be repeated
    #[arg(long = "host", value_name = "HOST", default_values = ["localhost", "127.0.0.1"])]
    hosts: Vec<String>,
    /// Days until the server's certificate expires
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
}

/// Make certificates for stations
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license station new line-1 --site plant-a --ca ca/ -o stations/")]
pub enum Station {
    /// Make a station's certificate and key: NAME.pem, NAME.key
    New(NewStation),
}

/// Arguments of `station new`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license station new line-1 --site plant-a --ca ca/ -o stations/")]
pub struct NewStation {
    /// Name of the station
    #[arg(value_name = "NAME", value_parser = super::name)]
    name: String,
    /// Site that its quota belongs to
    #[arg(long, value_parser = super::name)]
    site: String,
    /// Directory of `license ca new`
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// Directory to write to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Days until it expires
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
}

/// Runs `license ca`.
pub fn ca(args: &Ca, report: &mut Reporter<'_>) -> Result {
    let Ca::New(args) = args;
    let authority = pki::authority(&args.name)?;
    let server = pki::server(&authority, &args.hosts, i64::from(args.days))?;
    std::fs::create_dir_all(&args.dir).map_err(|e| Failure::write(&args.dir, &e))?;
    write_pair(&args.dir, "authority", &authority)?;
    write_pair(&args.dir, "server", &server)?;
    let data = json!({ "dir": args.dir.display().to_string(), "hosts": args.hosts });
    let text = format!(
        "{}: authority and server certificate for {}; keep authority.key off the server",
        args.dir.display(),
        args.hosts.join(", ")
    );
    report.result("license ca new", data, text);
    Ok(())
}

/// Runs `license station`.
pub fn station(args: &Station, report: &mut Reporter<'_>) -> Result {
    let Station::New(args) = args;
    let text = |name: &str, bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|_| {
            Failure::new(codes::AUTHORITY_UNUSABLE, "the file is no PEM").about(args.ca.join(name).display())
        })
    };
    let mut key = files::read_secret(&args.ca.join(KEY))?;
    let authority = Pair {
        certificate: text(CERTIFICATE, files::read(&args.ca.join(CERTIFICATE))?)?,
        key: Zeroizing::new(text(KEY, std::mem::take(&mut *key))?),
    };
    let pair = pki::station(&authority, &args.site, &args.name, i64::from(args.days))
        .map_err(|e| Failure::from(e).about(format!("{}: {CERTIFICATE}, {KEY}", args.ca.display())))?;
    std::fs::create_dir_all(&args.output).map_err(|e| Failure::write(&args.output, &e))?;
    write_pair(&args.output, &args.name, &pair)?;
    let path = args.output.join(format!("{}.pem", args.name));
    let data = json!({ "certificate": path.display().to_string(), "site": args.site, "station": args.name });
    report.result("license station new", data, format!("{}: station of {}", path.display(), args.site));
    Ok(())
}

/// The key first: a certificate without its key would look complete.
fn write_pair(dir: &Path, name: &str, pair: &Pair) -> Result {
    let key = dir.join(format!("{name}.key"));
    atomic::write(&key, pair.key.as_bytes(), Access::Secret, Existing::Keep)
        .map_err(|e| Failure::write(&key, &e))?;
    let certificate = dir.join(format!("{name}.pem"));
    atomic::write(&certificate, pair.certificate.as_bytes(), Access::Public, Existing::Keep)
        .map_err(|e| Failure::write(&certificate, &e))
}
