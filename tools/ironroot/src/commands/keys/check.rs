//! `ironroot keys check`.

use clap::Args;
use ironroot_crypto::seal::SystemEntropy;
use ironroot_crypto::{ContentKey, ContentKeys, Digest, KeyBits, Sealing, Signer, Software};
use ironroot_keys::{KeyArgument, KeyFile, KeyKind, load_decryption, load_encryption, load_signer};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::hex;
use crate::keyarg::{self, KeyOptions};
use crate::report::{BOLD, GOOD, Reporter, printable};

/// Try a private key: sign and verify, or seal and open, without an image
#[derive(Args, Debug)]
#[command(after_help = "\
Before a release: does the token answer, is the PIN right, do private and public half belong together? Nothing is \
written, and what is signed is a constant that is no image.

Examples:
  ironroot keys check key.pem
  ironroot keys check 'pkcs11:token=release;object=fw-key?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin'")]
pub struct Check {
    /// Private key: file or pkcs11: URI
    #[arg(value_name = "KEY")]
    key: KeyArgument,
    #[command(flatten)]
    options: KeyOptions,
}

/// What is signed: the hash of words that say what it is.
const MESSAGE: &[u8] = b"ironroot keys check: a trial signature, of no image";

/// Runs the command.
pub fn run(args: &Check, report: &mut Reporter<'_>) -> Result {
    let secrets = args.options.secrets();
    let decrypts_only = match &args.key {
        KeyArgument::File(path) => !KeyFile::read(path, &secrets)?.kind.signs(),
        KeyArgument::Token(_) => {
            args.key.uri()?.is_some_and(|uri| uri.object_type == Some(ironroot_keys::ObjectType::Secret))
        }
    };
    let (kind, hash, done, demo, warnings) = if decrypts_only {
        let loaded = load_decryption(&args.key, &secrets)?;
        if loaded.public.is_some() || args.key.path().is_some() {
            open_what_was_sealed(args, loaded.kind, &loaded.key)?;
        }
        (
            loaded.kind,
            loaded.public.map(|key| key.hash()),
            "opened what was sealed for it",
            loaded.demo,
            loaded.warnings,
        )
    } else {
        let loaded = load_signer(&args.key, &secrets)?;
        let public = loaded.key.public_key();
        let hash = public.algorithm().default_hash(false);
        let mut software = Software;
        let mut hasher = ironroot_crypto::Hasher::new(hash, &mut software)
            .ok_or_else(|| Failure::internal("this build does not have the hash"))?;
        hasher.update(MESSAGE);
        let digest: Digest = hasher.finish();
        let signature = loaded.key.sign(&digest).map_err(|e| loaded.key.explain(&e).about(&args.key))?;
        if !public.verify(&digest, &signature, &mut Software).is_accepted() {
            return Err(Failure::internal("a signature that was verified does not verify"));
        }
        let done = "signed, and the signature verifies";
        (loaded.kind, loaded.public.map(|key| key.hash()), done, loaded.demo, loaded.warnings)
    };
    keyarg::warn(report, &warnings);
    let hash = hash.map(|hash| hex::encode(&hash));
    let data = json!({
        "key": args.key.to_string(),
        "type": kind.name(),
        "key_hash": hash,
        "demo": demo,
        "checked": if decrypts_only { "open" } else { "sign" },
    });
    let text = format!(
        "{GOOD}{done}{GOOD:#}: {BOLD}{}{BOLD:#}, {kind}{}",
        printable(&args.key.to_string()),
        hash.map(|hash| format!("\n  key hash    {hash}")).unwrap_or_default(),
    );
    report.result("keys check", data, text);
    Ok(())
}

/// Seals a key as an image would have it, and opens it again.
fn open_what_was_sealed(args: &Check, kind: KeyKind, holder: &dyn ContentKeys) -> Result {
    let bits = if kind == KeyKind::AesKw256 { KeyBits::Aes256 } else { KeyBits::Aes128 };
    let recipient = load_encryption(&args.key, &args.options.secrets())?.key;
    let failed = |e: ironroot_crypto::seal::SealError| Failure::internal(e.to_string()).about(&args.key);
    let key = ContentKey::generate(bits, &mut SystemEntropy).map_err(failed)?;
    let sealing: Sealing = recipient.sealing();
    let sealed = recipient.seal(sealing, &key, &mut SystemEntropy).map_err(failed)?;
    match holder.open(sealing, &sealed) {
        Ok(opened) if opened.as_bytes() == key.as_bytes() => Ok(()),
        _ => Err(Failure::internal("the key does not open what was sealed for it").about(&args.key)),
    }
}
