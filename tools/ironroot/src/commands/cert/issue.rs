//! `ironroot cert issue` and `demo-ca`: the maker's side.

use std::path::PathBuf;

use clap::Args;
use ironroot_sfi::Product;
use serde_json::json;

use super::{fields, text, write};
use crate::error::Result;
use crate::report::{Reporter, printable};
use crate::{files, identity, keyfile};

/// Sign the certificate of a device's public key
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot cert issue --product 48302001 --key device.pub.pem --maker-key maker.pem -o device.cert
  ironroot cert issue --product 48302001 --key device.pub.pem --maker-key maker.pem -o device.cert --force")]
pub struct Issue {
    /// Product id, eight hexadecimal digits
    #[arg(long, value_name = "ID", value_parser = identity::parse_product)]
    product: Product,
    /// The device's public key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The maker's private key
    #[arg(long, value_name = "FILE")]
    maker_key: PathBuf,
    /// Certificate to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Print the public key of the demo maker, for a server or a tool that shall trust virtual devices
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot cert demo-ca
  ironroot cert demo-ca -o demo-maker.pub.pem")]
pub struct DemoCa {
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Runs `cert issue`.
pub fn run(args: &Issue, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(&args.output, [args.key.as_path(), args.maker_key.as_path()])?;
    let device = keyfile::read(&args.key)?.public;
    let certificate = identity::issue(args.product, device, &identity::maker(Some(&args.maker_key))?)?;
    write(&args.output, &certificate.encode(), args.force)?;
    report.result("cert issue", fields(&certificate)?, text(&certificate)?);
    Ok(())
}

/// Runs `cert demo-ca`.
pub fn demo_ca(args: &DemoCa, report: &mut Reporter<'_>) -> Result {
    let key = identity::demo_maker()?.public_key();
    let pem = ironroot_keys::encode_public(&ironroot_keys::PublicKey::from_spki_der(&key.spki_der())?, true)?;
    let text = match &args.output {
        None => pem.trim_end().to_owned(),
        Some(path) => {
            write(path, pem.as_bytes(), args.force)?;
            format!("{}: the demo maker's public key", printable(&path.display().to_string()))
        }
    };
    report.result("cert demo-ca", json!({ "pem": pem, "demo": true }), text);
    Ok(())
}
