//! `ironroot license vault`: the key that firmware keys are wrapped with, in a file or in an HSM.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ironroot_codes::{input, licence as codes};
use ironroot_crypto::{Crypto, Software};
use ironroot_keys::KeyArgument;
use ironroot_keys::token::TokenSecret;
use ironroot_license_server::vault::{Module, Vault};
use serde_json::json;
use zeroize::Zeroizing;

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::files;
use crate::keyarg::KeyOptions;
use crate::report::Reporter;

/// Make a vault: a master key in a file, under a passphrase
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license vault new vault.json --passphrase-file pass")]
pub enum VaultCommand {
    /// Make a vault file; it is encrypted under the passphrase and readable by its owner only
    New(New),
}

/// Arguments of `vault new`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license vault new vault.json --passphrase-file pass")]
pub struct New {
    /// Vault file to write
    #[arg(value_name = "VAULT")]
    vault: PathBuf,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Where the master key is.
#[derive(Args, Debug)]
pub struct VaultOptions {
    /// The vault: a file of `license vault new`, or the pkcs11: URI of an AES key that wraps, which stays in its token
    #[arg(long, value_name = "FILE|URI")]
    vault: KeyArgument,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Runs the command.
pub fn run(args: &VaultCommand, report: &mut Reporter<'_>) -> Result {
    let VaultCommand::New(args) = args;
    let passphrase = args.keys.secrets().new_passphrase(&args.vault)?.ok_or_else(|| {
        Failure::new(input::USAGE, "a vault needs a passphrase")
            .fix("Give --passphrase-file, or set IRONROOT_PASSPHRASE.")
    })?;
    let content = Vault::create(passphrase.as_bytes())?;
    atomic::write(&args.vault, content.as_bytes(), Access::Secret, Existing::Keep)
        .map_err(|e| Failure::write(&args.vault, &e))?;
    let data = json!({ "vault": args.vault.display().to_string() });
    report.result("license vault new", data, format!("{}: a new vault", args.vault.display()));
    Ok(())
}

impl VaultOptions {
    /// Opens it.
    pub fn open(&self, report: &mut Reporter<'_>) -> Result<Vault> {
        let secrets = self.keys.secrets();
        if let Some(uri) = self.vault.uri()? {
            let secret = TokenSecret::open(&uri, &secrets)?;
            crate::keyarg::warn(report, secret.warnings());
            return Ok(Vault::Module(Box::new(Hsm(secret))));
        }
        let path = self.vault.path().ok_or_else(|| Failure::internal("a key argument is a file or a URI"))?;
        let content = Zeroizing::new(files::read(path)?);
        let passphrase = secrets.passphrase(path)?.ok_or_else(|| {
            Failure::new(codes::VAULT_LOCKED, "no passphrase was given")
                .about(path.display())
                .fix("Give --passphrase-file, or set IRONROOT_PASSPHRASE.")
        })?;
        let vault = Vault::open(&String::from_utf8_lossy(&content), passphrase.as_bytes());
        vault.map_err(|e| Failure::from(e).about(path.display()))
    }
}

/// An AES key in a token. What it wraps is the firmware key and the first bytes of the hash of the firmware's name: RFC 3394 has no
/// associated data, and keys in the store must not change places.
struct Hsm(TokenSecret);

const BOUND: usize = 8;

fn bound(name: &str) -> [u8; BOUND] {
    Software.sha256_of(name.as_bytes()).first_chunk().copied().unwrap_or_default()
}

fn server_error(error: ironroot_keys::Error) -> ironroot_license_server::Error {
    ironroot_license_server::Error::new(error.code, error.cause)
}

impl Module for Hsm {
    fn wrap(&self, name: &str, key: &[u8; 16]) -> ironroot_license_server::error::Result<Vec<u8>> {
        let bytes = Zeroizing::new([key.as_slice(), &bound(name)].concat());
        self.0.wrap(&bytes).map_err(server_error)
    }

    fn unwrap(
        &self,
        name: &str,
        wrapped: &[u8],
    ) -> ironroot_license_server::error::Result<Zeroizing<[u8; 16]>> {
        let foreign =
            || ironroot_license_server::Error::new(codes::VAULT_KEY, format!("the key of `{name}`"));
        let bytes = self.0.unwrap(wrapped).map_err(server_error)?;
        match bytes.split_first_chunk::<16>() {
            Some((key, rest)) if rest == bound(name) => Ok(Zeroizing::new(*key)),
            _ => Err(foreign()),
        }
    }
}
