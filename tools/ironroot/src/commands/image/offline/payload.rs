//! `ironroot image payload`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ironroot_codes::input;
use ironroot_crypto::{HashAlgorithm, SignatureAlgorithm};
use ironroot_keys::KeyArgument;
use serde_json::json;

use super::{Common, Subject, hash_name, inputs, trusted};
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Failure, Result};
use crate::report::{BOLD, DIM, Reporter, printable};
use crate::{files, hex};

/// Write what is to be signed of an image, for a signer elsewhere
#[derive(Args, Debug)]
#[command(after_help = "\
The digest is for a signer that takes digests: an HSM, or openssl pkeyutl. The payload (header, application and protected \
TLVs; imgtool's --vector-to-sign payload) is for a signer that hashes by itself. Ed25519 takes the digest as its message. \
With --public-key the output says how OpenSSL would sign it.

Examples:
  ironroot image create --unsigned -v 1.0.0 -H 0x400 --pad-header -S 0x60000 app.bin -o app.unsigned
  ironroot image payload app.unsigned --public-key pub.pem -o digest.bin
  openssl pkeyutl -sign -inkey key.pem -in digest.bin -out app.sig
  ironroot image attach app.unsigned --signature app.sig --public-key pub.pem -o app.img")]
pub struct Payload {
    #[command(flatten)]
    common: Common,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What is written [default: digest; payload with --pure]
    #[arg(long, value_enum)]
    what: Option<What>,
    /// The key that will sign: public half or more, a file or a pkcs11: URI
    #[arg(long, value_name = "KEY")]
    public_key: Option<KeyArgument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The digest
    Digest,
    /// The bytes that the digest is over
    Payload,
}

/// Runs the command.
pub fn run(args: &Payload, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(
        &args.output,
        inputs(&args.common, &[args.public_key.as_ref().and_then(KeyArgument::path)]),
    )?;
    let pure = args.common.pure;
    let what = args.what.unwrap_or(if pure { What::Payload } else { What::Digest });
    if pure && what == What::Digest {
        let cause = "--pure and --what digest: a pure signature is over the content";
        return Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
    }
    let key = match &args.public_key {
        Some(argument) => Some(trusted(argument, &args.common.keys, report)?.0),
        None => None,
    };
    let subject = Subject::open(&args.common, report)?;
    let algorithm = match (&key, pure) {
        (Some(key), _) => Some(key.algorithm()),
        (None, true) => Some(SignatureAlgorithm::Ed25519),
        (None, false) => None,
    };
    let hash = match algorithm {
        Some(algorithm) => subject.hash(algorithm, pure)?,
        None => subject.image.hash_algorithm().unwrap_or(HashAlgorithm::Sha256),
    };
    let digest = subject.digest(hash)?;
    let unwritable = |e: std::io::Error| Failure::write(&args.output, &e);
    let mut pending = Pending::create(&args.output, Access::Public, Existing::Replace).map_err(unwritable)?;
    let mut bytes: u64 = 0;
    {
        let mut out = BufWriter::new(pending.file());
        let mut written = Ok(());
        let mut put = |piece: &[u8]| {
            bytes += piece.len() as u64;
            if written.is_ok() {
                written = out.write_all(piece);
            }
        };
        match what {
            What::Digest => put(digest.as_bytes()),
            What::Payload => subject.content(put)?,
        }
        written.and_then(|()| out.flush()).map_err(unwritable)?;
    }
    pending.commit().map_err(unwritable)?;
    let how = algorithm.map(|algorithm| recipe(algorithm, hash, what, &args.output.display().to_string()));
    let data = json!({
        "image": args.common.image.display().to_string(),
        "output": args.output.display().to_string(),
        "what": if what == What::Digest { "digest" } else { "payload" },
        "bytes": bytes,
        "hash": hash_name(hash),
        "digest": hex::encode(digest.as_bytes()),
        "pure": pure,
        "algorithm": algorithm.map(SignatureAlgorithm::name),
        "openssl": how,
    });
    let kind =
        if what == What::Digest { format!("{} digest", hash_name(hash)) } else { "content".to_owned() };
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  {kind} to sign, {bytes} bytes{}\n  {}    {}",
        printable(&args.output.display().to_string()),
        algorithm.map(|a| format!(", with {}", a.name())).unwrap_or_default(),
        hash_name(hash),
        hex::encode(digest.as_bytes()),
    );
    if let Some(how) = how {
        text += &format!("\n  {DIM}{}{DIM:#}", printable(&how));
    }
    report.result("image payload", data, text);
    Ok(())
}

/// How OpenSSL signs it: also the exact parameters, for whoever signs with something else.
fn recipe(algorithm: SignatureAlgorithm, hash: HashAlgorithm, what: What, file: &str) -> String {
    let hash = hash_name(hash);
    match (algorithm, what) {
        (SignatureAlgorithm::Ed25519, _) => {
            format!("openssl pkeyutl -sign -rawin -inkey KEY -in {file} -out SIG")
        }
        (SignatureAlgorithm::EcdsaP256 | SignatureAlgorithm::EcdsaP384, What::Digest) => {
            format!("openssl pkeyutl -sign -inkey KEY -in {file} -out SIG")
        }
        (SignatureAlgorithm::EcdsaP256 | SignatureAlgorithm::EcdsaP384, What::Payload) => {
            format!("openssl dgst -{hash} -sign KEY -out SIG {file}")
        }
        (SignatureAlgorithm::Rsa2048 | SignatureAlgorithm::Rsa3072, What::Digest) => format!(
            "openssl pkeyutl -sign -inkey KEY -pkeyopt digest:{hash} -pkeyopt rsa_padding_mode:pss \
             -pkeyopt rsa_pss_saltlen:32 -pkeyopt rsa_mgf1_md:{hash} -in {file} -out SIG"
        ),
        (SignatureAlgorithm::Rsa2048 | SignatureAlgorithm::Rsa3072, What::Payload) => format!(
            "openssl dgst -{hash} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign KEY -out SIG {file}"
        ),
    }
}
