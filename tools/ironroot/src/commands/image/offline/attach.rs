//! `ironroot image attach`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::input;
use ironroot_crypto::{Digest, PublicKey, Software};
use ironroot_image::build::{Builder, KeyFormat};
use ironroot_image::{Dependencies, Policy, verify};
use ironroot_keys::KeyArgument;
use serde_json::json;

use super::super::options::PublicKeyFormat;
use super::super::plan::{hex_start, warn_address};
use super::super::sink::Sink;
use super::{Common, Subject, inputs, trusted};
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Context, Failure, Result};
use crate::report::{BOLD, GOOD, Reporter, printable};
use crate::{files, hex, number};

/// Put a signature that was made elsewhere into an image
#[derive(Args, Debug)]
#[command(after_help = "\
The signature is a file of raw bytes or base64: DER or r||s for ECDSA (also imgtool's --sig-out). It is verified with the \
public key and the image before anything is written; what does not verify is refused. The public key comes from you, not \
from the signer.

Examples:
  ironroot image payload app.unsigned --public-key pub.pem -o digest.bin
  openssl pkeyutl -sign -inkey key.pem -in digest.bin -out app.sig
  ironroot image attach app.unsigned --signature app.sig --public-key pub.pem -o app.img")]
pub struct Attach {
    #[command(flatten)]
    common: Common,
    /// Signature: raw or base64
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// Key of the signer: public half or more, a file or a pkcs11: URI
    #[arg(long, value_name = "KEY")]
    public_key: KeyArgument,
    /// How the image names the key
    #[arg(long, value_enum, default_value = "hash")]
    public_key_format: PublicKeyFormat,
    /// File to write; Intel HEX if the name ends in .hex
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Address of the first byte in a HEX output
    #[arg(short = 'x', long, value_name = "ADDRESS", value_parser = number::parse)]
    hex_addr: Option<u32>,
}

/// A signature file has at most RSA's 384 bytes, in base64 with line ends and perhaps padding.
const MAX_SIGNATURE: u64 = 4096;

/// Runs the command.
pub fn run(args: &Attach, report: &mut Reporter<'_>) -> Result {
    let others = [Some(args.signature.as_path()), args.public_key.path()];
    files::not_an_input(&args.output, inputs(&args.common, &others))?;
    warn_address(&args.output, args.hex_addr, report);
    let (key, demo) = trusted(&args.public_key, &args.common.keys, report)?;
    let subject = Subject::open(&args.common, report)?;
    let pure = args.common.pure;
    let hash = subject.hash(key.algorithm(), pure)?;
    let digest = subject.digest(hash)?;
    let signature = read_signature(&args.signature, &key)?;
    check(&subject, &key, &digest, &signature, pure).about(args.signature.display())?;

    let unprotected = unprotected(args, &subject, &key, &digest, &signature)?;
    let written = write(args, &subject, &key, &unprotected)?;
    let data = json!({
        "image": args.common.image.display().to_string(),
        "output": args.output.display().to_string(),
        "verified": true,
        "algorithm": key.algorithm().name(),
        "pure": pure,
        "hash": super::hash_name(hash),
        "digest": hex::encode(digest.as_bytes()),
        "key_hash": hex::encode(&key.key_hash(&mut Software)),
        "demo_key": demo,
        "image_bytes": written,
    });
    let text = format!(
        "{GOOD}verified{GOOD:#} {BOLD}{}{BOLD:#}  {} bytes, signed with {}\n  {}    {}\n  key hash  {}{}",
        printable(&args.output.display().to_string()),
        written,
        key.algorithm().name(),
        super::hash_name(hash),
        hex::encode(digest.as_bytes()),
        hex::encode(&key.key_hash(&mut Software)),
        if demo { super::super::DEMO_KEY } else { "" },
    );
    report.result("image attach", data, text);
    Ok(())
}

fn read_signature(path: &Path, key: &PublicKey) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(|e| Failure::read(path, &e))?;
    let mut bytes = Vec::new();
    file.take(MAX_SIGNATURE + 1).read_to_end(&mut bytes).map_err(|e| Failure::read(path, &e))?;
    let refused = |code, cause: String| Err(Failure::new(code, cause).about(path.display()));
    if bytes.is_empty() {
        return refused(input::FILE_EMPTY, "the file has no bytes".to_owned());
    }
    if bytes.len() as u64 > MAX_SIGNATURE {
        return refused(input::FILE_TOO_LARGE, format!("a signature file has at most {MAX_SIGNATURE} bytes"));
    }
    match ironroot_keys::normalize(&bytes, key) {
        Some(signature) => Ok(signature),
        None => {
            let cause =
                format!("{} bytes, in no form of a {} signature", bytes.len(), key.algorithm().name());
            refused(input::SIGNATURE_UNREADABLE, cause)
        }
    }
}

fn check(subject: &Subject, key: &PublicKey, digest: &Digest, signature: &[u8], pure: bool) -> Result {
    let wrong = || {
        let cause = format!("it does not verify with this {} key over this image", key.algorithm().name());
        Failure::new(input::SIGNATURE_WRONG, cause)
    };
    let verdict = if pure {
        let mut verifier = key.verify_pure(signature).ok_or_else(wrong)?;
        subject.content(|piece| verifier.update(piece))?;
        verifier.finish()
    } else {
        key.verify(digest, signature, &mut Software)
    };
    if verdict.is_accepted() { Ok(()) } else { Err(wrong()) }
}

/// The new TLVs behind the content: by the builder, so that there is one place that knows their order.
fn unprotected(
    args: &Attach,
    subject: &Subject,
    key: &PublicKey,
    digest: &Digest,
    signature: &[u8],
) -> Result<Vec<u8>> {
    let header = subject.image.header();
    let mut recipe = Builder::new(header.version)
        .hash(digest.algorithm())
        .pure(args.common.pure)
        .dialect(args.common.dialect.dialect())
        .key_format(match args.public_key_format {
            PublicKeyFormat::Hash => KeyFormat::Hash,
            PublicKeyFormat::Full => KeyFormat::Full,
        });
    let encryption = subject.image.encryption();
    let mut sealed = Vec::new();
    if let Some(encryption) = encryption {
        recipe = recipe.encrypted(encryption.bits);
        let tlv = encryption.tlv;
        sealed = subject
            .file
            .bytes(tlv.offset, tlv.len.into())
            .ok_or_else(|| Failure::internal("a TLV that was parsed cannot be read"))?;
    }
    let plan = recipe.plan(header.payload_size, Some(key), &mut Software).map_err(super::super::not_built)?;
    let sealed = encryption.map(|encryption| (encryption.sealing, sealed.as_slice()));
    plan.unprotected(digest, Some((key, signature)), sealed, &mut Software).map_err(super::super::not_built)
}

/// Writes the stored bytes and the new TLVs, verifies what is on the disk, and gives it its name.
fn write(args: &Attach, subject: &Subject, key: &PublicKey, unprotected: &[u8]) -> Result<u64> {
    let unwritable = |e: std::io::Error| Failure::write(&args.output, &e);
    let end = subject.image.protected().end;
    let behind = subject.image.size();
    if let Some(rest) =
        subject.file.bytes(behind, ironroot_image::ReadAt::len(&subject.file).saturating_sub(behind))
        && !rest.is_empty()
    {
        let cause = format!(
            "{} bytes follow the image: a padded slot; the signature belongs in before the padding",
            rest.len()
        );
        return Err(Failure::new(input::WRONG_FILE_KIND, cause).about(args.common.image.display()));
    }
    let start = hex_start(&args.output, args.hex_addr.or(subject.file.address()), end.into())?;
    let mut pending = Pending::create(&args.output, Access::Public, Existing::Replace).map_err(unwritable)?;
    let out = pending.file().try_clone().map_err(unwritable)?;
    let mut sink = match start {
        None => Sink::binary(out),
        Some(address) => Sink::hex(out, address).map_err(unwritable)?,
    };
    const PIECE: u32 = 256 * 1024;
    let mut at = 0;
    while at < end {
        let len = PIECE.min(end - at);
        let piece = subject.file.bytes(at, len).ok_or_else(|| {
            let cause = "the file became shorter while it was read";
            Failure::new(input::FILE_UNREADABLE, cause).about(args.common.image.display())
        })?;
        sink.write(&piece).map_err(unwritable)?;
        at += len;
    }
    sink.write(unprotected).map_err(unwritable)?;
    let written = sink.position();
    sink.finish().map_err(unwritable)?;
    // Success is a file that the device's verifier accepts.
    let made = subject.reopen(pending.temporary(), args.common.dialect)?;
    let policy = Policy {
        dependencies: Dependencies::LeaveToDevice,
        encrypted: true,
        non_bootable: true,
        ram_load: super::super::any_ram(&made.image),
        ..Policy::NONE
    };
    made.plain(|source| {
        verify(&made.image, source, &[*key], &policy, &mut Software).map_err(super::super::refused)
    })
    .about(args.output.display())?;
    pending.commit().map_err(unwritable)?;
    Ok(written)
}
