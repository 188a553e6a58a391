//! `ironroot keys generate`.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::input;
use ironroot_keys::{KeyArgument, KeyFile, KeyKind, PrivateKey, encode_private, token};
use serde_json::json;

use super::info::Description;
use super::write;
use crate::atomic::Access;
use crate::error::{Failure, Result};
use crate::hex;
use crate::keyarg::{self, KeyOptions};
use crate::report::{BOLD, Reporter, printable};

/// Make a new key: in a file that only its owner can read, or in a token that never lets it out
#[derive(Args, Debug)]
#[command(after_help = "\
Kinds: ecdsa-p256 (p256), ecdsa-p384 (p384), ed25519, rsa-2048, rsa-3072 sign images; ecdsa-p256, x25519, rsa-2048, \
aes-kw-128 and aes-kw-256 are what images are encrypted for.

The file is PEM, PKCS#8 (an AES key: base64), with mode 0600 from its first instant. An existing file stays unless \
--force is given. With --encrypt it is protected by a passphrase (PBES2: scrypt, AES-256-CBC), as OpenSSL reads it.

Examples:
  ironroot keys generate -o key.pem
  ironroot keys generate -o demo.pem --demo
  ironroot keys generate -o key.pem --type ed25519 --encrypt --passphrase-file pass.txt
  ironroot keys generate -o wrap.b64 --type aes-kw-256
  ironroot keys generate --type p384 --pkcs11 'pkcs11:token=release;object=fw-key?module-path=/usr/lib/softhsm/libsofthsm2.so'")]
pub struct Generate {
    /// File to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "pkcs11")]
    output: Option<PathBuf>,
    /// Kind of key
    #[arg(short, long = "type", value_name = "KIND", default_value = "ecdsa-p256")]
    kind: KeyKind,
    /// Make the pair in this token; the URI names token and new object
    #[arg(long, value_name = "URI", conflicts_with_all = ["output", "demo", "encrypt", "force", "passphrase_file"])]
    pkcs11: Option<KeyArgument>,
    /// Protect the file with a passphrase
    #[arg(long)]
    encrypt: bool,
    /// Mark it as a demo key: a real STM32H735 refuses it, an STM32H7R/S cannot tell
    #[arg(long)]
    demo: bool,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: KeyOptions,
}

/// Runs the command.
pub fn run(args: &Generate, report: &mut Reporter<'_>) -> Result {
    match (&args.pkcs11, &args.output) {
        (Some(argument), _) => in_token(args, argument, report),
        (None, Some(path)) => in_file(args, path, report),
        (None, None) => Err(Failure::new(input::USAGE, "either --output or --pkcs11 is needed")),
    }
}

fn in_file(args: &Generate, path: &std::path::Path, report: &mut Reporter<'_>) -> Result {
    let secrets = args.options.secrets();
    let passphrase = if args.encrypt || args.options.passphrase_file.is_some() {
        let passphrase = secrets.new_passphrase(path)?;
        Some(passphrase.ok_or_else(|| {
            Failure::new(input::KEY_ENCRYPTED, "--encrypt needs a passphrase").about(path.display())
        })?)
    } else {
        None
    };
    let key = PrivateKey::generate(args.kind)?;
    let text = encode_private(&key, passphrase.as_ref(), args.demo)?;
    // Parsed before it is written: a key that cannot be used must not be found out when a product is to be signed.
    let parsed = KeyFile::parse(text.as_bytes(), &|| Ok(passphrase.clone()))?;
    if parsed.public != key.public()? || parsed.kind != args.kind || parsed.private.is_none() {
        return Err(Failure::internal("the new key is read back as another one").about(path.display()));
    }
    write(path, text.as_bytes(), Access::Secret, args.force)?;
    let argument = KeyArgument::from(path.to_path_buf());
    Description::of_file(&argument, &parsed).show("keys generate", report);
    Ok(())
}

fn in_token(args: &Generate, argument: &KeyArgument, report: &mut Reporter<'_>) -> Result {
    let Some(uri) = argument.uri()? else {
        let cause = format!("--pkcs11 {argument}: a URI starts with `pkcs11:`");
        return Err(Failure::new(input::KEY_URI_INVALID, cause));
    };
    let (made, key, warnings) =
        token::generate(&uri, args.kind, &args.options.secrets()).map_err(|e| e.about(argument))?;
    keyarg::warn(report, &warnings);
    let data = json!({
        "uri": made.to_string(),
        "type": key.kind().name(),
        "private": true,
        "in_token": true,
        "demo": false,
        "key_hash": hex::encode(&key.hash()),
        "public_key": hex::encode(key.raw()),
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  private key, {}, in a token\n  key hash    {}",
        printable(&made.to_string()),
        key.kind(),
        hex::encode(&key.hash()),
    );
    report.result("keys generate", data, text);
    Ok(())
}
