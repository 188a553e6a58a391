//! `ironroot keys`: make a signing key, look at one, give its public half away.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use crate::atomic::{Access, Existing};
use crate::error::{Failure, Result};
use crate::keyfile::{self, Key};
use crate::report::{BOLD, DIM, Reporter, printable};
use crate::{atomic, files, hex};

/// Make and show signing keys
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot keys generate -o key.pem
  ironroot keys show key.pem
  ironroot keys public key.pem -o pub.pem")]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Generate(Generate),
    Show(Show),
    Public(Public),
}

/// Make a new private key: PEM, PKCS#8, readable by the owner only
#[derive(Args, Debug)]
#[command(after_help = "\
The file has mode 0600 from its first instant. An existing file stays unless --force is given.

Examples:
  ironroot keys generate -o key.pem
  ironroot keys generate -o demo.pem --demo
  ironroot keys generate -o key.pem --type ecdsa-p256 --json")]
struct Generate {
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Kind of key
    #[arg(short, long = "type", value_enum, default_value = "ecdsa-p256")]
    kind: KeyType,
    /// Mark it as a demo key: virtual devices take it, real chips refuse it
    #[arg(long)]
    demo: bool,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeyType {
    /// ECDSA with the curve P-256 (prime256v1)
    EcdsaP256,
}

/// Show a key's public half and its hash; never the private half
#[derive(Args, Debug)]
#[command(after_help = "\
The key hash is what an image (TLV KEYHASH) and a device's key store name the key by.

Examples:
  ironroot keys show key.pem
  ironroot keys show pub.pem --json")]
struct Show {
    /// PEM file with a private or public key
    #[arg(value_name = "KEY")]
    key: PathBuf,
}

/// Write the public half of a key
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot keys public key.pem -o pub.pem")]
struct Public {
    /// PEM file with a private or public key
    #[arg(value_name = "KEY")]
    key: PathBuf,
    /// File to write (PEM, SubjectPublicKeyInfo)
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Keys, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Generate(args) => generate(args, report),
        Command::Show(args) => {
            let key = keyfile::read(&args.key)?;
            describe("keys show", &args.key, &key, report);
            Ok(())
        }
        Command::Public(args) => public(args, report),
    }
}

fn generate(args: &Generate, report: &mut Reporter<'_>) -> Result {
    // A second type will make this a choice of generator.
    let KeyType::EcdsaP256 = args.kind;
    let pem = keyfile::generate(args.demo)?;
    write(&args.output, pem.as_bytes(), Access::Secret, args.force)?;
    // Read back: a key that cannot be used must not be found out when a product is to be signed.
    let key = keyfile::read(&args.output)?;
    describe("keys generate", &args.output, &key, report);
    Ok(())
}

fn public(args: &Public, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(&args.output, [args.key.as_path()])?;
    let key = keyfile::read(&args.key)?;
    let pem = keyfile::public_pem(&key)?;
    write(&args.output, pem.as_bytes(), Access::Public, args.force)?;
    let written = keyfile::read(&args.output)?;
    if written.public != key.public {
        return Err(
            Failure::internal("the file that was written holds another key").about(args.output.display())
        );
    }
    describe("keys public", &args.output, &written, report);
    Ok(())
}

fn write(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result {
    let existing = if force { Existing::Replace } else { Existing::Keep };
    atomic::write(path, bytes, access, existing).map_err(|e| Failure::write(path, &e))
}

#[derive(Serialize)]
struct Description<'a> {
    file: String,
    #[serde(rename = "type")]
    kind: &'static str,
    private: bool,
    demo: bool,
    key_hash: String,
    public_key: &'a str,
}

fn describe(command: &str, path: &Path, key: &Key, report: &mut Reporter<'_>) {
    let public_key = hex::encode(key.public.sec1());
    let data = Description {
        file: path.display().to_string(),
        kind: "ecdsa-p256",
        private: key.private.is_some(),
        demo: key.demo,
        key_hash: hex::encode(&key.hash()),
        public_key: &public_key,
    };
    let text = format!(
        "{BOLD}{}{BOLD:#}  {} key, ECDSA P-256{}\n  key hash    {}\n  public key  {DIM}{}{DIM:#}",
        printable(&data.file),
        if data.private { "private" } else { "public" },
        if data.demo { ", DEMO: real chips refuse it" } else { "" },
        data.key_hash,
        data.public_key,
    );
    report.result(command, json!(data), text);
}
